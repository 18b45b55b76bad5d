"""Plan of an evaluation: which lines a run's voices speak, after which references, and which recordings are the real
voice."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile

from core.audio.samples import Samples, read
from core.audio.vad import RATE_HZ
from core.checkpoint_ref import step_folder
from core.engines import registry
from core.evaluation.scores import Score, ScoreFile, read_scores, sound_key
from core.evaluation.test_set import HeldOut, Line, bundled, held_out, of_training, own_sentences, unique
from core.project.workspace import Project
from core.synthesis.start import best_references, run_references
from core.training.run import Run, runs
from core.training.samples import Sentences


@dataclass(frozen=True)
class Plan:
    """What is spoken, in which language and after which recordings; and the recordings of the real voice.

    ``is_held_out`` is False where nothing is kept back and clips that were learnt from show the voice.
    ``dataset`` is the name of the run's.
    """

    lines: tuple[Line, ...]
    language: str
    references: tuple[str, ...]
    real: tuple[HeldOut, ...]
    is_held_out: bool
    dataset: str

    def key(self, voice: str, line: Line) -> str:
        """Names the sound of a line by all that decides it."""
        return sound_key(voice, self.language, [self.dataset, *self.references], line)


def plan(project: Project, run: Run) -> Plan:
    """The test set of a run: its own sentences, the bundled ones of the language, a person's, and held-out lines.

    Raises:
        UserError: ``engine.language``.
    """
    language = registry.language_code(project.info.language, project.info.engine)
    references = tuple(run_references(run) or best_references(project))
    kept_back = held_out(run.dataset)
    lines = unique(
        [
            *sample_lines(run),
            *bundled(language),
            *(Line("own", text) for text in own_sentences(project)),
            *(Line("held_out", clip.text) for clip in kept_back),
        ]
    )
    real = [clip for clip in kept_back or of_training(run.dataset, references) if is_sound(clip.path)]
    return Plan(tuple(lines), language, references, tuple(real), bool(kept_back), run.dataset.name)


def sample_lines(run: Run) -> list[Line]:
    """What the run's checkpoints speak while it trains, in order; none where nothing is noted."""
    try:
        sentences = Sentences.read(run.path)
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [Line("sample", text, sentences.seed_of(number)) for number, text in enumerate(sentences.texts)]


def said_in_training(run: Run, scores: ScoreFile, lines: Iterable[tuple[str, Line]]) -> dict[str, Score]:
    """What a checkpoint has said of lines, given with their keys, while its run trained."""
    numbers = {line: number for number, line in enumerate(sample_lines(run))}
    paths = {}
    for key, line in lines:
        path = Path("samples") / step_folder(scores.step or 0) / f"{numbers.get(line, -1)}.wav"
        if line in numbers and is_sound(run.path / path):
            paths[key] = Score(key, line.kind, line.text, line.seed, sound=str(path))
    return paths


def said_for_other_runs(project: Project, run: Run, scores: ScoreFile, keys: Collection[str]) -> dict[str, Score]:
    """What the base has said of lines, given by their keys, to score other runs: sounds, copied here, and measures."""
    matches: dict[str, Score] = {}
    for sibling in runs(project):
        if sibling.id == run.id:
            continue
        for score in read_scores(sibling.path, scores.step, scores.voice):
            if score.key in keys and score.key not in matches and score.sound and is_sound(sibling.path / score.sound):
                path = scores.folder / f"{score.key}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(sibling.path / score.sound, path)
                matches[score.key] = replace(score, sound=str(path.relative_to(run.path)))
    return matches


def is_sound(path: Path) -> bool:
    """Whether a file is there and can be read; one that cannot is spoken anew."""
    try:
        return bool(soundfile.info(path).frames > 0)
    except (OSError, soundfile.LibsndfileError):
        return False


def sounds_of(paths: Sequence[Path]) -> list[Samples]:
    """Float32 mono samples at `RATE_HZ` of files that can be read."""
    return [read(path, sample_rate=RATE_HZ)[0] for path in paths]
