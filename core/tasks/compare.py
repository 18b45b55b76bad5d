"""Job ``compare``: checkpoints speak sentences that another run has spoken, or that two runs have in common."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.audio.synthetic import write_speech
from core.checkpoint_ref import CheckpointRef, step_folder
from core.damage import UNREADABLE
from core.engines.base import Engine
from core.engines.registry import get_engine
from core.engines.voice import ReferenceClip
from core.evaluation.common_test_set import common_script, said_to_be_scored
from core.evaluation.speaker import FAULTS, raise_lost_card
from core.files import read_json, write_atomic, write_json
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.listening.candidates import VOICE, Sentence, candidates
from core.listening.comparison import Script, reference_checkpoint, script_of_samples, unspoken
from core.project.workspace import Project
from core.reasons import reason_of
from core.synthesis.start import checkpoint_folder, reference_files
from core.training.checkpoints import fingerprint
from core.training.run import Run


def run(job: Job, project: Project, args: CompareArgs, reporter: Reporter) -> dict[str, Any]:
    """Write what is missing; what an earlier job has spoken, or was spoken to be scored, stays."""
    first, speaker = Run(project, args.run), Run(project, args.speaker)
    script = common_script(project, first, speaker) if args.test_set else script_of_samples(project, first)
    pool = candidates(project)
    missing = [
        (run, step, sentences)
        for run in ([first, speaker] if args.test_set else [speaker])
        for step, sentences in unspoken(script, pool, run).items()
    ]
    script.write()
    reporter.progress("load_engine", 0, 1)
    speech = _Speech(project, script, args, reporter, sum(len(sentences) for _, _, sentences in missing))
    for part in missing:
        speech.speak(*part)
    if speech.failures and not speech.spoken:
        raise speech.failures[0]
    return {"sentences": speech.spoken, "checkpoints": len(missing) - len(speech.failures)}


@dataclass
class _Speech:
    """Speaks a script; ``done`` of ``total`` sentences are dealt with, ``spoken`` of them are there.

    ``failures`` holds the first one of each checkpoint that could not speak all.
    """

    project: Project
    script: Script
    args: CompareArgs
    reporter: Reporter
    total: int
    done: int = 0
    spoken: int = 0
    failures: list[Exception] = field(default_factory=list)
    engine: Engine[Any, Any, Any] = field(init=False)
    references: list[ReferenceClip] = field(init=False)

    def __post_init__(self) -> None:
        self.engine = get_engine(self.project.info.engine)
        giver = reference_checkpoint(self.script.run)
        self.references = reference_files(self.project, giver, self.script.references)

    def speak(self, run: Run, step: int, sentences: Sequence[Sentence]) -> None:
        """Let a checkpoint speak; if it is gone or fails that is told, and the others go on.

        Raises:
            Cancelled: Stop was pressed.
            RuntimeError: the graphics card is lost.
        """
        self.reporter.check_stop()
        end = self.done + len(sentences)
        folder = self.script.folder / run.id / step_folder(step)
        try:
            error = self._speak(run, step, sentences, folder)
        except (FileNotFoundError, *FAULTS) as failure:
            raise_lost_card(failure)
            error = failure
        if not run.checkpoints.folder(step).exists():  # cleared away meanwhile: its sounds go with it
            shutil.rmtree(folder, ignore_errors=True)
        if error is not None:
            self.failures.append(error)
            self.reporter.warning(
                "listening.checkpoint_failed",
                "Checkpoint {step} of “{run}” could not speak all sentences ({what}).",
                "What the others have spoken can be compared.",
                step=step,
                run=run.title,
                what=reason_of(error),
            )
        self.done = end

    def _speak(self, run: Run, step: int, sentences: Sequence[Sentence], folder: Path) -> Exception | None:
        """The first error of a sentence, if there was one."""
        checkpoint = checkpoint_folder(self.project, CheckpointRef(run.id, step))
        voice_name = fingerprint(run.base_id, checkpoint)
        if _noted_voice(folder) not in (None, voice_name):  # weights that bore this number before spoke it
            shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / VOICE, {"voice": voice_name})
        spoken_sounds = said_to_be_scored(self.script, run, step)
        for sentence in sentences:
            if sentence in spoken_sounds:
                write_atomic(folder / f"{sentence.number}.wav", spoken_sounds[sentence].read_bytes())
                self._next(sentence)
        rest = [sentence for sentence in sentences if sentence not in spoken_sounds]
        if not rest:
            return None
        base = self.engine.base_folder(self.project.workspace.models, run.base_id)
        voice = self.engine.load_voice(base, checkpoint, device=self.args.device)
        conditioning, stop = voice.condition(self.references), self.reporter.stop_requested
        first: Exception | None = None
        for sentence in rest:
            text, seed = sentence.text, self.script.seeds[sentence]
            try:
                samples, rate = voice.speak(text, self.script.language, conditioning, seed, should_stop=stop)
            except FAULTS as error:
                raise_lost_card(error)
                first = first or error
            else:
                write_speech(folder / f"{sentence.number}.wav", samples, rate)
                self._next(sentence)
        return first

    def _next(self, sentence: Sentence) -> None:
        self.done += 1
        self.spoken += 1
        self.reporter.progress("samples", self.done, self.total, sentence.text)
        self.reporter.check_stop()


def _noted_voice(folder: Path) -> str | None:
    """Who spoke what lies there; None where it is not noted."""
    try:
        return str(read_json(folder / VOICE)["voice"])
    except UNREADABLE:
        return None
