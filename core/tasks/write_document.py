"""Job ``write_document``: join the lines of a spoken text and write them as files."""

from __future__ import annotations

from typing import Any

from core.jobs.args.studio import WriteDocumentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.studio import documents
from core.studio.files import unspoken, write_file
from core.studio.join import plan
from core.studio.state import states

_NAMED = 5  # lines without a sound


def run(job: Job, project: Project, args: WriteDocumentArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``files/<name>.<format>`` of a document, one after the other; returns their names and the length."""
    document = documents.document(project, args.document)
    folder, rows = documents.folder(project, args.document), states(project, document)
    silent = [row for row in rows if row.chosen is None and row.line.has_words]
    if silent and not args.incomplete:
        raise unspoken(len(silent))
    if silent:
        reporter.warning(
            "studio.left_out",
            "{count} lines have no sound and are left out, such as {numbers}.",
            "Have them spoken and write the files again.",
            count=len(silent),
            numbers=", ".join(str(row.number) for row in silent[:_NAMED]),
        )

    def on_look(number: int) -> None:
        reporter.check_stop()
        reporter.progress("plan_lines", number, len(rows))

    pieces, rate = plan(folder, rows, on_look)
    if not rate:
        raise unspoken(len(rows))
    total = len(args.formats) * len(pieces)
    names = []
    for place, format in enumerate(args.formats):

        def on_piece(number: int, place: int = place, format: str = format) -> None:
            reporter.check_stop()
            reporter.progress("write_lines", place * len(pieces) + number, total, item=format.upper())

        names.append(write_file(folder, document, pieces, rate, format, on_piece).name)
    return {"document": document.id, "files": names, "seconds": round(pieces[-1].end_s, 1)}
