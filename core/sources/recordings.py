"""The recordings of a project: adding them by job, taking them away to the trash, and whether they are enough."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.clips.lock import clip_lock
from core.damage import DamagedFile, read_all, read_record, reading
from core.errors import UserError
from core.files import free_name, inside, read_json, subfolders, write_json
from core.jobs.args.sources import DenoiseArgs, ImportArgs
from core.jobs.job import Job
from core.project.records import Clip, ClipFilter, Source, Word
from core.project.workspace import Project
from core.sources.links.url_guard import check_url


@dataclass(frozen=True)
class Amount:
    """How far the minutes of speech reach: ``level`` is none, little, enough, good or plenty.

    ``next_minutes`` is where the next level begins, None at the last.
    """

    minutes: float
    level: str
    next_minutes: float | None


DONE_FILE = "done.json"  # in an import's job folder: what it has dealt with
_USE_RECORDINGS = ("import_sources", "segment", "transcribe", "clean", "demo")
# Minutes of speech at which a level begins; the meter shows them as marks.
NEEDED_MINUTES: tuple[tuple[float, str], ...] = (
    (0, "none"),
    (1, "little"),
    (10, "enough"),
    (30, "good"),
    (60, "plenty"),
)


def amount(seconds: float) -> Amount:
    """Where ``seconds`` of recordings stand on the meter “How much is enough?”."""
    minutes = seconds / 60
    levels = [index for index, (begins, _) in enumerate(NEEDED_MINUTES) if minutes >= begins]
    next_levels = NEEDED_MINUTES[levels[-1] + 1 :]
    return Amount(minutes, NEEDED_MINUTES[levels[-1]][1], next_levels[0][0] if next_levels else None)


def add(project: Project, args: ImportArgs) -> Job:
    """Start the job that decodes uploads and fetches addresses; uploads are moved away from where they lie.

    Raises:
        UserError: ``source.nothing``, or an address is none (see `check_url`).
        Busy: recordings are being added already.
    """
    urls = [check_url(url) for url in args.urls if url.strip()]
    leftovers = [leftover for job, leftover in project.jobs_of(ImportArgs) if job.read().status == "cancelled"]
    if not args.files and not urls and not args.folders:
        raise UserError("source.nothing", "There is nothing to add.", "Drop a file, record, or paste a link.")
    folders = [folder.resolve() for folder in args.folders]
    with uploads_moved(project, args.files) as files:
        wish = args.having(files=files, folders=folders, urls=urls, rights=args.rights.strip())
        new_job = project.start_job(wish)
    for leftover in leftovers:  # who stopped it and goes on with something else does not come back to it
        for path, _ in leftover.files:
            discard(path)
    return new_job


@contextlib.contextmanager
def uploads_moved(
    project: Project, files: Sequence[tuple[Path, str]], prefix: str = "upload"
) -> Iterator[list[tuple[Path, str]]]:
    """Move files to a project's uploads for the job that is started within; if none is, each goes back where it was.

    Args:
        project: whose uploads.
        files: where each lies, and what the person calls it.
        prefix: how their names begin there.
    """
    project.uploads.mkdir(parents=True, exist_ok=True)
    moves: list[tuple[Path, Path]] = []
    try:
        for path, _ in files:
            # Random: of two that add at one moment neither may take the other's file.
            target = project.uploads / f"{prefix}-{secrets.token_hex(6)}{path.suffix[:8]}"
            shutil.move(path, target)
            moves.append((target, path))
            target.touch()  # its age counts from now on, see `core.leftovers`
        yield [(target, name or path.name) for (target, path), (_, name) in zip(moves, files, strict=True)]
    except BaseException:
        for target, path in moves:
            shutil.move(target, path)
        raise


def discard(path: Path) -> None:
    """Take away an upload: a file, or a folder of files that were dropped together."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_resumable(job: Job) -> bool:
    """Whether an import ended before it was through, and what it still has to do is there to go on with."""
    if job.read().status not in ("interrupted", "failed", "cancelled"):
        return False
    args, done_ids = job.spec().args, done_items(job)
    if not isinstance(args, ImportArgs):
        return False
    files = [path for path, _ in args.files if str(path) not in done_ids]
    rest = [item for item in (*args.urls, *args.folders) if str(item) not in done_ids]
    return bool(files or rest) and all(path.exists() for path in files)


def resume(project: Project, job_id: str) -> Job:
    """Take an import up again where it ended.

    Raises:
        UserError: ``job.missing``, ``source.nothing_left``.
        Busy: recordings are being added already.
    """
    job = project.job(job_id)
    if not is_resumable(job):
        raise UserError("source.nothing_left", "There is nothing left to go on with.", "Add the recordings again.")
    project.launch(job, gpu=False)
    return job


