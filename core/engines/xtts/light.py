"""The part of the XTTS engine that a page may ask."""

from __future__ import annotations

from core import REPOSITORY
from core.engines.base import LightEngine
from core.engines.xtts.bases import XttsBases
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.text.reading import XttsTexts
from core.engines.xtts.voice_files import voice_files

LIGHT = LightEngine(
    bases=XttsBases(),
    texts=XttsTexts(),
    options=XttsTrainConfig,
    presets=REPOSITORY / "presets" / "xtts",
    voice_files=voice_files,
    speaking_limits={
        "temperature": (0.01, 2.0),
        "length_penalty": (-10.0, 10.0),
        "repetition_penalty": (0.1, 50.0),
        "top_k": (1, 1000),
        "top_p": (0.01, 1.0),
        "speed": (0.25, 4.0),
    },
)
