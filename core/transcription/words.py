"""Word timestamps: from where the decoder looks in the sound to words with times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.audio.samples import Samples
from core.project.records import Word

FRAME_S = 0.02  # of the encoder's output
SPACELESS = frozenset(("zh", "ja", "th", "lo", "my", "yue"))  # written without spaces: pieces are single characters
_OPENING = "\"'“¿([{-"
_LONGEST_LETTER_S = 0.25  # nobody speaks more slowly: what lasts longer has a pause in it
_LONGEST_EXTRA_S = 0.3
_LEVEL_S = 0.01  # of which a level is looked at
_FAINT = 1e-3  # of a word's loudest power, 30 dB below it: less is no part of it
_LONGEST_ONSET_S = 0.2  # a word may begin that faintly
_ONSET_S = 0.05


def warp(cost: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Dynamic time warping: for each row (token) the column (frame) at which it begins.

    Args:
        cost: shape ``(tokens, frames)``.

    Steps go one token on, one frame on, or both, as in openai-whisper's ``timing.dtw_cpu``. Whole anti-diagonals are
    computed at once, so that no compiler is needed.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    step = np.zeros((rows + 1, columns + 1), dtype=np.int8)
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        ways = np.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
        # On a tie the library's order decides: it stays with the token.
        diagonal_step = (ways[0] < ways[1]) & (ways[0] < ways[2])
        token = ~diagonal_step & (ways[1] < ways[0]) & (ways[1] < ways[2])
        way = np.where(diagonal_step, 0, np.where(token, 1, 2))
        step[i, j] = way
        total[i, j] = cost[i - 1, j - 1] + ways[way, np.arange(len(i))]
    begins = np.zeros(rows, dtype=np.int64)
    i, j = rows, columns
    while i > 0 and j > 0:
        begins[i - 1] = j - 1
        way = step[i, j]
        i, j = (i - 1, j - 1) if way == 0 else (i - 1, j) if way == 1 else (i, j - 1)
    return begins


def timed_words(
    pieces: Sequence[str],
    lengths: Sequence[int],
    begins_s: Sequence[float],
    probabilities: Sequence[float],
    language: str,
) -> tuple[Word, ...]:
    """Words of a clip with their times in seconds of the clip; punctuation belongs to the word it stands at.

    Args:
        pieces: what the tokenizer calls words, with their leading spaces; without the end mark.
        lengths: how many tokens each has.
        begins_s: when each token begins, and after the last one when the text ends.
        probabilities: of each token.
        language: Whisper's code.
    """
    words: list[Word] = []
    at, opening = 0, ""
    for piece, length in zip(pieces, lengths, strict=True):
        start_s, end_s = float(begins_s[at]), float(begins_s[at + length])
        probability = float(np.mean(probabilities[at : at + length]))
        at += length
        text = piece.strip()
        if text and all(char in _OPENING for char in text) and (piece[0].isspace() or language in SPACELESS):
            opening += text
        elif words and not opening and _belongs(piece, language):
            last = words[-1]
            text_so_far = last.text + text
            # A mark takes no time of its own: what is spent on it is the pause after the word.
            until_s = end_s if any(char.isalnum() for char in text) else last.end_s
            words[-1] = Word(last.start_s, until_s, text_so_far, last.probability)
        elif text:
            words.append(Word(start_s, end_s, opening + text, round(probability, 4)))
            opening = ""
    return tuple(_without_pause(word) for word in words)


def without_silence(words: Sequence[Word], samples: Samples, rate: int) -> list[Word]:
    """Words that begin where their sound does: the first after a pause is told from the pause on.

    Args:
        words: with times in seconds of ``samples``.
        samples: float32 mono.
        rate: of them, in Hz.
    """
    length = round(_LEVEL_S * rate)
    count = len(samples) // length
    power = np.square(samples[: count * length].astype(np.float64)).reshape(count, length).mean(axis=1)
    result = []
    for word in words:
        first = int(word.start_s / _LEVEL_S)
        span = power[first : max(first, int(np.ceil(word.end_s / _LEVEL_S)))]
        if len(span) and span.max() > 0:
            silence_s = _LEVEL_S * int(np.argmax(span > _FAINT * span.max()))
            if silence_s > _LONGEST_ONSET_S:
                word = Word(round(word.start_s + silence_s - _ONSET_S, 3), word.end_s, word.text, word.probability)
        result.append(word)
    return result


def _belongs(piece: str, language: str) -> bool:
    """Whether a piece goes on with the word before it."""
    if not any(char.isalnum() for char in piece):
        return True
    return language not in SPACELESS and not piece[:1].isspace()


def _without_pause(word: Word) -> Word:
    letters = sum(char.isalnum() for char in word.text)
    longest_s = _LONGEST_EXTRA_S + _LONGEST_LETTER_S * max(1, letters)
    return Word(word.start_s, min(word.end_s, word.start_s + longest_s), word.text, word.probability)
