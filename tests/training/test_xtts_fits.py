"""Before a run the longest clips are tried: what fits is chosen, an update keeps its clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engines.xtts.engine import ENGINE
from core.engines.xtts.loss import losses
from core.errors import UserError
from core.training.config import TrainConfig
from core.training.fits import candidates

CONFIG = TrainConfig(batch_size=6, accumulation=2, precision="float32", reference_pool=8, lora_rank=4)


def card_with_room_for(rows: dict[bool, int], monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """A card that runs out of memory above so many clips at once, with and without computing things twice."""
    tried: list[tuple[int, bool]] = []

    def limited(gpt: Any, batch: Any, latents: Any, *, dropout: float, checkpointing: bool) -> Any:
        tried.append((len(batch.grid), checkpointing))
        if len(batch.grid) > rows[checkpointing]:
            raise torch.OutOfMemoryError("injected")
        return losses(gpt, batch, latents, dropout=dropout, checkpointing=checkpointing)

    monkeypatch.setattr("core.engines.xtts.session.losses", limited)
    return tried


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        ({False: 99, True: 99}, (6, 2, False)),
        ({False: 4, True: 99}, (4, 3, False)),
        ({False: 2, True: 3}, (3, 4, True)),
        ({False: 1, True: 1}, (1, 12, False)),
    ],
)
def test_the_largest_batch_that_fits_is_chosen(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch, room: dict[bool, int], expected: tuple[int, ...]
) -> None:
    tried = card_with_room_for(room, monkeypatch)
    found = ENGINE.fits(CONFIG, features, starter, "cpu")
    assert (found.micro_batch, found.accumulation, found.checkpointing) == expected
    assert tried.count((found.micro_batch, found.checkpointing)) == 2, "two real updates"
    assert found.memory_mb > 50 and found.hours(1000) == pytest.approx(found.step_s / 3.6)


def test_nothing_fits_is_said(features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card_with_room_for({False: 0, True: 0}, monkeypatch)
    with pytest.raises(UserError) as caught:
        ENGINE.fits(CONFIG, features, starter, "cpu")
    assert caught.value.code == "train.nothing_fits"


def test_every_candidate_makes_the_same_update() -> None:
    assert candidates(12, 6) == [(6, 2), (4, 3), (3, 4), (2, 6), (1, 12)]
    assert candidates(7, 4) == [(1, 7)] and candidates(16, 99)[0] == (16, 1)
