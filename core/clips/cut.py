"""Cutting recordings into clips: the preview, the job, and how a clip is made of its piece."""

from __future__ import annotations

import bisect
import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.audio.loudness import loudness_lufs, reachable_lufs, true_peak_dbfs
from core.audio.options import SegmentOptions, level
from core.audio.quality import clipped_fraction, quiet_ends
from core.audio.rumble import MARGIN_S, without_rumble
from core.audio.samples import Samples, read, resample, write_wav
from core.audio.silence import Span, levels
from core.audio.threshold import Advice, advise
from core.audio.vad import known_speech
from core.clips.plan import LeftOut, plan
from core.engines.registry import info
from core.errors import UserError
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.project.records import Clip, ClipFilter, Source, Word
from core.project.workspace import Project

_SAME_S = 0.005  # bounds this close are the same clip: its text stays


@dataclass(frozen=True)
class Preview:
    """What cutting would give: seconds kept, left out and in all, and the length of each clip in seconds.

    ``left_out`` are the spans left out, each with its reason: ``pause``, ``short`` (too short to be a clip) or
    ``not_speech``. ``speech_known`` is false while it has not been measured what is speech: the preview then goes by
    level alone, and the job that cuts measures it first.
    ``advice`` is on the threshold for pauses.
    """

    spans: list[Span]
    left_out: list[LeftOut]
    kept_s: float
    lost_s: float
    source_s: float
    lengths: list[float]
    advice: Advice
    speech_known: bool = False


def preview(project: Project, source_id: str, options: SegmentOptions) -> Preview:
    """What cutting a recording with these options would give; writes nothing, quick enough for a slider."""
    recording = project.sound_file(project.store.source(source_id))
    curve = levels(recording)
    speech = known_speech(recording)
    words = project.store.words(source_id) if options.use_words else []
    cutting = plan(curve, options, speech, words)
    lengths = [span.seconds for span in cutting.spans]
    kept_s = sum(lengths)
    return Preview(
        cutting.spans, cutting.left_out, kept_s, curve.seconds - kept_s, curve.seconds, lengths,
        advise(curve, options),
        speech_known=speech is not None,
    )  # fmt: skip


def start_segment(project: Project, source_ids: list[str] | None = None, options: SegmentOptions | None = None) -> Job:
    """Start the job that cuts recordings into clips.

    Args:
        project: whose recordings.
        source_ids: which of them; None is all but those that brought their clips along.
        options: how to cut.

    Raises:
        UserError: ``segment.no_sources``.
        Busy: it is running already.
    """
    ids = to_cut(project) if source_ids is None else source_ids
    if not ids:
        raise UserError("segment.no_sources", "There is no recording to cut yet.", "Add a recording first.")
    return project.start_job(SegmentArgs(source_ids=tuple(ids), options=options or usual_options(project)))


def plan_clips(
    source_id: str, spans: list[Span], existing: list[Clip], last: int, words: Sequence[Word] = ()
) -> list[Clip]:
    """The clips of a recording after cutting it to ``spans``; where words are known, new ones get their text.

    It counts as given if a word of it was not recognised; else as heard, so that a better model may replace it.
    A clip whose bounds did not change keeps its number, text and approval. New ones are numbered after ``last``, the
    highest number ever used, so that a file or a note made for an old clip is never taken for a new one's.
    """
    numbers = itertools.count(last + 1)
    old = {_bounds(clip.start_s, clip.end_s): clip for clip in existing}
    middles = [(word.start_s + word.end_s) / 2 for word in words]
    clips = []
    for span in spans:
        same = old.get(_bounds(span.start_s, span.end_s))
        if same is None:
            name = f"{source_id}-{next(numbers):04d}"
            first, end = (bisect.bisect_left(middles, at) for at in (span.start_s, span.end_s))
            text = text_between(words[first:end], span.start_s, span.end_s)
            is_given = any(word.probability is None for word in words[first:end])
            same = Clip(
                name, source_id, span.start_s, span.end_s, text=text, raw_text="" if is_given else text,
                given=int(is_given), forced=span.forced,
            )  # fmt: skip
        clips.append(same)
    return clips


def _bounds(start_s: float, end_s: float) -> tuple[int, int]:
    return round(start_s / _SAME_S), round(end_s / _SAME_S)


