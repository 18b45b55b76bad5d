"""Job ``export``: write a checkpoint as a folder that the engine's own package loads."""

from __future__ import annotations

import shutil
from typing import Any

from core.engines.registry import get_engine, info
from core.errors import UserError
from core.files import inside, write_atomic
from core.jobs.args.speech import ExportArgs, SelfTestArgs, VoiceArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.report.model_card import FILE, license_of, model_card
from core.synthesis.self_test import complete, is_tested, verdict, ways_agree
from core.synthesis.start import checkpoint_folder, reference_files
from core.tasks.self_test import test_voice
from core.training.run import Run

_STAGES = ("load_base", "merge", "verify")


def run(job: Job, project: Project, args: ExportArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``exports/<name>``; it appears when it is complete and has spoken once."""
    ref = args.checkpoint
    if ref:
        Run(project, ref.run_id).checkpoints.verify(ref.step)
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, args.base)
    for leftover in project.exports.glob(".tmp-*"):
        # What a killed export left behind; only one runs at a time.
        shutil.rmtree(leftover)
    target = inside(project.exports, args.folder)
    faults = _test(job, project, args, reporter)

    def on_stage(stage: str) -> None:
        reporter.check_stop()
        reporter.progress(stage, _STAGES.index(stage), len(_STAGES))

    facts = {
        "project": project.info.name,
        "run": Run(project, ref.run_id).title if ref else None,
        "run_id": ref.run_id if ref else None,
        "step": ref.step if ref else 0,
        "base": args.base,
        "reference_clips": list(args.reference_clip_ids),
        "rights": args.rights or project.info.rights,
        "speaking": {"settings": args.settings, "seed": args.seed, "language": args.language, "colour": args.colour},
        "picture": args.picture,
        "languages": list(info(project.info.engine).languages),
        "license": license_of(project, args),
    }
    engine.export(
        base,
        checkpoint_folder(project, args.checkpoint),
        target,
        name=args.name,
        references=reference_files(project, args.checkpoint, args.reference_clip_ids),
        text=args.text,
        language=args.language,
        seed=args.seed,
        device=args.device,
        facts=facts,
        on_stage=on_stage,
        should_stop=reporter.stop_requested,
    )
    write_atomic(target / FILE, model_card(project, args.name, args, args.rights).encode())
    megabytes = round(sum(path.stat().st_size for path in target.iterdir()) / 1e6)
    return {"name": args.name, "folder": str(target), "export": target.name, "megabytes": megabytes, **faults}


def _test(job: Job, project: Project, args: ExportArgs, reporter: Reporter) -> dict[str, str]:
    """Test a voice that has not been tested yet, before it is offered as an export; its ways have to agree.

    Raises:
        UserError: ``export.self_test``.
    """
    if is_tested(project, args):
        return {}
    voice = {name: getattr(args, name) for name in VoiceArgs.model_fields}
    rows = test_voice(job, project, complete(project, SelfTestArgs(**{**voice, "text": ""})), reporter)
    if not ways_agree(rows):
        raise UserError(
            "export.self_test",
            "The self test found that this voice does not say everywhere the same; nothing was exported.",
            "The table under “Self test” shows which way differs. Export another checkpoint, or train anew.",
            what=", ".join(str(row["way"]) for row in rows if row.get("problem") or not row.get("is_equal", True)),
        )
    return {"verdict": verdict(rows)}
