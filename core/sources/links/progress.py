"""Download progress from yt-dlp, and Stop and limits back in."""

from __future__ import annotations

from typing import Any

from core.errors import UserError
from core.jobs.args.sources import LinkOptions
from core.jobs.reporter import Reporter
from core.sources.links.errors import explain, longer_than_chosen, too_big, too_long

_WARNINGS_KEPT = 20


class Watch:
    """Listens to yt-dlp: progress to the reporter, stop and limits back. It is also yt-dlp's logger."""

    def __init__(
        self,
        label: str,
        title: str,
        reporter: Reporter,
        max_mb: int,
        max_hours: float,
        options: LinkOptions,
        position: tuple[int, int],
    ) -> None:
        self.label, self.title, self.reporter = label, title, reporter
        self.max_mb, self.max_hours, self.options = max_mb, max_hours, options
        self.index, self.count = position
        self.refusal: UserError | None = None
        self.last = ""
        self.warnings: list[str] = []
        self.came = False  # whether anything of the sound has

    def look(self) -> None:
        """Break off if Stop was pressed."""
        if self.reporter.stop_requested():
            self._break_off()

    def tell(self, share: float) -> None:
        """Progress: this much of the link in hand."""
        self.reporter.progress("download", self.index + share, self.count, self.title[:120])

    def _break_off(self) -> None:
        from core.sources.links.ytdlp import errors

        raise errors.DownloadCancelled("stopped")

    def refuse(self, info: dict[str, Any], *, incomplete: bool = False) -> str | None:
        """yt-dlp's match filter: why a video is not wanted, or None."""
        self.look()
        if info.get("_type") in ("url", "url_transparent"):
            return None  # an item of a list, which is not fetched
        length_s, wanted_s = float(info.get("duration") or 0), self.options.max_minutes * 60
        if info.get("is_live") or info.get("live_status") == "is_upcoming":
            self.refusal = explain(self.label, "live event")
        elif self.options.part_of(length_s) > self.max_hours * 3600:
            self.refusal = too_long(self.label, self.max_hours)
        elif wanted_s and length_s > wanted_s and not self.options.is_part:
            self.refusal = longer_than_chosen(self.label, self.options.max_minutes)
        else:
            return None
        return str(self.refusal)

    def progress(self, status: dict[str, Any]) -> None:
        """yt-dlp's progress hook; called for every block that has come."""
        self.look()
        so_far = float(status.get("downloaded_bytes") or 0)
        total = float(status.get("total_bytes") or status.get("total_bytes_estimate") or 0)
        self.came = self.came or so_far > 0
        if max(so_far, total if status.get("total_bytes") else 0.0) > self.max_mb * 1e6:
            self.refusal = too_big(self.label, self.max_mb)
            self._break_off()
        self.title = str((status.get("info_dict") or {}).get("title") or self.title)
        share = 1.0 if status.get("status") == "finished" else so_far / total if total else 0.0
        self.tell(min(share, 1.0))

    def debug(self, message: str) -> None:
        """What yt-dlp is doing: a chance to look for Stop, and the only place that says a file is too large."""
        self.look()
        if "larger than max-filesize" in message:
            self.refusal = too_big(self.label, self.max_mb)

    def info(self, message: str) -> None:
        """As `debug`."""
        self.debug(message)

    def warning(self, message: str) -> None:
        """For the job's log, and for the case that the end says little."""
        self.warnings = [*self.warnings[-_WARNINGS_KEPT:], message]
        print(f"yt-dlp: {message}", flush=True)

    def error(self, message: str) -> None:
        """For the job's log, and for the case that nothing comes and nothing is raised."""
        self.last = message
        print(f"yt-dlp: {message}", flush=True)
