"""What training F5-TTS asks of a card's memory, counted on fake tensors of the published sizes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.memory_f5 import LONGEST_S, counted, counted_with
from core.training.presets import presets

# Those with the least to spare: of the others the count (`benchmarks.memory_f5`) is at most 60 percent of the card.
CARDS = [preset for preset in presets("f5") if preset.id in ("f5-6gb", "f5-8gb", "f5-12gb")]


@pytest.mark.parametrize("preset", CARDS, ids=[preset.id for preset in CARDS])
def test_a_preset_fits_the_card_it_is_made_for(preset: Any) -> None:
    # Clips as recordings are cut; longer ones are tried first where a preset says so, and fewer computed at once.
    assert counted(preset.values)["card_gb"] < 0.94 * preset.min_vram_gb
    assert preset.values["auto_batch"]


def test_one_clip_of_thirty_seconds_fits_six_gigabytes_and_all_weights_need_more() -> None:
    adapter, everything = (counted({"batch_size": 1, "train_what": what}, LONGEST_S) for what in ("lora", "full"))
    assert adapter["card_gb"] < 0.94 * 6 < everything["card_gb"] < 0.94 * 12
    # Weights, gradients and two moments in float32 at least, so that the count cannot have missed them.
    assert everything["tensors_gb"] > 4 * 0.95 * everything["weights_gb"]


def test_each_block_takes_as_much_as_the_others() -> None:
    two, three, four = (counted_with(depth, {"batch_size": 1})["tensors_gb"] for depth in (2, 3, 4))
    assert four == pytest.approx(two + 2 * (three - two), rel=1e-4)
