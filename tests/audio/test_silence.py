"""Cutting at pauses: what is promised holds for any level curve, and for real speech."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from core.audio.levels import FLOOR_DBFS, Meter, frames_file, measure, scan
from core.audio.options import SegmentOptions
from core.audio.silence import LevelCurve, Span, left_out, levels
from core.audio.vad import SpeechCurve
from core.clips.plan import plan, segment
from core.errors import Cancelled
from core.project.records import Word
from tests.audio.sounds import silence, tone, write
from tests.conftest import Prompts


def curve(*parts: tuple[float, float]) -> LevelCurve:
    """A level curve of (seconds, dBFS) parts."""
    dbfs = np.concatenate([np.full(round(seconds * 100), level, np.float16) for seconds, level in parts])
    return LevelCurve(dbfs, 0.01, len(dbfs) / 100)


def cut(parts: list[tuple[float, float]], **options: float) -> list[tuple[float, float]]:
    spans = segment(curve(*parts), SegmentOptions(**options))  # type: ignore[arg-type]
    return [(span.start_s, span.end_s) for span in spans]


def test_a_pause_separates_two_clips_and_a_little_quiet_stays() -> None:
    parts = [(1, -60), (5, -20), (1, -60), (4, -20), (1, -60)]
    assert cut(parts) == [(0.95, 6.05), (6.95, 11.05)]


def test_a_breath_does_not_separate() -> None:
    assert cut([(4, -20), (0.4, -60), (4, -20)]) == [(0, 8.4)]


def test_the_threshold_decides_what_is_a_pause() -> None:
    parts = [(4, -20), (1, -45), (4, -20)]
    assert len(cut(parts)) == 2
    assert cut(parts, threshold_dbfs=-50) == [(0, 9)]


def test_short_pieces_are_joined_across_the_shortest_pause() -> None:
    parts = [(4, -20), (0.9, -60), (1, -20), (0.6, -60), (4, -20)]
    assert cut(parts) == [(0, 4.05), (4.85, 10.5)]


def test_pieces_are_not_joined_past_the_longest_clip() -> None:
    parts = [(9, -20), (0.6, -60), (2, -20), (0.6, -60), (9, -20)]
    assert cut(parts) == [(0, 9.05), (12.15, 21.2)]


def test_pieces_are_not_joined_across_a_long_pause() -> None:
    parts = [(2, -20), (3, -60), (2, -20)]
    assert cut(parts) == []
    assert cut(parts, max_join_pause_ms=4000) == [(0, 7)]


def test_a_short_piece_far_from_all_others_is_left_out() -> None:
    parts = [(4, -20), (5, -60), (1, -20), (5, -60), (4, -20)]
    assert cut(parts) == [(0, 4.05), (14.95, 19)]


def test_speech_without_a_pause_is_cut_in_the_middle_of_its_quietest_valley() -> None:
    parts = [(7, -20), (0.3, -35), (3, -20), (0.2, -30), (6, -20)]
    assert cut(parts) == [(0, pytest.approx(7.15, abs=0.03)), (pytest.approx(7.15, abs=0.03), 16.5)]


def test_the_rest_of_a_cut_stays_long_enough() -> None:
    spans = cut([(9.5, -20), (0.2, -35), (2, -20)])
    assert len(spans) == 2 and all(end - start >= 3 for start, end in spans)
    assert spans[0][1] == spans[1][0] and spans[1][1] == 11.7


def test_nothing_but_silence_gives_nothing() -> None:
    assert cut([(100, -70)]) == [] and segment(LevelCurve(np.zeros(0, np.float16), 0.01, 0.0), SegmentOptions()) == []


def test_for_any_sound_and_options_clips_keep_the_limits_and_with_the_lost_parts_are_the_whole() -> None:
    chance = np.random.default_rng(7)
    reasons: set[str] = set()
    for _ in range(150):
        parts = [
            (float(chance.choice([0.05, 0.2, 0.5, 0.7, 2, 5, 15])) * float(chance.uniform(0.5, 1.5)),
             float(chance.choice([-90, -50, -41, -39, -30, -15])))
            for _ in range(int(chance.integers(1, 60)))
        ]  # fmt: skip
        level = curve(*parts)
        level = LevelCurve(level.dbfs + chance.normal(0, 2, len(level.dbfs)), 0.01, max(0.0, level.seconds - 0.003))
        low = float(chance.choice([1.5, 3, 5]))
        options = SegmentOptions(
            threshold_dbfs=float(chance.choice([-45, -40, -30])), min_silence_ms=int(chance.choice([200, 300, 500])),
            min_clip_s=low, max_clip_s=low + float(chance.choice([0.5, 3, 8])), pad_ms=int(chance.choice([0, 80, 100])),
            only_speech=bool(chance.random() < 0.7), min_speech_percent=int(chance.choice([0, 25, 80])),
            max_join_pause_ms=int(chance.choice([0, 1500, 5000])),
        )  # fmt: skip
        found = plan(level, options, _any_speech(level, chance), _any_words(level, chance))
        for span in found.spans:
            assert options.min_clip_s - 0.011 <= span.seconds <= options.max_clip_s + 1e-4
            assert span.forced in ("", "start", "end", "both")
        reasons |= {span.reason for span in found.left_out}
        tiles = sorted([*found.spans, *found.left_out], key=lambda span: span.start_s)
        if not tiles:
            assert level.seconds < 0.001
            continue
        assert tiles[0].start_s == 0 and tiles[-1].end_s == pytest.approx(level.seconds, abs=1e-4)
        assert all(
            first.end_s == pytest.approx(two.start_s, abs=1.1e-4) for first, two in zip(tiles, tiles[1:], strict=False)
        )
        assert sum(span.seconds for span in tiles) == pytest.approx(level.seconds, abs=1e-3)
    assert reasons == {"pause", "short", "not_speech"}


def _any_speech(level: LevelCurve, chance: np.random.Generator) -> SpeechCurve | None:
    """Speech that comes and goes by chance; sometimes it is not known."""
    count = -(-round(level.seconds * 16_000) // 512)
    if chance.random() < 0.3:
        return None
    steps = np.repeat(chance.random(count // 20 + 1), 20)[:count]
    return SpeechCurve(steps.astype(np.float16), level.seconds)


def _any_words(level: LevelCurve, chance: np.random.Generator) -> list[Word]:
    """Words that have nothing to do with the sound, some of them over each other; sometimes none are known."""
    if chance.random() < 0.4:
        return []
    starts = np.sort(chance.uniform(0, level.seconds, int(level.seconds * 1.5)))
    return [
        Word(float(start), float(start + chance.exponential(0.4)), str(chance.choice(["so", "then,", "done.", "。"])))
        for start in starts
    ]


def test_no_loud_piece_long_enough_to_be_a_clip_is_lost() -> None:
    chance = np.random.default_rng(8)
    for _ in range(100):
        parts = [
            (float(chance.uniform(3.2, 30)), -20.0) if i % 2 else (float(chance.uniform(0.6, 2)), -60.0)
            for i in range(9)
        ]
        spans = segment(curve(*parts), SegmentOptions())
        heard = sum(span.seconds for span in spans)
        assert heard >= sum(seconds for seconds, level in parts if level == -20) - 0.2


def test_ten_hours_are_cut_while_a_slider_moves(prompts: Prompts) -> None:
    one = levels_of(prompts.recording)
    times = round(36_000 / one.seconds)
    ten_hours = LevelCurve(np.tile(one.dbfs, times), one.frame_s, one.seconds * times)
    for options in (SegmentOptions(), SegmentOptions(threshold_dbfs=-80), SegmentOptions(min_silence_ms=200)):
        began = time.process_time()  # not the clock: other tests may be at work
        assert len(segment(ten_hours, options)) > 1000
        assert time.process_time() - began < 4  # about 0.1 s where nothing else is at work


def levels_of(path: Path) -> LevelCurve:
    """Levels without leaving a file beside a recording that is not the test's."""
    found = scan(path)
    return LevelCurve(found.dbfs, found.frame_s, found.seconds)


