"""Starting to measure clips: everything that can be refused is refused in the click."""

from __future__ import annotations

from core.errors import UserError
from core.jobs.args.clips import MeasureArgs
from core.jobs.job import Job
from core.measures import likeness, naturalness
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project


def left_to_measure(clip: Clip) -> set[str]:
    """Which measures a clip still lacks, of those that can be taken with what is installed."""
    lacking = set()
    if clip.snr_db is None:
        lacking.add("sound")
    if clip.speaker_similarity is None and likeness.available():
        lacking.add("likeness")
    if clip.naturalness is None and naturalness.available():
        lacking.add("naturalness")
    return lacking


def start_measure(project: Project) -> Job:
    """Start the job that measures how the clips sound and whose voice they are.

    Raises:
        UserError: no clips, or nothing left to measure.
        Busy: it is running already.
    """
    clips = project.store.clips(ClipFilter("usable"))
    if not clips:
        raise UserError(
            "measure.no_clips", "There are no clips to measure.", "Add a recording and cut it into clips first."
        )
    if not any(left_to_measure(clip) for clip in clips):
        raise UserError(
            "measure.nothing_left", "Every clip is measured already.", "Clips that are cut anew can be measured again."
        )
    return project.start_job(MeasureArgs())
