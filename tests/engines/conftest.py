"""Clips of real speech that a voice is heard from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soundfile

from core.engines.voice import ReferenceClip


@pytest.fixture(scope="session")
def references(tmp_path_factory: pytest.TempPathFactory, prompts: Any) -> list[ReferenceClip]:
    """Two clips of real speech: 22,050 Hz as clips are, and 16,000 Hz stereo as a person may bring."""
    folder = tmp_path_factory.mktemp("references")
    samples, rate = soundfile.read(prompts.recording, dtype="float32")
    found = []
    for number, (start_s, end_s, _) in enumerate(sorted(prompts.spoken, key=lambda row: row[0] - row[1])[:2]):
        clip = samples[round(start_s * rate) : round(end_s * rate)]
        path = folder / f"reference-{number}.wav"
        soundfile.write(path, np.stack([clip, clip * 0.5], axis=1) if number else clip, rate, subtype="PCM_16")
        found.append(ReferenceClip(path))
    return found
