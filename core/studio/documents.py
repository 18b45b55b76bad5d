"""Documents of a project on the disk: a folder each, changed by one at a time so that each change can be taken back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.damage import DamagedFile, read_all
from core.errors import Busy, UserError
from core.files import TEMP_PREFIX, inside, parse_json, read_bounded, rename_to_free, slug, subfolders, write_atomic
from core.project.trash import discard
from core.project.workspace import Project
from core.studio import history
from core.studio.document import MOST_LINES, CastVoice, Document, What
from core.studio.latest import Latest
from core.studio.line import Line
from core.text import as_title

FILE = "document.json"
_MOST_BYTES = 64 << 20
_PATIENCE_S = 10.0
Make = Callable[[Document], Document]
"""Makes the new document of the present one."""


def folder(project: Project, id: str) -> Path:
    """Where a document lies.

    Raises:
        UserError: ``studio.no_document``.
    """
    with contextlib.suppress(ValueError, OSError):
        path = inside(project.documents, id)
        if id and path.parent == project.documents.resolve() and (path / FILE).is_file():
            return path
    raise UserError(
        "studio.no_document",
        "This text is no longer there.",
        "Choose another one, or look in the trash on the Projects page.",
    )


def documents(project: Project, damage: list[DamagedFile] | None = None) -> list[Document]:
    """All documents, the last changed first; damaged ones are passed over, and added to ``damage``."""
    paths = [path / FILE for path in subfolders(project.documents) if os.path.lexists(path / FILE)]
    return sorted(read_all(paths, _read, damage), key=lambda document: document.at, reverse=True)


def document(project: Project, id: str) -> Document:
    """One document.

    Raises:
        UserError: ``studio.no_document``. DamagedFile: it cannot be read.
    """
    return _read(folder(project, id) / FILE)


def create(project: Project, name: str, lines: list[Line], **fields: Any) -> Document:
    """Make a document, whole or not at all; of the same name there may be several.

    Args:
        project: whose.
        name: what a person calls it; the beginning of its text if empty.
        lines: of it.
        fields: of `Document`, such as its voice.
    """
    title = as_title(name) or as_title(next((line.text for line in lines if line.text), "")) or "Text"
    now = time.time()
    project.documents.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=project.documents))
    try:
        document = Document(id="draft", name=title, created=now, at=now, **fields)
        document = document.model_copy(update={"lines": _numbered(document, lines), "next_line": 1 + len(lines)})
        _write(draft, document)
        path = rename_to_free(draft, slug(title, "text"))
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return _read(path / FILE)


def remove(project: Project, id: str) -> None:
    """Move a document with its takes to the project's trash; nothing if it is there already.

    Raises:
        Busy: it is being spoken or written.
    """
    with contextlib.suppress(UserError):
        path = folder(project, id)
        try:
            name = _read(path / FILE).name
        except DamagedFile:
            name = id
        discard(project, "document", name, [path])


def change(project: Project, id: str, what: What, make: Make) -> Document:
    """Change a document so that it can be taken back; what does not differ is no change.

    Args:
        project: whose.
        id: of the document.
        what: what sort of change it is.
        make: makes the new document of the present one; new lines have the id 0.

    Raises:
        UserError: ``studio.no_document``, ``studio.too_many_lines``. Busy: another change takes too long.
    """
    with _locked(project, id) as path:
        old = _read(path / FILE)
        new = make(old)
        new = new.model_copy(update={"lines": _numbered(old, new.lines)})
        ids = [line.id for line in new.lines]
        new = new.model_copy(update={"next_line": max([old.next_line, *(number + 1 for number in ids)])})
        difference = history.difference(old, new, what)
        if difference is None:
            return old
        past = history.bounded((*old.past, difference))
        return _save(path, new.model_copy(update={"at": difference.at, "past": past, "future": ()}))


def undo(project: Project, id: str) -> Document:
    """Take the last change back.

    Raises:
        UserError: ``studio.nothing_to_undo``, ``studio.no_document``.
    """
    with _locked(project, id) as path:
        now = _read(path / FILE)
        if not now.past:
            raise UserError("studio.nothing_to_undo", "There is no change to take back.")
        last = now.past[-1]
        back = history.applied(now, last.before, last.start, len(last.added), last.removed)
        update = {"at": time.time(), "past": now.past[:-1], "future": (*now.future, last)}
        return _save(path, back.model_copy(update=update))


def redo(project: Project, id: str) -> Document:
    """Make the change again that was taken back last.

    Raises:
        UserError: ``studio.nothing_to_redo``, ``studio.no_document``.
    """
    with _locked(project, id) as path:
        now = _read(path / FILE)
        if not now.future:
            raise UserError("studio.nothing_to_redo", "There is no change to make again.")
        last = now.future[-1]
        document = history.applied(now, last.after, last.start, len(last.removed), last.added)
        update = {"at": time.time(), "past": (*now.past, last), "future": now.future[:-1]}
        return _save(path, document.model_copy(update=update))


def recast(project: Project, document: Document, cast: Mapping[str, CastVoice]) -> Document:
    """Note who speaks in a document, by the names of its lines; no change of a person, so nothing to take back.

    Who has spoken otherwise stays: undo brings a name or a voice back, and what it said is known again.
    """
    with _locked(project, document.id) as path:
        now = _read(path / FILE)
        speakers = {**now.cast, **{document.part(name): voice for name, voice in cast.items()}}
        return now if now.cast == speakers else _save(path, now.model_copy(update={"cast": speakers}))


def _numbered(old: Document, lines: tuple[Line, ...] | list[Line]) -> tuple[Line, ...]:
    if len(lines) > MOST_LINES:
        raise UserError(
            "studio.too_many_lines",
            "The text has {count} lines; at most {limit} are kept in one.",
            "Split it into several texts.",
            count=len(lines),
            limit=MOST_LINES,
        )
    number = old.next_line
    numbered = []
    for line in lines:
        if not line.id:
            line, number = line.model_copy(update={"id": number}), number + 1
        numbered.append(line)
    return tuple(numbered)


def _save(path: Path, document: Document) -> Document:
    _write(path, document)
    return document


def _write(path: Path, document: Document) -> None:
    write_atomic(path / FILE, document.model_dump_json(exclude={"id"}, exclude_defaults=True))


def _read(path: Path) -> Document:
    return _latest.read(path, "document", path.parent)


def _parse(path: Path, _: object) -> tuple[int, Document]:
    raw = parse_json(read_bounded(path, _MOST_BYTES))
    if not isinstance(raw, dict):
        raise TypeError(f"{type(raw).__name__} instead of an object")
    return 0, Document.model_validate({**raw, "id": path.parent.name})


_latest = Latest(_parse)


@contextlib.contextmanager
def _locked(project: Project, id: str) -> Iterator[Path]:
    """One change of a document at a time."""
    path = folder(project, id)
    handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Busy(
                        "studio.busy", "This text is being changed elsewhere.", "Try again in a moment."
                    ) from None
                time.sleep(0.01)
        yield path
    finally:
        os.close(handle)
