"""Loading an XTTS base model: weights only, strictly, and without ever writing into its folder."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.layers.xtts.dvae import DiscreteVAE
from TTS.tts.models.xtts import Xtts, _legacy_safe_globals

from core.engines.bases import existing_file
from core.engines.plain_tensors import tensors_differ
from core.engines.xtts.bases import is_starter, starter_facts
from core.engines.xtts.model.decoder import narrow
from core.engines.xtts.model.tokenizer import Tokenizer
from core.errors import UserError
from core.reasons import reason_of

# It warns about token numbers of text models, which play no part here, at every sentence.
transformers_logging.set_verbosity_error()

# What coqui's own trainer leaves in a checkpoint, and what `init_gpt_for_inference` adds to the module tree.
_TRAINER_KEYS = ("torch_mel_spectrogram_style_encoder.", "torch_mel_spectrogram_dvae.", "dvae.")
_INFERENCE_KEYS = ("gpt.gpt_inference.", "gpt.gpt.wte.")
_RANDOM = ("uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_")


def read_config(folder: Path) -> XttsConfig:
    """The base's ``config.json``.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    config = XttsConfig()
    try:
        config.load_json(str(existing_file(folder, "config.json")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _base_error(folder, "config.json", error) from error
    return config


def base_state(folder: Path) -> dict[str, Tensor]:
    """The weights in ``model.pth`` under the names `Xtts` gives them, on the CPU, mapped from the file.

    Keys of coqui's trainer and of ``init_gpt_for_inference`` are left out, so that the rest loads strictly.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    # The hub's original file pickles a config object beside the weights; only these known classes are let in.
    with _legacy_safe_globals():
        checkpoint = _load(folder, "model.pth")
    state = checkpoint.get("model", checkpoint)
    weights = {name.removeprefix("xtts."): value for name, value in state.items()}
    return {name: value for name, value in weights.items() if not name.startswith(_TRAINER_KEYS + _INFERENCE_KEYS)}


class _Xtts(Xtts):  # type: ignore[misc]
    """Its constructor builds no part: with the tokenizer all are built, and would be a second time."""

    def init_models(self) -> None:
        """As of `Xtts`, once there is a tokenizer of ours."""
        if isinstance(self.tokenizer, Tokenizer):
            super().init_models()


def load_base(folder: Path, device: str = "cpu") -> Xtts:
    """The whole model in float32 on ``device``, in evaluation mode, every key accounted for.

    ``gpt.gpt_inference`` is not there yet: `XttsVoice` makes it while it speaks and takes it away again.
    ``xtts.untrained_max_s`` tells how long an untrained starter may babble, in seconds; None for trained weights.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    config = read_config(folder)
    with no_initialization():
        xtts = _Xtts(config)
        xtts.tokenizer = Tokenizer(vocab_file=str(existing_file(folder, "vocab.json")))
        xtts.init_models()
    facts = starter_facts(folder) if is_starter(folder) else {}
    try:
        state = base_state(folder)
        width = facts.get("decoder_width")
        if isinstance(width, int) and 16 <= width < 512:
            with no_initialization():
                state = narrow(xtts, state, width)
        xtts.load_state_dict(state, strict=True)
    except (KeyError, RuntimeError) as error:
        raise _base_error(folder, "model.pth", error) from error
    xtts.untrained_max_s = facts.get("max_seconds")
    xtts.requires_grad_(False)
    # Not `xtts.eval()`: coqui overrides it and would hang the inference copy into the module tree.
    xtts.train(False)
    return xtts.to(device)


@contextlib.contextmanager
def no_initialization() -> Iterator[None]:
    """Within, layers are made without drawing their weights, most of the time they take: all are loaded afterwards."""
    initializers = {name: getattr(nn.init, name) for name in _RANDOM}
    for name in initializers:
        setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    try:
        yield
    finally:
        for name, initializer in initializers.items():
            setattr(nn.init, name, initializer)


def load_dvae(folder: Path, device: str = "cpu") -> DiscreteVAE:
    """The frozen encoder that turns mels into audio codes; its sizes are read from ``dvae.pth`` itself.

    The arguments besides the sizes are those of coqui's ``GPTTrainer``.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    state = _load(folder, "dvae.pth")
    try:
        dvae = new_dvae(
            channels=state["encoder.0.0.weight"].shape[1],
            hidden_dim=state["encoder.0.0.weight"].shape[0],
            codebook_dim=state["codebook.embed"].shape[0],
            num_tokens=state["codebook.embed"].shape[1],
        )
        missing, surplus = dvae.load_state_dict(state, strict=False)
    except (KeyError, RuntimeError) as error:
        raise _base_error(folder, "dvae.pth", error) from error
    # The bookkeeping of a training loss is not part of the encoder; some files hold it, some do not.
    wrong = [name for name in (*missing, *surplus) if not name.startswith("discrete_loss.")]
    if wrong:
        raise _base_error(folder, "dvae.pth", tensors_differ(wrong))
    return dvae.eval().requires_grad_(False).to(device)


def new_dvae(*, channels: int, hidden_dim: int, codebook_dim: int, num_tokens: int) -> DiscreteVAE:
    """A discrete VAE built as XTTS builds it, with fresh weights."""
    return DiscreteVAE(
        channels=channels,
        normalization=None,
        positional_dims=1,
        num_tokens=num_tokens,
        codebook_dim=codebook_dim,
        hidden_dim=hidden_dim,
        num_resnet_blocks=3,
        kernel_size=3,
        num_layers=2,
        use_transposed_convs=False,
    )


def load_mel_stats(folder: Path) -> Tensor:
    """What log mels are divided by, shape ``(80,)``.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``.
    """
    stats = _load(folder, "mel_stats.pth")
    if not isinstance(stats, Tensor) or stats.ndim != 1:
        raise _base_error(folder, "mel_stats.pth", UserError("reason.no_vector", "it is no row of numbers"))
    return stats.float()


def load_speakers(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The voices that come with the base: name to ``gpt_cond_latent`` and ``speaker_embedding``."""
    if not (folder / "speakers_xtts.pth").exists():
        return {}
    return dict(_load(folder, "speakers_xtts.pth"))


@contextlib.contextmanager
def inference_gpt(xtts: Xtts) -> Iterator[None]:
    """Hang coqui's generator over the very same weights into the module tree, and take it away afterwards.

    Left in place it would put every weight into a checkpoint twice.
    """
    xtts.gpt.init_gpt_for_inference(kv_cache=xtts.args.kv_cache)
    xtts.gpt.gpt_inference.train(False)
    try:
        yield
    finally:
        del xtts.gpt.gpt_inference
        del xtts.gpt.gpt.wte


def _load(folder: Path, name: str) -> Any:
    path = existing_file(folder, name)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _base_error(folder, name, error) from error


def _base_error(folder: Path, name: str, error: Exception) -> UserError:
    return UserError(
        "base.broken",
        "{name} in {folder} is not what the model needs ({what}).",
        "Download the base again, or choose another folder.",
        folder=str(folder),
        name=name,
        what=reason_of(error),
    )
