"""Items of a mirror: what appears there in one moment, and which of them is the most urgent."""

from __future__ import annotations

from dataclasses import dataclass

from core.checkpoint_ref import step_of
from core.sync.ledger import Stamp

RECORDS, ABOUT = "project.db", "project.json"
RESERVE_BYTES = 32 << 20  # of a disk that are never filled
# Of a run: what it is, and what it said up to its newest checkpoint, which resumed would know of no earlier update.
_FIRST_OF_RUN = ("job.json", "config.yaml", "fits.json", "check.json", "sentences.json", "events.jsonl")


@dataclass(frozen=True)
class Item:
    """What appears in one moment: a file, or a folder of files. A queue is sorted by ``rank``."""

    name: str
    rank: tuple[int, float]
    files: dict[str, Stamp]
    is_folder: bool = False

    @property
    def bytes(self) -> int:
        """How much there is to copy."""
        return sum(size for size, _ in self.files.values())


def unit_of(name: str) -> tuple[str, tuple[int, float], bool]:
    """What a file appears together with, how urgent that is, and whether it is a folder."""
    parts_ = name.split("/")
    if len(parts_) == 1:
        return name, (0, float(name == ABOUT)), False  # a project is there as soon as that is
    if parts_[0] in ("datasets", "exports") and len(parts_) > 2:
        return "/".join(parts_[:2]), (1 if parts_[0] == "datasets" else 5, 0.0), True
    if parts_[0] == "runs" and len(parts_) > 4 and parts_[2] == "checkpoints":
        return "/".join(parts_[:4]), (3, -float(step_of(parts_[3]) or 0)), True
    if parts_[0] == "runs":
        return name, (2 if parts_[-1] in _FIRST_OF_RUN else 4, 0.0), False
    return name, (7 if parts_[0] == "sources" else 6, 0.0), False
