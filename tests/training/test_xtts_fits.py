"""Before a run the longest clips are tried: what fits is chosen, an update keeps its clips."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.engines.batch_finder import candidates
from core.engines.xtts.engine import ENGINE
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.loss import losses
from core.engines.xtts.train.session import XttsSession
from core.errors import Cancelled, UserError
from core.jobs.args.training import TrainArgs
from core.project.workspace import Project
from core.tasks import train
from core.training.config import config_text
from tests.training.conftest import Recorded

CONFIG = XttsTrainConfig(batch_size=6, accumulation=2, precision="float32", reference_pool=8, lora_rank=4)


def card_with_room_for(
    rows: dict[bool, int], monkeypatch: pytest.MonkeyPatch, error: BaseException = torch.OutOfMemoryError("injected")
) -> list[tuple[int, bool]]:
    """A card that runs out of memory above so many clips at once, with and without computing things twice."""
    tried: list[tuple[int, bool]] = []

    def limited(gpt: Any, batch: Any, latents: Any, *, dropout: float, checkpointing: bool) -> Any:
        tried.append((len(batch.grid), checkpointing))
        if len(batch.grid) > rows[checkpointing]:
            raise error
        return losses(gpt, batch, latents, dropout=dropout, checkpointing=checkpointing)

    monkeypatch.setattr("core.engines.xtts.train.session.losses", limited)
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
    found = ENGINE.fits(CONFIG, features, starter, device="cpu")
    assert (found.micro_batch, found.accumulation, found.checkpointing) == expected
    assert tried.count((found.micro_batch, found.checkpointing)) == 2, "two real updates"
    assert found.memory_mb > 50 and found.hours(1000) == pytest.approx(found.step_s / 3.6)


def test_what_does_not_fit_before_the_first_batch_is_tried_with_less_kept(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def limited(session: XttsSession, on: bool) -> None:
        asked.append(on)
        if len(asked) > 1 and not on:
            raise torch.OutOfMemoryError("injected")
        session.config = session.config.model_copy(update={"gradient_checkpointing": on})

    monkeypatch.setattr(XttsSession, "set_checkpointing", limited)
    assert ENGINE.fits(CONFIG, features, starter, device="cpu").checkpointing


def test_nothing_fits_is_said(features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card_with_room_for({False: 0, True: 0}, monkeypatch)
    with pytest.raises(UserError) as caught:
        ENGINE.fits(CONFIG, features, starter, device="cpu")
    assert caught.value.code == "train.nothing_fits"


def test_every_candidate_makes_the_same_update() -> None:
    assert candidates(12, 6) == [(6, 2), (4, 3), (3, 4), (2, 6), (1, 12)]
    assert candidates(7, 4) == [(1, 7)] and candidates(16, 99)[0] == (16, 1)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")]
)
def test_memory_runs_out_in_more_than_one_way(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    card_with_room_for({False: 4, True: 4}, monkeypatch, error)
    assert ENGINE.fits(CONFIG, features, starter, device="cpu").micro_batch == 4


def test_what_is_not_about_memory_is_not_taken_for_it(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card_with_room_for({False: 4, True: 4}, monkeypatch, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        ENGINE.fits(CONFIG, features, starter, device="cpu")


def test_stop_is_seen_between_two_tries(features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = card_with_room_for({False: 0, True: 0}, monkeypatch)
    with pytest.raises(Cancelled):
        ENGINE.fits(CONFIG, features, starter, device="cpu", should_stop=lambda: len(tried) == 2)
    assert tried == [(6, False), (4, False)]


def test_the_task_passes_stop_on_and_tells_of_too_little_memory(
    frozen: Project, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_text(XttsTrainConfig(auto_batch=True))
    (recorded.job.path / "config.yaml").write_text(config)
    (recorded.job.path / train.CHECK).write_text("{}")
    asked: list[Any] = []

    def fits(*_: Any, should_stop: Any, **__: Any) -> None:
        asked.append(should_stop)
        raise MemoryError

    engine = SimpleNamespace(
        bases=SimpleNamespace(verify=lambda *_: None),
        base_folder=lambda *_: Path("base"),
        prepare=lambda *_, **__: SimpleNamespace(val=[1]),
        fits=fits,
    )
    monkeypatch.setattr(train, "get_engine", lambda _: engine)

    args = TrainArgs(dataset="abc123", base="starter", device="cpu")
    with pytest.raises(UserError) as caught:
        train.run(recorded.job, frozen, args, recorded.reporter)
    assert caught.value.code == "train.out_of_memory" and asked == [recorded.reporter.stop_requested]
