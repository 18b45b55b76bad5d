"""Checkpoints speak: in one go where the voice can, one by one where that fails."""

from __future__ import annotations

from typing import Any

import pytest

from core.jobs import events
from tests.training.conftest import Recorded
from tests.training.make_believe import MakeBelieve
from tests.training.test_loop import make_loop


class Choir(MakeBelieve):
    """Says several sentences at once, and remembers how often it was asked."""

    speaks_together = True
    breath = 0

    def speak_many(self, texts: Any, language: str, reference: Any, seeds: Any, **options: Any) -> list[Any]:
        self.breath += 1
        if self.fails:
            raise RuntimeError("one of them")
        return [self.speak(text, language, reference, seed, **options) for text, seed in zip(texts, seeds, strict=True)]


def test_sentences_are_spoken_in_one_go_where_the_voice_can(recorded: Recorded) -> None:
    session = Choir()
    make_loop(recorded, session).run()
    assert session.breath == 4
    assert [(step, seed) for step, _, seed in session.spoken] == [(s, n) for s in (0, 4, 8, 9) for n in (7, 8)]
    samples = recorded.of(events.Sample)
    assert len(samples) == 8 and all((recorded.job.path / sample.path).exists() for sample in samples)


def test_what_cannot_be_spoken_in_one_go_is_tried_one_by_one_and_named(recorded: Recorded) -> None:
    session = Choir(fails=True)
    make_loop(recorded, session).run()
    failed = [w for w in recorded.of(events.Warning) if w.code == "train.sample_failed"]
    assert [(w.values["step"], w.values["number"]) for w in failed] == [(0, 2), (4, 2), (8, 2), (9, 2)]
    assert {text for _, text, _ in session.spoken} == {"first one"} and session.breath == 4


@pytest.mark.parametrize("kind", [Choir, MakeBelieve])
def test_a_card_lost_while_a_checkpoint_speaks_ends_the_run(recorded: Recorded, kind: type[MakeBelieve]) -> None:
    def speak(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA error: unspecified launch failure")

    session = kind()
    session.speak = speak  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="launch failure"):
        make_loop(recorded, session).run()
    assert not recorded.of(events.Warning)


def test_how_long_speaking_takes_for_a_second_of_sound_is_told_with_each_checkpoint(recorded: Recorded) -> None:
    make_loop(recorded, Choir()).run()
    name = "sample_real_time_factor"
    told = [(event.step, event.values[name]) for event in recorded.of(events.Metrics) if name in event.values]
    assert [step for step, _ in told] == [0, 4, 8, 9]
    for step, factor in told:
        of_step = [event for event in recorded.of(events.Sample) if event.step == step]
        expected = sum(entry.took_s for entry in of_step) / sum(entry.seconds for entry in of_step)
        # Times are told in whole milliseconds, of sounds of ten.
        assert factor == pytest.approx(expected, abs=0.05) and factor >= 0
