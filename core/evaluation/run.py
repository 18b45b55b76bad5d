"""Scoring a run: its test set spoken by the base and every checkpoint, each measured as soon as it is spoken."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.engines import registry
from core.errors import UserError
from core.evaluation.measure import Listener
from core.evaluation.plan import Plan, is_sound, plan, said_for_other_runs, said_in_training, sounds_of
from core.evaluation.real_voice import RealVoice
from core.evaluation.scores import ScoreFile
from core.evaluation.speaker import FAULTS, Speaker, raise_lost_card
from core.jobs.args.runs import EvaluateArgs
from core.jobs.reporter import Reporter
from core.measures.run import missing_packages
from core.project.workspace import Project
from core.reasons import reason_of
from core.synthesis.start import reference_files
from core.training.checkpoints import fingerprint
from core.training.run import Run
from core.transcription.base import Recognizer
from core.transcription.load import Choice, open_model
from core.transcription.start import usual_recogniser

_AT_ONCE = 8  # sentences spoken in one go


@dataclass
class Evaluation:
    """Scores one run; `score` does it all."""

    project: Project
    run: Run
    args: EvaluateArgs
    reporter: Reporter
    failed_measures: set[str] = field(default_factory=set)

    def score(self) -> int:
        """Speak and measure what is missing; returns how many checkpoints were scored, the base among them.

        Raises:
            Cancelled: Stop was pressed; what is spoken and measured by then is kept.
            UserError: ``evaluate.no_reference``; no base is there; or what kept all from being scored.
        """
        self.reporter.progress("load_engine", 0, 1)
        self.engine = registry.get_engine(self.project.info.engine)
        self.base = self.engine.base_folder(self.project.workspace.models, self.run.base_id)
        self.plan = self._readable(plan(self.project, self.run))
        if not self.plan.references:
            raise UserError(
                "evaluate.no_reference",
                "The dataset of “{run}” is gone, and no clip is left to take the voice from.",
                "Bring the dataset back from the trash, or approve a few clips.",
                run=self.run.title,
            )
        self._tell_what_is_missing()
        self.listener = self._listener()
        self.real.score(
            self.run.path,
            self.listener,
            self.reporter.stop_requested,
            lambda count: self.reporter.progress("measure_clips", 0, count),
        )
        steps = [0, *(step for step in self.run.checkpoints.steps() if step > 0)]
        units = 2 * len(self.plan.lines)
        self.total = units * len(steps)
        failures = []
        for number, step in enumerate(steps):
            self.done = units * number
            failure = self._score_step(step)
            failures += [failure] if failure else []
        if len(failures) == len(steps):
            raise failures[0]
        return len(steps) - len(failures)

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
        self.real = RealVoice(self.plan)
        read = lambda text: frontend.read(self.base, text, language).text  # noqa: E731
        return Listener(recognizer, language, read, self.real.centre, self._on_failure)

    def _on_failure(self, measure: str, error: Exception, text: str) -> None:
        """Name a measure that failed, once."""
        if measure in self.failed_measures:
            return
        self.failed_measures.add(measure)
        traceback.print_exception(error)
        self.reporter.warning(
            "evaluate.measure_failed",
            "A measure failed ({measure}: {what}), first on “{sentence}”.",
            "All else is measured. Score again to have it tried once more; the job's log says more.",
            measure=measure,
            what=reason_of(error),
            sentence=text,
        )

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
                what=error,
            )
            return None

    def _score_step(self, step: int) -> Exception | None:
        """Speak and measure what a checkpoint lacks; why it could not if it is gone, or cannot speak."""
        self.reporter.check_stop()
        checkpoint = self.run.checkpoints.folder(step) if step else None
        error: Exception | None = None
        try:
            if checkpoint and step not in self.run.checkpoints.steps():
                raise FileNotFoundError(checkpoint)
            scores = ScoreFile.open(self.run.path, step, fingerprint(self.run.base_id, checkpoint))
            self._speak_missing(scores, checkpoint)
        except (FileNotFoundError, *FAULTS) as failure:
            raise_lost_card(failure)
            error = failure
        finally:
            is_gone = checkpoint is not None and not checkpoint.exists()
            if is_gone:  # cleared away meanwhile, maybe after it was loaded: nobody else would remove these
                self.run.checkpoints.remove_scores(step)
        if is_gone:
            error = error or FileNotFoundError(checkpoint)
        if error is not None:
            self._set_aside(step, checkpoint, error)
        return error

    def _set_aside(self, step: int, checkpoint: Path | None, error: Exception) -> None:
        if checkpoint is None:
            self.reporter.warning(
                "evaluate.base_failed",
                "The base could not speak the test set ({what}), so there is nothing to compare with.",
                "The checkpoints are measured all the same.",
                what=reason_of(error),
            )
        elif not checkpoint.exists():
            self.reporter.warning(
                "evaluate.checkpoint_gone",
                "Checkpoint {step} was removed meanwhile and is not scored.",
                "The others are.",
                step=step,
            )
        else:
            self.reporter.warning(
                "evaluate.checkpoint_failed",
                "Checkpoint {step} could not speak the test set ({what}).",
                "The others are scored.",
                step=step,
                what=reason_of(error),
            )

    def _speak_missing(self, scores: ScoreFile, checkpoint: Path | None) -> None:
        """Speak, measure and store a few sentences at a time, so that little is lost to a Stop."""
        lines = {self.plan.key(scores.voice, line): line for line in self.plan.lines}
        scores.keep(lines)
        if checkpoint is None:
            scores.put(
                said_for_other_runs(self.project, self.run, scores, lines.keys() - scores.scores.keys()).values()
            )
        have = {key: scores.scores[key] for key in lines if key in scores.scores}
        keys = {key for key, score in have.items() if score.sound and is_sound(self.run.path / score.sound)}
        ready = {key for key in keys if have[key].measured == self.listener.name}
        self.done += 2 * len(ready)
        todo = [(key, line) for key, line in lines.items() if key not in ready]
        speaker: Speaker | None = None
        for first in range(0, len(todo), _AT_ONCE):
            part = todo[first : first + _AT_ONCE]
            unspoken = [(key, line) for key, line in part if key not in keys]
            by_key = {key: have[key] for key, _ in part if key in keys}
            by_key |= said_in_training(self.run, scores, unspoken)
            unspoken = [(key, line) for key, line in unspoken if key not in by_key]
            if unspoken:
                speaker = speaker or self._speaker(checkpoint)
                by_key |= speaker.speak(scores, unspoken)
            self.done += len(part)
            scores.put(by_key.values())
            self._progress(part[0][1].text)
            rows = [score for score in by_key.values() if score.sound]
            sounds = sounds_of([self.run.path / score.sound for score in rows])
            results = self.listener.measure(rows, sounds, self.reporter.stop_requested)
            if speaker is not None:
                results = [speaker.to_its_own_ears(score, sound) for score, sound in zip(results, sounds, strict=True)]
            scores.put(results)
            self.done += len(part)
            self._progress(part[-1][1].text)

    def _speaker(self, checkpoint: Path | None) -> Speaker:
        voice = self.engine.load_voice(self.base, checkpoint, device=self.args.device)
        self.reporter.check_stop()
        clips = reference_files(self.project, CheckpointRef(self.run.id, 0), self.plan.references)
        speaker = Speaker(voice, voice.condition(clips), self.plan.language, self.reporter, self.real.sounds)
        self.real.score_by_its_model(self.run.path, speaker.real_voices)
        return speaker

    def _progress(self, text: str) -> None:
        self.reporter.progress("evaluate", self.done, self.total, item=text)
        self.reporter.check_stop()
