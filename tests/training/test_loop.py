"""The loop with a make-believe model: what it tells, saves and keeps."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.engines.options import TrainConfig
from core.engines.registry import info
from core.errors import Cancelled, UserError
from core.jobs import events
from core.jobs.reporter import Reporter
from core.training import recovery, room
from core.training.checkpoints import Checkpoints
from core.training.loop import Loop
from core.training.samples import SampleSpeaker, Sentences, references
from tests.training.conftest import Recorded
from tests.training.make_believe import MakeBelieve

CONFIG = TrainConfig(max_steps=9, save_every=4, eval_every=3)


def make_loop(recorded: Recorded, session: MakeBelieve, config: TrainConfig = CONFIG) -> Loop:
    run = recorded.job.path
    sentences = Sentences(("first one", "second one"), "en", (), seed=7)
    speaker = SampleSpeaker(run, sentences, None, session.voice, recorded.reporter)
    return Loop(session, config, Checkpoints(run), speaker, recorded.reporter)


def test_saves_evaluates_and_speaks_at_its_steps_and_at_both_ends(recorded: Recorded) -> None:
    session = MakeBelieve()
    facts = make_loop(recorded, session).run()
    assert facts == {"step": 9, "steps": 9, "checkpoints": 4, "loss": 0.5556, "val_loss": 6.0}
    assert [event.step for event in recorded.of(events.Checkpoint)] == [0, 4, 8, 9]
    metrics = recorded.of(events.Metrics)
    assert [m.step for m in metrics if {"val_loss", "eval_s"} <= m.values.keys()] == [0, 3, 6, 9]
    assert [m.step for m in metrics if "loss" in m.values] == list(range(1, 10))
    assert all({"lr", "steps_per_s", "memory_mb"} <= m.values.keys() for m in metrics if "loss" in m.values)
    assert [(step, seed) for step, _, seed in session.spoken] == [(s, n) for s in (0, 4, 8, 9) for n in (7, 8)]
    samples = recorded.of(events.Sample)
    assert samples[2].path == "samples/step-000004/0.wav" and (recorded.job.path / samples[2].path).exists()


def test_a_loss_that_is_not_a_number_is_warned_about_and_left_out(recorded: Recorded) -> None:
    make_loop(recorded, MakeBelieve(lambda step: math.nan if step == 5 else 1.0)).run()
    assert [w.values["step"] for w in recorded.of(events.Warning) if w.code == "train.nan_loss"] == [5]
    told = [m.step for m in recorded.of(events.Metrics) if "loss" in m.values]
    assert told == [1, 2, 3, 4, 6, 7, 8, 9]


LONG = CONFIG.model_copy(update={"max_steps": 40, "save_every": 4})


def lasting(loss: Callable[[int], float], times: int, begin: int = 9, length: int = 6) -> Callable[[int], float]:
    """``loss``, but no number in updates ``begin`` to ``begin + length`` for so many times that they are reached."""
    seen = {"times": 0}

    def of(step: int) -> float:
        if step == begin:
            seen["times"] += 1
        return math.nan if begin <= step < begin + length and seen["times"] <= times else loss(step)

    return of


def test_several_bad_updates_in_a_row_lead_back_to_the_last_good_state_at_half_the_rate(recorded: Recorded) -> None:
    session = MakeBelieve(lasting(lambda step: 1.0, times=1))
    facts = make_loop(recorded, session, LONG).run()
    assert facts["step"] == 40 and session.rate == 0.5
    (back,) = [w for w in recorded.of(events.Warning) if w.code == "train.went_back"]
    # Not to 8: what is saved just before it breaks may be what broke; no update from there has proved it.
    assert (back.values["step"], back.values["to"]) == (13, 4)
    assert "13" in back.text and "half" in back.text
    # Twelve whole updates less those taken back, the others at half the rate.
    assert session.weight == 4 * 1.0 + 36 * 0.5
    view = recorded.job.read()
    assert sorted(step for step, values in view.metrics.items() if "loss" in values) == list(range(1, 41))
    assert [e.step for e in recorded.of(events.Started)] == [4]
    # The checkpoint of update 8 was written anew on the new course.
    assert float(load_file(recorded.job.path / view.checkpoints[8] / "adapter.safetensors")["weight"][0]) == 6.0


def test_a_run_that_going_back_does_not_help_ends_with_a_reason_and_keeps_its_checkpoints(recorded: Recorded) -> None:
    session = MakeBelieve(lasting(lambda step: 1.0, times=99))
    loop = make_loop(recorded, session, LONG)
    with pytest.raises(UserError) as caught:
        loop.run()
    assert caught.value.code == "train.diverged" and caught.value.values["times"] == 2
    assert [w.values["time"] for w in recorded.of(events.Warning) if w.code == "train.went_back"] == [1, 2]
    assert session.rate == 0.25
    assert loop.checkpoints.newest_state() is not None


class Late(MakeBelieve):
    """Like a card that is not waited for: an update's values come with the next one."""

    values_step = 0
    waits: dict[str, float] | None = None

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        values = super().step(should_stop)
        told = self.waits or values
        self.values_step = max(1, self.step_number - 1)
        self.waits = values
        return told

    def restore(self, snapshot: Any) -> None:
        super().restore(snapshot)
        self.waits = None


