"""Caption text: what is spoken, without markup, names of speakers, descriptions of sounds and signs for music."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence

from core.sources.subtitles.formats import INLINE, seconds

# A word; in writing without spaces (Chinese, Japanese) a letter with the marks that follow it.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff][、。，！？：；」』）]*|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[^<>]*\d:\d\d[^<>]*>|\{[^{}]*\}")
_BREAK = re.compile(r"\\[Nn]|<\s*br\s*/?\s*>", re.IGNORECASE)
_RUBY = re.compile(r"<(r[tp])\b[^<>]*>.*?(?:</\1>|(?=<r[btp]\b|</ruby>|$))", re.IGNORECASE)
_SOUND = re.compile(r"\[[^\[\]]*\]|［[^［］]*］|【[^【】]*】|[♪♫♩♬]")
# British subtitles have a # at both ends of what is sung; C# and #1 are said.
_SUNG = re.compile(r"^\s*#+(.*?)#+\s*$|(?<!\S)#+(?!\S)")
_IN_PARENTHESES = re.compile(r"^\s*[-–]?\s*[(（][^()（）]*[)）]\s*$")
_SPEAKER = re.compile(
    r"^\s*(?:[-–—‐‑]\s*(?!\d)|>>+\s*)*(?:(?:\([^()]*\)\s*)?([^\W\d_][\w .'’-]{0,30}?(?:\s*\([^()]*\))?):(?=\s|$)\s*)?"
)
_SPEAKER_NUMBER = re.compile(r"(?i)^(speaker|falante|sprecher|locutor|orador|voz|hablante|interlocuteur)\s*\d+$")
_DASH = re.compile(r"^[-–—‐‑]+(?=[^\W\d])")
_SPOKEN_SIGNS = frozenset("%‰&+=§@°±×÷√∞≈≠≤≥№℃℉™©®†")  # by themselves
_BETWEEN_NUMBERS = frozenset("*/<>-−–:^")


def spoken_words(lines: Sequence[str]) -> Iterator[tuple[str, float | None]]:
    """The words of a caption that are said, each with its own start in seconds where the file says one."""
    text = _SOUND.sub(" ", _BREAK.sub("\n", _RUBY.sub("", "\n".join(lines))).replace("\\h", " "))
    if _IN_PARENTHESES.match(text):
        return
    for line in text.split("\n"):
        yield from _spoken_in(line)


def _spoken_in(line: str) -> Iterator[tuple[str, float | None]]:
    words: list[tuple[str, float | None]] = []
    at: float | None = None
    for index, piece in enumerate(_pieces(line)):
        if index % 2:
            at = float(piece)
            continue
        plain = _TAG.sub("", html.unescape(_TAG.sub("", piece)))
        plain = "" if _IN_PARENTHESES.match(plain) else _SUNG.sub(r"\1 ", plain)
        if not words:
            plain = _without_speaker(plain)
        for word in WORD.findall(plain):
            words.append((_DASH.sub("", word), at))
            at = None
    for number, (word, start_s) in enumerate(words):
        before, after = (words[place][0] if 0 <= place < len(words) else "" for place in (number - 1, number + 1))
        if _is_spoken(word, before, after):
            yield word, start_s


def _is_spoken(word: str, before: str, after: str) -> bool:
    if any(letter.isalnum() for letter in word):
        return True
    if len(word) > 1 and len(set(word)) == 1:
        return False  # a line drawn of signs
    if word in _BETWEEN_NUMBERS:
        return before[-1:].isalnum() and any(sign.isdigit() for sign in before + after) and _is_number(after)
    return any(sign in _SPOKEN_SIGNS or unicodedata.category(sign) == "Sc" for sign in word)  # Sc: currencies


def _is_number(word: str) -> bool:
    return any(sign.isdigit() for sign in word) or (len(word.strip(".,!?")) == 1 and word[0].isalpha())


def _pieces(line: str) -> list[str]:
    """Text and times in turn, the times as seconds: ``["hello", "1.5", " world"]``."""
    pieces, last = [], 0
    for match in INLINE.finditer(line):
        pieces += [line[last : match.start()], str(seconds(match.groups()))]
        last = match.end()
    return [*pieces, line[last:]]


def _without_speaker(line: str) -> str:
    """``>> JOHN: Hello`` → ``Hello``. A name is taken for one only in capitals, or as “Speaker 2”."""
    match = _SPEAKER.match(line)
    if not match:
        return line
    name = match.group(1)
    speaker = (name or "").partition("(")[0].strip()
    if name and not ((speaker.isupper() and len(speaker) > 1) or _SPEAKER_NUMBER.match(speaker)):
        return re.sub(r"^\s*(?:[-–—‐‑]\s*(?!\d)|>>+\s*)*", "", line)
    return line[match.end() :]
