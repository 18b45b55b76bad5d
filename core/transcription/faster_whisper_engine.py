"""Recognition by faster-whisper (CTranslate2), many clips in one pass: int8 on the processor, float16 on a card."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
from core.transcription.retry import BEST_OF, TEMPERATURES, Reading, settle, transcript_of
from core.transcription.words import FRAME_S, timed_words

_AT_ONCE = 4
_FRAMES_PER_S = 100  # of the spectrogram
_LAYERS = {384: 4, 512: 6, 768: 12, 1024: 24}  # of the decoder by its width; 32 where it is wider
_VOCABULARY = 51_865

Array = npt.NDArray[np.float32]


class FasterWhisper:
    """A loaded model."""

    def __init__(self, model: Any, name: str, device: str, beam_size: int, at_once: int) -> None:
        self._model = model
        self.name = name
        self.device = device
        self.beam_size = beam_size
        self.at_once = at_once
        self.english_only = not model.model.is_multilingual
        self._silence = self._run_encoder([np.zeros(SAMPLE_RATE_HZ, np.float32)], WINDOW_S)[0]

    def transcribe(self, clips: Sequence[Samples], options: DecodeOptions) -> list[Transcript]:
        """See `Recognizer.transcribe`."""
        check_language(self.name, self.english_only, options.language)
        if len(clips) == 1 and not fits(len(clips[0]) / SAMPLE_RATE_HZ):
            return [self._transcribe_long(clips[0], options)]
        seconds = [len(clip) / SAMPLE_RATE_HZ for clip in clips]
        window = window_s(max(seconds))
        features = self._encode(clips, window)
        languages = self._languages(features, options.language)
        tokenizers = {code: self._tokenizer(code) for code in set(languages)}
        first = [self._first_tokens(tokenizers[code], options.prompt) for code in languages]

        def decode(indices: Sequence[int], temperature: float, full_window: bool) -> list[Reading]:
            if full_window and window < WINDOW_S:
                states = self._run_encoder([clips[index] for index in indices], WINDOW_S)
            else:
                states = features[list(indices)] if len(indices) < len(clips) else features
            return self._read(states, [first[index] for index in indices], tokenizers[languages[0]], temperature)

        readings = settle(len(clips), decode, full_window=window >= WINDOW_S)
        words: list[tuple[Word, ...]] = [()] * len(clips)
        if options.words:
            words = self._words(features, [tokenizers[code] for code in languages], readings, seconds)
        return [
            transcript_of(reading, voice_code(code), clip_words)
            for reading, code, clip_words in zip(readings, languages, words, strict=True)
        ]

    def batch_size(self, window: float) -> int:
        """See `Recognizer.batch_size`."""
        width = self._silence.shape[1]
        shape = memory.Shape(width, _LAYERS.get(width, 32), _VOCABULARY, 2 if self.device == "cuda" else 4)
        free = memory.free_bytes() if self.device == "cpu" else memory.free_card_bytes()
        return memory.batch_size(shape, window + TAIL_S, self.beam_size, free // self.at_once, self.device)

    def _encode(self, clips: Sequence[Samples], window: float) -> Array:
        """What the encoder makes of the clips, with the tail of its silence: ``(clips, frames, width)``."""
        features = self._run_encoder(clips, window)
        tail = self._silence[features.shape[1] : features.shape[1] + round(TAIL_S / FRAME_S)]
        return np.concatenate([features, np.broadcast_to(tail, (len(features), *tail.shape))], 1)

    def _run_encoder(self, clips: Sequence[Samples], window: float) -> Array:
        frames = round(window * _FRAMES_PER_S)
        mels = np.stack([self._mel(clip, window)[:, :frames] for clip in clips])
        # To the processor's memory: the tail is put on there, and with several cards any of them may go on.
        return np.asarray(self._model.model.encode(_storage(mels), to_cpu=True))

    def _mel(self, clip: Samples, window: float) -> Array:
        sound = np.zeros(round(window * SAMPLE_RATE_HZ), np.float32)
        sound[: len(clip)] = clip[: len(sound)]
        return np.asarray(self._model.feature_extractor(sound, padding=0), dtype=np.float32)

    def _read(self, features: Array, first: Sequence[list[int]], tokenizer: Any, temperature: float) -> list[Reading]:
        if temperature:
            search: dict[str, Any] = {
                "beam_size": 1, "num_hypotheses": BEST_OF, "sampling_topk": 0, "sampling_temperature": temperature,
            }  # fmt: skip
        else:
            search = {"beam_size": self.beam_size}
        results = self._model.model.generate(
            _storage(features),
            list(first),
            max_length=min(self._model.max_length, len(first[0]) + 224),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=_suppressed_tokens(tokenizer),
            **search,
        )
        return [_reading(tokenizer, result) for result in results]

    def _words(
        self, features: Array, tokenizers: Sequence[Any], readings: Sequence[Reading], seconds: Sequence[float]
    ) -> list[tuple[Word, ...]]:
        words: list[tuple[Word, ...]] = [()] * len(readings)
        by_start: dict[tuple[int, ...], list[int]] = {}  # the library takes one language at a time
        for index, reading in enumerate(readings):
            if reading.tokens and not reading.silent:
                by_start.setdefault(tuple(tokenizers[index].sot_sequence), []).append(index)
        for start, indices in by_start.items():
            alignments = self._model.model.align(
                _storage(features[indices]),
                list(start),
                [list(readings[index].tokens) for index in indices],
                # In frames of the spectrogram, of which the encoder makes one of two.
                [max(2, min(2 * features.shape[1], round(seconds[i] * _FRAMES_PER_S))) for i in indices],
            )
            for index, alignment in zip(indices, alignments, strict=True):
                words[index] = _aligned_words(tokenizers[index], readings[index].tokens, alignment)
        return words

    def _languages(self, features: Array, language: str) -> list[str]:
        """Whisper's code of each clip's language."""
        code = "en" if self.english_only else whisper_code(language)
        if code:
            return [code] * len(features)
        probabilities = self._model.model.detect_language(_storage(features))
        return [str(likely[0][0])[2:-2] for likely in probabilities]

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._model.hf_tokenizer, not self.english_only, task="transcribe", language=language)

    def _first_tokens(self, tokenizer: Any, prompt: str) -> list[int]:
        before = tokenizer.encode(" " + prompt.strip()) if prompt.strip() else []
        return [int(token) for token in self._model.get_prompt(tokenizer, before, without_timestamps=True)]

    def _transcribe_long(self, samples: Samples, options: DecodeOptions) -> Transcript:
        """A clip of several windows, by the library's own loop."""
        segments, info = self._model.transcribe(
            samples,
            language="en" if self.english_only else whisper_code(options.language),
            beam_size=self.beam_size,
            temperature=[0.0, *TEMPERATURES],
            condition_on_previous_text=False,
            initial_prompt=options.prompt or None,
            word_timestamps=options.words,
        )
        language = voice_code(info.language)
        return join_segments([_transcript_of_segment(part, language) for part in segments], language)


