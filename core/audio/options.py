"""Segmentation options, as one checked model: forms, jobs and previews share it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.audio.silence import USUAL_DBFS


class SegmentOptions(BaseModel):
    """How a recording is cut. The defaults suit speech recorded without much noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_dbfs: float | None = Field(
        default=None, ge=-80, le=-10,
        description="What is quieter than this counts as a pause; none: proposed from each recording's own levels.",
        json_schema_extra={"unit": "dBFS", "step": 1},
    )  # fmt: skip
    # Not shorter: within words it is silent for up to 0.15 s, before the b of “October” for one.
    min_silence_ms: int = Field(
        default=500, ge=200, le=3000, description="A pause at least this long separates two clips.",
        json_schema_extra={"unit": "ms", "step": 50},
    )  # fmt: skip
    min_clip_s: float = Field(
        default=3.0, ge=0.5, le=30, description="Shorter pieces are joined to a neighbour or left out.",
        json_schema_extra={"unit": "s", "step": 0.5},
    )  # fmt: skip
    max_clip_s: float = Field(
        default=11.0, ge=2, le=60, description="Longer pieces are cut where they are quietest.",
        json_schema_extra={"unit": "s", "step": 0.5},
    )  # fmt: skip
    max_join_pause_ms: int = Field(
        default=1500, ge=0, le=5000, description="The longest pause kept inside a clip joined from short pieces.",
        json_schema_extra={"unit": "ms", "step": 100},
    )  # fmt: skip
    pad_ms: int = Field(
        default=50, ge=0, le=100, description="Quiet kept at both ends of a clip.",
        json_schema_extra={"unit": "ms", "step": 10},
    )  # fmt: skip
    fade_ms: int = Field(
        default=10, ge=0, le=100, description="Fade at both ends of a clip, against clicks.",
        json_schema_extra={"unit": "ms", "step": 5},
    )  # fmt: skip
    same_loudness: bool = Field(default=True, description="Whether all clips are brought to the same loudness.")
    loudness_lufs: float = Field(
        default=-23.0, ge=-36, le=-14, description="The loudness clips are brought to.",
        json_schema_extra={"unit": "LUFS", "step": 1},
    )  # fmt: skip
    only_speech: bool = Field(default=True, description="Whether sound that is not speech (music, noise) is left out.")
    speech_threshold: float = Field(
        default=0.4, ge=0.05, le=0.95, description="How probable speech must be to count as such.",
        json_schema_extra={"unit": "0–1", "step": 0.05},
    )  # fmt: skip
    min_speech_percent: int = Field(
        default=25, ge=0, le=100, description="A clip of which less is speech is left out.",
        json_schema_extra={"unit": "%", "step": 5},
    )  # fmt: skip
    use_words: bool = Field(
        default=True, description="Whether long pieces are cut between sentences and words where these are known."
    )

    @model_validator(mode="after")
    def _shortest_below_longest(self) -> SegmentOptions:
        if self.min_clip_s >= self.max_clip_s:
            raise ValueError("min_clip_s must be smaller than max_clip_s")
        return self


def level(options: SegmentOptions) -> float:
    """The threshold in dBFS; the usual one where none is set and no recording is at hand to propose one."""
    return USUAL_DBFS if options.threshold_dbfs is None else options.threshold_dbfs
