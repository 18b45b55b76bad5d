"""What is understood of the starter, the small base that comes with the app, in two of its voices.

    python -m benchmarks.starter                     # as it ships: 40 held-out sentences in each voice
    python -m benchmarks.starter --sentences 4       # fewer, to try it
    python -m benchmarks.starter --packed FILE       # another one: weights.safetensors of presets/starter/build
    python -m benchmarks.starter --project FOLDER    # besides, the demo's project: base and checkpoints in her voice
    python -m benchmarks.starter --sounds FOLDER     # keep the sounds

Word and character error as the built-in recogniser hears it (numbers written out), likeness to real speech of the same
voice (Resemblyzer; Flite itself, or the demo's validation clips), DNSMOS of the first eight sounds, and the share that
ends in quiet. Its sentences are the grammar's, none of which was spoken in training. Writes
benchmarks/results/starter.json (with --packed starter_FILE.json).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, write_results
from core.audio.samples import Samples, read, resample, write_wav
from core.engines.frozen_clips import rows
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
from presets.starter.build.plan import NAMES, held_out

RATE_HZ = 16_000
VOICES = 2
REAL = 4  # clips of a speaker to compare with


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--packed", type=Path, default=PACKED)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--sounds", type=Path)
    options = parser.parse_args()
    where = machine("torch", "coqui-tts", "faster-whisper")
    texts, judge = held_out()[: options.sentences], Judge()
    results: dict[str, Any] = {"machine": where, "sentences": len(texts)}
    with tempfile.TemporaryDirectory() as temporary:
        base = make_starter(Path(temporary) / "starter", options.packed)
        voice = load_voice(base, device="cpu")
        speakers = load_speakers(base)
        for name in list(speakers)[:VOICES]:
            speaker = Conditioning(**speakers[name])
            results[name] = _judged(judge, name, voice, speaker, texts, _speech_of(name), options.sounds)
    if options.project:
        results["demo"] = _demo(judge, options.project, texts, options.sounds)
    write_results("starter" if options.packed == PACKED else f"starter_{options.packed.stem}", results)


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
        return [ReferenceClip(row.path, row.text) for row in rows(run.dataset, part)]

    real = np.concatenate([read(clip.path, sample_rate=RATE_HZ)[0] for clip in clips("val")])
    base = project.workspace.models / run.base_id
    results = {}
    for step in (0, *(step for step in run.checkpoints.steps() if step)):
        voice = load_voice(base, run.checkpoints.folder(step) if step else None, "cpu")
        speaker = voice.condition(clips("train")[:REAL])
        results[f"step {step}"] = _judged(judge, f"demo step {step}", voice, speaker, texts, real, keep)
    return results


def _speech_of(name: str) -> Samples | None:
    """What Flite says in one of its voices, at 16 kHz; None: there is no Flite on this computer, or no such voice."""
    voices = {label: voice for voice, label in NAMES.items()}
    try:
        flite = Flite(voices[name])
    except (KeyError, OSError):
        return None
    return np.concatenate([flite.speak(text)[0] for text in held_out()[:REAL]]).astype(np.float32) / 32767


if __name__ == "__main__":
    main()
