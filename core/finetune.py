"""Fine-tuning in one step: recordings in, a training out, with nothing asked on the way (`core.tasks.finetune`)."""

from __future__ import annotations

from core.engines.registry import bases, language_code
from core.files import free_name, slug
from core.jobs.args.training import FineTuneArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.sources import recordings
from core.training.presets import preset


def start_finetune(project: Project, args: FineTuneArgs) -> tuple[Job, str]:
    """Start the job; what can be refused is refused in the call. Files are moved to the project, unless it is refused.

    Returns:
        the job, and the id that the run will have.

    Raises:
        UserError: the project's engine does not speak its language; as of the preset and its settings; the base model
            has to be downloaded first; no recording is named.
        Busy: such a job of this project is at work.
    """
    engine = project.info.engine
    language_code(project.info.language, engine)
    preset(args.preset).config(args.settings)
    models = bases(engine)
    base = args.base or models.default
    if not models.is_made(base):
        models.folder(project.workspace.models, base)
    name = args.name or project.info.name
    run = free_name(project.runs, slug(name, "run"))
    with recordings.uploads_moved(project, args.recordings.files, "finetune") as files:
        args = args.having(recordings=args.recordings.having(files=files), run=run, name=name, base=base)
        return project.start_job(args, title=name), run
