"""Measurements that are no tests: each writes its figures to benchmarks/results."""

from __future__ import annotations

import csv
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core import REPOSITORY

RESULTS = Path(__file__).resolve().parent / "results"
RECORDING = REPOSITORY / "presets" / "demo" / "recording.flac"
"""The bundled speech: prompts of one voice with pauses between them."""


class Prompt(NamedTuple):
    """A sentence of `RECORDING`, and when it is said there in seconds."""

    text: str
    start_s: float
    end_s: float


def prompts(count: int | None = None) -> list[Prompt]:
    """The first ``count`` prompts of `RECORDING`; all of them for None."""
    with open(RECORDING.with_name("transcripts.tsv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:count]
    return [Prompt(row["text"], float(row["start_s"]), float(row["end_s"])) for row in rows]


class Stopwatch:
    """Time since it was made, by the clock and of the processor that this process takes.

    Other work on the machine stretches the clock, and much less the processor time.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Seconds by the clock, and seconds of processor."""
        began, began_cpu = self._began
        return time.perf_counter() - began, time.process_time() - began_cpu


def machine(*packages: str) -> dict[str, Any]:
    """Where and when it is measured, and the versions that matter.

    To be asked before anything is measured: ``load_before`` tells how busy the machine was with other work.
    """
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "date": datetime.date.today().isoformat(),
    }


def in_child(
    module: str,
    *arguments: object,
    environment: dict[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """The JSON object that ``python -m MODULE ARGUMENTS`` prints as its last line.

    Args:
        module: what is run, in a process of its own.
        arguments: its command line.
        environment: variables that differ from this process's.
        prepare: called in the child before it begins.

    Raises:
        subprocess.CalledProcessError: it failed; what it complained of has been shown.
    """
    completed = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)],
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )
    return dict(json.loads(completed.stdout.splitlines()[-1]))


def median_and_p95(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(0.95 * len(ordered))]


def load_results(name: str) -> dict[str, Any]:
    """What stands in ``benchmarks/results/NAME.json``; nothing where there is no such file."""
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write_results(name: str, figures: dict[str, Any]) -> None:
    """Write ``benchmarks/results/NAME.json``."""
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
