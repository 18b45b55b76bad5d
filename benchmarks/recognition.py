"""Recognition of 100 real clips by both engines in batches against each library's own loop, clip by clip.

    python -m benchmarks.recognition                      # the built-in tiny.en in both engines, on two cores
    python -m benchmarks.recognition --clips 20           # fewer, to try it
    python -m benchmarks.recognition --prompts /          # Debian's asterisk-core-sounds-en(-g722) where installed

Clips are the 46 prompts of the bundled recording, and pieces of the longer ones cut in their longest pauses until there
are 100; with ``--prompts``, whole prompts of the Debian packages with a transcript of their own. Pieces have no text
of their own: a prompt's pieces are put together again before words are counted. Each measurement is a process of its
own. Writes benchmarks/results/recognition.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import RESULTS, machine

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "presets" / "demo"
RATE_HZ = 16_000
CORES = 2
RUNS = ("openai_own", "openai_own_beams", "openai", "openai_beams", "openai_words") + (
    "faster_own", "faster", "faster_beams", "faster_words",
)  # fmt: skip
BEAMS = 5

Samples = np.ndarray[Any, np.dtype[np.float32]]
Piece = tuple[int, Samples]  # the prompt it belongs to, and its sound


def bundled(count: int) -> tuple[list[Piece], list[str]]:
    """Prompts of the bundled recording, the longest cut in pauses until there are enough pieces; and their texts."""
    from core.audio.samples import read

    with open(DEMO / "transcripts.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:count]
    pieces = [
        (number, read(DEMO / "recording.flac", float(row["start_s"]), float(row["end_s"]), RATE_HZ)[0])
        for number, row in enumerate(rows)
    ]
    whole: list[Piece] = []
    while len(pieces) + len(whole) < count and pieces:
        longest = max(range(len(pieces)), key=lambda index: len(pieces[index][1]))
        number, sound = pieces.pop(longest)
        place = longest_pause(sound)
        if place is None:
            whole.append((number, sound))
        else:
            pieces[longest:longest] = [(number, sound[:place]), (number, sound[place:])]
    # The sort is stable: a prompt's pieces stay in the order in which they are said.
    return sorted(pieces + whole, key=lambda piece: piece[0])[:count], [row["text"] for row in rows]


def longest_pause(sound: Samples, shortest_s: float = 0.03) -> int | None:
    """The middle of the quietest stretch that leaves 0.6 s on either side; None where there is no pause."""
    frame = RATE_HZ // 100
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    loud = np.mean(frames**2, axis=1) > 10 ** (-42 / 10)
    at = np.flatnonzero(loud)
    if len(at) < 2:
        return None
    gaps = np.diff(at)
    middles = (at[:-1] + gaps / 2) * frame
    gaps[(middles < 0.6 * RATE_HZ) | (middles > len(sound) - 0.6 * RATE_HZ)] = 0
    best = int(gaps.argmax())
    return int(middles[best]) if gaps[best] * 0.01 >= shortest_s else None


def debian(root: Path, count: int) -> tuple[list[Piece], list[str]]:
    """Prompts of four words and more from the Debian packages, spread over all of them."""
    from presets.demo import build

    found = []
    for name, text in sorted(build.texts_of(root).items()):
        path = root / build.SOUNDS / f"{name}.g722"
        if len(text.split()) >= 4 and not set("[]<>/") & set(text) and path.exists():
            sound = np.array(build.decode(path))
            if RATE_HZ < len(sound) < 20 * RATE_HZ:
                found.append((sound, build.tidy(text)))
    chosen = found[:: max(1, len(found) // count)][:count]
    return [(number, sound) for number, (sound, _) in enumerate(chosen)], [text for _, text in chosen]


def recognizer(what: str, checkpoint: Path) -> Any:
    """A loaded engine, as one run wants it."""
    from core.transcription import faster_whisper_engine, openai_whisper_engine, registry

    beams = BEAMS if "beams" in what else 1
    folder = registry.builtin_folder()
    if what.startswith("openai"):
        return openai_whisper_engine.load(checkpoint, "tiny.en", "cpu", beams)
    assert folder is not None, "the built-in model is not installed"
    return faster_whisper_engine.load(folder, "tiny.en", "cpu", beams)


def one_by_one(what: str, loaded: Any, sounds: list[Samples]) -> list[str]:
    """The library's own ``transcribe``, with its defaults (``_beams``: and five beams)."""
    own = loaded._model
    if what.startswith("openai"):
        beams = {"beam_size": BEAMS} if "beams" in what else {}
        return [own.transcribe(sound, language="en", fp16=False, **beams)["text"] for sound in sounds]
    return ["".join(part.text for part in own.transcribe(sound, language="en")[0]) for sound in sounds]


