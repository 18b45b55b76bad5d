"""States to go on from: old ones are taken up, those in memory cost one copy, and a failed update leaves no trace."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.engines import gradient_session
from core.engines.metrics import DeferredMetrics
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.conditioning import References
from core.engines.xtts.train.loss import losses
from core.engines.xtts.train.session import XttsSession, start
from core.errors import UserError
from core.training.checkpoints import STATE

CONFIG = XttsTrainConfig(
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
    assert all(torch.equal(a, b) for a, b in zip(resumed.ema.inactive(), resumed.parameters, strict=True))
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


def break_backward(patch: pytest.MonkeyPatch) -> None:
    whole = torch.Tensor.backward

    def backward(self: torch.Tensor) -> None:
        whole(self)
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")

    patch.setattr(torch.Tensor, "backward", backward)


def break_clipping(patch: pytest.MonkeyPatch) -> None:
    def clip(*_: object) -> None:
        raise MemoryError

    patch.setattr(torch.nn.utils, "clip_grad_norm_", clip)


def break_optimizer(patch: pytest.MonkeyPatch) -> None:
    real, seen = torch.zeros_like, []

    def zeros_like(*given: Any, **named: Any) -> torch.Tensor:
        seen.append(1)
        if len(seen) == 6:  # the second moment of the third parameter
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.")
        return real(*given, **named)

    patch.setattr(torch, "zeros_like", zeros_like)


@pytest.mark.parametrize("breaks", [break_backward, break_clipping, break_optimizer])
@pytest.mark.parametrize("scaled", [False, True])
def test_an_update_that_ran_out_of_memory_anywhere_is_as_if_never_begun(
    session: XttsSession, monkeypatch: pytest.MonkeyPatch, breaks: Any, scaled: bool
) -> None:
    session.scaler = torch.amp.grad_scaler.GradScaler("cpu", enabled=scaled, init_scale=4.0)
    begin = session.snapshot()
    expected = session.step()
    session.optimizer.state.clear()
    session.restore(begin)
    with monkeypatch.context() as patch:
        breaks(patch)
        with pytest.raises((RuntimeError, MemoryError)):
            session.step()
    assert session.step_number == 0 and all(parameter.grad is None for parameter in session.parameters)
    assert session.step() == expected


def room_for(rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Memory for so many clips at once; returns how many each computation had."""
    seen: list[int] = []

    def limited(gpt: Any, batch: Any, *rest: Any, **named: Any) -> Any:
        seen.append(len(batch.grid))
        if seen[-1] > rows:
            raise torch.OutOfMemoryError("injected")
        return losses(gpt, batch, *rest, **named)

    monkeypatch.setattr("core.engines.xtts.train.session.losses", limited)
    return seen


def until_it_fits(session: XttsSession, what: Any) -> Any:
    while True:
        try:
            return what()
        except torch.OutOfMemoryError:
            assert session.halve_batch(), "it gave up"


