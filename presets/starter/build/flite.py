"""Flite as a program: speech of its statistical voices (16 kHz) with the time of every phoneme and word.

They take a hundredth of the time that their speech lasts, and speak regularly: the same words give the same sounds.
Debian's FFmpeg brings the library along; else ``fetch`` has it.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_short, c_void_p
from pathlib import Path

import numpy as np

from presets.starter.build.work import MODELS

# ARPAbet as the signs of Kokoro's alphabet, so that all speech has one.
SIGNS = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "W", "ax": "ə", "ay": "I", "eh": "ɛ", "er": "ɜ", "ey": "A",
    "ih": "ɪ", "iy": "i", "ow": "O", "oy": "Y", "uh": "ʊ", "uw": "u", "ch": "ʧ", "dh": "ð", "dx": "T", "hh": "h",
    "jh": "ʤ", "ng": "ŋ", "sh": "ʃ", "th": "θ", "zh": "ʒ", "r": "ɹ", "y": "j", "g": "ɡ", "pau": ".", "axr": "ɜ",
}  # fmt: skip


class _Wave(Structure):
    _fields_ = [
        ("type", c_char_p), ("sample_rate", c_int), ("num_samples", c_int), ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    ]  # fmt: skip


class Flite:
    """One of the voices in memory: slt (a woman), rms (a man), awb (a man from Scotland).

    Raises:
        OSError: the library is not there.
    """

    def __init__(self, voice: str) -> None:
        root = MODELS / "debian"
        folder = next(iter(root.glob("usr/lib/*/libflite.so.1")), Path("libflite.so.1")).parent

        def library(name: str) -> ctypes.CDLL:
            path = folder / name
            return ctypes.CDLL(str(path) if path.exists() else name, mode=ctypes.RTLD_GLOBAL)

        flite = library("libflite.so.1")
        for name in ("usenglish", "cmulex"):
            library(f"libflite_{name}.so.1")
        register = getattr(library(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
        signatures = {
            "flite_synth_text": (c_void_p, [c_char_p, c_void_p]),
            "utt_wave": (POINTER(_Wave), [c_void_p]),
            "utt_relation": (c_void_p, [c_void_p, c_char_p]),
            "relation_head": (c_void_p, [c_void_p]),
            "item_next": (c_void_p, [c_void_p]),
            "ffeature_string": (c_char_p, [c_void_p, c_char_p]),
            "ffeature_float": (c_float, [c_void_p, c_char_p]),
            "delete_utterance": (None, [c_void_p]),
        }
        self.call = {name: getattr(flite, name) for name in signatures}
        for name, (result, arguments) in signatures.items():
            self.call[name].restype, self.call[name].argtypes = result, arguments
        flite.flite_init()
        register.restype, register.argtypes = c_void_p, [c_char_p]
        self.voice = register(None)

    def speak(self, text: str) -> tuple[np.ndarray, list[tuple[str, float]], list[tuple[str, float, float]]]:
        """Samples (int16, 16 kHz); each phoneme's sign and end; each word that Flite reads, its begin and end; in s."""
        call = self.call
        utterance = call["flite_synth_text"](text.encode(), self.voice)
        wave = call["utt_wave"](utterance).contents
        sound = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
        phonemes: list[tuple[str, float]] = []
        segment = call["relation_head"](call["utt_relation"](utterance, b"Segment"))
        while segment:
            name = call["ffeature_string"](segment, b"name").decode()
            phonemes.append((SIGNS.get(name, name), float(call["ffeature_float"](segment, b"end"))))
            segment = call["item_next"](segment)
        words: list[tuple[str, float, float]] = []
        word = call["relation_head"](call["utt_relation"](utterance, b"Word"))
        while word:
            name = call["ffeature_string"](word, b"name").decode()
            begin = float(call["ffeature_float"](word, b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"))
            end = float(call["ffeature_float"](word, b"R:SylStructure.daughtern.daughtern.R:Segment.end"))
            words.append((name, begin, end))
            word = call["item_next"](word)
        call["delete_utterance"](utterance)
        return sound, phonemes, words
