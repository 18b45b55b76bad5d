"""Training against coqui's own `GPTTrainer` on the same clips in the same run, and what it needs of a card.

    python -m benchmarks.training                                         # two cores, the small base
    python -m benchmarks.training --size full --only features,samples     # two cores, what the real base costs there
    python -m benchmarks.training --device cuda --size full --soak 1000   # everything a card can tell

The result is written after each piece. ``--only`` measures some groups of pieces (features, ours, theirs, samples,
card, soak) and leaves what the file has of the others, so that all of it can be done in several calls.

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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, machine
from core import REPOSITORY
from core.engines.xtts.options import XttsTrainConfig
from core.training.presets import presets

GROUPS = ("features", "ours", "theirs", "samples", "card", "soak")
MOST_S = 1800  # of a piece; twelve sentences of the published size may take a quarter of an hour on two cores
LORA: dict[str, Any] = {"lora_rank": 16, "lora_alpha": 32, "learning_rate": 2e-4}
FULL: dict[str, Any] = {"train_what": "full", "learning_rate": 5e-6}


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
        self.shape = {
            "batch_size": arguments.batch,
            "accumulation": arguments.clips // arguments.batch,
            **json.loads(arguments.settings),
        }

    def ours(self, piece: str, settings: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
        """A piece of `benchmarks.training_parts`, with settings of the training and other options of the piece."""
        options = {**self.shared, "settings": settings or {}, **others}
        return self._run(["benchmarks.training_parts", piece, json.dumps(options)], f"ours {piece} {settings or ''}")

    def theirs(self, batch: str, threads: int, precision: str = "float32") -> dict[str, Any]:
        """`benchmarks.gpt_trainer` with ``batch`` clips at once times accumulations, e.g. 4x4."""
        size, accumulation = (int(part) for part in batch.split("x"))
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

    def _run(self, command: list[str], title: str) -> dict[str, Any]:
        """What the piece prints, or why it failed."""
        cards = os.environ.get("CUDA_VISIBLE_DEVICES", "0") if self.arguments.device == "cuda" else ""
        quiet = {"OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": cards}
        try:
            completed = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                env={**os.environ, **quiet},
                timeout=MOST_S,
            )
        except subprocess.TimeoutExpired:
            figures: dict[str, Any] = {"failed": [f"took longer than {MOST_S} s"]}
        else:
            if completed.returncode:
                figures = {"failed": completed.stderr.strip().splitlines()[-20:] or [str(completed.returncode)]}
            else:
                figures = json.loads(completed.stdout.strip().splitlines()[-1])
        keys = ("codes_per_s", "codes_per_cpu_s", "times_real_time", "ratio", "peak_mb", "flops_utilisation", "failed")
        print(f"{title}: " + ", ".join(f"{key} {figures[key]}" for key in keys if key in figures), flush=True)
        return figures


Pieces = dict[str, Callable[[], dict[str, Any]]]


def plan(bench: Bench) -> dict[str, Pieces]:
    """What there is to measure, by group and name."""
    pieces: dict[str, Pieces] = {
        "features": {"all": partial(bench.ours, "features")},
        "ours": ours(bench),
        "theirs": theirs(bench),
        "samples": {
            str(count): partial(bench.ours, "samples", sentences=count, repeat=bench.arguments.repeat)
            for count in (4, 8, 12)
            if count <= bench.arguments.sentences
        },
        "card": card(bench),
        "soak": {"all": partial(bench.ours, "soak", {**bench.shape, **LORA})},
    }
    return {name: pieces[name] for name in bench.arguments.only.split(",")}


def ours(bench: Bench) -> Pieces:
    """Our updates, of an adapter and of all weights."""
    variants = {"lora": LORA, "lora_float32": {**LORA, "precision": "float32"}, "full": FULL}
    if bench.arguments.compile or bench.arguments.device == "cuda":
        variants["lora_compiled"] = {**LORA, "compile": True}
    return {name: partial(bench.ours, "ours", {**bench.shape, **settings}) for name, settings in variants.items()}


def theirs(bench: Bench) -> Pieces:
    """GPTTrainer's, in all ways to run it. Its encoder's width is fixed: it cannot be fed a tiny one."""
    pieces: Pieces = {}
    for batch in bench.arguments.theirs.split(",") if bench.arguments.size != "tiny" else ():
        pieces[f"{batch} as shipped"] = partial(bench.theirs, batch, 0)
        if bench.arguments.device == "cpu":
            pieces[f"{batch} all threads"] = partial(bench.theirs, batch, os.cpu_count() or 1)
        else:
            pieces[f"{batch} mixed precision"] = partial(bench.theirs, batch, 0, "float16")
    return pieces


def card(bench: Bench) -> Pieces:
    """Memory, kill and resume; on the processor the same with small numbers, as a rehearsal."""
    single = {"batch_size": 1, "accumulation": min(16, bench.arguments.clips)}
    variants: dict[str, dict[str, Any]] = {
        "memory_lora_batch_1": {**single, **LORA},
        "memory_lora_batch_1_checkpointing": {**single, **LORA, "gradient_checkpointing": True},
        "memory_full_batch_1": {**single, **FULL},
    }
    if bench.arguments.device == "cuda":
        # A very fast card may wait for its launches at so few clips: how well is it used with more?
        many = {"batch_size": 4 * bench.arguments.batch, "accumulation": 1}
        variants |= {"lora_many_clips": {**many, **LORA}, "full_many_clips": {**many, **FULL}}
        variants |= {f"memory_{preset.id}": preset.values for preset in presets("xtts") if preset.min_vram_gb}
    short = {"steps": min(4, bench.arguments.steps), "skip": min(2, bench.arguments.skip)}
    return {
        **{name: partial(bench.ours, "ours", settings, **short) for name, settings in variants.items()},
        "kill_and_resume": partial(bench.ours, "kill_and_resume", {**single, **LORA, "precision": "float32"}),
    }


def summary(result: dict[str, Any], run_updates: int) -> dict[str, float]:
    """The ratios of what was measured so far, and what it comes to with the features' share of a run."""
    ratios: dict[str, float] = {}
    features_s = result.get("features", {}).get("all", {}).get("seconds")
    best = max((entry.get("codes_per_s", 0.0) for entry in result.get("theirs", {}).values()), default=0.0)
    speaking_s = result.get("samples", {}).get("4", {}).get("ours", {}).get("seconds")
    for name, figures in result.get("ours", {}).items():
        if "codes_per_s" not in figures:
            continue
        if best:
            ratios[f"ratio_{name}"] = figures["codes_per_s"] / best
        if best and features_s:
            run_s = features_s + run_updates * figures["update_s"]
            ratios[f"ratio_{name}_with_features"] = run_updates * figures["codes"] / figures["updates"] / run_s / best
        if speaking_s:
            # Of a run whose checkpoints come, and say as many sentences, as they do by default.
            run_s = speaking_s + XttsTrainConfig().save_every * figures["update_s"]
            ratios[f"stopped_for_samples_{name}"] = speaking_s / run_s
    ratios |= {
        f"ratio_samples_{count}": entry["ratio"]
        for count, entry in result.get("samples", {}).items()
        if "ratio" in entry
    }
    return ratios


