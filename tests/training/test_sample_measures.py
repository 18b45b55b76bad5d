"""Measures of samples while a run trains: what the loop asks for, and when it ends a run by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from core.engines.options import TrainConfig
from core.errors import Cancelled
from core.evaluation.companion import Companion
from core.jobs import events
from core.jobs.reporter import Reporter
from core.tasks import train
from core.training.checkpoints import Checkpoints
from core.training.early_stopping import best_sounding, samples_out_of_patience
from core.training.loop import Loop
from core.training.sample_measures import Unmeasured, distances
from core.training.samples import SampleSpeaker, Sentences
from tests.training.conftest import Recorded
from tests.training.make_believe import MakeBelieve
from tests.training.test_loop import lasting, press_stop

CONFIG = TrainConfig(max_steps=60, save_every=4, eval_every=30, patience=3)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Companion),
        ({"measure_samples": False}, Unmeasured),
        ({"measure_samples": False, "early_stop_by": "samples"}, Unmeasured),  # it ends at its last update
        ({"measure_samples": False, "early_stop": True, "early_stop_by": "samples"}, Companion),
        ({"sample_sentences": 0}, Unmeasured),
    ],
)
def test_samples_are_measured_where_a_run_is_to_end_by_them(
    recorded: Recorded, settings: dict[str, object], expected: type
) -> None:
    assert type(train._measures(TrainConfig(**settings), recorded.reporter)) is expected
    assert not recorded.reporter.view.warnings


def test_a_run_that_is_to_end_by_samples_it_does_not_speak_says_so(recorded: Recorded) -> None:
    train._measures(TrainConfig(sample_sentences=0, early_stop=True, early_stop_by="samples"), recorded.reporter)
    assert [warning.code for warning in recorded.reporter.view.warnings] == ["train.no_samples_to_end_by"]


@dataclass
class Measured:
    """Measures at once what a table says of a step; ``lag`` says of how many checkpoints it is behind."""

    reporter: Reporter
    table: Mapping[int, tuple[float, float]]
    lag: int = 0
    asked: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    waited_s: float | None = None

    def add(self, step: int) -> None:
        self.asked.append(step)
        self.pending.append(step)

    def poll(self) -> bool:
        return self._tell(self.lag)

    def wait(self, most_s: float) -> bool:
        self.waited_s = most_s
        return self._tell(0)

    def discard_later(self, keep_to: int) -> None:
        self.pending = [step for step in self.pending if step <= keep_to]

    def close(self) -> None:
        self.pending = []

    def _tell(self, lag: int) -> bool:
        due = self.pending[: len(self.pending) - lag]
        for step in due:
            cer, likeness = self.table.get(step, (0.5, 0.5))
            self.reporter.metrics(step, sample_cer=cer, sample_likeness=likeness)
        del self.pending[: len(due)]
        return bool(due)


def loop_of(
    recorded: Recorded,
    table: Mapping[int, tuple[float, float]],
    config: TrainConfig = CONFIG,
    session: MakeBelieve | None = None,
    lag: int = 0,
) -> tuple[Loop, Measured]:
    session = session or MakeBelieve()
    speaker = SampleSpeaker(recorded.job.path, Sentences(("one",), "en", (), 7), None, session.voice, recorded.reporter)
    measures = Measured(recorded.reporter, table, lag)
    checkpoints = Checkpoints(recorded.job.path)
    return Loop(session, config, checkpoints, speaker, recorded.reporter, measures=measures), measures


# Ever more like the speaker up to update 12, after that less clear.
TABLE = {step: (0.1 + 0.01 * max(0, step - 12), 0.5 + 0.02 * min(step, 12)) for step in range(0, 61)}


def test_each_checkpoint_is_measured_once_and_said_as_metrics_of_its_update(recorded: Recorded) -> None:
    loop, measures = loop_of(recorded, TABLE, CONFIG.model_copy(update={"max_steps": 10}), lag=1)
    assert loop.run()["step"] == 10
    assert measures.asked == [0, 4, 8, 10] and measures.waited_s is not None
    told = {event.step: event.values for event in recorded.of(events.Metrics) if "sample_cer" in event.values}
    assert list(told) == [0, 4, 8, 10] and told[8]["sample_likeness"] == pytest.approx(0.66)


def test_a_run_ends_by_how_its_samples_sound_where_the_settings_say_so(recorded: Recorded) -> None:
    by_samples = CONFIG.model_copy(update={"early_stop": True, "early_stop_by": "samples"})
    loop, _ = loop_of(recorded, TABLE, by_samples)
    assert loop.run()["step"] == 24  # the third checkpoint after 12
    told = recorded.of(events.Warning)[-1]
    assert told.code == "train.stopped_early_by_samples" and told.values["step"] == 24


def test_it_looks_at_them_when_they_come_however_late(recorded: Recorded) -> None:
    by_samples = CONFIG.model_copy(update={"early_stop": True, "early_stop_by": "samples"})
    loop, _ = loop_of(recorded, TABLE, by_samples, lag=2)
    assert loop.run()["step"] == 32


@pytest.mark.parametrize("changes", [{"early_stop": False, "early_stop_by": "samples"}, {"early_stop": True}])
def test_else_they_end_nothing(recorded: Recorded, changes: dict[str, object]) -> None:
    loop, _ = loop_of(recorded, TABLE, CONFIG.model_copy(update=changes))
    assert loop.run()["step"] == 60


def test_what_was_measured_of_an_abandoned_course_is_measured_anew(recorded: Recorded) -> None:
    session = MakeBelieve(lasting(lambda step: 1.0, times=1))
    loop, measures = loop_of(recorded, TABLE, CONFIG.model_copy(update={"max_steps": 16}), session)
    loop.run()
    assert measures.asked == [0, 4, 8, 8, 12, 16]  # after update 13 it went back to 4


def test_a_resumed_run_measures_what_was_spoken_and_not_measured(recorded: Recorded) -> None:
    def loss(step: int) -> float:
        if step == 9:
            press_stop(recorded)
        return 1.0

    loop, measures = loop_of(recorded, TABLE, session=MakeBelieve(loss), lag=1)
    with pytest.raises(Cancelled):
        loop.run()
    assert measures.asked == [0, 4, 8] and measures.pending == [8] and measures.waited_s is None
    recorded.job.stop_path.unlink()
    again = Recorded(Reporter(recorded.job), recorded.job)
    config = CONFIG.model_copy(update={"max_steps": 12})
    loop, measures = loop_of(again, TABLE, config, MakeBelieve(step_number=9))
    loop.run()
    assert measures.asked == [8, 9, 12]


def test_clarity_and_likeness_count_together_in_steps_that_a_listener_notices() -> None:
    metrics = {
        0: {"sample_cer": 0.10, "sample_likeness": 0.70, "loss": 1.0},
        10: {"sample_cer": 0.10, "sample_likeness": 0.80},
        20: {"sample_cer": 0.22, "sample_likeness": 0.85},
        30: {"loss": 0.1},
        40: {"sample_cer": 0.10, "sample_likeness": 0.81},
    }
    assert dict(distances(metrics)) == pytest.approx({0: 0.0, 10: -2.0, 20: 1.0, 40: -2.2})
    assert best_sounding(metrics) == 10  # 40 is better by less than anybody notices
    assert samples_out_of_patience(metrics, 2) and not samples_out_of_patience(metrics, 3)
    assert best_sounding({10: metrics[10]}) is None and not samples_out_of_patience({}, 2)
    only_likeness = {step: {"sample_likeness": value} for step, value in ((0, 0.7), (10, 0.8))}
    assert best_sounding(only_likeness) == 10
