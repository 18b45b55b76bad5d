"""Naturalness: the package's own score, and that noise, echo and overdrive lower it."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio.samples import Samples, read
from core.measures.naturalness import score
from tests.conftest import Prompts


@pytest.fixture(scope="module")
def speech(prompts: Prompts) -> Samples:
    """Speech of 4.7 s, which the package repeats once and hears once."""
    start_s, _, _ = prompts.spoken[4]
    return read(prompts.recording, start_s, start_s + 4.7)[0]


def test_the_score_is_the_packages_own(speech: Samples) -> None:
    """That of speechmos 0.0.1.1, ``dnsmos.run(speech, 16_000)["ovrl_mos"]``; with it comes librosa, which compiles for
    twenty seconds where it was never used.
    """
    assert score(speech) == pytest.approx(3.0854, abs=0.01)


def test_noise_and_overdrive_lower_the_score(speech: Samples) -> None:
    clean = score(speech)
    assert clean > 2.8
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32) * speech.std() * np.float32(0.3)
    assert score(speech + noise) < clean - 0.7
    assert score(np.clip(speech * 30, -0.5, 0.5)) < clean - 0.7


def test_all_of_a_long_clip_is_heard(speech: Samples) -> None:
    noise = np.random.default_rng(1).standard_normal(9 * 16_000).astype(np.float32) * np.float32(0.05)
    long = np.concatenate([np.resize(speech, 9 * 16_000), noise])
    assert score(noise) < score(long) < score(speech)
