"""Arguments of jobs that make a project of another, or of a file."""

from __future__ import annotations

from core.jobs.args.base import JobArgs


class UnpackProjectArgs(JobArgs):
    """A project that comes in as one file: its name in the project's uploads, and what the person calls it."""

    kind = "unpack_project"
    file: str
    name: str


class CopyProjectArgs(JobArgs):
    """A project to be copied into this one, which is of another engine: its folder's name."""

    kind = "copy_project"
    project: str


class MergeProjectArgs(JobArgs):
    """A project to be merged into this one: its folder's name."""

    kind = "merge_project"
    project: str
