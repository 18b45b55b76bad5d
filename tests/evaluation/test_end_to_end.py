"""From a training to its verdict: a run that learns is told from one whose learning rate was far too high.

Once with a real voice whose pitch is off by what is still to be learnt, so that it learns in no time; all else is the
app's: the loop, checkpoints, speaking, recogniser, measures, intervals, verdict. And with the starter, as the page
trains it: once where it has something to learn, once harmed. `benchmarks.verdict` is the same with the demo's clips,
updates and test set; of these the starter as it is learns nothing that a listener notices. How natural it sounds is
left out, as where the package is not installed: a third of the time, and no verdict here rests on it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from core.audio.samples import Samples, resample
from core.checkpoint_ref import CheckpointRef
from core.engines.options import TrainConfig
from core.engines.xtts.model.starter import make_starter
from core.engines.xtts.model.tiny import save
from core.evaluation import plan
from core.evaluation.run import Evaluation
from core.evaluation.scorecard import Scorecard, recommended, recommended_step, scorecard
from core.evaluation.test_set import Line
from core.evaluation.verdict import Verdict
from core.files import read_json, write_json
from core.jobs.args.runs import EvaluateArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures import naturalness
from core.project.workspace import Project
from core.tasks.demo import SETTINGS
from core.training.loop import Loop
from core.training.run import Run
from core.training.samples import SampleSpeaker, Sentences
from core.training.start import start_training
from presets.starter.build.plan import held_out
from tests.conftest import Prompts
from tests.evaluation.conftest import RATE, MakeScored, Parrot, ParrotEngine, Scored
from tests.training.conftest import HELD_BACK, write_dataset, write_lists
from tests.training.make_believe import MakeBelieve
from ui.i18n import Translator
from ui.tabs.listen.scorecard import verdict_text

OFF = 0.2  # of the base: a fifth too high and too fast, understood and unlike
MOST_OFF = 0.6  # any voice's: further off, the recogniser reads babble again and again, and no verdict is another
SENTENCES = (0, 14, 20, 26, 45)  # as few as a verdict needs
SHORT = ("Good morning.", "The kettle is on.", "I will be there soon.", "Yes, of course.")
CONFIG = TrainConfig(learning_rate=1e-3, max_steps=8, save_every=4, eval_every=8)


class Learner(MakeBelieve):
    """Gradient descent on how far the pitch is off, as a logarithm."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__(weight=OFF)
        self.learning_rate = learning_rate

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        self.step_number += 1
        loss = self.weight**2
        self.weight -= self.learning_rate * 240 * self.weight
        return {"loss": loss, "lr": self.learning_rate}


class Speaking(ParrotEngine):
    """Loads what a `Learner` has saved."""

    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> Parrot:
        off = float(load_file(checkpoint / "adapter.safetensors")["weight"][0]) if checkpoint else OFF

        def speak(sound: Samples) -> Samples:
            return resample(sound, round(RATE * float(np.exp(np.clip(off, -MOST_OFF, MOST_OFF)))), RATE)

        return Parrot(self.sounds, speak, self.said)


def train(scored: Scored, config: TrainConfig) -> None:
    """The run's checkpoints, by the real loop."""
    session = Learner(config.learning_rate)
    speaker = SampleSpeaker(scored.run.path, Sentences((), "en", (), 0), None, session.voice, scored.reporter)
    Loop(session, config, scored.run.checkpoints, speaker, scored.reporter).run()


@pytest.fixture(autouse=True)
def _without_naturalness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naturalness, "available", lambda: False)


@pytest.fixture
def verdict_of(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch
) -> Callable[[TrainConfig], tuple[Scored, Verdict]]:
    def judge(config: TrainConfig) -> tuple[Scored, Verdict]:
        scored = make_run({}, held_out=SENTENCES)
        engine = Speaking(scored.engine.sounds, {})
        monkeypatch.setattr("core.engines.registry.get_engine", lambda name: engine)
        train(scored, config)
        Evaluation(
            scored.project, scored.run, EvaluateArgs(run_id=scored.run.id, device="cpu"), scored.reporter
        ).score()
        return scored, scorecard(scored.project, scored.run).verdict

    return judge


