"""Reading aloud: a list of sentences, the place in it, and what was recorded for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from core import REPOSITORY
from core.audio.levels import frames
from core.audio.options import SegmentOptions
from core.audio.threshold import for_recording
from core.clips.cut import cut_clip
from core.damage import Count, read_record
from core.errors import UserError
from core.files import write_json
from core.jobs import locks
from core.project.records import READ_ALOUD, Clip, Source
from core.project.workspace import Project
from core.sources import recordings
from core.sources.subtitles.words import evenly
from core.sources.upload import add_file, forget_files
from core.text import clean_text

_FOLDER = REPOSITORY / "presets" / "reading"
_MOST_SENTENCES, _MOST_LETTERS = 5_000, 400
_LONGEST_TAKE_MIN = 5  # of one sentence; taken in at once, so what is longer must not be decoded at all
_BELOW_LOUDEST_DB = 35.0
_EDGE_S = 0.12  # of quiet that stays around what is said


@dataclass
class Progress:
    """``place`` is the index of the sentence that is read next; ``spoken`` maps indexes (as text) to recordings."""

    sentences: list[str]
    place: Count = 0
    spoken: dict[str, str] = field(default_factory=dict)
    own: bool = False

    @property
    def sentence(self) -> str:
        """What to read now; "" without a list."""
        return self.sentences[self.place] if self.sentences else ""

    @property
    def count(self) -> int:
        """How many sentences were read."""
        return len(self.spoken)


def sentences_for(language: str) -> list[str]:
    """The bundled sentences of a language, none if there are none for it."""
    path = _FOLDER / f"{language.split('-')[0]}.txt"
    return path.read_text(encoding="utf-8").splitlines() if language.isascii() and path.exists() else []


def all_sentences(language: str) -> list[str]:
    """The bundled sentences of a language and more to choose from, for gaps that a dataset has."""
    code = language.split("-")[0]
    path = _FOLDER / "more" / f"{code}.txt"
    further_sentences = path.read_text(encoding="utf-8").splitlines() if code.isascii() and path.exists() else []
    return sentences_for(language) + further_sentences


def progress(project: Project) -> Progress:
    """Where the project stands; recordings that were removed meanwhile count as not read.

    Raises:
        DamagedFile: what was noted cannot be read.
    """
    record = stored_progress(project)
    if record is None:
        return Progress(sentences_for(project.info.language))
    source_ids = {source.id for source in project.store.sources()}
    recordings = {index: source for index, source in record.spoken.items() if source in source_ids}
    return replace(record, spoken=recordings, place=min(record.place, max(0, len(record.sentences) - 1)))


def stored_progress(project: Project) -> Progress | None:
    """What was noted of it; None before anything was.

    Raises:
        DamagedFile: it cannot be read.
    """
    path = _file(project)
    return read_record(path, Progress, "reading", path) if os.path.lexists(path) else None


def move(project: Project, step: int) -> Progress:
    """Go some sentences on or back, at most to the ends."""
    now = progress(project)
    return _keep(project, replace(now, place=max(0, min(now.place + step, len(now.sentences) - 1))))


def use_own(project: Project, text: str) -> Progress:
    """Read other sentences, one a line; nothing at all brings the bundled ones back. Recordings stay.

    Raises:
        UserError: ``reading.too_long``, ``reading.too_many``.
    """
    lines = [line for line in map(clean_text, text.splitlines()) if line]
    if len(lines) > _MOST_SENTENCES:
        raise UserError(
            "reading.too_many", "These are {count} sentences; {most} is the most.", "Paste a part of them.",
            count=len(lines), most=_MOST_SENTENCES,
        )  # fmt: skip
    for number, line in enumerate(lines, 1):
        if len(line) > _MOST_LETTERS:
            raise UserError(
                "reading.too_long",
                "Line {number} is too long for one breath ({letters} letters).",
                "Put each sentence on a line of its own, of {most} letters at most.",
                number=number,
                letters=len(line),
                most=_MOST_LETTERS,
            )
    return _keep(project, Progress(lines or sentences_for(project.info.language), own=bool(lines)))


def read_next(project: Project, sentences: list[str]) -> Progress:
    """Put sentences before those of one's own list that are not read yet; the bundled list makes room for them.

    Raises:
        UserError: as of `use_own`.
    """
    now = progress(project)
    unread = [line for index, line in enumerate(now.sentences) if now.own and str(index) not in now.spoken]
    return use_own(project, "\n".join(dict.fromkeys([*sentences, *unread])))


def save(
    project: Project,
    path: Path,
    rights: str = "",
    *,
    place: int | None = None,
    max_hours: float = 1.0,
    on_warning: Callable[[UserError], object] = lambda error: None,
) -> Source:
    """Take in what was recorded for a sentence, with its clip and text, and go on to the next.

    An earlier recording of the same sentence goes to the trash, or stays if it is in use just now.

    Args:
        project: where to.
        path: the sound; it is left alone.
        rights: the person's note on why the voice may be used.
        place: index of the sentence that was on the screen; elsewhere the list may stand at another. None: at the
            present one.
        max_hours: refused if longer.
        on_warning: told ``reading.both_kept``.

    Raises:
        UserError: ``reading.no_sentence``, ``reading.too_long_take``, and see `add_file`.
        Busy: recordings are being added.
    """
    with _import_lock(project):
        now = progress(project)
        at = now.place if place is None else place
        if not 0 <= at < len(now.sentences):
            raise UserError("reading.no_sentence", "There is no sentence to read.", "Paste some first.")
        text = now.sentences[at]
        source = _add_recording(project, path, text, rights.strip(), max_hours)
        try:
            _give_clip(project, source, text)
        except BaseException:
            _forget(project, source)
            raise
        replaced_id = _note(project, source, at, text)
    if replaced_id:
        try:
            recordings.remove(project, replaced_id)
        except UserError:
            on_warning(_both_kept(text))
    return source


def _note(project: Project, source: Source, at: int, text: str) -> str | None:
    """Note what was read, by what the list says now; returns the recording it takes the place of."""
    now = progress(project)
    if at >= len(now.sentences) or now.sentences[at] != text:
        return None  # another list was pasted meanwhile
    following = min(at + 1, len(now.sentences) - 1) if now.place == at else now.place
    _keep(project, replace(now, spoken={**now.spoken, str(at): source.id}, place=following))
    return now.spoken.get(str(at))


def _both_kept(sentence: str) -> UserError:
    return UserError(
        "reading.both_kept",
        "The new recording of “{sentence}” came in, but the earlier one is in use and was kept as well.",
        "Remove the earlier one from the list below when nothing is running.",
        sentence=sentence,
    )


def _forget(project: Project, source: Source) -> None:
    """Take back a recording that got no clip; nobody has seen it yet."""
    project.store.remove_source(source.id)
    forget_files(project, source.id)
    for clip_file in project.clips.glob(f"{source.id}-*.wav"):
        clip_file.unlink(missing_ok=True)


def _add_recording(project: Project, path: Path, text: str, rights: str, max_hours: float) -> Source:
    longest = min(max_hours, _LONGEST_TAKE_MIN / 60)
    try:
        return add_file(project, path, title=text, name=text[:60], origin=READ_ALOUD, rights=rights, max_hours=longest)
    except UserError as error:
        if error.code != "audio.too_long" or longest == max_hours:
            raise
        raise UserError(
            "reading.too_long_take",
            "The recording of “{name}” is longer than {minutes} minutes.",
            "Read one sentence at a time, or add the whole recording as a file.",
            name=text[:60],
            minutes=_LONGEST_TAKE_MIN,
        ) from None


def _give_clip(project: Project, source: Source, text: str) -> None:
    """One clip around what is said, and its words at their likely times."""
    start_s, end_s = _speech_bounds(project, source)
    project.store.replace_words(source.id, 0, 1e9, evenly(text, start_s, end_s))
    clip = Clip(
        f"{source.id}-0001",
        source.id,
        round(max(0.0, start_s - _EDGE_S), 4),
        round(min(source.seconds, end_s + _EDGE_S), 4),
        text=text,
        language=project.info.language,
        given=1,
    )
    options = for_recording(SegmentOptions(), project.sound_file(source))
    project.store.replace_clips(source.id, [cut_clip(project, source, clip, options)])


def _speech_bounds(project: Project, source: Source) -> tuple[float, float]:
    """From the first to the last loud moment, in seconds."""
    levels = frames(project.source_file(source.id))
    loud = np.flatnonzero(levels.dbfs >= levels.dbfs.max() - _BELOW_LOUDEST_DB)
    return float(loud[0]) * levels.frame_s, min(source.seconds, float(loud[-1] + 1) * levels.frame_s)


@contextmanager
def _import_lock(project: Project) -> Iterator[None]:
    """Hold what an import holds, so that two never take the same id."""
    lock = project.path / "locks" / "import_sources"
    handle = locks.try_lock(lock, {"kind": "import_sources", "title": "", "path": ""})
    if handle is None:
        raise locks.busy(locks.holder(lock))
    try:
        yield
    finally:
        os.close(handle)


def _file(project: Project) -> Path:
    return project.path / "reading.json"


def _keep(project: Project, now: Progress) -> Progress:
    write_json(_file(project), asdict(now))
    return now
