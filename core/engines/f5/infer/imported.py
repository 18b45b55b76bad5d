"""Voice import: the files of an exported voice become a folder as an export is; nothing is trusted.

Of what describes it only known values within limits are taken over, weights are read without code, compared with the
model they describe before that is made, and written anew, and the voice has spoken before anyone is offered it.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from core.audio.samples import write_wav
from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.exporting import check_stop
from core.engines.f5.bases import FACTS, FLAGS, STARTER, VOCODER, WEIGHTS, BaseFacts, F5Bases, read_facts, write_facts
from core.engines.f5.features.mel import BANDS, HOP, RATE, read_wave
from core.engines.f5.infer.export import write_architecture, write_weights
from core.engines.f5.infer.reference import ReferenceMel, read_reference
from core.engines.f5.infer.sampling import MOST_STEPS
from core.engines.f5.infer.voice import F5Voice, load_voice
from core.engines.f5.model.load import architecture, base_state
from core.engines.f5.model.vocoder import Vocos
from core.engines.f5.text.vocabulary import NAME as VOCABULARY
from core.engines.f5.text.vocabulary import Vocabulary, read_vocabulary
from core.engines.f5.voice_files import REFERENCE, REFERENCE_TEXT
from core.engines.importing import FAULTS, broken, load_checked, own_name, prove, too_large
from core.engines.plain_tensors import check_shapes, check_tensor
from core.engines.registry import info
from core.engines.voice import ReferenceClip
from core.errors import UserError
from core.files import filling, read_json, read_text, sha256_file, write_atomic

_MOST_BYTES, _MOST_VOCABULARY = 1 << 16, 1 << 20
_MOST_WIDTH, _MOST_LAYERS = 8192, 100
_YAML_FAULTS = (*FAULTS, RecursionError, yaml.YAMLError, pickle.UnpicklingError, EOFError)


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
        name = own_name(files) or name
        vocabulary = _write_vocabulary(files[VOCABULARY], draft)
        _write_model(files, draft, vocabulary)
        if all(file in files for file in VOCODER):
            _write_vocoder(files, draft)
        check_stop(should_stop)
        voice = load_checked(lambda: load_voice(draft, None, device=device), "f5", WEIGHTS, unnamed=VOCABULARY)
        _write_reference(files, draft, vocabulary)
        speaker = only_speaker(draft)
        on_stage("verify")
        trained = voice.model.facts.trained
        return prove(
            draft,
            voice,
            speaker,
            name=name,
            engine="f5",
            text=_sayable(voice, text, language, speaker),
            language=language,
            trained=trained,
            languages=list(info("f5").languages),
            # Whatever has learnt is taken to descend from the published models.
            license=info("f5").license_note if trained else F5Bases.catalog[STARTER].license,
            facts={**(facts or {}), "vocoder": voice.model.vocoder.label},
            should_stop=should_stop,
        )


def only_speaker(folder: Path) -> ReferenceMel:
    """The one speaker of an imported voice.

    Raises:
        UserError: ``voice.broken``.
    """
    try:
        transcript = read_text(folder / REFERENCE_TEXT, _MOST_BYTES)
        return read_reference(
            ReferenceClip(folder / REFERENCE, transcript), read_vocabulary(folder), read_facts(folder).conversion
        )
    except FAULTS as error:
        raise _broken(REFERENCE, error) from error


def _write_vocabulary(path: Path, folder: Path) -> Vocabulary:
    if path.stat().st_size > _MOST_VOCABULARY:
        raise _broken(VOCABULARY, too_large())
    shutil.copyfile(path, folder / VOCABULARY)
    try:
        return read_vocabulary(folder)
    except UserError as error:
        raise _broken(VOCABULARY, error) from error


def _write_model(files: Mapping[str, Path], folder: Path, vocabulary: Vocabulary) -> None:
    """Weights and facts as of a base, with nothing but what was looked at."""
    facts = _plain_facts(files[FACTS])
    weights = folder / WEIGHTS
    weights.symlink_to(files[WEIGHTS].resolve())
    try:
        state = base_state(folder)
        for key, value in state.items():
            check_tensor(key, value)
        arch = architecture(state, facts.flags)
    except FAULTS as error:
        raise _broken(WEIGHTS, error) from error
    weights.unlink()
    write_weights(folder, state)
    write_architecture(folder, arch)
    write_facts(folder, replace(facts, sha256=sha256_file(weights), vocabulary=vocabulary.sha256))


def _plain_facts(path: Path) -> BaseFacts:
    """What is known of a model, but for its hashes; a place on this computer is never taken over."""
    try:
        raw = read_json(path, _MOST_BYTES)
        flags = next((flags for flags in FLAGS.values() if vars(flags) == raw["flags"]), None)
        conversion, steps = raw["conversion"], raw.get("steps")
        if flags is None or conversion not in ("pinyin", "characters"):
            raise UserError("reason.no_flags", "how it was built, or how it makes tokens, is none that there is")
        is_trained = raw.get("trained") is not False
        if type(steps) is not int or not 0 < steps <= MOST_STEPS:
            return BaseFacts(flags, conversion, "", is_trained)
        return BaseFacts(flags, conversion, "", is_trained, steps=steps)
    except (*FAULTS, RecursionError) as error:
        raise _broken(FACTS, error) from error


def _write_vocoder(files: Mapping[str, Path], folder: Path) -> None:
    """Vocos, of which a few bytes could describe a model of any size."""
    config, weights = VOCODER
    try:
        plain = _plain_vocoder(yaml.safe_load(read_text(files[config], _MOST_BYTES)))
    except _YAML_FAULTS as error:
        raise _broken(config, error) from error
    try:
        state = dict(torch.load(files[weights], map_location="cpu", weights_only=True))
        tensors = {str(key): check_tensor(str(key), value) for key, value in state.items()}
        with torch.device("meta"):
            shapes = {key: value.shape for key, value in Vocos(plain).state_dict().items()}
        check_shapes({key: value for key, value in tensors.items() if not key.startswith("feature_ext")}, shapes)
    except _YAML_FAULTS as error:
        raise _broken(weights, error) from error
    write_atomic(folder / config, yaml.safe_dump(plain, sort_keys=False))
    torch.save({key: value.contiguous() for key, value in tensors.items()}, folder / weights)


def _plain_vocoder(raw: Any) -> dict[str, Any]:
    """The known numbers of a Vocos' ``config.yaml``, in a file that the package loads as well."""
    backbone, head = raw["backbone"]["init_args"], raw["head"]["init_args"]
    sizes = {key: _within(key, backbone[key], _MOST_WIDTH) for key in ("input_channels", "dim", "intermediate_dim")}
    sizes["num_layers"] = _within("num_layers", backbone["num_layers"], _MOST_LAYERS)
    window = {key: _within(key, head[key], _MOST_WIDTH) for key in ("dim", "n_fft", "hop_length")}
    requirements = (sizes["input_channels"], BANDS), (window["hop_length"], HOP)
    if any(number != value for number, value in requirements) or head.get("padding", "same") not in ("center", "same"):
        raise UserError("reason.other_mels", "it is made for other mels than F5-TTS has")
    mels = {"sample_rate": RATE, "n_fft": 1024, "hop_length": HOP, "n_mels": BANDS, "padding": "center"}
    return {
        "feature_extractor": {"class_path": "vocos.feature_extractors.MelSpectrogramFeatures", "init_args": mels},
        "backbone": {"class_path": "vocos.models.VocosBackbone", "init_args": sizes},
        "head": {
            "class_path": "vocos.heads.ISTFTHead",
            "init_args": {**window, "padding": str(head.get("padding", "same"))},
        },
    }


