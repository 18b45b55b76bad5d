"""Job ``synthesize``: speak a text with a checkpoint."""

from __future__ import annotations

import time
from typing import Any

from core.audio.samples import write_wav
from core.engines.registry import get_engine
from core.files import write_json
from core.jobs.args import SynthesizeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.synthesis.start import checkpoint_folder, reference_files


def run(job: Job, project: Project, args: SynthesizeArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``takes/<job id>.wav`` and, when it is whole, ``takes/<job id>.json``."""
    reporter.progress("load_voice", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, args.base)
    voice = engine.load_voice(base, checkpoint_folder(project, args.checkpoint), device=args.device)
    reporter.check_stop()
    reporter.progress("hear_reference", 0, 1)
    reference = voice.condition(reference_files(project, args.checkpoint, args.reference_clip_ids))
    began = time.monotonic()
    samples, rate = voice.speak(
        args.text,
        args.language,
        reference,
        args.seed,
        should_stop=reporter.stop_requested,
        on_progress=lambda position, total: reporter.progress("speak", position, total),
        **args.settings,
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
