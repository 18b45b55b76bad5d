"""Measuring clips, several side by side; each is stored as soon as it is measured, then all are compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from core.audio.loudness import loudness_lufs, true_peak_dbfs
from core.audio.quality import clipped_fraction, quiet_ends
from core.audio.samples import Samples, read
from core.errors import Cancelled, Fault
from core.jobs.parallel import map_in_threads
from core.jobs.reporter import Reporter
from core.measures import embeddings, likeness, naturalness
from core.measures.flags import sound_flags
from core.measures.likeness import Embedding
from core.measures.sound import bandwidth_hz, snr_db
from core.measures.start import left_to_measure
from core.measures.voices import speakers, update_similarity
from core.project.records import Clip, ClipFilter, Source, clip_title
from core.project.workspace import Project
from core.reasons import reason_of

_AROUND_S = 0.2  # the pause around a clip, where the room is heard best
_MOST_AT_ONCE = 8  # each holds about 100 MB while it listens
_SHORTEST_S = 0.1

Measures = dict[str, "float | str | None"]


@dataclass
class Tally:
    """What came of it."""

    done_count: int = 0
    failures: int = 0
    remaining: int = 0
    missing: list[str] = field(default_factory=list)

    def result(self, project: Project) -> dict[str, Any]:
        """Facts for the closing sentence; ``voices`` is 0 where they were not told apart."""
        facts = {"measured": self.done_count, "failed": self.failures, "left": self.remaining, "missing": self.missing}
        flag_count = sum(bool(clip.sound_flags) for clip in project.store.clips(ClipFilter("usable")))
        return {**facts, "flagged": flag_count, "voices": len(speakers(project))}


def measure_clips(project: Project, clips: Sequence[Clip], reporter: Reporter) -> dict[str, Any]:
    """Measure those of these clips that are not rejected and lack a measure; then compare all clips' voices.

    What is installed decides which measures are taken; a missing package is named in a warning.

    Returns:
        ``measured``, ``failed`` and ``left``, counts of clips; ``missing``, the packages that are not installed;
        ``flagged``, how many clips have a sound flag; ``voices``, how many there are.

    Raises:
        Cancelled: Stop was pressed; holds the result so far.
    """
    queue = [clip for clip in clips if clip.status != "rejected" and left_to_measure(clip)]
    tally = Tally(remaining=len(queue), missing=missing_packages(reporter))
    voice_ids = embeddings.tidy(project, {clip.id for clip in project.store.clips()})
    try:
        if queue:
            _measure_all(project, queue, voice_ids, reporter, tally)
        reporter.progress("measure_compare", 0, 1)
        update_similarity(project)
        reporter.progress("measure_compare", 1, 1)
    except Cancelled:
        update_similarity(project)  # the voices of what there is by now are others than were noted before
        raise Cancelled(tally.result(project)) from None
    return tally.result(project)


def _measure_all(project: Project, clips: list[Clip], voice_ids: set[str], reporter: Reporter, tally: Tally) -> None:
    _warm_up(reporter, partial(_load, clips))
    sources = {source.id: source for source in project.store.sources()}
    total = len(clips)
    reporter.progress("measure_clips", 0, total)
    work = partial(_measure, project, sources, voice_ids)
    titles = {id_: source.title for id_, source in sources.items()}
    for clip, result in map_in_threads(clips, work, min(_MOST_AT_ONCE, os.cpu_count() or 1), reporter.check_stop):
        title = clip_title(clip, titles.get(clip.source_id, ""))
        if isinstance(result, Exception):
            _set_aside(title, result, reporter)
            tally.failures += 1
        else:
            measures, voice = result
            if voice is not None:
                embeddings.append(project, clip.id, voice)
            project.store.measure_clip(clip.id, **measures)
            tally.done_count += 1
        tally.remaining -= 1
        reporter.progress("measure_clips", total - tally.remaining, total, item=title)


def _set_aside(title: str, error: Exception, reporter: Reporter) -> None:
    if not isinstance(error, (OSError, ValueError, RuntimeError)):  # libsndfile's errors are RuntimeErrors
        raise error
    reporter.warning(
        "measure.clip_failed",
        "The clip “{clip}” could not be measured ({what}) and was left out.",
        "Listen to it; cut its recording into clips again, or reject it.",
        clip=title,
        what=reason_of(error),
    )


def _measure(
    project: Project, sources: dict[str, Source], voice_ids: set[str], clip: Clip
) -> tuple[Measures, Embedding | None]:
    """The measures a clip lacks by their names, and its embedding if it has none yet."""
    lacking = left_to_measure(clip)
    measures: Measures = {}
    if "sound" in lacking:
        if clip.source_id not in sources:
            raise Fault("reason.recording_gone", "its recording is gone")
        measures |= _of_the_recording(project, sources[clip.source_id], clip)
    voice = None
    if lacking & {"likeness", "naturalness"}:
        samples, _ = read(project.clip_file(clip.id), sample_rate=likeness.RATE_HZ)
        if len(samples) < _SHORTEST_S * likeness.RATE_HZ:
            raise Fault("reason.empty_sound", "its sound is empty")
        if "likeness" in lacking and clip.id not in voice_ids:
            voice = likeness.embed(samples)
        if "naturalness" in lacking:
            measures["naturalness"] = round(naturalness.score(samples), 3)
    flags = sound_flags(replace(clip, **measures))  # type: ignore[arg-type]
    return {**measures, "sound_flags": flags}, voice


def _of_the_recording(project: Project, source: Source, clip: Clip) -> Measures:
    """What is measured on the recording's piece, at its own rate, with the pause around it."""
    wide, rate_hz = read(project.sound_file(source), clip.start_s - _AROUND_S, clip.end_s + _AROUND_S)
    first = round(min(clip.start_s, _AROUND_S) * rate_hz)
    piece = wide[first : first + round(clip.seconds * rate_hz)]
    if len(piece) < _SHORTEST_S * rate_hz:
        raise Fault("reason.outside_recording", "it lies outside of its recording")
    facts: Measures = {"snr_db": round(snr_db(wide, rate_hz), 2), "bandwidth_hz": round(bandwidth_hz(piece, rate_hz))}
    return facts | _usually_known(clip, piece, rate_hz)


