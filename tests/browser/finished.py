"""A project that has walked the whole road, by core calls alone: nothing is trained, nobody speaks."""

from __future__ import annotations

import time

from core.audio.samples import write_wav
from core.checkpoint_ref import CheckpointRef, step_folder
from core.engines.xtts.options import XttsTrainConfig
from core.files import write_json
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.records import Vote
from core.project.workspace import Project
from core.training.config import config_text
from tests.audio.sounds import tone

SENTENCES = ("The kettle was on before anybody else was up.", "Did you hear what she said about the harbour?")
STEPS = (0, 20, 40)


def with_finished_runs(project: Project) -> tuple[str, str]:
    """A dataset, two runs with curves, checkpoints and samples, votes, a take and an export; the runs' ids."""
    facts = {"clips": 5, "seconds": 900.0, "train": 4, "val": 1, "dropped": 0, "signature": "s"}
    write_json(project.datasets / "abcdef123456" / "dataset.json", facts)
    write_json(project.datasets / "abcdef123456" / "title.json", {"title": "Ana 1"})
    first = _run(project, "First", "first", 0.001, 2.0)
    second = _run(project, "Second, with a faster rate", "second", 0.005, 1.6)
    refs = [CheckpointRef(id_, step) for id_ in (first, second) for step in STEPS]
    for number in range(9):
        left, right = refs[number % len(refs)], refs[(number + 2) % len(refs)]
        choice = ("left", "right", "same")[number % 3]
        project.store.add_vote(Vote(f"p{number}", left, right, choice, time.time(), SENTENCES[number % 2]))
    _take(project, first)
    _export(project, first)
    return first, second


def _run(project: Project, title: str, name: str, rate: float, error: float) -> str:
    about = {"base": "starter", "dataset": "abcdef123456"}
    config = XttsTrainConfig(max_steps=STEPS[-1], learning_rate=rate)
    text = config_text(config, **about, preset="xtts-cpu", language="en")
    job = Job.create(project.runs, TrainArgs(**about), title=title, name=name, files={"config.yaml": text})
    path = job.events_path
    events.append(path, events.Launched())
    events.append(path, events.Started(pid=1, step=0))
    for step in range(1, STEPS[-1] + 1):
        values = {"loss": error + 2 / step, "lr": rate, "steps_per_s": 0.5, "memory_mb": 900.0}
        events.append(path, events.Metrics(step=step, values=values))
    for step in STEPS:
        events.append(path, events.Metrics(step=step, values={"val_loss": error + 0.2 + 1 / (step + 1), "eval_s": 2.0}))
        write_json(job.path / "checkpoints" / step_folder(step) / "adapter.json", {"step": step})
        events.append(path, events.Checkpoint(step=step, path=f"checkpoints/{step_folder(step)}"))
        for number, sentence in enumerate(SENTENCES):
            sound = job.path / "samples" / step_folder(step) / f"{number}.wav"
            sound.parent.mkdir(parents=True, exist_ok=True)
            write_wav(sound, tone(0.5, 24_000), 24_000)
            place = str(sound.relative_to(job.path))
            sample = events.Sample(step=step, sentence=number, text=sentence, path=place, seconds=0.5, took_s=1.0)
            events.append(path, sample)
    result = {"step": STEPS[-1], "steps": STEPS[-1], "checkpoints": len(STEPS)}
    events.append(path, events.Finished(outcome="done", result=result))
    return job.id


def _take(project: Project, run_id: str) -> None:
    project.takes.mkdir(parents=True, exist_ok=True)
    write_wav(project.takes / "t1.wav", tone(0.5, 24_000), 24_000)
    facts = {
        "text": SENTENCES[0], "language": "en", "voice": "First", "checkpoint": f"{run_id}:40", "seed": 0,
        "reference_clip_ids": [], "seconds": 0.5, "took_s": 1.0, "at": time.time(),
    }  # fmt: skip
    write_json(project.takes / "t1.json", facts)


def _export(project: Project, run_id: str) -> None:
    folder = project.exports / "ana"
    folder.mkdir(parents=True)
    write_wav(folder / "sample.wav", tone(0.5, 24_000), 24_000)
    (folder / "README.txt").write_text("How to load it.\n")
    manifest = {"name": "Ana", "exported_at": time.time(), "run_id": run_id, "step": 40, "trained": True}
    write_json(folder / "manifest.json", manifest)
