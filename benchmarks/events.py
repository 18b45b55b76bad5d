"""Polling a long training's event log: read whole each time, against only what was appended, and the page's whole view.

    python -m benchmarks.events                  # 100,000 lines

Writes benchmarks/results/events.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine, write_results


def write_run(workspace: Path, lines: int) -> Any:
    """A run whose log holds ``lines`` events, half of them metrics, half progress, as a training writes them."""
    from core.engines.options import TrainConfig
    from core.jobs import events
    from core.jobs.args.training import TrainArgs
    from core.jobs.job import Job
    from core.project.workspace import Workspace
    from core.training.config import config_text
    from core.training.run import CONFIG, Run

    project = Workspace(workspace).create("Benchmark")
    files = {CONFIG: config_text(TrainConfig(max_steps=100_000))}
    job = Job.create(project.runs, TrainArgs(base="starter", dataset="none"), files=files)
    with open(job.events_path, "w", encoding="utf-8") as log:
        log.write(events.Launched().model_dump_json() + "\n")
        for step in range(1, lines // 2 + 1):
            values = {"loss": 5 / step, "lr": 1e-4, "steps_per_s": 2.0, "memory_mb": 6000.0}
            log.write(events.Metrics(step=step, values=values).model_dump_json() + "\n")
            log.write(events.Progress(stage="train", done=step, total=100_000).model_dump_json() + "\n")
    return Run(project, job.id)


def median_ms(poll: Callable[[], Any], times: int, grow: Callable[[], None] = lambda: None) -> float:
    """Median time of a poll in milliseconds; the log grows, unmeasured, before each."""
    taken = []
    for _ in range(times):
        grow()
        began = time.perf_counter()
        poll()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def measure(lines: int) -> dict[str, Any]:
    """Median milliseconds of each way to poll, with two new events before every poll."""
    from core.jobs import events

    with tempfile.TemporaryDirectory() as folder:
        run = write_run(Path(folder), lines)
        path, step = run.job.events_path, lines

        def grow() -> None:
            nonlocal step
            step += 1
            events.append(path, events.Metrics(step=step, values={"loss": 1.0, "lr": 1e-4}))
            events.append(path, events.Progress(stage="train", done=step, total=2 * lines))

        whole = median_ms(lambda: events.EventReader(path).read(), 5, grow)
        reader = events.EventReader(path)
        reader.read()
        appended = median_ms(reader.read, 200, grow)
        run.read()
        view = median_ms(run.read, 20, grow)
    return {
        "lines": lines,
        "whole_ms": round(whole, 2),
        "appended_ms": round(appended, 3),
        "ratio": round(whole / appended),
        "run_view_ms": round(view, 2),
    }


def main() -> None:
    """Measure, print, and write the result with the machine it was measured on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    result = {"machine": machine("pydantic"), **measure(parser.parse_args().lines)}
    write_results("events", result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
