"""Blind A/B pairs: two checkpoints, one sentence, the order drawn once and kept from the page until the vote."""

from __future__ import annotations

import os
import random
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.audio.samples import Samples, write_wav
from core.checkpoint_ref import CheckpointRef
from core.damage import Count, DamagedFile, Finite, UnixTime, read_all, read_record
from core.errors import UserError
from core.files import write_json
from core.listening.candidates import REAL, Candidate, Sentence, candidates, comparable, real_recordings
from core.listening.listeners import REAL_VOICE, SAME, check_of, counted, due_check, trusted_names
from core.listening.ranking import suggest
from core.listening.sounds import enough_s, facts, matched
from core.project.records import Vote
from core.project.workspace import Project

CHOICES = ("left", "right", "same")
_ID = re.compile(r"[0-9a-f]{16}")
_KEPT_SOUNDS = 40  # copies of sounds beyond the newest so many are cleared away
_HEARD_TOLERANCE_S = 0.1  # a player counts in tenths


@dataclass(frozen=True)
class Heard:
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


@dataclass(frozen=True)
class Side:
    """One side of a pair as it is noted; ``label`` is the run's title, in earlier versions with the step."""

    run: str
    step: Count
    label: str
    sound: str
    seconds: Finite = 0.0

    @property
    def checkpoint(self) -> CheckpointRef:
        """What was heard."""
        return CheckpointRef(self.run, self.step)

    @property
    def title(self) -> str:
        """The run's."""
        return self.label.removesuffix(f" · {self.step}")


