"""Training: runs with their checkpoints, samples and metrics, blind pairs and their ranking."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field
from starlette.datastructures import Headers

from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import freeze
from core.engines.options import MOST_STEPS
from core.engines.registry import info, language_code
from core.errors import UserError
from core.evaluation.scorecard import scorecard
from core.evaluation.start import start_evaluate
from core.finetune import start_finetune
from core.jobs.args.sources import ImportArgs
from core.jobs.args.training import FineTuneArgs
from core.listening import notes, pairs
from core.listening.ranking import table
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.sources.collections.pending import is_archive
from core.training.presets import machine_preset
from core.training.run import Run, runs
from core.training.start import resume, start_training
from core.training.trash import discard_checkpoint, discard_run
from ui.http.api import in_threads
from ui.http.api.rest.materials import received, sound
from ui.http.api.rest.route import Route
from ui.http.api.rest.shape import Fact, Limit, Offset, Page, job_fact, page, run_fact, scorecard_fact, vote_fact
from ui.http.upload_room import is_json


class NewRun(BaseModel):
    """A training. ``preset`` and ``base`` are chosen for the machine and the engine if they are empty."""

    dataset: str = Field(max_length=100)
    preset: str = Field("", max_length=100)
    settings: dict[str, Any] = Field({}, description="Settings that differ from the preset's.")
    name: str = Field("", max_length=200)
    base: str = Field("", max_length=200, description="A base model's id.")


class FineTune(NewRun):
    """A training in one call: without a dataset the project's approved clips are frozen."""

    project: str
    dataset: str = Field("", max_length=100)


class Upload(BaseModel):
    """What stands in the address where the body is a recording, or a data set as a zip; all of it may be left out.

    ``name`` is the file's, ``title`` the voice's; a project is made unless one is named, in ``language``.
    """

    name: str = Field("recording", max_length=200)
    title: str = Field("", max_length=80)
    project: str = Field("", max_length=200)
    language: str = Field("en", max_length=20)
    rights: str = Field("", max_length=2000)
    model: str = Field("", max_length=200, description="The recogniser that writes down what is said.")
    preset: str = Field("", max_length=100)
    base: str = Field("", max_length=200)
    max_steps: int = Field(0, ge=0, le=MOST_STEPS)
    upload: str = Field("", max_length=32, description="A file that was sent in pieces, in place of a body.")


_FILE_OR_JSON = {
    "requestBody": {
        "content": {
            "application/json": {"schema": FineTune.model_json_schema()},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        }
    }
}


_ZIP_TYPES = ("application/zip", "application/x-zip-compressed")