def groups(text: str) -> str:
    """Names of groups, checked."""
    if unknown := set(text.split(",")) - set(GROUPS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return text


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
    parser.add_argument("--only", help=f"some of {','.join(GROUPS)}; the file keeps the others", type=groups)
    parser.add_argument("--result", type=Path, help="where to write; default: benchmarks/results")
    arguments = parser.parse_args()
    if "soak" in (arguments.only or "").split(",") and not arguments.soak:
        parser.error("a soak needs its number of updates: --soak 1000")
    return arguments


def main() -> None:
    """Measure, print, write."""
    arguments = parsed()
    names = ["features", "ours", "theirs", "samples"]
    if arguments.device == "cuda":
        names.append("card")
    if arguments.soak:
        names.append("soak")
    target = arguments.result or RESULTS / f"training-{arguments.device}-{arguments.size}.json"
    earlier = json.loads(target.read_text()) if arguments.only and target.exists() else {}
    arguments.only = arguments.only or ",".join(names)
    where = machine("torch", "coqui-tts", "coqui-tts-trainer", "transformers", "peft")
    result: dict[str, Any] = {"machine": where, "arguments": {k: str(v) for k, v in vars(arguments).items()}}
    result |= {name: earlier[name] for name in GROUPS if name in earlier}
    with tempfile.TemporaryDirectory() as name:
        make = json.dumps({"folder": name, "size": arguments.size})
        subprocess.run([sys.executable, "-m", "benchmarks.training_parts", "make", make], cwd=REPOSITORY, check=True)
        for group, pieces in plan(Bench(arguments, Path(name))).items():
            result[group] = {}
            for piece, measure in pieces.items():
                result[group][piece] = measure()
                result["summary"] = summary(result, arguments.run_updates)
                target.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in result["summary"].items():
        print(f"{name}: {value:.1%}" if name.startswith("stopped") else f"{name}: {value:.1f}")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
