"""Both engines on real speech with known texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.audio.samples import read
from core.errors import UserError
from core.transcription import faster_whisper_engine, openai_whisper_engine
from core.transcription.background import each
from core.transcription.base import Heard, Piece, Recognizer, join
from core.transcription.wer import edits, normalize, wer
from tests.conftest import Prompts


def hear(recognizer: Recognizer, prompts: Prompts, count: int) -> list[tuple[str, Heard]]:
    def work(spoken: tuple[float, float, str]) -> Heard:
        samples, _ = read(prompts.recording, spoken[0], spoken[1], 16_000)
        return recognizer.transcribe(samples, "en")

    heard = []
    for (_, _, text), said in each(prompts.spoken[:count], work, recognizer.at_once, lambda: None):
        assert isinstance(said, Heard), said
        heard.append((text, said))
    return sorted(heard, key=lambda pair: pair[0])


def error_rate(heard: list[tuple[str, Heard]]) -> float:
    words = sum(len(normalize(text).split()) for text, _ in heard)
    return sum(edits(text, said.text) for text, said in heard) / words


@pytest.mark.slow
def test_the_builtin_model_makes_few_errors_on_all_prompts(builtin: Path, prompts: Prompts) -> None:
    heard = hear(faster_whisper_engine.load(builtin, "builtin:tiny.en"), prompts, len(prompts.spoken))
    assert error_rate(heard) <= 0.10
    assert all(0.3 < said.confidence <= 1 and said.language == "en" for _, said in heard)


@pytest.mark.slow
def test_both_engines_hear_the_same(builtin: Path, openai_checkpoint: Path, prompts: Prompts) -> None:
    faster = hear(faster_whisper_engine.load(builtin, "builtin:tiny.en"), prompts, 6)
    openai = hear(openai_whisper_engine.load(openai_checkpoint, "tiny.en.pt"), prompts, 6)
    assert error_rate(openai) <= 0.10
    for (_, one), (_, other) in zip(faster, openai, strict=True):
        assert wer(one.text, other.text) <= 0.2
        # int8 against float32: sure alike, not to the digit.
        assert one.confidence == pytest.approx(other.confidence, abs=0.2)


def test_silence_and_noise_are_not_turned_into_sure_text(builtin: Path) -> None:
    recognizer = faster_whisper_engine.load(builtin, "builtin:tiny.en")
    noise = np.random.default_rng(0).normal(0, 0.001, 3 * 16_000).astype(np.float32)
    for samples in (np.zeros(3 * 16_000, np.float32), noise):
        said = recognizer.transcribe(samples, "en")
        assert said.text == "" or said.confidence < 0.6


def test_an_english_model_refuses_another_language(builtin: Path) -> None:
    recognizer = faster_whisper_engine.load(builtin, "my model")
    with pytest.raises(UserError) as caught:
        recognizer.transcribe(np.zeros(16_000, np.float32), "pt")
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


def test_a_full_card_is_told_in_one_sentence(openai_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recognizer = openai_whisper_engine.load(openai_checkpoint, "mine")

    def full(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(recognizer._model, "transcribe", full)
    with pytest.raises(UserError) as caught:
        recognizer.transcribe(np.zeros(16_000, np.float32), "en")
    assert caught.value.code == "asr.card_full" and "mine" in caught.value.text


def test_pieces_weigh_by_their_tokens_and_the_worst_repetition_counts() -> None:
    said = join([Piece(" One", 30, -0.1, 0.0, 1.0), Piece(" two. ", 10, -0.5, 0.4, 2.6)], "en")
    assert said.text == "One two."
    assert said.avg_logprob == pytest.approx(-0.2)
    assert said.confidence == pytest.approx(np.exp(-0.2))
    assert said.no_speech_prob == pytest.approx(0.1)
    assert said.compression_ratio == 2.6
    assert join([], "en").confidence == 0
