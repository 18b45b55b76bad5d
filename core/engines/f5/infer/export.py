"""Voice export: a folder that plain f5-tts loads, proven before anyone is offered it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

import core
from core.audio.samples import Samples, write_wav
from core.audio.synthetic import write_speech
from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.exporting import check_stop, describe, differs, exporting, unloadable
from core.engines.f5.bases import VOCODER, WEIGHTS, read_facts, write_facts
from core.engines.f5.features.mel import HOP, RATE, SETTINGS, read_wave
from core.engines.f5.infer.reference import ReferenceMel
from core.engines.f5.infer.sampling import GUIDANCE, SWAY
from core.engines.f5.infer.voice import F5Voice, load_voice
from core.engines.f5.model.load import PREFIX
from core.engines.f5.model.lora import merged_state
from core.engines.f5.model.package import CFM, DiT, convert_char_to_pinyin, get_tokenizer
from core.engines.f5.model.vocoder import vocoder_place
from core.engines.f5.text.conversion import Conversion
from core.engines.f5.text.vocabulary import NAME as VOCABULARY
from core.engines.voice import ReferenceClip
from core.files import sha256_file, write_atomic

# Between our log mels and the package's, a hundredth of a decibel; float32 and merged weights leave about 3e-6 with a
# small model. Both go through the same vocoder, so mels tell more exactly what differs than samples would.
TOLERANCE = 1e-3
ARCHITECTURE = "model.yaml"
_README = """{name}
{line}

A voice made with Voicewright {version} from F5-TTS's architecture. Any f5-tts installation speaks with it:

    pip install f5-tts

    import torch, soundfile, yaml
    from f5_tts.model import DiT
    from f5_tts.infer.utils_infer import infer_process, load_model, load_vocoder

    arch = yaml.safe_load(open("model.yaml"))["model"]["arch"]
    model = load_model(DiT, arch, "model.safetensors", vocab_file="vocab.txt", device="cpu")
    vocoder = load_vocoder({vocoder})
{characters}    torch.manual_seed({seed})
    spoken, rate, _ = infer_process(
        "reference.wav", open("reference.txt").read(), {text!r},
        model, vocoder, nfe_step={steps}, device="cpu",
    )
    soundfile.write("spoken.wav", spoken, rate)

{what}
What the model reads has to be written as it is written here: numbers in words, and no letter that vocab.txt does not
have, which f5-tts reads as a space. reference.wav is what the voice is copied from and reference.txt what is said in
it, word by word; manifest.json says how the voice was made, with the SHA-256 of every file.

Licence: {license}
Speak with a person's voice only if that person agreed.
"""
_CHARACTERS = """    # This voice has learnt single characters; f5-tts alone would make other tokens of them.
    import f5_tts.infer.utils_infer as inference
    inference.convert_char_to_pinyin = lambda texts: [list(text) for text in texts]
"""
_REAL = "The lines above give sample.wav."
_LABELLED = """The base has no vocoder, so Griffin-Lim made sample.wav audible, which sounds tinny.
The lines above sound otherwise."""


def export(
    base: Path,
    checkpoint: Path | None,
    folder: Path,
    *,
    name: str,
    references: Sequence[ReferenceClip],
    text: str,
    language: str,
    seed: int = 0,
    device: str = "auto",
    facts: Mapping[str, object] | None = None,
    on_stage: Callable[[str], object] = ignore,
    should_stop: ShouldStop = never,
) -> dict[str, Any]:
    """Merge an adapter into its base and write the whole voice into ``folder``; returns the manifest.

    The folder appears only when it is complete and plain f5-tts has loaded it and spoken ``text`` with the very mel
    that our own voice makes (base and adapter apart, the same seed).

    Arguments are those of `core.engines.base.Engine.export`; of a ``text`` that is too long to be said at once the
    sample says the first part.

    Raises:
        Cancelled: ``should_stop`` said so; nothing is left.
        UserError: ``export.differs``, ``export.unloadable``, and all of `F5Voice` and `load_voice`.
        DiskFull: ``export.no_room``.
    """
    with exporting(folder, base / read_facts(base).weights, should_stop) as draft:
        on_stage("load_base")
        voice = load_voice(base, checkpoint, device=device)
        reference = voice.condition(references)
        text = voice.pieces(text, language, reference)[0]
        on_stage("merge")
        _write_voice(base, voice, references[0], reference, draft)
        on_stage("verify")
        samples = _verify(draft, voice, text, seed, should_stop)
        write_speech(draft / "sample.wav", samples, RATE)
        return _describe(draft, voice, name, text, language, seed, facts or {})


def _write_voice(base: Path, voice: F5Voice, clip: ReferenceClip, reference: ReferenceMel, folder: Path) -> None:
    model = voice.model
    write_weights(folder, merged_state(model))
    write_atomic(folder / VOCABULARY, model.vocabulary.text())
    write_architecture(folder, model.arch)
    place = vocoder_place(base, read_facts(base))
    if place is not None:
        for name in VOCODER:
            shutil.copyfile(place / name, folder / name)
    # Its own samples, not ours: the package brings them to 24 kHz itself.
    write_wav(folder / "reference.wav", read_wave(clip.path).numpy(), RATE)
    # The package adds the space after it.
    write_atomic(folder / "reference.txt", reference.text.removesuffix(" "))
    facts = model.facts
    own = replace(
        facts, sha256=sha256_file(folder / WEIGHTS), vocabulary=model.vocabulary.sha256, vocoder="", weights=WEIGHTS
    )
    write_facts(folder, own)


def write_weights(folder: Path, state: Mapping[str, Tensor]) -> None:
    """A transformer's weights as a published base has them."""
    tensors = {f"{PREFIX}transformer.{name}": value.contiguous() for name, value in state.items()}
    save_file({**tensors, "initted": torch.tensor(True), "step": torch.tensor(0)}, folder / WEIGHTS)


