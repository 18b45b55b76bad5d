"""Following a pasted link: a recording at once, or a list to choose from."""

from __future__ import annotations

from core.jobs.args.sources import ImportArgs, ListLinkArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.sources import recordings
from core.sources.links.playlist import chosen_entries, close_list, list_around, list_named_by, options_of, start_list
from core.sources.links.url_guard import check_url

# What a site says to somebody it does not know; cookies of a signed-in browser may help.
WANTS_COOKIES = ("youtube.refused", "youtube.age", "youtube.members", "youtube.forbidden")


def follow(project: Project, url: str, wish: ImportArgs = ImportArgs()) -> Job:
    """Read the list that a link names, or fetch the one recording as it is wished.

    Raises:
        UserError: see `check_url`.
        Busy: a list is being read, or recordings are being added.
    """
    address = check_url(url)
    if list_named_by(address):
        return start_list(project, address, wish.link)
    return recordings.add(project, wish.having(urls=[address]))


def add_chosen(project: Project, job_id: str, numbers: list[int], wish: ImportArgs = ImportArgs()) -> Job:
    """Fetch the chosen entries of a list, with the options it was asked for with, and be done with it.

    Raises:
        UserError: ``link.nothing_chosen``, ``job.missing``.
        Busy: recordings are being added already.
    """
    job = project.job(job_id)
    entries = chosen_entries(job, numbers)
    titles = {entry.url: entry.title for entry in entries}
    new_job = recordings.add(project, wish.having(urls=[*titles], titles=titles, link=options_of(job)))
    close_list(project, job_id)
    return new_job


def failed_address(job: Job) -> str:
    """The one link that a job was to follow and that nothing came of, until a person puts that away; else empty."""
    args = job.spec().args
    urls = (args.url,) if isinstance(args, ListLinkArgs) else args.urls if isinstance(args, ImportArgs) else ()
    return urls[0] if len(urls) == 1 and job.read().status == "failed" and not job.dismissed else ""


def list_offered(project: Project) -> str:
    """The list that the newest link belongs to, or turned out to be; empty once any list was asked for since."""
    for job in project.all_jobs():
        args = job.spec().args
        if isinstance(args, ListLinkArgs):
            return ""
        if not isinstance(args, ImportArgs) or not args.urls:
            continue
        if len(args.urls) > 1:
            return ""
        view = job.read()
        is_list = any(code == "youtube.is_list" for code in (view.code, *(warning.code for warning in view.warnings)))
        return args.urls[0] if is_list else list_around(args.urls[0])
    return ""


def wants_cookies(project: Project) -> bool:
    """Whether a site wanted to know who asks: in an import or a list that failed, or in the newest of either."""
    newest = project.latest("import_sources", "list_link")
    for job in (project.latest("import_sources"), project.latest("list_link")):
        if job is None:
            continue
        view = job.read()
        warnings = view.warnings if newest and job.id == newest.id else []
        if any(code in WANTS_COOKIES for code in (view.code, *(warning.code for warning in warnings))):
            return True
    return False
