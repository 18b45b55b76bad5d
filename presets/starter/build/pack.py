"""Pack what is trained: ``pack FOLDER``. `core.engines.xtts.model.starter` unpacks it, from ``presets/starter``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.models.xtts import Xtts

from core.engines.xtts.model.decoder import corners
from core.engines.xtts.model.starter import FACTS, PACKED
from core.engines.xtts.model.tiny import small_config
from core.files import write_json
from presets.starter.build.corpus import MEL_SCALE
from presets.starter.build.decoder import pad_generator
from presets.starter.build.decoder import trained as trained_decoder
from presets.starter.build.dvae import TOKENS
from presets.starter.build.dvae import trained as trained_codec
from presets.starter.build.encoder import FILE as ENCODER_FILE
from presets.starter.build.encoder import speaker_vectors
from presets.starter.build.gpt import CHANNELS, HEADS, LAYERS, References
from presets.starter.build.gpt import trained as trained_gpt
from presets.starter.build.latents import FILE as LATENTS_FILE
from presets.starter.build.plan import NAMES
from presets.starter.build.text import tokenizer
from presets.starter.build.work import RATE_HZ, TRAINED

SIZES = {"layers": LAYERS, "channels": CHANNELS, "heads": HEADS, "codes": TOKENS}
# A small model is surer of itself when it may say a code again and is kept to its likeliest ones.
SPEAKING = {"temperature": 0.25, "repetition_penalty": 1.0, "top_k": 30, "top_p": 0.9}


def model(gpt: GPT) -> Xtts:
    """All parts as one XTTS model; the narrow decoder padded to its full width."""
    vocabulary = TRAINED / "vocab.json"
    tokenizer().save(str(vocabulary))
    xtts = Xtts(small_config(**SIZES))
    xtts.tokenizer = VoiceBpeTokenizer(vocab_file=str(vocabulary))
    xtts.init_models()
    xtts.mel_stats.fill_(MEL_SCALE)
    xtts.gpt.load_state_dict(gpt.state_dict())
    encoder = torch.load(ENCODER_FILE, weights_only=True, map_location="cpu")["net"]
    xtts.hifigan_decoder.speaker_encoder.load_state_dict(encoder)
    pad_generator(xtts.hifigan_decoder.waveform_decoder, trained_decoder(LATENTS_FILE))
    return xtts


def pack(folder: Path) -> None:
    """Write ``weights.safetensors`` (half precision, zeros left out) and ``starter.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / PACKED.name
    trainee = trained_gpt()
    tensors: dict[str, Tensor] = {}
    tensors |= {f"model/{name}": value for name, value in corners(model(trainee.gpt).state_dict()).items()}
    mels, vectors = References().mels, speaker_vectors()
    for voice, name in NAMES.items():
        latents = torch.cat([trainee.listen(mel[None, None].float()) for mel in mels[voice, 1.0]])
        tensors[f"speakers/{name}/gpt_cond_latent"] = latents.mean(0, keepdim=True)
        tensors[f"speakers/{name}/speaker_embedding"] = F.normalize(vectors[voice, 1.0].mean(0), dim=0)[None, :, None]
    for name, value in trained_codec().dvae.state_dict().items():
        if not name.startswith("discrete_loss."):
            tensors[f"dvae/{name}"] = value
    save_file({name: _half(value).contiguous().clone() for name, value in tensors.items()}, packed)
    width = trained_decoder(LATENTS_FILE).conv_pre.out_channels
    facts = {"trained": True, "rate_hz": RATE_HZ, "sizes": SIZES, "decoder_width": width, "speaking": SPEAKING}
    write_json(folder / FACTS, facts)
    print(f"{packed}: {packed.stat().st_size / 1e6:.1f} MB")


def _half(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() else value


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
