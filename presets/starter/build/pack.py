"""Make an XTTS base of what is trained: ``pack FOLDER``. The app's own loader opens it, plain coqui-tts too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.models.xtts import Xtts

from core.engines.xtts.model.tiny import small_config
from presets.starter.build.corpus import MEL_SCALE, load
from presets.starter.build.decoder import pad_generator
from presets.starter.build.decoder import trained as trained_decoder
from presets.starter.build.dvae import SPEAKERS, TOKENS
from presets.starter.build.dvae import trained as trained_codec
from presets.starter.build.gpt import CHANNELS, HEADS, LAYERS
from presets.starter.build.gpt import trained as trained_gpt
from presets.starter.build.latents import FILE as LATENTS_FILE
from presets.starter.build.listen import ENCODER_FILE, PERCEIVER_FILE
from presets.starter.build.plan import VOICES
from presets.starter.build.speakers import vectors
from presets.starter.build.text import tokenizer
from presets.starter.build.work import RATE_HZ


def config() -> XttsConfig:
    """Of the small model; how a voice is heard is as in the published XTTS-v2."""
    settings = small_config(LAYERS, CHANNELS, HEADS, TOKENS)
    settings.model_args.output_sample_rate = RATE_HZ
    return settings


def pack(folder: Path) -> None:
    """Write the six files of a base in half precision, and ``starter.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(folder / "vocab.json"))
    settings = config()
    xtts = Xtts(settings)
    xtts.tokenizer = VoiceBpeTokenizer(vocab_file=str(folder / "vocab.json"))
    xtts.init_models()
    xtts.mel_stats.fill_(MEL_SCALE)
    trainee = trained_gpt()
    xtts.gpt.load_state_dict(trainee.gpt.state_dict())
    if PERCEIVER_FILE.exists():
        for name, value in torch.load(PERCEIVER_FILE, weights_only=True, map_location="cpu")["net"].items():
            part, _, rest = name.partition(".")
            dict(getattr(xtts.gpt, f"conditioning_{part}").named_parameters())[rest].data.copy_(value)
    if ENCODER_FILE.exists():
        heard = torch.load(ENCODER_FILE, weights_only=True, map_location="cpu")["net"]
        xtts.hifigan_decoder.speaker_encoder.load_state_dict(heard)
    pad_generator(xtts.hifigan_decoder.waveform_decoder, trained_decoder(LATENTS_FILE))
    known = vectors([clip for clip in load(whole=True) if clip.voice in VOICES], (1.0,))
    speakers = {
        voice: {
            "gpt_cond_latent": trainee.speakers[SPEAKERS.index((voice, 1.0))][None].clone(),
            "speaker_embedding": known[voice, 1.0][None, :, None].clone(),
        }
        for voice in VOICES
    }
    codec = trained_codec().dvae.state_dict()
    settings.save_json(str(folder / "config.json"))
    torch.save({"model": _half(xtts.state_dict())}, folder / "model.pth")
    torch.save(
        {key: value for key, value in codec.items() if not key.startswith("discrete_loss.")}, folder / "dvae.pth"
    )
    torch.save(xtts.mel_stats, folder / "mel_stats.pth")
    torch.save(speakers, folder / "speakers_xtts.pth")
    note = "A small model for trying things: it reads announcements and simple sentences."
    (folder / "starter.json").write_text(json.dumps({"trained": True, "note": note}), encoding="utf-8")


def _half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
