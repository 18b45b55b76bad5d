"""Data set import: one recording, with its clips and their texts there at once."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import soundfile

from core.audio.levels import measure
from core.audio.options import SegmentOptions
from core.audio.threshold import for_recording
from core.clips.cut import cut_clip
from core.files import sha256_file
from core.jobs.reporter import Reporter
from core.project.records import DATA_SET, Clip, Source
from core.project.workspace import Project
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.concat import Section, join
from core.sources.collections.scan import Reading, open_place, read, refuse_unagreed
from core.sources.lists.texts import ListReport
from core.sources.sidecars import title_of
from core.sources.subtitles.words import evenly
from core.sources.upload import forget_files, free_id, refuse_known, samples_md5

_CUTTERS = 2  # threads; cutting lets go of the interpreter most of the time
_AHEAD = 16


def import_collection(
    project: Project,
    path: Path,
    name: str,
    reporter: Reporter,
    *,
    origin: str = DATA_SET,
    rights: str = "",
    max_hours: float = 24.0,
    reading: Reading | None = None,
) -> Source:
    """Join the sounds of a data set to one recording and cut it where they meet. ``path`` is left alone.

    A sound that cannot be read is named and set aside. The texts are not taken as heard: recognition verifies them.

    Args:
        project: where to.
        path: a folder or a zip file with texts (see `datasets.look`).
        name: what the person calls it.
        reporter: told the progress in the stages ``join``, ``measure`` and ``cut``; asked whether to stop.
        origin: where it came from.
        rights: the person's note on why they may use it.
        max_hours: refused if it has more sound.
        reading: what `datasets.look` gave, if that was done already.

    Raises:
        Duplicate: ``source.duplicate``.
        UserError: ``archive.*``, ``collection.*``, ``audio.too_long``.
        Cancelled: stopped; nothing is left behind.
    """
    place = open_place(path, name, project.info.language)
    source_id = free_id(project)
    recording = project.source_file(source_id)
    try:
        reading = reading or read(place, name, language=project.info.language)
        refuse_unagreed(reading)
        sha256 = _fingerprint(path, place, reading, reporter)
        existing = project.store.sources()
        refuse_known((sound for sound in existing if sound.sha256 == sha256), name)
        _tell_halves(reading, reporter)
        sounds = join(place, recording, reading, reporter, max_hours=max_hours)
        audio_md5 = samples_md5(recording)
        refuse_known((sound for sound in existing if audio_md5 and sound.audio_md5 == audio_md5), name)
        measure(
            recording,
            on_progress=lambda seconds, total: reporter.progress("measure", seconds, total, name),
            should_stop=reporter.stop_requested,
        )
        info = soundfile.info(recording)
        title = " ".join((name if path.is_dir() else title_of(name)).split())[:120] or "Data set"
        source = Source(
            source_id, title, origin, rights, info.duration, info.samplerate, sha256, time.time(), audio_md5
        )
        clips = list(_cut(project, source, sounds, reporter))
    except BaseException:
        forget_files(project, source_id)
        for clip_file in project.clips.glob(f"{source_id}-*.wav"):
            clip_file.unlink(missing_ok=True)
        raise
    finally:
        place.close()
    words = (word for sound in sounds for word in evenly(sound.item.text, sound.start_s, sound.end_s))
    project.store.add_source(source, words, clips)
    return source


def _fingerprint(path: Path, place: Folder | Zip, reading: Reading, reporter: Reporter) -> str:
    """The same content gives the same: of a zip the file's, of a folder that of names, sizes and texts."""
    if isinstance(place, Zip):
        return sha256_file(path, reporter.check_stop)
    digest = hashlib.sha256()
    for item in reading.items:
        digest.update(f"{item.sound}\0{place.bytes_of(item.sound)}\0{item.text}\n".encode())
    return digest.hexdigest()


def _tell_halves(reading: Reading, reporter: Reporter) -> None:
    """Name what has no other half."""
    if reading.without_text:
        reporter.warning(
            "collection.without_text",
            "Sounds of “{name}” without a text were left out ({count}): {members}.",
            "Add them as recordings of their own; recognition writes their text.",
            count=len(reading.without_text),
            name=reading.name,
            members=shorten(reading.without_text),
        )
    if reading.without_sound:
        reporter.warning(
            "collection.without_sound",
            "Texts of “{name}” without a sound ({count}): {members}.",
            "Nothing to do, unless the sounds should be there.",
            count=reading.without_sound.count,
            name=reading.name,
            members=shorten(reading.without_sound.names, reading.without_sound.count),
        )
    for report in reading.lists:
        tell_list(report, reading.name, reporter)


def tell_list(report: ListReport, name: str, reporter: Reporter) -> None:
    """Name a list that is not used, and what is not plain in one that is."""
    if report.state != "used":
        reporter.warning(
            "collection.list_not_used",
            "The list “{list}” of “{name}” was not used.",
            "If its texts are missing, add the dataset again and look at what is said of that list.",
            list=report.name,
            name=name,
        )
    if report.differing:
        reporter.warning(
            "collection.differing_texts",
            "“{list}” has another text for sounds that had one already ({count}): {members}. The first one was taken.",
            "Compare the texts of these clips with what you hear.",
            list=report.name,
            count=report.differing.count,
            members=shorten(report.differing.names, report.differing.count),
        )
    if report.merged:
        reporter.warning(
            "collection.merged_cells",
            "In “{list}” some texts hold the sign that stands between columns ({count}): {members}. It stays in them.",
            "Compare the texts of these clips with what you hear.",
            list=report.name,
            count=report.merged.count,
            members=shorten(report.merged.names, report.merged.count),
        )


def shorten(names: list[str], count: int = 0, limit: int = 8) -> str:
    """The first of ``count`` names (all that are given), and a sign that there are more."""
    return ", ".join(name[-80:] for name in names[:limit]) + (" …" if max(count, len(names)) > limit else "")


def _cut(project: Project, source: Source, sounds: list[Section], reporter: Reporter) -> Iterator[Clip]:
    """Write the clips where the sounds lie, on two threads; yields them in order."""
    options = for_recording(SegmentOptions(), project.sound_file(source))
    language = project.info.language
    waiting: deque[Future[Clip]] = deque()
    count = 0

    def next_done() -> Clip:
        nonlocal count
        clip = waiting.popleft().result()
        count += 1
        reporter.progress("cut", count, len(sounds), source.title)
        return clip

    with ThreadPoolExecutor(_CUTTERS) as pool:
        try:
            for number, sound in enumerate(sounds, 1):
                reporter.check_stop()
                clip = Clip(f"{source.id}-{number:04d}", source.id, round(sound.start_s, 4), round(sound.end_s, 4))
                clip = replace(clip, text=sound.item.text, language=language, given=1)
                waiting.append(pool.submit(cut_clip, project, source, clip, options))
                if len(waiting) >= _AHEAD:
                    yield next_done()
            while waiting:
                yield next_done()
        finally:
            for future in waiting:
                future.cancel()
