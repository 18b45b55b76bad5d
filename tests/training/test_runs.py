"""Whole training runs in real child processes: done, stopped, killed, resumed, and never two at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audio.samples import read
from core.engines.voice import ReferenceClip
from core.errors import Busy, UserError
from core.files import read_json
from core.jobs import events
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.run import Run, RunView, runs
from core.training.start import resume, start_training

SMALL = {
    "max_steps": 8,
    "save_every": 4,
    "eval_every": 4,
    "batch_size": 2,
    "sample_sentences": 1,
    # Far more than one would take, so that eight updates can be heard in random weights.
    "learning_rate": 1e-2,
    "warmup_steps": 0,
}
LONG = {**SMALL, "max_steps": 5_000, "save_every": 3, "eval_every": 1_000, "sample_sentences": 0}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("preloaded")]


def start(project: Project, starter: Path, settings: dict[str, Any]) -> Run:
    job = start_training(project, "abc123", "xtts-cpu", settings, "My voice", str(starter))
    return Run(project, job.id)


def wait_for(run: Run, condition: Callable[[RunView], bool], timeout_s: float = 120) -> RunView:
    until = time.monotonic() + timeout_s
    while not condition(view := run.read()):
        assert time.monotonic() < until and view.job.status != "failed", (view.job.text, run.job.log_tail())
        time.sleep(0.02)
    return view


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, dataset: Path, starter: Path) -> Run:
    """A run of eight updates that came to its end."""
    from core.project.workspace import Workspace

    project = Workspace(tmp_path_factory.mktemp("workspace")).create("Test voice", "en")
    project.datasets.mkdir(parents=True)
    (project.datasets / dataset.name).symlink_to(dataset)
    run = start(project, starter, SMALL)
    run.job.wait()
    assert run.read().job.status == "done", run.job.log_tail()
    return run


def test_a_run_shows_its_curves_checkpoints_and_samples(finished: Run) -> None:
    view = finished.read()
    assert view.step == view.total == 8
    assert [step for step, _ in view.train] == [step for step, _ in view.lr] == list(range(1, 9))
    assert [step for step, _ in view.val] == [0, 4, 8]
    assert [step for step, _ in view.checkpoints] == [0, 4, 8]
    assert [sample.step for sample in view.samples[0]] == [0, 4, 8]
    assert view.steps_per_s and view.memory_mb and view.memory_mb > 100
    assert view.job.result["step"] == 8 and view.job.result["checkpoints"] == 3
    assert len(read_json(finished.path / "check.json")["used"]) == 12 and not view.job.warnings
    assert view.about["language"] == "en" and view.config.max_steps == 8
    stages = {e.stage for e in events.EventReader(finished.job.events_path).read() if isinstance(e, events.Progress)}
    assert {"check_dataset", "features", "load_base", "conditioning", "train", "samples"} <= stages


def test_samples_of_a_checkpoint_differ_from_the_bases_for_the_same_seed(finished: Run) -> None:
    spoken = {sample.step: read(sample.path)[0] for sample in finished.read().samples[0]}
    assert all(samples.any() for samples in spoken.values())
    for step in (4, 8):
        same_length = len(spoken[step]) == len(spoken[0])
        assert not same_length or np.abs(spoken[step] - spoken[0]).max() > 1e-3


def test_samples_equal_what_the_saved_checkpoint_says_when_loaded(finished: Run, starter: Path) -> None:
    from core.engines.xtts.infer.voice import load_voice
    from core.training.samples import Sentences

    sentences = Sentences.frozen(finished.path, lambda: pytest.fail("the sentences were not written down"))
    references = [ReferenceClip(finished.dataset / "wavs" / f"{name}.wav") for name in sentences.references]
    for step in (0, 8):
        voice = load_voice(starter, finished.checkpoint(step), "cpu")
        samples, _ = voice.speak(
            sentences.texts[0], sentences.language, voice.condition(references), sentences.seed_of(0)
        )
        written, _ = read(finished.path / "samples" / f"step-{step:06d}" / "0.wav")
        assert len(written) == len(samples)
        # Written as 16 bit; one thread here or there rounds sums differently.
        assert np.abs(written - samples).max() < 1e-3


def test_a_finished_run_cannot_be_resumed(finished: Run) -> None:
    with pytest.raises(UserError) as caught:
        resume(finished.project, finished.id)
    assert caught.value.code == "train.already_done"


def test_stop_keeps_what_was_learnt_and_resume_goes_on(frozen: Project, starter: Path) -> None:
    run = start(frozen, starter, {**LONG, "save_every": 1_000, "sample_sentences": 1})
    wait_for(run, lambda view: view.step >= 2)
    pressed = time.monotonic()
    run.stop()
    view = wait_for(run, lambda view: not view.job.active, 30)
    assert time.monotonic() - pressed < 25
    assert view.job.status == "cancelled"
    kept = int(view.job.result["step"])
    assert kept >= 2 and [step for step, _ in view.checkpoints][-1] == kept
    assert [sample.step for sample in view.samples[0]] == [0, kept], "what was kept cannot be heard"
    assert (run.checkpoint(kept) / "adapter.safetensors").stat().st_size > 0
    resume(frozen, run.id)
    view = wait_for(run, lambda view: view.step > kept + 1)
    assert [step for step, _ in view.train] == list(range(1, view.step + 1))
    run.job.force_stop()
    run.job.wait(30)


def test_killed_in_the_middle_it_reads_interrupted_and_resumes(frozen: Project, starter: Path) -> None:
    run = start(frozen, starter, LONG)
    wait_for(run, lambda view: view.step >= 7)
    os.kill(next(e.pid for e in events_of(run.job, events.Started)), signal.SIGKILL)
    view = wait_for(run, lambda view: not view.job.active, 10)
    assert view.job.status == "interrupted" and view.resumable
    state = run.checkpoints.newest_state()
    assert state is not None
    kept = int(state.name.removeprefix("step-"))
    assert kept >= 6
    resume(frozen, run.id)
    view = wait_for(run, lambda view: view.step > kept + 2)
    started = [e.step for e in events_of(run.job, events.Started)]
    assert started[0] is None and started[-1] == kept
    assert [step for step, _ in view.train] == list(range(1, view.step + 1))
    assert _computed(run.job) == 1, "features were computed again"
    run.stop()
    assert wait_for(run, lambda view: not view.job.active, 30).job.status == "cancelled"


def test_a_second_start_is_refused_and_leaves_nothing_behind(frozen: Project, starter: Path) -> None:
    run = start(frozen, starter, LONG)
    with pytest.raises(Busy) as caught:
        start(frozen, starter, LONG)
    assert caught.value.values["title"] == "My voice"
    with pytest.raises(Busy):
        resume(frozen, run.id)
    assert [run.id for run in runs(frozen)] == [run.id]
    wait_for(run, lambda view: view.job.started_at is not None)
    run.job.force_stop()
    run.job.wait(30)


def test_what_cannot_start_is_refused_before_a_folder_is_made(frozen: Project, starter: Path) -> None:
    for change, code in (
        ({"dataset_id": "nothing"}, "train.no_dataset"),
        ({"preset_id": "xtts-huge"}, "train.no_preset"),
        ({"overrides": {"epochs": 3}}, "train.unknown_setting"),
        ({"base_id": "xtts-v2"}, "base.not_downloaded"),
    ):
        good: dict[str, Any] = {"dataset_id": "abc123", "preset_id": "xtts-cpu", "base_id": str(starter)}
        with pytest.raises(UserError) as caught:
            start_training(frozen, **{**good, **change})
        assert caught.value.code == code
    assert runs(frozen) == []


def events_of(job: Job, kind: type[Any]) -> list[Any]:
    """Events of one type, in order, of all the processes that were at it."""
    return [event for event in events.EventReader(job.events_path).read() if isinstance(event, kind)]


def _computed(job: Job) -> int:
    """How often the stage of computing features was entered."""
    stages = [event.stage for event in events_of(job, events.Progress)]
    return sum(now == "features" != before for before, now in zip(["", *stages], stages, strict=False))
