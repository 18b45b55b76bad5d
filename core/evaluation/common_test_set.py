"""The test set that two runs have in common: spoken by both after the same references, they compare by ear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.dataset.freeze import frozen_texts
from core.engines import registry
from core.errors import UserError
from core.evaluation.plan import is_sound
from core.evaluation.scores import read_scores, sound_key
from core.evaluation.test_set import Line, bundled, held_out, own_sentences
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.listening.candidates import Candidate, Sentence
from core.listening.comparison import Script, script_of_texts, unspoken
from core.project.workspace import Project
from core.training.checkpoints import fingerprint
from core.training.run import Run


def common_script(project: Project, run: Run, other: Run) -> Script:
    """What the checkpoints of both speak, after the references of ``run``: the test set of a scorecard.

    The bundled sentences of the language, a person's own, and those of the held-out lines that neither run has learnt.

    Raises:
        UserError: ``listening.no_sentences``; ``listening.no_test_set``: there is no sentence; ``engine.language``.
    """
    language = registry.language_code(project.info.language, project.info.engine)
    kept_back = {*frozen_texts(other.dataset, "metadata_val.csv").values()}
    texts = [
        *(line.text for line in bundled(language)),
        *own_sentences(project),
        *(clip.text for clip in held_out(run.dataset) if clip.text in kept_back),
    ]
    if not texts:
        raise UserError(
            "listening.no_test_set",
            "There is no test set of this language yet.",
            "Write a few test sentences of your own under “Which checkpoint to keep?”.",
        )
    return script_of_texts(project, run, texts)


def unspoken_count(script: Script, pool: Sequence[Candidate], speakers: Sequence[Run]) -> int:
    """How many sounds are missing until checkpoints of all these runs have spoken it."""
    return sum(len(sentences) for run in speakers for sentences in unspoken(script, pool, run).values())


def said_to_be_scored(script: Script, run: Run, step: int) -> Mapping[Sentence, Path]:
    """What a checkpoint has said of it already to be scored, with the same references and seeds."""
    voice = fingerprint(run.base_id, run.checkpoints.folder(step))
    sounds = {score.key: run.path / score.sound for score in read_scores(run.path, step, voice) if score.sound}
    references = [script.run.dataset.name, *script.references]
    paths = {}
    for sentence, seed in script.seeds.items():
        path = sounds.get(sound_key(voice, script.language, references, Line("", sentence.text, seed)))
        if path is not None and is_sound(path):
            paths[sentence] = path
    return paths


def start_common_test_set(project: Project, run_id: str, other_id: str, *, device: str = "auto") -> Job:
    """Let the checkpoints of both runs speak their common test set, in a job that may wait; what is spoken stays.

    Raises:
        Busy: another comparison of this project is being spoken, or waits.
        UserError: ``train.no_run``, and as `common_script` does.
    """
    run, other = Run(project, run_id), Run(project, other_id)
    common_script(project, run, other)
    args = CompareArgs(run=run_id, speaker=other_id, test_set=True, device=device)
    return project.start_job(args, title=f"{other.title} – {run.title}", gpu=True, wait=True)
