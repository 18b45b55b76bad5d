"""Speaking with F5-TTS: what plain f5-tts says, and nothing of what goes wrong there."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.audio.samples import write_wav
from core.engines.f5.bases import FLAGS, BaseFacts, read_facts, write_facts
from core.engines.f5.features.extract import Features
from core.engines.f5.infer import voice as voices
from core.engines.f5.infer.export import export, plain_mel, plain_model
from core.engines.f5.infer.sampling import sample_mels
from core.engines.f5.infer.split import split_text
from core.engines.f5.infer.voice import F5Voice, load_voice
from core.engines.f5.model.load import load_base
from core.engines.f5.model.lora import merged_state
from core.engines.f5.model.package import CFM, DiT
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.train.session import F5Session, start
from core.engines.voice import ReferenceClip
from core.errors import Cancelled, UserError

TEXT = "Hello there, my good friends."
CONFIG = F5TrainConfig(batch_size=3, accumulation=1, max_steps=9, lora_rank=4, learning_rate=3e-3, precision="float32")


@pytest.fixture(scope="module")
def trained(mels: Features, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[F5Session, Path]:
    """A session after a few updates, and its checkpoint."""
    session = start(CONFIG, mels, tiny, None, device="cpu")
    for _ in range(4):
        session.step()
    folder = tmp_path_factory.mktemp("f5-checkpoint")
    session.save(folder)
    return session, folder


@pytest.fixture(scope="module")
def exported(trained: Any, tiny: Path, speaker: ReferenceClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained voice as an export."""
    folder = tmp_path_factory.mktemp("f5-exports") / "voice"
    facts = {"license": "CC BY-NC 4.0"}
    arguments: dict[str, Any] = {"name": "Ana", "references": [speaker], "text": TEXT, "language": "en", "seed": 3}
    export(tiny, trained[1], folder, **arguments, device="cpu", facts=facts)
    return folder


def test_a_sample_of_a_run_is_what_its_checkpoint_says_to_the_last_bit(
    trained: tuple[F5Session, Path], tiny: Path, speaker: ReferenceClip
) -> None:
    live, disk = trained[0].voice(), load_voice(tiny, trained[1], device="cpu")
    heard = live.condition([speaker])
    one, rate = live.speak(TEXT, "en", heard, 3)
    other, _ = disk.speak(TEXT, "en", disk.condition([speaker]), 3)
    base, _ = load_voice(tiny, None, device="cpu").speak(TEXT, "en", heard, 3)
    assert rate == 24_000 and np.array_equal(one, other) and not np.array_equal(one, base)


def test_an_export_spoken_by_plain_f5_tts_says_what_the_checkpoint_says(
    trained: tuple[F5Session, Path], exported: Path, tiny: Path
) -> None:
    voice = load_voice(tiny, trained[1], device="cpu")
    reference = ReferenceClip(exported / "reference.wav", (exported / "reference.txt").read_text())
    ours = voice.spoken_mel(TEXT, voice.condition([reference]), 3)
    theirs, _ = plain_mel(plain_model(exported), exported, TEXT, 3, voice.model.facts.steps)
    assert float((ours - theirs[0].T).abs().max()) < 1e-4
    again = load_voice(exported, None, device="cpu")
    assert float((ours - again.spoken_mel(TEXT, again.condition([reference]), 3)).abs().max()) < 1e-4


