"""Weights that do not learn are kept in the number format that is computed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.memory import SIZES, fake_session, longest, update
from core.engines import precision
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import XttsSession, start

LAYERS = 4
BFLOAT16 = {"batch_size": 1, "precision": "bfloat16"}


class Conversions(TorchDispatchMode):
    """How often one of ``weights`` is converted within it."""

    def __init__(self, weights: set[int]) -> None:
        super().__init__()
        self.weights, self.count = weights, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default:
            self.count += args[0].untyped_storage()._cdata in self.weights
        return func(*args, **(kwargs or {}))


@pytest.fixture
def few_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published sizes but for the number of blocks, which are all alike."""
    monkeypatch.setattr(SIZES, "gpt_layers", LAYERS)


def converted(settings: dict[str, Any], memory_is_short: bool = False) -> int:
    """Frozen matrices of the transformer that an update converts."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        session: XttsSession = fake_session(XttsTrainConfig(**BFLOAT16, **settings))
        if memory_is_short:
            assert session.save_memory()
        frozen = [
            parameter
            for parameter in session.xtts.gpt.gpt.parameters()
            if not parameter.requires_grad and parameter.ndim == 2
        ]
        with Conversions({entry.untyped_storage()._cdata for entry in frozen}) as conversions:
            update(session, longest(1))
    return conversions.count


@pytest.mark.usefixtures("few_layers")
def test_an_update_converts_no_weight_that_does_not_learn() -> None:
    assert converted({}) == 0
    # Of the last two blocks everything learns, and is converted in every update; of the others nothing.
    assert converted({"train_what": "last_layers", "last_layers": 2}) == 0


@pytest.mark.usefixtures("few_layers")
def test_where_memory_is_short_nothing_is_kept_twice() -> None:
    # Four matrices in each block, converted on the way there and once more on the way back.
    assert converted({}, memory_is_short=True) == converted({"gradient_checkpointing": True}) == 2 * 4 * LAYERS


def test_kept_weights_change_no_loss_and_are_in_no_saved_state(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: True)
    session = start(XttsTrainConfig(**BFLOAT16), features, starter, None)
    kept = session.evaluate()
    assert any("low_precision" in name for name, _ in session.xtts.named_buffers())
    assert not any("low_precision" in name for name in session.xtts.state_dict())
    session.set_checkpointing(True)
    assert not any("low_precision" in name for name, _ in session.xtts.named_buffers())
    assert session.evaluate() == kept
