"""Pending data sets: what each would bring in is found out by a job, shown, and then imported or discarded."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.damage import DamagedFile, UnixTime, read_all, read_record
from core.errors import UserError
from core.files import free_name, read_json, subfolders, write_json
from core.jobs.args.sources import ImportArgs, ScanCollectionArgs
from core.jobs.job import Job
from core.jobs.reporter import record_of
from core.project.workspace import Project
from core.sources import recordings
from core.sources.collections.pending_facts import Facts, KeptError, facts_of
from core.sources.collections.scan import look
from core.sources.collections.sound_index import SOUNDS
from core.sources.lists.texts import NOT_USED, is_list_name

_WAITING = "held.json"  # what waits, and what a person said of it: written by the page
_FACTS = "facts.json"  # what was found in it: written by the job
_CONTENT = "content"


@dataclass(frozen=True)
class PendingDataset:
    """A data set that waits.

    ``state`` is ``looking`` (a job is finding out what is in it), ``ready`` (``facts`` say), ``refused`` (``error``
    says why), or ``interrupted`` (the job ended before it was through; ``error`` if it failed). While it is looked at
    again ``facts`` are those of before.
    """

    id: str
    name: str
    state: str
    facts: Facts | None = None
    error: dict[str, Any] | None = None
    choices: dict[str, int] = field(default_factory=dict)


def is_archive(name: str) -> bool:
    """Whether a file's name says that it is a zip."""
    return name.lower().endswith(".zip")


def hold(project: Project, path: Path, name: str) -> PendingDataset:
    """Keep an uploaded zip, or files that belong together, until somebody decides, and look through it by job.

    Args:
        project: where it would go.
        path: a zip, or a folder of ours; it is moved away from where it lies.
        name: what the person calls it.
    """
    folder = _new_folder(project)
    shutil.move(path, folder / (f"{_CONTENT}.zip" if is_archive(name) and not path.is_dir() else _CONTENT))
    return _add(project, folder, {"name": name})


def hold_folder(project: Project, path: Path) -> PendingDataset:
    """Look through a folder of this computer by job and wait for a decision; the folder stays where it is."""
    return _add(project, _new_folder(project), {"name": path.name, "folder": str(path)})


def receive(project: Project, files: list[Path], wish: ImportArgs = ImportArgs()) -> list[UserError]:
    """Take what was dropped: each zip waits on its own, sounds with a list together, the others are added at once.

    Returns:
        what was refused; the rest came in all the same.
    """
    errors: list[UserError] = []
    plain = [path for path in files if not is_archive(path.name)]
    for path in files:
        if is_archive(path.name):
            try:
                hold(project, path, path.name)
            except UserError as error:
                errors.append(error)
    try:
        if lists := _lists_among(plain):
            _hold_together(project, plain, lists[0].stem)
        elif plain:
            recordings.add(project, wish.having(files=[(path, path.name) for path in plain]))
    except UserError as error:
        errors.append(error)
    return errors


def _lists_among(files: Sequence[Path]) -> list[Path]:
    """Lists of texts that were dropped together with sounds; what bears the name of a sound is that sound's text."""
    sounds = {path.stem.casefold() for path in files if path.name.lower().endswith(SOUNDS)}
    return [path for path in files if sounds and is_list_name(path.name) and path.stem.casefold() not in sounds]


def _hold_together(project: Project, files: Sequence[Path], name: str) -> None:
    folder = _new_folder(project)
    content = folder / _CONTENT
    content.mkdir()
    for path in files:
        shutil.move(path, content / free_name(content, path.name))
    _add(project, folder, {"name": name})


def _new_folder(project: Project) -> Path:
    folder = project.uploads / f"held-{secrets.token_hex(6)}"
    folder.mkdir(parents=True)
    return folder


def _add(project: Project, folder: Path, facts: dict[str, Any]) -> PendingDataset:
    write_json(folder / _WAITING, {"at": time.time(), "choices": {}, **facts})
    _look_by_job(project, folder.name)
    return _dataset(project, folder.name)


def _look_by_job(project: Project, id_: str) -> Job:
    return project.start_job(ScanCollectionArgs(held=id_), wait=True)


def look_again(project: Project, id_: str) -> Job:
    """Look through one again, where that ended before it was through.

    Raises:
        UserError: ``collection.gone``.
    """
    return _look_by_job(project, _dataset(project, id_).id)


def choose(project: Project, id_: str, number: int, column: int | None) -> Job:
    """Say which column is the text, of the lists with this number among the facts; all is looked at anew.

    Args:
        project: where it would go.
        id_: of what waits.
        number: which of its `Facts.lists`.
        column: the text; `NOT_USED`: they are not wanted; None: as before anybody said anything.

    Raises:
        UserError: ``collection.gone``.
    """
    waiting = _dataset(project, id_)
    if waiting.facts is None or not 0 <= number < len(waiting.facts.lists):
        raise _missing()
    names = waiting.facts.lists[number].names
    choices = {name: choice for name, choice in waiting.choices.items() if name not in names}
    if column is not None:
        choices.update(dict.fromkeys(names, column))
    path = project.uploads / waiting.id / _WAITING
    write_json(path, {**read_json(path), "choices": choices})
    return _look_by_job(project, waiting.id)


