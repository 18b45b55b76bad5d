"""Voice import: the files of a voice that came from anywhere become a folder as an export is; nothing is trusted.

Of the configuration only known numbers within limits are taken over, weights are loaded without code, strictly, and
written anew, and the voice has spoken before anyone is offered it.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from TTS.tts.configs.xtts_config import XttsConfig

from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.exporting import check_stop
from core.engines.importing import FAULTS, broken, load_checked, own_name, prove, too_large
from core.engines.plain_tensors import check_tensor
from core.engines.registry import info
from core.engines.voice import ReferenceClip
from core.engines.xtts.bases import STARTER, XttsBases, is_starter, other_model
from core.engines.xtts.infer.export import save
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import XttsVoice, load_voice
from core.engines.xtts.model.load import base_state, load_speakers
from core.errors import UserError
from core.files import MOST_BYTES, filling, read_json, write_json

_WIDEST, _MOST_LAYERS, _MOST_TOKENS, _LARGEST = 8192, 100, 100_000, 1_000_000
_LIMITS = {
    "gpt_layers": _MOST_LAYERS,
    **dict.fromkeys(("gpt_n_model_channels", "gpt_n_heads", "decoder_input_dim", "d_vector_dim"), _WIDEST),
    **dict.fromkeys(("gpt_max_audio_tokens", "gpt_max_text_tokens", "gpt_max_prompt_tokens"), _MOST_TOKENS),
    **dict.fromkeys(("gpt_num_audio_tokens", "gpt_number_text_tokens", "num_chars"), _MOST_TOKENS),
}
# How it speaks: least and most; what lies outside gives way to coqui's own.
_SPEAKING = {
    "temperature": (0.01, 2.0), "length_penalty": (-10.0, 10.0), "repetition_penalty": (0.1, 50.0),
    "top_k": (1, 1000), "top_p": (0.01, 1.0),
    "gpt_cond_len": (1, 60), "gpt_cond_chunk_len": (1, 60), "max_ref_len": (1, 60),
}  # fmt: skip
_RATES = (8_000, 48_000)
_UNTRAINED_S = 4.0  # the longest that untrained weights may babble
_SPEAKER = ("gpt_cond_latent", "speaker_embedding")


def import_voice(
    files: Mapping[str, Path],
    folder: Path,
    *,
    name: str,
    text: str,
    language: str,
    device: str = "auto",
    facts: Mapping[str, object] | None = None,
    on_stage: Callable[[str], object] = ignore,
    should_stop: ShouldStop = never,
) -> dict[str, Any]:
    """See `core.engines.base.Engine.import_voice`."""
    with filling(folder) as draft:
        on_stage("check_voice")
        speaker_name = own_name(files)
        name = speaker_name or name
        _write_model(files, draft)
        check_stop(should_stop)
        voice = _loaded(draft, device)
        speaker = _speaker(files, draft, voice, speaker_name)
        save({name: dict(vars(speaker))}, draft / "speakers_xtts.pth")
        on_stage("verify")
        text, language = _sayable(voice, text, language)
        return prove(
            draft,
            voice,
            speaker,
            name=name,
            engine="xtts",
            text=text,
            language=language,
            trained=voice.xtts.untrained_max_s is None,
            languages=list(voice.xtts.config.languages),
            license=_license(draft),
            facts=facts or {},
            should_stop=should_stop,
        )


def only_speaker(folder: Path) -> Conditioning:
    """The one speaker of an imported voice.

    Raises:
        UserError: ``voice.broken``.
    """
    try:
        (speaker,) = load_speakers(folder).values()
        return _conditioning(speaker)
    except FAULTS as error:
        raise _broken("speakers_xtts.pth", error) from error


def _write_model(files: Mapping[str, Path], folder: Path) -> None:
    """Configuration, vocabulary and weights as of a base, with nothing but what was looked at."""
    if files["vocab.json"].stat().st_size > MOST_BYTES:
        raise _broken("vocab.json", too_large())
    shutil.copyfile(files["vocab.json"], folder / "vocab.json")
    if "starter.json" in files:
        write_json(folder / "starter.json", _plain_starter(files["starter.json"]))
    weights = folder / "model.pth"
    weights.symlink_to(files["model.pth"].resolve())
    try:
        state = base_state(folder)
        for key, value in state.items():
            check_tensor(key, value)
    except FAULTS as error:
        raise _broken("model.pth", error) from error
    size = sum(value.numel() * value.element_size() for value in state.values())
    write_json(folder / "config.json", _plain_config(files["config.json"], size))
    weights.unlink()
    save({"model": {key: value.contiguous() for key, value in state.items()}}, weights)


def _plain_config(path: Path, weights_bytes: int) -> dict[str, Any]:
    """The known numbers of a ``config.json``.

    Raises:
        UserError: ``voice.broken``: it is of another model, or larger than its weights are.
    """
    defaults = XttsConfig().to_dict()
    try:
        raw = read_json(path, 1 << 20)
        if raw.get("model") != "xtts":
            raise other_model()
        arguments = {
            key: _within(key, value, (0, _LIMITS.get(key, _LARGEST)))
            for key, value in raw["model_args"].items()
            if key in defaults["model_args"] and not isinstance(value, str | float | list | dict)
        }
        audio = {key: _within(key, raw["audio"][key], _RATES) for key in defaults["audio"] if key in raw["audio"]}
        languages = [str(code) for code in raw.get("languages", []) if str(code).replace("-", "").isalnum()]
        values = {**defaults["model_args"], **arguments}
        width, tokens = values["gpt_n_model_channels"], sum(
            values[key] or 0 for key, limit in _LIMITS.items() if limit == _MOST_TOKENS and key != "num_chars"
        )  # fmt: skip
        # Twelve matrices a layer, and a row a token; nothing takes less than a byte.
        if (12 * values["gpt_layers"] * width + tokens) * width > weights_bytes:
            raise UserError("reason.larger_model", "it describes a larger model than its weights are of")
    except (*FAULTS, RecursionError) as error:
        raise _broken("config.json", error) from error
    speaking = {
        key: raw[key]
        for key, (least, limit) in _SPEAKING.items()
        if type(raw.get(key)) in (int, float) and least <= raw[key] <= limit
    }
    norm = {"sound_norm_refs": True} if raw.get("sound_norm_refs") is True else {}
    facts = {"languages": languages[:200]} if languages else {}
    return {"model": "xtts", "model_args": arguments, "audio": audio, **speaking, **norm, **facts}


def _within(key: str, value: Any, bounds: tuple[int, int]) -> int | None:
    if value is not None and not bounds[0] <= value <= bounds[1]:
        raise UserError("reason.out_of_range", "{key} is {value}", key=key, value=str(value)[:40])
    return value  # type: ignore[no-any-return]


def _plain_starter(path: Path) -> dict[str, Any]:
    """What a small base says of itself: untrained weights never end a sentence by themselves."""
    try:
        raw = read_json(path, 1 << 20)
        is_trained, longest = raw.get("trained") is True, float(raw.get("max_seconds") or 0.0)
        if is_trained and not longest:
            return {"trained": True}
        return {"trained": is_trained, "max_seconds": longest if 0 < longest <= 30 else _UNTRAINED_S}
    except (*FAULTS, RecursionError) as error:
        raise _broken("starter.json", error) from error


def _loaded(folder: Path, device: str) -> XttsVoice:
    try:
        return load_checked(lambda: load_voice(folder, device=device), "xtts", "model.pth", unnamed="model.pth")
    except UserError:
        raise
    except Exception as error:  # tokenizers' errors are nothing but exceptions
        raise _broken("vocab.json", error) from error


def _speaker(files: Mapping[str, Path], folder: Path, voice: XttsVoice, name: str) -> Conditioning:
    """Who speaks: the one of the voice's own name, the only one there is, the one of its recording, or the first."""
    speakers: dict[str, dict[str, Tensor]] = {}
    if "speakers_xtts.pth" in files:
        link = folder / "speakers_xtts.pth"
        link.symlink_to(files["speakers_xtts.pth"].resolve())
        try:
            speakers = load_speakers(folder)
        except FAULTS as error:
            raise _broken("speakers_xtts.pth", error) from error
        finally:
            link.unlink()
    if name in speakers or len(speakers) == 1 or (speakers and "reference.wav" not in files):
        try:
            return _conditioning(speakers[name if name in speakers else next(iter(speakers))])
        except FAULTS as error:
            raise _broken("speakers_xtts.pth", error) from error
    if "reference.wav" not in files:
        raise UserError(
            "voice.no_speaker",
            "The voice does not say whose it is: it has neither speakers_xtts.pth nor a recording.",
            "Put a WAV file with a few seconds of the speaker beside config.json, then bring it in again.",
        )
    return voice.condition([ReferenceClip(files["reference.wav"])])


