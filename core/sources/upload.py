"""Taking a media file into a project: decoded, measured, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from core.audio.decode import decode_to_flac
from core.audio.frames import frames_file, measure
from core.errors import UserError
from core.files import sha256_file
from core.jobs.reporter import Reporter
from core.records import Source
from core.workspace import Project

_DECODE_SHARE = 0.9  # of the time a recording takes; the rest is measuring it


class Duplicate(UserError):
    """The same file is in the project already."""


def add_file(
    project: Project,
    path: Path,
    *,
    title: str = "",
    name: str = "",
    origin: str = "upload",
    rights: str = "",
    reporter: Reporter | None = None,
    max_hours: float = 24.0,
    position: tuple[int, int] = (0, 1),
) -> Source:
    """Decode a file to ``sources/<id>.flac``, measure its level and outline, and record it. ``path`` is left alone.

    Args:
        project: where to.
        path: any audio or video file.
        title: what it is called in the project; the file's name without its ending if empty.
        name: what errors call the file; the title if empty.
        origin: ``upload``, or the address it came from.
        rights: the person's note on why they may use it.
        reporter: told the progress; asked whether to stop.
        max_hours: longer recordings are refused.
        position: which file of how many this is, for the progress.

    Raises:
        Duplicate: ``source.duplicate``.
        UserError: see `decode_to_flac`.
        Cancelled: stopped; nothing is left behind.
    """
    title = " ".join((title or path.stem).split())[:120] or "Recording"
    name = name or title
    sha256 = sha256_file(path, reporter.check_stop if reporter else None)
    for known in project.store.sources():
        if known.sha256 == sha256:
            raise Duplicate(
                "source.duplicate",
                "“{name}” is in the project already, as “{title}”.",
                "Nothing to do: it was skipped.",
                name=name,
                title=known.title,
            )
    source_id = _free_id(project)
    recording = project.source_file(source_id)
    tell = _teller(reporter, position, title)
    stop = reporter.stop_requested if reporter else None
    try:
        info = decode_to_flac(
            path,
            recording,
            max_hours=max_hours,
            name=name,
            on_progress=lambda done, total: tell(_DECODE_SHARE * min(1.0, done / total) if total else 0.0),
            should_stop=stop,
        )
        measure(
            recording,
            on_progress=lambda done, total: tell(_DECODE_SHARE + (1 - _DECODE_SHARE) * done / total),
            should_stop=stop,
        )
    except BaseException:
        recording.unlink(missing_ok=True)
        frames_file(recording).unlink(missing_ok=True)
        raise
    source = Source(source_id, title, origin, rights, info.seconds or 0.0, info.sample_rate, sha256, time.time())
    project.store.add_source(source)
    return source


def _teller(reporter: Reporter | None, position: tuple[int, int], title: str) -> Callable[[float], None]:
    index, count = position

    def tell(fraction: float) -> None:
        if reporter:
            reporter.progress("decode", index + fraction, count, title)

    tell(0.0)
    return tell


def _free_id(project: Project) -> str:
    """Eight hex digits that grow with time, so that recordings sort in the order they came."""
    number = int(time.time())
    taken = {source.id for source in project.store.sources()}
    while f"{number:08x}" in taken or (project.path / "trash" / f"{number:08x}").exists():
        number += 1
    return f"{number:08x}"
