"""Turns the built-in CTranslate2 model into openai-whisper's checkpoint: the same weights in the other engine."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch

_FLOAT16 = 4
_BLOCK_PARTS = {
    "self_attention": ("attn", "attn_ln"),
    "attention": ("cross_attn", "cross_attn_ln"),
}


def read_ct2(file: Path) -> dict[str, np.ndarray]:
    """The float16 tensors of a CTranslate2 ``model.bin`` (binary version 6) by name."""
    data, at = file.read_bytes(), 0

    def take(form: str) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    def text() -> str:
        nonlocal at
        (length,) = take("H")
        at += length
        return data[at - length : at - 1].decode()

    assert take("I") == (6,)
    assert text() == "WhisperSpec"
    _, count = take("II")
    tensors = {}
    for _ in range(count):
        name = text()
        (rank,) = take("B")
        shape = take(f"{rank}I")
        kind, size = take("BI")
        if kind == _FLOAT16:
            tensors[name] = np.frombuffer(data, np.float16, size // 2, at).reshape(shape).astype(np.float32)
        at += size
    return tensors


def write_openai(tensors: dict[str, np.ndarray], target: Path) -> None:
    """Write ``{dims, model_state_dict}`` as openai-whisper loads it."""
    state: dict[str, np.ndarray] = {}
    for side in ("encoder", "decoder"):
        state[f"{side}.positional_embedding"] = tensors[f"{side}/position_encodings/encodings"]
        final = f"{side}.ln_post" if side == "encoder" else f"{side}.ln"
        _norm(state, tensors, final, f"{side}/layer_norm")
        for layer in range(_layers(tensors, side)):
            _block(state, tensors, f"{side}.blocks.{layer}", f"{side}/layer_{layer}")
    for conv in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            state[f"encoder.{conv}.{part}"] = tensors[f"encoder/{conv}/{part}"]
    state["decoder.token_embedding.weight"] = tensors["decoder/embeddings/weight"]
    vocabulary, width = tensors["decoder/embeddings/weight"].shape
    dims = {
        "n_mels": tensors["encoder/conv1/weight"].shape[1],
        "n_audio_ctx": tensors["encoder/position_encodings/encodings"].shape[0],
        "n_audio_state": width,
        "n_audio_head": width // 64,
        "n_audio_layer": _layers(tensors, "encoder"),
        "n_vocab": vocabulary,
        "n_text_ctx": tensors["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": width,
        "n_text_head": width // 64,
        "n_text_layer": _layers(tensors, "decoder"),
    }
    weights = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}
    torch.save({"dims": dims, "model_state_dict": weights}, target)


def _layers(tensors: dict[str, np.ndarray], side: str) -> int:
    return len([name for name in tensors if name.startswith(f"{side}/layer_") and name.endswith("ffn/layer_norm/beta")])


def _block(state: dict[str, np.ndarray], tensors: dict[str, np.ndarray], to: str, source: str) -> None:
    for part, (attention, norm) in _BLOCK_PARTS.items():
        if f"{source}/{part}/linear_0/weight" in tensors:
            _norm(state, tensors, f"{to}.{norm}", f"{source}/{part}/layer_norm")
            _attention(state, tensors, f"{to}.{attention}", f"{source}/{part}")
    _norm(state, tensors, f"{to}.mlp_ln", f"{source}/ffn/layer_norm")
    for ours, theirs in (("mlp.0", "linear_0"), ("mlp.2", "linear_1")):
        for part in ("weight", "bias"):
            state[f"{to}.{ours}.{part}"] = tensors[f"{source}/ffn/{theirs}/{part}"]


def _attention(state: dict[str, np.ndarray], tensors: dict[str, np.ndarray], to: str, source: str) -> None:
    """Query, key and value are stacked; in cross attention the query stands alone. Whisper's key has no bias."""
    linears = [name for name in ("linear_0", "linear_1", "linear_2") if f"{source}/{name}/weight" in tensors]
    for part in ("weight", "bias"):
        stacked = np.concatenate([tensors[f"{source}/{name}/{part}"] for name in linears])
        for name, value in zip(("query", "key", "value", "out"), np.split(stacked, 4), strict=True):
            if (name, part) != ("key", "bias"):
                state[f"{to}.{name}.{part}"] = value


def _norm(state: dict[str, np.ndarray], tensors: dict[str, np.ndarray], to: str, source: str) -> None:
    state[f"{to}.weight"], state[f"{to}.bias"] = tensors[f"{source}/gamma"], tensors[f"{source}/beta"]
