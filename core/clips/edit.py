"""Changing the clips of a recording by hand: borders, split, join, removal, bringing back; each undone as one."""

from __future__ import annotations

import bisect
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.audio.options import SegmentOptions
from core.audio.threshold import for_recording
from core.clips import alignment
from core.clips.cut import cut_clip, options_of_last_cut, text_between
from core.clips.lock import clip_lock
from core.clips.trash_folder import put_sound_away
from core.errors import UserError
from core.files import disk_full, is_full, takes_nothing_more
from core.measures.flags import sound_flags
from core.measures.registry import VOIDED_BY_CUT
from core.project import conflicts
from core.project.records import Clip, Source, Word
from core.project.workspace import Project
from core.reasons import reason_of

SHORTEST_S = 0.3
LONGEST_S = 60.0  # more is no clip; what an engine can learn from is shorter and only marked
SAME_S = 0.001
_DECIMALS = 4  # of a second, finer than one sample


def move_border(project: Project, clip_id: str, start_s: float, end_s: float, *, stamp: str | None = None) -> Clip:
    """Give a clip other bounds; the clip that takes its place has a new number and is to be reviewed anew.

    Where it is known when words are said, those that come in or fall out change the text. ``stamp`` is the clip's stamp
    as the person was shown it (see `core.project.conflicts`); so it is of `split`, `join` and `remove`.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``edit.overlap``, ``edit.too_short``, ``edit.too_long``,
            ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    with _editing(project, clip_id, stamp) as (source, old):
        start_s, end_s = _bounds(project, source, start_s, end_s, [old])
        if abs(start_s - old.start_s) < SAME_S and abs(end_s - old.end_s) < SAME_S:
            return old
        ends = [name for name, was, now in (("start", old.start_s, start_s), ("end", old.end_s, end_s))
                  if old.forced in (name, "both") and abs(was - now) < SAME_S]  # fmt: skip
        fresh = _fresh(project, source, [old], start_s, end_s)
        return _swap(project, source, "move", [old], [replace(fresh, forced=_ends(ends))])[0]


def split(project: Project, clip_id: str, at_s: float, *, stamp: str | None = None) -> tuple[Clip, Clip]:
    """Make two clips of one; each gets its part of the text.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``edit.too_short``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    with _editing(project, clip_id, stamp) as (source, old):
        at_s = round(at_s, _DECIMALS)
        if min(at_s - old.start_s, old.end_s - at_s) < SHORTEST_S - SAME_S:
            raise _too_short()
        words = project.store.words(source.id, old.start_s - 5, old.end_s)
        timed_words = alignment.timed_words(old, words)
        fresh = []
        for begin, end, name in ((old.start_s, at_s, "start"), (at_s, old.end_s, "end")):
            text = text_between(timed_words or words, begin, end)
            end_mark = name if old.forced in (name, "both") else ""
            is_given = _is_given(project, [old], words, begin, end)
            fresh.append(replace(_clip(source, [old], begin, end, text, is_given), forced=end_mark))
        first, second = _swap(project, source, "split", [old], fresh)
        return first, second


def join(
    project: Project, clip_id: str, next_clip_id: str, *, stamp: str | None = None, next_stamp: str | None = None
) -> Clip:
    """Make one clip of two neighbours and what lies between them.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``edit.not_neighbours``, ``edit.too_long``,
            ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    with _editing(project, clip_id, stamp) as (source, first):
        second = project.store.clip(next_clip_id)
        conflicts.check(second, next_stamp)
        between = project.store.clips_between(source.id, first.start_s, second.end_s)
        if second.source_id != source.id or {clip.id for clip in between} != {first.id, second.id}:
            raise UserError(
                "edit.not_neighbours", "These two clips are not next to each other.", "Join a clip with the next one."
            )
        start_s, end_s = _bounds(project, source, first.start_s, second.end_s, [first, second])
        ends = [name for name, clip in (("start", first), ("end", second)) if clip.forced in (name, "both")]
        fresh = _fresh(project, source, [first, second], start_s, end_s)
        return _swap(project, source, "join", [first, second], [replace(fresh, forced=_ends(ends))])[0]


def remove(project: Project, clip_id: str, *, stamp: str | None = None) -> None:
    """Leave a clip out. Its sound stays in the recording.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``.
        Busy: the project's recordings are being cut.
    """
    with _editing(project, clip_id, stamp) as (source, old):
        _swap(project, source, "remove", [old], [])


def bring_back(project: Project, source_id: str, start_s: float, end_s: float) -> Clip:
    """Make a clip of a part of a recording that was left out.

    Raises:
        UserError: ``source.missing``, ``edit.overlap``, ``edit.too_short``, ``edit.too_long``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    source = project.store.source(source_id)
    with clip_lock(project):
        start_s, end_s = _bounds(project, source, start_s, end_s, [])
        return _swap(project, source, "bring_back", [], [_fresh(project, source, [], start_s, end_s)])[0]


