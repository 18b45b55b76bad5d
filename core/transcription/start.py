"""Starting a transcription: everything that can be refused is refused in the click."""

from __future__ import annotations

from core.errors import UserError
from core.jobs.job import Job
from core.transcription.registry import has_card, locate
from core.workspace import Project


def missing(project: Project) -> list[str]:
    """Ids of clips that no model has heard yet, in order; rejected ones are left alone."""
    return [clip.id for clip in project.store.clips() if clip.confidence is None and clip.status != "rejected"]


def start_transcribe(
    project: Project,
    model: str,
    language: str = "",
    engine: str = "",
    again: bool = False,
    device: str = "auto",
    prompt: str = "",
    beam_size: int = 5,
) -> Job:
    """Start the job that writes down what is said in the clips.

    Args:
        model: ``builtin:tiny.en``, a name such as ``small``, or the path of a model; see `registry.models`.
        language: code of the voice engine; empty takes the project's, ``auto`` lets the model find it out.
        engine: one of `registry.engines`; empty chooses by model and machine.
        again: hear all clips again, not only those not heard yet. Texts corrected or approved by hand stay.
        device: ``auto``, ``cuda`` or ``cpu``.
        prompt: names and words that are to be spelled right.
        beam_size: how many readings are followed at a time; 1 is fastest.

    Raises:
        UserError: no clips, nothing left to do, or the model cannot be used (see `registry.locate`).
        Busy: another job is running.
    """
    language = language or project.info.language
    locate(project.workspace, model, language, engine, card=device != "cpu" and has_card())
    if not project.store.count():
        raise UserError(
            "transcribe.no_clips", "There are no clips to transcribe.", "Add a recording and cut it into clips first."
        )
    if not again and not missing(project):
        raise UserError(
            "transcribe.nothing_left",
            "Every clip has a transcript already.",
            "Choose “Again” to hear them all once more, for example with a better model.",
        )
    arguments = {
        "model": model,
        "language": language,
        "engine": engine,
        "again": again,
        "device": device,
        "prompt": prompt,
        "beam_size": beam_size,
    }
    return project.start_job("transcribe", arguments, gpu=True)