def test_real_prompts_are_found_whole(prompts: Prompts) -> None:
    spans = segment(levels_of(prompts.recording), SegmentOptions())
    assert 30 <= len(spans) <= 70
    whole = [p for p in prompts.spoken if any(s.start_s <= p[0] + 0.15 and p[1] - 0.15 <= s.end_s for s in spans)]
    long = [p for p in prompts.spoken if 3 <= p[1] - p[0] <= 10.5]
    assert all(p in whole for p in long)
    assert len(whole) >= 0.9 * len(prompts.spoken)


def test_levels_are_the_rms_of_ten_milliseconds(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", np.concatenate([tone(2, dbfs=-20), silence(1), tone(0.505, dbfs=-30)]))
    found = levels(path)
    assert found.frame_s == 0.01 and len(found.dbfs) == 351 and found.seconds == pytest.approx(3.505)
    assert found.dbfs[50:150] == pytest.approx(-20, abs=0.3)
    assert (found.dbfs[201:299] == FLOOR_DBFS).all()
    assert found.dbfs[-20:-2] == pytest.approx(-30, abs=0.3)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 48_000])
def test_a_pause_is_found_at_its_place_at_any_rate(tmp_path: Path, rate: int) -> None:
    # A frame that is not quite 10 ms would be off by 0.14 s after a minute, were it taken for one.
    parts = [tone(60, rate), silence(1, rate), tone(5, rate), silence(1, rate), tone(3, rate)]
    path = write(tmp_path / "in.flac", np.concatenate(parts), rate)
    spans = segment(levels(path), SegmentOptions(pad_ms=0))
    assert any(
        span.start_s == pytest.approx(61, abs=0.02) and span.end_s == pytest.approx(66, abs=0.02) for span in spans
    )


