"""The real voice: recordings that nothing was learnt from, as the upper line of a scorecard."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop
from core.evaluation.measure import Listener, Vector, unit, voices_of
from core.evaluation.plan import Plan, sounds_of
from core.evaluation.scores import Score, ScoreFile, read_scores, sound_key
from core.evaluation.test_set import Line
from core.files import subfolders


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

        What another run of the dataset has measured of the same recordings is taken over.

        Raises:
            Cancelled: ``should_stop`` said so.
        """
        scores = ScoreFile.open(run, None)
        kind = "held_out" if self.plan.is_held_out else "learnt"
        keys = [
            sound_key(f"real {self.plan.dataset} {clip.clip_id}", self.plan.language, (), Line(kind, clip.text))
            for clip in self.plan.real
        ]
        measured = {key for key, score in scores.scores.items() if score.measured == listener.name}
        if not measured.issuperset(keys) and (siblings := _measured_for_others(run, keys, listener.name)):
            scores.put(score for score in siblings if score.key not in measured)
            measured.update(keys)
        missing: list[Score] = []
        sounds: list[Samples] = []
        for key, clip, sound in zip(keys, self.plan.real, self.sounds, strict=True):
            if key not in measured:
                missing.append(Score(key, kind, clip.text))
                sounds.append(sound)
        scores.keep(keys)
        if missing:
            on_begin(len(missing))
            fresh = listener.measure(missing, sounds, should_stop)
            scores.put(self._against_the_others(score, sound) for score, sound in zip(fresh, sounds, strict=True))

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
        rest = np.sum(self.voices, axis=0) - voice
        return replace(score, likeness=round(float(voice @ unit(rest)), 4))


def _measured_for_others(run: Path, keys: Collection[str], name: str) -> list[Score]:
    """What another run's scoring has measured of these recordings and no others, by a listener of this name.

    Of no others, since each is compared with the rest; how the model itself hears them is left out, as another may.
    """
    for folder in subfolders(run.parent):
        scores = read_scores(folder, None) if folder != run else ()
        if {score.key for score in scores} == set(keys) and all(score.measured == name for score in scores):
            return [replace(score, own_likeness=None) for score in scores]
    return []
