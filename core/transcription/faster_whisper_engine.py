"""Recognition by faster-whisper (CTranslate2): int8 on the processor, float16 on a card that has CUDA 12 libraries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from core.transcription.base import (
    SAMPLE_RATE_HZ,
    TEMPERATURES,
    WINDOW_S,
    Heard,
    Piece,
    Samples,
    check_language,
    join,
    voice_code,
    whisper_code,
)

_AT_ONCE = 4


class FasterWhisper:
    """A loaded model."""

    def __init__(self, model: Any, name: str, device: str, beam_size: int, at_once: int) -> None:
        self._model = model
        self.name = name
        self.device = device
        self.beam_size = beam_size
        self.at_once = at_once
        self.english_only = not model.model.is_multilingual

    def transcribe(self, samples: Samples, language: str, prompt: str = "") -> Heard:
        """See `Recognizer.transcribe`."""
        check_language(self.name, self.english_only, language)
        segments, info = self._model.transcribe(
            samples,
            language="en" if self.english_only else whisper_code(language),
            beam_size=self.beam_size,
            temperature=list(TEMPERATURES),
            condition_on_previous_text=False,
            initial_prompt=prompt or None,
            # A clip fits into one window: time marks would only cost tokens.
            without_timestamps=len(samples) <= WINDOW_S * SAMPLE_RATE_HZ,
        )
        pieces = [
            Piece(part.text, len(part.tokens), part.avg_logprob, part.no_speech_prob, part.compression_ratio)
            for part in segments
        ]
        return join(pieces, voice_code(info.language))


def load(folder: Path, name: str, device: str = "cpu", beam_size: int = 5) -> FasterWhisper:
    """Load a model folder; never reaches for the network.

    Args:
        folder: holds model.bin, config.json and tokenizer.json.
        name: what errors call the model.
        device: ``cpu`` or ``cuda``. Raises RuntimeError where CUDA's libraries are not the ones CTranslate2 wants.

    Raises:
        UserError: ``asr.broken_model``.
    """
    import ctranslate2
    from faster_whisper import WhisperModel

    ctranslate2.set_random_seed(0)
    cuda = device == "cuda"
    # Several clips at a time, each on few threads: threads that share one clip wait for each other at every layer,
    # which on a busy machine costs far more than it gains.
    cores = len(os.sched_getaffinity(0))
    at_once = 1 if cuda else min(_AT_ONCE, cores)
    try:
        model = WhisperModel(
            str(folder),
            device=device,
            compute_type="float16" if cuda else "int8",
            cpu_threads=max(1, cores // at_once),
            num_workers=at_once,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        if cuda:
            raise RuntimeError(str(error)) from error
        raise UserError(
            "asr.broken_model",
            "The recognition model in {path} could not be read ({what}).",
            "Delete it and download it again, or choose another model.",
            path=str(folder),
            what=str(error)[:200],
        ) from error
    loaded = FasterWhisper(model, name, device, beam_size, at_once)
    if cuda:
        # Missing CUDA libraries show only at the first use.
        loaded.transcribe(np.zeros(SAMPLE_RATE_HZ, np.float32), "en")
    return loaded
