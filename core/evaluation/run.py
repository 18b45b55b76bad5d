"""Scoring a run: its test set spoken by the base and every checkpoint, each measured as soon as it is spoken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from core.audio.samples import Samples, read
from core.audio.vad import RATE_HZ
from core.checkpoint_ref import CheckpointRef, step_folder
from core.engines import registry
from core.errors import UserError
from core.evaluation.measure import Listener, unit, voices_of
from core.evaluation.scores import Score, ScoreFile, fingerprint, sound_key
from core.evaluation.speaker import Speaker
from core.evaluation.test_set import HeldOut, Line, bundled, held_out, of_training, own_sentences, unique
from core.jobs.args import EvaluateArgs
from core.jobs.reporter import Reporter
from core.measures.run import missing_packages
from core.project.workspace import Project
from core.synthesis.start import best_references, reference_files, run_references
from core.training.run import Run
from core.training.samples import Sentences
from core.transcription.base import Recognizer
from core.transcription.load import Choice, open_model
from core.transcription.start import usual_recogniser

_AT_ONCE = 8  # sentences spoken in one go


@dataclass(frozen=True)
class Plan:
    """What is spoken, in which language and after which recordings; and the recordings of the real voice.

    ``is_held_out`` is False where nothing is kept back and clips that were learnt from show the voice.
    """

    lines: tuple[Line, ...]
    language: str
    references: tuple[str, ...]
    real: tuple[HeldOut, ...]
    is_held_out: bool


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
            *_sample_lines(run),
            *bundled(language),
            *(Line("own", text) for text in own_sentences(project)),
            *(Line("held_out", clip.text) for clip in kept_back),
        ]
    )
    real = [clip for clip in kept_back or of_training(run.dataset, references) if _is_sound(clip.path)]
    return Plan(tuple(lines), language, references, tuple(real), bool(kept_back))


@dataclass
class Evaluation:
    """Scores one run; `score` does it all."""

    project: Project
    run: Run
    args: EvaluateArgs
    reporter: Reporter

    def score(self) -> int:
        """Speak and measure what is missing; returns how many checkpoints were scored, the base among them.

        Raises:
            Cancelled: Stop was pressed; what is spoken and measured by then is kept.
            UserError: the base or the references cannot be used.
        """
        self.reporter.progress("load_engine", 0, 1)
        self.engine = registry.get_engine(self.project.info.engine)
        self.base = self.engine.base_folder(self.project.workspace.models, self.run.base_id)
        self.plan = self._readable(plan(self.project, self.run))
        self._tell_what_is_missing()
        self.listener = self._listener()
        self._score_real()
        steps = [0, *(step for step in self.run.checkpoints.steps() if step > 0)]
        self.done, self.total = 0, 2 * len(steps) * len(self.plan.lines)
        return sum(self._score_step(step) for step in steps)

    def _readable(self, test_set: Plan) -> Plan:
        """Without the lines that the model cannot read, which are named."""
        check = registry.texts(self.project.info.engine).check(self.base, test_set.language)
        unreadable = [line.text for line in test_set.lines if check(line.text) is not None]
        if unreadable:
            self.reporter.warning(
                "evaluate.unreadable",
                "The model cannot read {count} of the test sentences, such as “{sentence}”; they are left out.",
                "If it is one of your own, write it otherwise.",
                count=len(unreadable),
                sentence=unreadable[0],
            )
        return replace(test_set, lines=tuple(line for line in test_set.lines if line.text not in unreadable))

    def _tell_what_is_missing(self) -> None:
        missing_packages(self.reporter)
        if not self.plan.is_held_out:
            self.reporter.warning(
                "evaluate.no_held_out",
                "No clip of the dataset is kept back, so the voice is compared with clips it has learnt from.",
                "A dataset of ten clips or more keeps some back; likeness can be trusted more then.",
            )

    def _listener(self) -> Listener:
        recognizer = self._recognizer()
        self.reporter.progress("measure_load", 0, 1)
        frontend, language = registry.texts(self.project.info.engine), self.plan.language
        self.real_sounds = _sounds([clip.path for clip in self.plan.real])
        self.real_voices = voices_of(self.real_sounds)
        centre = unit(np.mean(self.real_voices, axis=0)) if self.real_voices else None
        return Listener(recognizer, language, lambda text: frontend.read(self.base, text, language).text, centre)

    def _recognizer(self) -> Recognizer | None:
        model = self.args.model or usual_recogniser(self.project, self.plan.language)
        choice = Choice(model, self.plan.language, "", self.args.device, beam_size=1)
        try:
            return open_model(self.project.workspace, choice, self.reporter)
        except UserError as error:
            self.reporter.warning(
                "evaluate.no_recognizer",
                "How clearly it speaks was not measured: no recognition model could be opened ({what}).",
                "Open one on the Transcripts page, then score again; all else is measured.",
                what=error.text,
            )
            return None

    def _score_real(self) -> None:
        """Measure the recordings of the real voice, each against the others of it."""
        scores = ScoreFile.open(self.run.path, None)
        keys = []
        missing: list[Score] = []
        sounds: list[Samples] = []
        for clip, sound in zip(self.plan.real, self.real_sounds, strict=True):
            line = Line("held_out" if self.plan.is_held_out else "learnt", clip.text)
            key = sound_key(f"real {self.run.dataset.name} {clip.clip_id}", self.plan.language, (), line)
            keys.append(key)
            if key not in scores.scores or scores.scores[key].measured != self.listener.name:
                missing.append(Score(key, line.kind, clip.text))
                sounds.append(sound)
        scores.keep(keys)
        if missing:
            self.reporter.progress("measure_clips", 0, len(missing))
            measured = self.listener.measure(missing, sounds, self.reporter.stop_requested)
            scores.put(self._against_the_others(score, sound) for score, sound in zip(measured, sounds, strict=True))

    def _against_the_others(self, score: Score, sound: Samples) -> Score:
        """Its likeness to the other recordings: to itself it would be perfect."""
        if score.likeness is None or len(self.real_voices) < 2:
            return score
        voice = voices_of([sound])[0]
        others = np.sum(self.real_voices, axis=0) - voice
        return replace(score, likeness=round(float(voice @ unit(others)), 4))

    def _score_step(self, step: int) -> bool:
        """Speak and measure what a checkpoint lacks; False if it is gone, or cannot be loaded."""
        self.reporter.check_stop()
        checkpoint = self.run.checkpoints.folder(step) if step else None
        try:
            if checkpoint and step not in self.run.checkpoints.steps():
                raise FileNotFoundError(checkpoint)
            scores = ScoreFile.open(self.run.path, step, fingerprint(self.run.base_id, checkpoint))
            self._speak_missing(scores, checkpoint)
        except (FileNotFoundError, UserError) as error:
            if checkpoint is None:
                raise
            self._set_aside(step, checkpoint, error)
            return False
        return True

    def _set_aside(self, step: int, checkpoint: Path, error: Exception) -> None:
        if checkpoint.exists() and isinstance(error, UserError):
            self.reporter.set_aside(error)
        else:
            self.reporter.warning(
                "evaluate.checkpoint_gone",
                "Checkpoint {step} was removed meanwhile and is not scored.",
                "The others are.",
                step=step,
            )

    def _speak_missing(self, scores: ScoreFile, checkpoint: Path | None) -> None:
        """Speak, measure and store a few sentences at a time, so that little is lost to a Stop."""
        shown = [self.run.dataset.name, *self.plan.references]
        lines = {sound_key(scores.voice, self.plan.language, shown, line): line for line in self.plan.lines}
        scores.keep(lines)
        have = {key: scores.scores[key] for key in lines if key in scores.scores}
        spoken = {key for key, score in have.items() if score.sound and _is_sound(self.run.path / score.sound)}
        measured = {key for key in spoken if have[key].measured == self.listener.name}
        self.done += 2 * len(measured)
        todo = [(key, line) for key, line in lines.items() if key not in measured]
        speaker: Speaker | None = None
        for first in range(0, len(todo), _AT_ONCE):
            part = todo[first : first + _AT_ONCE]
            unspoken = [(key, line) for key, line in part if key not in spoken]
            by_key = {key: have[key] for key, _ in part if key in spoken}
            by_key |= self._from_samples(scores, unspoken)
            unspoken = [(key, line) for key, line in unspoken if key not in by_key]
            if unspoken:
                speaker = speaker or self._speaker(checkpoint)
                by_key |= speaker.speak(scores, unspoken)
            self.done += len(part)
            scores.put(by_key.values())
            self._progress(part[0][1].text)
            heard = [score for score in by_key.values() if score.sound]
            sounds = _sounds([self.run.path / score.sound for score in heard])
            results = self.listener.measure(heard, sounds, self.reporter.stop_requested)
            if speaker is not None:
                results = [speaker.to_its_own_ears(score, sound) for score, sound in zip(results, sounds, strict=True)]
            scores.put(results)
            self.done += len(part)
            self._progress(part[-1][1].text)

    def _from_samples(self, scores: ScoreFile, lines: Iterable[tuple[str, Line]]) -> dict[str, Score]:
        """What the checkpoint has said during its training already."""
        samples = {line: number for number, line in enumerate(_sample_lines(self.run))}
        found = {}
        for key, line in lines:
            path = Path("samples") / step_folder(scores.step or 0) / f"{samples.get(line, -1)}.wav"
            if line in samples and _is_sound(self.run.path / path):
                found[key] = Score(key, line.kind, line.text, line.seed, sound=str(path))
        return found

    def _speaker(self, checkpoint: Path | None) -> Speaker:
        voice = self.engine.load_voice(self.base, checkpoint, device=self.args.device)
        self.reporter.check_stop()
        clips = reference_files(self.project, CheckpointRef(self.run.id, 0), self.plan.references)
        speaker = Speaker(voice, voice.condition(clips), self.plan.language, self.reporter, self.real_sounds)
        self._real_to_its_own_ears(speaker)
        return speaker

    def _real_to_its_own_ears(self, speaker: Speaker) -> None:
        """The real recordings' likeness to each other as the model itself hears it, once."""
        voices = {
            clip.text: voice
            for clip, voice in zip(self.plan.real, speaker.real_voices, strict=True)
            if voice is not None
        }
        real = ScoreFile.open(self.run.path, None)
        if len(voices) < 2 or any(score.own_likeness is not None for score in real.scores.values()):
            return
        total = np.sum(list(voices.values()), axis=0)
        real.put(
            replace(score, own_likeness=round(float(voices[score.text] @ unit(total - voices[score.text])), 4))
            for score in real.scores.values()
            if score.text in voices
        )

    def _progress(self, text: str) -> None:
        self.reporter.progress("evaluate", self.done, self.total, item=text)
        self.reporter.check_stop()


def _sample_lines(run: Run) -> list[Line]:
    """What the run's checkpoints speak while it trains, in order; none where nothing is noted."""
    try:
        sentences = Sentences.read(run.path)
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [Line("sample", text, sentences.seed_of(number)) for number, text in enumerate(sentences.texts)]


def _is_sound(path: Path) -> bool:
    """Whether a file is there and can be read; one that cannot is spoken anew."""
    try:
        return bool(soundfile.info(path).frames > 0)
    except (OSError, soundfile.LibsndfileError):
        return False


def _sounds(paths: Sequence[Path]) -> list[Samples]:
    return [read(path, sample_rate=RATE_HZ)[0] for path in paths]
