"""What training F5-TTS asks of a card's memory, counted without a card: ``python -m benchmarks.memory_f5``.

As `benchmarks.memory` does for XTTS: updates of the real session, of a DiT of the published sizes, on fake tensors.
Rows are as long as recordings are cut (12 s, with 200 tokens), and in a second count as long as a clip can be (30 s).
Writes benchmarks/results/memory-counted-f5.json.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks import machine, write_results
from benchmarks.memory import GB, SPARE, Living
from core.engines import precision
from core.engines.f5.bases import FLAGS, BaseFacts
from core.engines.f5.features.mel import BANDS, FRAMES_A_SECOND
from core.engines.f5.model.load import F5, new_transformer
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.text.vocabulary import package_vocabulary, read_vocabulary
from core.engines.f5.train import session as sessions
from core.engines.f5.train.collate import Batch
from core.training.presets import presets

DEPTH = 22
SIZES: dict[str, Any] = {
    "dim": 1024,
    "heads": 16,
    "dim_head": 64,
    "ff_mult": 2,
    "text_dim": 512,
    "conv_layers": 4,
    "text_num_embeds": 2545,
    "text_mask_padding": True,
    "pe_attn_head": None,
}
CUT_S, LONGEST_S, TOKENS = 12.0, 30.0, 200
VOCODER_BYTES = 54_400_000  # of Vocos, by its file


def fake_session(config: F5TrainConfig, depth: int) -> sessions.F5Session:
    """A session over a model of the published sizes without its vocoder; call within a `FakeTensorMode`."""
    facts = BaseFacts(FLAGS["v1"], "pinyin", "")
    with (
        mock.patch.object(nn.Module, "to", lambda module, *_, **__: module),  # fake parameters cannot be exchanged
        mock.patch.object(precision, "processor_has_bfloat16", lambda: True),  # as cards do
        mock.patch.object(sessions, "BatchLoader"),
    ):
        transformer = new_transformer({**SIZES, "depth": depth})
        model = F5(transformer, nn.Identity(), read_vocabulary(package_vocabulary().parent), facts, SIZES)  # type: ignore[arg-type]
        return sessions.F5Session(model, config, mock.Mock(new_letters=()), "cpu")


def rows_of(clips: int, seconds: float) -> Batch:
    """A batch of rows of one length, nothing of it left out."""
    frames = int(seconds * FRAMES_A_SECOND)
    return Batch(
        mel=torch.randn(clips, frames, BANDS),
        noise=torch.randn(clips, frames, BANDS),
        times=torch.rand(clips),
        span=torch.ones(clips, frames, dtype=torch.bool),
        audio_dropped=torch.zeros(clips, dtype=torch.bool),
        texts=[torch.zeros(TOKENS, dtype=torch.long) for _ in range(clips)],
        frames=[frames] * clips,
        text_dropped=[False] * clips,
        targets=clips * frames,
    )


def counted(settings: dict[str, Any], seconds: float = CUT_S) -> dict[str, float]:
    """Gigabytes that two updates need at most: weights (the vocoder's too) and everything that comes to them.

    Blocks are alike, so the count goes on as it went from two of them to three; `counted_with` counts them all.
    """
    few, more = counted_with(2, settings, seconds), counted_with(3, settings, seconds)
    return {name: few[name] + (more[name] - few[name]) * (DEPTH - 2) for name in few}


def counted_with(depth: int, settings: dict[str, Any], seconds: float = CUT_S) -> dict[str, float]:
    """The same of a model with so many blocks, each of them counted."""
    config = F5TrainConfig(**{"precision": "bfloat16", **settings})
    with FakeTensorMode(allow_non_fake_inputs=True):
        session = fake_session(config, depth)
        before = [*session.model.parameters(), *session.model.buffers(), *session.ema.values]
        weights = sum({entry.untyped_storage()._cdata: entry.nbytes for entry in before}.values()) + VOCODER_BYTES
        with Living(before) as living:
            for _ in range(2):
                session._mode(training=True)
                session._apply(session._backward([rows_of(config.batch_size, seconds)])[0])
    total = (weights + living.most) / GB
    return {
        "weights_gb": weights / GB,
        "tensors_gb": total,
        "card_gb": total * (1 + SPARE["share"]) + SPARE["context_gb"],
    }


def main() -> None:
    """Count, print, write."""
    where = machine("torch", "f5-tts", "peft")
    variants: dict[str, dict[str, Any]] = {
        "lora, one clip at once": {"batch_size": 1},
        "all weights, one clip at once": {"batch_size": 1, "train_what": "full"},
        **{preset.id: preset.values for preset in presets("f5") if preset.min_vram_gb},
    }
    figures = {}
    for name, settings in variants.items():
        lengths = {"12 s": counted(settings), "30 s": counted(settings, LONGEST_S)}
        figures[name] = {
            length: {key: round(value, 2) for key, value in row.items()} for length, row in lengths.items()
        }
        print(f"{name}: {figures[name]}", flush=True)
    write_results("memory-counted-f5", {"machine": where, "spare": SPARE, "counted": figures})


if __name__ == "__main__":
    main()
