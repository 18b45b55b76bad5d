"""How long the Listen page takes at the server with 30 checkpoints and 1,000 votes: ``python -m benchmarks.listening``.

A made-up project with four sentences each (real speech), votes of three listeners. The page is served to this process
over loopback, as `benchmarks.page` does; opened means that Gradio's event has brought the whole tab. Writes
benchmarks/results/listening.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import gradio as gr

from benchmarks import machine, median_and_p95, write_results
from benchmarks.page import Page
from core.checkpoint_ref import CheckpointRef
from core.evaluation.scores import ScoreFile
from core.jobs import events, locks
from core.jobs.args.runs import EvaluateArgs
from core.jobs.job import Job
from core.listening.pairs import next_pair
from core.project.records import Vote
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.training.checkpoints import fingerprint
from core.training.run import Run
from tests.evaluation.test_verdict import voice
from tests.listening.made_up import make_project
from ui import page as shell
from ui.i18n import Translator
from ui.tabs.listen import tab as listen

CHECKPOINTS, VOTES, SENTENCES = 30, 1_000, 4


def fill(folder: Path) -> Project:
    """The project; votes lean towards the later checkpoint."""
    steps = [100 * number for number in range(CHECKPOINTS + 1)]  # the base, and so many
    project = make_project(Workspace(folder), "Ana", steps=steps, sentences=SENTENCES)
    chance = random.Random(3)
    run_id = next(project.runs.iterdir()).name
    for number in range(VOTES):
        left, right = chance.sample(steps, 2)
        later = "left" if left > right else "right"
        choice = chance.choices([later, "same", "left" if later == "right" else "right"], [5, 2, 3])[0]
        vote = Vote(f"{number:016x}", CheckpointRef(run_id, left), CheckpointRef(run_id, right), choice, float(number))
        project.store.add_vote(vote)
    next_pair(project)
    return project


def add_scores(project: Project) -> None:
    """Each checkpoint, the base and the real voice with 20 sentences that are measured."""
    run = Run(project, next(project.runs.iterdir()).name)
    for step in run.checkpoints.steps():
        weights = fingerprint(run.base_id, run.checkpoints.folder(step) if step else None)
        ScoreFile.open(run.path, step, weights).put(voice(step, likeness=0.7 + step / 30_000))
    ScoreFile.open(run.path, None).put(voice(7, likeness=0.95))


def while_it_scores(project: Project, times: int) -> dict[str, float]:
    """Milliseconds of processor time of a tick while checkpoints are scored and their bar moves.

    ``tick_ms``: between two scores. ``new_score_ms``: where a new score has come each time.
    """
    run_id = next(project.runs.iterdir()).name
    job = Job.create(project.jobs, EvaluateArgs(run_id=run_id), title="Calm voice")
    handle = locks.try_lock(job.path / "lock", {"pid": os.getpid(), "kind": "evaluate", "title": "Calm voice"})
    assert handle is not None
    events.append(job.events_path, events.Started(pid=os.getpid()))
    scores = ScoreFile.open(project.runs / run_id, 0, fingerprint("starter", None))
    tab, figures = _tab(project), {}
    for name in ("tick_ms", "new_score_ms"):
        total = 0.0
        for count in range(times + 2):
            events.append(job.events_path, events.Progress(stage="evaluate", done=count, total=600))
            if name == "new_score_ms":
                scores.put(list(scores.scores.values())[:1])
            began = time.process_time()
            tab.tick(project, "")
            total += time.process_time() - began if count > 1 else 0.0  # the first draws a pair
        figures[name] = round(1000 * total / times, 1)
    locks.release([handle])
    return figures


def _tab(project: Project) -> Any:
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "listen", "")]
        settings = Settings(_env_file=None, workspace=project.workspace.path)  # type: ignore[call-arg]
        return listen.build(shell.Page(settings, project.workspace, Translator("en"), *hidden))


def while_it_trains(project: Project, times: int) -> dict[str, float]:
    """Milliseconds of processor time of what an open page asks each second: nothing new, and made anew."""
    tab, figures = _tab(project), {}
    with mock.patch.object(Project, "running", lambda _project: True):
        for name, ask in (("tick_ms", tab.tick), ("made_anew_ms", tab.refresh)):
            assert ask is not None
            ask(project, "")
            began = time.process_time()
            for _ in range(times):
                ask(project, "")
            figures[name] = round(1000 * (time.process_time() - began) / times, 1)
    return figures


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    where: dict[str, Any] = machine("gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory() as folder:
        project = fill(Path(folder))
        with Page(Path(folder)) as page:
            page.refresh("listen", "first")  # what is read once has been read
            opened_ms, cpu = [], page.cpu_s()
            for _ in range(times):
                began = time.perf_counter()
                page.refresh("listen", "again")
                opened_ms.append(1000 * (time.perf_counter() - began))
            cpu_ms = 1000 * (page.cpu_s() - cpu) / times
        ticks = while_it_trains(project, times)
        add_scores(project)
        scoring = while_it_scores(project, times)
    median, p95 = median_and_p95(opened_ms)
    figures = {
        "checkpoints": CHECKPOINTS,
        "votes": VOTES,
        "sentences": SENTENCES,
        "opened_ms_median": round(median, 1),
        "opened_ms_p95": round(p95, 1),
        "processor_ms": round(cpu_ms, 1),
        "while_it_trains": ticks,
        "while_it_scores": scoring,
    }
    write_results("listening", {"machine": where, **figures})
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