def cut_clip(project: Project, source: Source, clip: Clip, options: SegmentOptions) -> Clip:
    """Write the audio of a clip: its piece of the recording as mono 16 bit WAV at the engine's clip rate.

    An offset or hum below the voice is taken away.
    It is faded at both ends and, if the options say so, brought to their loudness by gain alone: where its true peak
    would pass -1 dBTP it stays quieter.

    Returns:
        The clip with what was measured: ``loudness_lufs``, ``peak_dbfs``, ``clipped_fraction``, ``lead_s`` and
        ``tail_s`` of the recording's piece, and ``gain_db``.

    Raises:
        UserError: ``segment.unreadable``, with the recording's title.
    """
    try:
        piece, clear, rate = _read_clear(project.sound_file(source), clip)
    except (OSError, RuntimeError):  # RuntimeError: what libsndfile raises
        raise unreadable(source) from None
    clip_rate = info(project.info.engine).clip_rate
    samples = fade(resample(clear, rate, clip_rate) if rate != clip_rate else clear, clip_rate, options.fade_ms)
    loudness = loudness_lufs(samples, clip_rate)
    gain_db = 0.0
    if options.same_loudness and np.isfinite(loudness):
        gain_db = reachable_lufs(samples, clip_rate, options.loudness_lufs, known_lufs=loudness) - loudness
    write_wav(project.clip_file(clip.id), np.multiply(samples, 10 ** (gain_db / 20), dtype=np.float32), clip_rate)
    lead_s, tail_s = quiet_ends(clear, rate, level(options))
    return replace(
        clip,
        loudness_lufs=_finite(loudness),
        peak_dbfs=_finite(true_peak_dbfs(piece)),
        gain_db=round(gain_db, 2),
        clipped_fraction=clipped_fraction(piece),
        lead_s=lead_s,
        tail_s=tail_s,
    )


def _read_clear(recording: Path, clip: Clip) -> tuple[Samples, Samples, int]:
    """A clip's piece of a recording, the same without what lies below a voice, and their rate."""
    wide, rate = read(recording, clip.start_s - MARGIN_S, clip.end_s + MARGIN_S)
    begin = max(0, round(clip.start_s * rate))
    first = begin - max(0, round((clip.start_s - MARGIN_S) * rate))
    inside = slice(first, max(first, first + round(clip.end_s * rate) - begin))
    return wide[inside], without_rumble(wide, rate)[inside], rate


def unreadable(source: Source) -> UserError:
    """The error that names a recording whose sound cannot be read."""
    return UserError(
        "segment.unreadable",
        "The sound of “{title}” is missing or damaged.",
        "Remove the recording and add it again.",
        title=source.title,
    )


def _finite(value: float) -> float | None:
    """None for the level of silence, which is no number a database could keep."""
    return round(value, 2) if np.isfinite(value) else None


def text_between(words: Sequence[Word], start_s: float, end_s: float) -> str:
    """The text of the words whose middle lies from ``start_s`` on and before ``end_s``.

    Words are joined as their writing wants it: by spaces, but not between Chinese characters or Japanese ones. Where
    words bring their own spaces (as recognisers give them), those decide.
    """
    inside = [word.text for word in words if start_s <= (word.start_s + word.end_s) / 2 < end_s and word.text.strip()]
    if any(text[0].isspace() for text in inside):
        return " ".join("".join(inside).split())
    line = ""
    for text in (text.strip() for text in inside):
        is_glued = not line or (_is_dense(line[-1]) and (_is_dense(text[0]) or _is_dense(line[-1]) > 1))
        line += text if is_glued or _is_dense(text[0]) > 1 else f" {text}"
    return line


def _is_dense(letter: str) -> int:
    """1 for a letter of a writing without spaces, 2 for its marks (as the full stop of Chinese), else 0."""
    if letter in "。、，！？：；「」『』（）":
        return 2
    name = unicodedata.name(letter, "")
    return int(name.startswith(("CJK UNIFIED", "HIRAGANA", "KATAKANA")))


def fade(samples: Samples, rate: int, fade_ms: float) -> Samples:
    """The same sound rising from and falling to nothing in ``fade_ms``, along a raised cosine."""
    length = min(round(rate * fade_ms / 1000), len(samples) // 2)
    if length == 0:
        return samples
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    result: Samples = samples.copy()
    result[:length] *= ramp
    result[-length:] *= ramp[::-1]
    return result


def to_cut(project: Project) -> list[str]:
    """Ids of the recordings that are cut together: all but those that brought their clips along."""
    return [source.id for source in project.store.sources() if not source.came_cut]


def not_cut(project: Project) -> list[str]:
    """Ids of the recordings that have no clips and that no finished job has tried to cut."""
    past_args = (args for job, args in project.jobs_of(SegmentArgs) if job.read().status == "done")
    cut_ids = {source_id for args in past_args for source_id in args.source_ids or ()}
    return [
        source.id
        for source in project.store.sources()
        if source.id not in cut_ids and not project.store.count(ClipFilter(source_id=source.id))
    ]


def options_of_last_cut(project: Project, source_id: str = "") -> SegmentOptions:
    """How this project, or one recording of it, was cut last by a job that came to its end.

    What suits its engine if it never was, or if those settings are not valid any more.
    """
    for job, args in project.jobs_of(SegmentArgs):
        applies = not source_id or args.source_ids is None or source_id in args.source_ids
        if applies and job.read().status == "done":
            return args.options or usual_options(project)
    return usual_options(project)


def usual_options(project: Project) -> SegmentOptions:
    """How the project's engine wants its recordings cut."""
    shortest, longest = info(project.info.engine).cut_seconds
    return SegmentOptions(min_clip_s=shortest, max_clip_s=longest)
