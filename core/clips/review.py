"""Reviewing clips one by one: where a person is, what comes next, and how quickly it goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from core.clips import edit
from core.errors import UserError
from core.measures.flags import FLAGS
from core.project import conflicts
from core.project.records import Clip, ClipFilter, Source, Totals, Word
from core.project.workspace import Project
from core.text import clean_text

STATES = ("new", "flagged", "all", "approved", "rejected", "low", "silent")
ORDERS = ("time", "mismatch", "confidence", "length", "words", "likeness", "edited")  # in which clips may be walked
RejectionReason = Literal["noisy", "cut_word", "other_voice", "clipped", "unnatural", "silence"]
REASONS = get_args(RejectionReason)  # a person may reject a clip for
DOUBTFUL = 0.5  # a word recognised with less probability is marked
PER_PAGE = 10  # clips listed at once
# Lists that a decision takes clips off, and where they go.
_DECIDED = {"new": "decided", "flagged": "decided_flagged", "silent": "decided_silent"}
_BEFORE = 2  # of them, before the one that is shown
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_PAUSE_S = 120.0  # a longer time between two decisions was no listening


@dataclass(frozen=True)
class Spot:
    """Where the review stands: the clip, its place in the filtered list (1 is the first), and its neighbours.

    ``place`` is 0 if the clip is shown though the filter does not hold it (it was just decided, or one went back).
    ``decided`` are those that a decision has taken off the list: with them, place and count tell how far one has come.
    ``words`` are those known of its stretch of the recording; ``neighbour_id`` is the clip after it there.
    ``listing`` are the clips of the list from the place ``list_start`` on (0 is the first).
    """

    clip: Clip
    source: Source
    place: int
    count: int
    decided: int
    previous_id: str
    next_id: str
    words: tuple[Word, ...] = ()
    neighbour_id: str = ""
    listing: tuple[Clip, ...] = ()
    list_start: int = 0


def spot(
    project: Project,
    state: str = "new",
    clip_id: str = "",
    search: str = "",
    flag: str = "",
    sort: str = "time",
    source: str = "",
    voice: str = "",
    turn: int = 0,
) -> Spot | None:
    """The clip to show and what is around it; None if the filter leaves no clip. Reads a handful of rows.

    Args:
        state: one of `STATES`; another is taken for ``new``.
        clip_id: the wished clip; without one, or if it is gone, the first of the filter.
        search: only clips whose text holds this.
        flag: only clips with this flag.
        sort: one of `ORDERS`; another is taken for ``time``.
        source: only clips of this recording.
        voice: only clips of the voice of this number, or with ``!`` before it of any other; see `list_filter`.
        turn: how many pages before (negative) or after the clip the list shows.
    """
    store, clip_filter = project.store, list_filter(state, search, flag, sort, source, voice)
    clip = _clip(project, clip_id) or next(iter(store.clips(clip_filter, limit=1)), None)
    if clip is None:
        return None
    # Who goes back while only new clips are listed wants the one just decided.
    back = replace(clip_filter, state="all", flag="") if clip_filter.state == "new" else clip_filter
    before, count = store.count_before(clip_filter, clip), store.count(clip_filter)
    start = max(0, min(before - _BEFORE + turn * PER_PAGE, count - 1))
    return Spot(
        clip=clip,
        source=store.source(clip.source_id),
        place=before + 1 if store.holds(clip_filter, clip.id) else 0,
        count=count,
        decided=store.count(replace(clip_filter, state=_DECIDED[clip_filter.state])) if _leaves(clip_filter) else 0,
        previous_id=_first_id(store.walk(back, clip, forward=False)),
        next_id=_first_id(store.walk(clip_filter, clip)),
        words=tuple(store.words(clip.source_id, clip.start_s, clip.end_s)),
        neighbour_id=_first_id(store.walk(ClipFilter(source_id=clip.source_id), clip)),
        listing=tuple(store.clips(clip_filter, start, PER_PAGE)),
        list_start=start,
    )


def decide(
    project: Project,
    clip_id: str,
    status: str,
    text: str,
    state: str = "new",
    search: str = "",
    flag: str = "",
    sort: str = "time",
    source: str = "",
    voice: str = "",
    *,
    reason: str = "",
    stamp: str | None = None,
) -> str:
    """Approve or reject a clip with the text as it stands in the field; returns the id of the clip to show next.

    Args:
        project: whose clip.
        clip_id: which.
        status: ``approved`` or ``rejected``.
        text: what stands in the field.
        state, search, flag, sort, source, voice: the list that is walked, as for `spot`.
        reason: why it is rejected, one of `REASONS`; another is taken for none.
        stamp: the clip's `core.project.conflicts.stamp` as the person was shown it; None: it is not asked for.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``review.no_text`` when a clip without text is approved.
    """
    before = project.store.clip(clip_id)
    clip = change(project, clip_id, text=text, status=status, reason=reason, stamp=stamp)
    clip_filter = list_filter(state, search, flag, sort, source, voice)
    following = project.store.walk(clip_filter, before)  # from where it stood, whatever it is sorted by
    if not following and _leaves(clip_filter):  # passed over before
        following = project.store.clips(clip_filter, limit=1)
    if following:
        return following[0].id
    return "" if _leaves(clip_filter) else clip.id


def split(project: Project, clip_id: str, at_s: float, *, stamp: str | None = None) -> str:
    """Make two clips of one, ``at_s`` seconds after its beginning; returns the id of the first.

    Where it is known when words are said, it is parted between two words.

    Raises:
        UserError, Busy: as `core.clips.edit.split`.
    """
    clip = project.store.clip(clip_id)
    at_s += clip.start_s
    words = project.store.words(clip.source_id, clip.start_s, clip.end_s)
    inside = next((word for word in words if word.start_s < at_s < word.end_s), None)
    if inside is not None:
        at_s = inside.start_s if at_s - inside.start_s < inside.end_s - at_s else inside.end_s
    return edit.split(project, clip_id, at_s, stamp=stamp)[0].id


def join(project: Project, clip_id: str, *, stamp: str | None = None) -> str:
    """Make one clip of a clip and the next of its recording; returns its id.

    Raises:
        UserError, Busy: as `core.clips.edit.join`; ``review.nothing_to_join``: it is the last of its recording.
    """
    clip = project.store.clip(clip_id)
    neighbour_id = _first_id(project.store.walk(ClipFilter(source_id=clip.source_id), clip))
    if not neighbour_id:
        raise UserError("review.nothing_to_join", "No clip comes after this one in its recording.")
    return edit.join(project, clip_id, neighbour_id, stamp=stamp).id


def adopt(project: Project, clip_id: str, field: str, *, stamp: str | None = None, draft: str | None = None) -> Clip:
    """Make what a model heard the text of a clip; ``field`` is ``raw_text`` or ``second_text``.

    Args:
        project: whose clip.
        clip_id: which.
        field: whose reading.
        stamp: the clip's stamp with that reading as the person was shown them (see `core.project.conflicts`).
        draft: what stands in the text field.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``review.nothing_heard``.
    """
    clip = project.store.clip(clip_id)
    replacement = reading(clip, field)
    conflicts.check(clip, stamp, draft=draft, new_text=replacement)
    text = clean_text(replacement)
    if not text:
        raise UserError("review.nothing_heard", "There is no other text to take.", "Type what is said.")
    return project.store.edit_clip(clip_id, stamp=stamp, draft=draft, new_text=replacement, text=text)


def reading(clip: Clip, field: str) -> str:
    """What a model heard in a clip; ``field`` is ``raw_text`` or ``second_text``."""
    return {"raw_text": clip.raw_text, "second_text": clip.second_text}[field]


def correct(project: Project, clip_id: str, text: str, *, stamp: str | None = None) -> Clip:
    """Save the text of a clip; its status stays. ``stamp`` is its stamp as the person was shown it.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``.
    """
    return change(project, clip_id, text=text, stamp=stamp)


def change(
    project: Project,
    clip_id: str,
    *,
    text: str | None = None,
    status: str = "",
    reason: str | None = None,
    stamp: str | None = None,
) -> Clip:
    """Change the text of a clip, its status, or both as one; what is not given stays.

    Args:
        project: whose clip.
        clip_id: which.
        text: the new one.
        status: ``new``, ``approved`` or ``rejected``.
        reason: why it is rejected, one of `REASONS`; another is taken for none; None: as it was.
        stamp: the clip's `core.project.conflicts.stamp` as the person was shown it; None: it is not asked for.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``review.no_text`` when a clip without text is approved.
    """
    clip = project.store.clip(clip_id)
    conflicts.check(clip, stamp, draft=text, status=status)
    changes = {} if text is None else {"text": clean_text(text)}
    if status == "approved" and not changes.get("text", clip.text):
        raise UserError(
            "review.no_text", "A clip without a text cannot be approved.", "Type what is said, or reject the clip."
        )
    changes |= _decision(status, reason)
    return project.store.edit_clip(clip_id, stamp=stamp, draft=text, **changes)


def change_all(
    project: Project, clip_ids: Sequence[str], *, text: str | None = None, status: str = ""
) -> tuple[int, list[str]]:
    """The same change on several clips, undone as one; what is not given stays.

    Returns:
        how many were changed, and the ids of those that would be approved without a text, which stay as they are.
    """
    changes = {} if text is None else {"text": clean_text(text)}
    textless: list[str] = []
    if status == "approved" and not changes.get("text"):
        clips = project.store.clips_by_id(clip_ids)
        textless = [clip.id for clip in clips.values() if "text" in changes or not clip.text]
    changes |= _decision(status)
    return project.store.edit_clips(clip_ids, without=textless, **changes), textless


def _decision(status: str, reason: str | None = None) -> dict[str, str]:
    """The fields that a decision changes; a clip that is rejected anew keeps its reason where none is given."""
    if not status:
        return {}
    if status == "rejected" and reason is None:
        return {"status": status}
    return {"status": status, "reason": str(reason) if status == "rejected" and reason in REASONS else ""}


def counts(project: Project, totals: Totals | None = None) -> dict[str, int]:
    """How many clips each filter leaves; ``totals`` spares a query to who has them."""
    totals = totals or project.figures.totals()
    return {
        "all": totals.clips,
        "new": totals.clips - totals.approved - totals.rejected,
        "approved": totals.approved,
        "rejected": totals.rejected,
        "low": project.figures.count(ClipFilter("low")),
        "flagged": project.figures.count(ClipFilter("flagged")),
        "silent": project.figures.count(ClipFilter("silent")),
    }


def flag_counts(project: Project, state: str) -> dict[str, int]:
    """How many clips of a state have each flag, the weightiest kinds first; only those there are."""
    counts = project.figures.flag_counts(state)
    return {code: counts[code] for code in (*FLAGS, *sorted(counts.keys() - set(FLAGS))) if code in counts}


@dataclass(frozen=True)
class Pace:
    """How quickly clips are reviewed, per minute (0: not known yet), and how many seconds the rest takes at that."""

    per_minute: float
    rest_s: float | None


def pace(project: Project, remaining: int) -> Pace:
    """The speed over the last decisions, pauses left out."""
    times = project.store.decision_times()
    gaps = [end - earlier for end, earlier in zip(times, times[1:], strict=False) if end - earlier <= _PAUSE_S]
    if len(gaps) < 3 or sum(gaps) <= 0:
        return Pace(0.0, None)
    return Pace(60 * len(gaps) / sum(gaps), remaining * sum(gaps) / len(gaps))


def list_filter(
    state: str = "new", search: str = "", flag: str = "", sort: str = "time", source: str = "", voice: str = ""
) -> ClipFilter:
    """The list that is walked, as the address says it; what it does not know is passed over.

    ``voice`` is the number of a voice (`Clip.voice`), or with ``!`` before it that of the one that is left out.
    """
    number = voice.removeprefix("!")
    state = state if state in STATES else "new"
    clip_filter = ClipFilter(state, source, search, sort if sort in ORDERS else "time", flag=flag)
    if not _NUMBER.fullmatch(number):
        return clip_filter
    if voice.startswith("!"):
        return replace(clip_filter, besides_voice=int(number))
    return replace(clip_filter, voice=int(number))


def _leaves(clip_filter: ClipFilter) -> bool:
    """Whether a clip that is decided leaves the list."""
    return clip_filter.state in _DECIDED


def _first_id(clips: Sequence[Clip]) -> str:
    return clips[0].id if clips else ""


def _clip(project: Project, clip_id: str) -> Clip | None:
    if not clip_id:
        return None
    try:
        return project.store.clip(clip_id)
    except UserError:
        return None
