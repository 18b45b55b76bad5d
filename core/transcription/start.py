"""Starting a transcription: everything that can be refused is refused in the click."""

from __future__ import annotations

from core.errors import UserError
from core.jobs.job import Job
from core.records import ClipFilter
from core.transcription import opinions
from core.transcription.registry import has_card, locate, same_weights
from core.workspace import Project


def missing(project: Project) -> list[str]:
    """Ids of clips that no model has heard yet, in order; rejected ones are left alone."""
    return [clip.id for clip in project.store.clips(ClipFilter("unheard"))]


def without_second_opinion(project: Project) -> list[str]:
    """Ids of clips that were heard and that no second model has checked yet, in order."""
    return [clip.id for clip in opinions.without_second_opinion(project)]


def start_transcribe(
    project: Project,
    model: str,
    language: str = "",
    engine: str = "",
    again: bool = False,
    device: str = "auto",
    prompt: str = "",
    beam_size: int = 5,
    second: str = "",
    second_engine: str = "",
    words: bool = True,
    measure: bool = True,
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
        second: a second model that hears the clips as well, so that what the two hear differently is found; empty
            for none.
        second_engine: as ``engine``, of the second model.
        words: also find out when each word is said.
        measure: also measure how the clips sound, where that was not done yet.

    Raises:
        UserError: no clips, nothing left to do, or a model cannot be used (see `registry.locate`).
        Busy: another job is running.
    """
    language = language or project.info.language
    card = device != "cpu" and has_card()
    locate(project.workspace, model, language, engine, card=card)
    if second:
        _check_second(model, second)
        locate(project.workspace, second, language, second_engine, card=card)
    if not project.store.count():
        raise UserError(
            "transcribe.no_clips", "There are no clips to transcribe.", "Add a recording and cut it into clips first."
        )
    if not again and not missing(project) and not (second and without_second_opinion(project)):
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
        "prompt": prompt or "",  # a field nobody has touched may be None
        "beam_size": beam_size,
        "second": second,
        "second_engine": second_engine,
        "words": words,
        "measure": measure,
    }
    return project.start_job("transcribe", arguments, gpu=True)


def _check_second(model: str, second: str) -> None:
    if same_weights(model, second):
        raise UserError(
            "asr.same_model",
            "“{model}” cannot check itself: the same model makes the same mistakes, whatever engine runs it.",
            "Choose another model to check with, or none.",
            model=model,
        )
