"""Builds the demo recording and its transcripts from Debian's Asterisk prompts; see LICENSE.md beside it.

    python presets/demo/build.py asterisk-core-sounds-en-g722_1.6.1-1_all.deb asterisk-core-sounds-en_1.6.1-1_all.deb
    python presets/demo/build.py /        # where both packages are installed

Needs FFmpeg, numpy and soundfile, and dpkg-deb for the first form.
"""

from __future__ import annotations

import csv
import gzip
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
SOUNDS = "usr/share/asterisk/sounds/en_US_f_Allison"
RATE_HZ = 16_000
FRAME = RATE_HZ // 100
SILENT_DBFS = -46.0
MARGIN_S = 0.06  # kept around the speech, so that no breath or final consonant is cut
PAUSE_S = (0.80, 1.00)

# What is heard where a long prompt's longest pauses do not fall between its sentences ("|" marks the pause),
# and two slips of the published texts.
AS_SPOKEN = {
    "demo-echotest": [
        ("as it is received. The purpose of this test is", "as it is received. The purpose of this test | is"),
        ("echo test. In", "echo test. | In"),
        ("application. You", "application. | You"),
    ],
    "demo-congrats": [
        ("PBX. You have also", "PBX. | You have also"),
        ("Like a normal PBX you will", "Like a normal PBX | you will"),
        ("digits. If", "digits. | If"),
        ("answer, and", "answer, | and"),
    ],
    "queue-periodic-announce": [("represenatives", "representatives")],
    "confbridge-mute-extended": [("can not", "cannot")],
}
# Plain sentences of one speaker.
PROMPTS = [
    "demo-echotest",
    "queue-periodic-announce",
    "vm-newuser",
    "confbridge-lock-extended",
    "agent-alreadyon",
    "demo-nogo",
    "vm-intro",
    "queue-youarenext",
    "tt-allbusy",
    "confbridge-mute-extended",
    "vm-rec-temp",
    "demo-congrats",
    "ss-noservice",
    "demo-abouttotry",
    "vm-record-prepend",
    "agent-incorrect",
    "vm-tmpexists",
    "vm-nobox",
    "followme/status",
    "confbridge-pin",
    "demo-thanks",
    "vm-invalid-password",
    "confbridge-pin-bad",
    "privacy-unident",
    "priv-introsaved",
    "followme/sorry",
    "vm-mismatch",
    "confbridge-remove-last-in",
    "confbridge-begin-glorious-a",
    "confbridge-rest-list-vol-in",
    "demo-nomatch",
    "conf-invalid",
    "privacy-prompt",
]
# Longer prompts, each cut at this many of its longest pauses.
CUTS = {
    "demo-echotest": 3,
    "demo-nogo": 1,
    "tt-allbusy": 1,
    "confbridge-mute-extended": 2,
    "demo-congrats": 4,
    "demo-abouttotry": 2,
}


def texts_of(root: Path, language: str = "en") -> dict[str, str]:
    """What each prompt says, by its name."""
    package = f"asterisk-core-sounds-{language}"
    texts = root / "usr/share/doc" / package / f"{package.removeprefix('asterisk-')}.txt.gz"
    found = {}
    for line in gzip.decompress(texts.read_bytes()).decode("utf-8-sig", errors="replace").splitlines():
        name, colon, text = line.partition(":")
        if colon and not name.startswith(";"):
            found[name.strip()] = " ".join(re.sub(r"\([^)]*\)|\.\.\.", " ", text).split())
    for name, changes in AS_SPOKEN.items() if language == "en" else ():
        for published, heard in changes:
            found[name] = found[name].replace(published, heard)
    return found


def decode(path: Path) -> np.ndarray:
    """G.722 to float32 samples at 16 kHz, shape ``(samples,)``."""
    command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", path, "-f", "f32le", "-ac", "1", "-ar", str(RATE_HZ), "-"]
    return np.frombuffer(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, np.float32)


def loud(samples: np.ndarray) -> np.ndarray:
    """Which 10 ms frames are above the silence level."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > SILENT_DBFS


def trim(samples: np.ndarray) -> np.ndarray:
    """Cut the silence at both ends and fade what is left over 10 ms."""
    frames = np.flatnonzero(loud(samples))
    margin = int(MARGIN_S * RATE_HZ)
    cut = samples[max(0, frames[0] * FRAME - margin) : (frames[-1] + 1) * FRAME + margin].copy()
    ramp = np.linspace(0, 1, FRAME, dtype=np.float32)
    cut[:FRAME] *= ramp
    cut[-FRAME:] *= ramp[::-1]
    return cut


def pieces(samples: np.ndarray, cuts: int) -> list[np.ndarray]:
    """Cut in the middle of the ``cuts`` longest pauses inside."""
    inside = np.flatnonzero(loud(samples))
    gaps = sorted(zip(np.diff(inside), inside[:-1], strict=True), reverse=True)[:cuts]
    places = sorted(int((start + gap / 2) * FRAME) for gap, start in gaps)
    return [trim(piece) for piece in np.split(samples, places)]


def sentences(text: str, cuts: int) -> list[str]:
    """The text in ``cuts`` + 1 pieces: at the marks if there are any, else at the full stops."""
    found = re.split(r"\s*\|\s*" if "|" in text else r"(?<=\.)\s+", text) if cuts else [text]
    if len(found) != cuts + 1:
        raise SystemExit(f"{len(found)} sentences, not {cuts + 1}: {text}")
    return found


def tidy(text: str) -> str:
    """Capital at the start, a full stop at the end."""
    text = text.strip(" :")
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def build(root: Path) -> None:
    """Write recording.flac and transcripts.tsv."""
    texts = texts_of(root)
    pause = random.Random(1)
    parts: list[np.ndarray] = [np.zeros(RATE_HZ // 2, np.float32)]
    rows: list[tuple[str, str, str]] = []
    at = len(parts[0])
    for name in PROMPTS:
        cuts = CUTS.get(name, 0)
        spoken = pieces(decode(root / SOUNDS / f"{name}.g722"), cuts)
        for samples, text in zip(spoken, sentences(tidy(texts[name]), cuts), strict=True):
            rows.append((f"{at / RATE_HZ:.3f}", f"{(at + len(samples)) / RATE_HZ:.3f}", text))
            gap = np.zeros(int(pause.uniform(*PAUSE_S) * RATE_HZ), np.float32)
            parts += [samples, gap]
            at += len(samples) + len(gap)
    soundfile.write(HERE / "recording.flac", np.concatenate(parts), RATE_HZ, subtype="PCM_16")
    with open(HERE / "transcripts.tsv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("start_s", "end_s", "text"))
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        build(Path(sys.argv[1]))
    elif len(sys.argv) == 3:
        with tempfile.TemporaryDirectory() as folder:
            for package in sys.argv[1:]:
                subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            build(Path(folder))
    else:
        raise SystemExit(__doc__)
