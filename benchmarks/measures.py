"""Measures of clips on real speech: times real time, each on one core beside the package's own way, and the whole job.

    python -m benchmarks.measures                # all 46 prompts; --clips 10 for a short look

Each measurement is a process of its own; models are loaded before the clock starts, but for the whole job.
Writes benchmarks/results/measures.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import RECORDING, in_child, machine, prompts, write_results

RATE_HZ = 16_000
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def pieces(count: int, rate: int | None = None) -> list[Any]:
    """The prompts as samples, at a rate in Hz or the recording's."""
    from core.audio.samples import read

    return [read(RECORDING, start_s, end_s, rate)[0] for _, start_s, end_s in prompts(count)]


def timed(work: Callable[[Any], object], clips: list[Any]) -> float:
    """Seconds for all clips, after one to warm up."""
    work(clips[0])
    began = time.perf_counter()
    for clip in clips:
        work(clip)
    return time.perf_counter() - began


def sound(count: int) -> float:
    """Room noise and bandwidth, of a recording at 44,100 Hz."""
    from core.measures.sound import bandwidth_hz, snr_db

    return timed(lambda clip: (snr_db(clip, 44_100), bandwidth_hz(clip, 44_100)), pieces(count, 44_100))


def likeness(count: int) -> float:
    """Our embedding."""
    from core.measures.likeness import embed

    return timed(embed, pieces(count))


def resemblyzer(count: int) -> float:
    """The package's way: preprocess, then embed."""
    import torch
    from resemblyzer import VoiceEncoder, preprocess_wav

    torch.set_num_threads(1)
    encoder = VoiceEncoder("cpu", verbose=False)
    return timed(lambda clip: encoder.embed_utterance(preprocess_wav(clip, RATE_HZ)), pieces(count))


def naturalness(count: int) -> float:
    """Our score, on one thread."""
    from core.measures.naturalness import score

    return timed(score, pieces(count))


def speechmos(count: int) -> float:
    """The package's way, with the threads that it takes: all cores."""
    from speechmos import dnsmos

    return timed(lambda clip: dnsmos.run(clip, RATE_HZ), pieces(count))


def whole(count: int) -> float:
    """The stage as a job runs it: models loaded, clips measured side by side, stored, compared."""
    from core.audio.samples import read, write_wav
    from core.jobs.job import Job
    from core.jobs.reporter import Reporter
    from core.measures.run import measure_clips
    from core.project.records import Clip, Source
    from core.project.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        project = Workspace(Path(folder)).create("Measured")
        project.sources.mkdir()
        shutil.copy(RECORDING, project.source_file("s1"))
        project.store.add_source(Source("s1", "Prompts", sample_rate=RATE_HZ))
        clips = [Clip(f"s1-{n:04d}", "s1", start_s, end_s) for n, (_, start_s, end_s) in enumerate(prompts(count), 1)]
        for clip in clips:
            write_wav(project.clip_file(clip.id), *read(project.source_file("s1"), clip.start_s, clip.end_s, 22_050))
        project.store.replace_clips("s1", clips)
        (project.path / "job").mkdir()
        began = time.perf_counter()
        result = measure_clips(project, clips, Reporter(Job(project.path / "job")))
        seconds = time.perf_counter() - began
        assert result["measured"] == count and not result["missing"], result
        return seconds


STAGES = {entry.__name__: entry for entry in (sound, likeness, resemblyzer, naturalness, speechmos, whole)}


def child(stage: str, count: int) -> None:
    """The measured process."""
    seconds = STAGES[stage](count)
    speech_s = sum(prompt.end_s - prompt.start_s for prompt in prompts(count))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"seconds": seconds, "times_real_time": speech_s / seconds, "peak_mb": usage.ru_maxrss / 1024}
    print(json.dumps({**facts, "speech_s": speech_s}))


def measure(stage: str, count: int) -> dict[str, Any]:
    """Run one of the stages in a child."""
    environment = {**ONE_CORE, "OMP_WAIT_POLICY": "PASSIVE"}
    return in_child("benchmarks.measures", "--child", stage, "--clips", count, environment=environment)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--child", choices=list(STAGES), help=argparse.SUPPRESS)
    parser.add_argument("--clips", type=int, default=46, help="how many of the bundled prompts")
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child, arguments.clips)
    result: dict[str, Any] = {"machine": machine("numpy", "torch", "onnxruntime", "Resemblyzer", "speechmos")}
    result["clips"] = arguments.clips
    for stage in STAGES:
        figures = result[stage] = measure(stage, arguments.clips)
        print(f"{stage:12} {figures['times_real_time']:7.1f} × real time, {figures['peak_mb']:6.0f} MB")
    for ours, theirs in (("likeness", "resemblyzer"), ("naturalness", "speechmos")):
        result[f"{ours}_ratio"] = result[theirs]["seconds"] / result[ours]["seconds"]
        print(f"{theirs} takes {result[f'{ours}_ratio']:.1f} times as long")
    write_results("measures", result)


if __name__ == "__main__":
    main()
