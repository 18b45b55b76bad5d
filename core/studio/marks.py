"""Marks in a text: ``[pause 1.5s]``, ``[voice Ana]``, ``# headings``; lines made of texts, and texts of lines."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from core.studio.line import LONGEST_PAUSE_S, Line
from core.studio.sentences import Fits, lines_of
from core.text import clean_text, has_ssml, without_tags

_MARK = re.compile(
    r"\[[ \t]*(?:(?:pause|pausa)[ \t:]+(?P<amount>\d{1,6}(?:[.,]\d{1,6})?)[ \t]*(?P<unit>ms|s)?"
    r"|(?P<voice>/?[ \t]*(?:voice|voz))(?:[ \t:]+(?P<name>[^\[\]\n]{1,80}?))?)[ \t]*\]",
    re.IGNORECASE,
)
_HEADING = re.compile(r"(#{1,6}) (.+)")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
# A newline after such a sign begins a paragraph; after any other, lines were only wrapped.
_CLOSED = re.compile(r"[.!?…:。！？।؟][\"'”’»)\]]*[ \t]*$|\][ \t]*$")
_SSML_BREAK = re.compile(
    r"<\s*break\b[^>]{0,300}?time\s*=\s*[\"']\s*([\d.]{1,8}\s*m?s)\s*[\"'][^>]{0,300}>", re.IGNORECASE
)
_SSML_VOICE = re.compile(
    r"<\s*voice\b[^>]{0,300}?name\s*=\s*[\"']([^\"'<>\[\]\n]{1,80})[\"'][^>]{0,300}>", re.IGNORECASE
)
_SSML_VOICE_END = re.compile(r"<\s*/\s*voice\s*>", re.IGNORECASE)
_SSML_BLOCK = re.compile(r"<\s*/?\s*(?:p|s|speak)\b[^>]{0,300}>|<\s*break\b[^>]{0,300}>", re.IGNORECASE)


def lines_from(text: str, language: str, fits: Fits, earlier: Sequence[Line] = ()) -> list[Line]:
    """A text as lines; those of paragraphs that were in the text before stay the lines they were.

    Args:
        text: with marks; SSML is taken as the marks that mean the same.
        language: of the text.
        fits: whether a line is short enough to be said in one go.
        earlier: the lines of the text as it was.

    Returns:
        Lines in their order, new ones with the id 0.
    """
    by_content: dict[tuple[str, str], deque[list[Line]]] = {}
    voice_before = ""
    for paragraph in _paragraphs_of(earlier):
        by_content.setdefault((voice_before, _paragraph_text(paragraph, voice_before)), deque()).append(paragraph)
        voice_before = paragraph[-1].voice
    lines: list[Line] = []
    voice_before = ""
    for paragraph_text in _paragraph_texts(plain_marks(text)):
        if same := by_content.get((voice_before, paragraph_text)):
            lines += same.popleft()
            voice_before = lines[-1].voice
        else:
            new, voice_before = _parsed(paragraph_text, voice_before, language, fits)
            lines += new
    return lines


def lines_instead(line: Line, text: str, language: str, fits: Fits) -> list[Line]:
    """What becomes of one line whose text a person changed: nothing, one line (with the same id), or several."""
    text = " ".join(plain_marks(text).split())
    prefix = "#" * line.heading + " " if line.heading and not _HEADING.fullmatch(text) else ""
    lines, _ = _parsed(f"{prefix}{text}", line.voice, language, fits)
    if not lines:
        return []
    first = lines[0].having(id=line.id, settings=line.settings, seed=line.seed)
    lines = [first, *(other.having(settings=line.settings) for other in lines[1:])]
    return [*lines[:-1], lines[-1].having(ends_paragraph=line.ends_paragraph)]


def text_of(lines: Iterable[Line]) -> str:
    """The text with its marks, of which `lines_from` makes these lines again."""
    texts, voice_before = [], ""
    for paragraph in _paragraphs_of(lines):
        texts.append(_paragraph_text(paragraph, voice_before))
        voice_before = paragraph[-1].voice
    return "\n\n".join(texts)


def line_text(line: Line) -> str:
    """One line as a person changes it: its text and the pause after it; who says it stands elsewhere."""
    return " ".join(filter(None, (line.text, _pause_mark(line))))


def plain_marks(text: str) -> str:
    """The text with unified ends of lines, and SSML's breaks, voices and paragraphs as marks of ours."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    text = text.replace("\f", "\n\n")
    if not has_ssml(text):
        return text
    text = _SSML_BREAK.sub(r" [pause \1] ", text)
    text = _SSML_VOICE_END.sub(" [voice] ", _SSML_VOICE.sub(r" [voice \1] ", text))
    return without_tags(_SSML_BLOCK.sub("\n\n", text))