@dataclass(frozen=True)
class Note:
    """What lies on the disk of a pair; ``at`` is Unix time, ``sentence`` its number in the run.

    ``listener`` is for whom it was made. ``own_choice``: it was asked for by its checkpoints or its sentence.
    """

    id: str
    at: UnixTime
    text: str
    sentence: Count
    left: Side
    right: Side
    listener: str = ""
    own_choice: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both."""
        return self.left, self.right

    def as_vote(self, choice: str, listener: str) -> Vote:
        """What is kept of an answer."""
        return Vote(self.id, self.left.checkpoint, self.right.checkpoint, choice, time.time(), self.text, listener)


@dataclass(frozen=True)
class Wish:
    """What a pair is asked to be: with these checkpoints, of this sentence, for this listener; empty lets it choose."""

    checkpoints: frozenset[CheckpointRef] = frozenset()
    sentence: int | None = None
    listener: str = ""

    @property
    def is_own_choice(self) -> bool:
        """Whether a person chose what is compared: then there are no hidden checks."""
        return bool(self.checkpoints) or self.sentence is not None


def next_pair(
    project: Project,
    left: CheckpointRef | None = None,
    right: CheckpointRef | None = None,
    sentence: int | None = None,
    *,
    fresh: bool = False,
    listener: str = "",
) -> Pair:
    """The pair to judge now: the open one if it is what is asked for, so that a reload changes nothing; else a new one.

    Args:
        project: whose checkpoints.
        left, right: two candidates; the page's two choices, not the sides they will be on. None lets the pair that
            teaches most be chosen, and now and then a hidden check.
        sentence: number of the sentence; None takes the one heard least.
        fresh: drop the open pair and take another one ("skip").
        listener: whose pair it is.

    Raises:
        UserError: ``listening.too_few``, ``listening.missing``, ``listening.not_comparable``,
            ``listening.no_sentence``, ``listening.silent``.
    """
    wish = _wish(project, left, right, sentence, listener)
    open_notes = _open_notes(project, wish)
    if fresh and open_notes:
        _drop(project, open_notes.pop(0))
    return _pair(open_notes[0] if open_notes else _make(project, wish, []))


def following_pair(
    project: Project,
    left: CheckpointRef | None = None,
    right: CheckpointRef | None = None,
    sentence: int | None = None,
    *,
    listener: str = "",
) -> Pair | None:
    """The pair that will come after the open one, made ahead so that a player can load it; None if there is none."""
    wish = _wish(project, left, right, sentence, listener)
    open_notes = _open_notes(project, wish)
    if not open_notes:
        return None
    return _pair(open_notes[1] if len(open_notes) > 1 else _make(project, wish, open_notes))


def vote(project: Project, pair_id: str, choice: str, listener: str = "", *, heard: Heard | None = None) -> Reveal:
    """Keep the vote and tell the names. A second vote on a pair changes nothing: the first one counts.

    Args:
        project: whose checkpoints.
        pair_id: what was compared.
        choice: left, right or same.
        listener: who heard it; empty where nobody says.
        heard: what the page's player has played. A vote without enough of both is refused. It is the player that
            says so: whoever answers in its place can say anything, which is what hidden checks are for. None where
            a program votes.

    Raises:
        UserError: ``listening.no_pair``, ``listening.not_heard``.
        ValueError: ``choice`` is none of left, right, same.
    """
    if choice not in CHOICES:
        raise ValueError(f"{choice!r} is none of {', '.join(CHOICES)}")
    note = _note(project, pair_id)
    if heard is not None:
        for letter, side, seconds in (("A", note.left, heard.left_s), ("B", note.right, heard.right_s)):
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
    return _pair(_note(project, pair_id))


def reveal(project: Project, pair_id: str) -> Reveal:
    """The names of a pair that was voted on.

    Raises:
        UserError: ``listening.no_pair``, or ``listening.not_voted`` as long as it is blind.
    """
    note = _note(project, pair_id)
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
        note = _note(project, own[-1].pair)
    except UserError:
        return None
    # In front of the one that was made ahead.
    open_notes = _open_notes(project, Wish(listener=note.listener), any_wish=True)
    note = replace(note, at=max(0.0, min([other.at for other in open_notes], default=time.time()) - 1))
    _write(project, note)
    return _pair(note)


def audio_file(project: Project, sound_id: str) -> Path:
    """The sound behind one side of a pair.

    Raises:
        UserError: ``listening.no_sound``.
    """
    path = _folder(project) / f"{sound_id}.wav"
    if not _ID.fullmatch(sound_id) or not path.exists():
        raise UserError("listening.no_sound", "This sound is no longer there.", "Reload the page.")
    return path


def _wish(
    project: Project, left: CheckpointRef | None, right: CheckpointRef | None, sentence: int | None, listener: str
) -> Wish:
    if left and left == right:
        raise _nothing_to_compare(candidates(project), [left], sentence)
    return Wish(frozenset(checkpoint for checkpoint in (left, right) if checkpoint), sentence, listener)


def _make(project: Project, wish: Wish, ahead_of: list[Note]) -> Note:
    """A new pair; what is silent or cannot be read is left out and named, and another one is chosen."""
    pool = candidates(project)
    if wish.sentence is not None:
        pool = [replace(candidate, samples=_of_sentence(candidate, wish.sentence)) for candidate in pool]
    real = real_recordings(project, [] if wish.is_own_choice else None)
    left_out: list[str] = []
    while True:
        first, second, sentence = _choose(project, pool, real, wish, ahead_of, bool(left_out))
        broken = {side.checkpoint: side for side in (first, second) if not _can_be_heard(side.samples[sentence])}
        if not broken:
            break
        for side in broken.values():
            left_out.append(f"{side.run_title} · {side.checkpoint.step}: {sentence.text}")
        pool = [_without(candidate, broken, sentence) for candidate in pool]
        real = _without(real, broken, sentence)
    note = _written(project, wish, first, second, sentence, tuple(left_out))
    _clear_old(project)
    return note


def _can_be_heard(path: Path) -> bool:
    sound = facts(path)
    return sound is not None and not sound.is_silent


def _choose(
    project: Project, pool: list[Candidate], real: Candidate, wish: Wish, ahead_of: list[Note], some_left_out: bool
) -> tuple[Candidate, Candidate, Sentence]:
    """Two candidates and a sentence; in a hidden check the same candidate twice, or the real recording."""
    votes, chance = project.store.votes(), random.SystemRandom()
    ranked = counted(votes, trusted_names(project))
    choice = suggest(pool, ranked, chance, wish.checkpoints)
    for _ in range(3):  # not the very pair that is open
        if choice is None or not any(_is_alike(note, *choice) for note in ahead_of):
            break
        choice = suggest(pool, ranked, chance, wish.checkpoints)
    if choice is None:
        if some_left_out:
            raise UserError(
                "listening.silent",
                "Of what could be compared, samples are silent or cannot be read.",
                "Look at the grid below to see which, and let another checkpoint speak.",
            )
        refs = sorted(wish.checkpoints) if len(wish.checkpoints) > 1 else []
        raise _nothing_to_compare(candidates(project), refs, wish.sentence)
    if wish.is_own_choice:
        return choice
    own = [vote for vote in votes if vote.listener == wish.listener]
    own += [note.as_vote("same", wish.listener) for note in ahead_of]
    in_reach = [candidate for candidate in pool if candidate.samples.keys() & real.samples.keys()]
    kind = due_check([check_of(vote) for vote in own], chance, bool(in_reach))
    if kind == SAME:
        return choice[0], choice[0], choice[2]
    if kind == REAL_VOICE:
        rival = chance.choice(in_reach)
        return rival, real, chance.choice(sorted(rival.samples.keys() & real.samples.keys()))
    return choice


def _is_alike(note: Note, first: Candidate, second: Candidate, sentence: Sentence) -> bool:
    refs = {side.checkpoint for side in note.sides}
    return refs == {first.checkpoint, second.checkpoint} and note.text == sentence.text


def _without(candidate: Candidate, broken: Collection[CheckpointRef], sentence: Sentence) -> Candidate:
    if candidate.checkpoint not in broken:
        return candidate
    samples = {other: path for other, path in candidate.samples.items() if other != sentence}
    return replace(candidate, samples=samples)


def _of_sentence(candidate: Candidate, number: int) -> dict[Sentence, Path]:
    return {sentence: path for sentence, path in candidate.samples.items() if sentence.number == number}


def _nothing_to_compare(pool: list[Candidate], pair: list[CheckpointRef], number: int | None) -> UserError:
    by_checkpoint = {candidate.checkpoint: candidate for candidate in pool}
    for checkpoint in pair:
        if checkpoint not in by_checkpoint:
            return UserError(
                "listening.missing",
                "The checkpoint “{name}” has no samples, or is no longer there.",
                "Choose another one.",
                name=checkpoint.name,
            )
    if pair and not comparable(by_checkpoint[pair[0]], by_checkpoint[pair[-1]]):
        left, right = (f"{by_checkpoint[ref].run_title} · {ref.step}" for ref in (pair[0], pair[-1]))
        return UserError(
            "listening.not_comparable",
            "“{left}” and “{right}” have no sentence in common that they spoke with the same reference and seed.",
            "Choose two different checkpoints that were trained on the same dataset and base.",
            left=left,
            right=right,
        )
    if number is not None:
        return UserError(
            "listening.no_sentence",
            "There are not two checkpoints that have both spoken this sentence.",
            "Choose another sentence.",
        )
    return UserError(
        "listening.too_few",
        "There are not two checkpoints yet that have spoken the same sentence.",
        "Train first: each checkpoint speaks as soon as it is saved.",
    )


def _written(
    project: Project, wish: Wish, first: Candidate, second: Candidate, sentence: Sentence, left_out: tuple[str, ...]
) -> Note:
    order = (first, second) if secrets.randbelow(2) else (second, first)
    sounds = matched([candidate.samples[sentence] for candidate in order])
    left, right = (_copy(project, *side) for side in zip(order, sounds, strict=True))
    about: dict[str, Any] = {"listener": wish.listener, "own_choice": wish.is_own_choice, "left_out": left_out}
    note = Note(secrets.token_hex(8), time.time(), sentence.text, sentence.number, left, right, **about)
    _write(project, note)
    return note


def _copy(project: Project, candidate: Candidate, sound: tuple[Samples, int]) -> Side:
    """Write a side's sound under a name that tells nothing."""
    sound_id, (samples, rate) = secrets.token_hex(8), sound
    write_wav(_folder(project) / f"{sound_id}.wav", samples, rate)
    ref = candidate.checkpoint
    return Side(ref.run_id, ref.step, candidate.run_title, sound_id, round(len(samples) / rate, 3))


