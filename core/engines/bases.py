"""The base models of an engine: where their files lie, whether they are whole, who agreed to their licence. Light."""

from __future__ import annotations

import hashlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core.engines.options import TrainConfig
from core.errors import UserError
from core.files import read_json, sha256_file, slug, write_json

HUB = "https://huggingface.co"
_MOST_BYTES = 1 << 20  # of what is noted beside a model
_PLAN, _MANIFEST = "plan.json", "manifest.json"


@dataclass(frozen=True)
class HubFile:
    """Where on the hub a file lies: its ``path`` in a ``repository``; its SHA-256 where that is known beforehand."""

    repository: str
    path: str
    sha256: str = ""
    revision: str = "main"


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
class Choice:
    """An answer to a `Question`, and what it says."""

    value: str
    label: str


@dataclass(frozen=True)
class Question:
    """What only a person knows of a folder, because no file of it tells; in English, see ``bases:`` in ``ui/i18n``."""

    key: str
    text: str
    choices: tuple[Choice, ...]

    def pick(self, answers: Mapping[str, str]) -> str:
        """The answer to it.

        Raises:
            UserError: ``base.unanswered``.
        """
        answer = answers.get(self.key, "")
        if answer not in {choice.value for choice in self.choices}:
            raise UserError(
                "base.unanswered",
                "The question “{question}” has no answer yet.",
                "Choose one of its answers.",
                question=self.text,
            )
        return answer


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
        return max(_noted(folder), key=lambda file: file.size, default=_NOTHING).digest

    def weights_sha256(self, folder: Path) -> str:
        """The same, read anew where nobody has noted it; of what is no longer as it was noted, too."""
        if (noted := self.sha256(folder)) and not self.changed_files(folder):
            return noted
        files = [path for path in folder.iterdir() if path.is_file()]
        largest = max(files, key=lambda path: path.stat().st_size, default=None)
        if largest is None:
            return ""
        about = largest.stat()
        return _hashed(largest, about.st_ino, about.st_mtime_ns, about.st_size)

    def changed_files(self, folder: Path) -> list[str]:
        """Names of files that are no longer as long as when they came, or are gone. Quick: nothing is read."""
        return [file.name for file in _noted(folder) if _size(folder / file.name) != file.size]

    def verify(self, folder: Path, on_block: Callable[[], object] = lambda: None) -> None:
        """Make sure that files which were written after they had come are still what came, by their hashes.

        Raises:
            UserError: ``base.changed``.
        """
        manifest = folder / _MANIFEST
        for file in _noted(folder):
            path = folder / file.name
            if path.is_file() and path.stat().st_mtime_ns <= manifest.stat().st_mtime_ns:
                continue
            if not path.is_file() or sha256_file(path, on_block) != file.digest:
                raise UserError(
                    "base.changed",
                    "{name} in {folder} is not the file any more that was downloaded.",
                    "Download the base again; a voice that was trained on it needs just that file.",
                    name=file.name,
                    folder=str(folder),
                )

    def on_hub(self, address: str, paths: Mapping[str, str]) -> Base:
        """A base that somebody has put on the hub, of which nothing is known but where its files lie.

        Args:
            address: ``owner/name``, or the address of its page.
            paths: of each of the `required_files`, its path in the repository, or ``owner/name:path`` in another one.

        Raises:
            UserError: ``base.hub_address``, ``base.hub_file``.
        """
        repository, elsewhere = _repository(address), {}
        for name in self.required_files:
            file = _on_hub(repository, name, paths.get(name, name), self.rewritten.get(name))
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

    def hub_folder(self, models: Path, base: Base) -> Path:
        """Where a base of `on_hub` lies or will lie."""
        return models / base.id

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
            size = sum(path.lstat().st_size for path in partial.glob("*") if path.name != _PLAN)
            total = base.size_mb * 1_000_000
            if plan := read_plan(partial, base):
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


def _repository(address: str) -> str:
    """The repository of an address of the hub.

    Raises:
        UserError: ``base.hub_address``.
    """
    text = address.strip().removeprefix("https://").removeprefix("http://").removeprefix("huggingface.co/")
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(/(tree|blob)/.*)?/?", text)
    if match is None or ".." in text:
        raise UserError(
            "base.hub_address",
            "“{address}” is no address of a model on the hub.",
            "It looks like owner/name, or is the address of its page on huggingface.co.",
            address=address.strip()[:200],
        )
    return match[1]


def _on_hub(repository: str, name: str, path: str, rewritten: str | None) -> HubFile:
    other, has_other, rest = path.strip().rpartition(":")
    place = rest.strip().strip("/")
    suffixes = [Path(name).suffix, *([rewritten] if rewritten else [])]
    if not place or ".." in place or Path(place).suffix not in suffixes:
        raise UserError(
            "base.hub_file",
            "“{path}” cannot be the file {name} of the base.",
            "Type its path as the page of the model shows it. It has to end in {suffix}: others may hold programs.",
            path=path.strip()[:200],
            name=name,
            suffix=" / ".join(suffixes),
        )
    return HubFile(_repository(other) if has_other else repository, place)


def _noted(folder: Path) -> list[PlannedFile]:
    """What a download noted of the files it brought; none where a folder came otherwise."""
    try:
        files = read_json(folder / _MANIFEST, _MOST_BYTES)["files"]
        return [
            PlannedFile(str(file["name"]), int(file["size"]), str(file["sha256"]), str(file["revision"]))
            for file in files
        ]
    except (OSError, ValueError, TypeError, LookupError):
        return []


@lru_cache(maxsize=16)
def _hashed(path: Path, *_version: int) -> str:
    return sha256_file(path)


def note_rewritten(folder: Path, source: str, sha256: str, names: Sequence[str]) -> None:
    """Note in a folder's manifest that files ``names`` were made of the file ``source``, with the hashes of all."""
    try:
        manifest = dict(read_json(folder / _MANIFEST, _MOST_BYTES))
    except (OSError, ValueError, TypeError):
        manifest = {}
    origin = next((file.revision for file in _noted(folder) if file.name == source), "")
    files = [PlannedFile(name, _size(folder / name), sha256_file(folder / name), origin) for name in names]
    remaining = [file for file in manifest.get("files", []) if file.get("name") not in (source, *names)]
    made = [{"name": f.name, "size": f.size, "sha256": f.digest, "revision": f.revision} for f in files]
    made_of = {"name": source, "sha256": sha256}
    write_json(folder / _MANIFEST, {**manifest, "files": [*remaining, *made], "made_of": made_of})


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _license_file(models: Path, base_id: str) -> Path:
    return models / "licenses" / f"{base_id}.json"


def partial_folder(models: Path, base_id: str) -> Path:
    """Where a download gathers its files until all are there and right."""
    return models / f".partial-{base_id}"


@dataclass(frozen=True)
class PlannedFile:
    """A file of a download: its name, bytes and hash, and the exact revision of its repository."""

    name: str
    size: int
    digest: str
    revision: str


_NOTHING = PlannedFile("", 0, "", "")


def read_plan(partial: Path, base: Base) -> list[PlannedFile] | None:
    """What a broken-off download noted of its files; None if not to be read."""
    try:
        plan = read_json(partial / _PLAN, _MOST_BYTES)
        files = [
            PlannedFile(str(file["name"]), int(file["size"]), str(file["digest"]), str(file["revision"]))
            for file in plan["files"]
        ]
        return files if {file.name for file in files} == set(base.files) else None
    except (OSError, ValueError, TypeError, LookupError):
        return None
