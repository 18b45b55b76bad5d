"""Downmix to mono: stereo whose channels cancel each other out, or of which one is silent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BLOCK = 4096  # samples judged together: at any usual rate longer than a period of a voice, shorter than a word
_AUDIBLE_DB = 30.0  # blocks that far below the loud ones say nothing
_SILENT_DB = 35.0  # a channel that never comes closer to the other holds no voice of its own
_CANCELS = -0.3  # correlation from which on a sum of both is worse than one; voices apart from each other are near 0
_SHARE = 0.25  # of what is heard: as much cancelling is no chance
_ALIKE = 1.25  # times the power: no reason to prefer the right one
_QUIETER_DB, _LOSS = 15.0, 0.02  # a channel so much quieter in more than this share of what is heard lacks a voice


class Balance:
    """What both channels of a sound have in common, as pieces of it go by. Takes 12 bytes for each `_BLOCK`."""

    def __init__(self) -> None:
        self._rest = np.empty((0, 2), np.float32)
        self._powers: list[npt.NDArray[np.float32]] = []
        self._odd = b""

    def add_raw(self, raw: bytes | memoryview) -> None:
        """The next piece as little-endian whole numbers of 16 bit, left and right in turn, of any number of bytes."""
        data = b"".join((self._odd, raw))
        full_bytes = len(data) // 4 * 4
        self._odd = data[full_bytes:]
        pairs = np.frombuffer(data[:full_bytes], np.dtype("<i2")).reshape(-1, 2)
        self.add(np.multiply(pairs, np.float32(2.0**-15), dtype=np.float32))

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """The next piece, float32 of shape (samples, 2)."""
        samples = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        count = len(samples) // _BLOCK
        self._rest = samples[count * _BLOCK :].copy()
        self._measure(samples[: count * _BLOCK].reshape(count, _BLOCK, 2))

    def single(self) -> tuple[int | None, str]:
        """Which channel is to be taken alone (0 is left), and why: ``inverted`` or ``silent``; None for both."""
        if len(self._rest) and (len(self._rest) > _BLOCK // 4 or not self._powers):
            self._measure(self._rest[None])
        left, right, mid = np.concatenate((np.empty((0, 3), np.float32), *self._powers)).astype(np.float64).T
        louder = np.maximum(left, right)
        if not len(louder) or (loud := float(np.percentile(louder, 95))) <= 0:
            return None, ""
        audible = louder > loud * _ratio(_AUDIBLE_DB)
        left, right, mid, louder = left[audible], right[audible], mid[audible], louder[audible]
        order = (0, 1) if left.sum() * _ALIKE >= right.sum() else (1, 0)
        channels = (left, right)
        primary, rest = channels[order[0]], channels[order[1]]
        if np.percentile(rest, 99.5) < np.percentile(primary, 95) * _ratio(_SILENT_DB):
            return order[0], "silent"
        sizes = np.sqrt(left * right)
        correlation = mid.sum() / max(1e-20, float(np.sqrt(left.sum() * right.sum())))
        share = louder[mid < _CANCELS * np.maximum(sizes, 1e-20)].sum() / louder.sum()
        if correlation > _CANCELS and share < _SHARE:
            return None, ""
        for channel in order:
            if np.mean(channels[channel] < louder * _ratio(_QUIETER_DB)) < _LOSS:
                return channel, "inverted"
        return None, ""  # each holds a voice that the other lacks

    def _measure(self, blocks: npt.NDArray[np.float32]) -> None:
        if not blocks.size:
            return
        blocks = blocks - blocks.mean(axis=1, keepdims=True)  # an offset is common to both and no sound
        left, right = blocks[:, :, 0], blocks[:, :, 1]
        products = ((left, left), (right, right), (left, right))
        powers = [np.einsum("ij,ij->i", *pair) / blocks.shape[1] for pair in products]
        self._powers.append(np.stack(powers, axis=1).astype(np.float32))


def _ratio(db: float) -> float:
    return float(10 ** (-db / 10))
