"""Session of the notebook: does what its cells ask for by `core`, and answers with HTML, a line of JSON each."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from core import preparation, transfer
from core.checkpoint_ref import CheckpointRef
from core.damage import DamagedFile
from core.dataset.freeze import datasets, latest
from core.errors import Cancelled, UserError
from core.evaluation.scorecard import recommended_step
from core.files import slug
from core.jobs.args.speech import ExportArgs
from core.jobs.args.training import TryBatchesArgs
from core.jobs.outcome import check_done
from core.project.contents import OPTIONS
from core.synthesis.exports import exports
from core.synthesis.start import start_export
from core.system import hardware
from core.training.batches import tried_batches
from core.training.diagnosis import best_checkpoint
from core.training.presets import machine_preset
from core.training.probe import start_probe
from ui.batches import batches_table
from ui.notebook import pictures
from ui.notebook.cell import Cell, Wish
from ui.notebook.drive import keep_mirror, wait_for_mirror, write_zip
from ui.notebook.material import base_of, fetch_base, material, open_project, preset_of
from ui.notebook.training import find_run, launch, watch_run


class Session(Cell):
    """Answers one cell after the other."""

    def answer(self, do: str, facts: dict[str, Any]) -> None:
        """Do what a cell asks for; the last answer is its result, or why there is none."""
        verbs = {"machine": self.machine, "prepare": self.prepare, "try_batches": self.try_batches}
        verbs |= {"train": self.train, "take_home": self.take_home, "keep": self.keep}
        self.begin()
        try:
            self.write({"result": verbs[do](**facts)})
        except UserError as error:
            self.write({"error": self.t.error(error.code, error.text, error.hint, error.values)})
        except Cancelled:
            self.write({"error": self.t("notebook.stopped")})

    def machine(self) -> dict[str, Any]:
        """Which card there is, what is made of it, and where things lie."""
        t, cards = self.t, hardware.cards()
        preset = machine_preset(self.wish.engine)
        card = t("notebook.no_card")
        if cards:
            card = t("notebook.card", name=cards[0].name, size=t.number(cards[0].total_gb, 0))
        lines = [card, t("notebook.preset", preset=t.get(preset.label_key, preset.id))]
        self.workspace.path.mkdir(parents=True, exist_ok=True)
        lines.append(t("notebook.disk", free=t.megabytes(shutil.disk_usage(self.workspace.path).free)))
        if self.wish.drive:
            free = t.megabytes(shutil.disk_usage(self.wish.drive).free)
            lines.append(t("notebook.drive", folder=self.wish.drive, free=free))
        self.show("machine", *map(pictures.paragraph, lines))
        return {"card": cards[0].name if cards else "", "preset": preset.id}

    def prepare(self) -> dict[str, Any]:
        """Have the project here, from the drive, a file of a project, or made of recordings, up to a frozen dataset."""
        t, wish = self.t, self.wish
        project = open_project(self)
        source, rights = material(wish)
        keep_mirror(self, project)
        run = find_run(self, project)
        # A run goes on with its own dataset, which is on the drive before its clips are: they may be lost.
        dataset = next((frozen for frozen in datasets(project) if run and frozen.path == run.dataset), None)
        if dataset is None:
            for job in preparation.jobs(project, source, quality=wish.quality, rights=rights, device=wish.device):
                self.follow(job)
            dataset = preparation.dataset(project)
        count = project.figures.totals().approved
        facts = {"clips": t.number(dataset.clips), "length": t.length(dataset.seconds), "approved": t.number(count)}
        self.show("dataset", pictures.paragraph(t("notebook.dataset", **facts)))
        return {"project": project.slug, "dataset": dataset.id, "clips": dataset.clips}

    def try_batches(self) -> dict[str, Any]:
        """A table of which batch is quickest on this card, tried once; `train` takes the best."""
        t, project = self.t, open_project(self)
        preset = preset_of(project)
        batches = tried_batches(self.workspace, preset.id)
        if batches is None and (frozen := latest(project)):
            fetch_base(self, project)
            changes, device = self.wish.changes, self.wish.device
            args = TryBatchesArgs(
                dataset=frozen.id, base=base_of(self, project), preset=preset.id, changes=changes, device=device
            )
            self.follow(start_probe(project, args))
            batches = tried_batches(self.workspace, preset.id)
        if batches is None:
            self.show("batches", pictures.paragraph(t("batches.no_choice")))
            return {"best": {}}
        self.show("batches", batches_table(t, batches))
        return {"best": batches.changes}

    def train(self) -> dict[str, Any]:
        """Begin the run, go on with it, or follow it: whichever is left to do."""
        t, project = self.t, open_project(self)
        keep_mirror(self, project)
        fetch_base(self, project)
        run, began = find_run(self, project), None
        view = run.read() if run else None
        if run is None or (view and not view.job.active and view.resumable):
            began = view.step if view else 0
            run = launch(self, project, run)
        if began:
            newest = max(run.checkpoints.resumable(), default=0)
            self.show("resumed", pictures.paragraph(t("notebook.resumed", step=newest)))
        view = watch_run(self, project, run)
        if view.job.status == "cancelled":
            raise Cancelled
        if view.job.status != "done":
            check_done(run.job)
        wait_for_mirror(self, project)
        return {"run": run.id, "step": view.step, "status": view.job.status}

    def take_home(self) -> dict[str, Any]:
        """The voice as a folder that plain programs load, and the project as one file, both on the drive."""
        t, project = self.t, open_project(self)
        run = find_run(self, project)
        if run is None:
            raise UserError("notebook.no_run", "There is no training yet.", "Run the cell that trains first.")
        keep_mirror(self, project)
        step = recommended_step(project, run) or best_checkpoint(run.read()) or run.checkpoints.steps()[-1]
        checkpoint = CheckpointRef(run.id, step)
        if not any(export.checkpoint == checkpoint for export in exports(project)):
            self.follow(start_export(project, ExportArgs(checkpoint=checkpoint, device=self.wish.device)))
        export = next(export for export in exports(project) if export.checkpoint == checkpoint)
        target = self.wish.drive or self.workspace.path
        files = [target / f"{project.slug}-voice.zip", target / f"{project.slug}{transfer.SUFFIX}"]
        names = [(f"{export.id}/{path.relative_to(export.folder).as_posix()}", path) for path in _below(export.folder)]
        write_zip(files[0], names, self.check_stop)
        with transfer.packed(project, OPTIONS) as contents:
            write_zip(files[1], contents, self.check_stop)
        lines = (t("notebook.voice_at", step=step, path=files[0]), t("notebook.project_at", path=files[1]))
        self.show("home", *map(pictures.paragraph, lines), pictures.player(export.sample))
        return {"voice": str(files[0]), "project": str(files[1]), "step": step}

    def keep(self) -> dict[str, Any]:
        """Have what is done on the page kept on the drive too, if the project is here and can be read."""
        name = slug(self.wish.project, "project")
        if (self.workspace.projects_folder / name / "project.json").exists():
            with contextlib.suppress(DamagedFile):  # the page is where that is mended
                keep_mirror(self, self.workspace.project(name))
        return {}


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def main(wish: str) -> int:
    """Answer what comes by standard input, until it ends; what libraries print goes where errors go."""
    answers: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def write(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    session = Session(Wish.model_validate_json(wish), write)

    def stop(*_: object) -> None:
        session.stop_requested = True

    signal.signal(signal.SIGINT, stop)
    for line in sys.stdin:
        request = json.loads(line)
        session.answer(request.pop("do"), request)
    return 0