def test_the_lines_of_an_exports_readme_speak_it(
    exported: Path, trained: tuple[F5Session, Path], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the package's own loader and its own inference, as anyone has them; only its unused libraries are absent."""
    monkeypatch.setattr(sys.modules["f5_tts.model"], "CFM", CFM, raising=False)
    monkeypatch.setattr(sys.modules["vocos"], "Vocos", object, raising=False)
    for name in ("pydub", "huggingface_hub"):
        if name not in sys.modules:
            try:
                __import__(name)
            except ImportError:
                module: Any = ModuleType(name)
                module.AudioSegment = module.silence = object
                monkeypatch.setitem(sys.modules, name, module)
    from f5_tts.infer.utils_infer import infer_process, load_model

    voice = load_voice(tiny, trained[1], device="cpu")
    import yaml

    arch = yaml.safe_load((exported / "model.yaml").read_text())["model"]["arch"]
    model = load_model(
        DiT, arch, str(exported / "model.safetensors"), vocab_file=str(exported / "vocab.txt"), device="cpu"
    )
    spoken: list[torch.Tensor] = []

    class Vocoder:
        def decode(self, mel: torch.Tensor) -> torch.Tensor:
            spoken.append(mel[0].T.clone())
            return voice.model.vocoder(mel)

    said = (exported / "reference.txt").read_text()
    torch.manual_seed(3)
    infer_process(
        str(exported / "reference.wav"), said, TEXT, model, Vocoder(), nfe_step=voice.model.facts.steps, device="cpu"
    )
    reference = voice.condition([ReferenceClip(exported / "reference.wav", said)])
    assert float((voice.spoken_mel(TEXT, reference, 3) - spoken[0]).abs().max()) < 1e-4


def test_an_export_is_a_published_checkpoint_in_form(exported: Path, tiny: Path) -> None:
    names = {path.name for path in exported.iterdir()}
    assert {"model.safetensors", "vocab.txt", "model.yaml", "reference.wav", "reference.txt", "sample.wav"} <= names
    assert {"README.txt", "manifest.json"} <= names and not any(name.startswith(".") for name in names)
    keys = load_file(exported / "model.safetensors").keys()
    assert keys == load_file(tiny / "model.safetensors").keys()
    readme = (exported / "README.txt").read_text()
    assert "Griffin-Lim" in readme and "CC BY-NC 4.0" in readme and TEXT in readme


def test_merging_changes_just_the_layers_with_an_adapter(trained: tuple[F5Session, Path], tiny: Path) -> None:
    base, merged = load_base(tiny).transformer.state_dict(), merged_state(load_voice(tiny, trained[1]).model)
    assert base.keys() == merged.keys()
    changed = {name for name in base if not torch.equal(base[name], merged[name])}
    assert len(changed) == 2 * 6 and all(name.startswith("transformer_blocks.") for name in changed)


@pytest.fixture(scope="module")
def voice(tiny: Path) -> F5Voice:
    """The base's own."""
    return load_voice(tiny, None, device="cpu")


def test_the_same_seed_says_the_same_also_in_parts_and_leaves_the_process_random_state(
    voice: F5Voice, speaker: ReferenceClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = voice.condition([speaker])
    long = "This is a rather long text. " * 3
    monkeypatch.setattr(voices, "MOST_TOGETHER_S", 3.5)
    assert len(voice.parts(long, "en", heard, 5)) > 1
    state = torch.get_rng_state()
    one, _ = voice.speak(long, "en", heard, 5, steps=2)
    assert torch.equal(state, torch.get_rng_state())
    again, _ = voice.speak(long, "en", heard, 5, steps=2)
    other, _ = voice.speak(long, "en", heard, 6, steps=2)
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_long_text_comes_part_by_part_with_the_samples_of_the_whole(
    voice: F5Voice, speaker: ReferenceClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, seen = voice.condition([speaker]), []
    long = "This is a rather long text. " * 3
    monkeypatch.setattr(voices, "MOST_TOGETHER_S", 3.5)
    whole, rate = voice.speak(long, "en", heard, 5, steps=2)
    pieces = []
    for samples, _ in voice.stream(long, "en", heard, 5, steps=2, on_progress=lambda *how_far: seen.append(how_far)):
        pieces.append(samples)
        if len(pieces) == 1:
            assert [number for number, _ in seen] == [0], "the first is heard before the second is begun"
    count = len(voice.sentences(long, "en", heard))
    assert 2 < count == len(pieces) - 1 and seen[-1] == (count, count)
    assert np.array_equal(np.concatenate(pieces), whole)

    class Leave(Exception):
        pass

    def leave(number: int, total: int) -> None:
        if number == 1:
            raise Leave

    said = []
    with pytest.raises(Leave):
        for samples, _ in voice.stream(long, "en", heard, 5, steps=2, on_progress=leave):
            said.append(samples)
    first = voice.speak(voice.sentences(long, "en", heard)[0], "en", heard, 5, steps=2)[0]
    assert np.array_equal(np.concatenate(said), first), "who leaves in between has said all of what was said"


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "The 42 of 1998.", "The forty-two of nineteen ninety-eight."),
        ("pt", "Os 42 de 1998.", "Os quarenta e dois de mil novecentos e noventa e oito."),
    ],
)
def test_a_number_is_said_as_its_words_after_a_reference_with_a_number_too(
    voice: F5Voice, speaker: ReferenceClip, language: str, text: str, words: str
) -> None:
    heard, same = (
        voice.condition([replace(speaker, text=said, language=language)]) for said in (f"{text} Hm.", f"{words} Hm.")
    )
    assert heard.text == same.text
    one, other = (voice.parts(said, language, heard, 3) for said in (text, words))
    assert [(part.ids.tolist(), part.frames) for part in one] == [(part.ids.tolist(), part.frames) for part in other]
    assert voice.sentences(text, language, heard) == voice.sentences(words, language, heard) == [words]
    sounds = [voice.speak(said, language, heard, 3, steps=2)[0] for said in (text, words)]
    assert np.array_equal(*sounds)


