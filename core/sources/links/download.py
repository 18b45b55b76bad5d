"""Download of a video's sound and subtitles, with yt-dlp as a library."""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Cancelled, DiskFull, UserError
from core.jobs.args.sources import LinkOptions
from core.jobs.reporter import Reporter
from core.sources.encodings import decode_text
from core.sources.links.captions import Subtitles, choose
from core.sources.links.errors import explain, is_a_playlist
from core.sources.links.progress import Watch
from core.sources.links.url_guard import check_url as check_url

MOST_ITEMS = 20  # of a page with several recordings
_PAUSES_S = (2.0, 8.0)  # before a download that broke off is taken up again with a fresh look at the page
_SOUND_ONLY = "[protocol!*=rtmp][protocol!*=websocket][protocol!=mhtml]"
_FORMATS = {
    "best": f"bestaudio{_SOUND_ONLY}/best{_SOUND_ONLY}",
    "small": f"bestaudio[abr<=72]{_SOUND_ONLY}/worstaudio{_SOUND_ONLY}/worst{_SOUND_ONLY}",
}
_MOST_SUBTITLES = 20_000_000  # bytes


@dataclass(frozen=True)
class Download:
    """A fetched file; ``origin`` is the address of its page, ``seconds`` its length if the page said it."""

    path: Path
    title: str
    origin: str
    seconds: float | None
    subtitles: Subtitles | None = None


