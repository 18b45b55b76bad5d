"""Documents: long texts of a project, each a folder with its lines, settings, takes, and what was changed last."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.damage import DamagedFile, UnixTime, read_all
from core.errors import Busy, UserError
from core.files import TEMP_PREFIX, inside, parse_json, read_bounded, rename_to_free, slug, subfolders, write_atomic
from core.project.trash import discard
from core.project.workspace import Project
from core.studio.latest import Latest
from core.studio.line import Line, Number, Seed
from core.text import as_title

FILE = "document.json"
MOST_LINES = 40_000
MOST_TRIES = 10
_MOST_BYTES = 64 << 20
_MOST_CHANGES = 200  # that can be taken back
_MOST_LINES_KEPT = 2 * MOST_LINES  # in them
_PATIENCE_S = 10.0
What = Literal["text", "line", "take", "settings", "name"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Pauses(_Model):
    """Silences between lines in seconds, by how a line ends: amid a sentence, with one, with a paragraph, a title."""

    clause_s: float = Field(default=0.15, ge=0, le=10)
    sentence_s: float = Field(default=0.4, ge=0, le=10)
    paragraph_s: float = Field(default=0.8, ge=0, le=10)
    heading_s: float = Field(default=1.2, ge=0, le=10)


class CastVoice(_Model):
    """A voice of a document as it was when it was last asked to speak, so that what it has said is known by it.

    ``weights`` and ``shown`` name what it has learnt and the sound of its reference clips; ``saved`` is the id of the
    voice it is kept as, ``settings`` and ``seed`` are how that speaks where a text does not say otherwise.
    """

    title: str
    checkpoint: str = ""
    base: str = ""
    imported: str = ""
    references: tuple[str, ...] = ()
    weights: str = ""
    shown: str = ""
    saved: str = ""
    settings: tuple[tuple[str, Number], ...] = ()
    seed: Seed = 0


class Change(_Model):
    """One change of a document: fields before and after, and the lines that took the place of others."""

    at: UnixTime
    what: What
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    start: int = Field(0, ge=0)
    removed: tuple[Line, ...] = ()
    added: tuple[Line, ...] = ()


class Document(_Model):
    """A long text.

    Args:
        id: its folder's name.
        name: what a person calls it.
        created, at: when it was made and last changed, Unix time in seconds.
        lines: in the order they are said.
        voice: id of the voice (`core.synthesis.voices`) that says what no mark gives to another; empty is the usual.
        language: the engine's code.
        seed, settings: of speaking, where they are not to be those of the voices; ``settings`` are the engine's own.
        references: clips that show the document's voice; empty are the voice's own.
        pauses: between lines.
        proofread: whether each line is checked and a bad one said again; None is wherever that can be done.
        tries: how often a bad line is said again at most.
        cast: who has spoken, by the `part` of a line's voice.
        next_line: the id of the next line that is made.
        past, future: what can be taken back, and made again.
    """

    id: str
    name: str
    created: UnixTime
    at: UnixTime
    lines: tuple[Line, ...] = Field((), max_length=MOST_LINES)
    voice: str = ""
    language: str = ""
    seed: Seed | None = None
    settings: dict[str, Number] = {}
    references: tuple[str, ...] = ()
    pauses: Pauses = Pauses()
    proofread: bool | None = None
    tries: int = Field(3, ge=0, le=MOST_TRIES)
    cast: dict[str, CastVoice] = {}
    next_line: int = 1
    past: tuple[Change, ...] = ()
    future: tuple[Change, ...] = ()

    def line(self, id: int) -> Line:
        """A line.

        Raises:
            UserError: ``studio.no_line``.
        """
        for line in self.lines:
            if line.id == id:
                return line
        raise no_line()

    def part(self, name: str) -> str:
        """Where `cast` holds who speaks under a name of a line.

        Without a name it is the document's voice: another one is another part, and its lines are still to be said. No
        mark can give a name that begins so.
        """
        return name or (f"[{self.voice}" if self.voice else "")

    def speaker(self, name: str) -> CastVoice | None:
        """Who speaks under a name of a line; None while nobody was asked to."""
        return self.cast.get(self.part(name))


Make = Callable[[Document], Document]
"""Makes the new document of the present one."""
_FIELDS = ("name", "voice", "language", "seed", "settings", "references", "pauses", "proofread", "tries")
"""What a change may be of, beside lines."""


def no_line() -> UserError:
    """A line that was meant is there no more."""
    return UserError(
        "studio.no_line",
        "This line is no longer in the text.",
        "It was changed in another window; look at the text as it is now.",
    )


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
        "Choose another one, or look in the trash on the Home page.",
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
        made = Document(id="draft", name=title, created=now, at=now, **fields)
        made = made.model_copy(update={"lines": _numbered(made, lines), "next_line": 1 + len(lines)})
        _write(draft, made)
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
        difference = _difference(old, new, what)
        if difference is None:
            return old
        past = _bounded((*old.past, difference))
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
        back = _applied(now, last.before, last.start, len(last.added), last.removed)
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
        again = _applied(now, last.after, last.start, len(last.removed), last.added)
        update = {"at": time.time(), "past": (*now.past, last), "future": now.future[:-1]}
        return _save(path, again.model_copy(update=update))


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


def _difference(old: Document, new: Document, what: What) -> Change | None:
    names = [name for name in _FIELDS if getattr(old, name) != getattr(new, name)]
    before, after = (document.model_dump(mode="json", include=set(names)) for document in (old, new))
    start, most = 0, min(len(old.lines), len(new.lines))
    while start < most and old.lines[start] == new.lines[start]:
        start += 1
    end = 0
    while end < most - start and old.lines[-1 - end] == new.lines[-1 - end]:
        end += 1
    removed, added = (document.lines[start : len(document.lines) - end] for document in (old, new))
    if not (names or removed or added):
        return None
    return Change(at=time.time(), what=what, before=before, after=after, start=start, removed=removed, added=added)


def _applied(document: Document, fields: dict[str, Any], start: int, count: int, lines: tuple[Line, ...]) -> Document:
    changed = (*document.lines[:start], *lines, *document.lines[start + count :])
    return Document(
        **{**dict(document), **{name: fields[name] for name in _FIELDS if name in fields}, "lines": changed}
    )


def _bounded(past: tuple[Change, ...]) -> tuple[Change, ...]:
    kept, lines = 0, 0
    for entry in reversed(past[-_MOST_CHANGES:]):
        lines += len(entry.removed) + len(entry.added)
        if lines > _MOST_LINES_KEPT and kept:
            break
        kept += 1
    return past[len(past) - kept :]


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
