"""Measuring spoken texts against the real voice: heard, embedded, judged, each on samples at 16 kHz."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples
from core.audio.vad import RATE_HZ
from core.engines.base import ShouldStop
from core.errors import Cancelled
from core.evaluation.scores import Score, measured_by
from core.jobs.parallel import map_in_threads
from core.measures import likeness, naturalness
from core.measures.pitch import pitch
from core.measures.proofreading import check, transcribe
from core.measures.sound import bandwidth_hz
from core.transcription.base import Recognizer, Transcript

_LEAST_VOICE_S = 0.4  # less tells nothing of whose voice it is, or how natural it is
_MOST_AT_ONCE = 8

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Listener:
    """What listens. ``read`` is how the engine reads a text: numbers are written out alike in what is said and heard.

    ``centre`` is the direction of the real voice; None where it is not known, or nothing tells voices apart.
    """

    recognizer: Recognizer | None
    language: str
    read: Callable[[str], str]
    centre: Vector | None = None

    @property
    def name(self) -> str:
        """By what it measures."""
        recognizer = self.recognizer.name if self.recognizer else ""
        return measured_by(recognizer, likeness=self.centre is not None, naturalness=naturalness.available())

    def measure(self, scores: Sequence[Score], sounds: Sequence[Samples], should_stop: ShouldStop) -> list[Score]:
        """The scores with all that can be measured of their sounds, float32 mono at `RATE_HZ`.

        Raises:
            Cancelled: ``should_stop`` said so.
        """
        transcripts: Sequence[Transcript | None] = [None] * len(sounds)
        if self.recognizer is not None:
            transcripts = transcribe(self.recognizer, sounds, self.language, should_stop)

        def check_stop() -> None:
            if should_stop():
                raise Cancelled

        measured = list(scores)
        work = partial(self._measure, scores, sounds, transcripts)
        for index, result in map_in_threads(
            range(len(scores)), work, min(_MOST_AT_ONCE, os.cpu_count() or 1), check_stop
        ):
            if isinstance(result, Exception):
                raise result
            measured[index] = result
        return measured

    def _measure(
        self,
        scores: Sequence[Score],
        sounds: Sequence[Samples],
        transcripts: Sequence[Transcript | None],
        index: int,
    ) -> Score:
        score, sound, transcript = scores[index], sounds[index], transcripts[index]
        seconds = round(len(sound) / RATE_HZ, 3)
        proof = check(sound, RATE_HZ, score.text, self.language, transcript, self.read)
        score = replace(
            score,
            measured=self.name,
            seconds=seconds,
            heard=proof.heard or "",
            cer=proof.cer,
            wer=proof.wer,
            faults=proof.faults,
        )
        if "nothing" in proof.faults or proof.speech_s < _LEAST_VOICE_S:
            return score
        voice = pitch(sound, RATE_HZ)
        letters = sum(map(str.isalnum, self.read(score.text)))
        return replace(
            score,
            likeness=None if self.centre is None else round(float(likeness.embed(sound) @ self.centre), 4),
            naturalness=round(naturalness.score(sound), 3) if naturalness.available() else None,
            letters_per_s=round(letters / proof.speech_s, 2) if letters else None,
            pitch_hz=round(voice.median_hz, 1) if voice else None,
            pitch_spread=round(voice.spread_semitones, 2) if voice else None,
            bandwidth_hz=round(bandwidth_hz(sound, RATE_HZ)),
        )


def unit(vector: npt.NDArray[np.floating]) -> Vector:
    """The same direction with length 1."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def voices_of(sounds: Sequence[Samples]) -> list[Vector]:
    """The direction of each sound that is long enough to know a voice by, at `RATE_HZ`; none without the package."""
    if not likeness.available():
        return []
    return [likeness.embed(sound) for sound in sounds if len(sound) >= _LEAST_VOICE_S * RATE_HZ]
