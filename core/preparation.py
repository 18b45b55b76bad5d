"""Preparation: from one file to a frozen dataset without a person, by the jobs that a project still lacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from core.clips import review
from core.clips.cut import not_cut, start_segment, to_cut
from core.dataset.freeze import DatasetInfo, freeze
from core.errors import UserError
from core.files import TEMP_PREFIX
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.sources import ImportArgs, ScanCollectionArgs
from core.jobs.job import Job
from core.jobs.outcome import JobError, check_done
from core.project.records import LOW_CONFIDENCE, ClipFilter
from core.project.workspace import Project
from core.sources import recordings
from core.sources.collections import pending
from core.transcription.registry import choose
from core.transcription.start import start_transcribe


def jobs(
    project: Project, path: Path | None, *, quality: str = "fast", rights: str = "", device: str = "auto"
) -> Iterator[Job]:
    """Start one job after another, and give each to be followed; what is done already is not done again.

    Args:
        project: to be filled.
        path: a recording, or a data set (a zip or a folder of sounds with their texts); it stays where it is. None:
            the recordings that are there.
        quality: of recognition, ``fast``, ``balanced`` or ``best``.
        rights: the note on why this voice may be used.
        device: ``auto``, ``cuda`` or ``cpu``.

    Raises:
        UserError: ``prepare.nothing``, ``prepare.question``; what a job ended with. Cancelled: one was stopped.
    """
    if not project.store.sources():
        if path is None or not path.exists():
            raise UserError(
                "prepare.nothing",
                "There is no file {path}.",
                "Name a recording or a data set that is there.",
                path="" if path is None else str(path),
            )
        for job in _add(project, path, ImportArgs(rights=rights)):
            yield job
            check_done(job)
    if source_ids := [id_ for id_ in not_cut(project) if id_ in to_cut(project)]:
        yield (job := start_segment(project, source_ids))
        check_done(job)
    if any(not clip.given for clip in project.store.clips(ClipFilter("unheard"))):
        args = TranscribeArgs(model=choose(quality, project.info.language), device=device)
        yield (job := start_transcribe(project, args))
        check_done(job)


def _add(project: Project, path: Path, wish: ImportArgs) -> Iterator[Job]:
    """The file is copied first: what is added is moved away from where it lies."""
    if path.is_dir():
        waiting = pending.hold_folder(project, path)
    elif pending.is_archive(path.name):
        waiting = pending.hold(project, _copied(project, path), path.name)
    else:
        yield recordings.add(project, wish.having(files=((_copied(project, path), path.name),)))
        return
    yield from (job for job, args in project.jobs_of(ScanCollectionArgs) if args.held == waiting.id)
    waiting = next(entry for entry in pending.pending_datasets(project) if entry.id == waiting.id)
    if waiting.error:
        code = waiting.error["code"]
        raise JobError(code, waiting.error["text"], waiting.error["hint"], waiting.error["values"])
    if waiting.facts is None or waiting.facts.question:
        raise UserError(
            "prepare.question",
            "Which column of “{name}” is the text cannot be told.",
            "Open the page: its Recordings step asks for it.",
            name=path.name,
        )
    yield pending.bring_in(project, waiting.id, wish)


def _copied(project: Project, path: Path) -> Path:
    project.uploads.mkdir(parents=True, exist_ok=True)
    copy = project.uploads / f"{TEMP_PREFIX}{path.name}"
    shutil.copyfile(path, copy)
    return copy


def approve(project: Project) -> int:
    """Approve what was surely understood and what brought its text along, unless somebody has decided; how many."""
    if project.figures.totals().approved:
        return 0
    count = review.decide_many(project, review.sure(LOW_CONFIDENCE))
    given = [clip.id for clip in project.store.clips(ClipFilter("new")) if clip.given and clip.text]
    return count + project.store.edit_clips(given, status="approved")


def dataset(project: Project) -> DatasetInfo:
    """Freeze what is approved; the same clips give the same dataset.

    Raises:
        UserError: as of `core.dataset.freeze.freeze`.
    """
    approve(project)
    return freeze(project)