def _usually_known(clip: Clip, piece: Samples, rate_hz: int) -> Measures:
    """What is measured when a clip is cut; clips from before that was so lack it."""
    measures: Measures = {}
    if clip.clipped_fraction is None:
        measures["clipped_fraction"] = clipped_fraction(piece)
    if clip.peak_dbfs is None:
        measures["peak_dbfs"] = max(-120.0, round(true_peak_dbfs(piece), 2))
    if clip.loudness_lufs is None:
        measures["loudness_lufs"] = max(-120.0, round(loudness_lufs(piece, rate_hz), 2))
    if clip.lead_s is None or clip.tail_s is None:
        measures["lead_s"], measures["tail_s"] = quiet_ends(piece, rate_hz)
    return measures


def missing_packages(reporter: Reporter) -> list[str]:
    """Names of packages that are not installed; each is named in a warning."""
    missing = []
    if not likeness.available():
        missing.append("Resemblyzer")
        reporter.warning(
            "measure.no_likeness",
            "Whose voice it is was not measured: Resemblyzer is not installed.",
            "Run launch.sh again, or install it with pip and measure again.",
        )
    if not naturalness.available():
        missing.append("speechmos")
        reporter.warning(
            "measure.no_naturalness",
            "How natural the clips sound was not measured: speechmos or onnxruntime is not installed.",
            "Run launch.sh again, or install them with pip and measure again.",
        )
    return missing


def _load(clips: list[Clip], _: None) -> None:
    """Load what is needed once, before clips are measured side by side."""
    lacking = set().union(*(left_to_measure(clip) for clip in clips))
    quiet = np.zeros(likeness.RATE_HZ, np.float32)
    if "likeness" in lacking:
        likeness.embed(quiet)
    if "naturalness" in lacking:
        naturalness.score(quiet)


def _warm_up(reporter: Reporter, load: Callable[[None], None]) -> None:
    """Load in a thread of its own, so that Stop is seen meanwhile."""
    reporter.progress("measure_load", 0, 1)
    for _, error in map_in_threads([None], load, 1, reporter.check_stop):
        if isinstance(error, Exception):
            raise error
