"""Job ``import_sources``: decode uploads, fetch addresses, and add both to the project as recordings."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import Cancelled, DiskFull, UserError
from core.files import is_full, write_json
from core.jobs.args.sources import ImportArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Source
from core.project.workspace import Project
from core.sources import recordings, sidecars
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.concat import bad_sound
from core.sources.collections.importer import import_collection, tell_list
from core.sources.collections.pending import is_archive
from core.sources.collections.scan import look, open_place, refuse_unagreed
from core.sources.links.importer import ImportedItem, import_link
from core.sources.upload import Duplicate, add_file


@dataclass
class _Outcome:
    """What became of the items so far."""

    source_count: int = 0
    duplicate_count: int = 0
    texts: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, UserError]] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        return {
            "added": self.source_count, "seconds": self.seconds, "skipped": self.duplicate_count,
            "failed": len(self.failures), "texts": self.texts,
        }  # fmt: skip

    def add(self, source: Source) -> None:
        self.source_count += 1
        self.seconds += source.seconds

    def fail(self, name: str, error: UserError, reporter: Reporter) -> None:
        self.failures.append((name, error))
        reporter.set_aside(error)


def run(job: Job, project: Project, args: ImportArgs, reporter: Reporter) -> dict[str, Any]:
    """Take in files (removed when done), folders (left alone) and what is behind addresses.

    Subtitles go with the recording whose name they bear, be it among the files or in the project. A bad item is named
    and set aside, the others go on. A resumed job does not repeat what it has done: what is left when it ends early, by
    Stop too, stays for that.

    Returns:
        ``added``, ``seconds`` (of what was added), ``skipped`` (known already), ``failed``, ``texts`` (recordings
        that got words from subtitles).

    Raises:
        UserError: nothing could be added; the item's own error if there was one item, else ``source.none_worked``. Or
            no link can be fetched for now (see `core.sources.links.importer`); the rest is left for a resumed job.
    """
    _delete_half_written(project, job)
    outcome = _Outcome()
    ledger = _Ledger(job)
    try:
        groups = sidecars.groups([*args.files, *((path, path.name) for path in args.folders)])
        count = len(groups) + len(args.urls)
        for index, group in enumerate(groups):
            if not all(ledger.has(str(path)) for path in group.files()):
                _import_group(project, group, args, reporter, outcome, (index, count))
                ledger.add(*map(str, group.files()))
            for path in group.files():
                if path not in args.folders:
                    recordings.discard(path)
        for index, url in enumerate(args.urls, len(groups)):
            if not ledger.has(url):
                _import_link(project, url, job.path / "download", args, reporter, outcome, (index, count))
                ledger.add(url)
    except Cancelled:
        raise Cancelled(outcome.result()) from None
    finally:
        shutil.rmtree(job.path / "download", ignore_errors=True)
    _complain(outcome)
    return outcome.result()


def _delete_half_written(project: Project, job: Job) -> None:
    """Take away what jobs that were killed left half written, unless another job may be writing there now."""
    if any(other_job.alive() for other_job in project.all_jobs() if other_job.path != job.path):
        return
    for folder in (project.sources, project.uploads):
        for left_behind in folder.glob(".tmp-*"):
            shutil.rmtree(left_behind) if left_behind.is_dir() else left_behind.unlink()


class _Ledger:
    """The items this job has dealt with, so that resuming it does not repeat them."""

    def __init__(self, job: Job) -> None:
        self.path = job.path / recordings.DONE_FILE
        self.items = recordings.done_items(job)

    def has(self, item: str) -> bool:
        return item in self.items

    def add(self, *items: str) -> None:
        self.items += items
        write_json(self.path, self.items)


def _import_group(
    project: Project,
    group: sidecars.Group,
    args: ImportArgs,
    reporter: Reporter,
    outcome: _Outcome,
    position: tuple[int, int],
) -> None:
    """A recording with its subtitles, or subtitles of one that is in the project already."""
    source: Source | None = None
    if group.media:
        path, name = group.media
        if path.is_dir() or is_archive(name):
            return _import_collection(project, path, name, args, reporter, outcome, position)
        source = _import_file(project, path, name, args, reporter, outcome, position)
        if source is None:
            return  # its subtitles say nothing without it
    if group.subtitles:
        try:
            recording = source or sidecars.source_of(project, group.subtitles)
            sidecars.give_words(project, recording, group.subtitles, reporter)
            outcome.texts += 1
        except UserError as error:
            outcome.fail(group.subtitles[0][1], error, reporter)


def _import_collection(
    project: Project,
    path: Path,
    name: str,
    args: ImportArgs,
    reporter: Reporter,
    outcome: _Outcome,
    position: tuple[int, int],
) -> None:
    """A folder or zip: with texts it becomes one recording with its clips, without them each sound becomes one."""
    try:
        reading = look(path, name, language=project.info.language, choices=args.choices)
        refuse_unagreed(reading)
        if reading.kind != "sounds":
            source = import_collection(
                project, path, name, reporter, rights=args.rights, max_hours=args.max_hours, reading=reading
            )
            outcome.add(source)
            outcome.texts += 1
            return
    except Duplicate as error:
        outcome.duplicate_count += 1
        reporter.set_aside(error)
        return
    except UserError as error:
        if isinstance(error, DiskFull):
            raise
        return outcome.fail(name, error, reporter)
    for report in reading.lists:
        tell_list(report, name, reporter)
    with contextlib.closing(open_place(path, name, project.info.language)) as place:
        for group in sidecars.groups([(Path(member), PurePosixPath(member).name) for member in reading.files]):
            with contextlib.ExitStack() as stack:
                if unpacked_group := _unpack(place, group, stack, project, reporter, outcome):
                    _import_group(project, unpacked_group, args, reporter, outcome, position)


def _unpack(
    place: Folder | Zip,
    group: sidecars.Group,
    until: contextlib.ExitStack,
    project: Project,
    reporter: Reporter,
    outcome: _Outcome,
) -> sidecars.Group | None:
    """The files of a group as they lie on the disk; damaged ones are named. None without the recording."""
    files: dict[Path, sidecars.File] = {}
    for file in group.files():
        try:
            local = place.local(str(file), project.uploads, reporter.check_stop)
            files[file] = until.enter_context(local), file.name
        except OSError as error:
            if is_full(error):
                raise
            outcome.fail(file.name, bad_sound(file.name, error), reporter)
    media = files.pop(group.media[0], None) if group.media else None
    if not media and (group.media or not files):
        return None
    return sidecars.Group(media, list(files.values()))


def _import_file(
    project: Project,
    path: Path,
    name: str,
    args: ImportArgs,
    reporter: Reporter,
    outcome: _Outcome,
    position: tuple[int, int],
) -> Source | None:
    """Add a file; errors meant for people become warnings.

    Returns:
        its recording, be it new or known already.
    """
    try:
        source = add_file(
            project,
            path,
            title=sidecars.title_of(name),
            name=name,
            rights=args.rights,
            reporter=reporter,
            max_hours=args.max_hours,
            position=position,
        )
    except DiskFull:
        raise
    except Duplicate as error:
        outcome.duplicate_count += 1
        reporter.set_aside(error)
        return error.existing
    except UserError as error:
        outcome.fail(name, error, reporter)
        return None
    outcome.add(source)
    return source


def _import_link(
    project: Project,
    url: str,
    folder: Path,
    args: ImportArgs,
    reporter: Reporter,
    outcome: _Outcome,
    position: tuple[int, int],
) -> None:
    """Add what one address gives; what ends all links is raised, so that the job can be resumed."""
    for item in import_link(project, url, folder, args, reporter, position):
        if isinstance(item, ImportedItem):
            outcome.add(item.source)
            outcome.texts += item.has_words
        elif isinstance(item, Duplicate):
            outcome.duplicate_count += 1
            reporter.set_aside(item)
        else:
            outcome.fail(args.titles.get(url, url), item, reporter)


def _complain(outcome: _Outcome) -> None:
    if outcome.source_count or outcome.duplicate_count or outcome.texts or not outcome.failures:
        return
    if len(outcome.failures) == 1:
        raise outcome.failures[0][1]
    raise UserError(
        "source.none_worked",
        "None of the {count} recordings could be added: {names}.",
        "The warnings say what is wrong with each.",
        count=len(outcome.failures),
        names=", ".join(f"“{name}”" for name, _ in outcome.failures),
    )
