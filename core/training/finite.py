"""NaN check of saved weights, read from the file itself: what was checked is what will be loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

_FLOATS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
_BLOCK = 1 << 22  # values looked at a time


class NotFinite(Exception):
    """Weights that were about to be kept hold what is no number; the argument names the tensor, or the torn file."""


def check_finite(folder: Path) -> None:
    """Look through every ``*.safetensors`` of a folder.

    Not through `safetensors.safe_open`: it copies every tensor (1.6 times the time) and, without torch, knows no BF16.
    The format (https://github.com/huggingface/safetensors): eight bytes with the length of a JSON header, the header,
    and the values, each tensor at the offsets that the header gives.

    Raises:
        NotFinite: names the first tensor with an infinity or a NaN.
    """
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            start = int.from_bytes(file.read(8), "little")
            if 8 + start > path.stat().st_size:
                raise NotFinite(path.name)
            header = json.loads(file.read(start))
        for name, about in header.items():
            if name != "__metadata__" and not _finite(path, 8 + start, about):
                raise NotFinite(name)


def _finite(path: Path, begin: int, about: dict[str, Any]) -> bool:
    low, high = about["data_offsets"]
    if high == low:
        return True
    if about["dtype"] == "BF16":  # numpy has no such type: all bits of the exponent set is an infinity or a NaN
        halves = np.memmap(path, np.uint16, "r", begin + low, ((high - low) // 2,))
        return all(bool((block & 0x7F80 != 0x7F80).all()) for block in _blocks(halves))
    kind = _FLOATS.get(about["dtype"])
    if kind is None:
        return True
    values = np.memmap(path, kind, "r", begin + low, ((high - low) // np.dtype(kind).itemsize,))
    return all(bool(np.isfinite(block).all()) for block in _blocks(values))


def _blocks(values: Any) -> Any:
    return (values[at : at + _BLOCK] for at in range(0, len(values), _BLOCK))
