"""Whatever learns — adapters of any kind, the last layers, everything, a running mean — comes back and merges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engines.xtts.model import load as model
from core.engines.xtts.model import lora
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import XttsSession, start
from tests.engines.test_xtts_model import logits, merged

CONFIG = XttsTrainConfig(
    **{"batch_size": 3, "accumulation": 1, "max_steps": 20, "lora_rank": 4, "learning_rate": 3e-3, "warmup_steps": 2},
    precision="float32",
    reference_pool=16,
)
KINDS: dict[str, dict[str, Any]] = {
    "rslora": {"lora_rslora": True},
    "dora": {"lora_dora": True},
    "last_layers": {"train_what": "last_layers", "last_layers": 1, "learning_rate": 5e-4},
    "full": {"train_what": "full", "learning_rate": 5e-4},
    "mean": {"ema_decay": 0.9},
}


SLOW = {"rslora", "last_layers"}  # the like of others


def begun(kind: str, features: Any, starter: Path, resume_from: Path | None = None) -> XttsSession:
    return start(CONFIG.model_copy(update=KINDS[kind]), features, starter, resume_from)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in KINDS]
)
def test_what_learns_is_saved_resumed_exactly_and_merged(
    kind: str, features: Any, starter: Path, tmp_path: Path
) -> None:
    session = begun(kind, features, starter)
    before = {name: value.clone() for name, value in session.xtts.gpt.named_parameters()}
    values = [session.step() for _ in range(3)]
    session.save(tmp_path / "three")
    values += [session.step() for _ in range(2)]
    session.ema.show(False)
    changed = {n for n, v in session.xtts.gpt.named_parameters() if not torch.equal(v, before[n])}
    assert changed and not any(name.startswith("conditioning_") for name in changed)
    if kind == "full":
        assert {"text_embedding.weight", "mel_head.weight", "gpt.h.0.attn.c_attn.weight"} <= changed
    elif kind == "last_layers":
        assert "gpt.h.2.mlp.c_fc.weight" in changed and not any("h.0." in n or "h.1." in n for n in changed)
    else:
        assert all("lora_" in name for name in changed)

    resumed = begun(kind, features, starter, tmp_path / "three")
    assert [resumed.step() for _ in range(2)] == values[3:]
    resumed.ema.show(False)
    assert all(torch.equal(a, b) for a, b in zip(session.parameters, resumed.parameters, strict=True))

    session.save(tmp_path / "five")
    live = logits(session.voice().xtts)
    loaded = model.load_base(starter)
    lora.load_adapter(loaded, tmp_path / "five")
    assert (live - logits(model.load_base(starter))).abs().max() > 1e-3
    assert torch.allclose(logits(loaded), live, atol=1e-5)
    folded = merged(loaded, starter)
    assert folded.state_dict().keys() == model.base_state(starter).keys()
    assert torch.allclose(logits(folded), live, atol=1e-4)


def test_a_snapshot_holds_the_mean_too(features: Any, starter: Path) -> None:
    session = begun("mean", features, starter)
    session.step()
    kept = session.snapshot()
    expected = [session.step(), session.evaluate()]
    session.restore(kept)
    assert [session.step(), session.evaluate()] == expected


def test_the_mean_is_what_speaks_and_is_measured_and_training_does_not_notice(features: Any, starter: Path) -> None:
    def trained(averaged: bool) -> tuple[XttsSession, list[Any], list[Any]]:
        session = begun("mean", features, starter) if averaged else start(CONFIG, features, starter, None)
        told, measured = [], []
        for _ in range(3):
            told.append(session.step())
            measured.append(session.evaluate())
        return session, told, measured

    session, told, measured = trained(averaged=True)
    plain, told_plain, measured_plain = trained(averaged=False)
    assert told == told_plain and measured[2] != measured_plain[2]
    assert not torch.equal(logits(session.voice().xtts), logits(plain.voice().xtts))
    session.ema.show(False)
    assert all(torch.equal(a, b) for a, b in zip(session.parameters, plain.parameters, strict=True))


def test_where_no_room_is_left_the_mean_and_the_weights_are_not_mixed(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begun("mean", features, starter)
    session.step()
    before = [parameter.detach().clone() for parameter in session.parameters]
    mean = [value.clone() for value in session.ema.values]
    clone = torch.Tensor.clone

    def no_room(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    rooms = iter([clone, no_room])
    with monkeypatch.context() as patched:
        patched.setattr(torch, "empty", no_room)
        patched.setattr(torch.Tensor, "clone", lambda tensor: next(rooms)(tensor))
        with pytest.raises(RuntimeError):
            session.ema.show(True)
    assert not session.ema.holds_mean
    assert all(torch.equal(a, b) for a, b in zip(before, session.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(mean, session.ema.values, strict=True))
    session.ema.show(True)
    assert all(torch.equal(a, b) for a, b in zip(mean, session.parameters, strict=True))


def test_weights_of_another_base_are_refused(features: Any, starter: Path, tmp_path: Path) -> None:
    from core.errors import UserError

    session = begun("last_layers", features, starter)
    session.save(tmp_path)
    facts = (tmp_path / "adapter.safetensors").read_bytes()
    (tmp_path / "adapter.safetensors").write_bytes(facts.replace(b"gpt.h.2.mlp.c_fc.bias", b"gpt.h.9.mlp.c_fc.bias"))
    with pytest.raises(UserError) as caught:
        lora.load_adapter(model.load_base(starter), tmp_path)
    assert caught.value.code == "adapter.foreign"
