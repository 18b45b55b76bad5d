"""A made-up project with a finished run to listen to: real speech, made worse in steps; nothing is trained."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.audio.samples import Samples, read, write_wav
from core.checkpoint_ref import step_folder
from core.engines.options import TrainConfig
from core.files import write_atomic, write_json
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from core.training.checkpoints import Checkpoints
from core.training.config import config_text

DEMO = Path(__file__).resolve().parents[2] / "presets" / "demo"
STEPS = (0, 300, 600, 900)
DATASET = "d00000000001"


def speech(count: int, seconds: float = 2.5) -> tuple[list[str], list[Samples], int]:
    """Short pieces of real speech with their texts, and their rate."""
    with open(DEMO / "transcripts.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:count]
    texts, sounds, rate = [], [], 0
    for row in rows:
        samples, rate = read(DEMO / "recording.flac", float(row["start_s"]), float(row["start_s"]) + seconds)
        texts.append(row["text"])
        sounds.append(samples)
    return texts, sounds, rate


def make_project(
    workspace: Workspace,
    name: str = "Ana",
    *,
    steps: Sequence[int] = STEPS,
    sentences: int = 3,
    seconds: float = 2.5,
    title: str = "Calm voice",
) -> Project:
    """A project with a run of these checkpoints; the last of the sentences has its real recording."""
    project = workspace.create(name, "en")
    texts, sounds, rate = speech(sentences + 1, seconds)
    dataset = project.datasets / DATASET
    lines = {"real-1": texts[sentences - 1], "ref-1": texts[sentences]}
    for clip_id, sound in (("real-1", sounds[sentences - 1]), ("ref-1", sounds[sentences])):
        write_sound(dataset / "wavs" / f"{clip_id}.wav", sound, rate)
    write_atomic(dataset / "metadata.csv", "".join(f"{id_}|{text}|{text}\n" for id_, text in lines.items()))
    write_atomic(dataset / "metadata_train.csv", f"ref-1|{lines['ref-1']}|{lines['ref-1']}\n")
    write_atomic(dataset / "metadata_val.csv", f"real-1|{lines['real-1']}|{lines['real-1']}\n")
    facts = {"clips": 2, "seconds": 5.0, "train": 1, "val": 1, "dropped": 0, "signature": "x", "language": "en"}
    write_json(dataset / "dataset.json", facts)
    write_json(dataset / "report.json", facts | {"used": [{"id": id_, "sha256": id_} for id_ in lines]})
    add_run(project, title, steps, texts[:sentences], sounds, rate)
    return project


def add_run(
    project: Project,
    title: str,
    steps: Sequence[int],
    texts: Sequence[str],
    sounds: Sequence[Samples],
    rate: int,
    *,
    seed: int = 0,
) -> Job:
    """A finished run whose later checkpoints sound cleaner."""
    about = {"dataset": DATASET, "base": "starter", "preset": "xtts-cpu"}
    config = config_text(TrainConfig(seed=seed), **about, language="en")
    job = Job.create(project.runs, TrainArgs(**about), title=title, name=title.lower().replace(" ", "-"),
                     files={"config.yaml": config})  # fmt: skip
    references = {"texts": list(texts), "language": "en", "references": ["ref-1"], "seed": seed}
    write_json(job.path / "samples" / "sentences.json", references)
    events.append(job.events_path, events.Launched())
    chance = np.random.default_rng(1)
    for place, step in enumerate(steps):
        noise = 0.03 * (1 - place / len(steps))
        folder = Checkpoints(job.path).folder(step)
        write_json(folder / "adapter.json", {"step": step})
        events.append(job.events_path, events.Checkpoint(step=step, path=f"checkpoints/{folder.name}"))
        for number, text in enumerate(texts):
            path = f"samples/{step_folder(step)}/{number}.wav"
            sound = sounds[number] + noise * chance.standard_normal(len(sounds[number])).astype(np.float32)
            write_sound(job.path / path, sound, rate)
            said = events.Sample(step=step, sentence=number, text=text, path=path, seconds=len(sound) / rate)
            events.append(job.events_path, said)
        values = {"loss": 3.0 - place / 4, "val_loss": 3.1 - place / 5, "lr": 1e-4}
        events.append(job.events_path, events.Metrics(step=step, values=values))
    events.append(job.events_path, events.Finished(outcome="done"))
    return job


def write_sound(path: Path, samples: Samples, rate: int) -> None:
    """A sound in a folder that need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, samples, rate)
