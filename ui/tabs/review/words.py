"""The words of a clip under its picture: when each is said, which are doubtful, and what another model heard there."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from core.clips import alignment
from core.clips.review import DOUBTFUL
from core.project.records import Clip, Word
from ui import html
from ui.i18n import Translator

_MOST_WORDS = 400  # a text of more is no clip's, and would cost more to compare than it is worth


@dataclass(frozen=True)
class TextWord:
    """A word of a clip's text.

    ``begin`` and ``end`` are where it stands in the text, in UTF-16 units as a browser counts. ``word`` says when it is
    said, and how sure recognition was. ``other`` is what another model heard in the place of the text up to
    ``other_end``.
    """

    begin: int
    end: int
    word: Word
    other: str = ""
    other_end: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether recognition was unsure of it, or another model heard something else."""
        return bool(self.other) or (self.word.probability is not None and self.word.probability < DOUBTFUL)


def text_words(clip: Clip, words: Sequence[Word]) -> list[TextWord]:
    """The words of a clip's text; none of a text that is too long for a clip.

    Args:
        clip: whose text.
        words: known of its stretch of the recording.
    """
    spans = alignment.token_spans(clip.text)
    if len(spans) > _MOST_WORDS:
        return []
    units = _utf16_offsets(clip.text)
    alternatives = _other_words(clip, [clip.text[begin:end] for begin, end in spans])
    result = []
    timeline = alignment.timed_words(clip, words)
    for place, ((begin, end), word) in enumerate(zip(spans, timeline, strict=True)):
        alternative, count = alternatives.get(place, ("", 0))
        other_end = units[spans[place + count - 1][1]] if alternative else 0
        result.append(TextWord(units[begin], units[end], word, alternative, other_end))
    return result


def words_row(t: Translator, clip: Clip, words: Sequence[TextWord]) -> str:
    """HTML of the words, each a button that plays from it; doubtful ones are marked, and what else was heard can be
    taken."""
    if not words:
        return ""
    items = "".join(_word(t, clip, place, word) for place, word in enumerate(words))
    label = html.e(t("review.words"))
    return (
        f'<div class="vw-words" dir="auto" lang="{html.e(clip.language)}" role="group" aria-label="{label}"'
        f' data-key="words-{html.e(clip.id)}">{items}</div>'
    )


def doubts_as_json(words: Sequence[TextWord]) -> str:
    """Where the doubtful words stand in the text, for the page's script: ``[[begin, end], …]``."""
    return json.dumps([[word.begin, word.end] for word in words if word.is_doubtful])


def _word(t: Translator, clip: Clip, place: int, word: TextWord) -> str:
    timing, title = word.word, ""
    if timing.probability is not None and timing.probability < DOUBTFUL:
        title = t("review.word_sure", percent=f"{timing.probability:.0%}")
    name = f"{timing.text}, {title}" if title else timing.text
    style = " doubt" if word.is_doubtful else ""
    # One stop for the Tab key; arrow keys lead on from there.
    button = (
        f'<button type="button" class="vw-word{style}" data-at="{timing.start_s - clip.start_s:.3f}"'
        f' data-to="{timing.end_s - clip.start_s:.3f}" tabindex="{-1 if place else 0}"'
        f' title="{html.e(title)}" aria-label="{html.e(name)}">{html.e(timing.text)}</button>'
    )
    if not word.other:
        return button
    label = html.e(t("review.take_word", word=word.other))
    return (
        f'<span class="vw-either">{button}<button type="button" class="vw-other" data-begin="{word.begin}"'
        f' data-end="{word.other_end}" data-text="{html.e(word.other)}" title="{label}" aria-label="{label}"'
        f' tabindex="-1">{html.e(word.other)}</button></span>'
    )


def _other_words(clip: Clip, tokens: Sequence[str]) -> dict[int, tuple[str, int]]:
    """By the place of a word of the text: what another model heard, and in the place of how many words."""
    reading = clip.second_text or clip.raw_text
    if not reading or reading == clip.text:
        return {}
    words = [reading[begin:end] for begin, end in alignment.token_spans(reading)][:_MOST_WORDS]
    matcher = difflib.SequenceMatcher(None, [_bare(word) for word in tokens], [_bare(word) for word in words], False)
    alternatives: dict[int, tuple[str, int]] = {}
    for operation, first, last, begin, until in matcher.get_opcodes():
        if operation != "replace":
            continue
        if last - first == until - begin:
            alternatives |= {first + step: (words[begin + step], 1) for step in range(last - first)}
        else:
            alternatives[first] = (" ".join(words[begin:until]), last - first)
    return alternatives


def _bare(word: str) -> str:
    return "".join(char for char in word.casefold() if char.isalnum()) or word


def _utf16_offsets(text: str) -> list[int]:
    """Where each character begins, and the text ends, in UTF-16 units."""
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + (2 if ord(character) > 0xFFFF else 1))
    return offsets
