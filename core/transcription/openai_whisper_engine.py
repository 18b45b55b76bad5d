"""Recognition by openai-whisper (PyTorch), many clips in one pass: float16 on a card, float32 on the processor."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import UserError
from core.project.records import Word
from core.reasons import reason_of
from core.transcription import memory
from core.transcription.base import (
    SAMPLE_RATE_HZ,
    WINDOW_S,
    DecodeOptions,
    Samples,
    Transcript,
    check_language,
    compression_ratio,
    confidence,
    join_segments,
    voice_code,
    whisper_code,
)
from core.transcription.batches import TAIL_S, fits, window_s
from core.transcription.openai_decoder import Decoder
from core.transcription.openai_search import Rules, beam_search, sample
from core.transcription.openai_words import find_words
from core.transcription.retry import BEST_OF, TEMPERATURES, Reading, settle, transcript_of
from core.transcription.words import FRAME_S

_TOKENS_PER_S = 30  # of the densest writing; a text that gets longer than this allows goes round in circles
_TOKENS_MORE = 16


class OpenaiWhisper:
    """A loaded model."""

    at_once = 1  # one pass uses all of the card, or all cores

    def __init__(self, model: Any, name: str, beam_size: int) -> None:
        self._model = model
        self.name = name
        self.device = str(model.device.type)
        self.beam_size = beam_size
        self.english_only = not model.is_multilingual
        self._type = torch.float16 if self.device == "cuda" else torch.float32
        self._silence: Tensor | None = None

    def transcribe(self, clips: Sequence[Samples], options: DecodeOptions) -> list[Transcript]:
        """See `Recognizer.transcribe`."""
        check_language(self.name, self.english_only, options.language)
        with torch.inference_mode():
            if len(clips) == 1 and not fits(len(clips[0]) / SAMPLE_RATE_HZ):
                return [self._transcribe_long(clips[0], options)]
            return self._transcribe_short(clips, options)

    def batch_size(self, window: float) -> int:
        """See `Recognizer.batch_size`."""
        dims = self._model.dims
        shape = memory.Shape(dims.n_audio_state, dims.n_text_layer, dims.n_vocab, 2 if self.device == "cuda" else 4)
        return memory.batch_size(shape, window + TAIL_S, self.beam_size, self._free_bytes(), self.device)

    def _free_bytes(self) -> int:
        if self.device == "cuda":
            # What PyTorch holds but does not use is free as well.
            reserve = torch.cuda.memory_reserved(self._model.device) - torch.cuda.memory_allocated(self._model.device)
            return int(torch.cuda.mem_get_info(self._model.device)[0]) + reserve
        return memory.free_bytes()

    def _transcribe_short(self, clips: Sequence[Samples], options: DecodeOptions) -> list[Transcript]:
        seconds = [len(clip) / SAMPLE_RATE_HZ for clip in clips]
        window = window_s(max(seconds))
        features = {False: self._encode(clips, window)}
        languages = self._languages(features[False], options.language)
        tokenizers = [self._tokenizer(language) for language in languages]
        first = [self._first_tokens(tokenizer, options.prompt) for tokenizer in tokenizers]
        longest = round(_TOKENS_PER_S * max(seconds)) + _TOKENS_MORE

        def decode(indices: Sequence[int], temperature: float, full_window: bool) -> list[Reading]:
            if full_window and window < WINDOW_S:
                states = self._encode([clips[index] for index in indices], WINDOW_S)
            else:
                states = features[False][list(indices)] if len(indices) < len(clips) else features[False]
            return self._read(states, [first[index] for index in indices], tokenizers[0], temperature, longest)

        readings = settle(len(clips), decode, full_window=window >= WINDOW_S)
        words: list[tuple[Word, ...]] = [()] * len(clips)
        if options.words:
            texts = [() if reading.silent else reading.tokens for reading in readings]
            words = find_words(self._model, tokenizers, features[False], texts, seconds)
        return [
            transcript_of(reading, voice_code(language), clip_words)
            for reading, language, clip_words in zip(readings, languages, words, strict=True)
        ]

    def _encode(self, clips: Sequence[Samples], window: float) -> Tensor:
        """What the encoder makes of the clips, with the tail of its silence: ``(clips, frames, width)``."""
        features = self._run_encoder(clips, window)
        if window >= WINDOW_S:
            return features
        if self._silence is None:
            self._silence = self._run_encoder([np.zeros(SAMPLE_RATE_HZ, np.float32)], WINDOW_S)[0]
        tail = self._silence[features.shape[1] : features.shape[1] + round(TAIL_S / FRAME_S)]
        return torch.cat([features, tail.expand(len(features), -1, -1)], 1)

    def _run_encoder(self, clips: Sequence[Samples], window: float) -> Tensor:
        encoder = self._model.encoder
        x = _mels(clips, window, self._model.dims.n_mels, self._model.device).to(self._type)
        x = torch.nn.functional.gelu(encoder.conv1(x))
        x = torch.nn.functional.gelu(encoder.conv2(x)).transpose(1, 2)
        x = (x + encoder.positional_embedding[: x.shape[1]]).to(x.dtype)
        for block in encoder.blocks:
            x = block(x)
        return torch.as_tensor(encoder.ln_post(x))

    def _read(
        self, features: Tensor, first: Sequence[list[int]], tokenizer: Any, temperature: float, longest: int
    ) -> list[Reading]:
        """Decode clips whose first tokens are given; these differ in the language alone."""
        groups = BEST_OF if temperature else self.beam_size
        decoder = Decoder(self._model, features, 1, len(first[0]) + longest)
        hidden_states = decoder.hidden_states(torch.tensor(list(first), device=features.device))
        spoken_at = first[0].index(tokenizer.sot)
        silence = decoder.logits(hidden_states[:, spoken_at]).softmax(-1)[:, tokenizer.no_speech].tolist()
        logits = decoder.logits(hidden_states[:, -1])
        rules = _rules(tokenizer, longest, features.device)
        if temperature:
            texts = sample(decoder, logits, temperature, groups, rules)
        else:
            texts = beam_search(decoder, logits, groups, rules)
        return [_reading(tokenizer, *text, quiet) for text, quiet in zip(texts, silence, strict=True)]

    def _languages(self, features: Tensor, language: str) -> list[str]:
        """Whisper's code of each clip's language."""
        code = "en" if self.english_only else whisper_code(language)
        if code:
            return [code] * len(features)
        tokenizer = self._tokenizer("en")
        decoder = Decoder(self._model, features, 1, 1)
        start = torch.full((len(features), 1), tokenizer.sot, device=features.device)
        logits = decoder.logits(decoder.hidden_states(start)[:, 0])[:, list(tokenizer.all_language_tokens)]
        return [tokenizer.all_language_codes[best] for best in logits.argmax(-1).tolist()]

    def _tokenizer(self, language: str) -> Any:
        from whisper.tokenizer import get_tokenizer

        multilingual = not self.english_only
        languages = self._model.num_languages
        return get_tokenizer(multilingual, num_languages=languages, language=language, task="transcribe")

    def _first_tokens(self, tokenizer: Any, prompt: str) -> list[int]:
        before: list[int] = []
        if prompt.strip():
            limit = self._model.dims.n_text_ctx // 2 - 1
            before = [tokenizer.sot_prev, *tokenizer.encode(" " + prompt.strip())[-limit:]]
        return [*before, *tokenizer.sot_sequence_including_notimestamps]

    def _transcribe_long(self, samples: Samples, options: DecodeOptions) -> Transcript:
        """A clip of several windows, by the library's own loop."""
        result: dict[str, Any] = self._model.transcribe(
            samples,
            language="en" if self.english_only else whisper_code(options.language),
            beam_size=self.beam_size,
            temperature=(0.0, *TEMPERATURES),
            condition_on_previous_text=False,
            initial_prompt=options.prompt or None,
            word_timestamps=options.words,
            fp16=self.device == "cuda",
            verbose=None,
        )
        language = voice_code(str(result["language"]))
        return join_segments([_transcript_of_segment(part, language) for part in result["segments"]], language)


