"""Reviewing clips: where one is, what comes next, and deciding in one go on what looks right or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.measures.flags import FLAGS
from core.measures.voices import has_several_voices, update_similarity
from core.project import conflicts
from core.project.records import Clip, ClipFilter, Source, Totals, Word
from core.project.workspace import Project
from core.text import clean_text

STATES = ("new", "flagged", "all", "approved", "rejected", "low")
ORDERS = ("time", "mismatch", "confidence")  # in which flagged clips may be walked
READING_FIELDS = ("raw_text", "second_text")  # what the models heard
DOUBTFUL = 0.5  # a word recognised with less probability is marked
THRESHOLDS = (0.95, 0.9, 0.85, 0.8, 0.7)  # how sure recognition must be, as offered for approving many at once
LOOKS_RIGHT = 0.85  # the one that is offered first
AHEAD = 7  # how many of the next clips are listed


@dataclass(frozen=True)
class Spot:
    """Where the review stands: the clip, its place in the filtered list (1 is the first), and its neighbours.

    ``place`` is 0 if the clip is shown though the filter does not hold it (it was just decided, or one went back).
    ``words`` are those known of its stretch of the recording.
    """

    clip: Clip
    source: Source
    place: int
    count: int
    previous_id: str
    following: tuple[Clip, ...]
    words: tuple[Word, ...] = ()

    @property
    def next_id(self) -> str:
        """The clip → leads to, or nothing at the end."""
        return self.following[0].id if self.following else ""


def spot(
    project: Project, state: str = "new", clip_id: str = "", search: str = "", flag: str = "", sort: str = "time"
) -> Spot | None:
    """The clip to show and what is around it; None if the filter leaves no clip. Reads a handful of rows.

    Args:
        state: one of `STATES`; another is taken for ``new``.
        clip_id: the wished clip; without one, or if it is gone, the first of the filter.
        search: only clips whose text holds this.
        flag: only clips with this flag.
        sort: one of `ORDERS`; another is taken for ``time``.
    """
    store, clip_filter = project.store, _filter(state, search, flag, sort)
    clip = _clip(project, clip_id) or next(iter(store.clips(clip_filter, limit=1)), None)
    if clip is None:
        return None
    # Who goes back while only new clips are listed wants the one just decided.
    back = ClipFilter(search=search) if clip_filter.state == "new" else clip_filter
    return Spot(
        clip=clip,
        source=store.source(clip.source_id),
        place=store.count_before(clip_filter, clip) + 1 if store.holds(clip_filter, clip.id) else 0,
        count=store.count(clip_filter),
        previous_id=next((neighbour.id for neighbour in store.walk(back, clip, forward=False)), ""),
        following=tuple(store.walk(clip_filter, clip, limit=AHEAD)),
        words=tuple(store.words(clip.source_id, clip.start_s, clip.end_s)),
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
    *,
    stamp: str | None = None,
) -> str:
    """Approve or reject a clip with the text as it stands in the field; returns the id of the clip to show next.

    Args:
        project: whose clip.
        clip_id: which.
        status: ``approved`` or ``rejected``.
        text: what stands in the field.
        state, search, flag, sort: the list that is walked, as for `spot`.
        stamp: the clip's `core.project.conflicts.stamp` as the person was shown it; None: it is not asked for.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``, ``review.no_text`` when a clip without text is approved.
    """
    text = clean_text(text)
    conflicts.check(project.store.clip(clip_id), stamp, draft=text, status=status)
    if status == "approved" and not text:
        raise UserError(
            "review.no_text", "A clip without a text cannot be approved.", "Type what is said, or reject the clip."
        )
    clip = project.store.edit_clip(clip_id, stamp=stamp, draft=text, status=status, text=text, reason="")
    clip_filter = _filter(state, search, flag, sort)
    following = project.store.walk(clip_filter, clip)
    leaves_list = clip_filter.state in ("new", "flagged")  # a clip that is decided leaves the list
    if not following and leaves_list:  # passed over before
        following = project.store.clips(clip_filter, limit=1)
    if following:
        return following[0].id
    return "" if leaves_list else clip.id


def adopt(project: Project, clip_id: str, field: str, *, stamp: str | None = None, draft: str | None = None) -> Clip:
    """Make what a model heard the text of a clip; ``field`` is one of `READING_FIELDS`.

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
    """What a model heard in a clip; ``field`` is one of `READING_FIELDS`."""
    return {"raw_text": clip.raw_text, "second_text": clip.second_text}[field]


