"""The held-out test sentences that every checkpoint of a run speaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from core.engines.registry import light


def held_out(language: str, validation: Sequence[str], count: int, engine: str) -> list[str]:
    """``count`` sentences: the bundled ones of the language first, then texts of the validation set.

    Without bundled ones (a language nobody has written them for) all come from the validation set. From a validation
    text of ordinary length one hears more than from "Yes.", so those of 40 to 140 characters go first.
    """
    own_sentences = _read_bundled(light(engine).presets / "sentences.yaml").get(language.split("-")[0], [])
    unheard = list(dict.fromkeys(text for text in validation if text not in own_sentences))
    by_length = sorted(unheard, key=lambda text: not 40 <= len(text) <= 140)
    return [*own_sentences, *by_length][:count]


def _read_bundled(path: Path) -> dict[str, list[str]]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