def write_architecture(folder: Path, arch: Mapping[str, Any]) -> None:
    """Sizes and flags, as the README's lines read them."""
    sizes = {key: value for key, value in arch.items() if key != "text_num_embeds"}  # the package counts them itself
    architecture = {"model": {"backbone": "DiT", "tokenizer": "custom", "arch": sizes, "mel_spec": SETTINGS}}
    write_atomic(folder / ARCHITECTURE, yaml.safe_dump(architecture, sort_keys=False))


def plain_model(folder: Path) -> CFM:
    """The voice as anyone's f5-tts loads it (``f5_tts/infer/utils_infer.py: load_model``), in float32 on the CPU."""
    vocabulary, size = get_tokenizer(str(folder / VOCABULARY), "custom")
    arch = yaml.safe_load((folder / ARCHITECTURE).read_text(encoding="utf-8"))["model"]["arch"]
    transformer = DiT(**arch, text_num_embeds=size, mel_dim=SETTINGS["n_mel_channels"])
    model = CFM(transformer=transformer, mel_spec_kwargs=SETTINGS, vocab_char_map=vocabulary)
    state = {
        name.replace("ema_model.", ""): value
        for name, value in load_file(folder / WEIGHTS).items()
        if name not in ("initted", "step")
    }
    model.load_state_dict(state)
    return model.eval()


def plain_mel(
    model: CFM, folder: Path, text: str, seed: int, steps: int, conversion: Conversion = "pinyin"
) -> tuple[Tensor, float]:
    """The mel that plain f5-tts makes (``infer_batch_process``), (1, 100, frames), and what it multiplies by."""
    audio = read_wave(folder / "reference.wav")[None]  # the same samples as torchaudio's, without FFmpeg's libraries
    rms = torch.sqrt(torch.mean(torch.square(audio)))
    if rms < 0.1:
        audio = audio * 0.1 / rms
    transcript = (folder / "reference.txt").read_text(encoding="utf-8")
    if len(transcript[-1].encode()) == 1:
        transcript += " "
    start = audio.shape[-1] // HOP
    pace = 0.3 if len(text.encode()) < 10 else 1.0
    frames = start + int(start / len(transcript.encode()) * len(text.encode()) / pace)
    device = next(model.parameters()).device
    with torch.inference_mode(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        mel, _ = model.sample(
            cond=audio.to(device),
            text=convert_char_to_pinyin([transcript + text]) if conversion == "pinyin" else [list(transcript + text)],
            duration=frames,
            steps=steps,
            cfg_strength=GUIDANCE,
            sway_sampling_coef=SWAY,
        )
    return mel[:, start:].permute(0, 2, 1), float(rms / 0.1) if rms < 0.1 else 1.0


def _verify(folder: Path, voice: F5Voice, text: str, seed: int, should_stop: ShouldStop) -> Samples:
    """Let plain f5-tts load and speak; returns what it said."""
    try:
        plain = plain_model(folder)
    except (RuntimeError, KeyError, OSError, ValueError, TypeError) as error:
        raise unloadable(error) from error
    transcript = (folder / "reference.txt").read_text(encoding="utf-8")
    reference = voice.condition([ReferenceClip(folder / "reference.wav", transcript)])
    own_mel = voice.spoken_mel(text, reference, seed, should_stop)
    facts = voice.model.facts
    mel, gain = plain_mel(plain.to(voice.model.device), folder, text, seed, facts.steps, facts.conversion)
    check_stop(should_stop)
    package_mel = mel[0].T
    difference = float((own_mel - package_mel).abs().max()) if own_mel.shape == package_mel.shape else float("inf")
    if difference > TOLERANCE:
        raise differs(difference)
    with torch.inference_mode():
        wave: Samples = (voice.model.vocoder(mel)[0] * gain).cpu().numpy()
    return wave


def _describe(
    folder: Path, voice: F5Voice, name: str, text: str, language: str, seed: int, facts: Mapping[str, object]
) -> dict[str, Any]:
    """Write README.txt and, last, manifest.json."""
    model = voice.model
    has_vocoder = (folder / VOCODER[0]).is_file()
    steps = model.facts.steps
    readme = _README.format(
        name=name,
        line="=" * len(name),
        version=core.__version__,
        vocoder='is_local=True, local_path=".", device="cpu"' if has_vocoder else 'device="cpu"',
        characters="" if model.facts.conversion == "pinyin" else _CHARACTERS,
        what=_REAL if has_vocoder else _LABELLED,
        seed=seed,
        text=text,
        steps=steps,
        license=facts.get("license", "that of the base model"),
    )
    write_atomic(folder / "README.txt", readme)
    return describe(
        folder,
        name=name,
        engine="f5",
        rate=RATE,
        sample={"text": text, "language": language, "seed": seed, "settings": {"steps": steps}},
        trained=model.facts.trained,
        packages=("f5-tts", "vocos", "torch", "peft"),
        facts=facts,
        vocoder=model.vocoder.label,
    )