def test_several_sentences_at_once_say_what_each_says_alone(
    voice: F5Voice, speaker: ReferenceClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, texts = voice.condition([speaker]), [TEXT, "A much longer sentence than the one before it was.", "Yes."]
    alone = [voice.spoken_mel(text, heard, seed) for seed, text in enumerate(texts)]
    parts = [voice.parts(text, "en", heard, seed)[0] for seed, text in enumerate(texts)]
    with torch.no_grad():
        together = sample_mels(voice.model, parts, heard)
    for one, other in zip(alone, together, strict=True):
        assert one.shape == other.shape and float((one - other).abs().max()) < 1e-4
    monkeypatch.setattr(F5Voice, "_groups", lambda self, parts: [list(parts)])
    sounds = voice.speak_many(texts, "en", heard, [0, 1, 2])
    assert [len(samples) for samples, _ in sounds] == [len(voice.speak(t, "en", heard, 0)[0]) for t in texts]


def test_a_sentence_that_was_stopped_leaves_nothing_for_the_next(voice: F5Voice, speaker: ReferenceClip) -> None:
    """In the package the text's embedding stays on the model, and the next sentence is spoken with it."""
    heard = voice.condition([speaker])
    expected, _ = voice.speak(TEXT, "en", heard, 3)
    looks = iter([False, False, True])
    with pytest.raises(Cancelled):
        voice.speak("Something else altogether, and longer.", "en", heard, 4, should_stop=lambda: next(looks))
    again, _ = voice.speak(TEXT, "en", heard, 3)
    assert np.array_equal(again, expected) and voice.model.transformer.text_cond is None


def test_a_reference_is_never_cut_without_its_text(voice: F5Voice, speaker: ReferenceClip, tmp_path: Path) -> None:
    tone = np.sin(np.arange(24_000 * 13) / 9).astype(np.float32) * 0.3
    write_wav(tmp_path / "long.wav", tone, 24_000)
    write_wav(tmp_path / "short.wav", tone[:2400], 24_000)
    write_wav(tmp_path / "seven.wav", tone[: 24_000 * 7], 24_000)
    for references, code in (
        ([], "speak.no_reference"),
        ([replace(speaker, text="")], "speak.reference_text"),
        ([ReferenceClip(tmp_path / "long.wav", "A text.")], "speak.reference_long"),
        ([ReferenceClip(tmp_path / "short.wav", "A text.")], "speak.reference_short"),
        ([ReferenceClip(tmp_path / "seven.wav", "Well.")], "speak.reference_pace"),
        ([ReferenceClip(tmp_path / "seven.wav", "A very long text. " * 30)], "speak.reference_pace"),
        ([ReferenceClip(tmp_path / "seven.wav", "?!…")], "speak.reference_text"),
        ([ReferenceClip(tmp_path / "none.wav", "A text.")], "speak.reference_unreadable"),
        ([replace(speaker, text="a ^ b")], "speak.unknown_characters"),
    ):
        with pytest.raises(UserError) as refusal:
            voice.condition(references)
        assert refusal.value.code == code


def test_a_quiet_reference_is_answered_as_quietly(voice: F5Voice, speaker: ReferenceClip, tmp_path: Path) -> None:
    import soundfile

    samples, rate = soundfile.read(speaker.path, dtype="float32")
    for name, level in (("loud", 0.2), ("quiet", 0.02)):
        write_wav(tmp_path / f"{name}.wav", samples * level / np.sqrt(np.mean(samples**2)), rate)
    loud, quiet = (voice.condition([ReferenceClip(tmp_path / f"{n}.wav", speaker.text)]) for n in ("loud", "quiet"))
    assert loud.gain == 1.0 and quiet.gain == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "speak.empty"),
        ("?! …", "speak.empty"),
        ("a ^ b", "speak.unknown_characters"),
        ("la " * 2000, "speak.too_long"),
    ],
)
def test_what_cannot_be_said_is_told(voice: F5Voice, speaker: ReferenceClip, text: str, code: str) -> None:
    with pytest.raises(UserError) as refusal:
        voice.speak(text, "en", voice.condition([speaker]), 0)
    assert refusal.value.code == code


