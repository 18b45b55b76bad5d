"""A voice that speaks lines of a test set into files, and hears with its own ears whose voice they are in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.audio.samples import Samples
from core.audio.synthetic import write_speech
from core.audio.vad import RATE_HZ
from core.engines.voice import Voice
from core.errors import UserError, filled
from core.evaluation.measure import unit
from core.evaluation.scores import Score, ScoreFile
from core.evaluation.test_set import Line
from core.jobs.reporter import Reporter
from core.reasons import reason_of
from core.system import cuda_errors

# What one sentence, or one checkpoint, may fail for while the others go on.
FAULTS = (UserError, RuntimeError, ValueError, LookupError)


class Speaker:
    """A loaded voice that has listened to its references; ``real_voices`` are recordings as its own encoder hears them.

    None in place of those that are too short for it, or where the model has no encoder.
    """

    def __init__(
        self,
        voice: Voice[object],
        reference: object,
        language: str,
        reporter: Reporter,
        real_sounds: Sequence[Samples],
    ) -> None:
        self.voice, self.reference, self.language, self.reporter = voice, reference, language, reporter
        self.real_voices = [voice.speaker_embedding(sound, RATE_HZ) for sound in real_sounds]
        embeddings = [embedding for embedding in self.real_voices if embedding is not None]
        self._centre = unit(np.mean(embeddings, axis=0)) if embeddings else None

    def speak(self, scores: ScoreFile, lines: Sequence[tuple[str, Line]]) -> dict[str, Score]:
        """Speak lines, given with their keys, into the folder of ``scores``; one that fails says why.

        Raises:
            Cancelled: Stop was pressed.
            RuntimeError: the graphics card is lost.
        """
        if self.voice.speaks_together and len(lines) > 1:
            results = self._speak_together(scores, lines)
            if results is not None:
                return results
        sounds = {}
        for key, line in lines:
            sounds[key] = self._speak_one(scores, key, line)
            scores.put([sounds[key]])  # a Stop amid the next one loses nothing
        return sounds

    def to_its_own_ears(self, score: Score, sound: Samples) -> Score:
        """The score with how like the real voice the model itself hears the sound to be, at `RATE_HZ`."""
        if self._centre is None or score.likeness is None:
            return score
        embedding = self.voice.speaker_embedding(sound, RATE_HZ)
        return score if embedding is None else replace(score, own_likeness=round(float(embedding @ self._centre), 4))

    def _speak_together(self, scores: ScoreFile, lines: Sequence[tuple[str, Line]]) -> dict[str, Score] | None:
        """All in one go; None if that failed: each is then tried alone, to tell which cannot be said."""
        began = time.monotonic()
        texts, seeds = [line.text for _, line in lines], [line.seed for _, line in lines]
        stop = self.reporter.stop_requested
        try:
            sounds = self.voice.speak_many(texts, self.language, self.reference, seeds, should_stop=stop)
        except FAULTS as error:
            raise_lost_card(error)
            return None
        took_s, length = time.monotonic() - began, max(1, sum(len(samples) for samples, _ in sounds))
        return {
            key: self._keep(scores, key, line, samples, rate, took_s * len(samples) / length)
            for (key, line), (samples, rate) in zip(lines, sounds, strict=True)
        }

    def _speak_one(self, scores: ScoreFile, key: str, line: Line) -> Score:
        began, stop = time.monotonic(), self.reporter.stop_requested
        try:
            samples, rate = self.voice.speak(line.text, self.language, self.reference, line.seed, should_stop=stop)
        except FAULTS as error:
            raise_lost_card(error)
            return Score(
                key, line.kind, line.text, line.seed, failure=filled("{what}", {"what": reason_of(error)})[:200]
            )
        return self._keep(scores, key, line, samples, rate, time.monotonic() - began)

    def _keep(self, scores: ScoreFile, key: str, line: Line, samples: Samples, rate: int, took_s: float) -> Score:
        path = scores.folder / f"{key}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_speech(path, samples, rate)
        return Score(
            key,
            line.kind,
            line.text,
            line.seed,
            seconds=round(len(samples) / rate, 3),
            took_s=round(took_s, 3),
            sound=str(path.relative_to(scores.run)),
        )


def raise_lost_card(error: Exception) -> None:
    """Raise an error that says the graphics card is lost: without it nothing goes on."""
    if cuda_errors.translate(error) is not None:
        raise error
