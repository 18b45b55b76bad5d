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

    at_once = 1  # its decoding keeps a cache in the model itself

    def __init__(self, model: Any, name: str, beam_size: int) -> None:
        self._model = model
        self.name = name
        self.device = str(model.device.type)
        self.beam_size = beam_size
        self.english_only = not model.is_multilingual

    def transcribe(self, samples: Samples, language: str, prompt: str = "") -> Heard:
        """See `Recognizer.transcribe`."""
        import torch

        check_language(self.name, self.english_only, language)
        try:
            heard = self._transcribe(samples, language, prompt)
        except torch.cuda.OutOfMemoryError as error:
            raise _card_full(self.name) from error
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

    def _transcribe(self, samples: Samples, language: str, prompt: str) -> dict[str, Any]:
        heard: dict[str, Any] = self._model.transcribe(
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
        return heard


def load(file: Path, name: str, device: str = "cpu", beam_size: int = 5) -> OpenaiWhisper:
    """Load a ``.pt`` checkpoint (tensors only, nothing in it is executed) onto ``cpu`` or ``cuda``.

    Raises:
        UserError: ``asr.broken_model``, ``asr.card_full``.
    """
    import torch
    import whisper

    torch.manual_seed(0)
    try:
        model = whisper.load_model(str(file), device=device)
    except torch.cuda.OutOfMemoryError as error:
        raise _card_full(name) from error
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(
            "asr.broken_model",
            "The recognition model in {path} could not be read ({what}).",
            "Delete it and download it again, or choose another model.",
            path=str(file),
            what=str(error)[:200],
        ) from error
    return OpenaiWhisper(model, name, beam_size)


def _card_full(name: str) -> UserError:
    return UserError(
        "asr.card_full",
        "The graphics card has too little free memory for the model “{model}”.",
        "Close what else uses the card, or choose a smaller model.",
        model=name,
    )
