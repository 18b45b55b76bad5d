"""Scores of a run on disk: a file beside each checkpoint with what it spoke and what was measured of that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.checkpoint_ref import step_folder
from core.damage import Count, DamagedFile, Finite, read_record
from core.evaluation.test_set import Line
from core.files import write_json
from core.training.checkpoints import SCORES

REAL = "real"  # in place of a checkpoint's folder: the recordings that are held out
_VERSION = 1  # of what is measured and how: another one measures anew what is spoken


@dataclass(frozen=True)
class Score:
    """A sound and what was measured of it; None where that could not be.

    ``sound`` is its file as seen from the run's folder, "" where nothing could be spoken, for the reason ``failure``.
    ``measured`` names by what (`measured_by`), "" before that. ``took_s`` is how long speaking took, 0 if unknown.
    ``letters_per_s`` is the pace, ``pitch_hz`` the median, ``pitch_spread`` in semitones. ``faults`` are those of
    `core.measures.spoken`.
    """

    key: str
    kind: str
    text: str
    seed: Count = 0
    seconds: Finite = 0.0
    took_s: Finite = 0.0
    sound: str = ""
    failure: str = ""
    measured: str = ""
    heard: str = ""
    cer: Finite | None = None
    wer: Finite | None = None
    likeness: Finite | None = None
    own_likeness: Finite | None = None
    naturalness: Finite | None = None
    letters_per_s: Finite | None = None
    pitch_hz: Finite | None = None
    pitch_spread: Finite | None = None
    bandwidth_hz: Finite | None = None
    faults: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether nothing was said, or without end."""
        return bool(self.failure) or not {"nothing", "endless"}.isdisjoint(self.faults)

    @property
    def clean(self) -> bool:
        """Whether it starts and ends as it should."""
        return not self.failure and not self.faults


@dataclass(frozen=True)
class _File:
    voice: str = ""
    scores: tuple[Score, ...] = ()


@dataclass
class ScoreFile:
    """The scores of one checkpoint, of the base (step 0) or of the real voice (None); written as a whole.

    ``voice`` is the `core.training.checkpoints.fingerprint` of what spoke: scores of other weights that bore this
    step's number do not count.
    """

    run: Path
    step: int | None
    voice: str = ""
    scores: dict[str, Score] = field(default_factory=dict)

    @classmethod
    def open(cls, run: Path, step: int | None, voice: str = "") -> ScoreFile:
        """What is there by now of the run in this folder; a damaged file counts as none: it can be measured anew."""
        return cls(run, step, voice, {score.key: score for score in read_scores(run, step, voice)})

    @property
    def folder(self) -> Path:
        """Where its sounds lie."""
        return self.run / SCORES / _name(self.step)

    def put(self, scores: Iterable[Score]) -> None:
        """Add these, or put them in the place of those with the same key, and write them down."""
        self.scores |= {score.key: score for score in scores}
        self._write()

    def keep(self, keys: Collection[str]) -> None:
        """Forget all others, and their sounds: sentences that are in the test set no longer, other references."""
        if any(key not in keys for key in self.scores):
            self.scores = {key: score for key, score in self.scores.items() if key in keys}
            self._write()
        for path in self.folder.glob("*.wav"):  # those of weights that bore this step's number before, too
            if path.stem not in self.scores:
                path.unlink(missing_ok=True)

    def _write(self) -> None:
        scores = [asdict(score) for score in self.scores.values()]
        write_json(self.run / SCORES / f"{_name(self.step)}.json", {"voice": self.voice, "scores": scores})


def read_scores(run: Path, step: int | None, voice: str = "") -> tuple[Score, ...]:
    """The scores of a checkpoint, of the base (0) or of the real voice (None); empty if it has none by this voice."""
    path = run / SCORES / f"{_name(step)}.json"
    if not path.is_file():
        return ()
    try:
        file = read_record(path, _File, "scores", path)
    except DamagedFile:
        return ()
    return file.scores if file.voice == voice else ()


def sound_key(voice: str, language: str, references: Sequence[str], line: Line) -> str:
    """Names a sound by all that decides it: weights, language, references, text and seed."""
    facts = json.dumps([voice, language, list(references), line.text, line.seed], ensure_ascii=False)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def measured_by(recogniser: str, *, likeness: bool, naturalness: bool) -> str:
    """Names how a sound was measured: with another recogniser, or once a package is there, it is measured again."""
    return f"{_VERSION} {recogniser or '-'} {'likeness' if likeness else '-'} {'naturalness' if naturalness else '-'}"


def recogniser_of(score: Score) -> str:
    """Who listened; "" if nobody did."""
    parts = score.measured.split(" ")
    return parts[1] if len(parts) > 1 and parts[1] != "-" else ""


def _name(step: int | None) -> str:
    return REAL if step is None else step_folder(step)
