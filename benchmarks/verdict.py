"""From a training of the starter to its verdict, as the page starts both: ``python -m benchmarks.verdict``.

A run of the demo's clips by its preset, and one that is harmed by a tenfold learning rate; both are scored on the
processor. The first has to name a step or, honestly, the base; the second the base, or a step before its last. A proof
that takes minutes, so it is no test of the suite (`tests/evaluation/test_end_to_end.py` proves the same with a voice
that is quick). Ends with an error where a verdict is another. Writes benchmarks/results/verdict.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, machine
from benchmarks.companion import fill
from core.evaluation.scorecard import scorecard
from core.evaluation.start import start_evaluate
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.presets import preset
from core.training.run import Run
from core.training.start import start_training
from ui.i18n import Translator
from ui.tabs.listen.scorecard import verdict_text

RESULT = RESULTS / "verdict.json"
_LONGEST_S = 3_600.0


def judge(project: Project, dataset: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Train, score, and what comes of it."""
    began = time.perf_counter()
    run = start_training(project, dataset, "xtts-cpu", settings, base_id="starter", device="cpu")
    _wait(run)
    trained = time.perf_counter()
    _wait(start_evaluate(project, run.id, device="cpu"))
    card = scorecard(project, Run(project, run.id))
    for row in card.rows:
        print(row.step, {name: round(value.mean, 3) for name, value in row.estimates.items()}, flush=True)
    text = verdict_text(Translator("en"), card.verdict)
    print(text, flush=True)
    return {
        "settings": settings,
        "training_s": round(trained - began),
        "scoring_s": round(time.perf_counter() - trained),
        "verdict": card.verdict.kind,
        "step": card.verdict.step,
        "says": text,
    }


def _wait(job: Job) -> None:
    job.wait(_LONGEST_S)
    view = job.read()
    if view.status != "done":
        raise SystemExit(f"{view.kind} ended as {view.status}: {view.text}")


def main() -> None:
    """Measure, write the figures, and say whether they are as they have to be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--every", type=int, default=20, help="updates from one checkpoint to the next")
    parser.add_argument("--learning-rate", type=float, default=preset("xtts-cpu").config().learning_rate)
    given = parser.parse_args()
    settings: dict[str, Any] = {"max_steps": given.updates, "save_every": given.every, "eval_every": given.every}
    settings |= {"measure_samples": False}
    where: dict[str, Any] = machine("torch", "faster-whisper", "Resemblyzer", "speechmos")
    with tempfile.TemporaryDirectory() as folder:
        project, dataset = fill(Path(folder))
        healthy = judge(project, dataset, settings | {"learning_rate": given.learning_rate})
        harmed = judge(project, dataset, settings | {"learning_rate": 10 * given.learning_rate})
    RESULT.write_text(json.dumps({"machine": where, "healthy": healthy, "harmed": harmed}, indent=2) + "\n")
    if healthy["verdict"] not in ("keep", "base"):
        raise SystemExit("the run by the preset has no verdict")
    if harmed["verdict"] != "base" and not (harmed["verdict"] == "keep" and harmed["step"] < given.updates):
        raise SystemExit("of the harmed run the last step is kept, or it has no verdict")


if __name__ == "__main__":
    main()
