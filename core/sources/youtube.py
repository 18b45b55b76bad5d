"""Fetching the sound of a video with yt-dlp as a library, kept away from the user's settings and private networks."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Cancelled, UserError
from core.jobs.reporter import Reporter
from core.sources.address import check_url as check_url
from core.sources.youtube_errors import explain, too_big, too_long

# Never the generic extractor: it fetches any address, those of the own network among them.
EXTRACTORS = ("default", "-generic")
_MOST_ITEMS = 20  # of a playlist


@dataclass(frozen=True)
class Downloaded:
    """A fetched file; ``origin`` is the address of its page, ``seconds`` its length if the page said it."""

    path: Path
    title: str
    origin: str
    seconds: float | None


def download(
    url: str,
    folder: Path,
    reporter: Reporter,
    *,
    max_mb: int = 4096,
    max_hours: float = 24.0,
    extractors: tuple[str, ...] = EXTRACTORS,
    socket_timeout_s: float = 20.0,
    retries: int = 3,
) -> list[Downloaded]:
    """Fetch the best sound of a video, or of the first videos of a playlist, into ``folder``.

    Args:
        url: as `check_url` gave it.
        folder: gets files named by an id of ours.
        reporter: told the progress in stage ``download``; asked whether to stop.
        max_mb: a larger download is refused, or broken off where its size was not announced.
        max_hours: a longer video is refused before it is fetched.
        extractors: which of yt-dlp's sites are allowed; only tests ask for others.
        socket_timeout_s: how long to wait for an answer.
        retries: how often to try again.

    Raises:
        UserError: ``youtube.*``: what the site or the network said, and what to do.
        Cancelled: stopped; nothing is left behind.
    """
    os.environ["YTDLP_NO_PLUGINS"] = "1"  # plugins of the account are none of ours
    import yt_dlp

    folder.mkdir(parents=True, exist_ok=True)
    watch = _Watch(url, reporter, max_mb, max_hours)
    token = secrets.token_hex(4)
    options = {
        "format": "bestaudio/best",
        "outtmpl": {"default": str(folder / f"{token}-%(autonumber)03d.%(ext)s")},
        "allowed_extractors": list(extractors),
        "noplaylist": True,
        "playlist_items": f"1:{_MOST_ITEMS}",
        "max_filesize": max_mb * 1_000_000,
        "match_filter": watch.refuse,
        "progress_hooks": [watch.progress],
        "logger": watch,
        "socket_timeout": socket_timeout_s,
        "retries": retries,
        "fragment_retries": retries,
        "extractor_retries": min(retries, 1),
        "quiet": True,
        "noprogress": True,
        "cachedir": False,
        "usenetrc": False,
        "writethumbnail": False,
        "live_from_start": False,
        "postprocessors": [],
        "fixup": "never",
    }
    try:
        watch.look()
        reporter.progress("download", 0, 1, url)
        with yt_dlp.YoutubeDL(options) as loader:
            found = loader.extract_info(url, download=True)
    except yt_dlp.utils.DownloadCancelled:
        _clear(folder, token)
        raise (watch.refused or Cancelled()) from None
    except (yt_dlp.utils.YoutubeDLError, OSError) as error:
        _clear(folder, token)
        raise (watch.refused or explain(url, str(error))) from error
    return _collect(url, found or {}, watch)


def _collect(url: str, found: dict[str, Any], watch: _Watch) -> list[Downloaded]:
    entries = [entry for entry in found["entries"] if entry] if "entries" in found else [found]
    fetched = []
    for entry in entries:
        for part in entry.get("requested_downloads") or []:
            # A file that was found too large on the way has an entry without a path.
            path = Path(part.get("filepath") or "")
            if path.is_file():
                title, origin = str(entry.get("title") or url), str(entry.get("webpage_url") or url)
                fetched.append(Downloaded(path, title, origin, entry.get("duration")))
    if not fetched:
        raise watch.refused or explain(url, watch.last)
    if (found.get("playlist_count") or 0) > _MOST_ITEMS:
        watch.reporter.warning(
            "youtube.playlist_cut",
            "Only the first {count} videos of “{title}” were taken.",
            "Paste the links of the others one by one.",
            count=_MOST_ITEMS,
            title=str(found.get("title") or url)[:200],
        )
    return fetched


def _clear(folder: Path, token: str) -> None:
    for path in folder.glob(f"{token}-*"):
        path.unlink(missing_ok=True)


class _Watch:
    """Listens to yt-dlp: progress to the reporter, stop and limits back. It is also yt-dlp's logger."""

    def __init__(self, url: str, reporter: Reporter, max_mb: int, max_hours: float) -> None:
        self.url, self.reporter = url, reporter
        self.max_mb, self.max_hours = max_mb, max_hours
        self.refused: UserError | None = None
        self.last = ""

    def look(self) -> None:
        """Break off if Stop was pressed."""
        if self.reporter.stop_requested():
            self._break_off()

    def _break_off(self) -> None:
        import yt_dlp

        raise yt_dlp.utils.DownloadCancelled("stopped")

    def refuse(self, info: dict[str, Any], *, incomplete: bool = False) -> str | None:
        """yt-dlp's match filter: why a video is not wanted, or None."""
        self.look()
        if info.get("is_live") or info.get("live_status") == "is_upcoming":
            self.refused = explain(self.url, "live event")
        elif (info.get("duration") or 0) > self.max_hours * 3600:
            self.refused = too_long(self.url, self.max_hours)
        else:
            return None
        return str(self.refused)

    def progress(self, status: dict[str, Any]) -> None:
        """yt-dlp's progress hook; called for every block that has come."""
        self.look()
        done = float(status.get("downloaded_bytes") or 0)
        total = float(status.get("total_bytes") or status.get("total_bytes_estimate") or 0)
        if max(done, total if status.get("total_bytes") else 0.0) > self.max_mb * 1e6:
            self.refused = too_big(self.url, self.max_mb)
            self._break_off()
        title = str((status.get("info_dict") or {}).get("title") or self.url)
        share = 1.0 if status.get("status") == "finished" else done / total if total else 0.0
        self.reporter.progress("download", min(share, 1.0), 1, title[:120], status.get("eta"))

    def debug(self, message: str) -> None:
        """What yt-dlp is doing: a chance to look for Stop, and the only place that says a file is too large."""
        self.look()
        if "larger than max-filesize" in message:
            self.refused = too_big(self.url, self.max_mb)

    def info(self, message: str) -> None:
        """As `debug`."""
        self.debug(message)

    def warning(self, message: str) -> None:
        """For the job's log."""
        print(f"yt-dlp: {message}", flush=True)

    def error(self, message: str) -> None:
        """For the job's log, and for the case that nothing comes and nothing is raised."""
        self.last = message
        print(f"yt-dlp: {message}", flush=True)
