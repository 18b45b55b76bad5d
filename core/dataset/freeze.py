"""Frozen datasets: folders in LJSpeech form, named by their content and never changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.damage import Count, DamagedFile, Finite, put_aside, read_all, read_record, reading
from core.dataset.checks import check_audio, column
from core.dataset.report import Report, limits, report, summarize
from core.dataset.split import earlier_sides
from core.engines.session import Exclusion
from core.errors import UserError
from core.files import inside, link_or_copy, read_json, read_text, sha256_file, subfolders, write_atomic, write_json
from core.jobs.args.training import TrainArgs
from core.jobs.job import busy
from core.project.records import Clip
from core.project.trash import discard
from core.project.workspace import Project
from core.text import as_title

_MOST_BYTES = 64 << 20  # of a dataset's texts
_TITLE = "title.json"  # beside what is frozen
MIN_CLIPS = 4  # training needs a batch, a validation clip, and another clip as the voice to copy for each


@dataclass(frozen=True)
class DatasetInfo:
    """A frozen dataset. ``seconds`` is the length of all its clips, ``train`` and ``val`` count clips.

    ``at`` is when it was frozen last (Unix time), ``signature`` tells whether the clips have changed since.
    """

    id: str
    path: Path
    clips: int
    seconds: float
    train: int
    val: int
    dropped: int
    at: float
    signature: str
    language: str = ""
    title: str = ""
    """What a person calls it; empty until they do."""

    @property
    def name(self) -> str:
        """What it is called on the page: a person's word for it, else the beginning of its id."""
        return self.title or self.id[:6]


def freeze(project: Project, seed: int = 0) -> DatasetInfo:
    """Freeze the approved clips. The same clips and texts give the same folder, made once.

    Returns:
        The dataset: ``wavs/<clip id>.wav`` (mono), ``metadata.csv``, ``metadata_train.csv``,
        ``metadata_val.csv`` (``id|text|normalized text``, no header), ``report.json`` with all reasons, and
        ``dataset.json`` with the few facts a page shows.

    Raises:
        UserError: ``dataset.nothing_approved``, ``dataset.too_few``.
    """
    first = report(project, seed)
    if not first.clips and not first.exclusions:
        raise UserError(
            "dataset.nothing_approved",
            "No clip is approved yet.",
            "Go to Review and approve the clips whose text is right.",
        )
    hashes, failures = _hashes(project, first.clips)
    final = first
    if failures:
        clips = [clip for clip in first.clips if clip.id in hashes]
        final = summarize(
            clips,
            [*first.exclusions, *failures],
            waiting=first.waiting,
            rejects=first.rejects,
            seed=seed,
            earlier=earlier_sides(project.datasets),
            language=project.info.language,
        )
    if len(final.clips) < MIN_CLIPS:
        raise UserError(
            "dataset.too_few",
            "Only {count} clip(s) can be used; at least {least} are needed.",
            "Approve more clips in Review, or add recordings.",
            count=len(final.clips),
            least=MIN_CLIPS,
        )
    dataset_id = _content_id(project.info.language, final, hashes)
    target = project.datasets / dataset_id
    if os.path.lexists(target) and read_all([target], _info) == []:
        put_aside(project.workspace.path, target)  # what is made anew takes its place
    if not (target / "dataset.json").exists():
        _write(project, target, dataset_id, final, hashes)
        write_json(target / _TITLE, {"title": _free_title(project)})
    else:
        os.utime(target / "dataset.json")  # frozen again: it is the newest now
    return dataset(project, dataset_id)


def _free_title(project: Project) -> str:
    """What a new dataset is called until a person says otherwise: the project's name with the next number."""
    titles, number = {dataset.title for dataset in datasets(project)}, 1
    while (title := f"{project.info.name} {number}") in titles:
        number += 1
    return title


def datasets(project: Project, damage: list[DamagedFile] | None = None) -> list[DatasetInfo]:
    """All frozen datasets, the one frozen last first; damaged ones are passed over, and added to ``damage``."""
    infos = read_all(subfolders(project.datasets), _info, damage)
    return sorted(infos, key=lambda info: info.at, reverse=True)


def latest(project: Project) -> DatasetInfo | None:
    """The dataset frozen last."""
    return next(iter(datasets(project)), None)


def dataset(project: Project, dataset_id: str) -> DatasetInfo:
    """A dataset by its id.

    Raises:
        DamagedFile: its ``dataset.json`` cannot be read.
        UserError: ``dataset.missing``.
    """
    try:
        folder = inside(project.datasets, dataset_id)
    except ValueError:
        folder = None
    if folder is None or folder.parent != project.datasets.resolve() or not folder.is_dir():
        raise UserError(
            "dataset.missing",
            "There is no dataset “{id}”.",
            "Freeze one on the Dataset page.",
            id=dataset_id,
        )
    return _info(folder)


def rename(project: Project, dataset_id: str, title: str) -> None:
    """Let a person call a dataset something; an empty title takes that back.

    Raises:
        UserError: ``dataset.missing``.
    """
    write_json(dataset(project, dataset_id).path / _TITLE, {"title": as_title(title)})