def test_levels_are_measured_once_and_anew_when_the_file_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", tone(1))
    first = levels(path)
    stamp = frames_file(path).stat().st_mtime_ns
    assert np.array_equal(levels(path).dbfs, first.dbfs) and frames_file(path).stat().st_mtime_ns == stamp
    frames_file(path).unlink()
    assert np.array_equal(levels(path).dbfs, first.dbfs)


def test_pieces_measured_side_by_side_equal_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 16_000 * 25 + 77).astype(np.float32)
    path = write(tmp_path / "in.flac", sound)
    whole = scan(path)
    monkeypatch.setattr("core.audio.levels._PIECE_FRAMES", 300)
    monkeypatch.setattr("core.audio.levels._BLOCK_FRAMES", 70)
    pieces = scan(path)
    for name in ("dbfs", "low", "high"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


@pytest.mark.parametrize("cut", [1, 441, 882, 100_003])
def test_samples_that_come_in_pieces_of_any_size_are_measured_as_one(cut: int) -> None:
    raw = (np.random.default_rng(2).normal(0, 3000, 44_100 + 77).astype("<i2")).tobytes()
    whole, pieces = Meter(44_100, 16), Meter(44_100, 16)
    whole.add(raw)
    for at in range(0, len(raw), cut):
        pieces.add(raw[at : at + cut])
    for name in ("dbfs", "low", "high", "frame_s", "seconds"):
        np.testing.assert_array_equal(getattr(whole.frames(), name), getattr(pieces.frames(), name))


def test_nothing_that_goes_by_is_nothing() -> None:
    found = Meter(44_100, 24).frames()
    assert found.seconds == 0 and len(found.dbfs) == len(found.low) == len(found.high) == 0


def test_measuring_can_be_stopped_and_keeps_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", tone(2))
    with pytest.raises(Cancelled):
        measure(path, should_stop=lambda: True)
    assert [file.name for file in tmp_path.iterdir()] == ["in.flac"]


def test_options_out_of_range_unknown_or_crossed_are_refused() -> None:
    for bad in ({"threshold_dbfs": 3}, {"min_clip_s": 12}, {"treshold": -40}):
        with pytest.raises(ValidationError):
            SegmentOptions(**bad)  # type: ignore[arg-type]


def test_every_option_says_its_unit_range_and_meaning() -> None:
    for name, field in SegmentOptions.model_fields.items():
        assert field.description, name
        if field.annotation is bool:
            continue
        extra = field.json_schema_extra
        assert isinstance(extra, dict) and extra["unit"], name
        assert len(field.metadata) == 2, name


def test_left_out_of_nothing_is_everything() -> None:
    assert left_out([], 5.0) == [Span(0.0, 5.0)]
    assert left_out([Span(0, 5)], 5.0) == []
