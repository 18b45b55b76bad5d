"""The voice says what plain coqui says, leaves training alone, and refuses what it cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from core.engines.registry import light
from core.engines.voice import ReferenceClip
from core.engines.xtts.infer import generate as decode
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.stream import FIRST_CODES
from core.engines.xtts.infer.voice import XttsVoice, load_voice
from core.engines.xtts.model import load as model
from core.engines.xtts.model import lora
from core.engines.xtts.model.tokenizer import pieces
from core.errors import Cancelled, UserError
from tests.engines.test_xtts_model import logits, merged, shaken

SENTENCE = "Hello there, this is a test."


@pytest.fixture(scope="module")
def plain(starter: Path) -> Xtts:
    """The starter as coqui itself loads it."""
    config = XttsConfig()
    config.load_json(str(starter / "config.json"))
    xtts = Xtts(config)
    xtts.load_checkpoint(config, checkpoint_dir=str(starter))
    return xtts


@pytest.fixture(scope="module")
def voice(starter: Path) -> XttsVoice:
    """A voice that no test changes."""
    return load_voice(starter, device="cpu")


@pytest.fixture(scope="module")
def speaker(starter: Path) -> Conditioning:
    return Conditioning(**model.load_speakers(starter)["Noise One"])


def test_conditioning_equals_coquis_own(voice: XttsVoice, plain: Xtts, references: list[ReferenceClip]) -> None:
    config = plain.config
    latents, embedding = plain.get_conditioning_latents(
        [str(reference.path) for reference in references],
        max_ref_length=config.max_ref_len,
        gpt_cond_len=config.gpt_cond_len,
        gpt_cond_chunk_len=config.gpt_cond_chunk_len,
        sound_norm_refs=config.sound_norm_refs,
    )
    ours = voice.condition(references)
    assert torch.allclose(ours.gpt_cond_latent, latents, atol=1e-4)
    assert torch.allclose(ours.speaker_embedding, embedding, atol=1e-4)
    assert not ours.gpt_cond_latent.is_inference()


@pytest.mark.parametrize(
    ("text", "language"),
    [(SENTENCE, "en"), ("Olá, ação às 10h.", "pt"), ("İki ışık.", "tr"), ("Es sind 3,5 km.", "de")],
)
def test_speaks_what_plain_coqui_speaks(
    voice: XttsVoice, plain: Xtts, speaker: Conditioning, text: str, language: str
) -> None:
    samples, rate = voice.speak(text, language, speaker, seed=5)
    torch.manual_seed(5)
    [shown], _ = voice.parts(text, language)  # in words, which coqui's own cleaner leaves as they are
    theirs = plain.inference(shown, language, *vars(speaker).values(), **voice.settings())["wav"]
    assert rate == 24_000 and samples.dtype == np.float32 and samples.ndim == 1
    np.testing.assert_allclose(samples, theirs, atol=1e-4)
    assert np.abs(samples).max() > 0


def test_the_seed_decides_and_the_process_keeps_its_own_chance(voice: XttsVoice, speaker: Conditioning) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = voice.speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0]
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(first, voice.speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0])
    other = voice.speak(SENTENCE, "en", speaker, seed=2, max_seconds=0.3)[0]
    assert other.shape != first.shape or np.abs(other - first).max() > 1e-3


def test_the_reference_decides_too(voice: XttsVoice, references: list[ReferenceClip]) -> None:
    first, second = (
        voice.speak(SENTENCE, "en", voice.condition([reference]), seed=1, max_seconds=0.3)[0]
        for reference in references
    )
    assert first.shape != second.shape or np.abs(first - second).max() > 1e-3


def test_an_untrained_voice_ends_by_itself(voice: XttsVoice, speaker: Conditioning) -> None:
    samples, rate = voice.speak(SENTENCE, "en", speaker, seed=0)
    assert samples.size / rate < 2.0
    short, _ = voice.speak(SENTENCE, "en", speaker, seed=0, max_seconds=0.5)
    assert short.size / rate < 0.6


def test_speaking_in_the_middle_of_training_changes_no_step(starter: Path, speaker: Conditioning) -> None:
    def train(speaking: bool) -> tuple[list[torch.Tensor], list[np.ndarray]]:
        torch.manual_seed(0)
        xtts = model.load_base(starter)
        lora.inject(xtts, lora.LoraOptions(rank=4, alpha=8, dropout=0.1))
        xtts.gpt.train(True)
        xtts.hifigan_decoder.train(False)
        modes = [module.training for module in xtts.modules()]
        voice, heard = XttsVoice(xtts), []
        optimizer = torch.optim.AdamW(lora.lora_parameters(xtts), lr=1e-2)
        for _ in range(3):
            loss = logits(xtts).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if speaking:
                heard.append(voice.speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0])
            assert [module.training for module in xtts.modules()] == modes
            assert not hasattr(xtts.gpt, "gpt_inference")
        return [p.detach().clone() for p in lora.lora_parameters(xtts)], heard

    with_speech, heard = train(True)
    without, _ = train(False)
    assert all(torch.equal(a, b) for a, b in zip(with_speech, without, strict=True))
    assert heard[0].shape != heard[2].shape or np.abs(heard[0] - heard[2]).max() > 1e-3


def test_live_weights_saved_adapter_and_merged_weights_speak_the_same(
    starter: Path, tmp_path: Path, speaker: Conditioning
) -> None:
    options = lora.LoraOptions(rank=4, alpha=8)
    live = shaken(model.load_base(starter), options)
    lora.save_adapter(live, tmp_path, options, step=1)
    spoken = XttsVoice(live).speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0]
    np.testing.assert_allclose(
        load_voice(starter, tmp_path, "cpu").speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0],
        spoken,
        atol=1e-6,
    )
    folded = XttsVoice(merged(live, starter))
    np.testing.assert_allclose(folded.speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0], spoken, atol=1e-4)
    base = load_voice(starter, device="cpu").speak(SENTENCE, "en", speaker, seed=1, max_seconds=0.3)[0]
    assert base.shape != spoken.shape or np.abs(base - spoken).max() > 1e-2


def test_speaking_is_at_full_precision_whatever_training_chose(
    voice: XttsVoice, speaker: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = voice.xtts.inference

    def look(*args: Any, **options: Any) -> Any:
        seen.append(torch.get_float32_matmul_precision())
        return real(*args, **options)

    monkeypatch.setattr(voice.xtts, "inference", look)
    torch.set_float32_matmul_precision("high")
    try:
        voice.speak(SENTENCE, "en", speaker, seed=0, max_seconds=0.5)
        assert seen == ["highest"] and torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_stop_is_seen_within_a_sentence(voice: XttsVoice, speaker: Conditioning) -> None:
    looks = 0

    def should_stop() -> bool:
        nonlocal looks
        looks += 1
        return looks == 5

    with pytest.raises(Cancelled):
        voice.speak(SENTENCE, "en", speaker, seed=0, should_stop=should_stop)
    assert looks == 5 and not hasattr(voice.xtts.gpt, "gpt_inference")


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("", "en", "speak.empty"),
        (" …! ", "en", "speak.empty"),
        ("a" * 5001, "en", "speak.too_long"),
        ("Hello", "xx", "engine.language"),
        ("I like 🍕 and ☂.", "en", "speak.unknown_characters"),
        ("שלום עולם", "en", "speak.unknown_characters"),
    ],
)
def test_refuses_what_cannot_be_said(
    voice: XttsVoice, speaker: Conditioning, text: str, language: str, code: str
) -> None:
    with pytest.raises(UserError) as caught:
        voice.speak(text, language, speaker, seed=0)
    assert caught.value.code == code
    if "🍕" in text:
        assert "🍕" in caught.value.text and "☂" in caught.value.text and "k" not in caught.value.values["characters"]


@pytest.mark.parametrize(
    "text", ["<speak>Hum <break time='1s'/> a line.</speak>", "Olá, então? São três maçãs.", "مرحبا", "a\x00b\u202e c"]
)
def test_markup_and_texts_of_other_languages_are_said_as_far_as_their_letters_go(
    voice: XttsVoice, speaker: Conditioning, text: str
) -> None:
    samples, _ = voice.speak(text, "en", speaker, seed=0, max_seconds=0.2)
    assert len(samples) and np.isfinite(samples).all()


@pytest.fixture
def broken(voice: XttsVoice, monkeypatch: pytest.MonkeyPatch) -> XttsVoice:
    """A voice with weights that are no numbers, where torch's own check would end the process's use of the card."""
    weight = voice.xtts.gpt.final_norm.weight
    monkeypatch.setattr(weight, "data", torch.full_like(weight, float("nan")))
    monkeypatch.setattr(torch, "multinomial", lambda *_, **__: pytest.fail("device-side assert triggered"))
    return voice


def test_broken_weights_are_named_and_no_nan_is_played(broken: XttsVoice, speaker: Conditioning) -> None:
    with pytest.raises(UserError) as caught:
        broken.speak(SENTENCE, "en", speaker, seed=0, max_seconds=0.5)
    assert caught.value.code == "speak.not_finite"
    assert not hasattr(broken.xtts.gpt, "gpt_inference")


def test_full_memory_is_said_however_it_is_raised(
    voice: XttsVoice, speaker: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` to enable assertions.")

    monkeypatch.setattr(voice.xtts, "inference", full)
    with pytest.raises(UserError) as caught:
        voice.speak(SENTENCE, "en", speaker, seed=0)
    assert caught.value.code == "speak.out_of_memory"


def test_references_that_cannot_serve_are_named(
    voice: XttsVoice, tmp_path: Path, references: list[ReferenceClip]
) -> None:
    import soundfile

    with pytest.raises(UserError) as caught:
        voice.condition([])
    assert caught.value.code == "speak.no_reference"
    (tmp_path / "letter.wav").write_text("Dear model,")
    with pytest.raises(UserError, match=r"letter\.wav"):
        voice.condition([references[0], ReferenceClip(tmp_path / "letter.wav")])
    soundfile.write(tmp_path / "blink.wav", np.zeros(1000), 22_050)
    with pytest.raises(UserError, match=r"blink\.wav"):
        voice.condition([ReferenceClip(tmp_path / "blink.wav")])


def test_only_a_text_over_the_limit_is_cut(voice: XttsVoice) -> None:
    tokenizer = voice.xtts.tokenizer
    assert pieces(tokenizer, "One. Two. Three.", "en") == ["One. Two. Three."]
    long = " ".join(f"This is sentence number {n}, and it goes on for a while." for n in range(20))
    parts = pieces(tokenizer, long, "en")
    assert len(parts) > 1 and " ".join(parts) == long
    assert all(part.endswith(".") for part in parts)
    for part in parts:
        assert len(part) <= tokenizer.char_limits["en"] and len(tokenizer.encode(part.lower(), "en")) <= 200
    assert "".join(pieces(tokenizer, "x" * 900, "en")) == "x" * 900


def test_a_cut_text_is_said_whole_and_may_be_stopped_between_parts(voice: XttsVoice, speaker: Conditioning) -> None:

    text = " ".join(["A sentence of some length, which fills the line."] * 8)
    seen: list[tuple[int, int]] = []
    samples, rate = voice.speak(
        text, "en", speaker, seed=0, max_seconds=0.3, on_progress=lambda done, total: seen.append((done, total))
    )
    total = seen[-1][1]
    assert total >= 2 and seen == [(n, total) for n in range(total + 1)]
    assert samples.size / rate > 0.3 * (total - 1)
    with pytest.raises(Cancelled):
        voice.speak(text, "en", speaker, seed=0, max_seconds=0.3, should_stop=lambda: len(seen) > 0)


def test_a_language_may_carry_its_region(voice: XttsVoice, speaker: Conditioning) -> None:
    brazilian = voice.speak("Bom dia.", "pt-BR", speaker, seed=0, max_seconds=0.3)[0]
    assert np.array_equal(brazilian, voice.speak("Bom dia.", "pt", speaker, seed=0, max_seconds=0.3)[0])


SENTENCES = ("Hello there.", SENTENCE, "A longer one, with two halves, so that the texts differ in length.", "Yes!")


@pytest.mark.parametrize("settings", [{"do_sample": False}, {}, {"speed": 1.25}])
def test_several_at_once_are_said_as_each_alone(starter: Path, speaker: Conditioning, settings: dict[str, Any]) -> None:
    voice = XttsVoice(shaken(model.load_base(starter)))
    # Untrained weights hardly ever end by themselves: raised a little, the stop code comes here and there.
    with torch.no_grad():
        voice.xtts.gpt.mel_head.bias[voice.xtts.gpt.stop_audio_token] += 0.0 if "speed" in settings else 3.2
    seeds = [5, 6, 5, 8]
    together = voice.speak_many(SENTENCES, "en", speaker, seeds, max_seconds=0.5, **settings)
    lengths = set()
    for text, seed, (samples, rate) in zip(SENTENCES, seeds, together, strict=True):
        alone = voice.speak(text, "en", speaker, seed, max_seconds=0.5, **settings)
        assert rate == alone[1] and samples.dtype == np.float32
        np.testing.assert_allclose(samples, alone[0], atol=1e-4)
        lengths.add(len(samples))
    assert settings or len(lengths) > 1, "none stopped before the others"


def test_streamed_it_is_the_same_sound_without_a_seam(voice: XttsVoice, speaker: Conditioning) -> None:
    whole, rate = voice.speak(SENTENCE, "en", speaker, 5, max_seconds=1.1, speed=1.4)
    looks, pieces, looks_at_first = [], [], 0
    for piece, piece_rate in voice.stream(
        SENTENCE, "en", speaker, 5, max_seconds=1.1, speed=1.4, should_stop=lambda: bool(looks.append(1))
    ):
        assert piece_rate == rate and not torch.is_inference_mode_enabled()
        looks_at_first = looks_at_first or len(looks)
        pieces.append(piece)
    # Where coqui's own streaming fades from one piece to the next, nothing differs.
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)
    assert looks_at_first == FIRST_CODES < len(looks) / 1.4 and len(pieces) == 2


def test_a_long_text_is_streamed_part_by_part_and_stops_within_one(voice: XttsVoice, speaker: Conditioning) -> None:
    long, pieces, steps = " ".join(["A sentence of some length, which fills the line."] * 8), [], []
    stream = voice.stream(
        long, "en", speaker, 4, max_seconds=0.3, on_progress=lambda *done: steps.append(done),
        should_stop=lambda: len(pieces) == 2,
    )  # fmt: skip
    with pytest.raises(Cancelled):
        for piece, _ in stream:
            pieces.append(piece)
    assert steps == [(0, 2), (1, 2)]
    expected = voice.speak(long, "en", speaker, 4, max_seconds=0.3)[0]
    said = np.concatenate(pieces)
    np.testing.assert_allclose(said, expected[: len(said)], atol=1e-4)


def test_broken_weights_are_named_when_it_streams(broken: XttsVoice, speaker: Conditioning) -> None:
    with pytest.raises(UserError) as caught:
        list(broken.stream(SENTENCE, "en", speaker, 1, max_seconds=0.5))
    assert caught.value.code == "speak.not_finite"


def test_who_else_is_spoken_changes_nothing_and_neither_does_the_process(
    voice: XttsVoice, speaker: Conditioning
) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    three = voice.speak_many(SENTENCES[:3], "en", speaker, [1, 2, 3], max_seconds=0.4)
    assert torch.equal(torch.rand(3), expected)
    one = voice.speak_many(SENTENCES[1:2], "en", speaker, [2], max_seconds=0.4)
    np.testing.assert_allclose(three[1][0], one[0][0], atol=1e-4)
    assert voice.speak_many([], "en", speaker, []) == []


def test_without_onednn_several_are_said_just_the_same(
    voice: XttsVoice, speaker: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = voice.speak_many(SENTENCES[:2], "en", speaker, [1, 2], max_seconds=0.4)
    assert all(block.mix.is_packed for block in decode.Decoder(voice.xtts.gpt).blocks)
    monkeypatch.setattr(decode, "_can_pack", lambda: False)
    plain = voice.speak_many(SENTENCES[:2], "en", speaker, [1, 2], max_seconds=0.4)
    assert not any(block.mix.is_packed for block in decode.Decoder(voice.xtts.gpt).blocks)
    for one, other in zip(packed, plain, strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-4)


def test_a_long_text_among_several_is_said_in_parts(voice: XttsVoice, speaker: Conditioning) -> None:
    long = " ".join(["A sentence of some length, which fills the line."] * 8)
    (samples, _), (short, _) = voice.speak_many([long, "Yes."], "en", speaker, [4, 5], max_seconds=0.3)
    np.testing.assert_allclose(samples, voice.speak(long, "en", speaker, 4, max_seconds=0.3)[0], atol=1e-4)
    assert len(short) < len(samples)


def test_stop_is_seen_within_several_sentences(voice: XttsVoice, speaker: Conditioning) -> None:
    looks = 0

    def should_stop() -> bool:
        nonlocal looks
        looks += 1
        return looks == 5

    with pytest.raises(Cancelled):
        voice.speak_many(SENTENCES, "en", speaker, [1, 2, 3, 4], should_stop=should_stop)
    assert looks == 5
    with pytest.raises(UserError, match="nothing to say"):
        voice.speak_many(["Hello.", " "], "en", speaker, [1, 2])


def test_broken_weights_are_named_when_several_are_spoken(broken: XttsVoice, speaker: Conditioning) -> None:
    with pytest.raises(UserError) as caught:
        broken.speak_many(SENTENCES, "en", speaker, [1, 2, 3, 4], max_seconds=0.5)
    assert caught.value.code == "speak.not_finite"


def test_codes_are_drawn_as_torch_draws_them() -> None:
    ours, torchs = ([torch.Generator().manual_seed(seed) for seed in range(3)] for _ in range(2))
    for _ in range(50):
        scores = torch.randn(3, 1026) * 3
        scores[:, 50:500] = -torch.inf
        drawn = decode.Decoder._choose(scores, ours, True)
        rows = zip(scores.softmax(dim=-1), torchs, strict=True)
        assert drawn.tolist() == [torch.multinomial(row, 1, generator=entry).item() for row, entry in rows]
    assert all(torch.equal(a.get_state(), b.get_state()) for a, b in zip(ours, torchs, strict=True))


def test_lines_of_a_long_text_are_no_longer_than_what_coqui_says_at_once(voice: XttsVoice) -> None:
    limits = light("xtts").line_characters
    assert {code: most for code, most in limits.items() if code} == voice.xtts.tokenizer.char_limits
