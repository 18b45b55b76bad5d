"""Job ``finetune``: recordings become a training, each part a job of its own as the pages would start it."""

from __future__ import annotations

from typing import Any

from core import preparation
from core.dataset.freeze import freeze
from core.engines.registry import preload
from core.jobs.args.clips import SegmentArgs, TranscribeArgs
from core.jobs.args.training import FineTuneArgs
from core.jobs.children import Children
from core.jobs.job import Job, JobView
from core.jobs.reporter import Reporter
from core.project.records import ClipFilter
from core.project.workspace import Project
from core.training.start import start_training
from core.transcription.start import usual_recogniser

_STAGES = ("demo_import", "demo_segment", "demo_transcribe", "demo_dataset", "demo_train")
_STAGE_OF = {SegmentArgs.kind: "demo_segment", TranscribeArgs.kind: "demo_transcribe"}


def run(job: Job, project: Project, args: FineTuneArgs, reporter: Reporter) -> dict[str, Any]:
    """Bring in, cut, transcribe, approve what was surely understood or brought its text along, freeze, train.

    Returns:
        ``run``, ``clips`` (in the dataset), ``left`` (not approved: too doubtful to learn from).

    Raises:
        Cancelled: Stop was pressed here or on a part; what was made so far stays.
        UserError: ``dataset.nothing_approved``: nothing was surely understood; a part failed: the part's own.
    """
    children = Children(reporter)

    def go(stage: str, part: Job) -> JobView:
        def on_view(view: JobView) -> None:
            share = view.done / view.total if view.total else 0.0
            reporter.progress(stage, _STAGES.index(stage) + min(1.0, share), len(_STAGES), view.item)

        return children.follow(part, on_view)

    preload(project.info.engine)
    model = args.model or usual_recogniser(project, project.info.language)
    try:
        for part in preparation.bring_in(project, args.recordings):
            go("demo_import", part)
        for part in preparation.remaining(project, model, args.device):
            go(_STAGE_OF[part.spec().kind], part)
        reporter.progress("demo_dataset", _STAGES.index("demo_dataset"), len(_STAGES))
        preparation.approve_sure(project)
        dataset = freeze(project)
        training = children.start(
            lambda: start_training(
                project, dataset.id, args.preset, args.settings, args.run, args.base, device=args.device, wait=True
            )
        )
        training.rename(args.name)
        go("demo_train", training)
    except BaseException:
        children.stop()
        raise
    return {"run": training.id, "clips": dataset.clips, "left": project.store.count(ClipFilter("new"))}