def test_texts_are_cut_at_sentences_then_clauses_then_words() -> None:
    text = "One two three. Four five, six seven! Eight nine ten eleven twelve"
    for limit in (12, 20, 40, 200):
        parts = split_text(text, limit)
        assert " ".join(parts) == text and all(len(part) <= limit for part in parts)
    assert split_text(text, 20)[0] == "One two three."
    assert split_text("One two three. ?! … — Four five six.", 14) == ["One two three.", "Four five six."]
    assert "".join(split_text("今天天气很好我们去公园", 9)) == "今天天气很好我们去公园"
    accented = "Você já tomou café aqui amanhã à tardinha, não é"
    for limit in range(10, 60):
        assert " ".join(split_text(accented, limit)) == accented


def test_the_wrong_flags_are_heard_in_another_voice_and_no_checkpoint_crosses_over(
    tiny: Path, tiny_v0: Path, trained: tuple[F5Session, Path], speaker: ReferenceClip, tmp_path: Path
) -> None:
    right, wrong = (load_voice(base, None, device="cpu") for base in (tiny, tiny_v0))
    one, other = (voice.spoken_mel(TEXT, voice.condition([speaker]), 3) for voice in (right, wrong))
    assert float((one - other).abs().mean()) > 1e-3
    with pytest.raises(UserError, match="built as F5-TTS v1, and this one is as F5-TTS v0"):
        load_voice(tiny_v0, trained[1], device="cpu")


def test_weights_that_broke_are_told_and_not_heard(tiny: Path, speaker: ReferenceClip) -> None:
    voice = load_voice(tiny, None, device="cpu")
    heard = voice.condition([speaker])
    with torch.no_grad():
        voice.model.transformer.proj_out.bias.fill_(float("nan"))
    with pytest.raises(UserError) as refusal:
        voice.speak(TEXT, "en", heard, 0)
    assert refusal.value.code == "speak.not_finite"


def test_a_base_of_plain_characters_is_spoken_to_in_characters(
    tiny: Path, speaker: ReferenceClip, tmp_path: Path
) -> None:
    import shutil

    base = tmp_path / "characters"
    shutil.copytree(tiny, base)
    write_facts(base, BaseFacts(FLAGS["v1"], "characters", read_facts(tiny).sha256, trained=False, steps=2))
    voice = load_voice(base, None, device="cpu")
    heard = voice.condition([speaker])
    assert len(voice.parts("térreo", "pt", heard, 0)[0].ids) == len(heard.text) + len("térreo")
    text = "Olá, térreo e ônibus."
    export(base, None, tmp_path / "out", name="A", references=[speaker], text=text, language="pt", device="cpu")
    assert "list(text) for text in texts" in (tmp_path / "out" / "README.txt").read_text()
    as_pinyin, _ = plain_mel(plain_model(tmp_path / "out"), tmp_path / "out", text, 0, 2)
    as_characters, _ = plain_mel(plain_model(tmp_path / "out"), tmp_path / "out", text, 0, 2, "characters")
    assert not torch.equal(as_pinyin, as_characters)  # so the export was proved by the right one


def test_no_steps_at_all_are_one(tiny: Path, speaker: ReferenceClip) -> None:
    voice = load_voice(tiny, None, device="cpu")
    heard = voice.condition([speaker])
    none, one = (voice.speak("Hi.", "en", heard, 0, steps=steps)[0] for steps in (-3, 1))
    assert np.array_equal(none, one)
