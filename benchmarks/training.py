"""Training against coqui's own `GPTTrainer` on the same clips in the same run, and what it needs of a card.

    python -m benchmarks.training                                         # two cores, the small base
    python -m benchmarks.training --size full --no-training               # two cores, what the real base costs there
    python -m benchmarks.training --device cuda --size full --soak 1000   # everything a card can tell

What is counted: ``codes_per_s`` are real audio codes (21.5 a second of sound) learnt from per second of wall time, by
whole updates. Ours reads features that were computed once; ``codes_per_s_with_features`` adds their time to a run of
``--run-updates``. GPTTrainer computes its own at every step; loading a model is counted for neither. Each measurement
is a process of its own; on a busy machine compare what is told per second of processor time. GPTTrainer trains all of
the GPT, as its recipe does; ours an adapter, as our presets do, and all of it for comparison. Writes
benchmarks/results/training-<device>-<size>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, machine
from core.training.config import TrainConfig
from core.training.presets import presets

REPOSITORY = Path(__file__).resolve().parent.parent
LORA = {"lora_rank": 16, "lora_alpha": 32, "learning_rate": 2e-4}
THRIFTY = {"gradient_checkpointing": True}
FULL = {"train_what": "full", "learning_rate": 5e-6}


class Bench:
    """One run: where things lie and what was asked."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments, self.folder = arguments, folder
        self.shared = {
            "base": str(folder / "base"),
            "dataset": str(folder / "dataset"),
            "features": str(folder / "features"),
            "out": str(folder / "out"),
            "device": arguments.device,
            "steps": arguments.steps,
            "skip": arguments.skip,
            "soak": arguments.soak,
            "sentence_s": arguments.sentence_s,
        }

    def ours(self, piece: str, settings: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """A piece of `benchmarks.training_parts`."""
        options = {**self.shared, "settings": settings or {}, **more}
        return self._run(["benchmarks.training_parts", piece, json.dumps(options)], f"ours {piece} {settings or ''}")

    def theirs(self, batch: str, threads: int, precision: str = "float32") -> dict[str, Any]:
        """`benchmarks.gpt_trainer` with ``batch`` clips at once times accumulations, e.g. 4x4."""
        size, accumulation = (int(one) for one in batch.split("x"))
        options = {
            **self.shared,
            "batch_size": size,
            "accumulation": accumulation,
            "threads": threads,
            "precision": precision,
            "workers": 0 if self.arguments.device == "cpu" else 8,
            "steps": self.arguments.steps * accumulation,
            "skip": self.arguments.skip * accumulation,
        }
        return self._run(["benchmarks.gpt_trainer", json.dumps(options)], f"GPTTrainer {batch} {precision} {threads}")

    def _run(self, command: list[str], what: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"},
        )
        if done.returncode:
            found: dict[str, Any] = {"failed": done.stderr.strip().splitlines()[-1:] or [done.returncode]}
        else:
            found = json.loads(done.stdout.strip().splitlines()[-1])
        told = ("codes_per_s", "codes_per_cpu_s", "times_real_time", "ratio", "peak_mb", "flops_utilisation", "failed")
        print(f"{what}: " + ", ".join(f"{key} {found[key]}" for key in told if key in found), flush=True)
        return found


def compare(bench: Bench) -> dict[str, Any]:
    """Codes a second of both at equal effective batch, features and samples."""
    arguments, cores = bench.arguments, os.cpu_count() or 1
    size, accumulation = arguments.batch, arguments.clips // arguments.batch
    shape = {"batch_size": size, "accumulation": accumulation, **json.loads(arguments.settings)}
    features = bench.ours("features")
    ours: dict[str, Any] = {}
    if not arguments.no_training:
        ours = {
            "lora": bench.ours("ours", {**shape, **LORA}),
            "lora_float32": bench.ours("ours", {**shape, **LORA, "precision": "float32"}),
            "full": bench.ours("ours", {**shape, **FULL}),
        }
    if ours and (arguments.compile or arguments.device == "cuda"):
        ours["lora_compiled"] = bench.ours("ours", {**shape, **LORA, "compile": True})
    theirs = {}
    # Its encoder's width is fixed: it cannot be fed a tiny one.
    for batch in arguments.theirs.split(",") if arguments.size != "tiny" and ours else ():
        for threads in (0, cores) if arguments.device == "cpu" else (0,):
            theirs[f"{batch} {'all threads' if threads else 'as shipped'}"] = bench.theirs(batch, threads)
        if arguments.device == "cuda":
            theirs[f"{batch} mixed precision"] = bench.theirs(batch, 0, "float16")
    best = max((one.get("codes_per_s", 0.0) for one in theirs.values()), default=0.0)
    samples = {
        str(count): bench.ours("samples", sentences=count, repeat=arguments.repeat)
        for count in (4, 8, 12)
        if count <= arguments.sentences
    }
    found: dict[str, Any] = {"features": features, "ours": ours, "gpt_trainer": theirs, "samples": samples}
    found["gpt_trainer_best_codes_per_s"] = best
    for name, one in ours.items():
        if "codes_per_s" in one and best:
            run_s = features["seconds"] + arguments.run_updates * one["update_s"]
            one["codes_per_s_with_features"] = arguments.run_updates * one["codes"] / one["updates"] / run_s
            found[f"ratio_{name}"] = one["codes_per_s"] / best
            found[f"ratio_{name}_with_features"] = one["codes_per_s_with_features"] / best
        if "update_s" in one and "ours" in samples.get("4", {}):
            # Of a run whose checkpoints come, and say as many sentences, as they do by default.
            speaking_s = samples["4"]["ours"]["seconds"]
            one["stopped_for_samples"] = speaking_s / (speaking_s + TrainConfig().save_every * one["update_s"])
    return found


def card(bench: Bench) -> dict[str, Any]:
    """Memory, the soak, kill and resume; on the processor the same with small numbers, as a rehearsal."""
    one = {"batch_size": 1, "accumulation": min(16, bench.arguments.clips)}
    short = {"steps": min(4, bench.arguments.steps), "skip": min(2, bench.arguments.skip)}
    found = {
        "memory_lora_batch_1": bench.ours("ours", {**one, **LORA}, **short),
        "memory_lora_batch_1_checkpointing": bench.ours(
            "ours", {**one, **LORA, "gradient_checkpointing": True}, **short
        ),
        "memory_full_batch_1": bench.ours("ours", {**one, **FULL}, **short),
        "kill_and_resume": bench.ours("kill_and_resume", {**one, **LORA, "precision": "float32"}),
    }
    # A very fast card may wait for its launches at so few clips: how well is it used with more?
    many = {"batch_size": 4 * bench.arguments.batch, "accumulation": 1}
    for name, what in (("lora", LORA), ("full", FULL)) if bench.arguments.device == "cuda" else ():
        found[f"{name}_many_clips"] = bench.ours("ours", {**many, **what}, **short)
    for preset in presets() if bench.arguments.device == "cuda" else ():
        if preset.min_vram_gb:
            found[f"memory_{preset.id}"] = bench.ours("ours", preset.values, **short)
    if bench.arguments.soak:
        shape = {"batch_size": bench.arguments.batch, "accumulation": bench.arguments.clips // bench.arguments.batch}
        found["soak"] = bench.ours("soak", {**shape, **LORA})
    return found


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--size", choices=["tiny", "small", "full"], default="small")
    parser.add_argument("--clips", type=int, default=16, help="clips of an update, of ours and theirs")
    parser.add_argument("--batch", type=int, default=16, help="clips at once, of ours")
    parser.add_argument(
        "--theirs", default="4x4,16x1", help="GPTTrainer's clips at once x accumulation; the best counts"
    )
    parser.add_argument("--steps", type=int, default=12, help="updates measured")
    parser.add_argument("--skip", type=int, default=3, help="updates before that")
    parser.add_argument("--run-updates", type=int, default=300, help="length of the run that features are shared by")
    parser.add_argument("--soak", type=int, default=0, help="updates of the long run")
    parser.add_argument("--sentences", type=int, default=12, help="of 4, 8 and 12 at once those up to so many")
    parser.add_argument("--sentence-s", type=float, default=4.0, help="how long each sentence gets")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--settings", default="{}", help="settings of ours that differ from the defaults, as JSON")
    parser.add_argument("--compile", action="store_true", help="measure the compiled model too; always on a card")
    parser.add_argument("--no-training", action="store_true", help="features and samples alone")
    parser.add_argument("--card", action="store_true", help="memory, kill and resume also on the processor")
    parser.add_argument("--result", type=Path, help="where to write; default: benchmarks/results")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    arguments = parsed()
    where = machine("torch", "coqui-tts", "coqui-tts-trainer", "transformers", "peft")
    result: dict[str, Any] = {"machine": where, "arguments": {k: str(v) for k, v in vars(arguments).items()}}
    target = arguments.result or RESULTS / f"training-{arguments.device}-{arguments.size}.json"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = f"from benchmarks.training_parts import *; make(Path({name!r}), {arguments.size!r}, 46)"
        subprocess.run([sys.executable, "-c", made], cwd=REPOSITORY, check=True)
        bench = Bench(arguments, folder)
        result |= compare(bench)
        if arguments.device == "cuda" or arguments.card or arguments.soak:
            result["card"] = card(bench)
    target.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in result.items():
        if name.startswith("ratio"):
            print(f"{name}: {value:.1f}")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
