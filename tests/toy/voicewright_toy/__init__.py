"""A toy engine, installed as anybody's package would be: its voices hum in sine tones, what they learn is a pitch."""

from __future__ import annotations

from core.engines.light import EngineInfo

INFO = EngineInfo(
    name="toy",
    label="Sine tones",
    languages=("en", "pt"),
    sample_rate=16_000,
    clip_rate=16_000,
    clip_seconds=(0.3, 20.0),
    cut_seconds=(0.5, 4.0),
    reference_clips=1,
    reference_seconds=(0.5, 2.0, 4.0),
    loss_unit="clip",
    requires=("numpy",),
    license_note="Do with it what you like.",
    export_package="toy-player",
    light="voicewright_toy.light:LIGHT",
    heavy="voicewright_toy.engine:ENGINE",
)
