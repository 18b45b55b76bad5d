"""The work on the starter as small files: ``state save`` writes ``presets/starter/state``, ``state restore`` reads it.

Kokoro's speech goes into Opus, its list into a compressed text, weights into half precision without what only their
optimizers need, those of the two largest into eight bits. Flite's speech, the codes and the speaker encoder are made
anew in minutes (``speech flite``, ``codes``, ``encoder``). Restored, every script goes on from there.
"""

from __future__ import annotations

import lzma
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from presets.starter.build.work import RATE_HZ, SPEECH, TRAINED

STATE = Path(__file__).resolve().parents[1] / "state"
BITS_PER_SECOND = 24_000
WEIGHTS = ("dvae.pt", "decoder.pt", "gpt.pt", "latents.pt")
ROUNDED = ("gpt.pt", "latents.pt")  # they learn on; the codec's codes have to stay what they are
UNLEARNT = ("gpt.text_head",)  # of the GPT, so far


def save() -> None:
    """Write what there is; says how large it is."""
    STATE.mkdir(exist_ok=True)
    for listed in sorted(SPEECH.glob("[0-9].jsonl")):
        if (STATE / f"speech-{listed.stem}.jsonl.xz").exists():
            continue  # each new version would stay in the repository for ever
        lines = listed.read_bytes()
        whole = lines[: lines.rfind(b"\n") + 1]  # the last line may be half written
        (STATE / f"speech-{listed.stem}.jsonl.xz").write_bytes(lzma.compress(whole, preset=9))
        _ffmpeg("-f", "s16le", "-ar", RATE_HZ, "-ac", 1, "-i", listed.with_suffix(".i16"), "-c:a", "libopus",
                "-application", "audio", "-b:a", BITS_PER_SECOND, STATE / f"speech-{listed.stem}.opus")  # fmt: skip
    shutil.copyfile(SPEECH / "alone.json", STATE / "alone.json")
    for name in WEIGHTS:
        if (TRAINED / name).exists():
            state = torch.load(TRAINED / name, weights_only=True, map_location="cpu")
            state.pop("optimizer", None)
            if "trainee" in state:
                state["trainee"] = {k: v for k, v in state["trainee"].items() if not k.startswith(UNLEARNT)}
            torch.save(_rounded(state) if name in ROUNDED else _half(state), STATE / name)
    for file in sorted(STATE.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")


def restore() -> None:
    """Put everything where the scripts look for it. What is there already is kept."""
    SPEECH.mkdir(parents=True, exist_ok=True)
    TRAINED.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(STATE / "alone.json", SPEECH / "alone.json")
    for packed in sorted(STATE.glob("speech-*.jsonl.xz")):
        shard = packed.name.removeprefix("speech-").removesuffix(".jsonl.xz")
        if not (SPEECH / f"{shard}.jsonl").exists():
            raw = SPEECH / f"{shard}.i16"
            _ffmpeg("-i", STATE / f"speech-{shard}.opus", "-f", "s16le", "-ar", RATE_HZ, "-ac", 1, raw)
            (SPEECH / f"{shard}.jsonl").write_bytes(lzma.decompress(packed.read_bytes()))
    for file in STATE.iterdir():
        if file.name in WEIGHTS and not (TRAINED / file.name).exists():
            torch.save(_float(torch.load(file, weights_only=True)), TRAINED / file.name)


def _ffmpeg(*words: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *(str(word) for word in words)], check=True)


def _half(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _half(entry) for name, entry in value.items()}
    return value.half() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _rounded(value: Any) -> Any:
    """Matrices as whole numbers of at most 127 times a unit of each row, all else in half precision."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.ndim < 2:
        return _half(value)
    unit = value.flatten(1).abs().amax(1).clamp(min=1e-6).view(-1, *[1] * (value.ndim - 1)) / 127
    return {"numbers": (value / unit).round().to(torch.int8), "unit": unit}


def _float(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"numbers", "unit"}:
        numbers: torch.Tensor = value["numbers"]
        return numbers * value["unit"]
    if isinstance(value, dict):
        return {name: _float(entry) for name, entry in value.items()}
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


if __name__ == "__main__":
    {"save": save, "restore": restore}[sys.argv[1]]()
