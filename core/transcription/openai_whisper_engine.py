"""Recognition by openai-whisper (PyTorch): float16 on a card, float32 on the processor."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

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


class OpenaiWhisper:
    """A loaded model."""

    def __init__(self, model: Any, name: str, beam_size: int) -> None:
        self._model = model
        self.name = name
        self.device = str(model.device.type)
        self.beam_size = beam_size
        self.english_only = not model.is_multilingual

    def transcribe(self, samples: Samples, language: str, prompt: str = "") -> Heard:
        """See `Recognizer.transcribe`."""
        check_language(self.name, self.english_only, language)
        heard = self._model.transcribe(
            samples,
            language="en" if self.english_only else whisper_code(language),
            beam_size=self.beam_size,
            temperature=TEMPERATURES,
            condition_on_previous_text=False,
            initial_prompt=prompt or None,
            without_timestamps=len(samples) <= WINDOW_S * SAMPLE_RATE_HZ,
            fp16=self.device == "cuda",
            verbose=None,
        )
        pieces = [
            Piece(
                part["text"],
                len(part["tokens"]),
                part["avg_logprob"],
                part["no_speech_prob"],
                part["compression_ratio"],
            )
            for part in heard["segments"]
        ]
        return join(pieces, voice_code(str(heard["language"])))


def load(file: Path, name: str, device: str = "cpu", beam_size: int = 5) -> OpenaiWhisper:
    """Load a ``.pt`` checkpoint (tensors only, nothing in it is executed) onto ``cpu`` or ``cuda``.

    Raises:
        UserError: ``asr.broken_model``.
    """
    import torch
    import whisper

    torch.manual_seed(0)
    try:
        model = whisper.load_model(str(file), device=device)
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        raise UserError(
            "asr.broken_model",
            "The recognition model in {path} could not be read ({what}).",
            "Delete it and download it again, or choose another model.",
            path=str(file),
            what=str(error)[:200],
        ) from error
    return OpenaiWhisper(model, name, beam_size)
