"""No word is ever cut, however recordings are cut: proved on sound whose words' times are known to the millisecond."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from core.audio.levels import scan
from core.audio.options import SegmentOptions
from core.audio.silence import LevelCurve
from core.audio.vad import SpeechCurve, scan_speech
from core.clips.plan import Plan, plan
from core.project.records import Word
from tests.audio.spoken import RATE_HZ, Arranged, Samples, arrange, single_words

_FRAME_S = 0.011  # a border may lie in the frame in which a word begins
_GAPS: dict[str, Callable[[np.random.Generator], npt.NDArray[np.float64]]] = {
    "60 to 120 ms, no pause at all": lambda chance: chance.uniform(0.06, 0.12, 120),
    "60 to 400 ms": lambda chance: chance.uniform(0.06, 0.4, 120),
    "gaps and pauses": lambda chance: np.where(
        chance.random(120) < 0.15, chance.uniform(0.6, 1.6, 120), chance.uniform(0.06, 0.4, 120)
    ),
}


def measured(samples: Samples, folder: Path, *, listen: bool = True) -> tuple[LevelCurve, SpeechCurve | None]:
    """What the stages know of a recording."""
    path = folder / "recording.wav"
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    found = scan(path)
    return LevelCurve(found.dbfs, found.frame_s, found.seconds), scan_speech(path) if listen else None


def spans_of(found: Plan, slack_s: float = _FRAME_S) -> list[tuple[float, float]]:
    return [(span.start_s - slack_s, span.end_s + slack_s) for span in found.spans]


def test_there_are_enough_different_words() -> None:
    assert len({text for text, _ in single_words()}) >= 120


@pytest.mark.parametrize("noise_dbfs", [None, -60.0, -48.0])
@pytest.mark.parametrize("gaps", _GAPS)
def test_no_word_is_cut_at_any_stage(gaps: str, noise_dbfs: float | None, tmp_path: Path) -> None:
    chance = np.random.default_rng(11)
    spoken = arrange(_GAPS[gaps](chance).tolist(), chance, noise_dbfs)
    curve, speech = measured(spoken.samples, tmp_path)
    for options in (SegmentOptions(), SegmentOptions(min_silence_ms=250, min_clip_s=1.5, max_clip_s=6)):
        for stage in (plan(curve, options), plan(curve, options, speech), plan(curve, options, speech, spoken.words)):
            spans = spans_of(stage)
            assert spoken.cut_by(spans) == []
            assert len(spoken.whole_in(spans)) >= 0.95 * len(spoken.words)  # the rest is left out whole, as too short


def test_no_word_is_cut_in_a_room_louder_than_the_threshold(tmp_path: Path) -> None:
    # The room is above the threshold for pauses: by level there is none, and cuts go to the quietest valleys.
    chance = np.random.default_rng(5)
    spoken = arrange(chance.uniform(0.15, 0.9, 100).tolist(), chance, -38)
    curve, speech = measured(spoken.samples, tmp_path)
    for stage in (plan(curve, SegmentOptions()), plan(curve, SegmentOptions(), speech)):
        assert len(stage.spans) > 8 and spoken.cut_by(spans_of(stage)) == []


def test_ends_have_fifty_milliseconds_of_quiet_or_are_marked(tmp_path: Path) -> None:
    chance = np.random.default_rng(6)
    gaps = np.where(chance.random(150) < 0.06, chance.uniform(0.6, 1.2, 150), chance.uniform(0.045, 0.08, 150))
    spoken = arrange(gaps.tolist(), chance)
    curve, speech = measured(spoken.samples, tmp_path)
    forced = pauses = 0
    for span in plan(curve, SegmentOptions(), speech).spans:
        inside = spoken.samples[round(span.start_s * RATE_HZ) : round(span.end_s * RATE_HZ)]
        length = RATE_HZ // 20
        for name, piece in (("start", inside[:length]), ("end", inside[-length:])):
            if span.forced in (name, "both"):
                forced += 1
            else:
                pauses += 1
                assert 20 * np.log10(np.sqrt(np.mean(piece**2)) + 1e-9) < -48, (name, span)
    assert forced > 4 and pauses > 10


def _chords(seconds: float, chance: np.random.Generator) -> Samples:
    """Four notes with overtones a chord, struck anew every half second."""
    parts = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        times = np.arange(RATE_HZ // 2) / RATE_HZ
        notes = 110 * 2 ** (chance.choice([0, 3, 4, 7, 12, 16, 19], 4, replace=False) / 12)
        sound = sum(np.sin(2 * np.pi * note * k * times) / k for note in notes for k in (1, 2, 3, 4))
        parts.append(np.asarray(sound * np.exp(-3 * times) * 0.06, np.float32))
    return np.concatenate(parts)[: round(seconds * RATE_HZ)]


def _noise(seconds: float, chance: np.random.Generator) -> Samples:
    return chance.normal(0, 0.06, round(seconds * RATE_HZ)).astype(np.float32)


def _claps(seconds: float, chance: np.random.Generator) -> Samples:
    """Many hands: bursts of noise that die away in a few milliseconds, a hundred a second."""
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    length = RATE_HZ // 50
    for at in chance.integers(0, len(sound) - length, round(100 * seconds)):
        sound[at : at + length] += chance.normal(0, 0.15, length) * np.exp(-np.arange(length) / 40)
    return sound


def _with_other_sounds(chance: np.random.Generator) -> tuple[Arranged, list[tuple[str, float, float]]]:
    """Ten talks of ten words, and between them music, noise or applause of 8 s, 0.4 s apart from the words."""
    parts: list[Samples] = []
    words: list[Word] = []
    others: list[tuple[str, float, float]] = []
    at = 0.0
    for number in range(10):
        talk = arrange(chance.uniform(0.1, 0.3, 9).tolist(), chance)
        parts.append(talk.samples[round(0.6 * RATE_HZ) : -round(0.6 * RATE_HZ)])
        words += [Word(w.start_s - 0.6 + at, w.end_s - 0.6 + at, w.text) for w in talk.words]
        at += len(parts[-1]) / RATE_HZ
        name, make = (("chords", _chords), ("noise", _noise), ("claps", _claps))[number % 3]
        parts.append(make(8, chance))
        others.append((name, at, at + 8))
        at += 8
    return Arranged(np.concatenate(parts), words), others


def test_music_noise_and_applause_are_left_out_and_every_word_stays(tmp_path: Path) -> None:
    spoken, others = _with_other_sounds(np.random.default_rng(4))
    curve, speech = measured(spoken.samples, tmp_path)
    by_level = plan(curve, SegmentOptions())
    found = plan(curve, SegmentOptions(), speech)
    assert spoken.cut_by(spans_of(found)) == []
    assert len(spoken.whole_in(spans_of(found))) == len(spoken.words)
    for name, start_s, end_s in others:
        kept = sum(max(0.0, min(end_s, s.end_s) - max(start_s, s.start_s)) for s in found.spans)
        said = sum(
            max(0.0, min(end_s, s.end_s) - max(start_s, s.start_s)) for s in found.left_out if s.reason == "not_speech"
        )
        assert kept <= 0.4 and said >= 7, (name, kept, said)
    assert sum(span.seconds for span in by_level.spans) > sum(span.seconds for span in found.spans) + 60
    # Switched off, everything is as by level.
    assert plan(curve, SegmentOptions(only_speech=False), speech).spans == by_level.spans


def test_with_words_every_cut_of_a_long_stretch_is_between_words_and_rather_between_sentences(tmp_path: Path) -> None:
    chance = np.random.default_rng(9)
    spoken = arrange(chance.uniform(0.08, 0.14, 150).tolist(), chance)
    words = [
        Word(word.start_s, word.end_s, f"{word.text}." if number % 9 == 8 else word.text)
        for number, word in enumerate(spoken.words)
    ]
    curve, speech = measured(spoken.samples, tmp_path, listen=False)
    found = plan(curve, SegmentOptions(), speech, words)
    assert spoken.cut_by(spans_of(found)) == []
    ends = [max((w for w in words if w.end_s <= span.end_s + _FRAME_S), key=lambda w: w.end_s) for span in found.spans]
    assert sum(word.text.endswith(".") for word in ends[:-1]) == len(ends) - 1 >= 10
    # Whoever says when words are said may be off by a little.
    shaken = [Word(w.start_s + chance.normal(0, 0.02), w.end_s + chance.normal(0, 0.02), w.text) for w in words]
    assert spoken.cut_by(spans_of(plan(curve, SegmentOptions(), speech, shaken), 0.04)) == []
