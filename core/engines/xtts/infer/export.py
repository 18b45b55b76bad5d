"""Voice export: a folder that plain coqui-tts loads, proven before anyone is offered it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

import core
from core.audio.samples import Samples, read, write_wav
from core.audio.synthetic import write_speech
from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.exporting import check_stop, describe, differs, exporting, unloadable
from core.engines.registry import info
from core.engines.voice import ReferenceClip
from core.engines.xtts.bases import is_starter
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import XttsVoice, load_voice
from core.engines.xtts.model.load import base_state, load_speakers
from core.engines.xtts.model.lora import merged_weights
from core.errors import UserError

TOLERANCE = 1e-4  # between our samples and coqui's; float32 and merged weights leave about 1e-6
SEEDS = 3  # tried before two voices are called different: a coin may land on its edge
_REFERENCE_HZ = 22_050
_BASE_FILES = ("config.json", "vocab.json")

_README = """{name}
{line}

A voice made with Voicewright {version} from XTTS-v2's architecture. Any coqui-tts installation speaks with it:

    pip install coqui-tts

    import torch, soundfile
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    config.load_json("config.json")
    voice = Xtts(config)
    voice.load_checkpoint(config, checkpoint_dir=".")
    speaker = voice.speaker_manager.speakers[{name!r}]
    torch.manual_seed({seed})
    spoken = voice.inference(
        {text!r}, {language!r},
        speaker["gpt_cond_latent"], speaker["speaker_embedding"],
        **{settings!r},
    )
    soundfile.write("spoken.wav", spoken["wav"], {rate})

The lines above give sample.wav. reference.wav is what the voice was heard from; manifest.json says how it was made,
with the SHA-256 of every file.

Licence: {license}
Speak with a person's voice only if that person agreed.
"""


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

    The folder appears only when it is complete and plain coqui-tts has loaded it and spoken ``text`` with the very
    samples our own voice speaks (base and adapter apart, the same seed).

    Arguments are those of `core.engines.base.Engine.export`; of a ``text`` that is too long to be said at once the
    sample says the first part. Coqui's ``speakers_xtts.pth`` lists ``name``.

    Raises:
        Cancelled: ``should_stop`` said so; nothing is left.
        UserError: ``export.differs``, ``export.unloadable``, ``export.own_language``, and all of `XttsVoice.speak` and
            `load_voice`.
        DiskFull: ``export.no_room``.
    """
    with exporting(folder, base / "model.pth", should_stop) as draft:
        on_stage("load_base")
        voice = load_voice(base, checkpoint, device)
        parts, language = voice.parts(text, language)
        if language not in info("xtts").languages:
            raise UserError(
                "export.own_language",
                "Plain coqui-tts does not read “{language}”, so it cannot prove this voice; nothing was exported.",
                "Export it with a sentence in a language that coqui-tts reads.",
                language=language,
            )
        # Coqui says a text at once, we say a long one in parts with pauses: only a part can be compared.
        speaker, text = voice.condition(references), parts[0]
        on_stage("merge")
        _write_weights(base, voice.xtts, draft)
        speakers = {**load_speakers(base), name: dict(vars(speaker))}
        save(speakers, draft / "speakers_xtts.pth")
        _write_reference(references, draft / "reference.wav")
        on_stage("verify")
        samples, seed = _verify(draft, voice, name, text, language, seed, should_stop)
        write_speech(draft / "sample.wav", samples, voice.sample_rate)
        return _describe(draft, voice, name, text, language, seed, facts or {})


def load_plain(folder: Path) -> Xtts:
    """The voice as anyone's coqui-tts loads it: nothing of ours takes part."""
    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    xtts = Xtts(config)
    xtts.load_checkpoint(config, checkpoint_dir=str(folder))
    return xtts


def _write_weights(base: Path, xtts: Xtts, folder: Path) -> None:
    # Taken from the file, not from the model: what no adapter touched stays as it was, bit for bit.
    state = base_state(base)
    weights = merged_weights(xtts)
    if weights.keys() - state.keys():
        raise KeyError(f"not in the base: {sorted(weights.keys() - state.keys())[:3]}")
    save({"model": {**state, **weights}}, folder / "model.pth")
    for name in (*_BASE_FILES, *(["starter.json"] if is_starter(base) else [])):
        shutil.copyfile(base / name, folder / name)


def _write_reference(references: Sequence[ReferenceClip], target: Path) -> None:
    pieces = [read(reference.path, sample_rate=_REFERENCE_HZ)[0] for reference in references]
    write_wav(target, np.concatenate(pieces), _REFERENCE_HZ)


def _verify(
    folder: Path,
    voice: XttsVoice,
    name: str,
    text: str,
    language: str,
    seed: int,
    should_stop: ShouldStop,
) -> tuple[Samples, int]:
    """Let plain coqui-tts load and speak; returns what it said and the seed with which both said the same."""
    try:
        plain = load_plain(folder)
    except (RuntimeError, KeyError, OSError, ValueError) as error:
        raise unloadable(error) from error
    check_stop(should_stop)
    plain.to(voice.xtts.device)
    speaker = plain.speaker_manager.speakers[name]
    worst = 0.0
    for attempt_seed in range(seed, seed + SEEDS):
        samples = voice.speak(text, language, Conditioning(**speaker), attempt_seed, should_stop=should_stop)[0]
        with torch.random.fork_rng():
            torch.manual_seed(attempt_seed)
            coqui_samples: Samples = np.atleast_1d(
                plain.inference(
                    text, language, speaker["gpt_cond_latent"], speaker["speaker_embedding"], **voice.settings()
                )["wav"]
            )
        check_stop(should_stop)
        worst = float(np.abs(samples - coqui_samples).max()) if samples.shape == coqui_samples.shape else float("inf")
        if worst <= TOLERANCE:
            return coqui_samples, attempt_seed
    raise differs(worst)


def _describe(
    folder: Path, voice: XttsVoice, name: str, text: str, language: str, seed: int, facts: Mapping[str, object]
) -> dict[str, Any]:
    """Write README.txt and, last, manifest.json."""
    speaking = {"text": text, "language": language, "seed": seed, "settings": voice.settings()}
    values = {**speaking, "name": name, "line": "=" * len(name), "version": core.__version__, "rate": voice.sample_rate}
    readme = _README.format(license=facts.get("license", "that of the base model"), **values)
    (folder / "README.txt").write_text(readme, encoding="utf-8")
    return describe(
        folder,
        name=name,
        engine="xtts",
        rate=voice.sample_rate,
        sample=speaking,
        trained=voice.xtts.untrained_max_s is None,
        packages=("coqui-tts", "torch", "transformers", "peft"),
        facts=facts,
    )


def save(value: object, path: Path) -> None:
    """Write with torch, and to the disk."""
    with open(path, "wb") as file:
        torch.save(value, file)
        file.flush()
        os.fsync(file.fileno())
