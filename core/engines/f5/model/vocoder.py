"""Vocoders: Vocos where its weights are there, else Griffin-Lim, which is labelled wherever it speaks."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
import torchaudio
import yaml
from torch import Tensor, nn

from core.engines.f5.bases import VOCODER, BaseFacts
from core.engines.f5.features.mel import BANDS, HOP, RATE
from core.engines.f5.model.package import ISTFTHead, VocosBackbone
from core.errors import UserError
from core.files import read_text
from core.reasons import reason_of

_ITERATIONS = 24  # of Griffin-Lim; without momentum, which makes a millionth of a mel heard
_MOST_BYTES = 1 << 16


class Vocos(nn.Module):
    """The published vocoder, from mels to samples."""

    label = "Vocos"

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.backbone = VocosBackbone(**config["backbone"]["init_args"])
        self.head = ISTFTHead(**config["head"]["init_args"])

    def forward(self, mel: Tensor) -> Tensor:
        """Samples (b, 256 · (frames - 1)) of log mels (b, 100, frames)."""
        samples: Tensor = self.head(self.backbone(mel))
        return samples


class GriffinLim(nn.Module):
    """What can be heard of a mel without any trained vocoder: clear enough to tell steps apart, tinny."""

    label = "Griffin-Lim"
    inverse: Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = torchaudio.functional.melscale_fbanks(513, 0.0, RATE / 2, BANDS, RATE, norm=None, mel_scale="htk")
        self.register_buffer("inverse", torch.linalg.pinv(filters), persistent=False)
        self.phases = torchaudio.transforms.GriffinLim(
            1024, _ITERATIONS, hop_length=HOP, power=1.0, momentum=0.0, rand_init=False
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Samples (b, 256 · (frames - 1)) of log mels (b, 100, frames)."""
        spectrum = (mel.exp().transpose(1, 2) @ self.inverse).clamp(min=0.0).transpose(1, 2)
        samples: Tensor = self.phases(spectrum)
        return samples


def load_vocoder(folder: Path, facts: BaseFacts) -> Vocos | GriffinLim:
    """The vocoder of a base, on the CPU: in its folder, or where its facts say.

    Raises:
        UserError: ``base.broken``; ``base.missing_file`` where its facts name a folder that no longer has one.
    """
    place = vocoder_place(folder, facts)
    if place is None and facts.vocoder:
        raise UserError(
            "base.missing_file",
            "The base model in {folder} has no {name}.",
            "Download the base again, or choose another folder.",
            folder=facts.vocoder,
            name=VOCODER[1],
        )
    if place is None:
        return GriffinLim().eval()
    try:
        vocos = Vocos(yaml.safe_load(read_text(place / VOCODER[0], _MOST_BYTES)))
        state = torch.load(place / VOCODER[1], map_location="cpu", weights_only=True)
        # Its own mel is the one of `features.mel`; only what decodes is loaded, all of it.
        vocos.load_state_dict({name: value for name, value in state.items() if not name.startswith("feature_ext")})
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, pickle.UnpicklingError, yaml.YAMLError) as error:
        raise UserError(
            "base.broken",
            "{name} in {folder} is not what the model needs ({what}).",
            "Download the base again, or choose another folder.",
            folder=str(place),
            name=VOCODER[1],
            what=reason_of(error),
        ) from error
    return vocos.eval().requires_grad_(False)


def vocoder_place(folder: Path, facts: BaseFacts) -> Path | None:
    """The folder that holds a base's vocoder; None where there is none."""
    for place in (folder, Path(facts.vocoder or folder)):
        if all((place / name).is_file() for name in VOCODER):
            return place
    return None
