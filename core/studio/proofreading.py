"""Proofreading of lines: a recogniser listens to each one as soon as it is spoken; the check itself is a measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.audio.samples import Samples, resample
from core.audio.vad import RATE_HZ
from core.engines.callbacks import ShouldStop
from core.errors import UserError
from core.jobs.reporter import Reporter
from core.measures.proofreading import Proof, check, transcribe
from core.project.workspace import Project
from core.transcription.base import Recognizer
from core.transcription.load import Choice, open_model
from core.transcription.registry import models
from core.transcription.start import usual_recogniser

WITHOUT_WORDS = "sound"  # in place of a recogniser's name: nobody listened to the words


def recogniser_for(project: Project, language: str) -> str:
    """The recognition model that listens; empty where it is not on this computer: none is downloaded for this."""
    model = usual_recogniser(project, language)
    is_there = any(entry.id == model and entry.is_downloaded for entry in models(project.workspace))
    return model if is_there else ""


@dataclass(frozen=True)
class Proofreader:
    """Listens to lines. Without a recogniser only the sound tells: how it starts and ends."""

    recognizer: Recognizer | None
    language: str

    @property
    def name(self) -> str:
        """Who listened, as a take notes it."""
        return self.recognizer.name if self.recognizer else WITHOUT_WORDS

    def check(
        self, samples: Samples, rate: int, text: str, read: Callable[[str], str], should_stop: ShouldStop
    ) -> Proof:
        """What is found in a spoken line; ``read`` is how the engine reads a text."""
        transcript = None
        if self.recognizer is not None:
            sound = samples if rate == RATE_HZ else resample(samples, rate, RATE_HZ)
            transcript = transcribe(self.recognizer, [sound], self.language, should_stop)[0]
        return check(samples, rate, text, self.language, transcript, read)


def open_proofreader(project: Project, language: str, reporter: Reporter) -> Proofreader:
    """Who listens in this language. The recogniser takes the processor: the card belongs to who speaks.

    Raises:
        Cancelled: Stop was pressed.
    """
    model = recogniser_for(project, language)
    if not model:
        return Proofreader(None, language)
    try:
        recognizer = open_model(project.workspace, Choice(model, language, "", "cpu", 1), reporter)
    except UserError as error:
        reporter.warning(
            "studio.no_recogniser",
            "What is spoken is checked by its sound alone: no recognition model could be opened ({what}).",
            "Open one on the Transcripts page, then have the lines you want checked spoken again.",
            what=error,
        )
        return Proofreader(None, language)
    return Proofreader(recognizer, language)
