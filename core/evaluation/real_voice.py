"""The real voice: recordings that nothing was learnt from, as the upper line of a scorecard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop
from core.evaluation.measure import Listener, Vector, unit, voices_of
from core.evaluation.plan import Plan, sounds_of
from core.evaluation.scores import Score, ScoreFile, sound_key
from core.evaluation.test_set import Line


class RealVoice:
    """Its recordings, and the direction each points in (none where nothing tells voices apart)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sounds = sounds_of([clip.path for clip in plan.real])
        self.voices = voices_of(self.sounds)

    @property
    def centre(self) -> Vector | None:
        """The direction of the voice; None where it is not known."""
        return unit(np.mean(self.voices, axis=0)) if self.voices else None

    def score(
        self, run: Path, listener: Listener, should_stop: ShouldStop, on_begin: Callable[[int], object] = lambda _: None
    ) -> None:
        """Measure the recordings that are not yet, each against the others; ``on_begin`` is told how many those are.

        Raises:
            Cancelled: ``should_stop`` said so.
        """
        scores = ScoreFile.open(run, None)
        missing: list[Score] = []
        sounds: list[Samples] = []
        keys = []
        for clip, sound in zip(self.plan.real, self.sounds, strict=True):
            line = Line("held_out" if self.plan.is_held_out else "learnt", clip.text)
            key = sound_key(f"real {self.plan.dataset} {clip.clip_id}", self.plan.language, (), line)
            keys.append(key)
            if key not in scores.scores or scores.scores[key].measured != listener.name:
                missing.append(Score(key, line.kind, clip.text))
                sounds.append(sound)
        scores.keep(keys)
        if missing:
            on_begin(len(missing))
            measured = listener.measure(missing, sounds, should_stop)
            scores.put(self._against_the_others(score, sound) for score, sound in zip(measured, sounds, strict=True))

    def score_by_its_model(self, run: Path, voices: Sequence[Vector | None]) -> None:
        """Keep the recordings' likeness to each other as the model itself hears it, once; ``voices`` are by recording.

        None in place of a recording that is too short for the model.
        """
        by_text = {clip.text: voice for clip, voice in zip(self.plan.real, voices, strict=True) if voice is not None}
        real = ScoreFile.open(run, None)
        if len(by_text) < 2 or any(score.own_likeness is not None for score in real.scores.values()):
            return
        total = np.sum(list(by_text.values()), axis=0)
        real.put(
            replace(score, own_likeness=round(float(by_text[score.text] @ unit(total - by_text[score.text])), 4))
            for score in real.scores.values()
            if score.text in by_text
        )

    def _against_the_others(self, score: Score, sound: Samples) -> Score:
        """Its likeness to the other recordings: to itself it would be perfect."""
        if score.likeness is None or len(self.voices) < 2:
            return score
        voice = voices_of([sound])[0]
        others = np.sum(self.voices, axis=0) - voice
        return replace(score, likeness=round(float(voice @ unit(others)), 4))
