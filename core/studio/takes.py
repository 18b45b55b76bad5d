"""Takes of a document: what was spoken, each known by all that decides its sound; a log that is only added to."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.damage import UnixTime
from core.files import TEMP_PREFIX, TooLarge, append_line, open_regular
from core.measures.proofreading import Proof
from core.studio.latest import Latest
from core.studio.line import Line, Seed

LOG = "takes.jsonl"
_AGAIN = "again"
_FOLDER = "takes"
_MOST_BYTES = 256 << 20


class LineTake(BaseModel):
    """A line as it was spoken once.

    Args:
        key: what decides the sound beside the seed (`core.studio.keys.Keys`).
        seed: of the random choices.
        seconds: how long it is.
        rate: of its samples, in Hz.
        took_s: how long speaking took.
        at: Unix time in seconds.
        checked: by whom it was proofread: a recogniser's name, ``sound`` where none listened, empty: not at all.
        faults, heard, cer: what was found (`core.measures.proofreading.Proof`).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str = Field(pattern=r"^[0-9a-f]{16}$")
    seed: Seed
    seconds: float = Field(ge=0, allow_inf_nan=False)
    rate: int = Field(gt=0)
    took_s: float = 0.0
    at: UnixTime = 0.0
    checked: str = ""
    faults: tuple[str, ...] = ()
    heard: str | None = None
    cer: float | None = None

    @property
    def proof(self) -> Proof:
        """What is doubtful about it."""
        return Proof(self.faults, heard=self.heard, cer=self.cer)

    @property
    def id(self) -> str:
        """Its file's name."""
        return f"{self.key}-{self.seed}"


class Failure(BaseModel):
    """Why a line could not be spoken, as the error says it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    code: str
    text: str = ""
    hint: str = ""
    values: dict[str, Any] = {}
    at: UnixTime = 0.0


@dataclass(frozen=True)
class Takes:
    """What a document's log says: takes by key, the oldest first, the last failure of what was never spoken, and when
    (Unix time in seconds) a line was asked for that was neither spoken since nor has failed."""

    by_key: dict[str, tuple[LineTake, ...]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    requests: dict[str, float] = field(default_factory=dict)

    def of(self, key: str) -> tuple[LineTake, ...]:
        """The takes of a line with this key."""
        return self.by_key.get(key, ())

    def chosen(self, line: Line, key: str) -> LineTake | None:
        """The take that stands for a line: a person's choice, else the best by the check, of equals the newest."""
        takes = self.of(key)
        for take in takes:
            if take.id == line.take:
                return take
        return min(reversed(takes), key=lambda take: (take.proof.is_doubtful, take.proof.badness)) if takes else None


_NONE = Takes()


def read_takes(folder: Path) -> Takes:
    """The takes of a document's folder; lines of the log that are torn or strange are passed over."""
    path = folder / LOG
    return _latest.read(path, "document", folder) if path.exists() else _NONE


def ask_again(folder: Path, line_id: int) -> None:
    """Have the job that speaks this document say a line once more, with another seed."""
    append_line(folder / _AGAIN, str(line_id))


def asked_again(folder: Path) -> list[int]:
    """The lines that were asked for since the last call, in their order."""
    path = folder / _AGAIN
    if not path.exists():
        return []
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=folder, prefix=TEMP_PREFIX) as draft:
        # Moved first: what is asked for from now on stands in a file of its own.
        rows = path.rename(Path(draft) / "again").read_text(encoding="ascii", errors="ignore").split()
        return [int(row) for row in rows if row.isdecimal() and len(row) < 10]
    return []


def take_file(folder: Path, take_id: str) -> Path:
    """Where a take's sound lies."""
    return folder / _FOLDER / f"{take_id}.wav"


def add_take(folder: Path, take: LineTake) -> None:
    """Note a take whose sound is in its place."""
    append_line(folder / LOG, json.dumps({"take": take.model_dump(mode="json", exclude_defaults=True)}))


def forget_take(folder: Path, take_id: str) -> None:
    """Delete a take's sound for good, and note that it is gone."""
    append_line(folder / LOG, json.dumps({"gone": take_id}))
    take_file(folder, take_id).unlink(missing_ok=True)


def add_request(folder: Path, key: str) -> None:
    """Note that a line was asked for while the document is being spoken."""
    append_line(folder / LOG, json.dumps({"request": key, "at": time.time()}))


def add_failure(folder: Path, failure: Failure) -> None:
    """Note that a line could not be spoken."""
    append_line(folder / LOG, json.dumps({"failure": failure.model_dump(mode="json", exclude_defaults=True)}))


def _fold(path: Path, former: tuple[int, Takes] | None) -> tuple[int, Takes]:
    """The log from where it was read to, added to what it said up to there."""
    start, takes = former or (0, Takes())
    by_key, failures, requests = dict(takes.by_key), dict(takes.failures), dict(takes.requests)
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > _MOST_BYTES:
            raise TooLarge(_MOST_BYTES)
        file.seek(start)
        content = file.read()
    end = content.rfind(b"\n") + 1  # a line that is being written is read once it is whole
    for row in content[:end].split(b"\n"):
        try:
            entry = json.loads(row) if row.strip() else {}
            if "take" in entry:
                take = LineTake.model_validate(entry["take"])
                # Spoken once more after its file was lost: the newest word counts.
                rest = (candidate for candidate in by_key.get(take.key, ()) if candidate.seed != take.seed)
                by_key[take.key] = (*rest, take)
                failures.pop(take.key, None)
                requests.pop(take.key, None)
            elif "gone" in entry:
                key, _, seed = str(entry["gone"]).partition("-")
                by_key[key] = tuple(candidate for candidate in by_key.get(key, ()) if str(candidate.seed) != seed)
            elif "failure" in entry:
                failure = Failure.model_validate(entry["failure"])
                failures[failure.key] = failure
                requests.pop(failure.key, None)
            elif "request" in entry:
                requests[str(entry["request"])] = float(entry["at"])
        except (ValueError, TypeError, KeyError, ValidationError):
            continue
    return start + end, Takes(by_key, failures, requests)


_latest = Latest(_fold, grows=True)
