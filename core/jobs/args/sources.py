"""Arguments of jobs that bring recordings in or clean them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.jobs.args.base import ArgsModel, JobArgs


class LinkOptions(ArgsModel):
    """Choices for the links of one import. ``max_minutes`` 0: as long as the settings allow.

    ``start_s`` and ``end_s`` are the part that becomes the recording, None being the end. ``subtitles`` says whether
    the video's own are taken as the texts of its words.
    """

    start_s: float = 0.0
    end_s: float | None = None
    quality: str = "best"
    max_minutes: float = 0.0
    subtitles: bool = False

    @property
    def is_part(self) -> bool:
        """Whether only a part is wanted."""
        return self.start_s > 0 or self.end_s is not None

    def part_of(self, length_s: float) -> float:
        """How many seconds of a video of this length are wanted."""
        return max(0.0, min(length_s, length_s if self.end_s is None else self.end_s) - self.start_s)


class ImportArgs(JobArgs):
    """Recordings to add. Its fields beside files, folders and urls are what a person wishes of all of them.

    Args:
        files: each where it lies and what the person calls it; they are moved away from there.
        folders: of this computer, with sounds and their texts (`core.sources.collections.scan`); they are left alone.
        urls: addresses of videos.
        rights: the person's note on why they may use them.
        max_hours: longer recordings are refused.
        max_mb: larger downloads are refused.
        link: what is wanted of the addresses: a part, the quality, subtitles.
        titles: what is behind an address, where that is known.
        choices: which column of a data set's list is the text, by the list's name (`core.sources.collections.scan`).
    """

    kind = "import_sources"
    files: tuple[tuple[Path, str], ...] = ()
    folders: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()
    rights: str = ""
    max_hours: float = 24.0
    max_mb: int = 4096
    link: LinkOptions = LinkOptions()
    titles: dict[str, str] = {}
    choices: dict[str, int] = {}


class ListLinkArgs(JobArgs):
    """A playlist or channel to be read; ``link`` is kept for what will be chosen of it."""

    kind = "list_link"
    url: str
    link: LinkOptions = LinkOptions()


class ScanCollectionArgs(JobArgs):
    """A data set that waits, by its id."""

    kind = "scan_collection"
    held: str


class DenoiseArgs(JobArgs):
    """A recording to be cleaned of its steady noise."""

    kind = "clean"
    source_id: str
    strength: Literal["gentle", "strong"] = "gentle"