def test_values_that_come_an_update_late_belong_to_theirs(recorded: Recorded) -> None:
    make_loop(recorded, Late(), LONG).run()
    metrics = recorded.job.read().metrics
    assert [metrics[step]["loss"] for step in range(1, 40)] == [5.0 / step for step in range(1, 40)]
    assert max(metrics) == 40 and "loss" not in metrics[40] and metrics[40]["steps_per_s"] > 0


def test_a_state_is_not_proved_by_values_from_before_it(recorded: Recorded) -> None:
    session = Late(lasting(lambda step: 1.0, times=1))
    assert make_loop(recorded, session, LONG).run()["step"] == 40
    (back,) = [w for w in recorded.of(events.Warning) if w.code == "train.went_back"]
    assert back.values["to"] == 4 and session.rate == 0.5


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_weights_that_are_no_numbers_are_never_kept(recorded: Recorded, kind: Any) -> None:
    class Broken(MakeBelieve):
        saves = 0

        def save(self, folder: Path) -> None:
            super().save(folder)
            self.saves += 1
            if self.saves == 3:
                weights = np.ones((4, 1000), kind)
                weights[3, 999] = np.inf
                save_file({"good": np.ones(3, np.float32), "bad": weights}, folder / "adapter.safetensors")

    session = Broken()
    assert make_loop(recorded, session, LONG).run()["step"] == 40
    assert [(w.values["step"], w.values["to"]) for w in recorded.of(events.Warning)] == [(12, 8)]
    for folder in (recorded.job.path / "checkpoints").glob("step-*[1-9]*"):
        assert all(np.isfinite(entry).all() for entry in load_file(folder / "adapter.safetensors").values())
    assert session.rate == 0.5


def test_running_out_of_memory_halves_what_is_computed_at_once_and_tells(recorded: Recorded) -> None:
    session = MakeBelieve(fits=lambda micro_batch: micro_batch <= 1)
    assert make_loop(recorded, session).run()["step"] == 9
    assert session.weight == 9.0, "an update was lost"
    told = [w for w in recorded.of(events.Warning) if w.code == "train.batch_halved"]
    assert [w.values["step"] for w in told] == [1, 1] and session.micro_batch == 1


def test_out_of_memory_with_one_clip_says_what_to_do(recorded: Recorded) -> None:
    with pytest.raises(UserError) as caught:
        make_loop(recorded, MakeBelieve(fits=lambda micro_batch: False)).run()
    assert caught.value.code == "train.out_of_memory"
    for advice in ("Close other programs", "resume", "lower rank", "shorter clips", "a card with more memory"):
        assert advice in caught.value.hint
    assert "Save memory" not in caught.value.hint, "the run has tried that by itself"


def test_with_one_clip_at_once_memory_is_saved_before_the_run_gives_up(recorded: Recorded) -> None:
    class Thrifty(MakeBelieve):
        thrifty = False

        def save_memory(self) -> bool:
            was, self.thrifty = self.thrifty, True
            return not was

    session = Thrifty(fits=lambda micro_batch: session.thrifty)
    assert make_loop(recorded, session).run()["step"] == 9 and session.micro_batch == 1
    assert [w.code for w in recorded.of(events.Warning)] == 2 * ["train.batch_halved"] + ["train.memory_saved"]


