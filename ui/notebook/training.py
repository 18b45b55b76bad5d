"""Training of the notebook: its run begun, gone on with, or followed, by ``python -m core.train``."""

from __future__ import annotations

import subprocess
import sys
import time

import yaml

from core import REPOSITORY
from core.dataset.freeze import latest
from core.errors import UserError
from core.project.workspace import Project
from core.sync.ledger import notes_folder, read_state
from core.training.batches import tried_batches
from core.training.run import Run, RunView, runs
from ui.notebook import pictures
from ui.notebook.cell import LOOK_S, Cell
from ui.notebook.material import base_of, preset_of

_START_S = 120.0  # for the command to have made its run


def find_run(cell: Cell, project: Project) -> Run | None:
    """The run of the name that is wished; None before its first update."""
    return next((run for run in runs(project) if run.title == cell.wish.run), None)


def launch(cell: Cell, project: Project, run: Run | None) -> Run:
    """Start a run, or resume one, by the command that does so everywhere.

    Raises:
        UserError: ``notebook.not_started``.
    """
    wish, notes = cell.wish, notes_folder(cell.workspace)
    notes.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "core.train", "--workspace", str(cell.workspace.path), "--wait"]
    if run is None:
        preset, frozen = preset_of(project), latest(project)
        batches = tried_batches(cell.workspace, preset.id)
        file = notes / f"{project.slug}.yaml"
        about = {"project": project.slug, "name": wish.run, "preset": preset.id, "base": base_of(cell, project)}
        about |= {"dataset": frozen.id if frozen else "", "device": wish.device}
        file.write_text(
            yaml.safe_dump({**about, "settings": {**(batches.changes if batches else {}), **wish.changes}}),
            encoding="utf-8",
        )
        command += ["--config", str(file)]
    else:
        command += ["--project", project.slug, "--resume", run.id]
    began = time.time()
    with open(notes / f"{project.slug}.train.log", "w+b") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            run = find_run(cell, project)
            if run and run.read().job.launched_at >= began:
                return run
            if process.poll() is not None:
                break
            time.sleep(LOOK_S / 5)
        log.seek(0)
        words = log.read().decode(errors="replace").strip()[-500:]
    raise UserError("notebook.not_started", "The training did not start: {words}", "Run the cell again.", words=words)


def watch_run(cell: Cell, project: Project, run: Run) -> RunView:
    """Show a run until nobody is at work on it; Stop is passed on to it."""
    t = cell.t
    while True:
        alive = run.job.alive()
        if cell.stop_requested:
            run.stop()
        view = run.read()
        share = view.step / view.total if view.step else None
        mirror = pictures.sync_line(t, read_state(project)) if cell.wish.drive else ""
        cell.show("run", pictures.progress(t, view.job, share), mirror)
        cell.show("curves", pictures.curves(t, project, run, view))
        cell.show("samples", pictures.players(t, view))
        if not alive:
            return view
        time.sleep(LOOK_S)
