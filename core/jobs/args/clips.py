"""Arguments of jobs on clips: cutting, transcribing, measuring."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from core.audio.options import SegmentOptions
from core.jobs.args.base import FROM_DISK, JobArgs


class SegmentArgs(JobArgs):
    """Recordings to be cut into clips; None is all, and the options that its engine wants."""

    kind = "segment"
    source_ids: tuple[str, ...] | None = None
    options: SegmentOptions | None = None

    @field_validator("options", mode="wrap")
    @classmethod
    def _within_limits(
        cls, value: Any, check: ValidatorFunctionWrapHandler, about: ValidationInfo
    ) -> SegmentOptions | None:
        """Those of another version that are beyond today's limits give way to the usual ones."""
        try:
            options: SegmentOptions | None = check(value)
        except ValidationError:
            if about.context is not FROM_DISK or not isinstance(value, dict):
                raise
            options = None
        return options


class TranscribeArgs(JobArgs):
    """Clips to be transcribed.

    Args:
        model: ``builtin:base``, a name such as ``small``, or a path (see `core.transcription.registry.models`).
        language: code of the voice engine; empty takes the project's, ``auto`` lets the model find it out.
        engine: one of `core.transcription.registry.engines`; empty chooses by model and machine.
        again: hear all clips again, not only those not heard yet. Texts corrected or approved by hand stay.
        device: ``auto``, ``cuda`` or ``cpu``.
        prompt: names and words that are to be spelled right.
        beam_size: how many readings are followed at a time; 1 is fastest.
        second: a second model that hears the clips as well, so that what the two hear differently is found; empty
            for none.
        second_engine: as ``engine``, of the second model.
        words: also find out when each word is said.
        measure: also measure how the clips sound, where that was not done yet.
    """

    kind = "transcribe"
    model: str
    language: str = ""
    engine: str = ""
    again: bool = False
    device: str = "auto"
    prompt: str = ""
    beam_size: int = 5
    second: str = ""
    second_engine: str = ""
    words: bool = True
    measure: bool = True


class MeasureArgs(JobArgs):
    """All clips that lack a measure."""

    kind = "measure"


class FindDoublesArgs(JobArgs):
    """All approved clips."""

    kind = "find_doubles"


class FindCutWordsArgs(JobArgs):
    """All approved clips."""

    kind = "find_cut_words"
