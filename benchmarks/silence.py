"""Silence stage against pydub's `detect_silence`, on real speech: time and peak memory.

    python -m benchmarks.silence                 # one hour against pydub, then ten hours of ours alone

Against pydub both begin with the FLAC file. In the app levels are measured while FFmpeg writes that file, so what the
stage costs there is how much longer an import takes with it than without (ten hours of MP3, both ways in turn), and
the plan. Each measurement is a process of its own. Writes benchmarks/results/silence.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import RECORDING, in_child, machine, write_results

THRESHOLD_DBFS, MIN_SILENCE_MS = -40, 500


def ours(path: Path) -> dict[str, Any]:
    """Our stage: one pass over the file, then spans."""
    from core.audio.levels import scan
    from core.audio.options import SegmentOptions
    from core.audio.silence import LevelCurve, left_out
    from core.clips.plan import segment

    began = time.perf_counter()
    frames = scan(path)
    measured = time.perf_counter()
    options = SegmentOptions(threshold_dbfs=THRESHOLD_DBFS, min_silence_ms=MIN_SILENCE_MS)
    spans = segment(LevelCurve(frames.dbfs, frames.frame_s, frames.seconds), options)
    ended = time.perf_counter()
    return {
        "seconds": ended - began,
        "of_that_segment_s": ended - measured,
        "clips": len(spans),
        "left_out_s": sum(span.seconds for span in left_out(spans, frames.seconds)),
    }


def imported(path: Path) -> dict[str, Any]:
    """As an import does it: decoded to FLAC and measured in one."""
    from core.audio.decode import decode_to_flac

    began = time.perf_counter()
    decode_to_flac(path, path.with_suffix(".flac"), max_hours=24)
    return {"seconds": time.perf_counter() - began}


def written(path: Path) -> dict[str, Any]:
    """The same FLAC without anything measured: FFmpeg alone."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(path), "-ac", "1", "-sample_fmt", "s16"]
    began = time.perf_counter()
    subprocess.run([*command, str(path.with_suffix(".flac"))], check=True)
    return {"seconds": time.perf_counter() - began}


def planned(path: Path) -> dict[str, Any]:
    """What is left for the stage after an import: the frames beside the recording, and the plan."""
    from core.audio.options import SegmentOptions
    from core.audio.silence import levels
    from core.clips.plan import segment

    began = time.perf_counter()
    spans = segment(levels(path), SegmentOptions(threshold_dbfs=THRESHOLD_DBFS, min_silence_ms=MIN_SILENCE_MS))
    return {"seconds": time.perf_counter() - began, "clips": len(spans)}


def pydub(path: Path) -> dict[str, Any]:
    """pydub's stage: load the file, then every silent range, looked for at each millisecond."""
    from pydub import AudioSegment
    from pydub.silence import detect_silence

    began = time.perf_counter()
    sound = AudioSegment.from_file(path)
    loaded = time.perf_counter()
    pauses = detect_silence(sound, MIN_SILENCE_MS, THRESHOLD_DBFS, seek_step=1)
    ended = time.perf_counter()
    return {
        "seconds": ended - began,
        "of_that_loading_s": loaded - began,
        "pauses": len(pauses),
        "left_out_s": sum(end - start for start, end in pauses) / 1000,
    }


def measure(piece: str, path: Path) -> dict[str, Any]:
    """Run one of them in a child; adds its peak memory in MB, FFmpeg's instead if that is larger."""
    return in_child("benchmarks.silence", "--child", piece, path)


def child(piece: str, path: Path) -> None:
    """The measured process."""
    result = {entry.__name__: entry for entry in (ours, imported, written, planned, pydub)}[piece](path)
    usages = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Processor time as well: other work on the machine stretches the clock, and much less the processor time.
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    print(json.dumps({**result, "cpu_s": cpu_s, "peak_mb": max(usage.ru_maxrss for usage in usages) / 1024}))


def make(target: Path, hours: float, rate: int) -> None:
    """Loop the bundled recording to a mono 16 bit FLAC."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-i", str(RECORDING), "-ac", "1"]
    subprocess.run([*command, "-ar", str(rate), "-t", str(hours * 3600), "-sample_fmt", "s16", str(target)], check=True)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--child", nargs=2, metavar=("PIECE", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=int, default=44_100, help="sample rate of the test files in Hz")
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child[0], Path(arguments.child[1]))
    result: dict[str, Any] = {"machine": machine("numpy", "soundfile", "pydub"), "rate_hz": arguments.rate}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.flac"
        make(path, 1, arguments.rate)
        result["ours_1h"], result["pydub_1h"] = measure("ours", path), measure("pydub", path)
        make(path, 10, arguments.rate)
        result["ours_10h"] = measure("ours", path)
        mp3 = path.with_suffix(".mp3")
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-ac", "2", "-b:a", "128k", str(mp3)], check=True)
        # In turn, and the quicker of two: what measuring adds is less than what one run differs from the next.
        runs = [(measure("written", mp3), measure("imported", mp3)) for _ in range(2)]
        for at, name in enumerate(("written_10h", "imported_10h")):
            result[name] = min((run[at] for run in runs), key=lambda entry: float(entry["seconds"]))
        result["planned_10h"] = measure("planned", path)
    more_s = result["imported_10h"]["seconds"] - result["written_10h"]["seconds"]
    result["stage_10h_s"] = max(0.0, more_s) + result["planned_10h"]["seconds"]
    result["ratio_1h"] = result["pydub_1h"]["seconds"] / result["ours_1h"]["seconds"]
    result["cpu_ratio_1h"] = result["pydub_1h"]["cpu_s"] / result["ours_1h"]["cpu_s"]
    for name in ("ours_1h", "pydub_1h", "ours_10h", "written_10h", "imported_10h", "planned_10h"):
        figures = result[name]
        print(
            f"{name:12} {figures['seconds']:7.2f} s, {figures['cpu_s']:7.2f} s of processor, "
            f"{figures['peak_mb']:6.0f} MB"
        )
    print(f"pydub takes {result['ratio_1h']:.0f} times as long, {result['cpu_ratio_1h']:.0f} times the processor time")
    print(f"the stage adds {result['stage_10h_s']:.1f} s to what bringing ten hours in takes without it")
    write_results("silence", result)


if __name__ == "__main__":
    main()