def recut(project: Project, source_id: str, bounds: Mapping[str, tuple[float, float]], action: str) -> list[Clip]:
    """Give several clips of a recording other bounds, undone as one; returns those that take their place.

    A clip whose text stays the same keeps its status: it is what a person decided on, with the rest of a word. The
    others are to be reviewed anew.

    Args:
        project: whose.
        source_id: the recording.
        bounds: start and end of each clip by id, in seconds; apart from each other and from other clips.
        action: what the change is called (`Edit.what`).

    Raises:
        UserError: ``clip.missing``, ``edit.overlap``, ``edit.too_short``, ``edit.too_long``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    source = project.store.source(source_id)
    with clip_lock(project):
        old = [project.store.clip(clip_id) for clip_id in bounds]
        fresh = []
        starts = sorted(start_s for start_s, _ in bounds.values())
        for clip in old:
            start_s, end_s = bounds[clip.id]
            place = bisect.bisect_right(starts, start_s)
            end_s = min([end_s, *starts[place : place + 1]])  # both may have reached into the pause between them
            start_s, end_s = _bounds(project, source, start_s, end_s, old)
            # Two neighbours may have handed a word over: both say what is spoken there.
            near = [neighbour for neighbour in old if neighbour.start_s < end_s and neighbour.end_s > start_s]
            new = _fresh(project, source, near, start_s, end_s)
            if new.text == clip.text:
                blanks: dict[str, Any] = dict.fromkeys(VOIDED_BY_CUT)
                new = replace(clip, id="", start_s=start_s, end_s=end_s, forced="", edited_at=time.time(), **blanks)
            fresh.append(new)
        ready = _swap(project, source, action, old, fresh)
        flags = {clip.id: sound_flags(clip) for clip in ready}
        project.store.measure_clips({clip_id: {"sound_flags": codes} for clip_id, codes in flags.items()})
        return [replace(clip, sound_flags=flags[clip.id]) for clip in ready]


@contextlib.contextmanager
def _editing(project: Project, clip_id: str, stamp: str | None) -> Iterator[tuple[Source, Clip]]:
    """The clip as it is now, and its recording, while nobody else changes it; refused if it is not as it was seen."""
    with clip_lock(project):
        clip = project.store.clip(clip_id)
        conflicts.check(clip, stamp)
        yield project.store.source(clip.source_id), clip


def _bounds(project: Project, source: Source, start_s: float, end_s: float, old: Sequence[Clip]) -> tuple[float, float]:
    """The bounds inside the recording, or the reason why no clip can have them."""
    start_s, end_s = round(max(0.0, start_s), _DECIMALS), round(min(source.seconds, end_s), _DECIMALS)
    if end_s - start_s < SHORTEST_S - SAME_S:
        raise _too_short()
    if end_s - start_s > LONGEST_S:
        raise UserError(
            "edit.too_long",
            "A clip of {seconds} s is too long.",
            "At most {longest} s can be one clip; choose a shorter piece.",
            seconds=round(end_s - start_s, 1),
            longest=round(LONGEST_S),
        )
    old_ids = {clip.id for clip in old}
    for neighbour in project.store.clips_between(source.id, start_s + SAME_S, end_s - SAME_S):
        if neighbour.id not in old_ids:
            raise UserError(
                "edit.overlap",
                "This piece would reach into the clip beside it.",
                "End it before the other begins, or join the two.",
                id=neighbour.id,
            )
    return start_s, end_s


def _too_short() -> UserError:
    return UserError(
        "edit.too_short",
        "A clip must have at least {shortest} s.",
        "Choose a longer piece, or leave it out.",
        shortest=SHORTEST_S,
    )


def _ends(names: Sequence[str]) -> str:
    return "both" if len(names) == 2 else "".join(names)


def _fresh(project: Project, source: Source, old: Sequence[Clip], start_s: float, end_s: float) -> Clip:
    """A clip with these bounds and what is said between them."""
    low = min([start_s, *(clip.start_s for clip in old)])
    high = max([end_s, *(clip.end_s for clip in old)])
    words = project.store.words(source.id, low - 5, high)
    text = alignment.text_spoken_between(old, words, start_s, end_s)
    if not words:
        text = text_between([Word(clip.start_s, clip.end_s, clip.text.strip()) for clip in old], low, high)
    return _clip(source, old, start_s, end_s, text, _is_given(project, old, words, start_s, end_s))


def _is_given(project: Project, old: Sequence[Clip], words: Sequence[Word], start_s: float, end_s: float) -> bool:
    """Whether what is said in a stretch was brought along or is a person's, at least in part; else a model heard it."""
    with_text = [clip for clip in old if clip.text]
    for clip in with_text:
        changes = project.store.revisions(clip.id)
        if clip.given or clip.text != clip.raw_text or any(change.field == "text" for change in changes):
            return True
    return any(
        word.probability is None and not any(alignment.within([word], clip.start_s, clip.end_s) for clip in with_text)
        for word in alignment.within(words, start_s, end_s)
    )


