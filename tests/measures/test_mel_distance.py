"""Mel distance: of one sound with itself nothing, of another pace little, of another sound much."""

from __future__ import annotations

from functools import cache

import numpy as np

from core.audio.samples import resample
from core.measures.mel_distance import _cheapest_warp, mel_distance
from tests.audio.sounds import tone

RATE = 16_000


def test_the_cheapest_warp_is_that_of_the_definition() -> None:
    draw = np.random.default_rng(0)
    for rows, columns in ((1, 1), (1, 6), (7, 1), (9, 12), (14, 8)):
        distances = draw.random((rows, columns))

        @cache
        def way(row: int, column: int, distances: np.ndarray = distances) -> tuple[float, int]:  # type: ignore[type-arg]
            before = [(row - 1, column - 1), (row, column - 1), (row - 1, column)]
            cost, steps = min(way(*cell) for cell in before if min(cell) >= 0) if row or column else (0.0, 0)
            return cost + distances[row, column], steps + 1

        cost, steps = way(rows - 1, columns - 1)
        assert abs(_cheapest_warp(distances) - cost / steps) < 1e-9


def test_pace_tells_little_and_another_sound_much() -> None:
    sound = np.concatenate([tone(0.5, RATE, hertz) for hertz in (200.0, 400.0, 900.0)]).astype(np.float32)
    slower = np.concatenate([tone(0.8, RATE, hertz) for hertz in (200.0, 400.0, 900.0)]).astype(np.float32)
    assert mel_distance(sound, sound, RATE) == 0
    assert 3 * mel_distance(sound, slower, RATE) < mel_distance(sound, resample(sound, RATE, RATE * 2), RATE)