def find_facts(project: Project, id_: str) -> None:
    """Look through what waits and keep what was found; the work of the job ``scan_collection``."""
    folder = project.uploads / id_
    if not (folder / _WAITING).exists():
        return  # put away before its turn came
    waiting = read_json(folder / _WAITING)
    facts: dict[str, Any] = {"choices": waiting["choices"]}
    try:
        reading = look(
            _content(folder, waiting), waiting["name"], language=project.info.language, choices=waiting["choices"]
        )
        facts["facts"] = asdict(facts_of(reading))
    except UserError as error:
        facts["error"] = record_of(error)
    except MemoryError:
        facts["error"] = record_of(_too_much(waiting["name"]))
    if (folder / _WAITING).exists():  # nobody has put it away meanwhile
        write_json(folder / _FACTS, facts)


def pending_datasets(project: Project, damage: list[DamagedFile] | None = None) -> list[PendingDataset]:
    """What waits, oldest first; damaged ones are passed over, and added to ``damage`` if that is given."""
    _adopt(project)
    folders = [folder for folder in subfolders(project.uploads) if os.path.lexists(folder / _WAITING)]
    waiting = read_all(folders, lambda folder: _read_pending(project, folder), damage)
    return [dataset for _, dataset in sorted(waiting, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class _Waiting:
    """What stands in ``held.json``, as far as a page reads it."""

    at: UnixTime
    name: str
    choices: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Facts:
    """What stands in ``facts.json``."""

    choices: dict[str, int] = field(default_factory=dict)
    facts: Facts | None = None
    error: KeptError | None = None


def _read_pending(project: Project, folder: Path) -> tuple[float, PendingDataset]:
    waiting = read_record(folder / _WAITING, _Waiting, "upload", folder)
    facts = _Facts({"": -1})  # nothing yet, so no choices of anybody's
    if os.path.lexists(folder / _FACTS):
        facts = read_record(folder / _FACTS, _Facts, "upload", folder)
    error = facts.error
    if facts.choices == waiting.choices:
        state = "refused" if error else "ready"
    else:
        state, error = _state_of_job(project, folder.name)
    return waiting.at, PendingDataset(folder.name, waiting.name, state, facts.facts, error, waiting.choices)


def _state_of_job(project: Project, id_: str) -> tuple[str, dict[str, Any] | None]:
    """Whether the newest job of what waits is still at work; how it failed if it did."""
    for job, args in project.jobs_of(ScanCollectionArgs):
        if args.held == id_:
            view = job.read()
            if view.active or view.status == "new":
                return "looking", None
            failure = {"code": view.code, "text": view.text, "hint": view.hint, "values": view.values}
            return "interrupted", failure if view.status == "failed" else None
    return "interrupted", None


def _adopt(project: Project) -> None:
    """Take over zips that wait since an earlier version, which kept them side by side; to be looked at when asked."""
    for file in project.uploads.glob("held-*.json"):
        content = file.with_suffix(".zip")
        if content.exists():
            folder = _new_folder(project)
            content.rename(folder / f"{_CONTENT}.zip")
            write_json(folder / _WAITING, {"at": time.time(), "choices": {}, "name": _earlier_name(file)})
        with contextlib.suppress(OSError):
            file.unlink()


def _earlier_name(file: Path) -> str:
    """What an earlier version noted of a zip; its content is looked at anew, so no more is needed."""
    try:
        return str(read_json(file)["name"])
    except (OSError, ValueError, TypeError, LookupError):
        return file.stem


def bring_in(project: Project, id_: str, wish: ImportArgs = ImportArgs()) -> Job:
    """Start the job that takes a data set in, as it was shown: lists that bring nothing are agreed to.

    Raises:
        UserError: ``collection.gone``, ``collection.not_ready``.
        Busy: recordings are being added already; it goes on waiting.
    """
    dataset = _dataset(project, id_)
    if dataset.state != "ready" or dataset.facts is None or dataset.facts.question:
        raise UserError(
            "collection.not_ready",
            "“{name}” cannot be added yet: what is in it is not known, or which column is the text.",
            "Wait until it is looked through, and choose the column if it is asked for.",
            name=dataset.name,
        )
    folder = project.uploads / dataset.id
    waiting = read_json(folder / _WAITING)
    idle_lists = (facts for facts in dataset.facts.lists if facts.state not in ("used", "set_aside"))
    choices = {**dataset.choices, **{name: NOT_USED for facts in idle_lists for name in facts.names}}
    path = _content(folder, waiting)
    folders = [path] if "folder" in waiting else []
    files = [] if folders else [(path, dataset.name)]
    job = recordings.add(project, wish.having(files=files, folders=folders, choices=choices))
    shutil.rmtree(folder, ignore_errors=True)
    return job


def discard_pending(project: Project, id_: str) -> None:
    """Delete what was uploaded and is not wanted; where it came from it still is, and a folder of one's own stays."""
    shutil.rmtree(project.uploads / _dataset(project, id_).id, ignore_errors=True)


def _content(folder: Path, waiting: dict[str, Any]) -> Path:
    if "folder" in waiting:
        return Path(waiting["folder"])
    archive = folder / f"{_CONTENT}.zip"
    return archive if archive.exists() else folder / _CONTENT


def _dataset(project: Project, id_: str) -> PendingDataset:
    for dataset in pending_datasets(project):
        if dataset.id == id_:
            return dataset
    raise _missing()


def _missing() -> UserError:
    return UserError("collection.gone", "That dataset is no longer there.", "Reload the page and add it again.")


def _too_much(name: str) -> UserError:
    return UserError(
        "collection.too_much",
        "“{name}” needs more memory to be looked through than any dataset should.",
        "Split it into smaller parts.",
        name=name,
    )
