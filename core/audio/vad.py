"""Voice activity detection (silero-vad): speech probability over a recording, kept in a small file beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile

from core.audio.levels import NOT_ARRAYS
from core.audio.samples import Samples
from core.audio.silence import Flags, LevelCurve, Runs, runs
from core.errors import Cancelled
from core.files import replacing

if TYPE_CHECKING:
    import onnxruntime

RATE_HZ = 16_000
CHUNK = 512  # samples the model judges at a time: 32 ms
CONTEXT = 64  # samples before a chunk that it sees again
CHUNK_S = CHUNK / RATE_HZ
_AT_ONCE = 128  # chunks in one call: 4 s of sound
_PIECE = 18_750  # a worker's share: 10 min of chunks
_WARM_UP = 625  # chunks heard before a share, 20 s: by then the model has forgotten that it did not hear the rest
_VERSION = 1

_WIDER_S = 0.3  # speech is taken to begin and end by so much earlier and later than it is noticed
_SHORTEST_S = 0.09  # a shorter moment of it is none


@dataclass(frozen=True)
class SpeechCurve:
    """Probability of speech (0 to 1, float16) in each `CHUNK_S` of a recording."""

    probability: npt.NDArray[np.float16]
    seconds: float

    def of_frames(self, curve: LevelCurve) -> npt.NDArray[np.float32]:
        """The probability in each frame of a level curve."""
        if not len(self.probability):
            return np.zeros(len(curve.dbfs), np.float32)
        times = (np.arange(len(curve.dbfs)) + 0.5) * curve.frame_s
        chunks = np.minimum((times / CHUNK_S).astype(np.intp), len(self.probability) - 1)
        return self.probability[chunks].astype(np.float32)

    def wide(self, threshold: float, curve: LevelCurve) -> Flags:
        """Which frames may hold speech: those where it is noticed, and 0.3 s before and after."""
        starts, ends = runs(self.probability >= threshold)
        long = ends - starts >= round(_SHORTEST_S / CHUNK_S)
        count = len(curve.dbfs)
        low = np.clip((starts[long] * CHUNK_S - _WIDER_S) / curve.frame_s, 0, count).astype(np.intp)
        high = np.clip((ends[long] * CHUNK_S + _WIDER_S) / curve.frame_s + 1, 0, count).astype(np.intp)
        steps = np.zeros(count + 1, np.int32)
        np.add.at(steps, low, 1)
        np.add.at(steps, high, -1)
        return np.asarray(np.cumsum(steps)[:-1] > 0)

    def with_speech(self, pieces: Runs, curve: LevelCurve, threshold: float, share: float) -> Runs:
        """The pieces (in frames) of which at least this share is speech."""
        counts = np.concatenate(([0], np.cumsum(self.of_frames(curve) >= threshold)))
        return [(a, b) for a, b in pieces if counts[b] - counts[a] >= share * (b - a)]


def speech_file(recording: Path) -> Path:
    """Where it is kept."""
    return recording.with_suffix(".speech.npz")


def known_speech(recording: Path) -> SpeechCurve | None:
    """What was measured of a recording, or None if that has not been done, or by another version."""
    path = speech_file(recording)
    try:
        stat = path.stat()
    except OSError:
        return None
    return _load(path, stat.st_mtime_ns, stat.st_size) if path.is_file() else None


@lru_cache(maxsize=4)
def _load(path: Path, _changed_ns: int, _size: int) -> SpeechCurve | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["version"]) == _VERSION:
                return SpeechCurve(file["probability"], float(file["seconds"]))
    except NOT_ARRAYS:  # not what this or any version wrote: it is measured anew
        pass
    return None


def measure_speech(
    recording: Path,
    *,
    on_progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SpeechCurve:
    """Listen to a whole recording in pieces side by side, and keep what was found beside it.

    Args:
        recording: FLAC or WAV at any rate; several channels are heard together.
        on_progress: called with (seconds done, seconds in all).
        should_stop: asked every few seconds of sound.

    Raises:
        Cancelled: stopped; nothing is kept.
    """
    curve = scan_speech(recording, on_progress=on_progress, should_stop=should_stop)
    with replacing(speech_file(recording)) as temporary, open(temporary, "wb") as file:
        np.savez(file, probability=curve.probability, seconds=curve.seconds, version=_VERSION)
    return curve


def scan_speech(
    recording: Path,
    *,
    on_progress: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    workers: int | None = None,
) -> SpeechCurve:
    """`measure_speech` without keeping anything."""
    info = soundfile.info(recording)
    count = -(-round(info.frames * RATE_HZ / info.samplerate) // CHUNK)
    probability = np.zeros(count, np.float16)
    session = _session()
    chunks_done = 0

    def piece(first: int) -> int:
        last: int = min(first + _PIECE, count)
        at = max(0, first - _WARM_UP)
        for probabilities in _judge(session, _chunks(recording, at, last)):
            if should_stop and should_stop():
                raise Cancelled
            low = max(at, first)
            if at + len(probabilities) > low:
                probability[low : at + len(probabilities)] = probabilities[low - at :]
            at += len(probabilities)
        return last - first

    # The model, libsndfile and soxr let go of the interpreter.
    with ThreadPoolExecutor(workers or min(2, os.cpu_count() or 1)) as pool:
        for size in pool.map(piece, range(0, count, _PIECE)):
            chunks_done += size
            if on_progress:
                on_progress(min(chunks_done * CHUNK_S, info.duration), info.duration)
    return SpeechCurve(probability, info.frames / info.samplerate)


def speech_probability(samples: Samples) -> npt.NDArray[np.float32]:
    """Probability of speech (0 to 1) in each `CHUNK_S` of a short sound, shape ``(chunks,)``; nothing is kept.

    Args:
        samples: float32 mono at `RATE_HZ`, shape ``(samples,)``.
    """
    count = -(-len(samples) // CHUNK)
    if not count:
        return np.zeros(0, np.float32)
    rows = np.pad(samples, (0, count * CHUNK - len(samples))).astype(np.float32).reshape(count, CHUNK)
    return np.concatenate(list(_judge(_session_for_short(), iter([rows]))))


@lru_cache(maxsize=1)
def _session_for_short() -> onnxruntime.InferenceSession:
    return _session()


def model_file(name: str) -> Path:
    """A model of the silero-vad package; found without importing the package, which would bring torch."""
    import importlib.util

    spec = importlib.util.find_spec("silero_vad")
    assert spec is not None and spec.origin is not None, "silero-vad is one of the requirements"
    return Path(spec.origin).parent / "data" / name


def _session() -> onnxruntime.InferenceSession:
    """The model that judges a row of chunks in one call, with the same result as one by one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = model_file("silero_vad_16k_sequence.onnx")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _judge(session: Any, rows: Iterator[Samples]) -> Iterator[npt.NDArray[np.float32]]:
    """Probabilities of rows of chunks, shape (chunks, CHUNK) each; the model remembers one row in the next."""
    context = np.zeros((1, CONTEXT), np.float32)
    state = cell = np.zeros((1, 1, 128), np.float32)
    for row in rows:
        before = np.concatenate((context, row[:-1, -CONTEXT:]))
        context = row[-1:, -CONTEXT:]
        inputs = {"input": np.concatenate((before, row), axis=1), "h": state, "c": cell}
        output, state, cell = session.run(["speech_probs", "hn", "cn"], inputs)
        yield np.asarray(output, np.float32).reshape(-1)


