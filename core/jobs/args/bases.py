"""Arguments of jobs on base models."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from core.jobs.args.base import JobArgs


class DownloadBaseArgs(JobArgs):
    """A base model to be fetched; ``hub`` is the server it comes from."""

    kind = "download_base"
    base_id: str
    hub: str


class FetchBaseArgs(JobArgs):
    """A base model that somebody has put on the hub, to be fetched as a local folder.

    Args:
        address: ``owner/name``, or the address of its page.
        paths: where in the repository each file lies, by the name it has in a base's folder.
        hub: the server it comes from.
    """

    kind = "fetch_base"
    address: str
    paths: dict[str, str]
    hub: str


class RewriteBaseArgs(JobArgs):
    """Weights in a form that only a job may read, to be rewritten beside it.

    Args:
        folder: of the base.
        file: its name in the folder.
    """

    kind = "rewrite_base"
    folder: Path
    file: str = Field(pattern=r"^[^/]+$")


class TryBaseArgs(JobArgs):
    """A local folder about which nobody has said yet how it was built: a sentence is spoken with every set of answers.

    Args:
        folder: of the base.
        text: what is said.
        language: of the text.
        reference_clip_ids: clips that show the voice.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "try_base"
    folder: Path
    text: str
    language: str
    reference_clip_ids: tuple[str, ...]
    device: str = "auto"
