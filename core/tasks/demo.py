"""Job ``demo``: the whole road with small settings, each part a job of its own as the pages would start it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.clips import bulk_decisions
from core.clips.cut import start_segment
from core.dataset.freeze import freeze
from core.demo import RECORDING, RIGHTS
from core.engines.registry import bases, preload
from core.files import replacing
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.sources import ImportArgs
from core.jobs.args.training import DemoArgs
from core.jobs.children import Children
from core.jobs.job import Job, JobView
from core.jobs.reporter import Reporter
from core.listening.pairs import next_pair
from core.project.engine import start_download
from core.project.records import LOW_CONFIDENCE
from core.project.workspace import Project
from core.sources import recordings
from core.training.presets import choose
from core.training.start import start_training
from core.transcription.start import start_transcribe

# Seconds each stage takes on two cores without a card: for the time left, until the machine has shown its own pace.
STAGES = {
    "demo_import": 2.0,
    "demo_segment": 2.0,
    "demo_transcribe": 11.0,
    "demo_dataset": 1.0,
    "demo_base": 1.0,
    "demo_train": 25.0,
    "demo_pair": 1.0,
}
# The processor's preset with fewer checkpoints and short sentences; at its learning rate the starter forgets its words.
SETTINGS = {"max_steps": 40, "save_every": 20, "eval_every": 20, "sample_sentences": 2, "learning_rate": 2e-4}
_FASTEST, _SLOWEST = 0.5, 4.0  # machines, as times those seconds


def run(job: Job, project: Project, args: DemoArgs, reporter: Reporter) -> dict[str, Any]:
    """Walk the road.

    Returns:
        ``clips``, ``approved``, ``steps``, ``seconds`` (how long it took).

    Raises:
        Cancelled: Stop was pressed here or on one of its parts; what was made so far stays in the project.
        UserError: a part failed; the error is that part's own.
    """
    walk = _Walk(project, job, reporter, args.device)
    try:
        return walk.run()
    except BaseException:
        walk.children.stop()
        raise


@dataclass
class _Walk:
    project: Project
    job: Job
    reporter: Reporter
    device: str = "auto"
    began: float = field(default_factory=time.monotonic)
    stage: str = ""
    stage_began: float = 0.0
    share: float = 0.0
    pace: float = 1.0
    children: Children = field(init=False)

    def __post_init__(self) -> None:
        self.children = Children(self.reporter)

    def run(self) -> dict[str, Any]:
        project, engine = self.project, self.project.info.engine
        small = bases(engine).small
        preload(engine)
        self._enter("demo_import")
        # Made beside the other stages: loading what it needs takes most of its time.
        base = self._start(lambda: start_download(project, small))
        self._follow(self._start(self._add_recording))
        self._enter("demo_segment")
        self._follow(self._start(lambda: start_segment(project)))
        self._enter("demo_transcribe")
        self._follow(self._start(lambda: _transcribe(project)))
        self._enter("demo_dataset")
        approval_count = bulk_decisions.apply(
            project, bulk_decisions.approve_sure(LOW_CONFIDENCE)
        )  # the doubtful ones stay for the person
        dataset = freeze(project)
        self._enter("demo_base")
        self._follow(base)
        self._warn_of_noise()
        self._enter("demo_train")
        view = self._follow(
            self._start(
                lambda: start_training(
                    project, dataset.id, choose(None, engine).id, SETTINGS, "Demo", small, device=self.device
                )
            )
        )
        self._enter("demo_pair")
        next_pair(project)
        return {
            "clips": project.store.count(),
            "approved": approval_count,
            "steps": int(view.result.get("step", SETTINGS["max_steps"])),
            "seconds": round(time.monotonic() - self.began),
        }

    def _add_recording(self) -> Job:
        self.project.uploads.mkdir(parents=True, exist_ok=True)
        copy = self.project.uploads / f"demo{RECORDING.suffix}"
        with replacing(copy) as temporary:
            shutil.copyfile(RECORDING, temporary)
        return recordings.add(self.project, ImportArgs(files=((copy, "Allison Smith"),), rights=RIGHTS))

    def _start(self, start: Callable[[], Job]) -> Job:
        return self.children.start(start)

    def _follow(self, child: Job) -> JobView:
        """Pass a part's progress on until it ends; its failure is the demo's failure."""
        return self.children.follow(child, lambda view: self._report(view.eta_s, view.item))

    def _enter(self, stage: str) -> None:
        now = time.monotonic()
        if self.stage:
            usual_s = STAGES[self.stage]
            if usual_s >= 3:  # what is over in a moment says nothing about the machine
                self.pace = (now - self.stage_began) / usual_s
        self.stage, self.stage_began, self.share = stage, now, 0.0
        self._report(None, "")
        self.reporter.check_stop()

    def _report(self, eta_s: float | None, item: str) -> None:
        number = list(STAGES).index(self.stage)
        elapsed_s = time.monotonic() - self.stage_began
        pace = min(_SLOWEST, max(_FASTEST, self.pace))
        usual_s = STAGES[self.stage]
        # How far a part is, and how long it says it takes, may be of its present step alone, or of that step's slow
        # first moments.
        remaining_s = min(eta_s or 0.0, usual_s * _SLOWEST + elapsed_s)
        stage_s = max(1.0, usual_s * pace - elapsed_s, remaining_s)
        self.share = max(self.share, elapsed_s / (elapsed_s + stage_s))
        later_s = sum(list(STAGES.values())[number + 1 :]) * pace
        self.reporter.progress(self.stage, number + self.share, len(STAGES), item, eta_s=stage_s + later_s)

    def _warn_of_noise(self) -> None:
        models = bases(self.project.info.engine)
        if not models.state(self.project.workspace.models, models.small).is_trained:
            self.reporter.warning(
                "demo.noise",
                "The demo's small model has random weights: its voice is a plumbing check and sounds like noise.",
                "For a real voice make a project of your own and train on {base}.",
                base=models.label(models.default),
            )


def _transcribe(project: Project) -> Job:
    """Text alone: word times and how the clips sound can be had from the pages afterwards."""
    args = TranscribeArgs(model="builtin:tiny.en", language="en", device="cpu", beam_size=1, words=False, measure=False)
    return start_transcribe(project, args)
