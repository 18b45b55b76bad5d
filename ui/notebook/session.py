"""Session of the notebook: does what its cells ask for by `core`, and answers with HTML, a line of JSON each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import yaml
from pydantic import BaseModel, ConfigDict

from core import REPOSITORY, preparation, transfer
from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import latest
from core.demo import RECORDING, RIGHTS
from core.engines.registry import DEFAULT, bases
from core.errors import Cancelled, UserError
from core.evaluation.scorecard import recommended_step
from core.files import TEMP_PREFIX, disk_full, is_full, slug
from core.jobs.args.projects import UnpackProjectArgs
from core.jobs.args.speech import ExportArgs
from core.jobs.args.training import TryBatchesArgs
from core.jobs.job import Job
from core.jobs.outcome import check_done
from core.project.contents import OPTIONS
from core.project.engine import start_download
from core.project.workspace import Project, Workspace
from core.sync.ledger import erase, notes_folder, read_state
from core.sync.mirror import fetch
from core.sync.syncer import is_running
from core.synthesis.exports import exports
from core.synthesis.start import start_export
from core.system import hardware
from core.training.batches import start_trial, tried_batches
from core.training.diagnosis import best_checkpoint
from core.training.presets import Preset, choose
from core.training.run import Run, RunView, runs
from ui.batches import batches_table
from ui.i18n import Translator
from ui.notebook import pictures

_LOOK_S = 0.5
_SYNC_S = 600.0  # that a cell waits for the drive after its work is done
_START_S = 120.0  # for the command to have made its run


class Wish(BaseModel):
    """What the notebook's parameters say.

    ``project`` is its name, ``speech`` the language of the recordings; ``run`` names the training, and another name
    begins another one. ``accept_license`` says that the base's licence was read.
    """

    model_config = ConfigDict(extra="forbid")
    workspace: Path
    drive: Path | None = None
    language: str = "en"
    project: str = "My voice"
    speech: str = "en"
    engine: str = DEFAULT
    base: str = ""
    accept_license: bool = False
    source: str = ""
    rights: str = ""
    quality: str = "fast"
    run: str = "Notebook"
    changes: dict[str, Any] = {}
    device: str = "auto"
    mb_per_s: float = 0.0
    most_gb: float = 0.0


class Session:
    """Answers one cell after the other.

    Args:
        wish: see there.
        write: takes an answer.
    """

    def __init__(self, wish: Wish, write: Callable[[dict[str, Any]], object]) -> None:
        self.wish, self.write = wish, write
        self.t = Translator(wish.language)
        self.workspace = Workspace(wish.workspace)
        self.stop_requested = False
        self.said: dict[str, str] = {}

    def answer(self, do: str, facts: dict[str, Any]) -> None:
        """Do what a cell asks for; the last answer is its result, or why there is none."""
        verbs = {"machine": self.machine, "prepare": self.prepare, "try_batches": self.try_batches}
        verbs |= {"train": self.train, "take_home": self.take_home}
        self.stop_requested, self.said = False, {}
        try:
            self.write({"result": verbs[do](**facts)})
        except UserError as error:
            self.write({"error": self.t.error(error.code, error.text, error.hint, error.values)})
        except Cancelled:
            self.write({"error": self.t("notebook.stopped")})

    def say(self, name: str, *parts: str) -> None:
        """Show something in its own place, if it differs from what stands there."""
        if not any(parts) and name not in self.said:
            return
        content = pictures.framed(*parts)
        if self.said.get(name) != content:
            self.said[name] = content
            self.write({"show": name, "html": content})

    # ---- what cells ask for ------------------------------------------------------------------------------------------

    def machine(self) -> dict[str, Any]:
        """Which card there is, what is made of it, and where things lie."""
        t, cards = self.t, hardware.cards()
        preset = choose(cards[0].total_gb if cards else None, self.wish.engine)
        card = t("notebook.no_card")
        if cards:
            card = t("notebook.card", name=cards[0].name, size=t.number(cards[0].total_gb, 0))
        lines = [card, t("notebook.preset", preset=t.get(preset.label_key, preset.id))]
        self.workspace.path.mkdir(parents=True, exist_ok=True)
        lines.append(t("notebook.disk", free=t.megabytes(shutil.disk_usage(self.workspace.path).free)))
        if self.wish.drive:
            free = t.megabytes(shutil.disk_usage(self.wish.drive).free)
            lines.append(t("notebook.drive", folder=self.wish.drive, free=free))
        self.say("machine", *map(pictures.paragraph, lines))
        return {"card": cards[0].name if cards else "", "preset": preset.id}

    def prepare(self) -> dict[str, Any]:
        """Have the project here, from the drive, a file of a project, or made of recordings, up to a frozen dataset."""
        t, wish = self.t, self.wish
        project = self._project()
        source, rights = self._material()
        self._keep_mirror(project)
        for job in preparation.jobs(project, source, quality=wish.quality, rights=rights, device=wish.device):
            self._follow(job)
        dataset = preparation.dataset(project)
        approved = project.figures.totals().approved
        facts = {"clips": t.number(dataset.clips), "length": t.length(dataset.seconds), "approved": t.number(approved)}
        self.say("dataset", pictures.paragraph(t("notebook.dataset", **facts)))
        return {"project": project.slug, "dataset": dataset.id, "clips": dataset.clips}

    def try_batches(self) -> dict[str, Any]:
        """A table of which batch is quickest on this card, tried once; `train` takes the best."""
        t, project = self.t, self._project()
        preset = self._preset(project)
        tried = tried_batches(self.workspace, preset.id)
        if tried is None and (frozen := latest(project)):
            self._base_ready(project)
            changes, device = self.wish.changes, self.wish.device
            args = TryBatchesArgs(
                dataset=frozen.id, base=self._base(project), preset=preset.id, changes=changes, device=device
            )
            self._follow(start_trial(project, args))
            tried = tried_batches(self.workspace, preset.id)
        if tried is None:
            self.say("batches", pictures.paragraph(t("batches.no_choice")))
            return {"best": {}}
        self.say("batches", batches_table(t, tried))
        return {"best": tried.changes}

    def train(self) -> dict[str, Any]:
        """Begin the run, go on with it, or follow it: whichever is left to do; by ``python -m core.train``."""
        t, project = self.t, self._project()
        self._keep_mirror(project)
        self._base_ready(project)
        run, began = self._run(project), None
        view = run.read() if run else None
        if run is None or (view and not view.job.active and view.resumable):
            began = view.step if view else 0
            run = self._launch(project, run)
        if began:
            self.say("resumed", pictures.paragraph(t("notebook.resumed", step=self._newest_state(run))))
        view = self._watch(project, run)
        if view.job.status == "cancelled":
            raise Cancelled
        if view.job.status != "done":
            check_done(run.job)
        self._wait_for_mirror(project)
        return {"run": run.id, "step": view.step, "status": view.job.status}

    def take_home(self) -> dict[str, Any]:
        """The voice as a folder that plain programs load, and the project as one file, both on the drive."""
        t, project = self.t, self._project()
        run = self._run(project)
        if run is None:
            raise UserError("notebook.no_run", "There is no training yet.", "Run the cell that trains first.")
        self._keep_mirror(project)
        step = recommended_step(project, run) or best_checkpoint(run.read()) or run.checkpoints.steps()[-1]
        checkpoint = CheckpointRef(run.id, step)
        if not any(export.checkpoint == checkpoint for export in exports(project)):
            self._follow(start_export(project, ExportArgs(checkpoint=checkpoint, device=self.wish.device)))
        export = next(export for export in exports(project) if export.checkpoint == checkpoint)
        target = self.wish.drive or self.workspace.path
        files = [target / f"{project.slug}-voice.zip", target / f"{project.slug}{transfer.SUFFIX}"]
        names = [(f"{export.id}/{path.relative_to(export.folder).as_posix()}", path) for path in _below(export.folder)]
        _write_zip(files[0], names, self._check_stop)
        with transfer.packed(project, OPTIONS) as contents:
            _write_zip(files[1], contents, self._check_stop)
        lines = (t("notebook.voice_at", step=step, path=files[0]), t("notebook.project_at", path=files[1]))
        self.say("home", *map(pictures.paragraph, lines), pictures.player(export.sample))
        return {"voice": str(files[0]), "project": str(files[1]), "step": step}

    # ---- the project -------------------------------------------------------------------------------------------------

    def _material(self) -> tuple[Path | None, str]:
        """What a project without recordings is made of, and why that may be used: the demo's, if nothing is named."""
        if self._is_project_file():  # never the demo's recording in somebody's project
            return None, ""
        if self.wish.source:
            return Path(self.wish.source).expanduser(), self.wish.rights
        return RECORDING, RIGHTS

    def _is_project_file(self) -> bool:
        return self.wish.source.endswith(transfer.SUFFIX)

    def _project(self) -> Project:
        """The project that is here; else the one on the drive, the one in the file, or a new one."""
        wish, name = self.wish, slug(self.wish.project, "project")
        if (self.workspace.projects_folder / name).exists():
            present = self.workspace.project(name)
            if self._has_come(present):
                return present
            shutil.rmtree(present.path)
        if wish.drive and (project := fetch(self.workspace, wish.drive, name, self._fetched)):
            return project
        if not self._is_project_file():
            return self.workspace.create(wish.project, wish.speech, wish.engine)
        source = Path(wish.source).expanduser()
        if not source.is_file():
            raise UserError(
                "prepare.nothing",
                "There is no file {path}.",
                "Name a recording or a data set that is there.",
                path=str(source),
            )
        self.workspace.path.mkdir(parents=True, exist_ok=True)
        file = self.workspace.path / f"{TEMP_PREFIX}{name}{transfer.SUFFIX}"
        shutil.copyfile(source, file)
        project = transfer.bring(self.workspace, file, f"{wish.project}{transfer.SUFFIX}")
        self._follow(next(iter(project.all_jobs())))
        return project

    def _has_come(self, project: Project) -> bool:
        """Whether a project that comes as a file is whole here; what was broken off is to be brought once more."""
        job = project.latest(UnpackProjectArgs.kind)
        if job is None:
            return True
        if job.alive():
            self._follow(job)
        return job.read().status == "done" or bool(project.store.sources() or project.store.count())

    def _check_stop(self) -> None:
        if self.stop_requested:
            raise Cancelled

    def _fetched(self, done: int, total: int) -> None:
        self._check_stop()
        t = self.t
        text = t("notebook.fetched", done=t.megabytes(done), total=t.megabytes(total))
        self.say("fetched", pictures.paragraph(text))

    def _base_ready(self, project: Project) -> None:
        """Fetch the base, where that is still to be done; its licence is asked for by name."""
        models, base_id = bases(project.info.engine), self._base(project)
        if base_id not in models.catalog or models.is_made(base_id):
            return
        state = models.state(self.workspace.models, base_id)
        if state.needs_license and not state.license_accepted:
            if not self.wish.accept_license:
                raise UserError(
                    "notebook.license",
                    "“{label}” comes under the {license}: {url}",
                    "Read it; then set ACCEPT_LICENSE = True at the top, and run that cell and all below it again.",
                    label=state.base.label,
                    license=state.base.license,
                    url=state.base.license_url,
                )
            models.accept_license(self.workspace.models, base_id)
        if state.status != "ready":
            self._follow(start_download(project, base_id))

    def _preset(self, project: Project) -> Preset:
        """The settings that suit the card."""
        cards = hardware.cards()
        return choose(cards[0].total_gb if cards else None, project.info.engine)

    def _base(self, project: Project) -> str:
        return self.wish.base or bases(project.info.engine).default

    # ---- jobs and the run --------------------------------------------------------------------------------------------

    def _follow(self, job: Job) -> None:
        """Show a job until it ends.

        Raises:
            Cancelled, UserError: it did not end well.
        """
        while job.alive():
            if self.stop_requested:
                job.stop()
            self.say(job.id, pictures.progress(self.t, job.read()))
            time.sleep(_LOOK_S)
        self.say(job.id, pictures.progress(self.t, job.read()))
        check_done(job)

    def _run(self, project: Project) -> Run | None:
        return next((run for run in runs(project) if run.title == self.wish.run), None)

    def _newest_state(self, run: Run) -> int:
        return max(run.checkpoints.resumable(), default=0)

    def _launch(self, project: Project, run: Run | None) -> Run:
        """Start or resume the run by the command that does so everywhere."""
        wish, notes = self.wish, notes_folder(self.workspace)
        notes.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "core.train", "--workspace", str(self.workspace.path), "--wait"]
        if run is None:
            preset, frozen = self._preset(project), latest(project)
            tried = tried_batches(self.workspace, preset.id)
            file = notes / f"{project.slug}.yaml"
            about = {"project": project.slug, "name": wish.run, "preset": preset.id, "base": self._base(project)}
            about |= {"dataset": frozen.id if frozen else "", "device": wish.device}
            file.write_text(
                yaml.safe_dump({**about, "settings": {**(tried.changes if tried else {}), **wish.changes}}),
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
                run = self._run(project)
                if run and run.read().job.launched_at >= began:
                    return run
                if process.poll() is not None:
                    break
                time.sleep(_LOOK_S / 5)
            log.seek(0)
            words = log.read().decode(errors="replace").strip()[-500:]
        raise UserError(
            "notebook.not_started", "The training did not start: {words}", "Run the cell again.", words=words
        )

    def _watch(self, project: Project, run: Run) -> RunView:
        """Show a run until nobody is at work on it."""
        t = self.t
        while True:
            alive = run.job.alive()
            if self.stop_requested:
                run.stop()
            view = run.read()
            share = view.step / view.total if view.step else None
            mirror = pictures.sync_line(t, read_state(project)) if self.wish.drive else ""
            self.say("run", pictures.progress(t, view.job, share), mirror)
            self.say("curves", pictures.curves(t, project, run, view))
            self.say("samples", pictures.players(t, view))
            if not alive:
                return view
            time.sleep(_LOOK_S)

    # ---- the drive ---------------------------------------------------------------------------------------------------

    def _keep_mirror(self, project: Project) -> None:
        """Have a syncer at work; it outlives this notebook, and ends when there is nothing left to bring over."""
        wish = self.wish
        if wish.drive is None or is_running(project):
            return
        command = [sys.executable, "-m", "core.sync", project.slug, "--workspace", str(self.workspace.path)]
        command += ["--drive", str(wish.drive), "--mb-per-s", str(wish.mb_per_s), "--most-gb", str(wish.most_gb)]
        notes_folder(self.workspace).mkdir(parents=True, exist_ok=True)
        with open(notes_folder(self.workspace) / f"{project.slug}.log", "ab") as log:
            subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)

    def _wait_for_mirror(self, project: Project) -> None:
        """Until what is here now is on the drive; then the machine may go."""
        if self.wish.drive is None:
            return
        began = time.time()
        self._keep_mirror(project)
        while time.time() - began < _SYNC_S and not self.stop_requested:
            state = read_state(project)
            self.say("drive", pictures.sync_line(self.t, state))
            if state and (state.at >= began or state.state in ("no_room", "taken")):
                return
            time.sleep(_LOOK_S)


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _write_zip(target: Path, files: Any, check_stop: Callable[[], object]) -> None:
    """A zip that appears whole; of one that was broken off nothing stays, as it would take room on the drive."""
    temporary = target.with_name(f"{TEMP_PREFIX}{target.name}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, content in files:
                check_stop()
                if isinstance(content, bytes):
                    archive.writestr(name, content)
                else:
                    archive.write(content, name)
        os.replace(temporary, target)
    except BaseException as error:
        erase(temporary)
        if is_full(error):
            raise disk_full() from error
        raise


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