def discard_dataset(project: Project, dataset_id: str) -> None:
    """Move a dataset to the trash.

    Raises:
        Busy: a training of it is at work, or waits.
        UserError: ``dataset.missing``.
    """
    info = dataset(project, dataset_id)
    for job, args in project.jobs_of(TrainArgs):
        if args.dataset == dataset_id and job.alive():
            raise busy(job.holder())
    discard(project, "dataset", info.name, [info.path])


def read_report(info: DatasetInfo) -> dict[str, Any]:
    """What ``report.json`` says: used and dropped clips with reasons, lengths, lights, split."""
    path = info.path / "report.json"
    with reading(path, "dataset", info.path):
        return dict(read_json(path))


def frozen_texts(dataset: Path, part: str = "metadata.csv") -> dict[str, str]:
    """What is said in the clips of a frozen dataset, or of one of its parts, by clip id; empty if it is gone."""
    try:
        lines = read_text(dataset / part, _MOST_BYTES).splitlines()
    except OSError:
        return {}
    return {fields[0]: fields[1] for fields in (line.split("|") for line in lines) if len(fields) > 1}


def is_current(info: DatasetInfo, now: Report) -> bool:
    """Whether freezing now would (as far as texts, bounds and choice of clips go) give this dataset again."""
    return info.signature == signature(now.clips)


def signature(clips: Sequence[Clip]) -> str:
    """A short name of what was chosen, made without reading audio."""
    lines = sorted(f"{clip.id}|{clip.start_s:.4f}|{clip.end_s:.4f}|{column(clip.text)}" for clip in clips)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _hashes(project: Project, clips: Sequence[Clip]) -> tuple[dict[str, str], list[Exclusion]]:
    hashes: dict[str, str] = {}
    failures: list[Exclusion] = []
    bounds = limits(project)
    for clip in clips:
        audio = project.clip_file(clip.id)
        if failure := check_audio(clip, audio, bounds):
            failures.append(failure)
        else:
            hashes[clip.id] = sha256_file(audio)
    return hashes, failures


def _content_id(language: str, final: Report, hashes: dict[str, str]) -> str:
    lines = [
        f"{clip.id}|{column(clip.text)}|{hashes[clip.id]}|{'val' if clip.id in final.validation_ids else 'train'}"
        for clip in final.clips
    ]
    return hashlib.sha256("\n".join([language, *sorted(lines)]).encode()).hexdigest()[:12]


def _write(project: Project, target: Path, dataset_id: str, final: Report, hashes: dict[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
    try:
        (building / "wavs").mkdir()
        for clip in final.clips:
            link_or_copy(project.clip_file(clip.id), building / "wavs" / f"{clip.id}.wav")
        lines = {clip.id: f"{clip.id}|{column(clip.text)}|{column(clip.text)}\n" for clip in final.clips}
        parts = {
            "metadata.csv": lines,
            "metadata_train.csv": {key: line for key, line in lines.items() if key not in final.validation_ids},
            "metadata_val.csv": {key: line for key, line in lines.items() if key in final.validation_ids},
        }
        for name, part in parts.items():
            write_atomic(building / name, "".join(part.values()))
        small = _facts(project, dataset_id, final)
        write_json(building / "dataset.json", small)
        write_json(building / "report.json", {**small, **_details(final, hashes)})
        try:
            building.rename(target)
        except OSError:
            # A double click has frozen the same content meanwhile: that folder is as good as this one.
            if not (target / "dataset.json").exists():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _facts(project: Project, dataset_id: str, final: Report) -> dict[str, Any]:
    return {
        "id": dataset_id,
        "at": time.time(),
        "language": project.info.language,
        "clips": len(final.clips),
        "seconds": round(final.seconds, 3),
        "train": final.train,
        "val": final.val,
        "dropped": len(final.exclusions),
        "signature": signature(final.clips),
    }


def _details(final: Report, hashes: dict[str, str]) -> dict[str, Any]:
    return {
        "seed": final.seed,
        "dropped": [asdict(exclusion) for exclusion in final.exclusions],
        "waiting": final.waiting,
        "rejected": final.rejects,
        "lights": [asdict(grade) for grade in final.grades],
        "used": [
            {
                "id": clip.id,
                "source_id": clip.source_id,
                "start_s": clip.start_s,
                "end_s": clip.end_s,
                "text": column(clip.text),
                "sha256": hashes[clip.id],
                "split": "val" if clip.id in final.validation_ids else "train",
            }
            for clip in final.clips
        ],
    }


@dataclass(frozen=True)
class _Facts:
    """What ``dataset.json`` says, as far as a page shows it."""

    clips: Count
    seconds: Finite
    train: Count
    val: Count
    dropped: Count
    signature: str
    language: str = ""


def _info(folder: Path) -> DatasetInfo:
    path = folder / "dataset.json"
    facts = read_record(path, _Facts, "dataset", folder)
    with reading(path, "dataset", folder):
        at = path.stat().st_mtime
    return DatasetInfo(id=folder.name, path=folder, at=at, title=_title(folder), **facts.__dict__)


def _title(folder: Path) -> str:
    try:
        return str(read_json(folder / _TITLE)["title"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""  # without one its id will do