def _within(key: str, value: Any, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
        raise UserError("reason.out_of_range", "{key} is {value}", key=key, value=str(value)[:40])
    return value


def _write_reference(files: Mapping[str, Path], folder: Path, vocabulary: Vocabulary) -> None:
    """The recording and what is said in it, looked at before all of it is read."""
    try:
        transcript = read_text(files[REFERENCE_TEXT], _MOST_BYTES)
    except FAULTS as error:
        raise _broken(REFERENCE_TEXT, error) from error
    try:
        read_reference(ReferenceClip(files[REFERENCE], transcript), vocabulary, read_facts(folder).conversion)
        write_wav(folder / REFERENCE, read_wave(files[REFERENCE]).numpy(), RATE)
    except FAULTS as error:
        raise _broken(REFERENCE, error) from error
    write_atomic(folder / REFERENCE_TEXT, transcript.strip())


def _sayable(voice: F5Voice, text: str, language: str, speaker: ReferenceMel) -> str:
    """The sentence; where the voice has not all of its letters, what its recording says."""
    try:
        voice.parts(text, language, speaker, 0)
    except UserError:
        text = speaker.text
    return voice.pieces(text, language, speaker)[0]


def _broken(name: str, error: Exception) -> UserError:
    return broken(name, error, "f5")
