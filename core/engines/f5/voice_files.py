"""Which of many files are an F5-TTS voice, as this app exports it. Light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from core.engines.f5.bases import FACTS, VOCODER, WEIGHTS
from core.engines.f5.text.vocabulary import NAME as VOCABULARY
from core.engines.light import missing_file

REFERENCE, REFERENCE_TEXT = "reference.wav", "reference.txt"
NEEDED = (FACTS, WEIGHTS, VOCABULARY, REFERENCE, REFERENCE_TEXT)
_OPTIONAL = (*VOCODER, "manifest.json")


def voice_files(names: Sequence[str]) -> dict[str, str]:
    """See `core.engines.light.VoiceFiles`: those beside the ``f5.json``, else the weights, that lie least deep."""
    for anchor in (FACTS, WEIGHTS):
        places = [path.parent for name in names if (path := PurePosixPath(name)).name == anchor]
        if places:
            break
    else:
        return {}
    folder = min(places, key=lambda place: (len(place.parts), str(place)))
    beside = {path.name: name for name in names if (path := PurePosixPath(name)).parent == folder}
    for name in NEEDED:
        if name not in beside:
            raise missing_file(name)
    return {name: beside[name] for name in (*NEEDED, *_OPTIONAL) if name in beside}