def test_evaluating_follows_the_halved_batch_with_the_same_references(
    session: XttsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = session.evaluate()
    references = [reference for part in session.loader.validation() for reference in part.references]
    seen = room_for(1, monkeypatch)
    assert until_it_fits(session, session.evaluate) == pytest.approx(expected, rel=1e-4)
    assert seen[-2:] == [1, 1] and len(references) == 2
    assert [
        reference for part in session.loader.validation(session.division) for reference in part.references
    ] == references


def test_batches_by_length_are_halved_until_one_clip_is_left(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.model_copy(update={"batch_by": "length", "batch_size": 1, "accumulation": 9})
    session = start(config, features, starter, None)
    # Two short clips fill what one of average length does.
    session.loader.sampler.budget = 2.0 * max(session.loader.sampler.lengths)
    session.loader.sampler.epoch.cache_clear()
    sizes = [len(part.references) for part in session.loader.update(0)]
    assert max(sizes) >= 2 and session.micro_batch >= max(sizes)
    seen = room_for(1, monkeypatch)
    until_it_fits(session, session.step)
    assert seen[-1] == 1 and session.step_number == 1


def test_batches_prepared_ahead_are_waited_for_before_others_are_made(session: XttsSession) -> None:
    loader, at_work = session.loader, []
    begun, go_on, together = threading.Event(), threading.Event(), []
    real = loader._update

    def update(number: int, division: int) -> Any:
        together.append(list(at_work))
        at_work.append(number)
        if number == 1 and not begun.is_set():
            begun.set()
            go_on.wait(10)
        made = real(number, division)
        at_work.remove(number)
        return made

    loader._update = update  # type: ignore[method-assign]
    loader._thread = ThreadPoolExecutor(1)
    loader.update(0)
    begun.wait(10)
    threading.Timer(0.2, go_on.set).start()
    halved = loader.update(1, 2)
    loader._thread.shutdown()
    assert len(halved) == 2 and together == [[]] * len(together)


def test_a_cards_values_are_told_an_update_late_and_the_last_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a make-believe card: what counts is which values come when, and that they are waited for."""
    waited: list[int] = []

    class Event:
        def record(self) -> None: ...

        def synchronize(self) -> None:
            waited.append(1)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    metrics = DeferredMetrics(False, ("loss", "text_loss"))

    def push(step: int) -> float:
        pinned = SimpleNamespace(copy_=lambda *_, **__: None, tolist=lambda: [float(step), 0.0, 1.0])
        monkeypatch.setattr(torch, "empty", lambda shape, pin_memory: pinned)
        on_card: Any = SimpleNamespace(is_cuda=True, shape=(3,))
        return metrics.push(step, 0.1, on_card)["loss"]

    assert [push(step) for step in (1, 2, 3)] == [1.0, 1.0, 2.0] and metrics.step == 2 and len(waited) == 3
    last = metrics.wait()
    assert last is not None and last["loss"] == 3.0 and metrics.step == 3 and metrics.wait() is None
    assert push(4) == 3.0
    metrics.drop()
    assert metrics.wait() is None


def test_overflows_in_half_precision_are_by_design_until_they_never_end() -> None:
    metrics, overflow, good = DeferredMetrics(True, ("loss", "text_loss")), [1.0, 1.0, math.inf], [1.0, 1.0, 0.5]
    some = [metrics.push(step, 0.1, torch.tensor(overflow)) for step in range(20)]
    assert not any("skipped" in name for name in some)
    assert metrics.push(20, 0.1, torch.tensor(overflow))["skipped"] == 1.0
    assert "skipped" not in metrics.push(21, 0.1, torch.tensor(good))
    assert "skipped" not in metrics.push(22, 0.1, torch.tensor(overflow))
    assert "skipped" in metrics.push(23, 0.1, torch.tensor([math.nan, 1.0, 0.5]))
    assert "skipped" in DeferredMetrics(False, ("loss", "text_loss")).push(1, 0.1, torch.tensor(overflow))


def test_a_run_moves_to_a_card_without_bfloat16_and_back(
    session: XttsSession, features: Any, starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.step()
    session.save(tmp_path / "float32")
    with monkeypatch.context() as patched:
        patched.setattr(gradient_session, "autocast_dtype", lambda precision, device: torch.float16)
        half = start(CONFIG, features, starter, tmp_path / "float32")
        assert half.scaler.is_enabled() and half.step_number == 1
        assert math.isfinite(half.step()["loss"])
        half.save(tmp_path / "float16")
        again = start(CONFIG, features, starter, tmp_path / "float16")
        assert again.scaler.state_dict() == half.scaler.state_dict() != {}
    back = start(CONFIG, features, starter, tmp_path / "float16")
    assert back.step_number == 2 and math.isfinite(back.step()["loss"])


def test_keeping_less_of_a_batch_changes_nothing_of_what_is_learnt(features: Any, starter: Path) -> None:
    certain = CONFIG.model_copy(update={"dropout": 0.0, "lora_dropout": 0.0})
    plain, thrifty = (start(certain, features, starter, None) for _ in range(2))
    assert thrifty.save_memory() and not thrifty.save_memory()
    for _ in range(2):
        assert thrifty.step()["loss"] == pytest.approx(plain.step()["loss"], rel=1e-5)


def test_a_validation_clip_is_heard_with_the_same_piece_whatever_the_batch(features: Any) -> None:
    references = References(features, 1.0, 3.0, seed=1, pool=8)
    clips = [*features.val, *features.train[:5]]
    assert len(clips) > 5
    together = references.validation(clips, 0)
    assert [references.validation([clip], place)[0] for place, clip in enumerate(clips)] == together
    assert len(set(together)) > 1
