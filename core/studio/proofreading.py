"""Proofreading of lines: a recogniser listens to each one as soon as it is spoken; the check itself is a measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.audio.samples import Samples, resample
from core.audio.vad import RATE_HZ
from core.engines.base import ShouldStop
from core.errors import UserError
from core.jobs.reporter import Reporter
from core.measures.proofreading import Proof, check, transcribe
from core.project.workspace import Project, Workspace
from core.transcription.base import Recognizer
from core.transcription.load import Choice, open_model
from core.transcription.registry import choose, models

WITHOUT_WORDS = "sound"  # in place of a recogniser's name: nobody listened to the words


def recogniser_for(workspace: Workspace, language: str) -> str:
    """The recognition model that listens: the best that is on this computer; empty if there is none for the language.

    A model for all languages is taken for those that Whisper knows; none is downloaded for this.
    """
    usual = choose("fast", language)
    local = {model.id: model for model in models(workspace) if model.is_downloaded}
    wanted = [name for name in ("turbo", "small.en", "small", usual) if name in local]
    short = language.split("-")[0]
    suiting = [name for name in wanted if not local[name].languages or short in local[name].languages]
    return suiting[0] if suiting else ""


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
    model = recogniser_for(project.workspace, language)
    if not model:
        return Proofreader(None, language)
    try:
        recognizer = open_model(project.workspace, Choice(model, language, "", "cpu", 1), reporter)
    except UserError as error:
        reporter.warning(
            "studio.no_recogniser",
            "What is spoken is checked by its sound alone: no recognition model could be opened ({what}).",
            "Open one on the Transcripts page, then have the lines you want checked spoken again.",
            what=error.text,
        )
        return Proofreader(None, language)
    return Proofreader(recognizer, language)
