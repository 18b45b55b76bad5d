"""What a job says is heard while it speaks; who goes away before the first sound leaves the place to the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from core.errors import Cancelled
from core.jobs.args.speech import SynthesizeArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.synthesis import speaking
from core.synthesis.live import NAME, LiveSound, follow, is_live
from core.synthesis.start import start_speak
from tests.server.conftest import serving, wait_for
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import toy as toy

TEXT = "Hum a line. " * 5


@pytest.fixture(scope="module")
def address(humming: Project) -> Iterator[str]:
    with serving(humming.workspace.path) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_page_hears_a_job_while_it_speaks_and_nothing_once_it_has_ended(humming: Project, address: str) -> None:
    job = start_speak(humming, SynthesizeArgs(text=TEXT, settings={"pace_s": 0.02}))
    url = f"{address}/audio/{humming.slug}/live/{job.id}"
    with httpx.stream("GET", url, timeout=60) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        blocks = answer.iter_bytes()
        first = next(blocks)
        assert is_live(job), "the first sound comes before the last is spoken"
        sound = first + b"".join(blocks)
    take = job.wait(30)
    assert take.status == "done"
    assert len(sound) * 8 / 128_000 == pytest.approx(take.count("seconds"), abs=0.3)
    assert not (job.path / NAME).exists() and httpx.get(url).status_code == 404
    assert httpx.get(f"{address}/audio/{humming.slug}/live/..%2Fx").status_code == 404


def test_all_samples_come_in_order_however_they_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, samples = Job(tmp_path), np.linspace(-1, 1, 100_001, dtype=np.float32)
    lives = iter([True, True, False])
    monkeypatch.setattr(Job, "alive", lambda _: next(lives))
    with LiveSound(job) as live:
        live.add(samples[:7], 24_000)
        live.add(samples[7:], 24_000)
        pieces = list(follow(job))
    assert {rate for _, rate in pieces} == {24_000}
    np.testing.assert_allclose(np.concatenate([piece for piece, _ in pieces]), samples, atol=1e-4)


def test_who_goes_away_before_the_first_sound_has_its_turn_ended(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def wait(*_: object, should_stop: object = None, **__: object) -> Iterator[object]:
        begun.set()
        while not should_stop():  # type: ignore[operator]
            time.sleep(0.01)
        ended.set()
        raise Cancelled
        yield

    monkeypatch.setattr(speaking, "stream", wait)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{address}/v1/audio/speech", json={"voice": "default", "input": "Hum."}, timeout=1)
    assert begun.is_set()
    wait_for(ended.is_set, 10)
