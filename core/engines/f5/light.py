"""The part of the F5-TTS engine that a page may ask."""

from __future__ import annotations

from core import REPOSITORY
from core.engines.f5.bases import F5Bases
from core.engines.f5.options import F5SpeakingOptions, F5TrainConfig
from core.engines.f5.text.reading import F5Texts, missing_letters
from core.engines.f5.voice_files import voice_files
from core.engines.light import LightEngine

LIGHT = LightEngine(
    bases=F5Bases(),
    texts=F5Texts(),
    options=F5TrainConfig,
    presets=REPOSITORY / "presets" / "f5",
    voice_files=voice_files,
    missing_letters=missing_letters,
    has_self_test=True,
    speaking=F5SpeakingOptions,
)
