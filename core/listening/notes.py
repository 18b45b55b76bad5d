"""Notes of pairs on disk: what was drawn for whom, and the copies of its sounds under names that tell nothing."""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core.audio.samples import Samples, write_wav
from core.checkpoint_ref import CheckpointRef
from core.damage import Count, DamagedFile, Finite, UnixTime, read_all, read_record
from core.errors import UserError
from core.files import write_json
from core.listening.candidates import REAL, Candidate, candidates
from core.project.records import Vote
from core.project.workspace import Project

_ID = re.compile(r"[0-9a-f]{16}")
_KEPT_SOUNDS = 40  # copies of sounds beyond the newest so many are cleared away


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
    text: str = ""
    listener: str = ""

    @property
    def is_own_choice(self) -> bool:
        """Whether a person chose what is compared: then there are no hidden checks."""
        return bool(self.checkpoints) or bool(self.text)


def audio_file(project: Project, sound_id: str) -> Path:
    """The sound behind one side of a pair.

    Raises:
        UserError: ``listening.no_sound``.
    """
    path = _folder(project) / f"{sound_id}.wav"
    if not _ID.fullmatch(sound_id) or not path.exists():
        raise UserError("listening.no_sound", "This sound is no longer there.", "Reload the page.")
    return path


def unjudged(project: Project, wish: Wish, *, any_wish: bool = False) -> list[Note]:
    """Pairs of a listener without a vote that are what is asked for, the one to be heard next first.

    A pair whose sound or checkpoint is no longer there is none of them.
    """
    voted_ids = project.store.voted_pairs()
    # Only those without a vote are read: a project may have a thousand with one.
    paths = [path for path in (_folder(project) / "pairs").glob("[!.]*.json") if path.stem not in voted_ids]
    open_notes = [note for note in read_all(paths, _read_file) if note.listener == wish.listener]
    if not any_wish:
        open_notes = [note for note in open_notes if _suits(note, wish)]
    present = {candidate.checkpoint for candidate in candidates(project)} | {REAL} if open_notes else set()
    return sorted(
        (note for note in open_notes if _is_whole(project, note, present)), key=lambda note: (note.at, note.id)
    )


def _suits(note: Note, wish: Wish) -> bool:
    refs = {side.checkpoint for side in note.sides}
    right_kind = note.own_choice == wish.is_own_choice
    return right_kind and wish.checkpoints <= refs and wish.text in ("", note.text)


def _is_whole(project: Project, note: Note, present: set[CheckpointRef]) -> bool:
    return all(side.checkpoint in present and _sound(project, side).exists() for side in note.sides)


def _sound(project: Project, side: Side) -> Path:
    return _folder(project) / f"{side.sound}.wav"


def drop(project: Project, note: Note) -> None:
    """Forget a pair, and its copies of sounds."""
    for side in note.sides:
        _sound(project, side).unlink(missing_ok=True)
    (_folder(project) / "pairs" / f"{note.id}.json").unlink(missing_ok=True)


def _folder(project: Project) -> Path:
    return project.path / "listening"


def notes(project: Project, damage: list[DamagedFile] | None = None) -> list[Note]:
    """What is noted of each pair; damaged notes are passed over, and added to ``damage`` if that is given."""
    return read_all((_folder(project) / "pairs").glob("[!.]*.json"), _read_file, damage)


def _read_file(path: Path) -> Note:
    return read_record(path, Note, "pair", path)


def read_note(project: Project, pair_id: str) -> Note:
    """What is noted of a pair.

    Raises:
        UserError: ``listening.no_pair``.
    """
    path = _folder(project) / "pairs" / f"{pair_id}.json"
    if not _ID.fullmatch(pair_id) or not path.exists():
        raise UserError("listening.no_pair", "This pair is no longer there.", "Reload the page for a new one.")
    return _read_file(path)


def write(project: Project, note: Note) -> None:
    """Write a note down."""
    write_json(_folder(project) / "pairs" / f"{note.id}.json", asdict(note))


def clear_old(project: Project) -> None:
    """Remove copies of sounds beyond the newest, and pairs nobody voted on whose sounds are gone."""
    with os.scandir(_folder(project)) as entries:
        sounds = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.name.endswith(".wav"))
    for _, path in sounds[:-_KEPT_SOUNDS]:
        Path(path).unlink(missing_ok=True)
    if len(sounds) <= _KEPT_SOUNDS:
        return
    voted_ids = project.store.voted_pairs()
    paths = [path for path in (_folder(project) / "pairs").glob("[!.]*.json") if path.stem not in voted_ids]
    for note in read_all(paths, _read_file):
        if not all(_sound(project, side).exists() for side in note.sides):
            drop(project, note)


def copy_sound(project: Project, candidate: Candidate, sound: tuple[Samples, int]) -> Side:
    """Write a side's sound under a name that tells nothing."""
    sound_id, (samples, rate) = secrets.token_hex(8), sound
    write_wav(_folder(project) / f"{sound_id}.wav", samples, rate)
    ref = candidate.checkpoint
    return Side(ref.run_id, ref.step, candidate.run_title, sound_id, round(len(samples) / rate, 3))