def _conditioning(speaker: Any) -> Conditioning:
    """Raises one of `FAULTS` where it is none."""
    for key in _SPEAKER:
        check_tensor(key, speaker[key])
    latent, embedding = (speaker[key].float().clone() for key in _SPEAKER)
    if latent.ndim != 3 or embedding.ndim != 3 or latent.shape[0] != 1 or embedding.shape[0] != 1:
        raise UserError("reason.no_speaker_shape", "it has not the shape of a speaker")
    if math.prod(latent.shape) > _LARGEST or math.prod(embedding.shape) > _LARGEST:
        raise UserError("reason.large_speaker", "it is too large for a speaker")
    return Conditioning(latent, embedding)


def _sayable(voice: XttsVoice, text: str, language: str) -> tuple[str, str]:
    """The sentence and its language; a count where the voice does not speak that one."""
    try:
        parts, language = voice.parts(text, language)
    except UserError:
        parts, language = voice.parts("1, 2, 3.", next(iter(voice.xtts.config.languages), "en"))
    return parts[0], language


def _license(folder: Path) -> str:
    """That of its base; whatever is no starter is taken to descend from the published model."""
    return XttsBases.catalog[STARTER].license if is_starter(folder) else info("xtts").license_note


def _broken(name: str, error: Exception) -> UserError:
    return broken(name, error, "xtts")
