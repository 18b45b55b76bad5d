"""The part of the XTTS engine that a page may ask."""

from __future__ import annotations

from core import REPOSITORY
from core.engines.base import LightEngine
from core.engines.xtts.bases import XttsBases
from core.engines.xtts.options import XttsSpeakingOptions, XttsTrainConfig
from core.engines.xtts.text.reading import XttsTexts
from core.engines.xtts.voice_files import voice_files

LIGHT = LightEngine(
    bases=XttsBases(),
    texts=XttsTexts(),
    options=XttsTrainConfig,
    presets=REPOSITORY / "presets" / "xtts",
    voice_files=voice_files,
    speaking=XttsSpeakingOptions,
)
