"""Making a pair: which two candidates and sentence, or which hidden check, on sides that are drawn by chance."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.listening.candidates import Candidate, Sentence, candidates, comparable, real_recordings
from core.listening.listeners import REAL_VOICE, SAME, check_of, counted, due_check, trusted_names
from core.listening.notes import Note, Wish, clear_old, copy_sound, write
from core.listening.ranking import suggest
from core.listening.sounds import facts, matched
from core.project.workspace import Project


def make_pair(project: Project, wish: Wish, ahead_of: list[Note]) -> Note:
    """A new pair; what is silent or cannot be read is left out and named, and another one is chosen."""
    pool = candidates(project)
    if wish.text:
        pool = [replace(candidate, samples=_of_text(candidate, wish.text)) for candidate in pool]
    real = real_recordings(project, [] if wish.is_own_choice else None)
    left_out: list[str] = []
    while True:
        first, second, sentence = _choose(project, pool, real, wish, ahead_of, bool(left_out))
        faults = {side.checkpoint: side for side in (first, second) if not _can_be_heard(side.samples[sentence])}
        if not faults:
            break
        for side in faults.values():
            left_out.append(f"{side.run_title} · {side.checkpoint.step}: {sentence.text}")
        pool = [_without(candidate, faults, sentence) for candidate in pool]
        real = _without(real, faults, sentence)
    note = _written(project, wish, first, second, sentence, tuple(left_out))
    clear_old(project)
    return note


def _can_be_heard(path: Path) -> bool:
    sound = facts(path)
    return sound is not None and not sound.is_silent


def _choose(
    project: Project, pool: list[Candidate], real: Candidate, wish: Wish, ahead_of: list[Note], some_left_out: bool
) -> tuple[Candidate, Candidate, Sentence]:
    """Two candidates and a sentence; in a hidden check the same candidate twice, or the real recording."""
    votes, chance = project.store.votes(), random.SystemRandom()
    decisive = counted(votes, trusted_names(project))
    choice = suggest(pool, decisive, chance, wish.checkpoints)
    for _ in range(3):  # not the very pair that is open
        if choice is None or not any(_is_alike(note, *choice) for note in ahead_of):
            break
        choice = suggest(pool, decisive, chance, wish.checkpoints)
    if choice is None:
        if some_left_out:
            raise UserError(
                "listening.silent",
                "Of what could be compared, samples are silent or cannot be read.",
                "Look at the grid below to see which, and let another checkpoint speak.",
            )
        refs = sorted(wish.checkpoints) if len(wish.checkpoints) > 1 else []
        raise nothing_to_compare(candidates(project), refs, wish.text)
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


def _without(candidate: Candidate, faults: Collection[CheckpointRef], sentence: Sentence) -> Candidate:
    if candidate.checkpoint not in faults:
        return candidate
    samples = {key: path for key, path in candidate.samples.items() if key != sentence}
    return replace(candidate, samples=samples)


def _of_text(candidate: Candidate, text: str) -> dict[Sentence, Path]:
    return {sentence: path for sentence, path in candidate.samples.items() if sentence.text == text}


def nothing_to_compare(pool: list[Candidate], pair: list[CheckpointRef], text: str) -> UserError:
    """Why there is no such pair; ``pair`` are the checkpoints that were asked for."""
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
    if text:
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
    left, right = (copy_sound(project, *side) for side in zip(order, sounds, strict=True))
    about: dict[str, Any] = {"listener": wish.listener, "own_choice": wish.is_own_choice, "left_out": left_out}
    note = Note(secrets.token_hex(8), time.time(), sentence.text, sentence.number, left, right, **about)
    write(project, note)
    return note
