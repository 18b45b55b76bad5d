"""Playlists and channels: which links are one, and what a `list_link` job found in it."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from urllib.parse import parse_qs, urlsplit

from core.damage import Count, Finite, read_record
from core.errors import UserError
from core.files import write_json
from core.jobs.args.sources import LinkOptions, ListLinkArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.sources.links.url_guard import check_url

LIST_FILE = "list.json"  # in the job's folder: what the link holds
CLOSED_MARK = "closed"  # in the job's folder: somebody is done with the list
MOST_ENTRIES = 500  # that are read
_YOUTUBE = ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be")
_YOUTUBE_LISTS = re.compile(r"/(playlist|@[^/]+|channel/[^/]+|c/[^/]+|user/[^/]+)(/(?!live\b)[\w-]*)?/?$")
# Of other sites those whose address says it; what it does not say turns out when the link is fetched.
_OTHER_LISTS = re.compile(r"/(sets|playlists?|albums?|showcase|channels?|series|seasons?|c)/[^/]+/?$")


@dataclass(frozen=True)
class Entry:
    """One item of a list: the address of its page; ``seconds`` None where the list does not say."""

    url: str
    title: str
    seconds: Finite | None = None
    id: str = ""
    note: str = ""  # "private" where it cannot be fetched, "live" where it has not ended


@dataclass(frozen=True)
class Listing:
    """What a playlist or channel holds; ``count`` None if the site does not say, ``more`` if not all were read."""

    url: str
    title: str
    entries: tuple[Entry, ...]
    count: Count | None = None
    more: bool = False


def list_named_by(url: str) -> str:
    """The address of the list a link is of; empty for what looks like a single recording."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if host in _YOUTUBE:
        return url if _YOUTUBE_LISTS.search(parts.path) and host != "youtu.be" else ""
    return url if _OTHER_LISTS.search(parts.path) else ""


def list_around(url: str) -> str:
    """The playlist that a link to one of its videos also names; empty if none, or one that never ends (a mix)."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    list_id = query.get("list", [""])[0]
    single = "v" in query or (parts.hostname or "").lower() == "youtu.be"
    if (parts.hostname or "").lower() not in _YOUTUBE or not single or not re.fullmatch(r"[\w-]{10,64}", list_id):
        return ""
    if list_id.startswith("RD"):
        return ""
    return f"https://www.youtube.com/playlist?list={list_id}"


def start_list(project: Project, url: str, options: LinkOptions = LinkOptions()) -> Job:
    """Start the job that reads what a playlist or channel holds; nothing is fetched.

    Args:
        project: where the chosen ones will go.
        url: of the list.
        options: kept for what will be chosen.

    Raises:
        UserError: see `check_url`.
        Busy: another list is being read.
    """
    return project.start_job(ListLinkArgs(url=check_url(url), link=options))


def keep_listing(job: Job, listing: Listing) -> None:
    """Write down what was found."""
    write_json(job.path / LIST_FILE, asdict(listing))


def listing_of(job: Job) -> Listing | None:
    """What the job found; None before it has.

    Raises:
        DamagedFile: it cannot be read.
    """
    path = job.path / LIST_FILE
    if not os.path.lexists(path):
        return None
    return read_record(path, Listing, "list", path)


def options_of(job: Job) -> LinkOptions:
    """What is wanted of each entry of the list that this job reads."""
    args = job.spec().args
    return args.link if isinstance(args, ListLinkArgs) else LinkOptions()


def open_list(project: Project) -> Job | None:
    """The newest list that was asked for, unless somebody is done with it."""
    job = project.latest("list_link")
    return None if job is None or (job.path / CLOSED_MARK).exists() else job


def close_list(project: Project, job_id: str) -> None:
    """Somebody is done with a list.

    Raises:
        UserError: ``job.missing``.
    """
    job = project.job(job_id)
    job.stop()
    (job.path / CLOSED_MARK).touch()


def chosen_entries(job: Job, numbers: list[int]) -> list[Entry]:
    """The entries with these numbers, in the order of the list.

    Raises:
        UserError: ``link.nothing_chosen``.
    """
    listing = listing_of(job)
    entries = listing.entries if listing else ()
    selection = [entries[number] for number in sorted(set(numbers)) if 0 <= number < len(entries)]
    if not selection:
        raise UserError("link.nothing_chosen", "Nothing in the list is chosen.", "Tick at least one recording.")
    return selection
