"""Starting a transcription: everything that can be refused is refused in the click."""

from __future__ import annotations

from core.errors import UserError
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job, busy
from core.project.records import ClipFilter
from core.project.workspace import Project
from core.transcription import store as opinions
from core.transcription.registry import choose, has_card, locate, models, same_weights


def without_transcript(project: Project) -> list[str]:
    """Ids of clips that no model has heard yet, in order; rejected ones are left alone."""
    return [clip.id for clip in project.store.clips(ClipFilter("unheard"))]


def without_second_opinion(project: Project) -> list[str]:
    """Ids of clips that were heard and that no second model has checked yet, in order."""
    return [clip.id for clip in opinions.without_second_opinion(project)]


def start_transcribe(project: Project, args: TranscribeArgs) -> Job:
    """Start the job that writes down what is said in the clips.

    Raises:
        UserError: no clips, nothing left to do, or a model cannot be used (see `registry.locate`).
        Busy: the clips of this project are being transcribed already. For a card that is taken it waits in the queue.
    """
    args = args.having(language=args.language or project.info.language)
    card = args.device != "cpu" and has_card()
    locate(project.workspace, args.model, args.language, args.engine, card=card)
    if args.second:
        _check_second(args.model, args.second)
        locate(project.workspace, args.second, args.language, args.second_engine, card=card)
    if not project.store.count():
        raise UserError(
            "transcribe.no_clips", "There are no clips to transcribe.", "Add a recording and cut it into clips first."
        )
    if not args.again and not without_transcript(project) and not (args.second and without_second_opinion(project)):
        raise UserError(
            "transcribe.nothing_left",
            "Every clip has a transcript already.",
            "Choose “Again” to hear them all once more, for example with a better model.",
        )
    if (job := project.latest(args.kind)) and job.alive():
        raise busy(job.holder())  # what is left to transcribe is known when that one is done
    return project.start_job(args, gpu=True, wait=True)


def usual_recogniser(project: Project, language: str) -> str:
    """The model that listens to what voices have spoken: the built-in one for English, else the one the project was
    transcribed with if it is there, else the built-in one of all languages."""
    fast = choose("fast", language)
    if language.split("-")[0] == "en":
        return fast
    local = {model.id for model in models(project.workspace) if model.is_downloaded and not model.languages}
    used = next((args.model for _, args in project.jobs_of(TranscribeArgs)), "")
    return used if used in local else fast


def _check_second(model: str, second: str) -> None:
    if same_weights(model, second):
        raise UserError(
            "asr.same_model",
            "“{model}” cannot check itself: the same model makes the same mistakes, whatever engine runs it.",
            "Choose another model to check with, or none.",
            model=model,
        )
