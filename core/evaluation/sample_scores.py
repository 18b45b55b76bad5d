"""Scores of a run's samples while it trains: what its checkpoints say anyway, measured as a scorecard does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.checkpoint_ref import step_folder
from core.engines import registry
from core.engines.callbacks import never
from core.errors import UserError
from core.evaluation.measure import Listener
from core.evaluation.plan import is_sound, plan, sample_lines, sounds_of
from core.evaluation.real_voice import RealVoice
from core.evaluation.scores import Score
from core.evaluation.statistics import estimate
from core.evaluation.verdict import values_by_text
from core.project.workspace import Project, Workspace
from core.training.run import Run
from core.training.sample_measures import CER, LIKENESS
from core.transcription.base import Recognizer
from core.transcription.builtin import join_base
from core.transcription.registry import FASTER_WHISPER, base_folder, choose, locate

_MEASURES = {CER: "cer", LIKENESS: "likeness"}


class SampleScores:
    """Measures the samples of one run. What listens is loaded, and the real voice measured, when it is made."""

    def __init__(self, project: Project, run: Run) -> None:
        self.run = run
        test_set = plan(project, run)
        base = registry.bases(project.info.engine).place(project.workspace.models, run.base_id)
        frontend = registry.texts(project.info.engine)
        real = RealVoice(test_set)
        self.listener = Listener(
            local_recognizer(project.workspace, test_set.language),
            test_set.language,
            lambda text: frontend.read(base, text, test_set.language).text,
            real.centre,
        )
        real.score(run.path, self.listener, never)
        self.listener = replace(self.listener, brief=True)  # nothing else is told, and the run's processor is shared

    @property
    def measures(self) -> list[str]:
        """Metrics that can be measured here; none where neither a recogniser nor what tells voices apart is there."""
        can = {CER: self.listener.recognizer is not None, LIKENESS: self.listener.centre is not None}
        return [name for name, is_there in can.items() if is_there]

    def measure(self, step: int) -> Mapping[str, float]:
        """Means over the samples of a checkpoint, by metric; empty where nothing is there to be measured."""
        folder = self.run.path / "samples" / step_folder(step)
        paths = [(line, folder / f"{number}.wav") for number, line in enumerate(sample_lines(self.run))]
        sounds = [(line, path) for line, path in paths if is_sound(path)]
        scores = [Score(path.stem, line.kind, line.text, line.seed) for line, path in sounds]
        scores = self.listener.measure(scores, sounds_of([path for _, path in sounds]), never)
        means = {name: estimate(values_by_text(scores, measure)) for name, measure in _MEASURES.items()}
        return {name: round(mean.mean, 4) for name, mean in means.items() if mean is not None and name in self.measures}


def local_recognizer(workspace: Workspace, language: str) -> Recognizer | None:
    """The built-in recogniser of a language, on the processor; None where it is not there: nothing is downloaded."""
    from core.transcription import faster_whisper_engine

    try:
        model = locate(workspace, choose("fast", language), language)
        if model.engine != FASTER_WHISPER:
            return None
        path = model.path or (join_base(base_folder(workspace), lambda: None) if model.is_builtin else None)
        return None if path is None else faster_whisper_engine.load(path, model.id, "cpu", 1)
    except UserError:
        return None