def _pair(note: Note) -> Pair:
    enough = enough_s(note.left.seconds), enough_s(note.right.seconds)
    return Pair(note.id, note.text, note.left.sound, note.right.sound, enough, note.left_out)


def _open_notes(project: Project, wish: Wish, *, any_wish: bool = False) -> list[Note]:
    """Pairs of a listener without a vote that are what is asked for, the one to be heard next first.

    A pair whose sound or checkpoint is no longer there is none of them.
    """
    voted_ids = project.store.voted_pairs()
    # Only those without a vote are read: a project may have a thousand with one.
    paths = [path for path in (_folder(project) / "pairs").glob("[!.]*.json") if path.stem not in voted_ids]
    open_notes = [note for note in read_all(paths, _read_note) if note.listener == wish.listener]
    if not any_wish:
        open_notes = [note for note in open_notes if _suits(note, wish)]
    present = {candidate.checkpoint for candidate in candidates(project)} | {REAL} if open_notes else set()
    return sorted(
        (note for note in open_notes if _is_whole(project, note, present)), key=lambda note: (note.at, note.id)
    )


def _suits(note: Note, wish: Wish) -> bool:
    refs = {side.checkpoint for side in note.sides}
    right_kind = note.own_choice == wish.is_own_choice
    return right_kind and wish.checkpoints <= refs and wish.sentence in (None, note.sentence)


