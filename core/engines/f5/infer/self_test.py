"""Self test: one sentence by every way from a recording to an export; where it turns bad tells what is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from core.audio.samples import read
from core.engines.callbacks import ShouldStop, never
from core.engines.f5.features.mel import RATE, mel_of, read_wave
from core.engines.f5.infer.export import export
from core.engines.f5.infer.voice import load_voice
from core.engines.speaking import evaluating
from core.engines.voice import ReferenceClip, SpokenWay
from core.errors import UserError

# Of samples: what a file of 16 bits rounds, and what rounding becomes in a vocoder.
TOLERANCE = 2e-3


def self_test(
    base: Path,
    checkpoint: Path | None,
    reference: ReferenceClip,
    text: str,
    language: str,
    seed: int,
    *,
    scratch: Path,
    device: str = "auto",
    should_stop: ShouldStop = never,
) -> Iterator[SpokenWay]:
    """Ways, from the recording itself to what plain f5-tts makes of the export; each as soon as it is there.

    A way that cannot be gone is told with its reason, and so is an export that says something else.
    """
    wave = read_wave(reference.path)
    yield SpokenWay("recording", reference.text, wave.numpy(), RATE)
    voice = load_voice(base, None, device=device)
    with evaluating(voice.model, voice.model.device), torch.no_grad():
        copy = voice.model.vocoder(mel_of(wave).T[None].to(voice.model.device))[0].cpu().numpy()
    yield SpokenWay("vocoder", reference.text, copy, RATE)
    try:  # a base cannot say letters that only the voice has learnt
        samples, _ = voice.speak(text, language, voice.condition([reference]), seed, should_stop=should_stop)
        yield SpokenWay("base", text, samples, RATE)
    except UserError as error:
        yield SpokenWay("base", text, None, RATE, problem=error)
    if checkpoint is not None:
        voice = load_voice(base, checkpoint, device=device)
    speaker = voice.condition([reference])
    pieces = voice.pieces(text, language, speaker)
    text = text if len(pieces) == 1 else pieces[0]  # as much as an export's sample says
    spoken, _ = voice.speak(text, language, speaker, seed, should_stop=should_stop)
    yield SpokenWay("checkpoint", text, spoken, RATE)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".tmp-") as name:
        folder = Path(name) / "export"
        try:
            export(
                base,
                checkpoint,
                folder,
                name="self test",
                references=[reference],
                text=text,
                language=language,
                seed=seed,
                device=device,
                should_stop=should_stop,
            )
        except UserError as error:
            yield SpokenWay("export", text, None, RATE, problem=error)
            return
        recording, _ = read(folder / "sample.wav")
    is_same = len(spoken) == len(recording) and float(np.abs(spoken - recording).max()) <= TOLERANCE
    yield SpokenWay("export", text, recording, RATE, equals="checkpoint", is_equal=is_same)
