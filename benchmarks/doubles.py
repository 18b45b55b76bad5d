"""Looking for clips that hold the same sound: 50,000 of them in fifty recordings, every hundredth a copy.

    python -m benchmarks.doubles [--clips 50000]

The levels are made up: syllables of random loudness. Time and peak memory are of the search alone, as its job does it.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import Stopwatch, machine, write_results
from core.audio.levels import Frames, keep
from core.clips.doubles import find
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace

RECORDINGS, FRAME_S = 50, 0.01


def fill(folder: Path, count: int) -> Project:
    """Approved clips of 2 to 10 s; nothing but their levels lies on the disk."""
    draw = np.random.default_rng(1)
    project = Workspace(folder).create("Ana", "en")
    project.sources.mkdir(exist_ok=True)
    last = np.zeros(0)
    for number in range(RECORDINGS):
        source_id, levels, clips, at = f"s{number:02d}", [], [], 0
        for place in range(count // RECORDINGS):
            frames = int(draw.uniform(200, 1000))
            syllables = draw.uniform(-60, -15, frames // 15 + 2)
            curve = np.interp(np.arange(frames) / 15, np.arange(len(syllables)), syllables)
            if place % 100 == 99:
                curve = last - 6  # a quieter copy
            noise = draw.normal(0, 0.5, len(curve))
            levels.append((curve + noise).astype(np.float16))
            clips.append(
                Clip(f"{source_id}-{place:04d}", source_id, at * FRAME_S, (at + len(curve)) * FRAME_S, "text",
                     status="approved")
            )  # fmt: skip
            at, last = at + len(curve), curve
        dbfs, silence = np.concatenate(levels), np.zeros(at, np.int8)
        project.store.add_source(Source(source_id, source_id, seconds=at * FRAME_S), (), clips)
        keep(project.source_file(source_id), Frames(dbfs, silence, silence, FRAME_S, at * FRAME_S))
    return project


def peak_mb() -> float:
    """The most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=50_000)
    count, where = parser.parse_args().clips, machine("numpy", "scipy")
    with tempfile.TemporaryDirectory() as folder:
        project = fill(Path(folder), count)
        before, stopwatch = peak_mb(), Stopwatch()
        doubles = find(project)
        seconds, cpu_s = stopwatch.read()
        figures = {
            "clips": count,
            "found": len(doubles),
            "seconds": round(seconds, 1),
            "cpu_s": round(cpu_s, 1),
            "peak_mb": round(peak_mb()),
            "peak_before_mb": round(before),
        }
    write_results("doubles", {"machine": where, **figures})
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
