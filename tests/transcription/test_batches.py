"""Batches by length, the way back from a failed reading, and smaller batches where memory is short."""

from __future__ import annotations

import pytest
import torch

from core.transcription.batches import batches, window_s
from core.transcription.memory import Limit, Shape, batch_size
from core.transcription.retry import Reading, settle


def test_every_clip_is_in_one_batch_with_clips_of_its_window() -> None:
    seconds = [0.4 + 0.37 * number for number in range(90)] + [45.0]
    found = batches(seconds, lambda window: 5)
    assert sorted(index for batch in found for index in batch) == list(range(91))
    assert found[0] == [90] or seconds[found[0][0]] > 30
    for batch in found:
        assert len(batch) <= 5
        assert len(batch) == 1 or len({window_s(seconds[index]) for index in batch}) == 1
    longest = [max(seconds[index] for index in batch) for batch in found]
    assert longest == sorted(longest, reverse=True)


def test_batches_are_even_rather_than_one_full_and_one_of_a_single_clip() -> None:
    assert [len(batch) for batch in batches([3.0] * 17, lambda _: 16)] == [9, 8]


def test_a_window_holds_the_clip_and_silence_after_it_but_never_more_than_the_model_sees() -> None:
    for seconds in (0.1, 1.0, 3.0, 14.9, 28.9):
        assert seconds + 1.0 <= window_s(seconds) < seconds + 3.1
    assert window_s(29.5) == window_s(30.0) == 30.0


def reading(text: str, *, sure: float = -0.3, repeats: float = 1.0, quiet: float = 0.0) -> Reading:
    return Reading((1,), text, sure, quiet, repeats)


def test_only_clips_that_fail_are_read_again_first_whole_then_hotter() -> None:
    asked = []

    def decode(clips: list[int], temperature: float, whole: bool) -> list[Reading]:
        asked.append((list(clips), temperature, whole))
        at_last = temperature == 0.2
        return [reading("fine") if clip != 1 or at_last else reading("again again", repeats=9.0) for clip in clips]

    found = settle(3, decode)  # type: ignore[arg-type]
    assert asked == [([0, 1, 2], 0.0, False), ([1], 0.0, True), ([1], 0.2, True)]
    assert [match.text for match in found] == ["fine"] * 3


def test_a_text_said_twice_is_read_again_with_the_whole_window_and_then_believed() -> None:
    asked = []
    twice = Reading((1, 2, 3, 4, 5, 1, 2, 3, 4, 5), "twice", -0.1, 0.0, 1.8)

    def decode(clips: list[int], temperature: float, whole: bool) -> list[Reading]:
        asked.append((temperature, whole))
        return [twice]

    assert settle(1, decode)[0].text == "twice"  # type: ignore[arg-type]
    assert asked == [(0.0, False), (0.0, True)]
    assert not Reading((1, 2, 3, 1, 2, 3, 4), "", 0.0, 0.0, 0.0).starts_anew


def test_of_failed_readings_the_likeliest_that_does_not_repeat_is_taken() -> None:
    results = iter(
        [reading("loop", sure=-0.1, repeats=5.0), reading("one", sure=-1.5), reading("two", sure=-1.2)]
        + [reading("three", sure=-1.9)]
    )
    assert settle(1, lambda *_: [next(results)])[0].text == "two"


def test_silence_is_not_read_again() -> None:
    quiet = reading("Thank you.", sure=-1.4, quiet=0.9)
    calls = []
    found = settle(1, lambda *asked: calls.append(asked) or [quiet])
    assert len(calls) == 1 and found[0].silent


def test_batch_size_follows_free_memory_and_never_falls_below_one() -> None:
    large = Shape(1280, 32, 51_866, 2)
    sizes = [batch_size(large, 30.0, 5, free << 30, "cuda") for free in (0, 1, 4, 16, 80)]
    assert sizes[0] == 1 and sizes == sorted(sizes) and sizes[2] < sizes[3] <= 64
    assert batch_size(large, 10.0, 5, 4 << 30, "cuda") > sizes[2]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA failed with error out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_batches_are_halved_until_they_fit_and_stay_so(error: Exception) -> None:
    told, tried = [], []

    def work(part: list[int]) -> list[int]:
        tried.append(len(part))
        if len(part) > 3:
            raise error
        return [number * 10 for number in part]

    limit = Limit(told.append)
    assert limit.run(list(range(13)), work) == [number * 10 for number in range(13)]  # type: ignore[arg-type]
    assert tried == [13, 6, 3, 3, 3, 3, 1] and told == [6]
    tried.clear()
    assert limit.run([1, 2, 3, 4], work) == [10, 20, 30, 40]  # type: ignore[arg-type]
    assert tried == [3, 1] and told == [6]


def test_a_single_clip_without_memory_and_any_other_error_are_not_hidden() -> None:
    def fail(error: Exception) -> list[int]:
        raise error

    with pytest.raises(MemoryError):
        Limit().run([1, 2], lambda _: fail(MemoryError()))
    with pytest.raises(RuntimeError, match="shape"):
        Limit().run([1, 2], lambda _: fail(RuntimeError("shape mismatch")))
    with pytest.raises(ValueError, match="out of memory"):
        Limit().run([1, 2], lambda _: fail(ValueError("out of memory")))