def test_a_run_that_learns_has_a_step_to_keep_and_a_harmed_one_has_none(
    verdict_of: Callable[[TrainConfig], tuple[Scored, Verdict]],
) -> None:
    harmed, verdict = verdict_of(CONFIG.model_copy(update={"learning_rate": 1e-2, "save_every": 8}))
    assert verdict.kind == "base" and recommended(harmed.project) is None
    learnt, verdict = verdict_of(CONFIG)
    assert verdict.kind == "keep" and verdict.step in (4, 8)
    assert "like_more" in [reason.key for reason in verdict.reasons]
    best = recommended(learnt.project)
    assert best is not None and (best.run_id, best.step) == (learnt.run.id, verdict.step)


def speak_dataset(folder: Path, lines: Sequence[str]) -> None:
    """Freeze what FFmpeg's own Flite says, in a voice that the starter knows well."""
    for wav, line in zip(write_lists(folder, lines, HELD_BACK), lines, strict=True):
        (text := wav.with_suffix(".txt")).write_text(line)
        source = ["-f", "lavfi", "-i", f"flite=textfile={text}:voice=slt"]
        subprocess.run(["ffmpeg", "-v", "error", *source, "-ar", "22050", wav], check=True)
        text.unlink()


def make_hasty(base: Path) -> None:
    """Let a starter end its sentences at once: something that a few updates can teach it not to do."""
    state = torch.load(base / "model.pth", weights_only=True)
    state["model"]["gpt.mel_head.bias"][-1] += 12.0
    save(state, base / "model.pth")


def scored_run(project: Project, updates: int, learning_rate: float, lines: Sequence[str]) -> tuple[Run, Scorecard]:
    """A run with the demo's settings and fewer updates, and its scorecard by the lines and those held out."""
    settings = {**SETTINGS, "max_steps": updates, "save_every": updates, "learning_rate": learning_rate}
    settings |= {"measure_samples": False, "sample_sentences": 1}
    base = make_starter(project.workspace.models / "starter")
    write_json(base / "starter.json", read_json(base / "starter.json") | {"max_seconds": 6.0})  # else babble is longer
    job = start_training(project, "abc123", "xtts-cpu", settings, base_id="starter", device="cpu")
    assert job.wait(600).status == "done", job.log_tail()
    run = Run(project, job.id)
    args = EvaluateArgs(run_id=run.id, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "bundled", lambda language: [Line("short", line) for line in lines])
        assert Evaluation(project, run, args, Reporter(Job.create(project.jobs, args))).score() == 2
    return run, scorecard(project, run)


@pytest.mark.slow
def test_what_the_starter_learnt_is_kept(project: Project, preloaded: None) -> None:
    filters = subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True, check=True).stdout
    if " flite " not in filters:
        pytest.skip("this FFmpeg is made without Flite, which speaks the dataset")
    lines = held_out()
    speak_dataset(project.datasets / "abc123", lines[10:30])
    make_hasty(make_starter(project.workspace.models / "starter"))
    run, card = scored_run(project, 24, 1e-3, lines[:8])
    assert card.verdict.kind == "keep" and card.verdict.step == 24
    assert recommended(project) == CheckpointRef(run.id, 24)
    assert "Keep update 24: clearer than the base voice" in verdict_text(Translator("en"), card.verdict)


@pytest.mark.slow
def test_of_a_harmed_run_of_the_starter_nothing_is_kept(project: Project, prompts: Prompts, preloaded: None) -> None:
    write_dataset(project.datasets / "abc123", prompts)
    run, card = scored_run(project, 10, 30 * SETTINGS["learning_rate"], SHORT)
    assert card.verdict.kind == "base" and recommended(project) is None and recommended_step(project, run) is None
    assert card.rows[1].gain is not None and card.rows[1].gain.surely_below
    assert {"clear_less", "ends"} <= {reason.key for reason in card.verdict.reasons}
    assert "None is better than the base voice" in (text := verdict_text(Translator("en"), card.verdict))
    assert "less clear" in text and "lower learning rate" in text
