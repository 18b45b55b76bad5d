"""Importing a media file: decoded, measured, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from core.audio.decode import decode_to_flac
from core.audio.levels import FLOOR_DBFS, Frames, frames
from core.errors import UserError
from core.files import sha256_file
from core.jobs.reporter import Reporter
from core.project.records import Source, Word
from core.project.workspace import Project
from core.sources.decoding_notes import tell_decoding
from core.sources.subtitles.language_codes import language_code

_SILENT_DBFS = -80.0  # the loudest 10 ms of a recording without any sound; the quietest room is far above


class Duplicate(UserError):
    """The same sound is in the project already, as the recording ``existing``."""

    def __init__(self, code: str, text: str, hint: str, *, existing: Source, **values: Any) -> None:
        self.existing = existing
        super().__init__(code, text, hint, title=existing.title, **values)


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
    start_s: float = 0.0,
    end_s: float | None = None,
    words: Callable[[Source], Iterable[Word]] = lambda source: (),
) -> Source:
    """Decode a file to ``sources/<id>.flac``, measure its level and outline, and record it. ``path`` is left alone.

    A damaged file comes in as far as it can be decoded, with a warning and a note (see `core.sources.decoding_notes`).

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
        start_s: where the wanted part of it begins.
        end_s: where that ends; None is the end of the file.
        words: asked for the words that come with the recording, such as those of a video's subtitles.

    Raises:
        Duplicate: ``source.duplicate``: the same file, or the same sound in another wrapping.
        UserError: ``audio.silent``, and see `decode_to_flac`.
        Cancelled: stopped; nothing is left behind.
    """
    title = " ".join((title or path.stem).split())[:120] or "Recording"
    name = name or title
    sha256 = sha256_file(path, reporter.check_stop if reporter else None)
    if start_s or end_s is not None:  # another part of the same file is another recording
        sha256 += f"#{start_s:g}-{'' if end_s is None else f'{end_s:g}'}"
    sources = project.store.sources()
    refuse_known((existing for existing in sources if existing.sha256 == sha256), name)
    source_id = free_id(project)
    recording = project.source_file(source_id)
    tell = _teller(reporter, position, title)
    stop = reporter.stop_requested if reporter else None
    try:
        info = decode_to_flac(
            path,
            recording,
            max_hours=max_hours,
            name=name,
            start_s=start_s,
            end_s=end_s,
            is_wanted=lambda tag: bool(tag) and language_code(tag) == language_code(project.info.language),
            on_progress=lambda seconds, total: tell(min(1.0, seconds / total) if total else 0.0),
            should_stop=stop,
        )
        audio_md5 = samples_md5(recording)
        refuse_known((existing for existing in sources if _md5_of(project, existing) == audio_md5), name)
        _refuse_silence(frames(recording), name)
    except BaseException:
        forget_files(project, source_id)
        raise
    note = tell_decoding(info, name, reporter)
    source = Source(
        source_id, title, origin, rights, info.seconds or 0.0, info.sample_rate, sha256, time.time(), audio_md5, note
    )
    project.store.add_source(source, words(source))
    return source


def forget_files(project: Project, source_id: str) -> None:
    """Take away what was written of a recording that does not come in after all."""
    for path in project.source_files(source_id):
        path.unlink(missing_ok=True)


def samples_md5(recording: Path) -> str:
    """The MD5 of the samples of a FLAC, which stands in its first block (RFC 9639, 8.2); "" if it is not said there."""
    with open(recording, "rb") as file:
        start = file.read(42)
    md5 = start[26:42].hex() if start[:4] == b"fLaC" and len(start) == 42 else ""
    return "" if set(md5) <= {"0"} else md5


def _md5_of(project: Project, source: Source) -> str:
    recording = project.source_file(source.id)
    return source.audio_md5 or (samples_md5(recording) if recording.exists() else "-")


def refuse_known(same: Iterator[Source], name: str) -> None:
    """Raise `Duplicate` for the first of these recordings, if there is one: “``name``” is in the project already."""
    for source in same:
        raise Duplicate(
            "source.duplicate",
            "“{name}” is in the project already, as “{title}”.",
            "Nothing to do: it was skipped.",
            existing=source,
            name=name,
        )


def _refuse_silence(levels: Frames, name: str) -> None:
    if float(levels.dbfs.max(initial=FLOOR_DBFS)) <= _SILENT_DBFS:
        raise UserError(
            "audio.silent",
            "There is no sound in “{name}”: it is silent from beginning to end.",
            "Listen to it in another program; perhaps the microphone was off, or the voice is in another file.",
            name=name,
        )


def _teller(reporter: Reporter | None, position: tuple[int, int], title: str) -> Callable[[float], None]:
    index, count = position

    def tell(fraction: float) -> None:
        if reporter:
            reporter.progress("decode", index + fraction, count, title)

    tell(0.0)
    return tell


def free_id(project: Project) -> str:
    """Eight hex digits that grow with time, so that recordings sort in the order they came."""
    number = int(time.time())
    ids = {source.id for source in project.store.sources()}
    while f"{number:08x}" in ids or (project.path / "trash" / f"{number:08x}").exists():
        number += 1
    return f"{number:08x}"
