"""Builds the recording of single words and its times from Debian's Asterisk prompts; see LICENSE.md beside it.

    cd tests/data/words
    python build.py asterisk-core-sounds-en-g722_1.6.1-1_all.deb asterisk-core-sounds-en_1.6.1-1_all.deb

Needs FFmpeg, numpy and soundfile, and dpkg-deb.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from presets.demo.build import FRAME, RATE_HZ, SOUNDS, decode, texts_of  # noqa: E402

AUDIBLE_DBFS = -52.0  # 35 dB under the speech: what is quieter is the room
MARGIN_S = 0.02  # of the room around a word, faded
PAUSE_S = 0.2
LONGEST_S = 0.92
STEPS = 1 << 12  # 13 bit are finer than G.722 is, and make a smaller file
FOLDERS = ("digits", "letters", "phonetic")
ALIKE = re.compile(r"(teen|teenth|tieth)$")  # said like many others


def words(root: Path) -> list[tuple[str, np.ndarray]]:
    """Each word once, with its audible sound."""
    found: dict[str, np.ndarray] = {}
    for name, text in texts_of(root).items():
        path = root / SOUNDS / f"{name}.g722"
        if name.split("/")[0] not in FOLDERS or ALIKE.search(text) or not re.fullmatch(r"[A-Za-z']+", text):
            continue
        samples = decode(path)
        frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        loud = np.flatnonzero(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > AUDIBLE_DBFS)
        first, last = loud[0] * FRAME, (loud[-1] + 1) * FRAME
        if text.lower() not in found and (last - first) / RATE_HZ <= LONGEST_S:
            found[text.lower()] = with_margin(samples, first, last)
    return sorted(found.items())


def with_margin(samples: np.ndarray, first: int, last: int) -> np.ndarray:
    """A word with ``MARGIN_S`` around it that rises from and falls to nothing."""
    margin = round(MARGIN_S * RATE_HZ)
    padded = np.concatenate((np.zeros(margin, np.float32), samples, np.zeros(margin, np.float32)))
    cut = padded[first : last + 2 * margin].copy()
    ramp = np.linspace(0, 1, margin, dtype=np.float32)
    cut[:margin] *= ramp
    cut[-margin:] *= ramp[::-1]
    return cut


def build(root: Path) -> None:
    """Write words.flac and words.tsv."""
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    margin = round(MARGIN_S * RATE_HZ)
    parts, rows, at = [pause], [], len(pause)
    for text, samples in words(root):
        rows.append((f"{(at + margin) / RATE_HZ:.3f}", f"{(at + len(samples) - margin) / RATE_HZ:.3f}", text))
        parts += [samples, pause]
        at += len(samples) + len(pause)
    coarse = np.rint(np.concatenate(parts) * STEPS) / STEPS
    soundfile.write(HERE / "words.flac", coarse, RATE_HZ, subtype="PCM_16", compression_level=1.0)
    with open(HERE / "words.tsv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("start_s", "end_s", "text"))
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        for package in sys.argv[1:]:
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        build(Path(folder))
