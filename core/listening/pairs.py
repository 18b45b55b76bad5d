"""Blind A/B pairs: two checkpoints, one sentence, the order drawn once and kept from the page until the vote."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.listening.candidates import candidates
from core.listening.listeners import check_of
from core.listening.making import make_pair, nothing_to_compare
from core.listening.notes import Note, Wish, drop, read_note, unjudged, write
from core.listening.sounds import enough_s
from core.project.workspace import Project

CHOICES = ("left", "right", "same")
_HEARD_TOLERANCE_S = 0.1  # a player counts in tenths


@dataclass(frozen=True)
class Playtime:
    """Seconds of each side that a player says it has played, what was heard twice counted once."""

    left_s: float
    right_s: float


@dataclass(frozen=True)
class Pair:
    """What the page may know before the vote. ``left`` and ``right`` are the ids of the sounds; they tell nothing.

    ``enough_s`` is how much of each has to be heard. ``left_out`` names samples that could not be taken: silent or
    unreadable ones.
    """

    id: str
    text: str
    left: str
    right: str
    enough_s: tuple[float, float] = (0.0, 0.0)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reveal:
    """What was heard, each with its run's title. ``winner`` is left, right or same, as voted.

    ``check`` is ``same`` or ``real`` if the pair was a hidden check (`core.listening.listeners`), else empty.
    """

    pair_id: str
    left: CheckpointRef
    right: CheckpointRef
    left_title: str
    right_title: str
    winner: str
    check: str = ""


def next_pair(
    project: Project,
    left: CheckpointRef | None = None,
    right: CheckpointRef | None = None,
    text: str = "",
    *,
    fresh: bool = False,
    listener: str = "",
) -> Pair:
    """The pair to judge now: the open one if it is what is asked for, so that a reload changes nothing; else a new one.

    Args:
        project: whose checkpoints.
        left, right: two candidates; the page's two choices, not the sides they will be on. None lets the pair that
            teaches most be chosen, and now and then a hidden check.
        text: the sentence; empty takes the one heard least.
        fresh: drop the open pair and take another one ("skip").
        listener: whose pair it is.

    Raises:
        UserError: ``listening.too_few``, ``listening.missing``, ``listening.not_comparable``,
            ``listening.no_sentence``, ``listening.silent``.
    """
    wish = _wish(project, left, right, text, listener)
    open_notes = unjudged(project, wish)
    if fresh and open_notes:
        drop(project, open_notes.pop(0))
    return _pair(open_notes[0] if open_notes else make_pair(project, wish, []))


def following_pair(
    project: Project,
    left: CheckpointRef | None = None,
    right: CheckpointRef | None = None,
    text: str = "",
    *,
    listener: str = "",
) -> Pair | None:
    """The pair that will come after the open one, made ahead so that a player can load it; None if there is none."""
    wish = _wish(project, left, right, text, listener)
    open_notes = unjudged(project, wish)
    if not open_notes:
        return None
    return _pair(open_notes[1] if len(open_notes) > 1 else make_pair(project, wish, open_notes))


def vote(
    project: Project, pair_id: str, choice: str, listener: str = "", *, playtime: Playtime | None = None
) -> Reveal:
    """Keep the vote and tell the names. A second vote on a pair changes nothing: the first one counts.

    Args:
        project: whose checkpoints.
        pair_id: what was compared.
        choice: left, right or same.
        listener: who heard it; empty where nobody says.
        playtime: what the page's player has played. A vote without enough of both is refused. It is the player that
            says so: whoever answers in its place can say anything, which is what hidden checks are for. None where
            a program votes.

    Raises:
        UserError: ``listening.no_pair``, ``listening.not_heard``.
        ValueError: ``choice`` is none of left, right, same.
    """
    if choice not in CHOICES:
        raise ValueError(f"{choice!r} is none of {', '.join(CHOICES)}")
    note = read_note(project, pair_id)
    if playtime is not None:
        for letter, side, seconds in (("A", note.left, playtime.left_s), ("B", note.right, playtime.right_s)):
            if seconds + _HEARD_TOLERANCE_S < enough_s(side.seconds):
                raise UserError(
                    "listening.not_heard",
                    "The vote was not counted: of {letter} only {heard} s were heard, and {enough} s are needed.",
                    "Listen to both, then vote.",
                    letter=letter,
                    heard=round(max(0.0, seconds), 1),
                    enough=round(enough_s(side.seconds), 1),
                )
    project.store.add_vote(note.as_vote(choice, listener))
    return reveal(project, pair_id)


def pair(project: Project, pair_id: str) -> Pair:
    """A pair by its id.

    Raises:
        UserError: ``listening.no_pair``.
    """
    return _pair(read_note(project, pair_id))


def reveal(project: Project, pair_id: str) -> Reveal:
    """The names of a pair that was voted on.

    Raises:
        UserError: ``listening.no_pair``, or ``listening.not_voted`` as long as it is blind.
    """
    note = read_note(project, pair_id)
    ballot = next((vote for vote in project.store.votes() if vote.pair == pair_id), None)
    if ballot is None:
        raise UserError("listening.not_voted", "This pair has no vote yet.", "Vote first; then the names are shown.")
    titles = note.left.title, note.right.title
    return Reveal(pair_id, ballot.left, ballot.right, *titles, ballot.choice, check_of(ballot))


def undo(project: Project, listener: str | None = None) -> Pair | None:
    """Take the last vote back and open its pair again, with the same sides; None if there was no vote.

    ``listener``: whose last vote; None is anybody's.
    """
    own = [vote for vote in project.store.votes() if listener in (None, vote.listener)]
    if not own:
        return None
    project.store.undo_vote(own[-1].pair)
    try:
        note = read_note(project, own[-1].pair)
    except UserError:
        return None
    # In front of the one that was made ahead.
    open_notes = unjudged(project, Wish(listener=note.listener), any_wish=True)
    note = replace(note, at=max(0.0, min([neighbour.at for neighbour in open_notes], default=time.time()) - 1))
    write(project, note)
    return _pair(note)


def _wish(project: Project, left: CheckpointRef | None, right: CheckpointRef | None, text: str, listener: str) -> Wish:
    if left and left == right:
        raise nothing_to_compare(candidates(project), [left], text)
    return Wish(frozenset(checkpoint for checkpoint in (left, right) if checkpoint), text, listener)


def _pair(note: Note) -> Pair:
    limits = enough_s(note.left.seconds), enough_s(note.right.seconds)
    return Pair(note.id, note.text, note.left.sound, note.right.sound, limits, note.left_out)
