"""Batches that are tried: which is quickest, what does not fit, what is kept, and what a run is changed by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.engines import batch_finder
from core.engines.session import BatchTrial
from core.errors import Cancelled
from core.jobs.args.training import TryBatchesArgs
from core.project.workspace import Workspace
from core.system import hardware
from core.system.hardware import Card
from core.training.batches import TriedBatches, keep, tried_batches
from core.training.presets import choose, preset

ARGS = TryBatchesArgs(dataset="abc", base="starter", preset="xtts-16gb")


def trial(size: int, pace: float, memory_mb: float = 0.0, precision: str = "float16") -> BatchTrial:
    """A trial of 16 clips an update."""
    return BatchTrial(precision, False, size, 16 // size, pace, memory_mb)


@pytest.fixture
def config() -> Any:
    """Two clips an update."""
    return preset("xtts-cpu").config({"batch_size": 1, "accumulation": 2, "precision": "float32"})


@pytest.fixture
def opened(config: Any, features: Any, starter: Path) -> list[Any]:
    """Real sessions on the small base; the list is of those that were opened."""
    return []


@pytest.fixture
def open_session(config: Any, features: Any, starter: Path, opened: list[Any]) -> Any:
    """Opens one on the processor."""
    from core.engines.xtts.train.session import start

    def open_one(precision: str) -> Any:
        opened.append(start(config.model_copy(update={"precision": precision}), features, starter, None, device="cpu"))
        return opened[-1]

    return open_one


def test_real_updates_are_timed_from_one_clip_on_in_every_precision_there_is(
    open_session: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_finder, "_SLOWER", 0.0)  # on a busy machine any size may be the slow one
    trials = list(batch_finder.sweep(open_session, config))
    precisions = list(dict.fromkeys(trial.precision for trial in trials))
    assert precisions[-1] == "float32"
    for precision in precisions:
        for checkpointing in (False, True):
            series = [t for t in trials if (t.precision, t.checkpointing) == (precision, checkpointing)]
            assert [t.micro_batch for t in series] == [1, 2]
            assert all(t.micro_batch * t.accumulation == 2 and t.fits and t.memory_mb > 0 for t in series)


def test_a_batch_that_does_not_fit_ends_its_series_and_says_so(
    open_session: Any, opened: list[Any], config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_finder, "_SLOWER", 0.0)
    monkeypatch.setattr(batch_finder, "_precisions", lambda device: ["float32"])

    def open_small(precision: str) -> Any:
        session = open_session(precision)
        backward = session._backward

        def limited(parts: Any, *rest: Any) -> Any:
            if len(parts[0].references) > 1:
                raise RuntimeError("CUDA out of memory")
            return backward(parts, *rest)

        monkeypatch.setattr(session, "_backward", limited)
        return session

    trials = list(batch_finder.sweep(open_small, config))
    assert [(t.micro_batch, t.fits) for t in trials] == 2 * [(1, True), (2, False)]


def test_stop_ends_it_between_two_tries_and_time_ends_it_too(open_session: Any, config: Any) -> None:
    answers = iter([False, False, True])
    trials = batch_finder.sweep(open_session, config, lambda: next(answers))
    assert next(trials).micro_batch == 1
    with pytest.raises(Cancelled):
        list(trials)
    assert list(batch_finder.sweep(open_session, config, seconds=-1.0)) == []


def test_of_about_equally_quick_ones_the_smallest_is_best() -> None:
    trials = (trial(1, 5.0, 900), trial(4, 9.9, 2000), trial(8, 10.0, 4000), trial(16, 0.0))
    tried = TriedBatches("p", "T4", "b", 0.0, 16, trials)
    assert tried.best == trials[1]
    assert tried.changes["batch_size"] * tried.changes["accumulation"] == 16 and not tried.changes["auto_batch"]
    preset("xtts-16gb").config(tried.changes)  # settings that a run takes
    nothing = TriedBatches("p", "T4", "b", 0.0, 16, (trial(1, 0.0),))
    assert nothing.best is None and nothing.changes == {}


def test_what_was_tried_is_kept_for_the_preset_and_the_card(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "cards", lambda: (Card("Tesla T4", 15.0, 14.0, 7.5),))
    tried = keep(workspace, ARGS, 16, [trial(4, 9.0)])
    assert tried.card == "Tesla T4" and tried_batches(workspace, ARGS.preset) == tried
    assert tried_batches(workspace, "xtts-8gb") is None
    monkeypatch.setattr(hardware, "cards", lambda: (Card("L4", 22.5, 22.0, 8.9),))
    assert tried_batches(workspace, ARGS.preset) is None, "another card has figures of its own"
    monkeypatch.setattr(hardware, "cards", lambda: (Card("Tesla T4", 15.0, 14.0, 7.5),))
    next((workspace.path / "batches").iterdir()).write_text("{")
    assert tried_batches(workspace, ARGS.preset) is None


@pytest.mark.parametrize(
    ("name", "total_mib", "chosen"),
    [
        ("Tesla T4", 15360, "16gb"),
        ("Tesla P100-PCIE-16GB", 16384, "16gb"),
        ("Tesla V100-SXM2-16GB", 16384, "16gb"),
        ("NVIDIA L4", 23034, "24gb"),
        ("NVIDIA A100-SXM4-40GB", 40960, "40gb"),
        ("NVIDIA A100-SXM4-80GB", 81920, "40gb"),
        ("NVIDIA H100 80GB HBM3", 81559, "40gb"),
    ],
)
def test_the_cards_that_are_rented_out_get_the_preset_made_for_them(name: str, total_mib: int, chosen: str) -> None:
    card = hardware._card(f"{name}, {total_mib}, {total_mib - 300}, 7.5, 0")
    assert {choose(card.total_gb, engine).id for engine in ("xtts", "f5")} == {f"xtts-{chosen}", f"f5-{chosen}"}
