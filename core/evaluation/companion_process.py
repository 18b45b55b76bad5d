"""The process of a `core.evaluation.companion`: reads steps, a line each, and writes their measures as lines of JSON.

Run as ``python -m core.evaluation.companion_process RUN NICENESS``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from core.evaluation.sample_scores import SampleScores
from core.jobs.job import Job
from core.project.workspace import project_of
from core.training.run import Run


def main() -> None:
    """Measure until standard input ends."""
    os.nice(int(sys.argv[2]))
    with contextlib.suppress(OSError):  # where memory is short this goes, not the training
        Path("/proc/self/oom_score_adj").write_text("1000")
    # Libraries print where they like: only what is meant goes to the training.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = Job(Path(sys.argv[1]).resolve())
    project = project_of(job)
    serve(SampleScores(project, Run(project, job.id)), sys.stdin, answers)


def serve(scores: SampleScores, requests: Iterable[str], answers: TextIO) -> None:
    """Say what can be measured, then answer each request; of a step that cannot be measured the log says why."""
    _say(answers, measures=scores.measures)
    for request in requests:
        step = int(request)
        try:
            values = dict(scores.measure(step))
        except Exception:
            traceback.print_exc()
            values = {}
        _say(answers, step=step, values=values)


def _say(answers: TextIO, **message: Any) -> None:
    print(json.dumps({**message, "processor_s": round(time.process_time(), 3)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
