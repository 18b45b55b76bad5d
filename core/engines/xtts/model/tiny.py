"""A small XTTS base with random weights, made on the spot: for tests that need no sound."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.models.xtts import Xtts
from TTS.vocoder.models.hifigan_generator import HifiganGenerator

from core.engines.made_base import place_made
from core.engines.xtts.model.decoder import topology, widen
from core.engines.xtts.model.load import new_dvae
from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary
from core.files import write_json

LAYERS = 3
CHANNELS = 192
HEADS = 3
CODES = 1024
MEL_SCALE = 5.0  # log mels reach from -11.5 to about 2: divided by it they suit freshly drawn weights
DECODER_WIDTH = 64  # of the full decoder's 512 channels: what is spoken takes a tenth of the time
DECODER_GAIN = 2.3  # loud enough to hear, and to hear two checkpoints differ
MAX_SECONDS = 1.5  # weights that learnt nothing never say where a sentence ends


def make_untrained(folder: Path, seed: int = 0) -> Path:
    """Write a small base model with random weights into ``folder`` (about 55 MB); returns ``folder``.

    It proves that everything fits together; what it speaks sounds like noise. The same seed gives the same weights.
    A folder that is already there is left alone. The weights are kept in half precision, to spare the disk.

    Raises:
        UserError: ``base.folder_taken``: the folder holds something else.
    """
    return place_made(folder, "starter.json", lambda temporary: _write(temporary, seed))


def _write(folder: Path, seed: int) -> None:
    starter_vocabulary().save(str(folder / "vocab.json"))
    config = small_config(LAYERS, CHANNELS, HEADS, CODES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        xtts = _fresh(config, folder / "vocab.json")
        speakers = {
            name: {
                "gpt_cond_latent": torch.randn(1, 32, CHANNELS),
                "speaker_embedding": torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1),
            }
            for name in ("Noise One", "Noise Two")
        }
        dvae = new_dvae(channels=80, hidden_dim=64, codebook_dim=64, num_tokens=CODES)
        with torch.no_grad():
            # A codebook drawn at random lies far from what the encoder gives: a handful of codes would win every time.
            dvae.codebook.embed.copy_(dvae.encoder(_made_up_mels(4 * CODES))[0])
            dvae.codebook.embed_avg.copy_(dvae.codebook.embed)
    config.save_json(str(folder / "config.json"))
    save({"model": _half(xtts.state_dict())}, folder / "model.pth")
    save(
        {name: v for name, v in dvae.state_dict().items() if not name.startswith("discrete_loss.")}, folder / "dvae.pth"
    )
    save(xtts.mel_stats, folder / "mel_stats.pth")
    save(speakers, folder / "speakers_xtts.pth")
    write_json(
        folder / "starter.json",
        {
            "trained": False,
            "note": "Plumbing check: random weights, sounds like noise.",
            "seed": seed,
            "max_seconds": MAX_SECONDS,
            "decoder_width": DECODER_WIDTH,
        },
    )


def _fresh(config: XttsConfig, vocabulary: Path) -> Xtts:
    xtts = Xtts(config)
    xtts.tokenizer = VoiceBpeTokenizer(vocab_file=str(vocabulary))
    xtts.init_models()
    xtts.mel_stats.fill_(MEL_SCALE)
    decoder = xtts.hifigan_decoder.waveform_decoder
    widen(decoder, _drawn_decoder(decoder))
    return xtts


def _drawn_decoder(full: HifiganGenerator) -> dict[str, Tensor]:
    """Random weights of a narrow decoder."""
    with torch.random.fork_rng(devices=[]):
        narrow = HifiganGenerator(**topology(full.conv_pre.in_channels, full.cond_layer.in_channels, DECODER_WIDTH))
    # As drawn, it hums the same quiet note whatever it is given: its biases outweigh its input.
    with torch.no_grad():
        for name, parameter in narrow.named_parameters():
            if name.endswith("original0"):  # the gain of a weight-normalised layer
                parameter.mul_(DECODER_GAIN)
            elif name.endswith("bias"):
                parameter.zero_()
    return dict(narrow.state_dict())


def _made_up_mels(frames: int) -> Tensor:
    """Smooth noise with about the level and spread of speech, shape ``(1, 80, frames)``."""
    knots = frames // 16
    shape, level = torch.randn(1, 1, 10, knots), torch.randn(1, 1, 1, knots)
    smooth = torch.nn.functional.interpolate(0.7 * (shape + level), size=(80, frames), mode="bicubic")[0]
    return (smooth - 1.5 + 0.15 * torch.randn(1, 80, frames)).clamp(-2.3, 1.0)


def small_config(layers: int, channels: int, heads: int, codes: int) -> XttsConfig:
    """Config of a model with another GPT than XTTS-v2's: its layers, width and heads, and the size of the codebook."""
    arguments = XttsArgs(
        gpt_layers=layers,
        gpt_n_model_channels=channels,
        gpt_n_heads=heads,
        gpt_num_audio_tokens=codes + 2,
        gpt_start_audio_token=codes,
        gpt_stop_audio_token=codes + 1,
        decoder_input_dim=channels,
        gpt_use_perceiver_resampler=True,
    )
    config = XttsConfig(model_args=arguments)
    # As in the published XTTS-v2: what a voice is heard with, and how much of a reference is listened to.
    config.temperature, config.repetition_penalty, config.top_k, config.top_p = 0.75, 5.0, 50, 0.85
    config.gpt_cond_len, config.gpt_cond_chunk_len, config.max_ref_len = 30, 4, 30
    return config


def _half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


def save(value: object, path: Path) -> None:
    """`torch.save`, on the disk when it returns."""
    with open(path, "wb") as file:
        torch.save(value, file)
        file.flush()
        os.fsync(file.fileno())
