"""What a run pays for having its samples measured meanwhile: ``python -m benchmarks.companion``.

A small training (the starter, on the demo's clips, on the processor) as the page starts it, until it has taken so many
seconds of processor; the companion begins when a twentieth of them is enough to load it. ``share`` is its part of what
the run has taken, and may be 0.05 at most. What an update takes is told ``alone`` and ``beside`` the companion: on a
busy machine compare the processor seconds. Ends with an error where the companion takes more, or measures nothing.
Writes benchmarks/results/companion.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import RECORDING, machine, prompts, write_results
from benchmarks.processes import Watch
from core.audio.samples import read, write_wav
from core.dataset.freeze import freeze
from core.evaluation.companion import MODULE, SHARE
from core.jobs import events
from core.jobs.job import Job
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.training.sample_measures import CER
from core.training.start import start_training

_LOOK_S = 0.1
_MOST_UPDATES = 5_000


def fill(folder: Path) -> tuple[Project, str]:
    """A project with the demo's prompts, and its frozen dataset."""
    project = Workspace(folder).create("Companion", "en")
    clips = []
    for number, (text, start_s, end_s) in enumerate(prompts()):
        clips.append(Clip(f"a-{number:04d}", "a", start_s, end_s, text=text, status="approved"))
        write_wav(project.clip_file(clips[-1].id), *read(RECORDING, start_s, end_s, 22_050))
    project.store.add_source(Source("a", "Prompts", seconds=clips[-1].end_s))
    project.store.replace_clips("a", clips)
    return project, freeze(project).id


def watch(job: Job, processor_s: float) -> np.ndarray:
    """Stop a run when it has taken so much; rows of: the clock, processor seconds of the run and of its companion."""
    rows, processes = [], Watch()
    while job.alive():
        processes.look()
        companion_s = processes.cpu_s(lambda command: MODULE in command)
        run_s = processes.cpu_s() - companion_s
        rows.append([time.time(), run_s, companion_s])
        if run_s > processor_s:
            job.stop()
        time.sleep(_LOOK_S)
    return np.array(rows)


def figures(job: Job, course: np.ndarray) -> dict[str, Any]:
    """What was taken by whom, and an update's time before and after the companion began."""
    at, run_s, companion_s = course.T
    log = [event for event in events.EventReader(job.events_path).read() if isinstance(event, events.Metrics)]
    updates = np.array([event.at for event in log if "loss" in event.values])
    measured_s = np.interp([event.at for event in log if CER in event.values], at, companion_s)
    began = at[np.argmax(companion_s > 0)] if companion_s[-1] > 0 else np.inf
    steps = {"elapsed": np.diff(updates), "processor": np.diff(np.interp(updates, at, run_s))}
    is_beside = updates[1:] > began
    return {
        "updates": len(updates),
        "run_s": round(float(run_s[-1]), 1),
        "companion_s": round(float(companion_s[-1]), 1),
        "share": round(float(companion_s[-1] / run_s[-1]), 4),
        "checkpoints_measured": len(measured_s),
        "checkpoint_s": [round(float(seconds), 2) for seconds in np.diff(measured_s)],
        "update_s": {
            name: {
                "alone": round(float(np.median(seconds[~is_beside])), 3),
                "beside": round(float(np.median(seconds[is_beside])), 3) if is_beside.any() else None,
            }
            for name, seconds in steps.items()
        },
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=280.0, help="of processor that the run takes")
    parser.add_argument("--every", type=int, default=20, help="updates from one checkpoint to the next")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine("torch", "faster-whisper", "Resemblyzer"), "every": options.every}
    settings = {"max_steps": _MOST_UPDATES, "save_every": options.every, "eval_every": _MOST_UPDATES}
    with tempfile.TemporaryDirectory() as folder:
        project, dataset = fill(Path(folder))
        settings |= {"measure_samples": True, "learning_rate": 1e-4}
        job = start_training(project, dataset, "xtts-cpu", settings, base_id="starter", device="cpu")
        course = watch(job, options.seconds)
        if job.read().status != "cancelled":
            raise SystemExit(f"the run ended as {job.read().status}: {job.read().text}")
        result |= figures(job, course)
    write_results("companion", result)
    print(json.dumps(result, indent=2))
    if not result["checkpoints_measured"] or result["share"] > SHARE:
        raise SystemExit("the companion measured nothing, or took more than its share")


if __name__ == "__main__":
    main()
