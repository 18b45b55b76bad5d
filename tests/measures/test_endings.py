"""Ends of speech: cut words are told from whole ones in real recordings, noisy or not; the nearest quiet is found."""

from __future__ import annotations

import random

import numpy as np
import pytest

from core.audio.samples import Samples, read
from core.measures.duplicates import is_same_sound, near_pairs, outline
from core.measures.endings import cut_words, cut_words_of, frame_levels, nearest_quiet
from core.project.records import Word
from tests.conftest import Prompts

_MARGIN_S = 0.06  # of quiet around each prompt of the demo


@pytest.fixture(scope="module")
def speech(prompts: Prompts) -> tuple[Samples, int]:
    return read(prompts.recording)


def _noisy(samples: Samples, snr_db: float) -> Samples:
    loud = samples[np.abs(samples) > 0.01]
    noise = np.random.default_rng(0).normal(0, float(np.sqrt(np.mean(loud**2))) * 10 ** (-snr_db / 20), len(samples))
    return samples + noise.astype(np.float32)


def _loud(levels: np.ndarray, at_s: float) -> bool:
    """Whether a moment lies well within sound: 150 ms to both sides of it are loud."""
    frame = round(at_s * 100)
    return bool(levels[frame - 15 : frame + 15].min() > levels.max() - 30)


@pytest.mark.parametrize("snr_db", [None, 30, 20])
def test_cuts_in_the_middle_of_sound_are_found_and_ends_in_pauses_are_left_alone(
    prompts: Prompts, speech: tuple[Samples, int], snr_db: float | None
) -> None:
    samples, rate = speech
    clean = frame_levels(samples, rate)
    levels = frame_levels(_noisy(samples, snr_db), rate) if snr_db else clean
    draw = random.Random(1)
    cuts = hits = alarms = ends = 0
    for start_s, end_s, _ in prompts.spoken:
        whole = cut_words(levels, start_s - draw.uniform(-0.04, 0.3), end_s + draw.uniform(-0.04, 0.3))
        alarms, ends = alarms + whole.start + whole.end, ends + 2
        for _ in range(4):
            at_s = draw.uniform(start_s + 0.6, end_s - 0.6) if end_s - start_s > 1.4 else 0.0
            if at_s and _loud(clean, at_s):
                first, second = cut_words(levels, start_s, at_s), cut_words(levels, at_s, end_s)
                cuts, hits = cuts + 2, hits + first.end + second.start
                alarms, ends = alarms + first.start + second.end, ends + 2
    assert cuts > 60 and hits >= 0.99 * cuts and alarms <= 0.01 * ends


def test_of_a_sound_that_is_all_there_is_its_last_moments_tell(prompts: Prompts, speech: tuple[Samples, int]) -> None:
    samples, rate = speech
    whole = cut = count = 0
    for start_s, end_s, _ in prompts.spoken:
        piece = samples[round(start_s * rate) : round(end_s * rate)]
        ends = cut_words_of(piece, rate)
        whole += not ends
        broken = cut_words_of(piece[: -round((_MARGIN_S + 0.03) * rate)], rate)
        cut += broken.end
        count += 1
    assert whole == count and cut > 0.85 * count


def test_a_loud_end_where_no_word_is_near_is_no_word(speech: tuple[Samples, int]) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    samples = np.concatenate([np.zeros(8_000, np.float32), noise])
    levels = frame_levels(samples, 16_000)
    word = Word(0.5, 0.8, "psst")
    assert cut_words(levels, 0.0, 1.5).end and cut_words(levels, 0.0, 1.5, [Word(1.0, 1.5, "shh")]).end
    assert not cut_words(levels, 0.0, 1.5, [word]).end


def test_the_nearest_quiet_ends_the_word_and_none_is_invented(prompts: Prompts, speech: tuple[Samples, int]) -> None:
    samples, rate = speech
    levels = frame_levels(samples, rate)
    for start_s, end_s, _ in prompts.spoken:
        if end_s - start_s < 1.5:
            continue
        late = nearest_quiet(levels, start_s, end_s - 0.2, "end", limit_s=end_s + 0.5)
        early = nearest_quiet(levels, start_s + 0.2, end_s, "start", limit_s=start_s - 0.5)
        assert late is not None and early is not None
        assert not cut_words(levels, early, late) and late <= end_s + 0.1 and early >= start_s - 0.1
    tone = frame_levels(np.repeat(np.float32([0.0, 0.3]), (8_000, 24_000)), 16_000)
    assert nearest_quiet(tone, 0.4, 1.0, "end", limit_s=1.5) is None
    assert nearest_quiet(tone, 0.4, 1.0, "end", limit_s=2.0) == pytest.approx(2.0)  # where the recording ends


def test_the_same_sound_is_known_again_quieter_and_noisier_and_no_other_is(
    prompts: Prompts, speech: tuple[Samples, int]
) -> None:
    samples, rate = speech
    spans = [(start_s, end_s) for start_s, end_s, _ in prompts.spoken if end_s - start_s > 1]
    clean, copy = frame_levels(samples, rate), frame_levels(_noisy(samples * np.float32(0.3), 30), rate)
    pieces = [levels[round(a * 100) : round(b * 100)] for levels in (clean, copy) for a, b in spans]
    pairs = {pair for _, block in near_pairs([outline(piece, 0.01) for piece in pieces]) for pair in block}
    same = {pair for pair in pairs if is_same_sound(pieces[pair[0]], pieces[pair[1]])}
    assert same == {(index, index + len(spans)) for index in range(len(spans))}
