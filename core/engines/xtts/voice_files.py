"""Which of many files are an XTTS voice: ours, or as coqui's trainer and the model hub leave them. Light."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from core.engines.light import missing_file

NEEDED = ("config.json", "vocab.json", "model.pth")
_OPTIONAL = ("speakers_xtts.pth", "manifest.json", "starter.json", "reference.wav")
# As coqui's trainer calls its checkpoints, best first.
_WEIGHTS = (r"model\.pth", r"best_model\.pth", r"best_model_\d+\.pth", r"checkpoint_\d+\.pth")


def voice_files(names: Sequence[str]) -> dict[str, str]:
    """See `core.engines.light.VoiceFiles`: those beside the ``config.json`` that lies least deep."""
    configs = sorted((name for name in names if PurePosixPath(name).name == "config.json"), key=lambda n: n.count("/"))
    if not configs:
        return {}
    folder = PurePosixPath(configs[0]).parent
    beside = {PurePosixPath(name).name: name for name in names if PurePosixPath(name).parent == folder}
    files = {name: beside[name] for name in (*NEEDED, *_OPTIONAL) if name in beside}
    weights = next((name for pattern in _WEIGHTS for name in _newest_first(beside) if re.fullmatch(pattern, name)), "")
    if weights:
        files["model.pth"] = beside[weights]
    sounds = sorted(name for name in beside if name.lower().endswith(".wav") and name != "sample.wav")
    if sounds and "reference.wav" not in files:
        files["reference.wav"] = beside[sounds[0]]
    for name in NEEDED:
        if name not in files:
            raise missing_file(name)
    return files


def _newest_first(names: dict[str, str]) -> list[str]:
    """By the number in the name, highest first."""
    return sorted(names, key=lambda name: int("".join(filter(str.isdigit, name))[:12] or 0), reverse=True)
