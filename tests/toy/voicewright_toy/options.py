"""The toy's training settings."""

from __future__ import annotations

from pydantic import Field

from core.engines.options import TrainConfig, form


class ToyTrainConfig(TrainConfig):
    """What every engine's training has, and how much the voice trembles."""

    vibrato_hz: float = Field(
        4.0, ge=0, le=20, description="How fast the voice trembles.", json_schema_extra=form("adapter", "Hz")
    )
