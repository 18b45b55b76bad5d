"""Job ``list_link``: list a playlist or channel, to choose from. Nothing of it is downloaded."""

from __future__ import annotations

from typing import Any

from core.jobs.args.sources import ListLinkArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources.links.cookies import cookies_file
from core.sources.links.playlist import keep_listing
from core.sources.links.playlist_reader import read_list


def run(job: Job, project: Project, args: ListLinkArgs, reporter: Reporter) -> dict[str, Any]:
    """Read the list at ``url`` and keep it in the job's folder.

    Returns:
        ``entries`` (how many were read), ``more`` (whether there are others).

    Raises:
        UserError: see `read_list`.
    """
    listing = read_list(args.url, reporter, cookies=cookies_file(project.workspace))
    keep_listing(job, listing)
    return {"entries": len(listing.entries), "more": listing.more}
