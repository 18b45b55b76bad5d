"""Work in threads beside a task that watches for Stop."""

from __future__ import annotations

import threading
import time

import pytest

from core.errors import Cancelled
from core.jobs.parallel import map_in_threads


def nothing() -> None:
    return


def test_every_item_comes_back_once_with_its_result_or_its_error() -> None:
    def work(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number * number

    found = dict(map_in_threads(range(50), work, 3, nothing))
    assert isinstance(found.pop(7), ValueError)
    assert found == {number: number * number for number in range(50) if number != 7}
    assert list(map_in_threads([], work, 3, nothing)) == []


def test_as_many_items_as_asked_are_at_work_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=20)
    assert len(list(map_in_threads([1, 2, 3], lambda _: meeting.wait(), 3, nothing))) == 3
    assert not meeting.broken


def test_stop_does_not_wait_for_work_that_hangs_and_starts_no_more() -> None:
    release, begun = threading.Event(), []

    def work(number: int) -> None:
        begun.append(number)
        release.wait(20)

    def check_stop() -> None:
        if len(begun) == 2:
            raise Cancelled

    asked = time.monotonic()
    with pytest.raises(Cancelled):
        list(map_in_threads(range(10), work, 2, check_stop))
    assert time.monotonic() - asked < 5
    before = threading.active_count()
    release.set()
    until = time.monotonic() + 20
    while threading.active_count() > before - 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert sorted(begun) == [0, 1]
