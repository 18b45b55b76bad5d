"""Arguments of jobs on long texts."""

from __future__ import annotations

from pydantic import Field

from core.jobs.args.base import JobArgs


class ImportTextArgs(JobArgs):
    """A file of text that becomes a long text: its name among the project's uploads, what the person calls it, and the
    voice and language it gets."""

    kind = "import_text"
    file: str = Field(pattern=r"^[^/]+$")
    name: str
    voice: str = ""
    language: str = ""


class SpeakDocumentArgs(JobArgs):
    """Lines of a long text to be spoken.

    Args:
        document: its id.
        lines: ids of the lines; without any all of them.
        again: say them once more with another seed, also where there is a take already.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "speak_document"
    document: str
    lines: tuple[int, ...] = ()
    again: bool = False
    device: str = "auto"


class WriteDocumentArgs(JobArgs):
    """A spoken text to be written as files.

    Args:
        document: its id.
        formats: of `core.studio.files.FORMATS`.
        incomplete: write it also where lines have no sound, which are left out and named.
    """

    kind = "write_document"
    document: str
    formats: tuple[str, ...]
    incomplete: bool = False