def download(
    url: str,
    folder: Path,
    reporter: Reporter,
    *,
    max_mb: int = 4096,
    max_hours: float = 24.0,
    options: LinkOptions = LinkOptions(),
    language: str = "",
    cookies: Path | None = None,
    title: str = "",
    position: tuple[int, int] = (0, 1),
    socket_timeout_s: float = 20.0,
    retries: int = 3,
    pauses_s: tuple[float, ...] = _PAUSES_S,
) -> list[Download]:
    """Fetch the sound of a video into ``folder``, or of the few recordings of one page.

    A download that breaks off is taken up where it ended; so is one of an earlier process in the same folder.

    Args:
        url: as `check_url` gave it.
        folder: gets files named by an id of ours.
        reporter: told the progress in stage ``download``; asked whether to stop.
        max_mb: a larger download is refused, or broken off where its size was not announced.
        max_hours: a longer video is refused before it is fetched.
        options: quality, longest video, and whether subtitles are fetched too.
        language: of the subtitles, such as ``pt``.
        cookies: a Netscape cookie file, only read.
        title: what the video is called, if that is known, for progress and errors.
        position: which link of how many this is, for the progress.
        socket_timeout_s: how long to wait for an answer.
        retries: how often to try again at once.
        pauses_s: how long to wait before each further try.

    Raises:
        UserError: ``youtube.*``: what the site or the network said, and what to do.
        DiskFull: ``link.no_room``.
        Cancelled: stopped; nothing is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    label = f"{url} (“{title}”)" if title else url
    watch = Watch(label, title or url, reporter, max_mb, max_hours, options, position)
    token = hashlib.sha256(url.encode()).hexdigest()[:12]
    ydl_options = {
        "format": _FORMATS[options.quality],
        # The format is in the name: what is there of another one is not gone on with.
        "outtmpl": {"default": str(folder / f"{token}-%(autonumber)03d-%(format_id|0)#S.%(ext)s")},
        "cookiefile": io.StringIO(cookies.read_text(encoding="utf-8")) if cookies and cookies.exists() else None,
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "playlist_items": f"1:{MOST_ITEMS}",
        "max_filesize": max_mb * 1_000_000,
        "match_filter": watch.refuse,
        "progress_hooks": [watch.progress],
        "logger": watch,
        "socket_timeout": socket_timeout_s,
        "retries": retries,
        "fragment_retries": retries,
        "extractor_retries": min(retries, 1),
        "writethumbnail": False,
        "live_from_start": False,
    }
    pauses = list(pauses_s if retries else ())
    while True:
        try:
            return _try_download(url, ydl_options, watch, language)
        except UserError as error:
            if not (pauses and watch.came and error.code in ("youtube.forbidden", "youtube.broken_off")):
                _clear(folder, token)
                raise
            _wait(pauses.pop(0), watch, folder, token)
        except Cancelled:
            _clear(folder, token)
            raise


def _try_download(url: str, ydl_options: dict[str, Any], watch: Watch, language: str) -> list[Download]:
    """One look at the page and one download."""
    from core.sources.links.ytdlp import Loader, errors

    try:
        watch.look()
        watch.tell(0.0)
        with Loader(ydl_options) as loader:
            info = loader.extract_info(url, download=True) or {}
            return _collect(url, info, watch, loader, language)
    except errors.DownloadCancelled:
        raise (watch.refusal or Cancelled()) from None
    except (errors.YoutubeDLError, OSError) as error:
        raise _error_for(url, str(error), watch) from error


def _error_for(url: str, message: str, watch: Watch) -> UserError:
    if "No space left on device" in f"{message} {watch.last}":
        return DiskFull(
            "link.no_room",
            "There is not enough room on the disk for the sound of {url}.",
            "Free some space, then resume.",
            url=url,
        )
    return watch.refusal or explain(watch.label, message, watch.warnings)


def _wait(pause_s: float, watch: Watch, folder: Path, token: str) -> None:
    until = time.monotonic() + pause_s
    while time.monotonic() < until:
        if watch.reporter.stop_requested():
            _clear(folder, token)
            raise Cancelled
        time.sleep(0.1)


def _collect(url: str, info: dict[str, Any], watch: Watch, loader: Any, language: str) -> list[Download]:
    entries = [entry for entry in info["entries"] if entry] if "entries" in info else [info]
    if any(entry.get("_type") == "url" for entry in entries):
        raise is_a_playlist(watch.label)
    downloads = []
    for entry in entries:
        for part in entry.get("requested_downloads") or []:
            # A file that was found too large on the way has an entry without a path.
            path = Path(part.get("filepath") or "")
            if path.is_file():
                title, origin = str(entry.get("title") or url), str(entry.get("webpage_url") or url)
                subtitles = _subtitles(entry, watch, loader, language) if watch.options.subtitles else None
                downloads.append(Download(path, title, origin, entry.get("duration"), subtitles))
    if not downloads:
        raise watch.refusal or explain(watch.label, watch.last, watch.warnings)
    if (info.get("playlist_count") or 0) > MOST_ITEMS:
        watch.reporter.warning(
            "youtube.playlist_cut",
            "Only the first {count} videos of “{title}” were taken.",
            "Paste the links of the others one by one.",
            count=MOST_ITEMS,
            title=str(info.get("title") or url)[:200],
        )
    return downloads


def _subtitles(entry: dict[str, Any], watch: Watch, loader: Any, language: str) -> Subtitles | None:
    """The video's own subtitles; that they cannot be had is no reason to go without its sound."""
    from core.sources.links.ytdlp import errors

    title = str(entry.get("title") or watch.title)[:200]
    track = choose(entry.get("subtitles") or {}, entry.get("automatic_captions") or {}, language)
    if track is None:
        watch.reporter.warning(
            "link.no_subtitles",
            "“{title}” has no subtitles in the project's language.",
            "Nothing to do: recognition will write its texts.",
            title=title,
        )
        return None
    try:
        data = b"" if track.text else loader.urlopen(track.address).read(_MOST_SUBTITLES)
        text = track.text or decode_text(data, track.language, title)
    except (errors.YoutubeDLError, OSError) as error:
        print(f"subtitles: {error}", flush=True)
        watch.reporter.warning(
            "link.subtitles_failed",
            "The subtitles of “{title}” could not be fetched.",
            "Nothing to do: recognition will write its texts.",
            title=title,
        )
        return None
    except UserError as error:
        watch.reporter.set_aside(error)
        return None
    return Subtitles(text, track.kind, track.language, track.automatic)


def _clear(folder: Path, token: str) -> None:
    for path in folder.glob(f"{token}-*"):
        path.unlink(missing_ok=True)
