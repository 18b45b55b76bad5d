"""Job: say a text with a checkpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from core.audio.samples import write_wav
from core.engines.registry import get_engine
from core.files import write_json
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.speech import reference_files
from core.workspace import Workspace


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Write ``takes/<job id>.wav`` and, when it is whole, ``takes/<job id>.json``."""
    project = Workspace(Path(arguments["workspace"])).project(arguments["project"])
    reporter.progress("load_voice", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, arguments["base"])
    run_id, relative = arguments["run_id"], arguments["checkpoint"]
    checkpoint = project.job(run_id).path / relative if run_id else None
    voice = engine.load_voice(base, checkpoint, device=arguments["device"])
    reporter.check_stop()
    reporter.progress("hear_reference", 0, 1)
    reference = voice.condition(reference_files(project, run_id, arguments["reference_clip_ids"]))
    began = time.monotonic()
    samples, rate = voice.speak(
        arguments["text"],
        arguments["language"],
        reference,
        arguments["seed"],
        should_stop=reporter.stop_requested,
        on_progress=lambda done, total: reporter.progress("speak", done, total),
        **arguments["settings"],
    )
    facts = {
        **{name: arguments[name] for name in ("text", "language", "voice", "run_id", "step", "base", "seed")},
        "reference_clip_ids": arguments["reference_clip_ids"],
        "settings": arguments["settings"],
        "sample_rate": rate,
        "seconds": round(len(samples) / rate, 3),
        "took_s": round(time.monotonic() - began, 3),
        "at": time.time(),
    }
    write_wav(project.takes / f"{job.id}.wav", samples, rate)
    write_json(project.takes / f"{job.id}.json", facts)
    return {"take": job.id, "seconds": facts["seconds"], "took_s": facts["took_s"]}