def load(folder: Path, name: str, device: str = "cpu", beam_size: int = 5) -> FasterWhisper:
    """Load a model folder; never reaches for the network.

    Args:
        folder: holds model.bin, config.json and tokenizer.json.
        name: what errors call the model.
        device: ``cpu`` or ``cuda`` (all cards there are). Raises RuntimeError where CUDA's libraries are not the ones
            CTranslate2 wants.

    Raises:
        UserError: ``asr.broken_model``.
    """
    import ctranslate2
    from faster_whisper import WhisperModel

    ctranslate2.set_random_seed(0)
    cuda = device == "cuda"
    # Several batches at a time, each on few threads: threads that share one wait for each other at every layer,
    # which on a busy machine costs far more than it gains.
    cores = len(os.sched_getaffinity(0))
    cards = list(range(ctranslate2.get_cuda_device_count())) if cuda else [0]
    at_once = max(1, len(cards)) if cuda else min(_AT_ONCE, cores)
    try:
        model = WhisperModel(
            str(folder),
            device=device,
            device_index=cards or [0],
            compute_type="float16" if cuda else "int8",
            cpu_threads=max(1, cores // at_once),
            num_workers=1 if cuda else at_once,
            local_files_only=True,
        )
        recognizer = FasterWhisper(model, name, device, beam_size, at_once)
        if cuda:
            # Missing CUDA libraries show only at the first use.
            recognizer.transcribe([np.zeros(SAMPLE_RATE_HZ, np.float32)], DecodeOptions("en"))
    except (RuntimeError, ValueError, OSError) as error:
        if cuda:
            raise RuntimeError(str(error)) from error
        raise UserError(
            "asr.broken_model",
            "The recognition model in {path} could not be read ({what}).",
            "Delete it and download it again, or choose another model.",
            path=str(folder),
            what=reason_of(error),
        ) from error
    return recognizer


def _storage(array: npt.NDArray[Any]) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def _suppressed_tokens(tokenizer: Any) -> list[int]:
    from faster_whisper.transcribe import get_suppressed_tokens

    return list(get_suppressed_tokens(tokenizer, [-1]))


def _reading(tokenizer: Any, result: Any) -> Reading:
    tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
    text = tokenizer.decode(tokens).strip()
    # The score is a mean over the tokens without the end; its probability is in the sum.
    mean = result.scores[0] * len(result.sequences_ids[0]) / (len(result.sequences_ids[0]) + 1)
    return Reading(tuple(tokens), text, mean, result.no_speech_prob, compression_ratio(text))


def _aligned_words(tokenizer: Any, tokens: Sequence[int], alignment: Any) -> tuple[Word, ...]:
    begins: dict[int, float] = {}
    for token, frame in alignment.alignments:
        begins.setdefault(token, frame * FRAME_S)
    pieces, groups = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
    times = [begins[token] for token in range(len(tokens) + 1)]
    lengths = [len(group) for group in groups[:-1]]
    return timed_words(pieces[:-1], lengths, times, alignment.text_token_probs, tokenizer.language_code)


def _transcript_of_segment(part: Any, language: str) -> Transcript:
    words = tuple(Word(word.start, word.end, word.word.strip(), word.probability) for word in part.words or ())
    sure, quiet, repeats = part.avg_logprob, part.no_speech_prob, part.compression_ratio
    return Transcript(part.text, confidence(sure), sure, quiet, repeats, language, words)
