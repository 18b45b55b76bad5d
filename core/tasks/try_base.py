"""Job ``try_base``: one sentence spoken with every set of answers about a base, measured, for a person to choose."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.audio.samples import Samples, read
from core.audio.synthetic import write_speech
from core.engines.base import Engine
from core.engines.options import TrainConfig
from core.engines.registry import bases, get_engine
from core.engines.session import Features
from core.engines.voice import ReferenceClip
from core.errors import UserError
from core.files import write_json
from core.jobs.args.bases import TryBaseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter, record_of
from core.project.workspace import Project
from core.synthesis.base_tries import TRIES, BaseTry, answer_sets, proposal
from core.synthesis.start import reference_files
from core.tasks.self_test import judged, open_recognizer, reader


def run(job: Job, project: Project, args: TryBaseArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``tries.json`` into the job's folder, and what was said as ``try-<number>.wav``.

    Nothing is written into the base's own folder: what a person chooses is written there by their click.

    Returns:
        ``tries``, and ``proposal``: the number of the try that the recogniser understands best, -1 for none.
    """
    reporter.progress("load_engine", 0, 1)
    engine, models = get_engine(project.info.engine), bases(project.info.engine)
    sets = answer_sets(models.questions(args.folder))
    references = reference_files(project, None, args.reference_clip_ids)
    recording, rate = read(references[0].path)
    recognizer = open_recognizer(project, args.language, args.device, reporter)
    tries: list[BaseTry] = []
    for number, answers in enumerate(sets):
        reporter.check_stop()
        reporter.progress("try_base", number, len(sets))
        facts: dict[str, Any] = {}
        try:
            folder = _answered(job, args.folder, number)
            models.answer(project.workspace.models, folder, answers, reporter.check_stop)
            samples, spoken_rate = _speak(engine, folder, references, args, reporter)
            write_speech(job.path / f"try-{number}.wav", samples, spoken_rate)
            as_read = reader(project, folder, args.language)
            facts = judged(samples, spoken_rate, args.text, args.language, recognizer, (recording, rate), as_read)
        except UserError as error:  # this way nothing can be said; the others go on
            facts = {"problem": str(error), "error": record_of(error)}
        tries.append(BaseTry(number, answers, **facts))
        write_json(job.path / TRIES, {"tries": [asdict(base_try) for base_try in tries]})
    best = proposal(tries)
    return {"tries": len(tries), "proposal": best.number if best else -1}


def _speak(
    engine: Engine[TrainConfig, Features, object],
    folder: Path,
    references: list[ReferenceClip],
    args: TryBaseArgs,
    reporter: Reporter,
) -> tuple[Samples, int]:
    voice = engine.load_voice(folder, None, device=args.device)
    reference = voice.condition(references)
    return voice.speak(args.text, args.language, reference, 0, should_stop=reporter.stop_requested)


def _answered(job: Job, base: Path, number: int) -> Path:
    """A folder with links to the base's files, in which answers can be written down without any harm."""
    folder = job.path / f"base-{number}"
    folder.mkdir(exist_ok=True)
    for path in base.iterdir():
        if path.is_file() and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    return folder
