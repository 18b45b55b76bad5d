"""The compiled blocks are one graph for all of them, and learn what the others learn."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import start

CONFIG = XttsTrainConfig(batch_size=2, accumulation=1, precision="float32", reference_pool=8, dropout=0, lora_dropout=0)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiling as far as the graph, which no C compiler is needed for."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("settings", [{}, {"gradient_checkpointing": True}, {"precision": "bfloat16"}])
def test_blocks_are_compiled_into_one_graph_with_and_without_gradients(
    features: Any, starter: Path, settings: dict[str, Any]
) -> None:
    plain, compiled = (
        start(CONFIG.model_copy(update={**settings, "compile": compile}), features, starter, None)
        for compile in (False, True)
    )
    for _ in range(2):
        assert compiled.step()["loss"] == pytest.approx(plain.step()["loss"], rel=1e-3)
    assert not counters["graph_break"]
    # The first block's input needs no gradient, those of the others do; all other blocks share theirs.
    assert 1 <= counters["stats"]["unique_graphs"] <= 2


@pytest.mark.usefixtures("traced")
def test_dropout_is_traced(features: Any, starter: Path) -> None:
    session = start(
        XttsTrainConfig(batch_size=2, accumulation=1, reference_pool=8, compile=True), features, starter, None
    )
    session.step()
    assert counters["stats"]["unique_graphs"] and not counters["graph_break"]
