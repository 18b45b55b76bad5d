"""Runs that have no sentence in common: letting the checkpoints of one speak the sentences of the other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.listening.candidates import Candidate, Sentence, comparable, condition_of, sentences_of, short_name
from core.project.workspace import Project
from core.training.run import Run


def strangers(pool: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Pairs of runs, the newer first, that cannot be compared: they spoke other sentences, or with other references."""
    by_run: dict[str, list[Candidate]] = {}
    for candidate in pool:
        if candidate.checkpoint.step:
            by_run.setdefault(candidate.checkpoint.run_id, []).append(candidate)
    return [
        (newer, older)
        for newer, older in itertools.combinations(by_run, 2)
        if not any(comparable(a, b) for a in by_run[newer] for b in by_run[older])
    ]


def start_compare(project: Project, run_id: str, speaker_id: str, *, device: str = "auto") -> Job:
    """Let the checkpoints of the run ``speaker_id`` speak the sentences of ``run_id``, in a job that may wait.

    Raises:
        Busy: another such job of this project is at work or waits.
        UserError: ``train.no_run``, ``listening.no_sentences``.
    """
    run, speaker = Run(project, run_id), Run(project, speaker_id)
    frozen = sentences_of(run)
    if frozen is None or not frozen.references:
        raise UserError(
            "listening.no_sentences",
            "It is not known which sentences “{run}” spoke, and with which references.",
            "Choose another run to compare with.",
            run=run.title,
        )
    args = CompareArgs(run=run_id, speaker=speaker_id, device=device)
    return project.start_job(args, title=f"{speaker.title} – {run.title}", gpu=True, wait=True)


def unspoken(project: Project, run: Run, pool: Sequence[Candidate], speaker_id: str) -> dict[int, list[Sentence]]:
    """What checkpoints of a run have not spoken yet of another's sentences, by step."""
    frozen = sentences_of(run)
    spoken_with = short_name(condition_of(run, run.read()))
    wanted = [Sentence(number, text, spoken_with) for number, text in enumerate(frozen.texts if frozen else ())]
    checkpoints = {
        candidate.checkpoint: candidate
        for candidate in pool
        if candidate.checkpoint.run_id == speaker_id and candidate.checkpoint.step
    }
    steps = set(Run(project, speaker_id).checkpoints.steps())
    missing = {ref.step: [one for one in wanted if one not in own.samples] for ref, own in checkpoints.items()}
    return {step: sentences for step, sentences in sorted(missing.items()) if sentences and step in steps}


def reference_checkpoint(run: Run) -> CheckpointRef:
    """Through which a run's reference clips are found."""
    return CheckpointRef(run.id, 0)