def done_items(job: Job) -> list[str]:
    """The files and addresses an import has dealt with."""
    # A list that cannot be read is begun anew: what comes in twice is recognised by its hash.
    try:
        return list(map(str, read_json(job.path / DONE_FILE)))
    except (OSError, ValueError, TypeError):
        return []


def remove(project: Project, source_id: str) -> Path:
    """Move a recording, its clips, words and what was noted of them to the project's trash; returns the folder there.

    Raises:
        UserError: ``source.missing``, ``source.in_use`` while recordings are added or cut.
        Busy: a cut has just begun.
    """
    _refuse_in_use(project, project.store.source(source_id))
    with clip_lock(project):  # no edit in another tab meanwhile
        source = project.store.source(source_id)
        clips = project.store.clips(ClipFilter(source_id=source_id))
        words = project.store.words(source_id)
        trash = project.path / "trash"
        trash.mkdir(parents=True, exist_ok=True)
        folder = trash / free_name(trash, source_id)
        folder.mkdir()
        record = {"source": asdict(source), "clips": [asdict(clip) for clip in clips]}
        write_json(folder / "source.json", {**record, "words": [asdict(word) for word in words]})
        project.store.remove_source(source_id)
        for path in (*project.source_files(source_id), *(project.clip_file(clip.id) for clip in clips)):
            if path.exists():
                path.rename(folder / path.name)
    return folder


def _refuse_in_use(project: Project, source: Source) -> None:
    for job in project.all_jobs():
        spec = job.spec()
        if spec.kind not in _USE_RECORDINGS or not job.alive():
            continue
        raise UserError(
            "source.in_use",
            "“{recording}” cannot be removed while “{job}” is running.",
            "Wait until it is done, or stop it first.",
            recording=source.title,
            job=spec.title or spec.kind.replace("_", " "),
            kind=spec.kind,
            title=spec.title,
        )


def restore(project: Project, name: str) -> Source:
    """Bring a removed recording and its clips back from the trash; ``name`` is its folder there.

    Raises:
        UserError: ``source.not_in_trash``.
    """
    folder = inside(project.path / "trash", name)
    if not (folder / "source.json").exists():
        raise UserError("source.not_in_trash", "“{name}” is not in the trash.", "Reload the page.", name=name)
    record = read_record(folder / "source.json", _TrashRecord, "removed", folder)
    source = record.source
    for parent in (project.sources, project.clips):
        parent.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name != "source.json":
            path.rename((project.clips if path.suffix == ".wav" else project.sources) / path.name)
    project.store.add_source(source, record.words, record.clips)
    shutil.rmtree(folder)
    return source


@dataclass(frozen=True)
class _TrashRecord:
    """What ``source.json`` in the trash says; removed by an older version, a recording has no words with it."""

    source: Source
    clips: list[Clip]
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class _Title:
    title: str


@dataclass(frozen=True)
class _TrashTitle:
    source: _Title


def trash_entries(project: Project, damage: list[DamagedFile] | None = None) -> list[tuple[str, str]]:
    """What lies in the project's trash, newest first: (folder name for `restore`, title).

    DamagedFile ones are passed over, and added to ``damage`` if that is given.
    """
    places = (folder / "source.json" for folder in subfolders(project.path / "trash"))
    entries = read_all([place for place in places if os.path.lexists(place)], _trash_entry, damage)
    return [(name, title) for _, name, title in sorted(entries, reverse=True)]


def start_denoise(project: Project, args: DenoiseArgs) -> Job:
    """Start the job that makes the cleaned copy of a recording; the recording itself stays as it is.

    Raises:
        UserError: ``source.missing``.
        Busy: one is being made.
    """
    return project.start_job(args, title=project.store.source(args.source_id).title)


def choose_sound(project: Project, source_id: str, use: str) -> None:
    """Say which sound of a recording clips are cut from: ``original`` or ``cleaned``.

    Raises:
        UserError: ``source.missing``, ``clean.no_copy``.
    """
    source = project.store.source(source_id)
    if use == "cleaned" and not project.denoised_file(source_id).exists():
        raise UserError("clean.no_copy", "“{title}” has no cleaned copy.", "Make one first.", title=source.title)
    project.store.change_source(source_id, use="cleaned" if use == "cleaned" else "original")


def _trash_entry(path: Path) -> tuple[float, str, str]:
    title = read_record(path, _TrashTitle, "removed", path.parent).source.title
    with reading(path, "removed", path.parent):
        return path.stat().st_mtime, path.parent.name, title
