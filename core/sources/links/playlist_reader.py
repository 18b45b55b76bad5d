"""Reading what a playlist or channel holds, with yt-dlp, without fetching any of it."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import Cancelled, UserError
from core.jobs.reporter import Reporter
from core.sources.links.errors import explain
from core.sources.links.playlist import MOST_ENTRIES, Entry, Listing
from core.sources.links.url_guard import check_url

_HIDDEN_TITLES = ("[private video]", "[deleted video]")
_PRIVATE = ("private", "needs_auth", "subscriber_only")


def read_list(
    url: str,
    reporter: Reporter,
    *,
    limit: int = MOST_ENTRIES,
    cookies: Path | None = None,
    socket_timeout_s: float = 20.0,
) -> Listing:
    """What is behind a link, at most ``limit`` entries; a single recording is a list of one.

    Raises:
        UserError: ``youtube.*``, or ``link.empty_list``.
        Cancelled: stopped.
    """
    from core.sources.links.ytdlp import Loader, errors

    logger = _StopLogger(reporter)
    options = {
        "cookiefile": io.StringIO(cookies.read_text(encoding="utf-8")) if cookies and cookies.exists() else None,
        "extract_flat": "in_playlist",
        "lazy_playlist": True,
        "playlist_items": f"1:{limit + 1}",  # one more tells that there are more
        "skip_download": True,
        "logger": logger,
        "socket_timeout": socket_timeout_s,
        "extractor_retries": 1,
    }
    try:
        reporter.progress("list_link", 0, 1, url)
        with Loader(options) as loader:
            info = loader.extract_info(url, download=False) or {}
        entries = list(itertools.islice(_flat(info), limit + 1))
    except errors.DownloadCancelled:
        raise Cancelled from None
    except (errors.YoutubeDLError, OSError) as error:
        raise explain(url, str(error)) from error
    if not entries:
        raise UserError(
            "link.empty_list",
            "The list at {url} is empty, or not shown to everyone.",
            "Open the link in the browser to see what it holds.",
            url=url,
        )
    count = info.get("playlist_count")
    return Listing(
        url=url,
        title=str(info.get("title") or url)[:200],
        entries=tuple(entries[:limit]),
        count=int(count) if count else None,
        more=len(entries) > limit or bool(count and int(count) > len(entries)),
    )


def _flat(info: dict[str, Any]) -> Iterator[Entry]:
    """The entries of a list and of the lists in it (a channel has one for videos, one for streams), each once."""
    urls: set[str] = set()
    waiting: list[Iterator[Any]] = [iter([info])]
    while waiting:
        item: dict[str, Any] | None = next(waiting[-1], {})
        if item == {}:
            waiting.pop()
        elif item and "entries" in item:
            waiting.append(iter(item["entries"] or ()))
        elif item and (entry := _entry(item)) and entry.url not in urls:
            urls.add(entry.url)
            yield entry


def _entry(item: dict[str, Any]) -> Entry | None:
    url = str(item.get("webpage_url") or item.get("url") or "")
    try:
        url = check_url(url)
    except UserError:
        return None
    title = " ".join(str(item.get("title") or item.get("id") or url).split())[:200]
    is_private = title.lower() in _HIDDEN_TITLES or item.get("availability") in _PRIVATE
    live = item.get("live_status") in ("is_live", "is_upcoming")
    seconds = item.get("duration")
    return Entry(
        url=url,
        title=title,
        seconds=float(seconds) if seconds else None,
        id=str(item.get("id") or "")[:64],
        note="private" if is_private else "live" if live else "",
    )


class _StopLogger:
    """yt-dlp's logger: a chance to look for Stop."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def look(self) -> None:
        """Break off if Stop was pressed."""
        if self.reporter.stop_requested():
            from core.sources.links.ytdlp import errors

            raise errors.DownloadCancelled("stopped")

    def debug(self, message: str) -> None:
        """What yt-dlp is doing, such as ``Downloading item 3 of 12``."""
        self.look()
        if match := re.search(r"Downloading item (\d+) of (\d+)", message):
            self.reporter.progress("list_link", int(match[1]), int(match[2]))

    info = debug

    def warning(self, message: str) -> None:
        """For the job's log."""
        print(f"yt-dlp: {message}", flush=True)

    error = warning
