"""Job ``synthesize``: have the speaking process say a text with a checkpoint, and keep what it said."""

from __future__ import annotations

import time
from typing import Any

from core.audio.samples import write_wav
from core.files import write_json
from core.jobs.args import SynthesizeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.synthesis import speaking
from core.synthesis.start import speech_request


def run(job: Job, project: Project, args: SynthesizeArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``takes/<job id>.wav`` and, when it is whole, ``takes/<job id>.json``."""
    began = time.monotonic()

    def on_stage(stage: str, done: int, total: int) -> None:
        nonlocal began
        if stage == "speak" and done == 0:
            began = time.monotonic()
        reporter.progress(stage, done, total)

    samples, rate = speaking.say(
        project.workspace,
        speech_request(project, args),
        should_stop=reporter.stop_requested,
        on_stage=on_stage,
    )
    facts = {
        **args.model_dump(mode="json", exclude={"device"}),
        "sample_rate": rate,
        "seconds": round(len(samples) / rate, 3),
        "took_s": round(time.monotonic() - began, 3),
        "at": time.time(),
    }
    write_wav(project.takes / f"{job.id}.wav", samples, rate)
    write_json(project.takes / f"{job.id}.json", facts)
    return {"take": job.id, "seconds": facts["seconds"], "took_s": facts["took_s"]}
