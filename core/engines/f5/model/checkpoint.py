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

from core.engines.callbacks import ShouldStop, never
from core.engines.f5.bases import FLAGS, LAST_WEIGHTS, WEIGHTS
from core.engines.f5.model.load import BESIDE, PREFIX, architecture
from core.engines.manifest import note_rewritten
from core.engines.plain_tensors import check_tensor, foreign_tensor
from core.errors import Cancelled, UserError
from core.files import inside, replacing, sha256_file
from core.reasons import reason_of

_MEAN, _LAST = "ema_model_state_dict", "model_state_dict"
_FAULTS = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, EOFError, IndexError, UserError)


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
            what=_refused_global(error),
        ) from error
    except _FAULTS as error:
        raise UserError(
            "base.checkpoint",
            "{name} is no checkpoint of F5-TTS that can be used ({what}).",
            "Look whether it came whole, and whether it is the file with the weights.",
            name=name,
            what=reason_of(error),
        ) from error
    names = []
    for target, state in zip((WEIGHTS, LAST_WEIGHTS), states, strict=False):
        check_stop()
        with replacing(folder / target) as temporary:
            save_file(state, temporary)
        names.append(target)
    note_rewritten(folder, name, digest, names)


def _sets(raw: Any) -> list[Mapping[str, Any]]:
    """The sets of weights in a checkpoint, the one to speak with first."""
    states = [raw[key] for key in (_MEAN, _LAST) if key in raw]
    return states or [raw]


def _plain(state: Mapping[str, Any], check_stop: Callable[[], object]) -> dict[str, Tensor]:
    """The transformer's weights as a published base has them.

    Raises:
        UserError, KeyError, TypeError, ValueError: they are none.
    """
    weights: dict[str, Tensor] = {}
    storages: set[int] = set()
    for key, value in state.items():
        check_stop()
        name = str(key).removeprefix(PREFIX)
        if name in BESIDE:
            continue
        if not name.startswith("transformer."):
            raise foreign_tensor(str(key))
        weights[PREFIX + name] = _own(check_tensor(str(key), value), storages)
    architecture({name.removeprefix(f"{PREFIX}transformer."): value for name, value in weights.items()}, FLAGS["v1"])
    return weights


def _own(value: Tensor, storages: set[int]) -> Tensor:
    """The tensor as it lies in the file, where it lies there alone; else a copy, for two cannot be written so."""
    storage = value.untyped_storage()
    is_alone = storage.data_ptr() not in storages and storage.nbytes() == value.numel() * value.element_size()
    storages.add(storage.data_ptr())
    return value if is_alone and value.is_contiguous() else value.clone(memory_format=torch.contiguous_format)


def _refused_global(error: pickle.UnpicklingError) -> UserError:
    """Which global a refused pickle asked for."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    match = next((line for line in lines if "GLOBAL" in line or "Unsupported" in line), None)
    return reason_of(pickle.UnpicklingError(match) if match else error)
