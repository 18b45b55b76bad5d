"""Runs that have no sentence in common: letting checkpoints speak the same ones, after the same references."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.files import write_json
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.listening.candidates import (
    Candidate,
    Sentence,
    comparable,
    comparison_folder,
    condition_of,
    noted_texts,
    reference_sounds,
    sentences_of,
    short_name,
)
from core.project.workspace import Project
from core.training.run import Run
from core.training.samples import FILE


@dataclass(frozen=True)
class Script:
    """What is spoken to be compared: sentences, each with its seed, after the references of ``run``.

    ``texts`` are all that lie in ``folder`` or will, by the sentence's number.
    """

    run: Run
    folder: Path
    language: str
    references: tuple[str, ...]
    texts: tuple[str, ...]
    seeds: Mapping[Sentence, int]

    def write(self) -> None:
        """Note which text each number stands for."""
        write_json(self.folder / FILE, {"texts": list(self.texts)})


def strangers(pool: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Pairs of runs, the newer first, that cannot be compared: they spoke other sentences, or with other references."""
    by_run = _checkpoints_by_run(pool)
    return [
        (newer, older)
        for newer, older in itertools.combinations(by_run, 2)
        if not any(comparable(a, b) for a in by_run[newer] for b in by_run[older])
    ]


def begun(project: Project, pool: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Pairs of runs, the newer first, of which the newer has spoken texts after the older one's references."""
    run_ids = list(_checkpoints_by_run(pool))
    folders = {run_id: _folder_of_texts(project, Run(project, run_id)) for run_id in run_ids if project.spoken.is_dir()}
    return [
        (newer, older)
        for newer, older in itertools.combinations(run_ids, 2)
        if (folder := folders.get(older)) is not None and (folder / newer).is_dir()
    ]


def script_of_samples(project: Project, run: Run) -> Script:
    """What the checkpoints of a run speak while it trains.

    Raises:
        UserError: ``listening.no_sentences``.
    """
    frozen = sentences_of(run)
    if frozen is None or not frozen.references:
        raise _unknown(run)
    spoken_with = short_name(condition_of(run, run.read()))
    seeds = {Sentence(number, text, spoken_with): frozen.seed_of(number) for number, text in enumerate(frozen.texts)}
    folder = comparison_folder(project, spoken_with)
    return Script(run, folder, frozen.language, frozen.references, frozen.texts, seeds)


def script_of_texts(project: Project, run: Run, texts: Sequence[str]) -> Script:
    """Texts that runs have in common, with seed 0 and after the references of one.

    A text keeps its number, and what is spoken stays when others are added. Where it is not known any more which text
    a sound says, its number stays empty.

    Raises:
        UserError: ``listening.no_sentences``.
    """
    frozen, folder = sentences_of(run), _folder_of_texts(project, run)
    if frozen is None or folder is None:
        raise _unknown(run)
    spoken_with = folder.name
    texts_before = noted_texts(folder) or ("",) * _numbers_in_use(folder)
    all_texts = texts_before + tuple(text for text in dict.fromkeys(texts) if text not in texts_before)
    seeds = {Sentence(all_texts.index(text), text, spoken_with): 0 for text in dict.fromkeys(texts)}
    return Script(run, folder, frozen.language, frozen.references, all_texts, seeds)


def start_compare(project: Project, run_id: str, speaker_id: str, *, device: str = "auto") -> Job:
    """Let the checkpoints of the run ``speaker_id`` speak the sentences of ``run_id``, in a job that may wait.

    Raises:
        Busy: another such job of this project is at work or waits.
        UserError: ``train.no_run``, ``listening.no_sentences``.
    """
    run, speaker = Run(project, run_id), Run(project, speaker_id)
    script_of_samples(project, run)
    args = CompareArgs(run=run_id, speaker=speaker_id, device=device)
    return project.start_job(args, title=f"{speaker.title} – {run.title}", gpu=True, wait=True)


def unspoken(script: Script, pool: Sequence[Candidate], speaker: Run) -> dict[int, list[Sentence]]:
    """What checkpoints of a run have not spoken yet of a script, by step."""
    steps = set(speaker.checkpoints.steps())
    missing = {
        candidate.checkpoint.step: [sentence for sentence in script.seeds if sentence not in candidate.samples]
        for candidate in pool
        if candidate.checkpoint.run_id == speaker.id and candidate.checkpoint.step in steps - {0}
    }
    return {step: sentences for step, sentences in sorted(missing.items()) if sentences}


def reference_checkpoint(run: Run) -> CheckpointRef:
    """Through which a run's reference clips are found."""
    return CheckpointRef(run.id, 0)


def _checkpoints_by_run(pool: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Those that have learnt something; the newest run first."""
    by_run: dict[str, list[Candidate]] = {}
    for candidate in pool:
        if candidate.checkpoint.step:
            by_run.setdefault(candidate.checkpoint.run_id, []).append(candidate)
    return by_run


def _folder_of_texts(project: Project, run: Run) -> Path | None:
    """Where texts lie that are spoken after a run's references; None where these are not known."""
    frozen = sentences_of(run)
    if frozen is None or not frozen.references:
        return None
    return comparison_folder(project, short_name(("test set", reference_sounds(run), frozen.language)))


def _numbers_in_use(folder: Path) -> int:
    return max((1 + int(path.stem) for path in folder.glob("*/*/*.wav") if path.stem.isdecimal()), default=0)


def _unknown(run: Run) -> UserError:
    return UserError(
        "listening.no_sentences",
        "It is not known which sentences “{run}” spoke, and with which references.",
        "Choose another run to compare with.",
        run=run.title,
    )
