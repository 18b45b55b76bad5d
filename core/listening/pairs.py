"""Blind A/B pairs: two checkpoints, one sentence, the order drawn once and kept from the page until the vote."""

from __future__ import annotations

import random
import re
import secrets
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.audio.loudness import match_loudness, reachable_lufs
from core.audio.samples import read, write_wav
from core.checkpoint_ref import CheckpointRef
from core.damage import Count, DamagedFile, UnixTime, read_all, read_record
from core.errors import UserError
from core.files import write_json
from core.listening.candidates import Candidate, Sentence, candidates, comparable
from core.listening.ranking import suggest
from core.project.records import Vote
from core.project.workspace import Project

CHOICES = ("left", "right", "same")
_ID = re.compile(r"[0-9a-f]{16}")
_KEPT_OPEN = 20  # pairs nobody voted on, and copies of sounds, beyond the newest so many are cleared away


@dataclass(frozen=True)
class Pair:
    """What the page may know before the vote. ``left`` and ``right`` are the ids of the sounds; they tell nothing."""

    id: str
    text: str
    left: str
    right: str


@dataclass(frozen=True)
class Reveal:
    """What was heard, each with its run's title. ``winner`` is left, right or same, as voted."""

    pair_id: str
    left: CheckpointRef
    right: CheckpointRef
    left_title: str
    right_title: str
    winner: str


@dataclass(frozen=True)
class Side:
    """One side of a pair as it is noted; ``label`` is the run's title, in earlier versions with the step."""

    run: str
    step: Count
    label: str
    sound: str

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
    """What lies on the disk of a pair; ``at`` is Unix time, ``sentence`` its number in the run."""

    id: str
    at: UnixTime
    text: str
    sentence: Count
    left: Side
    right: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both."""
        return self.left, self.right


def next_pair(
    project: Project,
    left: CheckpointRef | None = None,
    right: CheckpointRef | None = None,
    sentence: int | None = None,
    *,
    fresh: bool = False,
) -> Pair:
    """The pair to judge now: the open one if it is what is asked for, so that a reload changes nothing; else a new one.

    Args:
        project: whose checkpoints.
        left, right: two candidates; the page's two choices, not the sides they will be on. None lets the pair with
            the fewest votes be chosen.
        sentence: number of the sentence; None takes the one heard least.
        fresh: leave the open pair aside and make another one ("skip").

    Raises:
        UserError: ``listening.too_few``, ``listening.missing``, ``listening.not_comparable``,
            ``listening.no_sentence``.
    """
    if left and left == right:
        raise _nothing_to_compare(candidates(project), [left], sentence)
    must = frozenset(checkpoint for checkpoint in (left, right) if checkpoint)
    note = None if fresh else _open_note(project, must, sentence)
    return _pair(note or _make(project, *_choose(project, must, sentence)))


def vote(project: Project, pair_id: str, choice: str, listener: str = "") -> Reveal:
    """Keep the vote and tell the names. A second vote on a pair changes nothing: the first one counts.

    ``listener`` names who heard it; empty where nobody logs in.

    Raises:
        UserError: ``listening.no_pair``.
        ValueError: ``choice`` is none of left, right, same.
    """
    if choice not in CHOICES:
        raise ValueError(f"{choice!r} is none of {', '.join(CHOICES)}")
    note = _note(project, pair_id)
    left, right = note.left.checkpoint, note.right.checkpoint
    project.store.add_vote(Vote(pair_id, left, right, choice, time.time(), note.text, listener))
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
    return Reveal(pair_id, ballot.left, ballot.right, note.left.title, note.right.title, ballot.choice)


def undo(project: Project) -> Pair | None:
    """Take the last vote back and open its pair again, with the same sides; None if there was no vote."""
    votes = project.store.votes()
    if not votes:
        return None
    project.store.undo_vote()
    try:
        note = replace(_note(project, votes[-1].pair), at=time.time())
    except UserError:
        return None
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


def _choose(
    project: Project, must: frozenset[CheckpointRef], number: int | None
) -> tuple[Candidate, Candidate, Sentence]:
    pool = candidates(project)
    if number is not None:
        pool = [replace(candidate, samples=_of_sentence(candidate, number)) for candidate in pool]
    pair = suggest(pool, project.store.votes(), random.SystemRandom(), must)
    if pair is None:
        raise _nothing_to_compare(candidates(project), sorted(must) if len(must) > 1 else [], number)
    return pair


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


def _make(project: Project, first: Candidate, second: Candidate, sentence: Sentence) -> Note:
    left, right = (first, second) if secrets.randbelow(2) else (second, first)
    sounds = [read(candidate.samples[sentence]) for candidate in (left, right)]
    # Both go to what the peakier of the two can reach without clipping, or one would stay quieter.
    target = min(reachable_lufs(samples, rate) for samples, rate in sounds)
    ids = [secrets.token_hex(8) for _ in sounds]
    for sound_id, (samples, rate) in zip(ids, sounds, strict=True):
        write_wav(_folder(project) / f"{sound_id}.wav", match_loudness(samples, rate, target), rate)
    sides = _side(left, ids[0]), _side(right, ids[1])
    note = Note(secrets.token_hex(8), time.time(), sentence.text, sentence.number, *sides)
    _write(project, note)
    _clear_old(project)
    return note


def _side(candidate: Candidate, sound_id: str) -> Side:
    return Side(candidate.checkpoint.run_id, candidate.checkpoint.step, candidate.run_title, sound_id)


def _pair(note: Note) -> Pair:
    return Pair(note.id, note.text, note.left.sound, note.right.sound)


def _open_note(project: Project, must: frozenset[CheckpointRef], sentence: int | None) -> Note | None:
    """The newest pair without a vote, if it is what is asked for and its sounds are there."""
    voted_ids = {vote.pair for vote in project.store.votes()}
    newest = next((note for note in _newest_first(project) if note.id not in voted_ids), None)
    if newest is None or not must <= {side.checkpoint for side in newest.sides}:
        return None
    has_sounds = all((_folder(project) / f"{side.sound}.wav").exists() for side in newest.sides)
    return newest if has_sounds and sentence in (None, newest.sentence) else None


def _folder(project: Project) -> Path:
    return project.path / "listening"


def _newest_first(project: Project) -> list[Note]:
    return sorted(notes(project), key=lambda note: note.at, reverse=True)


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
    voted_ids = {vote.pair for vote in project.store.votes()}
    for note in _newest_first(project)[_KEPT_OPEN:]:
        for side in note.sides:
            (_folder(project) / f"{side.sound}.wav").unlink(missing_ok=True)
        if note.id not in voted_ids:
            (_folder(project) / "pairs" / f"{note.id}.json").unlink(missing_ok=True)
