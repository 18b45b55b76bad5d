"""What training asks of a card's memory, counted without a card: ``python -m benchmarks.memory``.

Real updates of the real session on a model of the published sizes run on fake tensors, which have shapes and lifetimes
but no contents; every tensor is counted from its making to its end. All rows are as long as a clip can be (11.6 s and
200 text tokens). Not counted: the driver's context and what the allocator leaves unused, for which ``SPARE`` is added.
The masks of dropout take two bytes a value here and one on a card. Writes benchmarks/results/memory-counted.json.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder
from TTS.tts.models import xtts as coqui

from benchmarks import machine, training_parts, write_results
from core.engines import precision
from core.engines.xtts.model import transformer
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train import session as sessions
from core.engines.xtts.train.collate import Item, SpecialTokens, collate
from core.engines.xtts.train.conditioning import ReferenceSlice
from core.engines.xtts.train.loader import MicroBatch
from core.training.presets import presets

GB = 2**30
SPARE = {"context_gb": 0.6, "share": 0.08}
LONGEST = {"tokens": 200, "codes": 250}
USUAL = {"tokens": 60, "codes": 110}
SIZES = XttsArgs(
    gpt_layers=30,
    gpt_n_model_channels=1024,
    gpt_n_heads=16,
    gpt_number_text_tokens=6681,
    gpt_start_text_token=261,
    gpt_stop_text_token=0,
    gpt_num_audio_tokens=8194,
    gpt_start_audio_token=8192,
    gpt_stop_audio_token=8193,
    gpt_use_perceiver_resampler=True,
    decoder_input_dim=1024,
    d_vector_dim=512,
    cond_d_vector_in_each_upsampling_layer=True,
)


class Living(TorchDispatchMode):
    """Counts the bytes of tensors that are made within it and still needed: ``now``, and ``most`` at any time."""

    def __init__(self, before: Sequence[Tensor]) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known = {entry.untyped_storage()._cdata for entry in before}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        number, size = storage._cdata, storage.nbytes()
        if number in self._known:
            return
        self._known.add(number)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._end, number, size)

    def _end(self, number: int, size: int) -> None:
        self._known.discard(number)
        self.now -= size


def fake_session(config: XttsTrainConfig) -> sessions.XttsSession:
    """A session over a model of the published sizes without its vocoder; call within a `FakeTensorMode`."""
    with (
        mock.patch.object(coqui, "HifiDecoder", lambda **_: nn.Identity()),
        mock.patch.object(nn.Module, "to", lambda module, *_, **__: module),  # fake parameters cannot be exchanged
        mock.patch.object(precision, "processor_has_bfloat16", lambda: True),  # as cards do
        mock.patch.object(sessions, "BatchLoader"),
        mock.patch.object(sessions, "Latents"),
    ):
        session = sessions.XttsSession(coqui.Xtts(XttsConfig(model_args=SIZES)), config, mock.Mock(), "cpu")
    session.latents.of = lambda references: torch.randn(len(references), 32, SIZES.gpt_n_model_channels)  # type: ignore[method-assign]
    return session


class Kernels(TorchDispatchMode):
    """Counts the operations within it that compute or copy something, each a launch on a card."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inputs = _storages((args, kwargs))
        result = func(*args, **(kwargs or {}))
        self.count += bool(_storages(result) - inputs) or func._schema.is_mutable
        return result


def _storages(tree: Any) -> set[int]:
    """The storages of all tensors in nested arguments or results."""
    return {leaf.untyped_storage()._cdata for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)}


def longest(clips: int) -> list[Item]:
    """Rows as long as they can get."""
    return rows_of(clips, **LONGEST)


def rows_of(clips: int, tokens: int, codes: int) -> list[Item]:
    """Rows of one length."""
    return [Item(tuple(range(tokens)), np.zeros(codes, np.int16), ReferenceSlice("one", 0, 1))] * clips


def update(session: sessions.XttsSession, rows: Sequence[Item]) -> None:
    """One update from one batch."""
    session._mode(training=True)
    part = MicroBatch(collate(rows, SpecialTokens.of(session.xtts.gpt)), [row.reference for row in rows])
    session._apply(session._backward([part])[0])


