"""Both engines on real speech with known texts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.audio.samples import read
from core.errors import UserError
from core.transcription import faster_whisper_engine, openai_whisper_engine
from core.transcription.base import DecodeOptions, Recognizer, Transcript, join_segments
from core.transcription.batches import batches, window_s
from core.transcription.wer import edits, normalize, wer
from tests.conftest import Prompts

ENGLISH = DecodeOptions("en")


def sounds_of(prompts: Prompts, count: int) -> list[np.ndarray]:
    return [read(prompts.recording, begin, end, 16_000)[0] for begin, end, _ in prompts.spoken[:count]]


def hear(
    recognizer: Recognizer, prompts: Prompts, count: int, options: DecodeOptions = ENGLISH
) -> list[tuple[str, Transcript]]:
    """The first prompts in batches: what is really said, and what was heard."""
    sounds = sounds_of(prompts, count)
    heard: dict[int, Transcript] = {}
    for batch in batches([len(sound) / 16_000 for sound in sounds], lambda _: 8):
        heard.update(zip(batch, recognizer.transcribe([sounds[index] for index in batch], options), strict=True))
    return [(prompts.spoken[index][2], heard[index]) for index in range(count)]


def error_rate(heard: list[tuple[str, Transcript]]) -> float:
    words = sum(len(normalize(text).split()) for text, _ in heard)
    return sum(edits(text, said.text) for text, said in heard) / words


@pytest.fixture(scope="module")
def faster(builtin: Path, prompts: Prompts) -> list[tuple[str, Transcript]]:
    """What the built-in model hears, with its usual beams."""
    return hear(faster_whisper_engine.load(builtin, "builtin:tiny.en"), prompts, 24)


@pytest.mark.slow
def test_the_builtin_model_makes_few_errors(faster: list[tuple[str, Transcript]]) -> None:
    assert error_rate(faster) <= 0.10
    assert all(0.3 < said.confidence <= 1 and said.language == "en" for _, said in faster)


@pytest.mark.slow
def test_both_engines_hear_the_same(
    faster: list[tuple[str, Transcript]], openai_checkpoint: Path, prompts: Prompts
) -> None:
    openai = hear(openai_whisper_engine.load(openai_checkpoint, "tiny.en.pt"), prompts, 3)
    assert error_rate(openai) <= 0.10
    for (_, one), (_, other) in zip(faster, openai, strict=False):
        assert wer(one.text, other.text) <= 0.2
        # int8 against float32: sure alike, not to the digit.
        assert one.confidence == pytest.approx(other.confidence, abs=0.2)


def test_silence_and_noise_are_not_turned_into_sure_text(builtin: Path) -> None:
    recognizer = faster_whisper_engine.load(builtin, "builtin:tiny.en")
    noise = np.random.default_rng(0).normal(0, 0.001, 3 * 16_000).astype(np.float32)
    for samples in (np.zeros(3 * 16_000, np.float32), noise):
        said = recognizer.transcribe([samples], ENGLISH)[0]
        assert said.text == "" or said.confidence < 0.6


def test_an_english_model_refuses_another_language(builtin: Path) -> None:
    recognizer = faster_whisper_engine.load(builtin, "my model")
    with pytest.raises(UserError) as caught:
        recognizer.transcribe([np.zeros(16_000, np.float32)], DecodeOptions("pt"))
    assert caught.value.code == "asr.english_only"


def test_broken_files_are_named(tmp_path: Path, builtin: Path) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes((builtin / name).read_bytes())
    (tmp_path / "model.bin").write_bytes((builtin / "model.bin").read_bytes()[:100_000])
    (tmp_path / "mine.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError) as faster:
        faster_whisper_engine.load(tmp_path, "mine")
    with pytest.raises(UserError) as openai:
        openai_whisper_engine.load(tmp_path / "mine.pt", "mine")
    assert faster.value.code == openai.value.code == "asr.broken_model"
    assert str(tmp_path) in faster.value.text and "mine.pt" in openai.value.text


@pytest.fixture(scope="session")
def both(builtin: Path, openai_checkpoint: Path) -> dict[str, Recognizer]:
    """The same weights in both engines, greedy."""
    return {
        "faster": faster_whisper_engine.load(builtin, "tiny.en", beam_size=1),
        "openai": openai_whisper_engine.load(openai_checkpoint, "tiny.en", beam_size=1),
    }


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "count"), [("faster", 8), ("openai", 3)])
def test_many_clips_at_once_are_heard_as_one_by_one(
    both: dict[str, Recognizer], engine: str, count: int, prompts: Prompts
) -> None:
    together = hear(both[engine], prompts, count)
    alone = [both[engine].transcribe([sound], ENGLISH)[0] for sound in sounds_of(prompts, count)]
    assert [heard.text for _, heard in together] == [heard.text for heard in alone]
    for (_, one), other in zip(together, alone, strict=True):
        assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=0.02)


def test_beams_of_a_batch_are_those_of_each_clip(openai_checkpoint: Path, prompts: Prompts) -> None:
    recognizer = openai_whisper_engine.load(openai_checkpoint, "tiny.en", beam_size=3)
    sounds = [sound for sound in sounds_of(prompts, 20) if window_s(len(sound) / 16_000) == 6.0][:2]
    assert len(sounds) == 2
    together = recognizer.transcribe(sounds, ENGLISH)
    assert [result.text for result in together] == [recognizer.transcribe([sound], ENGLISH)[0].text for sound in sounds]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["faster", "openai"])
def test_words_are_timed_where_they_are_said(both: dict[str, Recognizer], engine: str, prompts: Prompts) -> None:
    """Two prompts a clip: the words of each must lie in its own time."""
    options = DecodeOptions("en", words=True)
    for first, second in ((0, 1), (8, 9)):
        begin, middle, text = prompts.spoken[first]
        after, end, later = prompts.spoken[second]
        sound, _ = read(prompts.recording, begin, end, 16_000)
        heard = both[engine].transcribe([sound], options)[0]
        words = heard.words
        assert " ".join(word.text for word in words) == heard.text
        assert first or heard.text == both[engine].transcribe([sound], ENGLISH)[0].text
        pause = (middle + after) / 2 - begin
        halves = [" ".join(w.text for w in words if ((w.start_s + w.end_s) / 2 < pause) == early) for early in (1, 0)]
        assert wer(text, halves[0]) <= 0.25 and wer(later, halves[1]) <= 0.25
        for word in words:
            at = begin + (word.start_s + word.end_s) / 2
            assert begin <= at <= middle or after <= at <= end, word
        assert all(first.start_s <= other.start_s for first, other in pairwise(words))


def test_a_prompt_spells_names_and_is_not_heard_itself(both: dict[str, Recognizer], prompts: Prompts) -> None:
    sounds = sounds_of(prompts, 2)
    for recognizer in both.values():
        prompts_ = ("", "ECHO TEST, THE ECHO TEST.")
        plain, led = (recognizer.transcribe(sounds, DecodeOptions("en", prompt)) for prompt in prompts_)
        assert "echo test" in plain[0].text.lower() and "ECHO" in led[0].text and "ECHO" not in plain[0].text
        assert "ECHO TEST, THE" not in led[1].text


def test_long_clips_go_through_several_windows(both: dict[str, Recognizer], prompts: Prompts) -> None:
    sound, _ = read(prompts.recording, 0, 36, 16_000)
    said = " ".join(text for _, end, text in prompts.spoken if end < 36)
    heard = both["faster"].transcribe([sound], DecodeOptions("en", words=True))[0]
    assert wer(said, heard.text) < 0.4 and heard.words[-1].end_s > 30


def test_segments_weigh_by_their_letters_and_the_worst_repetition_counts() -> None:
    one = Transcript(" One two three", 0.0, -0.1, 0.0, 1.0, "en")
    two = Transcript(" four. ", 0.0, -0.5, 0.4, 2.6, "en")
    said = join_segments([one, two], "en")
    assert said.text == "One two three four."
    assert said.avg_logprob == pytest.approx((14 * -0.1 + 7 * -0.5) / 21)
    assert said.confidence == pytest.approx(np.exp(said.avg_logprob))
    assert said.compression_ratio == 2.6
    assert join_segments([], "en").confidence == 0
