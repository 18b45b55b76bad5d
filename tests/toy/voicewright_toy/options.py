"""The toy's settings."""

from __future__ import annotations

from pydantic import Field

from core.engines.options import SPEED, SpeakingOptions, TrainConfig, form


class ToyTrainConfig(TrainConfig):
    """What every engine's training has, and how much the voice trembles."""

    vibrato_hz: float = Field(
        4.0, ge=0, le=20, description="How fast the voice trembles.", json_schema_extra=form("adapter", "Hz")
    )


class ToySpeakingOptions(SpeakingOptions):
    """How the toy hums."""

    speed: float = SPEED
    pace_s: float = Field(
        0.0, ge=0, le=60, description="How long it takes over a letter.", json_schema_extra=form("speaking", "s")
    )
