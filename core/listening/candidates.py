"""Candidates for comparison: checkpoints with samples, the real recording, and the sentences two have in common."""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from core.checkpoint_ref import CheckpointRef, step_of
from core.damage import DamagedFile, read_once, read_record
from core.files import inside, read_json, read_text, subfolders
from core.project.workspace import Project
from core.training.checkpoints import HASHES, fingerprint
from core.training.run import Run, RunView, runs
from core.training.samples import FILE, Sentences

# Stands for the speaker's own recording of a sentence; a run's folder is never called so.
REAL = CheckpointRef("~real", 0)
VOICE = "voice.json"  # beside sounds spoken to be compared: by which weights
_MOST_BYTES = 64 << 20  # of a dataset's texts


@dataclass(frozen=True, order=True)
class Sentence:
    """A held-out sentence: its number in the run and its text.

    ``spoken_with`` is a short name of what else decides how it sounds (references, base, language, seed): only what was
    spoken with the same is compared.
    """

    number: int
    text: str
    spoken_with: str = ""


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that has spoken.

    ``condition`` is what its run's samples were spoken with (references, base, language, seed); base voices of one
    condition are one voice.
    """

    checkpoint: CheckpointRef
    run_title: str
    condition: tuple[str, ...]
    samples: dict[Sentence, Path]


def candidates(project: Project) -> list[Candidate]:
    """Every checkpoint with at least one sample on disk; newest run first, then by step."""
    elsewhere = _spoken_for_comparison(project)
    return [candidate for run in runs(project) for candidate in _of_run(run, elsewhere)]


def comparable(left: Candidate, right: Candidate) -> list[Sentence]:
    """Sentences that both have spoken with the same reference and seed; empty if there is nothing to compare."""
    a, b = left.checkpoint, right.checkpoint
    if a == b or (a.step == 0 and b.step == 0):
        return []  # step 0 is the base voice itself, the same in every run
    return sorted(left.samples.keys() & right.samples.keys())


def same_voice(pool: Iterable[Candidate], checkpoint: CheckpointRef) -> tuple[CheckpointRef, ...]:
    """The names of a candidate's voice in the pool: base voices of one condition are one voice."""
    if checkpoint.step > 0:
        return (checkpoint,)
    conditions = {entry.checkpoint: entry.condition for entry in pool if entry.checkpoint.step == 0}
    return tuple(base for base, condition in conditions.items() if condition == conditions[checkpoint])


def sentences(
    project: Project, left: CheckpointRef | None = None, right: CheckpointRef | None = None
) -> list[Sentence]:
    """Sentences that two checkpoints share, each text once; unless both are given, all that any two share."""
    pool = [entry for entry in candidates(project) if not left or not right or entry.checkpoint in (left, right)]
    pairs = {sentence for a, b in itertools.combinations(pool, 2) for sentence in comparable(a, b)}
    return sorted({sentence.text: replace(sentence, spoken_with="") for sentence in sorted(pairs)}.values())


def real_recordings(project: Project, of: Iterable[Run] | None = None) -> Candidate:
    """What the speaker really said of the sentences that runs speak: held-out lines of their datasets."""
    samples: dict[Sentence, Path] = {}
    for run in runs(project) if of is None else of:
        view = run.read()
        spoken_with = short_name(condition_of(run, view))
        recordings = _validation_recordings(run.dataset)
        for number, spoken in view.samples.items():
            path = recordings.get(spoken[0].text)
            if path is not None and path.is_file():
                samples[Sentence(number, spoken[0].text, spoken_with)] = path
    return Candidate(REAL, "", (), samples)


def condition_of(run: Run, view: RunView) -> tuple[str, ...]:
    """What a run's samples are spoken with: references by their sound, base, language, seed."""
    about = view.about
    base, language = str(about.get("base", "")), str(about.get("language", ""))
    return reference_sounds(run), base, language, str(view.config.seed)


def short_name(condition: tuple[str, ...]) -> str:
    """A condition as a name for files."""
    return hashlib.sha256("\n".join(condition).encode()).hexdigest()[:16]


def comparison_folder(project: Project, spoken_with: str) -> Path:
    """Where sentences of one run lie that checkpoints of others have spoken: ``<run>/<step>/<number>.wav``."""
    return inside(project.spoken, spoken_with)