def _is_whole(project: Project, note: Note, present: set[CheckpointRef]) -> bool:
    return all(side.checkpoint in present and _sound(project, side).exists() for side in note.sides)


def _sound(project: Project, side: Side) -> Path:
    return _folder(project) / f"{side.sound}.wav"


def _drop(project: Project, note: Note) -> None:
    for side in note.sides:
        _sound(project, side).unlink(missing_ok=True)
    (_folder(project) / "pairs" / f"{note.id}.json").unlink(missing_ok=True)


def _folder(project: Project) -> Path:
    return project.path / "listening"


def notes(project: Project, damage: list[DamagedFile] | None = None) -> list[Note]:
    """What is noted of each pair; damaged notes are passed over, and added to ``damage`` if that is given."""
    return read_all((_folder(project) / "pairs").glob("[!.]*.json"), _read_note, damage)


def _read_note(path: Path) -> Note:
    return read_record(path, Note, "pair", path)


def _note(project: Project, pair_id: str) -> Note:
    path = _folder(project) / "pairs" / f"{pair_id}.json"
    if not _ID.fullmatch(pair_id) or not path.exists():
        raise UserError("listening.no_pair", "This pair is no longer there.", "Reload the page for a new one.")
    return _read_note(path)


def _write(project: Project, note: Note) -> None:
    write_json(_folder(project) / "pairs" / f"{note.id}.json", asdict(note))


def _clear_old(project: Project) -> None:
    """Remove copies of sounds beyond the newest, and pairs nobody voted on whose sounds are gone."""
    with os.scandir(_folder(project)) as entries:
        sounds = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.name.endswith(".wav"))
    for _, path in sounds[:-_KEPT_SOUNDS]:
        Path(path).unlink(missing_ok=True)
    if len(sounds) <= _KEPT_SOUNDS:
        return
    voted_ids = project.store.voted_pairs()
    paths = [path for path in (_folder(project) / "pairs").glob("[!.]*.json") if path.stem not in voted_ids]
    for note in read_all(paths, _read_note):
        if not all(_sound(project, side).exists() for side in note.sides):
            _drop(project, note)
