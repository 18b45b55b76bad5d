"""From an uploaded stereo MP3 to clips on disk: decoded, measured, cut; against pydub's `split_on_silence`.

    python -m benchmarks.road_in                     # three hours of ours, ten minutes of pydub's, scaled
    python -m benchmarks.road_in --hours 0.2 --part-minutes 2

Peak memory is that of all processes at work together. Writes benchmarks/results/road_in.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import RECORDING, RESULTS, machine
from benchmarks.processes import Watch
from core import REPOSITORY

THRESHOLD_DBFS, MIN_SILENCE_MS = -40, 500
_LOOK_S = 0.05


def make(target: Path, hours: float) -> None:
    """Loop the bundled speech, pauses included, to a stereo MP3 of 44,100 Hz and 128 kbit/s."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-i", str(RECORDING), "-ac", "2"]
    subprocess.run([*command, "-ar", "44100", "-b:a", "128k", "-t", str(hours * 3600), str(target)], check=True)


def ours(path: Path, folder: Path) -> dict[str, Any]:
    """The two jobs a person starts: add the file, cut it with the default options."""
    from core.clips.cut import start_segment
    from core.jobs.args.sources import ImportArgs
    from core.project.workspace import Workspace
    from core.sources import recordings

    project = Workspace(folder / "workspace").create("Benchmark")
    began = time.perf_counter()
    added = recordings.add(project, ImportArgs(files=((path, path.name),))).wait()
    decoded = time.perf_counter()
    cut = start_segment(project).wait()
    ended = time.perf_counter()
    if added.status != "done" or cut.status != "done":
        raise SystemExit(f"{added.text} {cut.text}")
    return {
        "seconds": ended - began,
        "of_that_import_s": decoded - began,
        "of_that_cut_s": ended - decoded,
        "clips": len(list(project.clips.glob("*.wav"))),
    }


def pydub(path: Path, folder: Path) -> dict[str, Any]:
    """What tutorials do: load the file, split it at pauses, export each piece at the rate the model takes."""
    from pydub import AudioSegment
    from pydub.silence import split_on_silence

    began = time.perf_counter()
    sound = AudioSegment.from_file(path)
    pieces = split_on_silence(
        sound, min_silence_len=MIN_SILENCE_MS, silence_thresh=THRESHOLD_DBFS, keep_silence=80, seek_step=1
    )
    for number, piece in enumerate(pieces):
        piece.set_channels(1).set_frame_rate(22_050).export(folder / f"{number}.wav", format="wav").close()
    return {"seconds": time.perf_counter() - began, "clips": len(pieces)}


def measure(side: str, path: Path, folder: Path) -> dict[str, Any]:
    """Run one of the two in a child that is watched with all that it starts."""
    command = [sys.executable, "-m", "benchmarks.road_in", "--child", side, str(path), str(folder)]
    processes = Watch()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, cwd=REPOSITORY, stdout=output)
        while child.poll() is None:
            processes.look()
            time.sleep(_LOOK_S)
        if child.returncode:
            raise SystemExit(f"{side} failed")
        output.seek(0)
        result = dict(json.loads(output.read().splitlines()[-1]))
    return {**result, "peak_mb": processes.peak_mb, "cpu_s": processes.cpu_s()}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--child", nargs=3, metavar=("SIDE", "FILE", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--hours", type=float, default=3.0, help="length of the recording")
    parser.add_argument("--part-minutes", type=float, default=10.0, help="length of the part that pydub gets")
    parser.add_argument("--output", type=Path, default=RESULTS / "road_in.json", help="where the figures go")
    arguments = parser.parse_args()
    if arguments.child:
        side, path, folder = arguments.child
        print(json.dumps({"ours": ours, "pydub": pydub}[side](Path(path), Path(folder))))
        return
    result: dict[str, Any] = {
        "machine": machine("numpy", "soundfile", "soxr", "pydub"), "hours": arguments.hours,
        "pydub_part_minutes": arguments.part_minutes,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder / "long.mp3", arguments.hours)
        make(folder / "part.mp3", arguments.part_minutes / 60)
        result["ours"] = measure("ours", folder / "long.mp3", folder)
        result["pydub_part"] = measure("pydub", folder / "part.mp3", folder)
    scale = arguments.hours * 60 / arguments.part_minutes
    result["pydub_scaled_s"] = result["pydub_part"]["seconds"] * scale
    result["ratio"] = result["pydub_scaled_s"] / result["ours"]["seconds"]
    own = result["ours"]
    print(
        f"ours: {arguments.hours:g} h in {own['seconds']:.1f} s ({own['of_that_import_s']:.1f} s import, "
        f"{own['of_that_cut_s']:.1f} s cut), {own['cpu_s']:.1f} s of processor, {own['peak_mb']:.0f} MB, "
        f"{own['clips']} clips"
    )
    print(
        f"pydub: {arguments.part_minutes:g} min in {result['pydub_part']['seconds']:.1f} s; scaled to the same length "
        f"(not measured) {result['pydub_scaled_s']:.0f} s, {result['ratio']:.1f} times ours; "
        f"{result['pydub_part']['peak_mb']:.0f} MB for its part"
    )
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
