"""A small F5-TTS base of the same architecture with random weights, made on the spot: for tests and the demo."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.engines.f5.bases import FACTS, FLAGS, WEIGHTS, BaseFacts, write_facts
from core.engines.f5.features.mel import BANDS
from core.engines.f5.model.load import PREFIX, new_transformer
from core.engines.f5.text.vocabulary import NAME, package_vocabulary, read_vocabulary
from core.engines.made_base import place_made
from core.files import sha256_file

_LEVEL = -3.0  # of the mels it speaks, in log: about that of quiet speech
_STEPS = 6


def make_starter(
    folder: Path, *, dim: int = 128, depth: int = 4, heads: int = 2, flags: str = "v1", seed: int = 0
) -> Path:
    """Write a small base with random weights into ``folder``; returns ``folder``. One that is there is left alone.

    It proves that everything fits together; what it speaks sounds like noise. The same seed gives the same weights.

    Raises:
        UserError: ``base.folder_taken``: the folder holds something else.
    """
    return place_made(folder, FACTS, lambda temporary: _write(temporary, dim, depth, heads, flags, seed))


def _write(folder: Path, dim: int, depth: int, heads: int, flags: str, seed: int) -> None:
    shutil.copyfile(package_vocabulary(), folder / NAME)
    arch = {
        "dim": dim,
        "depth": depth,
        "heads": heads,
        "dim_head": dim // heads,
        "ff_mult": 2,
        "text_dim": dim // 2,
        "conv_layers": 2,
        "text_num_embeds": len(read_vocabulary(folder).tokens),
        "text_mask_padding": FLAGS[flags].text_mask_padding,
        "pe_attn_head": FLAGS[flags].pe_attn_head,
    }
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        transformer = new_transformer(arch)
        # As made, its gates and its output are zero: text and sound would change nothing.
        for block in transformer.transformer_blocks:
            block.attn_norm.linear.weight.normal_(std=0.02)
            block.attn_norm.linear.bias.normal_(std=0.2)
        for text_block in transformer.text_embed.text_blocks:
            text_block.grn.gamma.normal_(std=0.2)
        transformer.norm_out.linear.weight.normal_(std=0.02)
        transformer.proj_out.weight.normal_(std=dim**-0.5)
        transformer.proj_out.bias.copy_(torch.linspace(_LEVEL + 2, _LEVEL - 2, BANDS))
    weights = {f"{PREFIX}transformer.{name}": value.contiguous() for name, value in transformer.state_dict().items()}
    save_file({**weights, "initted": torch.tensor(True), "step": torch.tensor(0)}, folder / WEIGHTS)
    write_facts(folder, BaseFacts(FLAGS[flags], "pinyin", sha256_file(folder / WEIGHTS), trained=False, steps=_STEPS))