def test_a_state_that_would_fill_the_computer_is_not_remembered(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large(MakeBelieve):
        snapshot_bytes = 900

        def snapshot(self) -> Any:
            raise AssertionError("it was copied")

    monkeypatch.setattr(recovery, "free_memory", lambda: 1000)
    with pytest.raises(UserError) as caught:
        make_loop(recorded, Large(lambda step: math.nan if step > 5 else 1.0), LONG).run()
    assert caught.value.code == "train.broke"
    assert recorded.of(events.Warning)[0].code == "train.no_way_back"
    monkeypatch.setattr(recovery, "free_memory", lambda: 2000)
    Large.snapshot = MakeBelieve.snapshot  # type: ignore[method-assign]
    assert make_loop(recorded, Large(lasting(lambda step: 1.0, times=1)), LONG).run()["step"] == 40


def test_whether_a_state_fits_is_asked_no_more_often_than_one_is_remembered(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large(MakeBelieve):
        snapshot_bytes = 900

    session, asked = Large(), []

    def free() -> int:
        asked.append(session.step_number)
        return 1000

    monkeypatch.setattr(recovery, "free_memory", free)
    config = LONG.model_copy(update={"max_steps": 50, "save_every": 100})
    make_loop(recorded, session, config).run()
    # The beginning's warning asks as well; at the end a checkpoint is written.
    assert asked == [0, 0, 20, 40, 50]


def test_a_run_reads_its_log_once_however_long_it_trains(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = [], events.EventReader.read
    monkeypatch.setattr(events.EventReader, "read", lambda reader: reads.append(reader) or read(reader))  # type: ignore[func-returns-value]
    config = LONG.model_copy(update={"early_stop": True, "patience": 5})
    session = MakeBelieve(lasting(lambda step: 1.0, times=1), val=lambda step: 4.0 + abs(step - 10))
    # Back from update 13 to 4 what was measured of 6 to 12 is void, in what the run knows as well.
    assert make_loop(recorded, session, config).run()["step"] == 24
    assert len(reads) == 1
    monkeypatch.undo()
    assert recorded.reporter.view == dataclasses.replace(recorded.job.read(), status="new")


def press_stop(recorded: Recorded) -> None:
    recorded.job.stop()
    recorded.reporter._last_look = 0.0


def test_stop_saves_lets_the_checkpoint_speak_and_tells_what_was_kept(recorded: Recorded) -> None:
    def loss(step: int) -> float:
        if step == 3:
            press_stop(recorded)
        return 1.0

    session = MakeBelieve(loss)
    loop = make_loop(recorded, session)
    with pytest.raises(Cancelled) as caught:
        loop.run()
    assert caught.value.args[0]["step"] == 3
    assert loop.checkpoints.newest_state() == loop.checkpoints.folder(3)
    assert [text for step, text, _ in session.spoken if step == 3] == ["first one", "second one"]
    # An evaluation was due and was left out; a resume makes up for it, and says nothing twice.
    assert "val_loss" not in recorded.job.read().metrics[3]
    recorded.job.stop_path.unlink()
    again = Recorded(Reporter(recorded.job), recorded.job)
    resumed = MakeBelieve(step_number=3)
    make_loop(again, resumed).run()
    assert recorded.job.read().metrics[3]["val_loss"] == 6.0
    assert {step for step, _, _ in resumed.spoken} == {4, 8, 9}


def test_stop_in_the_middle_of_an_update_keeps_the_one_before(recorded: Recorded) -> None:
    session = MakeBelieve(stop_within=3, stop=lambda: press_stop(recorded))
    loop = make_loop(recorded, session)
    with pytest.raises(Cancelled) as caught:
        loop.run()
    assert caught.value.args[0]["step"] == 2 and loop.checkpoints.newest_state() == loop.checkpoints.folder(2)


@pytest.mark.parametrize("late_s", [0.0, 60.0])
def test_after_stop_speaking_is_bounded(recorded: Recorded, monkeypatch: pytest.MonkeyPatch, late_s: float) -> None:
    """A slow machine speaks as much as there is time for; if Stop is long ago already, nothing."""

    def loss(step: int) -> float:
        if step == 2:
            press_stop(recorded)
            pressed = time.time() - late_s
            os.utime(recorded.job.stop_path, (pressed, pressed))
            session.takes_s = 0.55
        return 1.0

    monkeypatch.setattr("core.training.loop._LAST_WORDS_S", 1.0)
    session = Slow(loss)
    with pytest.raises(Cancelled):
        make_loop(recorded, session).run()
    assert [text for step, text, _ in session.spoken if step == 2] == ([] if late_s else ["first one"])


class Slow(MakeBelieve):
    """Takes its time to speak, and looks for Stop all the while."""

    takes_s = 0.0

    def speak(self, text: str, language: str, reference: Any, seed: int, **options: Any) -> tuple[Any, int]:
        until = time.monotonic() + self.takes_s
        while time.monotonic() < until:
            if options["should_stop"]():
                raise Cancelled
        return super().speak(text, language, reference, seed, **options)


def test_killed_between_saving_and_saying_so_the_checkpoint_is_announced_by_the_resume(recorded: Recorded) -> None:
    first = make_loop(recorded, MakeBelieve(step_number=4))
    first.checkpoints.save(4, first.session.save)
    recorded.reporter.start(step=4)
    assert 4 not in recorded.job.read().checkpoints
    make_loop(recorded, MakeBelieve(step_number=4)).run()
    assert recorded.job.read().checkpoints[4] == "checkpoints/step-000004"


def test_a_failing_sample_is_warned_about_and_does_not_end_the_run(recorded: Recorded) -> None:
    session = MakeBelieve(fails=True)
    assert make_loop(recorded, session).run()["step"] == 9
    failed = [w for w in recorded.of(events.Warning) if w.code == "train.sample_failed"]
    assert [(w.values["step"], w.values["number"]) for w in failed] == [(0, 2), (4, 2), (8, 2), (9, 2)]
    assert "CUFFT" in failed[0].text
    assert {text for _, text, _ in session.spoken} == {"first one"}


def test_a_resumed_run_says_what_was_left_unsaid(recorded: Recorded) -> None:
    session = MakeBelieve()
    make_loop(recorded, session, CONFIG.model_copy(update={"max_steps": 4})).run()
    # As if it was killed before the last sentence.
    *lines, last, pace = recorded.job.events_path.read_text().splitlines(keepends=True)
    assert "sample_real_time_factor" in pace and '"sample"' in last and "second one" in last
    recorded.job.events_path.write_text("".join(lines))
    resumed, again = MakeBelieve(step_number=4), Recorded(Reporter(recorded.job), recorded.job)
    again.reporter.start(step=4)
    make_loop(again, resumed).run()
    assert [(step, text.split()[0]) for step, text, _ in resumed.spoken] == [
        *((4, "second"), (8, "first"), (8, "second"), (9, "first"), (9, "second"))
    ]
    assert recorded.job.read().checkpoints.keys() == {0, 4, 8, 9}


def test_time_left_covers_the_whole_run(recorded: Recorded) -> None:
    make_loop(recorded, MakeBelieve()).run()
    left = [p.eta_s for p in recorded.of(events.Progress) if p.stage == "train"]
    assert all(eta is not None and eta >= 0 for eta in left) and left[-1] == 0


def test_references_are_the_clips_nearest_to_a_good_length() -> None:
    assert references([("a", 2.0), ("b", 9.5), ("c", 7.5), ("d", 12.0), ("e", 5.0)], info("xtts")) == ("c", "b", "e")


def test_a_run_saves_and_pauses_before_the_disk_is_full_and_goes_on_once_there_is_room(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = make_loop(recorded, MakeBelieve(), LONG)
    free = iter([10**12, 10**12, 2 * 10**8, 10**6, 10**6])  # plenty, little, nearly nothing
    looks: list[int] = []

    def disk_usage(_: Path) -> SimpleNamespace:
        looks.append(next(free, 10**12))
        return SimpleNamespace(total=10**12, free=looks[-1])

    monkeypatch.setattr(room.shutil, "disk_usage", disk_usage)
    monkeypatch.setattr(room, "_LOOK_S", 0.0)
    monkeypatch.setattr("core.training.loop._PAUSE_LOOK_S", 0.0)
    assert loop.run()["step"] == 40
    states = [event.state for event in recorded.of(events.State)]
    assert states == ["paused", "running"]
    warnings = {w.code: w.values for w in recorded.of(events.Warning)}
    assert warnings.keys() == {"train.little_room", "train.paused_for_room"}
    step = warnings["train.paused_for_room"]["step"]
    assert step % 4 and step in [event.step for event in recorded.of(events.Checkpoint)]  # between two planned saves
