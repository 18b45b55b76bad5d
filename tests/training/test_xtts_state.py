"""States to go on from: old ones are taken up, those in memory cost one copy, and a failed update leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engines.xtts.session import XttsSession, start
from core.errors import UserError
from core.training.checkpoints import STATE
from core.training.config import TrainConfig

CONFIG = TrainConfig(
    **{"batch_size": 4, "accumulation": 1, "max_steps": 20, "lora_rank": 4, "learning_rate": 3e-3, "warmup_steps": 2},
    precision="float32",
    reference_pool=8,
)


@pytest.fixture
def session(features: Any, starter: Path) -> XttsSession:
    return start(CONFIG, features, starter, None)


def age(folder: Path, **more: Any) -> None:
    """Make a saved state one as runs wrote it before the mean, the halved batch and fused optimizers on processors."""
    state = torch.load(folder / STATE, weights_only=True)
    for name in ("live", "division", "rate_factor"):
        del state[name]
    for group in state["optimizer"]["param_groups"]:
        group["fused"] = False
    torch.save({**state, **more}, folder / STATE)


@pytest.mark.parametrize(("more", "at_once"), [({}, 4), ({"micro_batch": 2, "rate_factor": 0.5}, 2)])
def test_an_old_run_is_taken_up_where_it_was(
    session: XttsSession, features: Any, starter: Path, tmp_path: Path, more: dict[str, Any], at_once: int
) -> None:
    session.step()
    session.save(tmp_path)
    age(tmp_path, **more)
    expected = session.step()
    config = CONFIG.model_copy(update={"ema_decay": 0.9})  # a mean begins at the weights there are
    resumed = start(config, features, starter, tmp_path)
    assert (resumed.step_number, resumed.micro_batch, resumed.rate_factor) == (1, at_once, more.get("rate_factor", 1))
    assert all(group["fused"] for group in resumed.optimizer.param_groups)
    assert all(torch.equal(a, b) for a, b in zip(resumed.mean.hidden(), resumed.parameters, strict=True))
    if not more:
        assert resumed.step() == expected


def test_a_torn_state_is_refused(session: XttsSession, tmp_path: Path) -> None:
    session.step()
    session.save(tmp_path)
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:1000])
    with pytest.raises(UserError) as caught:
        session.load(tmp_path)
    assert caught.value.code == "train.state_broken"


def test_remembering_and_going_back_copy_every_weight_once(
    session: XttsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(*_: object) -> None:
        raise AssertionError("a second copy")

    session.step()
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", twice)
    kept = session.snapshot()
    expected = session.step()
    for _ in range(2):
        session.restore(kept)
        assert session.step() == expected