def in_batches(what: str, loaded: Any, sounds: list[Samples]) -> list[str]:
    """Ours, as the job does it."""
    from core.jobs.parallel import map_in_threads
    from core.transcription.base import DecodeOptions
    from core.transcription.batches import batches

    options = DecodeOptions("en", words="words" in what)
    plan = batches([len(sound) / RATE_HZ for sound in sounds], loaded.batch_size)
    texts = [""] * len(sounds)

    def work(number: int) -> list[Any]:
        return list(loaded.transcribe([sounds[index] for index in plan[number]], options))

    for number, heard in map_in_threads(range(len(plan)), work, loaded.at_once, lambda: None):
        if isinstance(heard, Exception):
            raise heard
        for index, one in zip(plan[number], heard, strict=True):
            texts[index] = one.text
    return texts


def child(what: str, checkpoint: Path, prompts: str, count: int) -> None:
    """The measured process: loading is not counted, and a first clip has been heard before."""
    from core.transcription.wer import edits, normalize

    pieces, said = debian(Path(prompts), count) if prompts else bundled(count)
    sounds = [sound for _, sound in pieces]
    loaded = recognizer(what, checkpoint)
    run: Callable[..., list[str]] = one_by_one if "own" in what else in_batches
    run(what, loaded, sounds[:1])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    began, cpu = time.perf_counter(), usage.ru_utime + usage.ru_stime
    texts = run(what, loaded, sounds)
    seconds = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    heard = [""] * len(said)
    for (number, _), text in zip(pieces, texts, strict=True):
        heard[number] += f" {text}"
    errors = sum(edits(one, other) for one, other in zip(said, heard, strict=True))
    words = sum(len(normalize(one).split()) for one in said)
    facts = {
        "seconds": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime - cpu,
        "peak_mb": usage.ru_maxrss / 1024,
        "word_errors": errors,
        "wer_percent": 100 * errors / words,
        "clips": len(sounds),
        "words": words,
        "sound_s": sum(len(sound) for sound in sounds) / RATE_HZ,
    }
    print(json.dumps(facts))


def measure(what: str, checkpoint: Path, prompts: str, count: int) -> dict[str, Any]:
    """Run one of `RUNS` in a child on two cores."""
    command = [sys.executable, "-m", "benchmarks.recognition", "--child", what, str(checkpoint)]
    command += ["--prompts", prompts, "--clips", str(count)]
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    environment = {**os.environ, "OMP_NUM_THREADS": str(len(cores)), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "CHECKPOINT"), help=argparse.SUPPRESS)
    parser.add_argument("--prompts", default="", help="root under which Debian's Asterisk prompts are installed")
    parser.add_argument("--clips", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child[0], Path(arguments.child[1]), arguments.prompts, arguments.clips)
    from core.transcription import registry
    from tests.transcription.checkpoint import read_ct2, write_openai

    result: dict[str, Any] = {
        "machine": machine("openai-whisper", "faster-whisper", "ctranslate2", "torch"),
        "clips_from": "Debian's asterisk-core-sounds-en" if arguments.prompts else "the bundled recording",
        "cores_used": CORES,
    }
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "tiny.en.pt"
        builtin = registry.builtin_folder()
        assert builtin is not None, "the built-in model is not installed"
        write_openai(read_ct2(builtin / "model.bin"), checkpoint)
        for what in RUNS:
            one = result[what] = measure(what, checkpoint, arguments.prompts, arguments.clips)
            print(
                f"{what:17} {one['seconds']:7.2f} s, {one['cpu_s']:7.2f} s of processor, {one['peak_mb']:5.0f} MB, "
                f"{one['wer_percent']:.2f} % word errors",
                flush=True,
            )
    pairs = {
        "openai_ratio": ("openai_own", "openai"),
        "openai_ratio_of_beams": ("openai_own_beams", "openai_beams"),
        "openai_ratio_with_words": ("openai_own", "openai_words"),
        "faster_ratio": ("faster_own", "faster_beams"),
        "faster_against_openai_own": ("openai_own", "faster_beams"),
    }
    for name, (own, ours) in pairs.items():
        result[name] = result[own]["seconds"] / result[ours]["seconds"]
        result[name + "_cpu"] = result[own]["cpu_s"] / result[ours]["cpu_s"]
        more = result[ours]["wer_percent"] - result[own]["wer_percent"]
        print(f"{name}: {result[name]:.1f} (processor {result[name + '_cpu']:.1f}), {more:+.2f} points of word errors")
    for engine in ("openai", "faster"):
        cost = result[f"{engine}_words_cost"] = result[f"{engine}_words"]["cpu_s"] / result[engine]["cpu_s"] - 1
        print(f"word times cost {engine}-whisper {cost:.0%} more processor time")
    (RESULTS / "recognition.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
