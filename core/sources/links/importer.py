"""Link import: downloaded, decoded, and its subtitles kept as words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import DiskFull, UserError
from core.jobs.args.sources import ImportArgs, LinkOptions
from core.jobs.reporter import Reporter
from core.project.records import Source, Word
from core.project.workspace import Project
from core.sources.links.captions import Subtitles
from core.sources.links.cookies import cookies_file
from core.sources.links.download import MOST_ITEMS, Download, download
from core.sources.subtitles.word_clock import on_clock
from core.sources.subtitles.words import words_of
from core.sources.upload import Duplicate, add_file

# Nothing that comes after would fare better: the job ends there, and goes on from there when it is resumed.
ENDS_ALL = ("youtube.no_network", "youtube.refused")


@dataclass(frozen=True)
class ImportedItem:
    """A new recording, and whether its words came with it."""

    source: Source
    has_words: bool


def import_link(
    project: Project,
    url: str,
    folder: Path,
    args: ImportArgs,
    reporter: Reporter,
    position: tuple[int, int] = (0, 1),
) -> Iterator[ImportedItem | UserError]:
    """Fetch a link and add what it gives, recording by recording, or say what is wrong with it.

    Args:
        project: where to.
        url: as `check_url` gave it.
        folder: for what is fetched; a later process goes on with what is there.
        args: of the import.
        reporter: told the progress; asked whether to stop.
        position: which item of how many this is, for the progress.

    Raises:
        UserError: one of `ENDS_ALL`.
        DiskFull: ``link.no_room``, ``audio.no_room``: the link is to be fetched again.
        Cancelled: as it is.
    """
    options = args.link
    # Of a page with several recordings an earlier process may have taken in only the first.
    under_way = folder.parent / f"page-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
    try:
        if not under_way.exists():
            _refuse_known(project, [origin_of(url, options, number + 1) for number in range(MOST_ITEMS)], url)
        downloads = download(
            url,
            folder,
            reporter,
            max_mb=args.max_mb,
            max_hours=args.max_hours,
            options=options,
            language=project.info.language,
            cookies=cookies_file(project.workspace),
            title=args.titles.get(url, ""),
            position=position,
        )
    except UserError as error:
        if _ends_all(error):
            raise
        yield error
        return
    counts: Counter[str] = Counter()
    if len(downloads) > 1:
        under_way.touch()
    for item in downloads:
        counts[item.origin] += 1
        try:
            origin = origin_of(item.origin, options, counts[item.origin])
            _refuse_known(project, [origin], url)
            yield _import_item(project, item, origin, args, reporter, position)
        except UserError as error:
            if _ends_all(error):
                raise
            yield error
        finally:
            item.path.unlink(missing_ok=True)
    under_way.unlink(missing_ok=True)


def _import_item(
    project: Project,
    item: Download,
    origin: str,
    args: ImportArgs,
    reporter: Reporter,
    position: tuple[int, int],
) -> ImportedItem:
    """Add one fetched recording together with its words, so that neither is ever there without the other."""
    words: list[Word] = []

    def read_words(source: Source) -> list[Word]:
        words.extend(_words(project, source, item.subtitles, args.link, reporter))
        return words

    source = add_file(
        project,
        item.path,
        title=item.title,
        origin=origin,
        rights=args.rights,
        reporter=reporter,
        max_hours=args.max_hours,
        position=position,
        start_s=args.link.start_s,
        end_s=args.link.end_s,
        words=read_words,
    )
    return ImportedItem(source, bool(words))


def _ends_all(error: UserError) -> bool:
    return isinstance(error, DiskFull) or error.code in ENDS_ALL


def origin_of(url: str, options: LinkOptions, number: int = 1) -> str:
    """Where a recording comes from: the page's address, of a part its times (as W3C's media fragments say them).

    Of several recordings on one page each but the first bears its ``number``.
    """
    fragments = [str(number)] if number > 1 else []
    if options.is_part:
        fragments.append(f"t={options.start_s:g}" + (f",{options.end_s:g}" if options.end_s is not None else ""))
    return f"{url}#{'&'.join(fragments)}" if fragments else url


def _refuse_known(project: Project, origins: list[str], url: str) -> None:
    for existing in project.store.sources():
        if existing.origin in origins:
            raise Duplicate(
                "source.same_link",
                "{url} is in the project already, as “{title}”.",
                "Nothing to do: it was skipped.",
                existing=existing,
                url=url,
            )


def _words(
    project: Project, source: Source, subtitles: Subtitles | None, options: LinkOptions, reporter: Reporter
) -> list[Word]:
    """Subtitles as words of the recording; of a part those that are said in it."""
    if subtitles is None:
        return []
    try:
        words = words_within(words_of(subtitles.text, subtitles.kind), options.start_s, source.seconds)
        words = on_clock(words, source, project.source_file(source.id), source.title, reporter)
    except UserError as error:
        reporter.set_aside(error)
        return []
    if words and subtitles.automatic:
        reporter.warning(
            "link.automatic_subtitles",
            "“{title}” has only subtitles that a machine wrote; they were taken as its texts.",
            "Let recognition listen as well: where the two differ, the clip is marked.",
            title=source.title,
        )
    return words


def words_within(words: list[Word], start_s: float, length_s: float) -> list[Word]:
    """Words by the clock of a part that begins at ``start_s``; those whose middle is not in it are left out."""
    relative = (replace(word, start_s=word.start_s - start_s, end_s=word.end_s - start_s) for word in words)
    inside = (word for word in relative if 0 <= (word.start_s + word.end_s) / 2 < length_s)
    return [replace(word, start_s=max(0.0, word.start_s), end_s=min(length_s, word.end_s)) for word in inside]
