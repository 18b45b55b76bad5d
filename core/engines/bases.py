"""The base models of an engine: where their files lie, whether they are whole, who agreed to their licence. Light."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.engines.options import TrainConfig
from core.errors import UserError
from core.files import read_json, write_json

HUB = "https://huggingface.co"
_MOST_BYTES = 1 << 20  # of what is noted beside a model
_PLAN = "plan.json"


@dataclass(frozen=True)
class Base:
    """A base model that can be had: ``files`` of a ``repository`` on the hub, or made on the spot if that is empty."""

    id: str
    label: str
    files: tuple[str, ...]
    repository: str
    revision: str
    size_mb: int
    license: str
    license_url: str

    @property
    def is_made(self) -> bool:
        """Whether the engine makes it (`Engine.make_base`), so that nothing has to be downloaded."""
        return not self.repository


@dataclass(frozen=True)
class BaseState:
    """How far a base is: ``status`` is ready, partial (a download was broken off) or missing. Sizes are in bytes."""

    base: Base
    status: str
    folder: Path
    done_bytes: int
    total_bytes: int
    needs_license: bool
    license_accepted: bool
    is_trained: bool


class BaseModels(ABC):
    """The base models of one engine, in the workspace's folder of ``models``, and folders that are as good as them.

    ``catalog`` holds them by id: ``default`` is offered first, ``small`` is quick enough for a demo on a processor.
    ``required_files`` are the files without which a folder is no base.
    """

    catalog: Mapping[str, Base]
    default: str
    small: str
    required_files: tuple[str, ...]

    @abstractmethod
    def is_trained(self, base: Base, folder: Path) -> bool:
        """Whether its weights have learnt to speak; random ones only show that all steps work."""

    @abstractmethod
    def weights_bytes(self, folder: Path, config: TrainConfig) -> int:
        """About how much of the base's own weights learn; 0 where only an adapter does, or it is not there yet."""

    def place(self, models: Path, base_id: str) -> Path:
        """Where a base lies or will lie: ``models/<id>``, or a local folder.

        Raises:
            UserError: ``base.unknown``.
        """
        if base_id in self.catalog:
            return models / base_id
        if Path(base_id).is_absolute():
            return Path(base_id)
        ids = ", ".join(self.catalog)
        raise UserError(
            "base.unknown", "There is no base model “{id}”.", "Choose one of: {known}.", id=base_id, known=ids
        )

    def label(self, base_id: str) -> str:
        """What a person calls a base: its name, or that of its folder."""
        return self.catalog[base_id].label if base_id in self.catalog else Path(base_id).name

    def is_made(self, base_id: str) -> bool:
        """Whether the engine makes this base when it is first needed."""
        return base_id in self.catalog and self.catalog[base_id].is_made

    def folder(self, models: Path, base_id: str) -> Path:
        """The folder of a base that is there in full.

        Raises:
            UserError: ``base.unknown``, ``base.not_downloaded``, and as `check` says.
        """
        folder = self.place(models, base_id)
        if base_id in self.catalog and not folder.is_dir():
            raise UserError(
                "base.not_downloaded",
                "The base model {label} is not on this computer yet.",
                "Download it on the Train page, or choose a local folder.",
                label=self.label(base_id),
            )
        self.check(folder)
        return folder

    def check(self, folder: Path) -> None:
        """Look whether a folder is a base, without opening the large files.

        Raises:
            UserError: ``base.missing_file``, ``base.broken``.
        """
        for name in self.required_files:
            if not (folder / name).is_file():
                raise UserError(
                    "base.missing_file",
                    "The base model in {folder} has no {name}.",
                    "Download the base again, or choose another folder.",
                    folder=str(folder),
                    name=name,
                )

    def local(self, path: str | Path) -> str:
        """The base id of a folder on this computer; a local folder is as good as a download.

        Raises:
            UserError: as `check` says.
        """
        folder = Path(path).expanduser().absolute()
        self.check(folder)
        return str(folder)

    def state(self, models: Path, base_id: str) -> BaseState:
        """How far a base is; cheap, for a page."""
        base, folder, partial = self.catalog[base_id], self.place(models, base_id), partial_folder(models, base_id)
        size = total = 0
        if all((folder / name).is_file() for name in base.files):
            status = "ready"
            size = total = sum((folder / name).stat().st_size for name in base.files)
        else:
            status = "partial" if partial.is_dir() else "missing"
            size = sum(path.lstat().st_size for path in partial.glob("*") if path.name != _PLAN)
            total = base.size_mb * 1_000_000
            if plan := read_plan(partial, base):
                total = sum(count for _, count, _ in plan[1])
        license_accepted = self.license_accepted(models, base_id)
        is_trained = self.is_trained(base, folder)
        return BaseState(base, status, folder, size, total, bool(base.license_url), license_accepted, is_trained)

    def license_accepted(self, models: Path, base_id: str) -> bool:
        """Whether a person has agreed to the licence of this base, or it asks for none."""
        return not self.catalog[base_id].license_url or _license_file(models, base_id).is_file()

    def accept_license(self, models: Path, base_id: str) -> None:
        """Write down that a person agreed, and when. Only a click of theirs may lead here."""
        base = self.catalog[base_id]
        consent = {"license": base.license, "url": base.license_url, "accepted_at": time.time()}
        write_json(_license_file(models, base_id), consent)

    def require_license(self, models: Path, base_id: str) -> None:
        """Refuse unless a person agreed.

        Raises:
            UserError: ``base.license``.
        """
        if not self.license_accepted(models, base_id):
            base = self.catalog[base_id]
            raise UserError(
                "base.license",
                "{label} comes under the {license}, which you have not agreed to yet.",
                "Read it at {url}, then press “I have read it and agree” on the Train page.",
                label=base.label,
                license=base.license,
                url=base.license_url,
            )


def _license_file(models: Path, base_id: str) -> Path:
    return models / "licenses" / f"{base_id}.json"


def partial_folder(models: Path, base_id: str) -> Path:
    """Where a download gathers its files until all are there and right."""
    return models / f".partial-{base_id}"


def read_plan(partial: Path, base: Base) -> tuple[str, list[tuple[str, int, str]]] | None:
    """What a broken-off download noted: the revision, and (name, bytes, hash) of its files; None if not to be read."""
    try:
        plan = read_json(partial / _PLAN, _MOST_BYTES)
        files = [(str(file["name"]), int(file["size"]), str(file["digest"])) for file in plan["files"]]
        if {name for name, _, _ in files} != set(base.files):
            return None
        return str(plan["revision"]), files
    except (OSError, ValueError, TypeError, LookupError):
        return None