def correct(project: Project, clip_id: str, text: str, *, stamp: str | None = None) -> Clip:
    """Save the text of a clip; its status stays. ``stamp`` is its stamp as the person was shown it.

    Raises:
        UserError: ``clip.missing``, ``clip.changed``.
    """
    return project.store.edit_clip(clip_id, stamp=stamp, draft=text, text=text)


def undo(project: Project, *, stamp: str | None = None) -> str:
    """Take the last change back, of one clip or of many at once; returns the id of the (first) clip it was of.

    ``stamp`` is the stamp of the last change as the person was shown it (`Store.last_change`).

    Raises:
        UserError: ``clip.changed``, ``review.nothing_to_undo``.
    """
    clip_ids = project.store.undo_last(stamp)
    if not clip_ids:
        raise UserError("review.nothing_to_undo", "There is no change to take back.")
    if len(clip_ids) > 1 and has_several_voices(project):
        update_similarity(project)  # clips of a voice that was put aside are back
    return clip_ids[0]


def counts(project: Project, totals: Totals | None = None) -> dict[str, int]:
    """How many clips each filter leaves; ``totals`` spares a query to who has them."""
    totals = totals or project.figures.totals()
    return {
        "all": totals.clips,
        "new": totals.clips - totals.approved - totals.rejected,
        "approved": totals.approved,
        "rejected": totals.rejected,
        "low": project.store.count(ClipFilter("low")),
        "flagged": project.store.count(ClipFilter("flagged")),
    }


def flag_counts(project: Project, state: str) -> dict[str, int]:
    """How many clips of a state have each flag, the weightiest kinds first; only those there are."""
    counts = project.figures.flag_counts(state)
    return {code: counts[code] for code in (*FLAGS, *sorted(counts.keys() - set(FLAGS))) if code in counts}


def sure_counts(project: Project, *, with_flags: bool = False) -> dict[float, int]:
    """How many new clips each of the thresholds would approve; see `approve_sure`."""
    return project.figures.sure_counts(THRESHOLDS, without_flags=not with_flags)


def sure_filter(threshold: float = LOOKS_RIGHT, *, with_flags: bool = False) -> ClipFilter:
    """The clips that `approve_sure` approves."""
    return ClipFilter("new", sure=max(0.01, threshold), without_flags=not with_flags)


def approve_sure(
    project: Project, threshold: float = LOOKS_RIGHT, *, with_flags: bool = False, stamp: str | None = None
) -> int:
    """Approve every new clip with a text of at least this confidence; returns how many. `undo` takes it back as one.

    Those worth a second look are left out, unless ``with_flags``. ``stamp`` is that of these clips as the person was
    shown how many they are (`Store.stamp`).

    Raises:
        UserError: ``clips.changed``.
    """
    return project.store.edit_clips(sure_filter(threshold, with_flags=with_flags), stamp=stamp, status="approved")


def reject_flagged(project: Project, flag: str, *, stamp: str | None = None) -> int:
    """Reject every new clip with this flag, which is then the reason; returns how many. `undo` takes it back as one.

    Raises:
        UserError: ``clips.changed``, with ``stamp`` as for `approve_sure`.
    """
    clip_filter = ClipFilter("flagged", flag=flag)
    return project.store.edit_clips(clip_filter, stamp=stamp, status="rejected", reason=flag) if flag else 0


def _filter(state: str, search: str, flag: str = "", sort: str = "time") -> ClipFilter:
    state = state if state in STATES else "new"
    return ClipFilter(state, search=search, flag=flag, sort=sort if sort in ORDERS else "time")


def _clip(project: Project, clip_id: str) -> Clip | None:
    if not clip_id:
        return None
    try:
        return project.store.clip(clip_id)
    except UserError:
        return None
