"""Preparation: from one file to a frozen dataset without a person, by the jobs that a project still lacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from core.clips import bulk_decisions
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
from core.sources.collections.pending import PendingDataset
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
        wish = ImportArgs(rights=rights)
        if path.is_dir():
            yield from _data_set(project, pending.hold_folder(project, path), wish)
        else:
            yield from bring_in(project, wish.having(files=((_copied(project, path), path.name),)))
    yield from remaining(project, choose(quality, project.info.language), device)


def bring_in(project: Project, wish: ImportArgs) -> Iterator[Job]:
    """Bring files in, job by job: first the recordings together, then each data set once it was looked through.

    Args:
        project: to be filled.
        wish: what the files are; they are moved away from where they lie.

    Raises:
        UserError: ``prepare.question``, ``source.nothing``; what a job ended with; why a data set is refused, which
            then goes.
    """
    archives = [(path, name) for path, name in wish.files if pending.is_archive(name)]
    plain = [file for file in wish.files if file not in archives]
    if plain or not archives:
        yield (job := recordings.add(project, wish.having(files=plain)))
        check_done(job)
    for path, name in archives:
        yield from _data_set(project, pending.hold(project, path, name), wish.having(files=()))


def remaining(project: Project, model: str, device: str = "auto") -> Iterator[Job]:
    """Cut what is not cut yet, and transcribe what brought no text along and nobody has heard yet, by ``model``."""
    if source_ids := [id_ for id_ in not_cut(project) if id_ in to_cut(project)]:
        yield (job := start_segment(project, source_ids))
        check_done(job)
    if any(not clip.given for clip in project.store.clips(ClipFilter("unheard"))):
        yield (job := start_transcribe(project, TranscribeArgs(model=model, device=device)))
        check_done(job)


def _data_set(project: Project, waiting: PendingDataset, wish: ImportArgs) -> Iterator[Job]:
    for job in [job for job, args in project.jobs_of(ScanCollectionArgs) if args.held == waiting.id]:
        yield job
        check_done(job)
    waiting = next(entry for entry in pending.pending_datasets(project) if entry.id == waiting.id)
    if waiting.error:
        pending.discard_pending(project, waiting.id)
        code = waiting.error["code"]
        raise JobError(code, waiting.error["text"], waiting.error["hint"], waiting.error["values"])
    if waiting.facts is None or waiting.facts.question:
        raise UserError(
            "prepare.question",
            "Which column of “{name}” is the text cannot be told.",
            "Open the page: its Recordings step asks for it.",
            name=waiting.name,
        )
    yield (job := pending.bring_in(project, waiting.id, wish))
    check_done(job)


def _copied(project: Project, path: Path) -> Path:
    project.uploads.mkdir(parents=True, exist_ok=True)
    copy = project.uploads / f"{TEMP_PREFIX}{path.name}"
    shutil.copyfile(path, copy)
    return copy


def approve(project: Project) -> int:
    """Approve what was surely understood and what brought its text along, unless somebody has decided; how many."""
    return 0 if project.figures.totals().approved else approve_sure(project)


def approve_sure(project: Project) -> int:
    """Approve the clips among the new ones that were surely understood or brought their text along; how many."""
    count = bulk_decisions.apply(project, bulk_decisions.approve_sure(LOW_CONFIDENCE))
    clip_ids = [clip.id for clip in project.store.clips(ClipFilter("new")) if clip.given and clip.text]
    return count + project.store.edit_clips(clip_ids, status="approved")


def dataset(project: Project) -> DatasetInfo:
    """Freeze what is approved; the same clips give the same dataset.

    Raises:
        UserError: as of `core.dataset.freeze.freeze`.
    """
    approve(project)
    return freeze(project)
