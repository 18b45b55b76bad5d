"""Job ``voice_picture``: an image becomes the picture of a saved voice, decoded in bounded memory as a stranger's."""

from __future__ import annotations

from typing import Any

from core.files import inside
from core.jobs.args.speech import VoicePictureArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.synthesis.saved_voices import change_voice
from core.synthesis.voice_picture import small_picture
from core.tasks.scan_collection import limit_memory

_MEMORY_BYTES = 1_500_000_000  # beyond what the process has when it begins: the largest takes half of it


def run(job: Job, project: Project, args: VoicePictureArgs, reporter: Reporter) -> dict[str, Any]:
    """Keep a small square of the image with the voice; the upload is gone afterwards."""
    path = inside(project.uploads, args.file)
    limit_memory(_MEMORY_BYTES)
    reporter.progress("make_picture", 0, 1)
    try:
        with open(path, "rb") as image:
            change_voice(project, args.voice, picture=small_picture(image, args.name))
    finally:
        path.unlink(missing_ok=True)
    return {"voice": args.voice}
