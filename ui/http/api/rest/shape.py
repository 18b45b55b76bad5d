"""Shapes: how things of core are told to programs, and the pages of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import Query
from pydantic import BaseModel

from core.clips.transcripts import Transcript
from core.dataset.freeze import DatasetInfo
from core.errors import without_folders
from core.evaluation.scorecard import Row, Scorecard
from core.evaluation.statistics import Estimate
from core.jobs.job import Job
from core.jobs.view import JobView
from core.project.conflicts import stamp
from core.project.records import Clip, Source, Vote
from core.project.workspace import Project
from core.reasons import original_words
from core.synthesis.exports import Export
from core.synthesis.saved_voices import SavedVoice
from core.synthesis.start import Take
from core.synthesis.voice_picture import jpeg_of
from core.synthesis.voices import NamedVoice, language_of
from core.training.run import RunView

T = TypeVar("T")
Offset = Annotated[int, Query(ge=0, description="How many entries are passed over.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many entries at most.")]
Fact = dict[str, Any]


class Page(BaseModel):
    """A part of a list: ``items`` from ``offset`` on, of ``total``."""

    items: list[Fact]
    offset: int
    total: int


def page(entries: Sequence[T], shape: Callable[[T], Fact], offset: int, limit: int) -> Page:
    """A part of a list that is at hand as a whole."""
    return Page(items=[shape(entry) for entry in entries[offset : offset + limit]], offset=offset, total=len(entries))


def project_fact(project: Project) -> Fact:
    """A project; ``id`` is its folder's name."""
    info = project.info
    return {"id": project.slug, **asdict(info)}


def source_fact(source: Source) -> Fact:
    """A recording."""
    return asdict(source)


def clip_fact(clip: Clip) -> Fact:
    """A clip; ``stamp`` is another when its text or status is."""
    return {**asdict(clip), "seconds": clip.seconds, "stamp": stamp(clip)}


def transcript_fact(transcript: Transcript) -> Fact:
    """What is said in a clip; ``heard`` is what each recogniser heard, the first one's first; times are in seconds of
    the recording."""
    clip, readings = transcript.clip, []
    if clip.confidence is not None:
        readings.append({"text": clip.raw_text, "confidence": clip.confidence})
    if clip.checked:
        readings.append({"text": clip.second_text, "mismatch": clip.mismatch})
    names = ("source_id", "start_s", "end_s", "language", "status", "text")
    return {
        "clip": clip.id,
        **{name: getattr(clip, name) for name in names},
        "stamp": stamp(clip),
        "heard": readings,
        "words": [asdict(word) for word in transcript.words],
    }


def dataset_fact(info: DatasetInfo) -> Fact:
    """A frozen dataset."""
    return {name: value for name, value in asdict(info).items() if name not in ("path", "signature")}


def job_fact(project: Project, job: Job, view: JobView | None = None) -> Fact:
    """A job as it stands; ``error`` is why it failed, as a problem says it."""
    view = view or job.read()
    names = ("id", "kind", "title", "status", "stage", "done", "total", "eta_s", "created_at", "started_at")
    error = _failure(view.code, view.text, view.hint, view.values) if view.code else None
    return {
        "project": project.slug,
        **{name: getattr(view, name) for name in names},
        "finished_at": view.finished_at,
        "place": view.place,
        "result": {name: _told(value) for name, value in view.result.items()},
        "error": error,
        "warnings": [_failure(warning.code, warning.text, warning.hint, warning.values) for warning in view.warnings],
    }


def _failure(code: str, text: str, hint: str, values: Fact) -> Fact:
    """``words`` are those of programs themselves, where the sentence puts them into others."""
    words = [without_folders(line) for line in original_words(values)]
    return {"code": code, "title": text, "hint": hint, "words": words}


def run_fact(project: Project, job: Job, run: RunView) -> Fact:
    """A run: its job, how far it is, and its settings."""
    return {
        **job_fact(project, job, run.job),
        "step": run.step,
        "max_steps": run.total,
        "steps_per_s": run.steps_per_s,
        "loss": run.train[-1][1] if run.train else None,
        "val_loss": run.val[-1][1] if run.val else None,
        "checkpoints": [step for step, _ in run.checkpoints],
        "resumable": run.resumable,
        "about": {name: _told(value) for name, value in run.about.items()},
        "settings": run.config.model_dump(mode="json"),
    }


def _told(value: Any) -> Any:
    """A fact without this computer's folders."""
    return without_folders(value) if isinstance(value, str) else value


def scorecard_fact(card: Scorecard) -> Fact:
    """How the voices of a run measure; every measure with the interval that holds its mean with 95 %."""

    def row(row: Row) -> Fact:
        measures = {name: _estimate(estimate) for name, estimate in row.estimates.items()}
        gain = _estimate(row.gain) if row.gain else None
        return {"step": row.step, "sentences": row.count, "measures": measures, "gain": gain}

    return {
        "items": [row(entry) for entry in card.rows],
        "real": row(card.real) if card.real else None,
        "verdict": {"kind": card.verdict.kind, "step": card.verdict.step},
        "recogniser": card.recogniser,
    }


def _estimate(estimate: Estimate) -> Fact:
    return {name: getattr(estimate, name) for name in ("mean", "low", "high", "count")}


def vote_fact(vote: Vote) -> Fact:
    """A vote between two checkpoints."""
    fact = asdict(vote)
    return {**fact, "left": vote.left.name, "right": vote.right.name}


def saved_voice_fact(voice: SavedVoice) -> Fact:
    """A voice that was saved under a name, as it may be changed."""
    fact = asdict(voice)
    return {**fact, "picture": bool(jpeg_of(voice.picture))}


def voice_fact(voice: NamedVoice) -> Fact:
    """A voice that can speak; ``defaults`` are what it speaks with where nothing else is asked."""
    checkpoint = voice.choice.checkpoint
    names = ("settings", "seed", "reference_clip_ids")
    return {
        "defaults": {name: value for name, value in voice.choice.arguments.items() if name in names},
        "is_saved": voice.choice.saved is not None,
        "id": voice.id,
        "project": voice.project.slug,
        "title": voice.choice.title,
        "run": checkpoint.run_id if checkpoint else None,
        "step": checkpoint.step if checkpoint else None,
        "base": voice.choice.base_id,
        "language": language_of(voice),
    }


def take_fact(take: Take) -> Fact:
    """Something that was spoken."""
    return {name: value for name, value in asdict(take).items() if name not in ("path", "checkpoint")}


def export_fact(export: Export) -> Fact:
    """An exported voice."""
    return {"id": export.id, "name": export.name, "bytes": export.size, "at": export.at}
