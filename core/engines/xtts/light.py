"""The part of the XTTS engine that a page may ask."""

from __future__ import annotations

from core import REPOSITORY
from core.engines.light import LightEngine
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
    # Coqui's own limits (`VoiceBpeTokenizer.char_limits`), beyond which it warns of cut-off speech.
    line_characters={
        **{"en": 250, "de": 253, "fr": 273, "es": 239, "it": 213, "pt": 203, "pl": 224, "zh": 82, "ar": 166},
        **{"cs": 186, "ru": 182, "nl": 251, "tr": 226, "ja": 71, "hu": 224, "ko": 95, "hi": 150, "": 200},
    },
)
