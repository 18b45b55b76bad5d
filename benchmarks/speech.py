"""Voice activity stage (FLAC file to speech probabilities) against silero-vad's own loop, chunk by chunk, on one core.

    python -m benchmarks.speech                  # one hour against silero's loop, then three hours of ours alone
    python -m benchmarks.speech --hours 0.1      # quicker

Each measurement is a process of its own, with one thread for each stage. Writes benchmarks/results/speech.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import Stopwatch, in_child, machine, write_results
from benchmarks.silence import make

THRESHOLD = 0.4


def ours(path: Path, workers: int = 1) -> dict[str, Any]:
    """Our stage: the file streamed, rows of chunks judged in one call."""
    from core.audio.vad import CHUNK_S, scan_speech

    stopwatch = Stopwatch()
    speech = scan_speech(path, workers=workers)
    seconds, cpu_s = stopwatch.read()
    speech_s = float((speech.probability >= THRESHOLD).sum()) * CHUNK_S
    return {"seconds": seconds, "cpu_s": cpu_s, "source_s": speech.seconds, "speech_s": speech_s}


def ours_on_two(path: Path) -> dict[str, Any]:
    """The same with two threads, as jobs do it."""
    return ours(path, workers=2)


def silero(path: Path) -> dict[str, Any]:
    """silero-vad's own way: the whole file in memory at 16 kHz, its ONNX model asked for each 32 ms."""
    import soundfile
    import soxr
    import torch
    from silero_vad import load_silero_vad

    torch.set_num_threads(1)
    stopwatch = Stopwatch()
    model = load_silero_vad(onnx=True)
    samples, rate = soundfile.read(path, dtype="float32")
    sound = torch.from_numpy(soxr.resample(samples, rate, 16_000, "LQ"))
    values = []
    for start in range(0, len(sound) - 511, 512):
        values.append(float(model(sound[start : start + 512], 16_000)))
    seconds, cpu_s = stopwatch.read()
    speech_s = sum(value >= THRESHOLD for value in values) * 0.032
    return {"seconds": seconds, "cpu_s": cpu_s, "source_s": len(samples) / rate, "speech_s": speech_s}


def measure(side: str, path: Path) -> dict[str, Any]:
    """Run one of them in a child; adds its peak memory in MB and how many times real time it is."""
    result = in_child("benchmarks.speech", "--child", side, path, environment={"OMP_NUM_THREADS": "1"})
    return {
        **result,
        "times_real_time": result["source_s"] / result["seconds"],
        "times_real_time_per_core": result["source_s"] / result["cpu_s"],
    }


def child(side: str, path: Path) -> None:
    """The measured process."""
    result = {"ours": ours, "ours_on_two": ours_on_two, "silero": silero}[side](path)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak_mb = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({**result, "peak_mb": peak_mb}))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=int, default=44_100, help="sample rate of the test files in Hz")
    parser.add_argument(
        "--hours", type=float, default=1.0, help="length of the first file; the second is three times it"
    )
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child[0], Path(arguments.child[1]))
    packages = ("numpy", "soundfile", "soxr", "onnxruntime", "silero-vad")
    result: dict[str, Any] = {"machine": machine(*packages), "rate_hz": arguments.rate, "hours": arguments.hours}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.flac"
        make(path, arguments.hours, arguments.rate)
        for name in ("ours", "ours_on_two", "silero"):
            result[name] = measure(name, path)
        make(path, 3 * arguments.hours, arguments.rate)
        result["ours_thrice_as_long"] = measure("ours", path)
    result["ratio"] = result["silero"]["seconds"] / result["ours"]["seconds"]
    result["cpu_ratio"] = result["silero"]["cpu_s"] / result["ours"]["cpu_s"]
    for name in ("ours", "ours_on_two", "silero", "ours_thrice_as_long"):
        figures = result[name]
        print(
            f"{name:20} {figures['seconds']:7.2f} s, {figures['times_real_time']:5.0f} × real time, per core of "
            f"processor time {figures['times_real_time_per_core']:5.0f} ×, {figures['peak_mb']:5.0f} MB, "
            f"speech {figures['speech_s']:.0f} s"
        )
    print(
        f"silero's loop takes {result['ratio']:.1f} times as long, {result['cpu_ratio']:.1f} times the processor time"
    )
    write_results("speech", result)


if __name__ == "__main__":
    main()
