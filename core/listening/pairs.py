"""Blind pairs: two checkpoints, one sentence, the order drawn once and kept from the page until the vote."""

from __future__ import annotations

import random
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.audio.loudness import match_loudness, reachable_lufs
from core.audio.samples import read, write_wav
from core.damage import Count, DamagedFile, UnixTime, read_all, read_record
from core.errors import UserError
from core.files import write_json
from core.listening.candidates import Candidate, Sentence, by_name, candidates, comparable
from core.listening.ranking import suggest
from core.records import Vote
from core.workspace import Project

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
    """What was heard. ``winner`` is left, right or same, as voted."""

    pair_id: str
    left: str
    right: str
    left_label: str
    right_label: str
    winner: str


@dataclass(frozen=True)
class _Side:
    run: str
    step: Count
    label: str
    sound: str


@dataclass(frozen=True)
class _Note:
    """What lies on the disk of a pair."""

    id: str
    at: UnixTime
    text: str
    sentence: Count
    left: _Side
    right: _Side


def next_pair(
    project: Project,
    run_id: str = "",
    left: str = "",
    right: str = "",
    sentence: int | None = None,
    *,
    fresh: bool = False,
) -> Pair:
    """The pair to judge now: the open one if it is what is asked for, so that a reload changes nothing; else a new one.

    Args:
        project: whose checkpoints.
        run_id: only checkpoints of this run; empty allows all.
        left, right: names of two candidates; the page's two choices, not the sides they will be on. Empty lets the
            pair with the fewest votes be chosen.
        sentence: number of the sentence; None takes the one heard least.
        fresh: leave the open pair aside and make another one ("skip").

    Raises:
        UserError: ``listening.too_few``, ``listening.missing``, ``listening.not_comparable``,
            ``listening.no_sentence``.
    """
    opened = None if fresh else _open_record(project, run_id, left, right, sentence)
    return _pair(opened or _make(project, *_choose(project, run_id, left, right, sentence)))


def vote(project: Project, pair_id: str, choice: str, listener: str = "") -> Reveal:
    """Keep the vote and tell the names. A second vote on a pair changes nothing: the first one counts.

    ``listener`` names who heard it; empty where nobody logs in.

    Raises:
        UserError: ``listening.no_pair``.
        ValueError: ``choice`` is none of left, right, same.
    """
    if choice not in CHOICES:
        raise ValueError(f"{choice!r} is none of {', '.join(CHOICES)}")
    record = _record(project, pair_id)
    names = _name(record["left"]), _name(record["right"])
    project.store.add_vote(Vote(pair_id, *names, choice, time.time(), record["text"], listener))
    return reveal(project, pair_id)


def pair(project: Project, pair_id: str) -> Pair:
    """A pair by its id.

    Raises:
        UserError: ``listening.no_pair``.
    """
    return _pair(_record(project, pair_id))


def reveal(project: Project, pair_id: str) -> Reveal:
    """The names of a pair that was voted on.

    Raises:
        UserError: ``listening.no_pair``, or ``listening.not_voted`` as long as it is blind.
    """
    record = _record(project, pair_id)
    given = next((vote for vote in project.store.votes() if vote.pair == pair_id), None)
    if given is None:
        raise UserError("listening.not_voted", "This pair has no vote yet.", "Vote first; then the names are shown.")
    left, right = record["left"], record["right"]
    return Reveal(pair_id, given.left, given.right, left["label"], right["label"], given.choice)


def undo(project: Project) -> Pair | None:
    """Take the last vote back and open its pair again, with the same sides; None if there was no vote."""
    votes = project.store.votes()
    if not votes:
        return None
    project.store.undo_vote()
    try:
        record = _record(project, votes[-1].pair)
    except UserError:
        return None
    record["at"] = time.time()
    _write(project, record)
    return _pair(record)


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
    project: Project, run_id: str, left: str, right: str, number: int | None
) -> tuple[Candidate, Candidate, Sentence]:
    must = frozenset({left, right} - {""})
    # Two named checkpoints may come from two runs, whichever run the page is looking at.
    known = _known(project, "" if must else run_id, number)
    chosen = suggest(known, project.store.votes(), random.SystemRandom(), must)
    if chosen is None or (left and left == right):
        raise _nothing_to_compare(by_name(candidates(project)), sorted(must) if left and right else [], number)
    return chosen


