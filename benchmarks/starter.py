"""What is understood of the starter, the small base that comes with the app, in two of its voices.

    python -m benchmarks.starter                     # as it ships: 40 held-out sentences in each voice
    python -m benchmarks.starter --sentences 4       # fewer, to try it
    python -m benchmarks.starter --packed FILE       # another one: weights.safetensors of presets/starter/build
    python -m benchmarks.starter --project FOLDER    # besides, the demo's project: base and checkpoints in her voice
    python -m benchmarks.starter --sounds FOLDER     # keep the sounds

Word and character error as the built-in recogniser hears it (numbers written out), likeness to real speech of the same
voice (Resemblyzer; the kept speech, or the demo's validation clips), DNSMOS, and the share that ends in quiet. Its
sentences are the grammar's, none of which was spoken in training. Writes benchmarks/results/starter.json (with
--packed starter_FILE.json).
"""

from __future__ import annotations

import argparse
import json
import lzma
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import RESULTS, machine
from core.audio.samples import Samples, read, resample, write_wav
from core.engines.voice import ReferenceClip
from core.engines.xtts.bases import PACKED
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import XttsVoice, load_voice
from core.engines.xtts.model.load import load_speakers
from core.engines.xtts.model.starter import make_starter
from core.project.workspace import Project, Workspace
from core.training.run import runs
from presets.starter.build.flite import Flite
from presets.starter.build.judge import Judge
from presets.starter.build.plan import FLITE, NAMES, held_out

STATE = Path(__file__).resolve().parent.parent / "presets" / "starter" / "state"
RATE_HZ = 16_000
VOICES = 2
REAL = 4  # clips of a speaker to compare with


def main() -> None:
    """Measure what the command line says."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sentences", type=int, default=40)
    options.add_argument("--packed", type=Path, default=PACKED)
    options.add_argument("--project", type=Path)
    options.add_argument("--sounds", type=Path)
    chosen = options.parse_args()
    texts, judge = held_out()[: chosen.sentences], Judge()
    results: dict[str, Any] = {"machine": machine("torch", "coqui-tts", "faster-whisper"), "sentences": len(texts)}
    with tempfile.TemporaryDirectory() as temporary:
        base = make_starter(Path(temporary) / "starter", chosen.packed)
        voice = load_voice(base, device="cpu")
        speakers = load_speakers(base)
        for name in list(speakers)[:VOICES]:
            speaker = Conditioning(**speakers[name])
            results[name] = _judged(judge, name, voice, speaker, texts, _kept_speech(name), chosen.sounds)
    if chosen.project:
        results["demo"] = _demo(judge, chosen.project, texts, chosen.sounds)
    RESULTS.mkdir(exist_ok=True)
    name = "starter" if chosen.packed == PACKED else f"starter_{chosen.packed.stem}"
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _judged(
    judge: Judge,
    name: str,
    voice: XttsVoice,
    speaker: Conditioning,
    texts: list[str],
    real: Samples | None,
    keep: Path | None,
) -> dict[str, Any]:
    """Figures of one voice, and how long it spoke and took."""
    sounds, took_s = [], 0.0
    for number, text in enumerate(texts):
        began = time.process_time()
        samples, rate = voice.speak(text, "en", speaker, seed=number)
        took_s += time.process_time() - began
        sound = resample(samples, rate, RATE_HZ)
        sounds.append((text, sound, real))
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            write_wav(keep / f"{name.replace(' ', '-')}-{number:02d}.wav", sound, RATE_HZ)
    seconds = sum(len(sound) for _, sound, _ in sounds) / RATE_HZ
    figures = {key: round(value, 3) for key, value in judge.report(name, sounds).items()}
    return {**figures, "seconds": round(seconds, 1), "cpu_s_a_second": round(took_s / seconds, 2)}


def _demo(judge: Judge, folder: Path, texts: list[str], keep: Path | None) -> dict[str, Any]:
    """The demo's speaker by the base and by each checkpoint of the newest run; likeness to clips kept from training."""
    project = Project(Workspace(folder.parents[1]), folder.name)
    run = runs(project)[0]

    def clips(part: str) -> list[ReferenceClip]:
        rows = [row.split("|") for row in (run.dataset / f"metadata_{part}.csv").read_text("utf-8").splitlines()]
        return [ReferenceClip(run.dataset / "wavs" / f"{name}.wav", text) for name, text, _ in rows]

    real = np.concatenate([read(clip.path, sample_rate=RATE_HZ)[0] for clip in clips("val")])
    base = project.workspace.models / run.base_id
    results = {}
    for step in (0, *(step for step in run.checkpoints.steps() if step)):
        voice = load_voice(base, run.checkpoints.folder(step) if step else None, "cpu")
        speaker = voice.condition(clips("train")[:REAL])
        results[f"step {step}"] = _judged(judge, f"demo step {step}", voice, speaker, texts, real, keep)
    return results


def _kept_speech(name: str) -> Samples | None:
    """Speech that a voice was learnt from, at 16 kHz: Flite's or that in the state; None: there is none."""
    pieces: list[Samples] = []
    if voice := next((voice for voice, label in NAMES.items() if label == name and voice in FLITE), None):
        try:
            flite = Flite(voice)  # Debian's FFmpeg brings it along
        except OSError:
            return None
        return np.concatenate([flite.speak(text)[0] for text in held_out()[:REAL]]).astype(np.float32) / 32767
    for packed in sorted(STATE.glob("speech-*.jsonl.xz")):
        rows = [json.loads(line) for line in lzma.decompress(packed.read_bytes()).splitlines()]
        sound = packed.with_name(packed.name.replace(".jsonl.xz", ".opus"))
        for row in rows:
            if row["voice"].partition("_")[2] == name.lower() and len(pieces) < REAL:
                begin = row["at"] / RATE_HZ
                pieces.append(read(sound, begin, begin + row["samples"] / RATE_HZ, RATE_HZ)[0])
    return np.concatenate(pieces) if pieces else None


if __name__ == "__main__":
    main()