def sentences_of(run: Run) -> Sentences | None:
    """What the run's checkpoints speak, and with which references; None where it was never fixed or is unreadable."""
    path = run.path / "samples" / FILE
    try:
        return read_record(path, Sentences, "run", run.path) if path.is_file() else None
    except DamagedFile:
        return None


def _of_run(run: Run, elsewhere: dict[CheckpointRef, dict[Sentence, Path]]) -> list[Candidate]:
    view = run.read()
    condition = condition_of(run, view)
    spoken_with = short_name(condition)
    by_step: dict[int, dict[Sentence, Path]] = {}
    # One whose checkpoint was cleared away can be heard on the Train page, but not be had any more.
    pruned_steps = view.job.pruned
    for samples in view.samples.values():
        for sample in samples:
            if sample.step not in pruned_steps and sample.path.exists():
                sounds = by_step.setdefault(sample.step, {})
                sounds[Sentence(sample.sentence, sample.text, spoken_with)] = sample.path
    for step in by_step:
        spoken_for_others = elsewhere.get(CheckpointRef(run.id, step), {})
        by_step[step] |= {key: path for key, path in spoken_for_others.items() if _is_by(run, step, path.parent)}
    return [Candidate(CheckpointRef(run.id, step), run.title, condition, by_step[step]) for step in sorted(by_step)]


def _is_by(run: Run, step: int, folder: Path) -> bool:
    """Whether the weights of a step spoke the sounds in a folder, and not others that bore its number before."""
    checkpoint = run.checkpoints.folder(step)
    try:
        voice = read_once(_read_voice, folder / VOICE)
        return voice == read_once(_fingerprint, checkpoint / HASHES, run.base_id)
    except DamagedFile:  # spoken, or saved, by a version that noted no weights
        return not (folder / VOICE).exists() or not (checkpoint / HASHES).exists()


def _read_voice(path: Path, _version: tuple[int, int, int]) -> str:
    return str(read_json(path)["voice"])


def _fingerprint(hashes: Path, base_id: str, _version: tuple[int, int, int]) -> str:
    return fingerprint(base_id, hashes.parent)


def reference_sounds(run: Run) -> str:
    """A run's references by their content, so that two datasets with the same ones are comparable."""
    sentences = sentences_of(run)
    if sentences is None:
        return run.dataset.name
    try:
        hashes = read_once(_sound_hashes, run.dataset / "report.json")
    except DamagedFile:
        hashes = {}
    return " ".join(hashes.get(id_, f"{run.dataset.name}/{id_}") for id_ in sentences.references)


def _sound_hashes(report: Path, _version: tuple[int, int, int]) -> dict[str, str]:
    return {str(clip["id"]): str(clip["sha256"]) for clip in dict(read_json(report))["used"]}


def _validation_recordings(dataset: Path) -> dict[str, Path]:
    """Recordings of the lines that are held out, by their text."""
    try:
        return read_once(_read_validation, dataset / "metadata_val.csv")
    except DamagedFile:
        return {}


def _read_validation(path: Path, _version: tuple[int, int, int]) -> dict[str, Path]:
    rows = csv.reader(read_text(path, _MOST_BYTES).splitlines(), delimiter="|", quoting=csv.QUOTE_NONE)
    return {row[1]: path.parent / "wavs" / f"{row[0]}.wav" for row in rows if len(row) > 1}


def _spoken_for_comparison(project: Project) -> dict[CheckpointRef, dict[Sentence, Path]]:
    """What checkpoints have spoken of other runs' sentences."""
    sounds: dict[CheckpointRef, dict[Sentence, Path]] = {}
    for folder in subfolders(project.spoken):
        texts = noted_texts(folder)
        for path in folder.glob("*/*/*.wav"):
            step, number = step_of(path.parent.name), path.stem
            if step is not None and number.isdigit() and int(number) < len(texts) and texts[int(number)]:
                ref = CheckpointRef(path.parent.parent.name, step)
                sounds.setdefault(ref, {})[Sentence(int(number), texts[int(number)], folder.name)] = path
    return sounds


def noted_texts(folder: Path) -> tuple[str, ...]:
    """Which text each number stands for in a `comparison_folder`; none where it is not noted or is unreadable."""
    try:
        return read_once(_read_texts, folder / FILE)
    except DamagedFile:
        return ()


def _read_texts(path: Path, _version: tuple[int, int, int]) -> tuple[str, ...]:
    return tuple(str(text) for text in read_json(path)["texts"])