def counted(settings: dict[str, Any]) -> dict[str, float]:
    """Gigabytes that two updates need at most: weights (the vocoder's too) and everything that comes to them.

    Layers are alike, so the count goes on as it went from two of them to five; `counted_with` counts them all.
    """
    few, more = counted_with(2, settings), counted_with(5, settings)
    return {name: few[name] + (more[name] - few[name]) / 3 * (SIZES.gpt_layers - 2) for name in few}


def counted_with(layers: int, settings: dict[str, Any]) -> dict[str, float]:
    """The same of a model with so many layers, each of them counted."""
    config, vocoder = XttsTrainConfig(**{"precision": "bfloat16", **settings}), _vocoder_bytes()
    with FakeTensorMode(allow_non_fake_inputs=True), mock.patch.object(SIZES, "gpt_layers", layers):
        session = fake_session(config)
        before = [*session.xtts.parameters(), *session.xtts.buffers(), *session.ema.values]
        weights = sum({entry.untyped_storage()._cdata: entry.nbytes for entry in before}.values()) + vocoder
        with Living(before) as living:
            for _ in range(2):
                update(session, longest(config.batch_size))
    total = (weights + living.most) / GB
    return {
        "weights_gb": weights / GB,
        "tensors_gb": total,
        "card_gb": total * (1 + SPARE["share"]) + SPARE["context_gb"],
    }


def flops(settings: dict[str, Any]) -> tuple[float, float]:
    """Floating-point operations of an update: as torch counts those of matrices, and as `training_parts.flops` does.

    Attention is left out of both: torch counts none of the processor's.
    """
    with FakeTensorMode(allow_non_fake_inputs=True):
        session = fake_session(XttsTrainConfig(**settings))
        rows = longest(session.config.batch_size)
        with FlopCounterMode(display=False) as counter:
            update(session, rows)
        return float(counter.get_total_flops()), training_parts.flops(session, rows, attention=False)


def operations(settings: dict[str, Any]) -> dict[str, float]:
    """Operations of an update of sixteen usual clips, and how many kernels its losses and gradients launch."""
    clips = rows_of(16, **USUAL)
    with FakeTensorMode(allow_non_fake_inputs=True):
        session = fake_session(XttsTrainConfig(**{"batch_size": 16, "precision": "bfloat16", **settings}))
        session._mode(training=True)
        part = MicroBatch(collate(clips, SpecialTokens.of(session.xtts.gpt)), [row.reference for row in clips])
        # On a card dropout is one kernel.
        with mock.patch.object(transformer, "drop", functools.partial(F.dropout, inplace=False)), Kernels() as kernels:
            session._backward([part])
        return {"tflop": training_parts.flops(session, clips) / 1e12, "kernels": kernels.count}


@functools.cache
def _vocoder_bytes() -> int:
    names = ("output_sample_rate", "output_hop_length", "decoder_input_dim", "d_vector_dim")
    vocoder = HifiDecoder(
        input_sample_rate=SIZES.input_sample_rate,
        ar_mel_length_compression=SIZES.gpt_code_stride_len,
        cond_d_vector_in_each_upsampling_layer=SIZES.cond_d_vector_in_each_upsampling_layer,
        **{name: SIZES[name] for name in names},
    )
    return sum(parameter.nbytes for parameter in (*vocoder.parameters(), *vocoder.buffers()))


def main() -> None:
    """Count, print, write."""
    where = machine("torch", "coqui-tts", "peft")
    variants: dict[str, dict[str, Any]] = {
        "lora, one clip at once": {"batch_size": 1},
        "all weights, one clip at once": {"batch_size": 1, "train_what": "full"},
        **{preset.id: preset.values for preset in presets("xtts") if preset.min_vram_gb},
    }
    figures = {}
    for name, settings in variants.items():
        figures[name] = {key: round(value, 2) for key, value in counted(settings).items()}
        print(f"{name}: {figures[name]}", flush=True)
    update_of_sixteen = {"lora": operations({}), "all weights": operations({"train_what": "full"})}
    print(f"an update of sixteen clips: {update_of_sixteen}")
    sizes = {"spare": SPARE, "longest": LONGEST, "usual": USUAL}
    result = {"machine": where, **sizes, "counted": figures, "update_of_sixteen_clips": update_of_sixteen}
    write_results("memory-counted", result)


if __name__ == "__main__":
    main()
