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
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import gradio as gr
import numpy as np

from benchmarks import RESULTS, machine
from benchmarks.page import Page
from core.checkpoint_ref import CheckpointRef
from core.listening.pairs import next_pair
from core.project.records import Vote
from core.project.workspace import Project, Workspace
from core.settings import Settings
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


def while_it_trains(project: Project, times: int) -> dict[str, float]:
    """Milliseconds of processor time of what an open page asks each second: nothing new, and made anew."""
    with gr.Blocks():
        hidden = [gr.Textbox(value, visible=False) for value in ("", "listen", "")]
        settings = Settings(_env_file=None, workspace=project.workspace.path)  # type: ignore[call-arg]
        tab = listen.build(shell.Page(settings, project.workspace, Translator("en"), *hidden))
    figures = {}
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
    given = parser.parse_args()
    where: dict[str, Any] = machine("gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory() as folder:
        project = fill(Path(folder))
        page = Page(Path(folder))
        try:
            page.refresh("listen", "first")  # what is read once has been read
            took, cpu = [], page.cpu_s()
            for _ in range(given.times):
                began = time.perf_counter()
                page.refresh("listen", "again")
                took.append(1000 * (time.perf_counter() - began))
            cpu_ms = 1000 * (page.cpu_s() - cpu) / given.times
        finally:
            page.process.terminate()
            page.process.wait(20)
        ticks = while_it_trains(project, given.times)
    figures = {
        "checkpoints": CHECKPOINTS,
        "votes": VOTES,
        "sentences": SENTENCES,
        "opened_ms_median": round(statistics.median(took), 1),
        "opened_ms_p95": round(float(np.percentile(took, 95)), 1),
        "processor_ms": round(cpu_ms, 1),
        "while_it_trains": ticks,
    }
    (RESULTS / "listening.json").write_text(json.dumps({"machine": where, **figures}, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