def _chunks(recording: Path, first: int, last: int) -> Iterator[Samples]:
    """Chunks ``first`` to ``last`` of a recording at `RATE_HZ`, about `_AT_ONCE` a row, silence after its end."""
    import soxr

    with soundfile.SoundFile(recording) as file:
        rate = int(file.samplerate)
        file.seek(min(file.frames, round(first * CHUNK * rate / RATE_HZ)))
        remaining = min(file.frames, round(last * CHUNK * rate / RATE_HZ)) - file.tell()
        stream = soxr.ResampleStream(rate, RATE_HZ, 1, dtype="float32", quality="LQ") if rate != RATE_HZ else None
        rest = np.zeros(0, np.float32)
        due = last - first
        while due > 0:
            block = file.read(min(remaining, _AT_ONCE * CHUNK * rate // RATE_HZ), dtype="float32", always_2d=True)
            remaining -= len(block)
            samples = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
            if stream:
                samples = stream.resample_chunk(samples, last=remaining <= 0 or not len(block))
            rest = np.concatenate((rest, samples))
            at_end = remaining <= 0 or not len(block)
            rows = min(due, -(-len(rest) // CHUNK) if at_end else len(rest) // CHUNK)
            if at_end:
                rows = due
                rest = np.pad(rest, (0, max(0, rows * CHUNK - len(rest))))
            if rows:
                yield np.asarray(rest[: rows * CHUNK], np.float32).reshape(rows, CHUNK)
                rest = rest[rows * CHUNK :]
                due -= rows