def _clip(source: Source, old: Sequence[Clip], start_s: float, end_s: float, text: str, is_given: bool) -> Clip:
    """A new clip that has not been reviewed; its id is given when it is stored.

    What a model heard and nobody corrected may be replaced when the new clip is heard; a given text stays.
    """
    language = next((clip.language for clip in old if clip.language), "")
    return Clip(
        "", source.id, start_s, end_s, text=text, raw_text="" if is_given else text, language=language,
        given=int(is_given and bool(text)), edited_at=time.time(),
    )  # fmt: skip


def _swap(project: Project, source: Source, kind: str, old: Sequence[Clip], fresh: Sequence[Clip]) -> list[Clip]:
    """Write the sound of the new clips, put them in the place of the old ones, and keep what those had."""
    last = project.store.last_number(source.id)
    new_clips = [replace(clip, id=f"{source.id}-{last + n:04d}") for n, clip in enumerate(fresh, 1)]
    options = options_of_last_cut(project, source.id)
    ready: list[Clip] = []
    try:
        for clip in new_clips:
            ready.append(clip)
            ready[-1] = write_sound(project, source, clip, options)
        # The text of one may have been corrected while the sound was written.
        stamps = [conflicts.stamp(clip) for clip in old]
        project.store.swap_clips(source.id, kind, [clip.id for clip in old], ready, stamps)
    except BaseException:
        for clip in ready:
            project.clip_file(clip.id).unlink(missing_ok=True)
        raise
    put_sound_away(project, old)
    return ready


def write_sound(project: Project, source: Source, clip: Clip, options: SegmentOptions) -> Clip:
    """Write a clip's sound; returns it with what was measured."""
    try:
        return cut_clip(project, source, clip, for_recording(options, project.sound_file(source)))
    except (OSError, RuntimeError) as error:  # RuntimeError: what libsndfile raises, as on a full disk
        if is_full(error) or takes_nothing_more(project.clips):
            raise disk_full() from error
        raise UserError(
            "edit.not_written",
            "The new clip could not be written: {reason}. Nothing was changed.",
            "Look at the free disk space on the System page and try again.",
            reason=reason_of(error),
        ) from error
