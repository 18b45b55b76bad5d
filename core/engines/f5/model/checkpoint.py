"""A trainer's checkpoint (``.pt``) rewritten as safetensors: read without running any code of it, once, in a job.

Such a file is a pickle, and a pickle can hold a program; it is read as weights alone or not at all. Most hold two sets
of weights, the running mean, which f5-tts speaks with, and the last ones, which its trainer's samples were made with.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.engines.bases import note_rewritten
from core.engines.callbacks import ShouldStop, never
from core.engines.f5.bases import FLAGS, LAST_WEIGHTS, WEIGHTS
from core.engines.f5.model.load import BESIDE, PREFIX, architecture
from core.engines.plain_tensors import check_tensor
from core.errors import Cancelled, UserError
from core.files import inside, replacing, sha256_file

_MEAN, _LAST = "ema_model_state_dict", "model_state_dict"
_FAULTS = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, EOFError, IndexError)


def rewrite_checkpoint(folder: Path, name: str, should_stop: ShouldStop = never) -> None:
    """Write the weights of ``folder/name`` beside it, and their hashes and its own into ``manifest.json``.

    ``model.safetensors`` holds the running mean, or what there is; ``last.safetensors`` the last weights where the
    file has both.

    Raises:
        UserError: ``base.pickle``: it holds more than weights. ``base.checkpoint``: it is no checkpoint of F5-TTS.
        Cancelled: ``should_stop`` said so; nothing is left.
    """
    path = inside(folder, name)

    def check_stop() -> None:
        if should_stop():
            raise Cancelled

    digest = sha256_file(path, check_stop)
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path) or None)
        states = [_plain(state, check_stop) for state in _sets(raw)]
    except pickle.UnpicklingError as error:
        raise UserError(
            "base.pickle",
            "{name} holds more than weights, and what that is may be a program ({what}). It was not opened.",
            "Do not open it with other programs either. Ask whoever published it for a .safetensors file.",
            name=name,
            what=_first_line(error),
        ) from error
    except _FAULTS as error:
        raise UserError(
            "base.checkpoint",
            "{name} is no checkpoint of F5-TTS that can be used ({what}).",
            "Look whether it came whole, and whether it is the file with the weights.",
            name=name,
            what=_first_line(error),
        ) from error
    written = []
    for target, state in zip((WEIGHTS, LAST_WEIGHTS), states, strict=False):
        check_stop()
        with replacing(folder / target) as temporary:
            save_file(state, temporary)
        written.append(target)
    note_rewritten(folder, name, digest, written)


def _sets(raw: Any) -> list[Mapping[str, Any]]:
    """The sets of weights in a checkpoint, the one to speak with first."""
    states = [raw[key] for key in (_MEAN, _LAST) if key in raw]
    return states or [raw]


def _plain(state: Mapping[str, Any], check_stop: Callable[[], object]) -> dict[str, Tensor]:
    """The transformer's weights as a published base has them.

    Raises:
        KeyError, TypeError, ValueError: they are none.
    """
    weights: dict[str, Tensor] = {}
    stored: set[int] = set()
    for key, value in state.items():
        check_stop()
        name = str(key).removeprefix(PREFIX)
        if name in BESIDE:
            continue
        if not name.startswith("transformer."):
            raise KeyError(f"{key} belongs to no F5-TTS model")
        weights[PREFIX + name] = _own(check_tensor(str(key), value), stored)
    architecture({name.removeprefix(f"{PREFIX}transformer."): value for name, value in weights.items()}, FLAGS["v1"])
    return weights


def _own(value: Tensor, stored: set[int]) -> Tensor:
    """The tensor as it lies in the file, where it lies there alone; else a copy, for two cannot be written so."""
    storage = value.untyped_storage()
    is_alone = storage.data_ptr() not in stored and storage.nbytes() == value.numel() * value.element_size()
    stored.add(storage.data_ptr())
    return value if is_alone and value.is_contiguous() else value.clone(memory_format=torch.contiguous_format)


def _first_line(error: Exception) -> str:
    """What an error says; of a refused pickle, which global it asked for."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = next((line for line in lines if "GLOBAL" in line or "Unsupported" in line), None)
    return (named or (lines[0] if lines else type(error).__name__))[:200]