def _known(project: Project, run_id: str, number: int | None) -> list[Candidate]:
    known = candidates(project, run_id)
    if number is None:
        return known
    return [
        Candidate(
            one.run_id,
            one.step,
            one.run_title,
            one.condition,
            {sentence: path for sentence, path in one.samples.items() if sentence.number == number},
        )
        for one in known
    ]


def _nothing_to_compare(known: dict[str, Candidate], names: list[str], number: int | None) -> UserError:
    for name in names:
        if name not in known:
            return UserError(
                "listening.missing",
                "The checkpoint “{name}” has no samples, or is no longer there.",
                "Choose another one.",
                name=name,
            )
    if names and not comparable(known[names[0]], known[names[-1]]):
        return UserError(
            "listening.not_comparable",
            "“{left}” and “{right}” have no sentence in common that they spoke with the same reference and seed.",
            "Choose two different checkpoints that were trained on the same dataset and base.",
            left=known[names[0]].label,
            right=known[names[-1]].label,
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


def _make(project: Project, one: Candidate, other: Candidate, sentence: Sentence) -> dict[str, Any]:
    left, right = (one, other) if secrets.randbelow(2) else (other, one)
    sounds = [read(candidate.samples[sentence]) for candidate in (left, right)]
    # Both go to what the peakier of the two can reach without clipping, or one would stay quieter.
    target = min(reachable_lufs(samples, rate) for samples, rate in sounds)
    ids = [secrets.token_hex(8) for _ in sounds]
    for sound_id, (samples, rate) in zip(ids, sounds, strict=True):
        write_wav(_folder(project) / f"{sound_id}.wav", match_loudness(samples, rate, target), rate)
    record = {
        "id": secrets.token_hex(8),
        "at": time.time(),
        "text": sentence.text,
        "sentence": sentence.number,
        "left": _side(left, ids[0]),
        "right": _side(right, ids[1]),
    }
    _write(project, record)
    _clear_old(project)
    return record


def _side(candidate: Candidate, sound_id: str) -> dict[str, Any]:
    return {"run": candidate.run_id, "step": candidate.step, "label": candidate.label, "sound": sound_id}


def _name(side: dict[str, Any]) -> str:
    return f"{side['run']}:{side['step']}"


def _pair(record: dict[str, Any]) -> Pair:
    return Pair(record["id"], record["text"], record["left"]["sound"], record["right"]["sound"])


def _open_record(project: Project, run_id: str, left: str, right: str, sentence: int | None) -> dict[str, Any] | None:
    voted = {vote.pair for vote in project.store.votes()}
    newest = next((record for record in _records(project) if record["id"] not in voted), None)
    if newest is None:
        return None
    names = {_name(newest[side]) for side in ("left", "right")}
    fits = (
        (names == {left, right} if left and right else {left, right} - {""} <= names)
        and sentence in (None, newest["sentence"])
        and (not run_id or all(newest[side]["run"] == run_id for side in ("left", "right")))
        and all((_folder(project) / f"{newest[side]['sound']}.wav").exists() for side in ("left", "right"))
    )
    return newest if fits else None


def _folder(project: Project) -> Path:
    return project.path / "listening"


def _records(project: Project) -> list[dict[str, Any]]:
    """Newest first."""
    return sorted(notes(project), key=lambda record: float(record["at"]), reverse=True)


def notes(project: Project, damage: list[DamagedFile] | None = None) -> list[dict[str, Any]]:
    """What is noted of each pair; damaged notes are passed over, and added to ``damage`` if that is given."""
    return read_all((_folder(project) / "pairs").glob("[!.]*.json"), _note, damage)


def _note(path: Path) -> dict[str, Any]:
    return asdict(read_record(path, _Note, "pair", path))


def _record(project: Project, pair_id: str) -> dict[str, Any]:
    path = _folder(project) / "pairs" / f"{pair_id}.json"
    if not _ID.fullmatch(pair_id) or not path.exists():
        raise UserError("listening.no_pair", "This pair is no longer there.", "Reload the page for a new one.")
    return _note(path)


def _write(project: Project, record: dict[str, Any]) -> None:
    write_json(_folder(project) / "pairs" / f"{record['id']}.json", record)


def _clear_old(project: Project) -> None:
    voted = {vote.pair for vote in project.store.votes()}
    for record in _records(project)[_KEPT_OPEN:]:
        for side in ("left", "right"):
            (_folder(project) / f"{record[side]['sound']}.wav").unlink(missing_ok=True)
        if record["id"] not in voted:
            (_folder(project) / "pairs" / f"{record['id']}.json").unlink(missing_ok=True)
