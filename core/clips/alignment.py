"""Word alignment: when the words of a text are said, as recognised or, where a person wrote others, between those."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from core.clips.cut import text_between
from core.project.records import Clip, Word

_Times = tuple[float, float]
# A word; in writing without spaces a letter with the mark that follows it.
_DENSE, _MARKS = "\u3040-\u30ff\u3400-\u9fff", "。、，！？：；」』）"
_TOKEN = re.compile(f"[{_DENSE}][{_MARKS}]*|[^\\s{_DENSE}]+")


def token_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of a text begins and ends in it; in writing without spaces, each letter."""
    return [match.span() for match in _TOKEN.finditer(text)]


def within(words: Iterable[Word], start_s: float, end_s: float) -> list[Word]:
    """The words whose middle lies in a stretch."""
    return [word for word in words if start_s <= _middle(word) < end_s]


def timed_words(clip: Clip, words: Sequence[Word]) -> list[Word]:
    """Every word of a clip's text with its time.

    A word that was recognised too has that time and probability; what stands between two such shares the time between
    them by letters, so that corrections keep their place. Without recognised words the clip is shared out.

    Args:
        clip: whose text.
        words: what is known of its recording, in seconds of it.
    """
    tokens = _TOKEN.findall(clip.text)
    near = within(words, clip.start_s, clip.end_s)
    times: list[_Times | None] = [None] * len(tokens)
    sure: dict[int, float | None] = {}
    matcher = SequenceMatcher(None, [_plain(word) for word in tokens], [_plain(word.text) for word in near], False)
    for operation, first, last, begin, until in matcher.get_opcodes():
        if operation == "equal" or (operation == "replace" and last - first == until - begin):
            for index in range(last - first):
                times[first + index] = (near[begin + index].start_s, near[begin + index].end_s)
                if operation == "equal":
                    sure[first + index] = near[begin + index].probability
    spans = _fill_gaps(tokens, times, clip.start_s, clip.end_s)
    return [Word(*span, token, sure.get(place)) for place, (token, span) in enumerate(zip(tokens, spans, strict=True))]


def text_spoken_between(clips: Sequence[Clip], words: Sequence[Word], start_s: float, end_s: float) -> str:
    """What is said in a stretch: the text of clips that lie there, and words where no clip has a text.

    A clip's text is kept whole where nothing tells when its words are said and the stretch holds the clip's middle.
    """
    with_text = [clip for clip in clips if clip.text]
    loose = [
        word
        for word in within(words, start_s, end_s)
        if not any(clip.start_s <= _middle(word) < clip.end_s for clip in with_text)
    ]
    if not with_text:
        return text_between(loose, start_s, end_s)  # as recognised, with the spaces it put
    words_in = [replace(word, text=word.text.strip()) for word in loose]
    for clip in with_text:
        if within(words, clip.start_s, clip.end_s):
            words_in += within(timed_words(clip, words), start_s, end_s)
        elif start_s <= (clip.start_s + clip.end_s) / 2 < end_s:
            words_in.append(Word(clip.start_s, clip.end_s, clip.text))
    return text_between(sorted(words_in, key=_middle), start_s, end_s)


def _fill_gaps(tokens: Sequence[str], times: Sequence[_Times | None], start_s: float, end_s: float) -> list[_Times]:
    """The gaps in ``times`` shared out by letters between what is known around them."""
    spans: list[_Times] = []
    index = 0
    while index < len(tokens):
        time = times[index]
        if time is not None:
            spans.append(time)
            index += 1
            continue
        last = next((at for at in range(index, len(tokens)) if times[at] is not None), len(tokens))
        after = times[last] if last < len(tokens) else None
        begin_s = spans[-1][1] if spans else start_s
        until_s = max(begin_s, after[0] if after else end_s)
        letters = [len(token) + 1 for token in tokens[index:last]]
        for number, length in enumerate(letters):
            begin = begin_s + (until_s - begin_s) * sum(letters[:number]) / sum(letters)
            spans.append((begin, begin + (until_s - begin_s) * length / sum(letters)))
        index = last
    return spans


def _middle(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
