"""From a training of the starter to its verdict, as the page starts both: ``python -m benchmarks.verdict``.

A run of the demo's clips as the demo trains it, and one that is harmed by a tenfold learning rate; both are scored on
the processor. The first has to name a step or, honestly, the base; the second the base, or a step before its last. A
proof that takes minutes, so it is no test of the suite (`tests/evaluation/test_end_to_end.py` is a small one).
``chance`` says how far the rule can be trusted on as many sentences: how often it names a step where none is better
(the healthy run's differences between a checkpoint and the base, with their signs drawn), and how often it does where
all are better by so many steps that a listener notices. Ends with an error where a verdict is another. Writes
benchmarks/results/verdict.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import machine, write_results
from benchmarks.companion import fill
from core.evaluation.scorecard import Row, scorecard
from core.evaluation.scores import read_scores
from core.evaluation.start import start_evaluate
from core.evaluation.statistics import Estimate, estimate
from core.evaluation.verdict import better_than_base, gains_by_text
from core.jobs.job import Job
from core.project.workspace import Project
from core.tasks.demo import SETTINGS
from core.training.checkpoints import fingerprint
from core.training.run import Run
from core.training.start import start_training
from ui.i18n import Translator
from ui.tabs.listen.scorecard import verdict_text

_LONGEST_S = 3_600.0
_RUNS = 400  # that are simulated
_CHECKPOINTS = (1, 2, 12)
_SENTENCES = (15, 30)
_BETTER_BY = (1.0, 2.0, 4.0)


def judge(project: Project, dataset: str, settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """What comes of training by these settings and of scoring it; and the run."""
    began = time.perf_counter()
    run = start_training(project, dataset, "xtts-cpu", settings, base_id="starter", device="cpu")
    _wait(run)
    trained = time.perf_counter()
    _wait(start_evaluate(project, run.id, device="cpu"))
    card = scorecard(project, Run(project, run.id))
    text = verdict_text(Translator("en"), card.verdict)
    print(text, flush=True)
    result = {
        "learning_rate": settings["learning_rate"],
        "training_s": round(trained - began),
        "scoring_s": round(time.perf_counter() - trained),
        "verdict": card.verdict.kind,
        "step": card.verdict.step,
        "says": text,
        "voices": [_figures(row) for row in (*card.rows, *([card.real] if card.real else []))],
    }
    return result, Run(project, run.id)


def _wait(job: Job) -> None:
    view = job.wait(_LONGEST_S)
    if job.alive():
        job.force_stop()
        raise SystemExit(f"{view.kind} took longer than {_LONGEST_S:.0f} s: {view.text}")
    if view.status != "done":
        raise SystemExit(f"{view.kind} ended as {view.status}: {view.text}")


def _figures(row: Row) -> dict[str, Any]:
    values = {name: round(value.mean, 3) for name, value in row.estimates.items()}
    gain = {"gain": _rounded(row.gain)} if row.gain else {}
    return {"step": row.step, "sounds": row.count, **values, **gain}


def _rounded(value: Estimate) -> dict[str, float]:
    return {name: round(number, 2) for name, number in asdict(value).items()}


def differences(run: Run) -> list[float]:
    """How far each sentence of each checkpoint is from the base's, in steps that a listener notices."""
    base = read_scores(run.path, 0, fingerprint(run.base_id, None))
    steps = [step for step in run.checkpoints.steps() if step > 0]
    scores = [read_scores(run.path, step, fingerprint(run.base_id, run.checkpoints.folder(step))) for step in steps]
    return [float(np.mean(gains)) for score in scores for gains in gains_by_text(score, base).values()]


def chance(gains: list[float]) -> list[dict[str, Any]]:
    """How often a step is named, by how many checkpoints and sentences there are and how much better all are."""
    draw, sizes = np.random.default_rng(0), np.abs(np.array(gains))
    result = []
    for count in _CHECKPOINTS:
        for sentences in _SENTENCES:
            scatter = draw.choice(sizes, (_RUNS, count, sentences)) * draw.choice(
                (-1.0, 1.0), (_RUNS, count, sentences)
            )
            row = {"checkpoints": count, "sentences": sentences, "none_better": _named(scatter)}
            row |= {f"better_by_{by:g}": _named(scatter + by) for by in _BETTER_BY}
            result.append(row)
            print(row, flush=True)
    return result


def _named(gains: npt.NDArray[np.float64]) -> float:
    """The share of runs, shape ``(runs, checkpoints, sentences)``, of which a step is named."""
    named = 0
    for run in gains:
        estimates = {
            step: estimate({str(text): [gain] for text, gain in enumerate(row)}) for step, row in enumerate(run)
        }
        named += bool(better_than_base({step: value for step, value in estimates.items() if value is not None}))
    return named / len(gains)


def main() -> None:
    """Measure, write the figures, and say whether they are as they have to be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--updates", type=int, default=SETTINGS["max_steps"])
    parser.add_argument("--every", type=int, default=SETTINGS["save_every"], help="updates between checkpoints")
    parser.add_argument("--learning-rate", type=float, default=SETTINGS["learning_rate"])
    parser.add_argument("--workspace", type=Path, help="keep what was made in this folder")
    options = parser.parse_args()
    settings: dict[str, Any] = {**SETTINGS, "max_steps": options.updates, "save_every": options.every}
    settings |= {"eval_every": options.every, "measure_samples": False}
    result: dict[str, Any] = {"machine": machine("torch", "faster-whisper", "Resemblyzer", "speechmos")}
    result |= {"updates": options.updates}
    with tempfile.TemporaryDirectory() as folder:
        project, dataset = fill(options.workspace or Path(folder))
        result["healthy"], run = judge(project, dataset, settings | {"learning_rate": options.learning_rate})
        result["harmed"], _ = judge(project, dataset, settings | {"learning_rate": 10 * options.learning_rate})
        result["chance"] = chance(differences(run))
    write_results("verdict", result)
    healthy, harmed = result["healthy"], result["harmed"]
    if healthy["verdict"] not in ("keep", "base"):
        raise SystemExit("the run by the demo's settings has no verdict")
    if harmed["verdict"] != "base" and not (harmed["verdict"] == "keep" and harmed["step"] < options.updates):
        raise SystemExit("of the harmed run the last step is kept, or it has no verdict")


if __name__ == "__main__":
    main()
