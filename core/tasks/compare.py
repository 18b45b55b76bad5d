"""Job ``compare``: checkpoints of one run speak the sentences of another, with its references and seeds."""

from __future__ import annotations

import shutil
from typing import Any

from core.audio.synthetic import write_speech
from core.checkpoint_ref import CheckpointRef, step_folder
from core.engines.registry import get_engine
from core.files import write_json
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.listening.candidates import VOICE, candidates, comparison_folder, condition_of, sentences_of, short_name
from core.listening.comparison import reference_checkpoint, unspoken
from core.project.workspace import Project
from core.synthesis.start import checkpoint_folder, reference_files
from core.training.checkpoints import fingerprint
from core.training.run import Run
from core.training.samples import FILE


def run(job: Job, project: Project, args: CompareArgs, reporter: Reporter) -> dict[str, Any]:
    """Write what is missing; what an earlier job has spoken stays."""
    other, speaker = Run(project, args.run), Run(project, args.speaker)
    frozen = sentences_of(other)
    assert frozen is not None  # looked at when the job was started; a run's sentences never change
    missing = unspoken(project, other, candidates(project), speaker.id)
    total, done = sum(map(len, missing.values())), 0
    folder = comparison_folder(project, short_name(condition_of(other, other.read())))
    write_json(folder / FILE, {"texts": list(frozen.texts)})
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, speaker.base_id)
    references = reference_files(project, reference_checkpoint(other), frozen.references)
    for step, sentences in missing.items():
        reporter.check_stop()
        checkpoint = checkpoint_folder(project, CheckpointRef(speaker.id, step))
        spoken = folder / speaker.id / step_folder(step)
        if len(sentences) == len(frozen.texts):  # what lies there is by weights that bore this number before
            shutil.rmtree(spoken, ignore_errors=True)
        write_json(spoken / VOICE, {"voice": fingerprint(speaker.base_id, checkpoint)})
        voice = engine.load_voice(base, checkpoint, device=args.device)
        conditioning = voice.condition(references)
        for sentence in sentences:
            reporter.check_stop()
            reporter.progress("samples", done, total, sentence.text)
            seed = frozen.seed_of(sentence.number)
            samples, rate = voice.speak(
                sentence.text, frozen.language, conditioning, seed, should_stop=reporter.stop_requested
            )
            write_speech(spoken / f"{sentence.number}.wav", samples, rate)
            done += 1
    return {"sentences": done, "checkpoints": len(missing)}
