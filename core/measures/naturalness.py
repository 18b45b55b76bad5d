"""Naturalness, a predicted MOS: the overall score of DNSMOS P.835 (arXiv:2110.01763), a clip at a time."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from core.audio.samples import Samples

RATE_HZ = 16_000
_LENGTH = 144_160  # 9.01 s: what the network hears at a time
_OVERALL = 2  # of its three outputs: signal, background, overall
# What the network says to the scale of people's votes: speechmos/dnsmos.py, get_polyfit_val.
_TO_VOTES = np.poly1d([-0.06766283, 1.11546468, 0.04602535])


@cache
def available() -> bool:
    """Whether the packages are installed; without importing them."""
    return all(find_spec(name) for name in ("speechmos", "onnxruntime"))


def score(samples: Samples) -> float:
    """What people would give it overall, from 1 (bad) to 5 (excellent); read speech in a quiet room gets about 3.2.

    ``speechmos.dnsmos.run`` runs a second network besides and moves on by a second a time, up to nine times over a
    clip that it has repeated to fill 9 s. Here a clip is repeated likewise and heard once; a longer one as often as
    it takes to hear all of it.

    Args:
        samples: float32 mono at `RATE_HZ` in [-1, 1], shape ``(samples,)``, not empty.
    """
    votes = []
    for start in _starts(len(samples)):
        piece = np.resize(samples[start : start + _LENGTH], _LENGTH).astype(np.float32)
        raw = _session().run(None, {"input_1": piece[np.newaxis]})[0][0]
        votes.append(float(_TO_VOTES(raw[_OVERALL])))
    return float(np.mean(votes))


def _starts(length: int) -> list[int]:
    """Where the pieces begin: as few as hear all of it, evenly apart."""
    count = -(-length // _LENGTH)
    if count <= 1:
        return [0]
    return [round(n * (length - _LENGTH) / (count - 1)) for n in range(count)]


@lru_cache(maxsize=1)
def _session() -> Any:
    """The network, loaded once a process; one thread, since clips are heard side by side."""
    import onnxruntime

    spec = find_spec("speechmos")
    assert spec and spec.submodule_search_locations, "asked for after available()"
    model = Path(next(iter(spec.submodule_search_locations))) / "dnsmos_models" / "sig_bak_ovr.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
