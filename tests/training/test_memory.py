"""What training asks of a card's memory, counted on fake tensors of the published sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from benchmarks.memory import SIZES, counted, counted_with, fake_session, flops, longest, update
from core.engines.xtts.options import XttsTrainConfig
from core.training.presets import presets

CARDS = [preset for preset in presets("xtts") if preset.min_vram_gb]


@pytest.mark.parametrize("preset", CARDS, ids=[preset.id for preset in CARDS])
def test_a_preset_fits_the_card_it_is_made_for(preset: Any) -> None:
    # A card of 8 GB reports a little less than 8 GiB, and a desktop takes some of it.
    assert counted(preset.values)["card_gb"] < 0.94 * preset.min_vram_gb


def test_each_layer_takes_as_much_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SIZES, "gpt_layers", 6)
    whole = counted_with(6, {"batch_size": 1, "train_what": "full"})
    assert counted({"batch_size": 1, "train_what": "full"}) == pytest.approx(whole, rel=1e-6)


def test_one_clip_at_once_fits_six_gigabytes_and_all_weights_fit_sixteen() -> None:
    adapter, everything = counted({"batch_size": 1}), counted({"batch_size": 1, "train_what": "full"})
    assert adapter["card_gb"] < 6 and everything["card_gb"] < 16
    # Weights, gradients and two moments in float32 at least, so that the count cannot have missed them.
    assert everything["tensors_gb"] > everything["weights_gb"] + 3 * 0.85 * (everything["weights_gb"] - 0.2)


def test_nothing_in_an_update_waits_for_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no contents cannot be looked at: an update that asked a card for a number would fail."""
    monkeypatch.setattr(SIZES, "gpt_layers", 4)
    with FakeTensorMode(allow_non_fake_inputs=True):
        session = fake_session(XttsTrainConfig(batch_size=2, ema_decay=0.9))
        update(session, longest(2))
        session.ema.update(1)
        with pytest.raises(DataDependentOutputException):
            session.metrics.push(1, 0.1, torch.zeros(3))


def test_operations_are_counted_as_torch_counts_them() -> None:
    for settings in ({"batch_size": 2}, {"batch_size": 2, "train_what": "full"}):
        torchs, ours = flops(settings)
        assert ours == pytest.approx(torchs, rel=0.01)
