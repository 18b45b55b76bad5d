"""The base models of an engine: where their files lie, whether they are whole, who agreed to their licence. Light."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.engines.hub import HubFile, hub_file, repository_of
from core.engines.manifest import PLAN, cached_sha256, changed_files, noted_sha256, partial_folder, read_plan
from core.engines.options import TrainConfig
from core.engines.questions import Question
from core.errors import UserError
from core.files import slug, write_json


@dataclass(frozen=True)
class Base:
    """A base model that can be had: ``files`` of a ``repository`` on the hub, or made on the spot if that is empty.

    Files that lie in another repository, in a folder of it or under another name stand in ``elsewhere``, by the name
    they have in the base's folder.
    """

    id: str
    label: str
    files: tuple[str, ...]
    repository: str
    revision: str
    size_mb: int
    license: str
    license_url: str
    elsewhere: Mapping[str, HubFile] = field(default_factory=dict)

    def origin(self, name: str) -> HubFile:
        """Where on the hub one of its files lies."""
        return self.elsewhere.get(name) or HubFile(self.repository, name, revision=self.revision)

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
    ``required_files`` are the files without which a folder is no base. Some of them can be made of a file with another
    suffix, ``rewritten``, by `Engine.rewrite_weights`.
    """

    catalog: Mapping[str, Base]
    default: str
    small: str
    required_files: tuple[str, ...]
    rewritten: Mapping[str, str] = {}

    @abstractmethod
    def is_trained(self, base: Base | None, folder: Path) -> bool:
        """Whether its weights have learnt to speak; random ones only show that all steps work. None: a local folder."""

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

    def has_learnt(self, models: Path, base_id: str) -> bool:
        """`is_trained` by a base's id."""
        return self.is_trained(self.catalog.get(base_id), self.place(models, base_id))

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
            existing_file(folder, name)

    def sha256(self, folder: Path) -> str:
        """Of its weights, as was noted when they came; empty where nobody has noted it."""
        return noted_sha256(folder)

    def weights_sha256(self, folder: Path) -> str:
        """The same, read anew where nobody has noted it; of what is no longer as it was noted, too."""
        if (digest := self.sha256(folder)) and not changed_files(folder):
            return digest
        files = [path for path in folder.iterdir() if path.is_file()]
        largest = max(files, key=lambda path: path.stat().st_size, default=None)
        if largest is None:
            return ""
        about = largest.stat()
        return cached_sha256(largest, about.st_ino, about.st_mtime_ns, about.st_size)

    def on_hub(self, address: str, paths: Mapping[str, str]) -> Base:
        """A base that somebody has put on the hub, of which nothing is known but where its files lie.

        Args:
            address: ``owner/name``, or the address of its page.
            paths: of each of the `required_files`, its path in the repository, or ``owner/name:path`` in another one.

        Raises:
            UserError: ``base.hub_address``, ``base.hub_file``.
        """
        repository, elsewhere = repository_of(address), {}
        for name in self.required_files:
            file = hub_file(repository, name, paths.get(name, name), self.rewritten.get(name))
            elsewhere[str(Path(name).with_suffix(Path(file.path).suffix))] = file
        stamp = hashlib.sha256(repr(sorted(elsewhere.items())).encode()).hexdigest()[:8]
        return Base(
            id=f"hub-{slug(repository.replace('/', '-'))}-{stamp}",
            label=repository,
            files=tuple(elsewhere),
            repository=repository,
            revision="main",
            size_mb=0,
            license="",
            license_url="",
            elsewhere=elsewhere,
        )

    def unread_weights(self, folder: Path) -> Sequence[str]:
        """Names of a folder's files of which its weights have to be made first (`Engine.rewrite_weights`). Light."""
        return ()

    def questions(self, folder: Path) -> Sequence[Question]:
        """What a person has to be asked of a local folder before it can be used; nothing once it is answered.

        Raises:
            UserError: the folder is no base, whatever is answered.
        """
        self.check(folder)
        return ()

    def answer(
        self, models: Path, folder: Path, answers: Mapping[str, str], on_block: Callable[[], object] | None = None
    ) -> None:
        """Write down what a person said, by the questions' keys, in the folder itself.

        ``on_block`` is called while large files are read, and may raise to break off.

        Raises:
            UserError: ``base.unanswered``; the folder is no base.
        """
        self.check(folder)

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
            size = sum(path.lstat().st_size for path in partial.glob("*") if path.name != PLAN)
            total = base.size_mb * 1_000_000
            if plan := read_plan(partial, base.files):
                total = sum(file.size for file in plan)
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


def existing_file(folder: Path, name: str) -> Path:
    """A file of a base model.

    Raises:
        UserError: ``base.missing_file``.
    """
    path = folder / name
    if not path.is_file():
        raise UserError(
            "base.missing_file",
            "The base model in {folder} has no {name}.",
            "Download the base again, or choose another folder.",
            folder=str(folder),
            name=name,
        )
    return path


def _license_file(models: Path, base_id: str) -> Path:
    return models / "licenses" / f"{base_id}.json"
