"""Job ``import_sources``: decode uploads, fetch addresses, and record both as recordings of the project."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import Cancelled, DiskFull, UserError
from core.files import write_json
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.records import Source
from core.sources import companions, recordings, youtube
from core.sources.upload import Duplicate, add_file
from core.workspace import Project, Workspace


@dataclass
class _Outcome:
    """What became of the items so far."""

    added: int = 0
    skipped: int = 0
    texts: int = 0
    seconds: float = 0.0
    failed: list[tuple[str, UserError]] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        return {
            "added": self.added, "seconds": self.seconds, "skipped": self.skipped, "failed": len(self.failed),
            "texts": self.texts,
        }  # fmt: skip

    def fail(self, name: str, error: UserError, reporter: Reporter) -> None:
        self.failed.append((name, error))
        reporter.set_aside(error)


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Take in ``files`` ([path, name] each, removed when done) and ``urls``.

    Subtitles go with the recording whose name they bear, be it among the files or in the project. A bad item is named
    and set aside, the others go on. A resumed job does not repeat what it has done: what is left when it ends early, by
    Stop too, stays for that.

    Returns:
        ``added``, ``seconds`` (of what was added), ``skipped`` (known already), ``failed``, ``texts`` (recordings
        that got words from subtitles).

    Raises:
        UserError: nothing could be added; the item's own error if there was one item, else ``source.none_worked``.
    """
    project = Workspace(Path(arguments["workspace"])).project(arguments["project"])
    files = [(Path(path), name) for path, name in arguments.get("files", [])]
    urls: list[str] = list(arguments.get("urls", []))
    for left_behind in project.sources.glob(".tmp-*.flac"):  # by a job that was killed; no other decodes now
        left_behind.unlink()
    outcome = _Outcome()
    done = _Done(job)
    try:
        together = companions.groups(files)
        count = len(together) + len(urls)
        for index, group in enumerate(together):
            if not all(done.before(str(path)) for path in group.files()):
                _take_group(project, group, arguments, reporter, outcome, (index, count))
                done.add(*map(str, group.files()))
            for path in group.files():
                path.unlink(missing_ok=True)
        for index, url in enumerate(urls, len(together)):
            if not done.before(url):
                fetched = _fetched(project, url, job.path / "download", arguments, reporter)
                _take(project, fetched, url, arguments, reporter, outcome, (index, count))
                done.add(url)
    except Cancelled:
        raise Cancelled(outcome.result()) from None
    finally:
        shutil.rmtree(job.path / "download", ignore_errors=True)
    _complain(outcome)
    return outcome.result()


class _Done:
    """Which items this job has dealt with, so that resuming it does not repeat them."""

    def __init__(self, job: Job) -> None:
        self.path = job.path / recordings.DONE
        self.items = recordings.done_items(job)

    def before(self, item: str) -> bool:
        return item in self.items

    def add(self, *items: str) -> None:
        self.items += items
        write_json(self.path, self.items)


def _take_group(
    project: Project,
    group: companions.Group,
    arguments: dict[str, Any],
    reporter: Reporter,
    outcome: _Outcome,
    position: tuple[int, int],
) -> None:
    """A recording with its subtitles, or subtitles of one that is in the project already."""
    source: Source | None = None
    if group.media:
        path, name = group.media
        source = _take(
            project, [(path, companions.title_of(name), "upload")], name, arguments, reporter, outcome, position
        )
        if source is None:
            return  # its subtitles say nothing without it
    if group.subtitles:
        try:
            found = source or companions.source_of(project, group.subtitles)
            companions.give_words(project, found, group.subtitles, reporter)
            outcome.texts += 1
        except UserError as error:
            outcome.fail(group.subtitles[0][1], error, reporter)


def _fetched(
    project: Project, url: str, folder: Path, arguments: dict[str, Any], reporter: Reporter
) -> Iterator[tuple[Path, str, str]]:
    """What an address gives, unless it was fetched before: it need not come over the net to be told as known."""
    for known in project.store.sources():
        if known.origin == url:
            raise Duplicate(
                "source.same_link",
                "{url} is in the project already, as “{title}”.",
                "Nothing to do: it was skipped.",
                known=known,
                url=url,
            )
    max_mb, max_hours = int(arguments.get("max_mb", 4096)), float(arguments.get("max_hours", 24.0))
    for item in youtube.download(url, folder, reporter, max_mb=max_mb, max_hours=max_hours):
        yield item.path, item.title, item.origin


def _take(
    project: Project,
    items: Iterable[tuple[Path, str, str]],
    name: str,
    arguments: dict[str, Any],
    reporter: Reporter,
    outcome: _Outcome,
    position: tuple[int, int],
) -> Source | None:
    """Add what one file or one address gives; errors meant for people become warnings, item by item.

    Returns:
        the last recording of it, be it new or known already.
    """
    coming, source = iter(items), None
    while True:
        try:
            if (item := next(coming, None)) is None:
                return source
            path, title, origin = item
            source = add_file(
                project,
                path,
                title=title,
                name=name,
                origin=origin,
                rights=arguments.get("rights", ""),
                reporter=reporter,
                max_hours=float(arguments.get("max_hours", 24.0)),
                position=position,
            )
            outcome.added += 1
            outcome.seconds += source.seconds
        except DiskFull:
            raise
        except Duplicate as error:
            source = error.known
            outcome.skipped += 1
            reporter.set_aside(error)
        except UserError as error:
            outcome.fail(name, error, reporter)


def _complain(outcome: _Outcome) -> None:
    if outcome.added or outcome.skipped or outcome.texts or not outcome.failed:
        return
    if len(outcome.failed) == 1:
        raise outcome.failed[0][1]
    raise UserError(
        "source.none_worked",
        "None of the {count} recordings could be added: {names}.",
        "The warnings say what is wrong with each.",
        count=len(outcome.failed),
        names=", ".join(f"“{name}”" for name, _ in outcome.failed),
    )
