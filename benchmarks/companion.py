"""What a run pays for having its samples measured meanwhile: ``python -m benchmarks.companion``.

The same small training (the starter, on the demo's clips, on the processor) with the companion and without, in turns;
each is a job as the page starts it. ``updates_s`` lies between the first and the last update, checkpoints and their
samples included; ``companion_s`` is the companion's processor time. The companion begins when a twentieth of what the
run has taken of the processor is enough to load it, so a run has to last some minutes; on a busy machine compare the
processor seconds. Writes benchmarks/results/companion.json.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import RESULTS, machine
from core.audio.samples import read, write_wav
from core.dataset.freeze import freeze
from core.evaluation.companion import MODULE
from core.jobs import events
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.training.sample_measures import CER, LIKENESS
from core.training.start import start_training

DEMO = Path(__file__).resolve().parent.parent / "presets" / "demo"
RESULT = RESULTS / "companion.json"
_LOOK_S = 0.2


def fill(folder: Path) -> tuple[Project, str]:
    """A project with the demo's prompts, and its frozen dataset."""
    project = Workspace(folder).create("Companion", "en")
    with open(DEMO / "transcripts.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    clips = []
    for number, row in enumerate(rows):
        start_s, end_s = float(row["start_s"]), float(row["end_s"])
        clips.append(Clip(f"a-{number:04d}", "a", start_s, end_s, text=row["text"], status="approved"))
        write_wav(project.clip_file(clips[-1].id), *read(DEMO / "recording.flac", start_s, end_s, 22_050))
    project.store.add_source(Source("a", "Prompts", seconds=clips[-1].end_s))
    project.store.replace_clips("a", clips)
    return project, freeze(project).id


def train(project: Project, dataset: str, updates: int, every: int, *, is_measured: bool) -> dict[str, float]:
    """One run; what it took."""
    settings: dict[str, Any] = {"max_steps": updates, "save_every": every, "eval_every": updates}
    settings |= {"measure_samples": is_measured, "learning_rate": 1e-4}
    spent: dict[tuple[int, float], float] = {}  # seconds by process, as last seen
    companions: set[tuple[int, float]] = set()
    this, began = psutil.Process(), time.perf_counter()
    job = start_training(project, dataset, "xtts-cpu", settings, base_id="starter", device="cpu")
    while job.alive():
        for process in this.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                key, times = (process.pid, process.create_time()), process.cpu_times()
                spent[key] = times.user + times.system
                if MODULE in process.cmdline():
                    companions.add(key)
        time.sleep(_LOOK_S)
    seconds, view = time.perf_counter() - began, job.read()
    if view.status != "done":
        raise SystemExit(f"the run ended as {view.status}: {view.text}")
    updates_at = [event.at for event in events.EventReader(job.events_path).read() if _is_update(event)]
    return {
        "updates_s": round(updates_at[-1] - updates_at[0], 1),
        "seconds": round(seconds, 1),
        "processor_s": round(sum(spent.values()), 1),
        "companion_s": round(sum(spent[key] for key in companions), 1),
        "measured": sum(1 for values in view.metrics.values() if {CER, LIKENESS} & values.keys()),
    }


def _is_update(event: events.Event) -> bool:
    return isinstance(event, events.Metrics) and "loss" in event.values


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--updates", type=int, default=240)
    parser.add_argument("--every", type=int, default=20, help="updates from one checkpoint to the next")
    parser.add_argument("--rounds", type=int, default=1, help="each is a run without and one with, then the other way")
    given = parser.parse_args()
    where: dict[str, Any] = machine("torch", "faster-whisper", "Resemblyzer")
    runs: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        project, dataset = fill(Path(folder))
        train(project, dataset, 2, 2, is_measured=False)  # features are computed, the base is unpacked
        for number in range(given.rounds):
            for is_measured in (False, True) if number % 2 == 0 else (True, False):
                runs[is_measured].append(train(project, dataset, given.updates, given.every, is_measured=is_measured))
                print("with   " if is_measured else "without", runs[is_measured][-1], flush=True)
    medians = {
        name: [statistics.median(run[name] for run in runs[is_measured]) for is_measured in (False, True)]
        for name in ("updates_s", "seconds", "processor_s")
    }
    ratios = {name: round(values[1] / values[0], 3) for name, values in medians.items()}
    result = {"updates": given.updates, "every": given.every, "without": runs[False], "with": runs[True]}
    RESULT.write_text(json.dumps({"machine": where, **result, "ratios": ratios}, indent=2) + "\n")
    print("with the companion over without it:", ratios)


if __name__ == "__main__":
    main()