def _paragraph_texts(text: str) -> Iterator[str]:
    for block in _BLANK.split(text):
        so_far: list[str] = []
        for row in block.split("\n"):
            if _HEADING.match(row.lstrip()) and (title := _title(row)):
                yield from _joined(so_far)
                so_far = []
                yield title
                continue
            so_far.append(row)
            if _CLOSED.search(row[-80:]):
                yield from _joined(so_far)
                so_far = []
        yield from _joined(so_far)


def _title(row: str) -> str:
    """A heading as it is kept; empty if it has no words."""
    signs, _, words = row.strip().partition(" ")
    words = clean_text(words.rstrip("# \t"))
    return f"{signs} {words}" if any(map(str.isalnum, words)) else ""


def _joined(rows: list[str]) -> Iterator[str]:
    if text := clean_text(" ".join(rows)):
        yield text


def _parsed(text: str, voice: str, language: str, fits: Fits) -> tuple[list[Line], str]:
    """The lines of one paragraph, or of one title, and who speaks after it."""
    heading = 0
    if match := _HEADING.fullmatch(text):
        heading, text = len(match[1]), match[2]
    lines: list[Line] = []
    at = 0
    for mark in _MARK.finditer(text):
        lines += _said(text[at : mark.start()], voice, heading, language, fits)
        at = mark.end()
        if mark["amount"]:
            pause_s = min(
                float(mark["amount"].replace(",", ".")) / (1000 if mark["unit"] == "ms" else 1), LONGEST_PAUSE_S
            )
            if lines:
                pause_s = min(LONGEST_PAUSE_S, pause_s + (lines[-1].pause_s or 0.0))
                lines[-1] = lines[-1].having(pause_s=pause_s)
            else:
                lines.append(Line(text="", voice=voice, pause_s=pause_s, heading=heading))
        else:
            voice = "" if mark["voice"].startswith("/") else clean_text(mark["name"] or "")
    lines += _said(text[at:], voice, heading, language, fits)
    return ([*lines[:-1], lines[-1].having(ends_paragraph=True)] if lines else []), voice


def _said(text: str, voice: str, heading: int, language: str, fits: Fits) -> list[Line]:
    pieces = lines_of(text.strip(), language, fits) if text.strip() else []
    return [Line(text=piece, voice=voice, heading=heading) for piece in pieces]


def _paragraphs_of(lines: Iterable[Line]) -> Iterator[list[Line]]:
    number = 0

    def place(line: Line) -> int:
        nonlocal number
        own = number
        number += line.ends_paragraph
        return own

    for _, paragraph in groupby(lines, key=place):
        yield list(paragraph)


def _paragraph_text(lines: Sequence[Line], voice_before: str) -> str:
    heading = lines[0].heading
    parts = ["#" * heading] if heading else []
    for line in lines:
        if line.voice != voice_before:
            parts.append(f"[voice {line.voice}]" if line.voice else "[voice]")
            voice_before = line.voice
        parts.append(line_text(line))
    return " ".join(filter(None, parts))


def _pause_mark(line: Line) -> str:
    return "" if line.pause_s is None else f"[pause {line.pause_s:g}s]"
