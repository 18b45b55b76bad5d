"""Measuring spoken texts against the real voice: heard, embedded, judged, each on samples at 16 kHz."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples
from core.audio.vad import RATE_HZ
from core.engines.callbacks import ShouldStop
from core.errors import Cancelled
from core.evaluation.scores import Score, measured_by
from core.jobs.parallel import map_in_threads
from core.measures import likeness, naturalness
from core.measures.pitch import pitch
from core.measures.proofreading import check, transcribe
from core.measures.sound import bandwidth_hz
from core.system import cuda_errors
from core.transcription.base import Recognizer, Transcript

_LEAST_VOICE_S = 0.4  # less tells nothing of whose voice it is, or how natural it is
_MOST_AT_ONCE = 8

Vector = npt.NDArray[np.float32]
_Value = TypeVar("_Value")
Failures = dict[str, Exception]
"""Why a measure could not be taken, by its name."""


def raise_failure(measure: str, error: Exception, text: str) -> None:
    """Where nobody is there to be told, a measure that fails is an error."""
    raise error


@dataclass(frozen=True)
class Listener:
    """What listens. ``read`` is how the engine reads a text: numbers are written out alike in what is said and heard.

    ``centre`` is the direction of the real voice; None where it is not known, or nothing tells voices apart.
    ``on_failure`` is told of a measure that failed, the error and the text; the others go on. ``brief`` leaves out
    naturalness, pitch and bandwidth.
    """

    recognizer: Recognizer | None
    language: str
    read: Callable[[str], str]
    centre: Vector | None = None
    on_failure: Callable[[str, Exception, str], object] = raise_failure
    brief: bool = False

    @property
    def name(self) -> str:
        """By what it measures."""
        return self._name({})

    def _name(self, failures: Failures) -> str:
        """What failed is told apart, so that it is tried once more when there is another scoring."""
        name = measured_by(
            self.recognizer.name if self.recognizer and "hearing" not in failures else "",
            likeness=self.centre is not None,
            naturalness=naturalness.available() and not self.brief,
        )
        return " ".join([name, *(f"!{kind}" for kind in sorted(failures))])

    def measure(self, scores: Sequence[Score], sounds: Sequence[Samples], should_stop: ShouldStop) -> list[Score]:
        """The scores with all that can be measured of their sounds, float32 mono at `RATE_HZ`.

        Raises:
            Cancelled: ``should_stop`` said so.
        """
        transcripts: Sequence[Transcript | None] = [None] * len(sounds)
        deaf: Failures = {}
        if (recognizer := self.recognizer) is not None and sounds:
            heard = _taken("hearing", lambda: transcribe(recognizer, sounds, self.language, should_stop), deaf)
            transcripts = transcripts if heard is None else heard
            for measure, error in deaf.items():
                self.on_failure(measure, error, scores[0].text)

        def check_stop() -> None:
            if should_stop():
                raise Cancelled

        results = list(scores)
        work = partial(self._measure, scores, sounds, transcripts, deaf)
        for index, result in map_in_threads(
            range(len(scores)), work, min(_MOST_AT_ONCE, os.cpu_count() or 1), check_stop
        ):
            if isinstance(result, Exception):
                raise result
            results[index], failures = result
            for measure, error in failures.items():
                self.on_failure(measure, error, scores[index].text)
        return results

    def _measure(
        self,
        scores: Sequence[Score],
        sounds: Sequence[Samples],
        transcripts: Sequence[Transcript | None],
        deaf: Failures,
        index: int,
    ) -> tuple[Score, Failures]:
        score, sound, transcript = scores[index], sounds[index], transcripts[index]
        failures: Failures = {}
        seconds = round(len(sound) / RATE_HZ, 3)
        proof = _taken(
            "ends", lambda: check(sound, RATE_HZ, score.text, self.language, transcript, self.read), failures
        )
        if proof is None:  # it would count as clean
            return replace(score, measured="", seconds=seconds), failures
        score = replace(
            score,
            measured=self._name(deaf),
            seconds=seconds,
            heard=proof.heard or "",
            cer=proof.cer,
            wer=proof.wer,
            faults=proof.faults,
        )
        if "nothing" in proof.faults or proof.speech_s < _LEAST_VOICE_S:
            return score, failures
        centre = self.centre
        alike = None
        if centre is not None:
            alike = _taken("likeness", lambda: round(float(likeness.embed(sound) @ centre), 4), failures)
        if self.brief:
            return replace(score, measured=self._name(deaf | failures), likeness=alike), failures
        natural = None
        if naturalness.available():
            natural = _taken("naturalness", lambda: round(naturalness.score(sound), 3), failures)
        voice = _taken("pitch", lambda: pitch(sound, RATE_HZ), failures)
        width_hz = _taken("bandwidth", lambda: round(bandwidth_hz(sound, RATE_HZ)), failures)
        letters = sum(map(str.isalnum, self.read(score.text)))
        score = replace(
            score,
            measured=self._name(deaf | failures),
            likeness=alike,
            naturalness=natural,
            letters_per_s=round(letters / proof.speech_s, 2) if letters else None,
            pitch_hz=round(voice.median_hz, 1) if voice else None,
            pitch_spread=round(voice.spread_semitones, 2) if voice else None,
            bandwidth_hz=width_hz,
        )
        return score, failures


def _taken(measure: str, take: Callable[[], _Value], failures: Failures) -> _Value | None:
    """A measure; None where it fails, for the reason that then stands in ``failures``.

    Raises:
        Cancelled: Stop was pressed.
        RuntimeError: the graphics card is lost.
    """
    try:
        return take()
    except Cancelled:
        raise
    except Exception as error:
        if cuda_errors.translate(error) is not None:
            raise
        failures[measure] = error
        return None


def unit(vector: npt.NDArray[np.floating]) -> Vector:
    """The same direction with length 1."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def voices_of(sounds: Sequence[Samples]) -> list[Vector]:
    """The direction of each sound that is long enough to know a voice by, at `RATE_HZ`; none without the package."""
    if not likeness.available():
        return []
    return [likeness.embed(sound) for sound in sounds if len(sound) >= _LEAST_VOICE_S * RATE_HZ]
