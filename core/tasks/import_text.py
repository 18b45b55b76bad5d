"""Job ``import_text``: a long text of a file, read in bounded memory as a stranger's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.files import inside
from core.jobs.args.studio import ImportTextArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.studio import start
from core.studio.texts.file import too_large
from core.studio.texts.reader import read_text_file
from core.tasks.scan_collection import limit_memory

_MEMORY_BYTES = 1_500_000_000  # beyond what the process has when it begins


def run(job: Job, project: Project, args: ImportTextArgs, reporter: Reporter) -> dict[str, Any]:
    """Make a document of the file, which is gone afterwards; returns its id."""
    path = inside(project.uploads, args.file)
    limit_memory(_MEMORY_BYTES)
    reporter.progress("read_text", 0, 1)
    try:
        try:
            content = read_text_file(path, args.name, args.language or project.info.language)
        except MemoryError:
            raise too_large(args.name) from None
        reporter.check_stop()
        name = content.title or Path(args.name).stem
        document = start.create(project, content.text, name, voice=args.voice, language=args.language)
    finally:
        path.unlink(missing_ok=True)
    return {"document": document.id, "name": document.name, "lines": len(document.lines)}
