"""Job ``clean`` (denoising): a copy of a recording with its steady noise taken away."""

from __future__ import annotations

from typing import Any

from core.audio.denoise import denoise
from core.audio.levels import frames_file
from core.errors import Cancelled
from core.jobs.args.sources import DenoiseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project


def run(job: Job, project: Project, args: DenoiseArgs, reporter: Reporter) -> dict[str, Any]:
    """Make the cleaned copy of a recording; an earlier copy stays until this one is whole.

    Returns:
        ``quieter_db``: by how much the pauses became quieter.

    Raises:
        UserError: ``source.missing``, and see `core.audio.denoise.denoise`.
        Cancelled: stopped; an earlier copy is as it was.
    """
    source = project.store.source(args.source_id)
    target = project.denoised_file(source.id)
    reporter.progress("clean", 0, source.seconds, source.title)
    try:
        quieter_db = denoise(
            project.source_file(source.id),
            target,
            strength=args.strength,
            name=source.title,
            on_progress=lambda position, total: reporter.progress("clean", position, total, source.title),
            should_stop=reporter.stop_requested,
        )
    except Cancelled:
        if target.exists() and not frames_file(target).exists():  # whole, but stopped while it was measured
            target.unlink()
        raise
    return {"quieter_db": quieter_db}