class Ballot(BaseModel):
    """Which side of a pair sounds better."""

    choice: Literal["left", "right", "same"]


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/projects/{slug}/runs`` and ``pairs``, and ``/finetune/{engine}``."""
    router = APIRouter(route_class=Route, tags=["training"])

    def run_of(slug: str, run: str) -> Run:
        return Run(workspace.project(slug), run)

    @router.get("/projects/{slug}/runs")
    def list_runs(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Runs of a project, the newest first."""
        return page(runs(workspace.project(slug)), _fact, offset, limit)

    @router.post("/projects/{slug}/runs", status_code=202)
    def start_run(slug: str, body: NewRun) -> Fact:
        """Start a training; where the card is taken it waits."""
        return _fact(_start(workspace.project(slug), body, settings.device))

    @router.post("/finetune/{engine}", status_code=202, openapi_extra=_FILE_OR_JSON)
    async def finetune(request: Request, engine: str, wish: Annotated[Upload, Query()]) -> Fact:
        """Train in one call: on a dataset or what is approved (JSON), or on a recording or a zip of sounds with their
        texts (the body; the rest is in the address). Gives the run's id as `run`, and the job to wait for."""
        if is_json(request.headers) and not wish.upload:
            body = FineTune.model_validate_json(await request.body() or b"{}")
            return await in_threads.run(lambda: train(engine, body))
        async with received(request, workspace, _named(wish.name, request.headers), wish.upload) as (path, name):
            return await in_threads.run(lambda: bring_and_train(engine, wish, path, name))

    def train(engine: str, body: FineTune) -> Fact:
        project = workspace.project(body.project)
        _check_engine(project, engine)
        dataset = body.dataset or freeze(project).id
        fact = _fact(_start(project, body.model_copy(update={"dataset": dataset}), settings.device))
        return {**fact, "run": fact["id"]}

    def bring_and_train(engine: str, wish: Upload, path: Path, name: str) -> Fact:
        if wish.project:
            project = workspace.project(wish.project)
            _check_engine(project, engine)
            return start(project, wish, path, name)
        language_code(wish.language, engine)  # refused before there is one
        project = workspace.create(wish.title or Path(name).stem, wish.language, engine)
        try:
            project.change(rights=wish.rights)
            return start(project, wish, path, name)
        except BaseException:
            shutil.rmtree(project.path, ignore_errors=True)
            raise

    def start(project: Project, wish: Upload, path: Path, name: str) -> Fact:
        limits = ImportArgs(max_hours=settings.max_source_hours, max_mb=settings.max_upload_mb)
        args = FineTuneArgs(
            recordings=limits.having(files=((path, name),), rights=wish.rights),
            model=wish.model,
            name=wish.title,
            preset=wish.preset or machine_preset(project.info.engine, settings.device).id,
            settings={"max_steps": wish.max_steps} if wish.max_steps else {},
            base=wish.base,
            device=settings.device,
        )
        job, run = start_finetune(project, args)
        return {**job_fact(project, job), "run": run}

    @router.get("/projects/{slug}/runs/{run}")
    def read_run(slug: str, run: str) -> Fact:
        """A run as it stands. What it says as it goes are its job's events."""
        return _fact(run_of(slug, run))

    @router.delete("/projects/{slug}/runs/{run}", status_code=204)
    def delete_run(slug: str, run: str) -> Response:
        """Move a run to the trash."""
        discard_run(workspace.project(slug), run)
        return Response(status_code=204)

    @router.get("/projects/{slug}/runs/{run}/scores")
    def read_scores(slug: str, run: str) -> Fact:
        """How its checkpoints, the base (step 0) and the real voice measure, and which of them to keep."""
        target = run_of(slug, run)
        return scorecard_fact(scorecard(target.project, target))

    @router.post("/projects/{slug}/runs/{run}/scores", status_code=202)
    def start_scores(slug: str, run: str) -> Fact:
        """Score what has not been scored yet. Gives the job."""
        project = workspace.project(slug)
        return job_fact(project, start_evaluate(project, run, device=settings.device))

    @router.post("/projects/{slug}/runs/{run}/{do}", status_code=202)
    def ask_run(slug: str, run: str, do: Literal["stop", "pause", "resume", "save", "sample"]) -> Fact:
        """Ask something of a run. `resume` ends a pause, or goes on with a run that has ended."""
        target = run_of(slug, run)
        if do == "resume" and not target.job.alive():
            resume(target.project, run, wait=True)
        else:
            getattr(target, do)()
        return _fact(target)

    @router.get("/projects/{slug}/runs/{run}/metrics")
    def run_metrics(slug: str, run: str) -> Fact:
        """Every number that was told, in the order of steps."""
        metrics = sorted(run_of(slug, run).job.read().metrics.items())
        return {"items": [{"step": step, **values} for step, values in metrics]}

    @router.get("/projects/{slug}/runs/{run}/checkpoints")
    def list_checkpoints(slug: str, run: str) -> Fact:
        """Steps that were saved, and which of them are to be kept."""
        view = run_of(slug, run).read()
        steps = [{"step": step, "kept": step in view.pinned_steps} for step, _ in view.checkpoints]
        return {"items": steps}

    @router.delete("/projects/{slug}/runs/{run}/checkpoints/{step}", status_code=204)
    def delete_checkpoint(slug: str, run: str, step: int) -> Response:
        """Move a checkpoint to the trash."""
        target = run_of(slug, run)
        discard_checkpoint(target.project, CheckpointRef(run, step), f"{target.title} · {step}")
        return Response(status_code=204)

    @router.get("/projects/{slug}/runs/{run}/samples")
    def list_samples(slug: str, run: str) -> Fact:
        """The test sentences that its checkpoints have spoken."""
        samples = [sample for views in run_of(slug, run).read().samples.values() for sample in views]
        names = ("step", "sentence", "text", "seconds")
        return {"items": [{name: getattr(sample, name) for name in names} for sample in samples]}

    @router.get("/projects/{slug}/runs/{run}/samples/{step}/{sentence}/audio", response_class=FileResponse)
    def sample_audio(slug: str, run: str, step: int, sentence: int) -> FileResponse:
        """A sample's sound, WAV."""
        for sample in run_of(slug, run).read().samples.get(sentence, []):
            if sample.step == step:
                return sound(sample.path)
        raise UserError("api.sound_missing", "This sound is no longer there.", "List what there is again.")

    @router.post("/projects/{slug}/pairs", status_code=201)
    def make_pair(slug: str, fresh: bool = False) -> Fact:
        """Two checkpoints saying the same sentence, blind; `fresh` leaves the open pair aside."""
        return asdict(pairs.next_pair(workspace.project(slug), fresh=fresh))

    @router.get("/projects/{slug}/pairs/sounds/{sound_id}", response_class=FileResponse)
    def pair_audio(slug: str, sound_id: str) -> FileResponse:
        """The sound of one side, WAV."""
        return sound(notes.audio_file(workspace.project(slug), sound_id))

    @router.post("/projects/{slug}/pairs/{pair}/vote", status_code=201)
    def vote(slug: str, pair: str, body: Ballot) -> Fact:
        """Vote, and learn which checkpoints were heard."""
        vote = pairs.vote(workspace.project(slug), pair, body.choice)
        return {"pair": vote.pair_id, "left": vote.left.name, "right": vote.right.name, "winner": vote.winner}

    @router.get("/projects/{slug}/votes")
    def list_votes(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Every vote, the newest first; hidden checks of listeners are none of them."""
        votes = sorted(workspace.project(slug).store.votes(), key=lambda vote: vote.at, reverse=True)
        return page(votes, vote_fact, offset, limit)

    @router.get("/projects/{slug}/ranking")
    def ranking(slug: str) -> Fact:
        """How the checkpoints stand by the votes."""
        report = table(workspace.project(slug))
        rows = [
            {"checkpoint": row.checkpoint.name, "wins": row.wins, "losses": row.losses, "ties": row.ties}
            for row in report.rows
        ]
        winner = report.winner.name if report.winner else None
        return {"items": rows, "votes": report.votes, "winner": winner, "votes_left": report.votes_left}

    return router


def _named(name: str, headers: Headers) -> str:
    """A file's name, which says that it is a zip where its type does."""
    is_zip = headers.get("content-type", "").partition(";")[0].strip().lower() in _ZIP_TYPES
    return f"{name}.zip" if is_zip and not is_archive(name) else name


def _check_engine(project: Project, engine: str) -> None:
    if project.info.engine != info(engine).name:
        raise UserError(
            "api.other_engine",
            "The project “{project}” is for the engine “{engine}”.",
            "Name that engine in the address.",
            project=project.slug,
            engine=project.info.engine,
        )


def _start(project: Project, body: NewRun, device: str) -> Run:
    preset = body.preset or machine_preset(project.info.engine, device).id
    job = start_training(project, body.dataset, preset, body.settings, body.name, body.base, device=device, wait=True)
    return Run(project, job.id)


def _fact(run: Run) -> Fact:
    return run_fact(run.project, run.job, run.read())
