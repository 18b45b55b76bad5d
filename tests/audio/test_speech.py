"""What is speech: the same as the model says chunk by chunk, found quickly, kept, and in constant memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio import vad as module
from core.audio.levels import scan
from core.audio.silence import LevelCurve
from core.audio.vad import CHUNK, CHUNK_S, CONTEXT, known_speech, measure_speech, model_file, scan_speech, speech_file
from core.errors import Cancelled
from tests.audio.sounds import convert, silence, tone, write
from tests.conftest import Prompts


def chunk_by_chunk(samples: np.ndarray) -> np.ndarray:
    """As silero's own loop does it, with the model that takes one chunk at a time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model_file("silero_vad.onnx")), options)
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros((1, CONTEXT), np.float32)
    found = []
    padded = np.pad(samples, (0, -len(samples) % CHUNK))
    for chunk in padded.reshape(-1, 1, CHUNK):
        heard = {"input": np.concatenate((context, chunk), axis=1), "state": state, "sr": np.array(16_000)}
        value, state = session.run(None, heard)
        context = chunk[:, -CONTEXT:]
        found.append(value[0, 0])
    return np.array(found)


def test_rows_of_chunks_give_what_single_chunks_give(prompts: Prompts, tmp_path: Path) -> None:
    samples, rate = soundfile.read(prompts.recording, dtype="float32", stop=16_000 * 30 + 77)
    found = scan_speech(write(tmp_path / "in.wav", samples, rate))
    expected = chunk_by_chunk(np.rint(samples * 32768).clip(-32768, 32767).astype(np.float32) / 32768)
    assert len(found.probability) == len(expected) == -(-len(samples) // CHUNK)
    np.testing.assert_allclose(found.probability, expected, atol=2e-3)


def test_prompts_are_speech_and_their_pauses_are_not(prompts: Prompts) -> None:
    found = scan_speech(prompts.recording)
    said = [found.probability[round(a / CHUNK_S) : round(b / CHUNK_S)].max() for a, b, _ in prompts.spoken]
    assert min(said) > 0.9
    pauses = [
        float(found.probability[round((a[1] + 0.3) / CHUNK_S) : round((b[0] - 0.05) / CHUNK_S)].min())
        for a, b in zip(prompts.spoken, prompts.spoken[1:], strict=False)
    ]
    assert max(pauses) < 0.2


def test_pieces_side_by_side_are_nearly_one_pass(prompts: Prompts, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scan_speech(prompts.recording)
    monkeypatch.setattr(module, "_PIECE", 2000)
    pieces = scan_speech(prompts.recording, workers=2)
    assert len(pieces.probability) == len(whole.probability)
    assert np.abs(pieces.probability.astype(np.float32) - whole.probability).max() < 0.15
    assert np.mean((pieces.probability >= 0.4) != (whole.probability >= 0.4)) < 0.002


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 1), (48_000, 2)])
def test_any_rate_and_channels_give_the_same_speech(rate: int, channels: int, prompts: Prompts, tmp_path: Path) -> None:
    short = tmp_path / "in.wav"
    write(short, soundfile.read(prompts.recording, dtype="float32", stop=16_000 * 20)[0])
    other = convert(short, tmp_path / "other.flac", "-ar", str(rate), "-ac", str(channels))
    expected, found = scan_speech(short), scan_speech(other)
    assert abs(len(found.probability) - len(expected.probability)) <= 1
    count = min(len(found.probability), len(expected.probability))
    agree = (found.probability[:count] >= 0.4) == (expected.probability[:count] >= 0.4)
    assert agree.mean() > (0.9 if rate == 8_000 else 0.97)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.032, 0.1])
def test_the_shortest_sounds_have_their_chunks(seconds: float, tmp_path: Path) -> None:
    found = scan_speech(write(tmp_path / "in.wav", silence(seconds)))
    assert len(found.probability) == -(-round(seconds * 16_000) // CHUNK)
    curve = LevelCurve(np.full(round(seconds * 100), -120.0), 0.01, seconds)
    assert not found.wide(0.4, curve).any() and len(found.of_frames(curve)) == len(curve.dbfs)


def test_it_is_kept_beside_the_recording_and_forgotten_by_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.flac", tone(1))
    assert known_speech(path) is None
    found = measure_speech(path)
    kept = known_speech(path)
    assert speech_file(path).name == "a.speech.npz" and kept is not None
    assert np.array_equal(kept.probability, found.probability) and kept.seconds == pytest.approx(1)
    monkeypatch.setattr(module, "_VERSION", module._VERSION + 1)
    module._load.cache_clear()
    assert known_speech(path) is None
    speech_file(path).write_bytes(b"broken")
    assert known_speech(path) is None


def test_measuring_can_be_stopped_and_keeps_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "in.flac", tone(20))
    with pytest.raises(Cancelled):
        measure_speech(path, should_stop=lambda: True)
    assert [file.name for file in tmp_path.iterdir()] == ["in.flac"]


def test_speech_is_widened_before_it_gates(prompts: Prompts) -> None:
    found, frames = scan_speech(prompts.recording), scan(prompts.recording)
    curve = LevelCurve(frames.dbfs, frames.frame_s, frames.seconds)
    wide = found.wide(0.4, curve)
    for start_s, end_s, _ in prompts.spoken:
        loud = np.flatnonzero(curve.dbfs[round(start_s * 100) : round(end_s * 100)] > -40)
        assert wide[round(start_s * 100) :][loud].all()
    assert wide.mean() < 0.97


_PEAK = """
import sys
from pathlib import Path
from core.audio.vad import scan_speech
scan_speech(Path(sys.argv[1]), workers=1)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_recording(prompts: Prompts, tmp_path: Path) -> None:
    peaks = []
    for minutes in (1, 9):
        path = convert(prompts.recording, tmp_path / f"{minutes}.wav", "-t", "60")
        samples = soundfile.read(path, dtype="int16")[0]
        soundfile.write(path, np.tile(samples, minutes), 16_000)
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(path)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        peaks.append(float(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 10  # MB; 8 min of sound at 16 kHz would be 30
