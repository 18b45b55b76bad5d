"""What a run that broke leaves on the disk: never the course it abandoned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from safetensors.numpy import load_file

from core.engines.options import TrainConfig
from core.errors import Cancelled
from core.jobs import events
from core.training.checkpoints import STATE, Checkpoints
from tests.training.conftest import Recorded
from tests.training.make_believe import MakeBelieve
from tests.training.test_loop import lasting, make_loop, press_stop

CONFIG = TrainConfig(max_steps=40, save_every=4, eval_every=100, sample_sentences=0)


def stands(recorded: Recorded, session: MakeBelieve) -> tuple[int, float]:
    """The step and the weight that a resume would take up."""
    state = make_loop(recorded, session).checkpoints.newest_state()
    assert state is not None
    return int((state / STATE).read_text()), float(load_file(state / "adapter.safetensors")["weight"][0])


class Killed(BaseException):
    """In place of SIGKILL: nothing gets to run after it."""


def test_killed_after_going_back_a_resume_goes_on_from_where_it_went_back_to(recorded: Recorded) -> None:
    bad = lasting(lambda step: 1.0, times=1)

    def loss(step: int) -> float:
        if step == 6 and session.rate < 1:
            raise Killed
        return bad(step)

    session = MakeBelieve(loss)
    loop = make_loop(recorded, session, CONFIG)
    with pytest.raises(Killed):
        loop.run()
    # It went back from 13 to 4; 8 was saved on the course that broke.
    assert stands(recorded, session) == (4, 4.0) and loop.checkpoints.steps() == [0, 4]
    assert sorted(recorded.job.read().checkpoints) == [0, 4]


@pytest.mark.parametrize(("begin", "later", "back_to"), [(9, 8, 4), (5, 4, 0)])
def test_killed_amid_going_back_a_resume_takes_up_no_abandoned_state(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, begin: int, later: int, back_to: int
) -> None:
    def killed(self: Checkpoints, keep_to: int) -> None:
        raise Killed

    loop = make_loop(recorded, MakeBelieve(lasting(lambda step: 1.0, times=1, begin=begin)), CONFIG)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Checkpoints, "discard_later", killed)
        loop.run()
    left = Checkpoints(recorded.job.path)
    assert left.steps()[-1] == later and (left.folder(later) / STATE).exists()
    left.mend()
    assert left.steps()[-1] == back_to and (left.folder(back_to) / STATE).exists() == (back_to > 0)
    left.mend()
    assert left.steps()[-1] == back_to


def test_going_back_to_the_beginning_leaves_nothing_to_resume(recorded: Recorded) -> None:
    def loss(step: int) -> float:
        if session.rate < 1:
            raise Killed
        return math.nan if step > 4 else 1.0

    session = MakeBelieve(loss)
    loop = make_loop(recorded, session, CONFIG)
    with pytest.raises(Killed):
        loop.run()
    assert loop.checkpoints.newest_state() is None and loop.checkpoints.steps() == [0]


def test_amid_bad_updates_nothing_is_saved(recorded: Recorded) -> None:
    loop = make_loop(recorded, MakeBelieve(lambda step: math.nan if step in (7, 8) else 1.0), CONFIG)
    loop.run()
    assert [event.step for event in recorded.of(events.Checkpoint)][:4] == [0, 4, 12, 16]


def test_stopped_amid_bad_updates_the_last_good_state_is_kept(recorded: Recorded) -> None:
    def loss(step: int) -> float:
        if step == 11:
            press_stop(recorded)
        return math.nan if step >= 10 else 1.0

    session = MakeBelieve(loss)
    with pytest.raises(Cancelled) as caught:
        make_loop(recorded, session, CONFIG).run()
    # 8 was saved and an update from there was sound.
    assert caught.value.args[0]["step"] == 8 and stands(recorded, session) == (8, 8.0)
    assert session.rate == 1.0 and max(recorded.job.read().metrics) == 8
    assert not [w for w in recorded.of(events.Warning) if w.code == "train.went_back"]


class Waiting(MakeBelieve):
    """Like a card: the values of an update come with the next one, or when asked for."""

    values_step = 0
    told: tuple[int, dict[str, float]] | None = None

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        now = super().step(should_stop)
        before, self.told = self.told or (self.step_number, now), (self.step_number, now)
        self.values_step = before[0]
        return before[1]

    def last_values(self) -> dict[str, float] | None:
        if self.told is None or self.told[0] == self.values_step:
            return None
        self.values_step = self.told[0]
        return self.told[1]

    def restore(self, snapshot: Any) -> None:
        super().restore(snapshot)
        self.told = None


def test_the_last_updates_values_are_told_at_the_end_and_at_stop(recorded: Recorded) -> None:
    def loss(step: int) -> float:
        if step == 7:
            press_stop(recorded)
        return 5.0 / step

    session = Waiting(loss)
    with pytest.raises(Cancelled) as caught:
        make_loop(recorded, session, CONFIG).run()
    assert caught.value.args[0]["loss"] == round(5 / 7, 4)
    recorded.job.stop_path.unlink()
    recorded.reporter._stop = False
    make_loop(recorded, Waiting(lambda step: 5.0 / step, step_number=7), CONFIG).run()
    told = recorded.job.read().metrics
    assert [told[step]["loss"] for step in range(1, 41)] == [5.0 / step for step in range(1, 41)]


def test_a_bad_update_is_counted_once_however_often_its_values_come(recorded: Recorded) -> None:
    make_loop(recorded, Waiting(lambda step: math.nan if step == 1 else 1.0), CONFIG).run()
    assert [w.values["step"] for w in recorded.of(events.Warning) if w.code == "train.nan_loss"] == [1]


def test_a_bad_update_is_known_of_before_it_is_saved(recorded: Recorded) -> None:
    loop = make_loop(recorded, Waiting(lambda step: math.nan if step == 8 else 1.0), CONFIG)
    loop.run()
    assert [event.step for event in recorded.of(events.Checkpoint)][:4] == [0, 4, 12, 16]


def test_remembering_and_going_back_are_watched(recorded: Recorded) -> None:
    stages: set[str] = set()

    class Watched(MakeBelieve):
        def snapshot(self) -> Any:
            stages.add(loop.watchdog._stage)
            return super().snapshot()

        def restore(self, snapshot: Any) -> None:
            stages.add(loop.watchdog._stage)
            super().restore(snapshot)

    session = Watched(lasting(lambda step: 1.0, times=1))
    loop = make_loop(recorded, session, CONFIG)
    loop.run()
    assert stages == {"remember"} and session.rate == 0.5
