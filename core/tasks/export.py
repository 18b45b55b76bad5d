"""Job: write a checkpoint as a folder that the engine's own package loads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.engines.registry import bases, get_engine, info
from core.files import inside
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.speech import reference_files
from core.training.checkpoints import Checkpoints
from core.workspace import Workspace

_STAGES = ("load_base", "merge", "verify")


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Write ``exports/<name>``; it appears when it is complete and has spoken once."""
    project = Workspace(Path(arguments["workspace"])).project(arguments["project"])
    if arguments["run_id"]:
        Checkpoints(project.job(arguments["run_id"]).path).verify(int(arguments["step"]))
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, arguments["base"])
    for left in project.exports.glob(".tmp-*"):
        # What a killed export left behind; only one runs at a time.
        shutil.rmtree(left)
    run_id, target = arguments["run_id"], inside(project.exports, arguments["folder"])

    def on_stage(stage: str) -> None:
        reporter.check_stop()
        reporter.progress(stage, _STAGES.index(stage), len(_STAGES))

    facts = {
        "project": project.info.name,
        "run": arguments["voice"].rsplit(" · ", 1)[0] if run_id else None,
        "run_id": run_id,
        "step": arguments["step"],
        "base": arguments["base"],
        "reference_clips": arguments["reference_clip_ids"],
        "rights": project.info.rights,
        "languages": list(info(project.info.engine).languages),
        "license": _license(project.info.engine, arguments["base"]),
    }
    engine.export(
        base,
        project.job(run_id).path / arguments["checkpoint"] if run_id else None,
        target,
        name=arguments["name"],
        reference_wavs=reference_files(project, run_id, arguments["reference_clip_ids"]),
        text=arguments["text"],
        language=arguments["language"],
        seed=arguments["seed"],
        device=arguments["device"],
        facts=facts,
        on_stage=on_stage,
        should_stop=reporter.stop_requested,
    )
    megabytes = round(sum(path.stat().st_size for path in target.iterdir()) / 1e6)
    return {"name": arguments["name"], "folder": str(target), "export": target.name, "megabytes": megabytes}


def _license(engine: str, base_id: str) -> str:
    """Weights that were made here are nobody's; everything else is taken to descend from the published model."""
    models = bases(engine)
    return models.catalog[base_id].license if models.is_made(base_id) else info(engine).license_note