def load(file: Path, name: str, device: str = "cpu", beam_size: int = 5) -> OpenaiWhisper:
    """Load a ``.pt`` checkpoint (tensors only, nothing in it is executed) onto ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        UserError: ``asr.broken_model``, ``asr.card_full``.
    """
    import whisper

    torch.manual_seed(0)
    try:
        model = whisper.load_model(str(file), device="cpu").eval()
        _set_alignment_heads(model, file.stem)
        if device != "cpu":
            # The library keeps float32 weights and converts them at each use.
            for part in model.modules():
                if isinstance(part, (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Embedding)):
                    part.half()
        model.to(device)
    except torch.cuda.OutOfMemoryError as error:
        raise UserError(
            "asr.card_full",
            "The graphics card has too little free memory for the model “{model}”.",
            "Close what else uses the card, or choose a smaller model.",
            model=name,
        ) from error
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(
            "asr.broken_model",
            "The recognition model in {path} could not be read ({what}).",
            "Delete it and download it again, or choose another model.",
            path=str(file),
            what=reason_of(error),
        ) from error
    return OpenaiWhisper(model, name, beam_size)


def _set_alignment_heads(model: Any, name: str) -> None:
    """The heads that follow the sound best; the library sets them only for models it downloads itself."""
    import whisper

    heads = whisper._ALIGNMENT_HEADS.get(name)
    try:
        if heads:
            model.set_alignment_heads(heads)
    except ValueError:  # a model of another shape that only bears the name: it keeps the default heads
        return


