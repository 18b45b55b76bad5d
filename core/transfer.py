"""A project as one file: taken away as a zip, and brought home, here or on another computer, as a new project.

What comes in is treated as a stranger's: names, links, sizes and sums are checked before anything is in its place, and
of its database only rows are taken, into tables of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.engines import registry
from core.errors import UserError
from core.files import TEMP_PREFIX, inside
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.job import busy
from core.jobs.reporter import Reporter
from core.project.backups import copy_database
from core.project.contents import ALWAYS, FOLDERS, OPTIONS, plain_files
from core.project.records import ClipFilter
from core.project.schema import connect
from core.project.workspace import Project, Workspace
from core.sources.collections.archive import Zip

SUFFIX = ".voicewright"
_MANIFEST, _RECORDS = "voicewright.json", "project.db"
_FORMAT = 1
# Undo of cuts by hand is not among them: the sounds it would bring back lie in the trash, which stays.
TABLES = ("sources", "clips", "revisions", "clip_numbers", "words", "votes")
_ID_COLUMNS = (("sources", "id"), ("clips", "id"), ("clips", "source_id"), ("words", "source_id"))
_MOST_MANIFEST_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20
_ROOM_LEFT_BYTES = 200 * 2**20


class Manifest(BaseModel):
    """The first file of the zip: what it holds."""

    model_config = ConfigDict(extra="ignore")
    format: int = Field(ge=1)
    name: str = Field(max_length=200)
    language: str = Field(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")
    engine: str = Field(pattern=r"^[A-Za-z0-9_]{1,32}$")
    rights: str = Field("", max_length=10_000)
    files: int = Field(ge=0)
    bytes: int = Field(ge=0)


@contextlib.contextmanager
def packed(project: Project, options: Collection[str]) -> Iterator[list[tuple[str, Path | bytes]]]:
    """The files of a project's zip, the manifest first: names within it, and each one's path or content.

    They are to be sent within: the copy of the database among them is gone afterwards.

    Args:
        project: none of its jobs may run, as files would grow while they are sent.
        options: of `core.project.contents.OPTIONS`, what comes along beside clips, texts, votes and datasets.

    Raises:
        Busy: a job of it runs.
    """
    if running := project.running():
        raise busy(running.holder())
    folders = (*ALWAYS, *(folder for option in options for folder in OPTIONS[option]))
    entries: list[tuple[str, Path | bytes]] = [
        (path.relative_to(project.path).as_posix(), path)
        for folder in folders
        for path in plain_files(project.path / folder)
    ]
    handle, name = tempfile.mkstemp(prefix=TEMP_PREFIX, suffix=".db", dir=project.path)
    os.close(handle)
    records = Path(name)
    try:
        with connect(project.database) as db:
            copy_database(db, records)
        entries.append((_RECORDS, records))
        size = sum(path.stat().st_size for _, path in entries if isinstance(path, Path))
        about = project.info
        manifest = Manifest(
            format=_FORMAT,
            name=about.name,
            language=about.language,
            engine=about.engine,
            rights=about.rights,
            files=len(entries),
            bytes=size,
        )
        yield [(_MANIFEST, manifest.model_dump_json(indent=2).encode()), *entries]
    finally:
        records.unlink(missing_ok=True)


def bring(workspace: Workspace, path: Path, name: str) -> Project:
    """Make a project for a file that was uploaded, and have a job unpack it there; the file is moved away.

    Args:
        workspace: where.
        path: the zip.
        name: what the person calls it.

    Raises:
        DiskFull: there is no room. UserError: see `Workspace.create`.
    """
    project = workspace.create(PurePosixPath(name).stem)
    try:
        project.uploads.mkdir(exist_ok=True)
        file = Path(shutil.move(path, project.uploads / f"home{SUFFIX}"))
        project.start_job(UnpackProjectArgs(file=file.name, name=name), title=name)
    except BaseException:
        shutil.rmtree(project.path, ignore_errors=True)
        raise
    return project


def unpack(project: Project, path: Path, name: str, reporter: Reporter) -> dict[str, int]:
    """Fill a new project with what a zip holds; until all of it is checked nothing of it is in its place.

    Returns:
        ``files`` and the numbers of ``sources``, ``clips`` and ``votes``.

    Raises:
        UserError: ``archive.*`` or ``transfer.*``: it is no such zip, is damaged, not whole, does not fit, or somebody
            works in the project already.
        Cancelled: Stop was pressed; the zip is kept for another try.
    """
    check_empty(project, name)
    room = shutil.disk_usage(project.path).free - _ROOM_LEFT_BYTES
    draft = project.path / f"{TEMP_PREFIX}home"
    shutil.rmtree(draft, ignore_errors=True)
    archive = Zip(path, name=name)
    try:
        manifest = _manifest(archive, name)
        if manifest.bytes > room:
            raise UserError(
                "transfer.no_room",
                "“{name}” needs {needed_mb} MB, and {free_mb} MB are free.",
                "Free some space, then press Resume.",
                name=name,
                needed_mb=manifest.bytes // 2**20,
                free_mb=max(0, room) // 2**20,
            )
        names = [entry for entry in archive.names() if entry != _MANIFEST]
        if len(names) != manifest.files or sum(map(archive.bytes_of, names)) != manifest.bytes:
            raise _incomplete(name)
        count = 0
        for entry in names:
            target = _place(draft, entry, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.stream(entry) as packed_file, open(target, "xb") as file:
                while block := packed_file.read(_BLOCK_BYTES):
                    reporter.check_stop()
                    file.write(block)
                    count += len(block)
                    reporter.progress("unpack", count, manifest.bytes, entry)
        reporter.check_stop()
        with connect(draft / _RECORDS) as came:
            _check_tables(came, name)
            _check_ids(came, name)
        check_empty(project, name)  # once more: what a person has added meanwhile would be gone
        with records_taken(project, draft / _RECORDS) as counts:
            project.change(
                name=manifest.name, language=manifest.language, engine=manifest.engine, rights=manifest.rights
            )
            for folder in sorted(draft.iterdir()):
                if folder.is_dir() and folder.name in FOLDERS:
                    shutil.rmtree(project.path / folder.name, ignore_errors=True)
                    folder.rename(project.path / folder.name)
    finally:
        archive.close()
        shutil.rmtree(draft, ignore_errors=True)
    path.unlink(missing_ok=True)
    return {"files": manifest.files, **counts}


def check_empty(project: Project, name: str) -> None:
    """Refuse to fill a project with what is called ``name`` where somebody works in it already.

    Raises:
        UserError: ``transfer.filled``.
    """
    if project.store.sources() or project.store.clips(ClipFilter(), limit=1):
        raise UserError(
            "transfer.filled",
            "The project has recordings or clips already, so nothing of “{name}” took their place.",
            "If something is missing here, bring the file in once more: it becomes a project of its own.",
            name=name,
        )


def _manifest(archive: Zip, name: str) -> Manifest:
    try:
        if _MANIFEST not in archive.names() or archive.bytes_of(_MANIFEST) > _MOST_MANIFEST_BYTES:
            raise ValueError
        manifest = Manifest.model_validate(json.loads(archive.head(_MANIFEST, _MOST_MANIFEST_BYTES)))
    except (ValueError, ValidationError):
        raise UserError(
            "transfer.no_project",
            "“{name}” is no project of Voicewright.",
            "Take the project away on its card (“Rename, copy, take away or delete”) and bring that file. Recordings "
            "and datasets are added on the Recordings page of a project.",
            name=name,
        ) from None
    if manifest.format > _FORMAT:
        raise UserError(
            "transfer.newer",
            "“{name}” was made by a newer version of Voicewright.",
            "Update Voicewright here, then press Resume.",
            name=name,
        )
    if manifest.engine not in {engine.name for engine in registry.engines()}:
        raise UserError(
            "transfer.engine",
            "“{name}” is a voice for “{engine}”, which is not installed here.",
            "Install it, then press Resume.",
            name=name,
            engine=manifest.engine,
        )
    return manifest


def _place(draft: Path, entry: str, name: str) -> Path:
    parts = PurePosixPath(entry).parts
    if entry != _RECORDS and (parts[0] not in FOLDERS or len(parts) < 2):
        raise _foreign(name, entry)
    return inside(draft, entry)


def _foreign(name: str, entry: str) -> UserError:
    return UserError(
        "transfer.foreign",
        "“{name}” holds “{entry}”, which belongs in no project.",
        "Nothing of it came in. Take the project away once more.",
        name=name,
        entry=entry[:120],
    )


def _incomplete(name: str) -> UserError:
    return UserError(
        "transfer.incomplete",
        "“{name}” is not whole: files it speaks of are missing.",
        "Copy it here once more, or take the project away once more.",
        name=name,
    )


def _check_tables(came: sqlite3.Connection, name: str) -> None:
    """Only stored rows are read: those of a view may never end."""
    condition = "type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    tables = {row[0] for row in came.execute(f"SELECT name FROM sqlite_master WHERE {condition}")}
    for table in TABLES:
        if table not in tables or any(row["hidden"] for row in came.execute(f"PRAGMA table_xinfo({table})")):
            raise _foreign(name, table)


def _check_ids(came: sqlite3.Connection, name: str) -> None:
    """Ids become file names: none may lead anywhere else."""
    for table, column in _ID_COLUMNS:
        strange = f"typeof({column}) != 'text' OR {column} = '' OR {column} GLOB '*[^A-Za-z0-9_-]*'"
        if came.execute(f"SELECT 1 FROM {table} WHERE {strange} LIMIT 1").fetchone():
            raise UserError(
                "transfer.ids",
                "The records in “{name}” name files in a way that Voicewright never does.",
                "Nothing of it came in. Take the project away once more.",
                name=name,
            )


@contextlib.contextmanager
def records_taken(project: Project, came: Path, tables: Sequence[str] = TABLES) -> Iterator[dict[str, int]]:
    """Copy rows of a database of this version; triggers and other tables that it may hold stay behind.

    They are in their place when the block has ended: until then a project that was broken off counts as empty, and can
    be filled once more.
    """
    with connect(project.database) as db:
        db.execute("ATTACH ? AS came", (str(came),))
        for table in reversed(tables):
            db.execute(f"DELETE FROM main.{table}")
        counts = {}
        for table in tables:
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM came.{table}")
            counts[table] = db.execute(f"SELECT count(*) FROM main.{table}").fetchone()[0]
        yield {table: counts[table] for table in ("sources", "clips", "votes") if table in counts}
