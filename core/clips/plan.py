"""Segmentation plan: what a recording is cut into and what is left out of it, and why. Pure and quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.audio.options import SegmentOptions, level
from core.audio.silence import Flags, LevelCurve, Runs, Span, left_out, runs, smooth, stretches
from core.audio.threshold import with_threshold
from core.audio.vad import SpeechCurve
from core.clips.boundaries import Places, after, centre_in_quiet, divide, valleys, with_words, word_gaps
from core.project.records import Word

_QUIET_S = 0.1  # an end with less quiet around it was cut without a pause
_ABOVE_ROOM_DB, _FAINT_DB = 6.0, 10.0  # quiet is as the room is, or well below what counts as a pause
_WORD_OVER_S = 0.2  # how far a word may reach over the end that its level gives it; more is an error of its times
_NOTICED_S = 0.3  # a shorter sound in a pause is not worth a line of its own
REASONS = ("pause", "short", "not_speech")
_PAUSE, _SHORT, _NOT_SPEECH = range(3)


@dataclass(frozen=True, slots=True)
class LeftOut(Span):
    """A piece of a recording that becomes no clip: a ``pause``, too ``short``, or ``not_speech``."""

    reason: str = "pause"


@dataclass(frozen=True)
class Plan:
    """Spans that become clips, and those left out: together the whole recording, each in order."""

    spans: list[Span]
    left_out: list[LeftOut]


def segment(
    curve: LevelCurve, options: SegmentOptions, speech: SpeechCurve | None = None, words: Sequence[Word] = ()
) -> list[Span]:
    """`plan` without what is left out."""
    return plan(curve, options, speech, words).spans


def plan(
    curve: LevelCurve, options: SegmentOptions, speech: SpeechCurve | None = None, words: Sequence[Word] = ()
) -> Plan:
    """Cut a recording into spans of ``min_clip_s`` to ``max_clip_s``, in order and apart from each other.

    Pauses separate stretches of sound; of these only speech is kept, if it is known what is speech. A stretch that is
    too long is cut between words if their times are known, else where it is quietest; pieces that are too short are
    joined to the neighbour across the shortest pause, or left out if that does not fit.

    Args:
        curve: the levels of the recording.
        options: how to cut.
        speech: how probable speech is at each time; None cuts by level alone.
        words: of the recording, in order of time; none cuts without them.
    """
    if not len(curve.dbfs):
        return Plan([], [])
    options = with_threshold(options, curve)
    curve = replace(curve, dbfs=np.asarray(curve.dbfs, np.float32))  # once: half precision is slow to work with
    vad = speech if options.only_speech else None
    words = words if options.use_words else ()
    wide = vad.wide(options.speech_threshold, curve) if vad else None
    gaps = word_gaps(curve, words) if len(words) > 1 else None
    pause_s, pad_s = options.min_silence_ms / 1000, options.pad_ms / 1000
    loud = stretches(curve, level(options), pause_s, pad_s, wide)
    sound = _with_whole_words(_sew(loud, words, curve.frame_s), words, curve)
    pieces = _cut_long(curve, sound, options, words, gaps)
    groups = _join_short(pieces, curve, options, words)
    shortest = options.min_clip_s / curve.frame_s - 1e-6
    long = [(first, last) for first, last in groups if last - first >= shortest]
    clips = vad.with_speech(long, curve, options.speech_threshold, options.min_speech_percent / 100) if vad else long
    quiet = _quiet(curve, options)
    spans = [_span(curve, piece, quiet) for piece in clips]
    kinds = _kinds(curve, options, wide)
    for piece in groups:
        kinds[slice(*piece)] = _NOT_SPEECH if piece[1] - piece[0] >= shortest else _SHORT
    return Plan(spans, _reasons(curve, spans, kinds))


def _sew(pieces: Runs, words: Sequence[Word], frame_s: float) -> Runs:
    """The same stretches, but two whose pause lies within one word are one: such a silence separates nothing."""
    if len(words) == 0 or len(pieces) < 2:
        return pieces
    starts = np.array([word.start_s for word in words])
    sewn = [pieces[0]]
    for first, last in pieces[1:]:
        middle = (sewn[-1][1] + first) / 2 * frame_s
        index = int(np.searchsorted(starts, middle, side="right")) - 1
        pause_s = (first - sewn[-1][1]) * frame_s
        # A recogniser lets a word before a long pause last until the next one: such a time says nothing.
        if index >= 0 and pause_s < 0.35 and words[index].start_s + 0.05 < middle < words[index].end_s - 0.05:
            sewn[-1] = (sewn[-1][0], last)
        else:
            sewn.append((first, last))
    return sewn


def _with_whole_words(pieces: Runs, words: Sequence[Word], curve: LevelCurve) -> Runs:
    """The same stretches, grown by what they lack of the words at their ends."""
    if not words or not pieces:
        return pieces
    starts = np.array([word.start_s for word in words])
    ends = np.maximum.accumulate([word.end_s for word in words])
    edges = np.array(pieces) * curve.frame_s
    first = np.minimum(np.searchsorted(ends, edges[:, 0], side="right"), len(words) - 1)  # not over by then
    last = np.maximum(np.searchsorted(starts, edges[:, 1]) - 1, 0)  # the last to begin
    begin = np.where((edges[:, 0] - starts[first] < _WORD_OVER_S) & (starts[first] < edges[:, 0]), starts[first], 1e9)
    finish = np.where((ends[last] - edges[:, 1] < _WORD_OVER_S) & (ends[last] > edges[:, 1]), ends[last], -1.0)
    low = np.floor(np.minimum(begin, edges[:, 0]) / curve.frame_s + 1e-6).astype(int)
    high = np.minimum(np.ceil(np.maximum(finish, edges[:, 1]) / curve.frame_s - 1e-6).astype(int), len(curve.dbfs))
    for index in np.flatnonzero(high[:-1] > low[1:]):
        high[index] = low[index + 1] = min(max(int(low[index + 1]), pieces[index][1]), pieces[index + 1][0])
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _cut_long(
    curve: LevelCurve,
    pieces: Runs,
    options: SegmentOptions,
    words: Sequence[Word],
    gaps: Places | None,
) -> Runs:
    shortest, longest = max(1, curve.frames_in(options.min_clip_s)), curve.frames_in(options.max_clip_s)
    cut: Runs = []
    for first, last in pieces:
        if last - first <= longest:
            cut.append((first, last))
            continue
        places = valleys(curve, first, last, longest - shortest)
        if gaps is not None:
            places = with_words(places, gaps.between(first, last), words, curve.frame_s)
        cuts = divide(first, last, places, shortest, longest)
        if gaps is None:
            cuts = _centre_cuts(curve, [first, *cuts, last], longest)
        edges = [first, *cuts, last]
        cut += zip(edges, edges[1:], strict=False)
    return cut


def _centre_cuts(curve: LevelCurve, edges: list[int], longest: int) -> list[int]:
    """Cuts moved to the middle of their quiet, where no piece gets too long by it."""
    for index in range(1, len(edges) - 1):
        place = centre_in_quiet(curve, edges[index])
        if edges[index - 1] < place < edges[index + 1]:
            longer = max(place - edges[index - 1], edges[index + 1] - place)
            edges[index] = place if longer <= longest else edges[index]
    return edges[1:-1]


def _join_short(pieces: Runs, curve: LevelCurve, options: SegmentOptions, words: Sequence[Word]) -> Runs:
    """Join across the shortest pauses first, where one side is too short to be a clip and the whole is not too long,
    or where the pause is known to lie within a sentence.

    One round is enough: a pause that was refused stays so, because pieces only grow.
    """
    shortest, longest = options.min_clip_s / curve.frame_s, curve.frames_in(options.max_clip_s)
    widest = options.max_join_pause_ms / 1000 / curve.frame_s
    head = list(range(len(pieces)))  # of each piece: the first and the last piece of its group, at the group's ends
    tail = list(range(len(pieces)))
    gaps = [after[0] - before[1] for before, after in zip(pieces, pieces[1:], strict=False)]
    within = _within_sentence(pieces, words, curve.frame_s)
    for index in sorted((i for i in range(len(gaps)) if gaps[i] <= widest), key=gaps.__getitem__):
        a, b = head[index], tail[index + 1]
        start, middle, resume, end = pieces[a][0], pieces[index][1], pieces[index + 1][0], pieces[b][1]
        is_needed = middle - start < shortest or end - resume < shortest or (index in within and gaps[index] > 0)
        if end - start <= longest and is_needed:
            tail[a], head[b] = b, a
    groups, index = [], 0
    while index < len(pieces):
        groups.append((pieces[index][0], pieces[tail[index]][1]))
        index = tail[index] + 1
    return groups


def _within_sentence(pieces: Runs, words: Sequence[Word], frame_s: float) -> set[int]:
    """After which pieces the sentence goes on."""
    if len(words) < 2:
        return set()
    middles = np.array([(word.start_s + word.end_s) / 2 for word in words])
    indices = set()
    for index, (before, following) in enumerate(zip(pieces, pieces[1:], strict=False)):
        number = int(np.searchsorted(middles, (before[1] + following[0]) / 2 * frame_s))
        if 0 < number < len(words) and after(words[number - 1].text, words[number].text) != "sentence":
            indices.add(index)
    return indices


def _quiet(curve: LevelCurve, options: SegmentOptions) -> npt.NDArray[np.bool_]:
    """Frames that belong to a quiet long enough to be one between words, with those at the recording's ends."""
    dbfs = np.asarray(curve.dbfs, np.float32)
    room = float(np.percentile(dbfs[:: max(1, len(dbfs) // 50_000)], 3)) + _ABOVE_ROOM_DB
    threshold = level(options)
    starts, ends = runs(dbfs < max(threshold - _FAINT_DB, min(room, threshold + 20)))
    counts = (ends - starts >= round(_QUIET_S / curve.frame_s)) | (starts == 0) | (ends == len(dbfs))
    steps = np.zeros(len(dbfs) + 2, np.int8)
    steps[starts[counts]] += 1
    steps[ends[counts] + 1] -= 1  # a cut at the last border of a quiet is still in it
    return np.cumsum(steps, dtype=np.int8)[:-1] > 0  # neighbours overlap by one frame at most


def _span(curve: LevelCurve, piece: tuple[int, int], quiet: npt.NDArray[np.bool_]) -> Span:
    first, last = piece
    ends = (first > 0 and not quiet[first], last < len(curve.dbfs) and not quiet[last])
    names = {(True, True): "both", (True, False): "start", (False, True): "end"}
    return Span(curve.at(first), curve.at(last), names.get(ends, ""))


def _kinds(curve: LevelCurve, options: SegmentOptions, speech: Flags | None) -> npt.NDArray[np.int8]:
    """Of each frame why it would be left out, as long as no piece covers it: a pause, or sound that is no speech."""
    kinds = np.full(len(curve.dbfs), _PAUSE, np.int8)
    if speech is not None:
        sound = (curve.dbfs >= level(options)).astype(np.float32)
        mostly = smooth(sound, 2 * round(_NOTICED_S / curve.frame_s / 2) + 1) > 0.5
        kinds[mostly & ~speech] = _NOT_SPEECH
    return kinds


def _reasons(curve: LevelCurve, spans: list[Span], kinds: npt.NDArray[np.int8]) -> list[LeftOut]:
    """What no span covers, in pieces by why it is left out."""
    reasons: list[LeftOut] = []
    least = round(_NOTICED_S / curve.frame_s)
    changes = np.zeros(len(kinds), np.int32)
    np.cumsum(kinds[1:] != kinds[:-1], out=changes[1:])
    for gap in left_out(spans, curve.seconds):
        first, last = round(gap.start_s / curve.frame_s), round(gap.end_s / curve.frame_s)
        last = max(last, first + 1)
        first = min(first, last - 1, len(kinds) - 1)
        alike = changes[min(last, len(kinds)) - 1] == changes[first]
        parts = [(0, int(kinds[first]))] if alike else _runs_of_kind(kinds[first:last], least)
        times = [gap.start_s, *(curve.at(first + edge) for edge, _ in parts[1:]), gap.end_s]
        reasons += [LeftOut(a, b, "", REASONS[kind]) for a, b, (_, kind) in zip(times, times[1:], parts, strict=False)]
    return reasons


def _runs_of_kind(kinds: npt.NDArray[np.int8], least: int) -> list[tuple[int, int]]:
    """Where runs of a kind begin, and the kind; runs shorter than ``least`` count to the one before them."""
    edges = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    starts: list[tuple[int, int]] = []
    for first, last in zip(edges, edges[1:], strict=False):
        if last - first >= least and (not starts or starts[-1][1] != kinds[first]):
            starts.append((first if starts else 0, int(kinds[first])))
    return starts or [(0, int(np.bincount(kinds).argmax()))]
