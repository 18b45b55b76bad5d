"""Hum, an offset, a quiet recording or a loud room change nothing about where a recording is cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio import levels as frames_module
from core.audio.levels import Frames, Meter, frames, frames_file, is_current, keep, scan
from core.audio.options import SegmentOptions
from core.audio.rumble import without_rumble
from core.audio.silence import LevelCurve, Span
from core.audio.threshold import advise, propose
from core.clips.plan import plan
from core.demo import RECORDING
from core.project.workspace import Project
from core.sources.upload import add_file
from tests.audio.sounds import Samples, cut_tones, silence, tone, write

CHANCE = np.random.default_rng(4)


@pytest.fixture(scope="module")
def speech() -> tuple[Samples, int]:
    """A minute of the bundled recording, in a quiet room."""
    samples, rate = soundfile.read(RECORDING, dtype="float32", frames=60 * 16_000)
    return samples + CHANCE.normal(0, 10 ** (-70 / 20), len(samples)).astype(np.float32), rate


def hum(samples: Samples, rate: int, hz: float, dbfs: float, harmonics: int = 1) -> Samples:
    times = np.arange(len(samples)) / rate
    parts = [
        10 ** ((dbfs - 4 * number) / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * (number + 1) * times + number)
        for number in range(harmonics)
    ]
    return np.asarray(samples + np.sum(parts, axis=0), np.float32)


def noisy(samples: Samples, dbfs: float) -> Samples:
    return samples + CHANCE.normal(0, 10 ** (dbfs / 20), len(samples)).astype(np.float32)


def curve_of(samples: Samples, rate: int, folder: Path) -> LevelCurve:
    path = folder / "recording.flac"
    soundfile.write(path, np.clip(samples, -1, 1), rate)
    found = scan(path)
    return LevelCurve(found.dbfs, found.frame_s, found.seconds)


def spans_of(curve: LevelCurve, **options: float) -> list[Span]:
    return plan(curve, SegmentOptions(**options)).spans  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("offset", lambda s, r: s * 0.6 + 0.01), ("hum 50", lambda s, r: hum(s, r, 50, -30)),
        ("hum 60", lambda s, r: hum(s, r, 60, -30)), ("hum with harmonics", lambda s, r: hum(s, r, 50, -30, 6)),
        ("-33 dBFS", lambda s, r: s / np.abs(s).max() * 10 ** (-33 / 20)),
        ("-48 dBFS", lambda s, r: s / np.abs(s).max() * 10 ** (-48 / 20)),
        ("quiet and offset", lambda s, r: s / np.abs(s).max() * 10 ** (-33 / 20) + 0.01),
        ("noise", lambda s, r: noisy(s, -35)), ("compressed", lambda s, r: np.tanh(noisy(s, -55) * 12)),
        ("ordinary", lambda s, r: s), ("usual noise", lambda s, r: noisy(s, -50)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_recording_is_cut_as_without_what_is_wrong_with_it(
    tmp_path: Path, speech: tuple[Samples, int], name: str, change: Callable[[Samples, int], Samples]
) -> None:
    samples, rate = speech
    expected = spans_of(curve_of(samples, rate, tmp_path))
    curve = curve_of(np.asarray(change(samples, rate), np.float32), rate, tmp_path)
    spans = spans_of(curve)
    assert len(spans) == len(expected) >= 6 and not any(span.forced for span in spans)
    for span, wanted in zip(spans, expected, strict=True):  # a loud room drowns what is faint: more of it stays
        assert abs(span.start_s - wanted.start_s) <= 0.3 and abs(span.end_s - wanted.end_s) <= 0.3
    assert advise(curve, SegmentOptions()).way == ""
    if name in ("ordinary", "usual noise", "offset", "hum 50"):
        assert propose(curve) == -40


def test_sound_that_never_pauses_is_no_reason_for_another_threshold() -> None:
    for dbfs in (-12.0, -60.0):
        assert propose(LevelCurve(np.full(6000, dbfs, np.float16), 0.01, 60.0)) == -40
    assert propose(LevelCurve(np.full(6000, -120, np.float16), 0.01, 60.0)) == -40


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_255, 44_100, 48_000])
def test_levels_without_hum_are_the_same_in_whatever_pieces_a_recording_is_measured(
    tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bursts = np.tile(np.concatenate([tone(0.7, rate), silence(0.8, rate)]), 20)
    samples = np.round(hum(bursts, rate, 50, -30) * 32767).astype("<i2")
    path = tmp_path / "hum.wav"
    soundfile.write(path, samples, rate)
    monkeypatch.setattr(frames_module, "_PIECE_FRAMES", 170)
    pieces = scan(path)
    meter, raw = Meter(rate, 16), samples.tobytes()
    for at in range(0, len(raw), 70_001):
        meter.add(raw[at : at + 70_001])
    np.testing.assert_array_equal(pieces.dbfs, meter.frames().dbfs)
    assert np.percentile(pieces.dbfs, 20) < -45 and np.percentile(pieces.dbfs, 70) == pytest.approx(-12, abs=0.5)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_clips_are_freed_of_offset_and_hum_and_clean_ones_are_as_they_were(rate: int) -> None:
    burst = tone(0.4, rate, 120)
    voice = np.tile(np.concatenate([burst * np.hanning(len(burst)).astype(np.float32), silence(0.3, rate)]), 6)
    clean = noisy(voice, -70)
    assert without_rumble(clean, rate) is clean
    inside = slice(round(0.25 * rate), -round(0.25 * rate))
    for wrong in (clean + np.float32(0.01), hum(clean, rate, 50, -30), hum(clean, rate, 60, -30) + np.float32(0.1)):
        rest = (without_rumble(wrong, rate) - clean)[inside]
        assert 10 * np.log10(np.mean(np.square(rest))) < -45 and abs(rest.mean()) < 2e-4
    slight = without_rumble(clean + np.float32(0.0005), rate)
    assert abs(slight.mean()) < 1e-4


def test_clips_of_a_recording_with_an_offset_have_none(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "offset.wav", np.concatenate([silence(1), tone(4), silence(1)]) + 0.05))
    assert cut_tones(project).wait().result["clips"] == 1
    (clip,) = project.store.clips()
    samples, _ = soundfile.read(project.clip_file(clip.id))
    assert abs(samples.mean()) < 1e-4 and 3.9 < clip.seconds < 4.3


def test_which_way_to_turn_a_threshold_is_said(project: Project, tmp_path: Path) -> None:
    talk = np.concatenate([silence(1), *(part for _ in range(4) for part in (tone(4), silence(1)))])
    room = CHANCE.normal(0, 10 ** (-50 / 20), len(talk)).astype(np.float32)
    quiet = add_file(project, write(tmp_path / "q.wav", (talk + room) * 10 ** (-35 / 20)), title="Quiet")
    loud = add_file(project, write(tmp_path / "l.wav", talk + room), title="Loud")
    view = cut_tones(project, [quiet.id], threshold_dbfs=-40).wait()
    assert (view.status, view.code) == ("failed", "segment.no_clips_lower") and "lower" in view.hint, view
    view = cut_tones(project, [loud.id], threshold_dbfs=-70).wait()
    assert view.status == "done" and [warning.code for warning in view.warnings] == ["segment.threshold_too_low"]
    assert float(view.warnings[0].values["proposed"]) == -40
    view = cut_tones(project).wait()  # each by its own
    assert view.result["clips"] == 8 and view.warnings == []


def test_levels_of_an_older_version_are_renewed_unless_the_same_clips_are_wanted(
    project: Project, tmp_path: Path
) -> None:
    talk = np.concatenate([silence(1), tone(4), silence(1), tone(4), silence(1)])
    source = add_file(project, write(tmp_path / "a.wav", talk))
    recording = project.source_file(source.id)
    assert cut_tones(project, threshold_dbfs=-40).wait().result["clips"] == 2
    before = [clip.id for clip in project.store.clips()]

    def age() -> None:
        found = frames(recording)
        keep(recording, Frames(found.dbfs, found.low, found.high, found.frame_s, found.seconds))
        with np.load(frames_file(recording)) as file:
            older = {name: file[name] for name in file.files if name != "version"}
        np.savez(frames_file(recording), **older)

    age()
    assert not is_current(recording) and frames(recording).seconds == pytest.approx(11)
    assert cut_tones(project, threshold_dbfs=-40).wait().result["clips"] == 2
    assert not is_current(recording) and [clip.id for clip in project.store.clips()] == before
    assert cut_tones(project).wait().result["clips"] == 2
    assert is_current(recording)