def _mels(clips: Sequence[Samples], window: float, n_mels: int, device: Any) -> Tensor:
    """Log mel spectrograms as the library's, each clip's floor by its own peak: ``(clips, n_mels, frames)``."""
    from whisper.audio import HOP_LENGTH, N_FFT, mel_filters

    length = round(window * SAMPLE_RATE_HZ)
    sound = torch.zeros(len(clips), length, device=device)
    for row, clip in zip(sound, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(np.ascontiguousarray(clip[:length]))
    hann = torch.hann_window(N_FFT, device=device)
    power = torch.stft(sound, N_FFT, HOP_LENGTH, window=hann, return_complex=True)[..., :-1].abs() ** 2
    logs = (mel_filters(device, n_mels) @ power).clamp_min(1e-10).log10()
    return (torch.maximum(logs, logs.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


def _rules(tokenizer: Any, longest: int, device: Any) -> Rules:
    marks = (tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm)
    times = range(tokenizer.no_speech, tokenizer.encoding.n_vocab)  # no_speech, no_timestamps and all times
    never = sorted({*tokenizer.non_speech_tokens, *marks, *tokenizer.all_language_tokens, *times})
    not_first = [*tokenizer.encode(" "), tokenizer.eot]
    return Rules(tokenizer.eot, torch.tensor(never, device=device), torch.tensor(not_first, device=device), longest)


def _reading(tokenizer: Any, tokens: list[int], total: float, no_speech_prob: float) -> Reading:
    text = tokenizer.decode(tokens).strip()
    return Reading(tuple(tokens), text, total / (len(tokens) + 1), no_speech_prob, compression_ratio(text))


def _transcript_of_segment(part: dict[str, Any], language: str) -> Transcript:
    words = tuple(
        Word(float(word["start"]), float(word["end"]), str(word["word"]).strip(), float(word["probability"]))
        for word in part.get("words", ())
    )
    sure, quiet, repeats = part["avg_logprob"], part["no_speech_prob"], part["compression_ratio"]
    return Transcript(str(part["text"]), confidence(sure), sure, quiet, repeats, language, words)
