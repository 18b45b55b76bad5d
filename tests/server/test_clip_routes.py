"""What the clip editor fetches: a stretch as small JSON, and the sound of a piece."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from core.project.records import Clip, Source
from core.project.workspace import Project
from tests.server.conftest import Client
from ui.http.clip_routes import LONGEST_PIECE_S, piece_url, window_url

RATE = 16_000


@pytest.fixture
def filled(project: Project) -> Project:
    """A project with a recording of 90 s and a clip in it."""
    project.sources.mkdir()
    sound = 0.5 * np.sin(2 * np.pi * 300 * np.arange(90 * RATE) / RATE)
    soundfile.write(project.source_file("s1"), sound.astype(np.float32), RATE)
    project.store.add_source(Source("s1", "Tone", seconds=90.0, sample_rate=RATE))
    project.store.replace_clips("s1", [Clip("s1-0001", "s1", 2.0, 5.5, text="“Hello” <b>", forced="end")])
    return project


@pytest.fixture
def http(client: Client, filled: Project) -> TestClient:
    """The application over that project."""
    return client(workspace=filled.workspace.path)


def at(address: str) -> str:
    """An address as the page resolves it from ``/en/``."""
    return address.removeprefix("..")


def test_a_stretch_says_what_is_in_it(http: TestClient, filled: Project) -> None:
    answer = http.get(at(window_url(filled.slug, "s1")), params={"start": 0, "end": 10, "columns": 200})
    assert answer.status_code == 200 and answer.headers["cache-control"] == "private, no-store"
    seen = answer.json()
    (clip,) = [part for part in seen["parts"] if part["kind"] == "clip"]
    assert clip.pop("seen"), "what a change is compared with: another window may have changed the clip meanwhile"
    assert clip == {
        "start": 2.0, "end": 5.5, "kind": "clip", "marks": ["forced_end"], "id": "s1-0001", "text": "“Hello” <b>",
        "status": "new",
    }  # fmt: skip
    assert len(seen["low"]) == len(seen["high"]) == 200 and max(seen["high"]) == 50


def test_no_request_gets_more_than_a_screen_can_hold(http: TestClient, filled: Project) -> None:
    answer = http.get(at(window_url(filled.slug, "s1")), params={"start": -5, "end": 1e9, "columns": 10**9})
    seen = answer.json()
    assert (seen["start"], seen["end"]) == (0, 90) and len(seen["low"]) == 2000
    sound = http.get(at(piece_url(filled.slug, "s1", 0, 1e9)))
    assert soundfile.info(io.BytesIO(sound.content)).duration == pytest.approx(LONGEST_PIECE_S)


def test_a_piece_is_exactly_the_sound_between_its_times_and_can_be_asked_for_in_parts(
    http: TestClient, filled: Project
) -> None:
    address = at(piece_url(filled.slug, "s1", 10.25, 11.0))
    whole = http.get(address)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    samples, rate = soundfile.read(io.BytesIO(whole.content))
    wanted, _ = soundfile.read(filled.source_file("s1"), start=round(10.25 * RATE), stop=11 * RATE)
    assert rate == RATE and np.abs(samples - wanted).max() < 1e-3
    part = http.get(address, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert http.get(address, headers={"range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize("source", ["s2", "..", "%2e%2e%2fs1", "s1.flac"])
def test_what_is_no_recording_is_not_there(http: TestClient, filled: Project, source: str) -> None:
    for last in ("window", "piece.wav"):
        answer = http.get(f"/clips/{filled.slug}/{source}/{last}", params={"start": 0, "end": 1})
        assert answer.status_code == 404
    assert http.get("/clips/nobody/s1/window", params={"start": 0, "end": 1}).status_code == 404


def test_a_lost_recording_is_not_there_and_bad_settings_are_refused(http: TestClient, filled: Project) -> None:
    address = at(window_url(filled.slug, "s1"))
    bad = http.get(address, params={"start": 0, "end": 1, "options": '{"threshold_dbfs": 5}'})
    assert bad.status_code == 422
    for path in Path(filled.sources).iterdir():
        path.unlink()
    assert http.get(address, params={"start": 0, "end": 1}).status_code == 404
    assert http.get(at(piece_url(filled.slug, "s1", 0, 1))).status_code == 404


@pytest.mark.parametrize(("start", "end"), [("inf", "1"), ("nan", "1"), ("0", "inf"), ("0", "nan")])
def test_times_that_are_none_are_refused(http: TestClient, filled: Project, start: str, end: str) -> None:
    for address in (piece_url(filled.slug, "s1"), window_url(filled.slug, "s1")):
        assert http.get(at(address), params={"start": start, "end": end}).status_code == 422
