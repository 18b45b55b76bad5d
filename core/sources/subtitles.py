"""Subtitles as words with times: SRT and WebVTT as they are found in the world, rolling captions among them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import UserError
from core.records import Word

ENDINGS = (".srt", ".vtt")
_MOST_BYTES = 20_000_000  # 100 hours of subtitles have less
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-+>\s*{_TIME}(?:\s.*)?$")
_INLINE = re.compile(rf"<{_TIME}>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[^<>]*\d:\d\d[^<>]*>|\{\\[^{}]*\}")
_SOUND = re.compile(r"\[[^\[\]]*\]|[♪♫♩♬#]+(?=\s|$)|[♪♫♩♬]")
_IN_PARENTHESES = re.compile(r"^\s*[-–]?\s*\([^()]*\)\s*$")
_SPEAKER = re.compile(r"^\s*(?:[-–—]\s+|>>+\s*)*(?:([^\W\d_][\w .'’-]{0,30}?(?:\s*\([^()]*\))?):(?=\s|$)\s*)?")
_NUMBERED = re.compile(r"(?i)^(speaker|falante|sprecher|locutor|orador|voz|hablante|interlocuteur)\s*\d+$")
# A word; in writing without spaces (Chinese, Japanese) a letter with the marks that follow it.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff][、。，！？：；」』）]*|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_TOUCHING_S = 0.3
_SLOWEST_S = 0.25  # a letter: nobody speaks more slowly, so a cue that stands longer is only shown longer


@dataclass(frozen=True, slots=True)
class Damaged:
    """A cue that was skipped: the line of its times, counted from 1, and what stands there."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class _Cue:
    """Words of one cue and when it is shown; a word has its own start where the file says one."""

    start_s: float
    end_s: float
    words: tuple[tuple[str, float | None], ...]


def words_of(
    text_or_path: str | Path,
    kind: str = "",
    on_damaged: Callable[[Damaged], object] | None = None,
    *,
    name: str = "",
) -> list[Word]:
    """The words of subtitles in order, with times in seconds.

    Inside a cue times are interpolated by letters, unless the file gives each word its own. Lines that rolling captions
    repeat come once. Tags, names of speakers and descriptions of sounds are left out.

    Args:
        text_or_path: a file, or its content.
        kind: ``srt`` or ``vtt``; empty is found out.
        on_damaged: told of each cue that could not be understood and is skipped.
        name: what the person calls the file, for the error.

    Raises:
        UserError: ``subtitles.none``: there is no cue in it.
    """
    name = name or (text_or_path.name if isinstance(text_or_path, Path) else "")
    text = read_text(text_or_path) if isinstance(text_or_path, Path) else text_or_path
    cues: list[_Cue] = []
    for found in _cues(text, kind.lstrip(".").lower() or _kind(text)):
        if isinstance(found, Damaged):
            if on_damaged:
                on_damaged(found)
        else:
            cues.append(found)
    if not cues:
        raise UserError(
            "subtitles.none",
            "There are no subtitles in “{name}”.",
            "Choose an SRT or VTT file with times, or leave it out: recognition writes the text.",
            name=name or kind or "text",
        )
    cues.sort(key=lambda cue: cue.start_s)
    if _rolls(cues):
        cues = _unrolled(cues)
    return [word for cue in _apart(cues) for word in _timed(cue)]


def evenly(text: str, start_s: float, end_s: float) -> list[Word]:
    """The words of a known text spread over a span of sound by their letters."""
    words = tuple((word, None) for word in _WORD.findall(text))
    return _spread(words, start_s, end_s)


def read_text(path: Path) -> str:
    """The content of a text file, as far as texts of recordings go."""
    with open(path, "rb") as file:
        return decoded(file.read(_MOST_BYTES))


def decoded(data: bytes) -> str:
    """Text in whichever encoding it is: UTF-8, UTF-16 with its mark, or Windows' western one."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _kind(text: str) -> str:
    return "vtt" if text.lstrip("\ufeff \t\r\n").startswith("WEBVTT") else "srt"


def _cues(text: str, kind: str) -> Iterator[_Cue | Damaged]:
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    timings = [number for number, line in enumerate(lines) if "->" in line and ("-->" in line or _TIMING.match(line))]
    for number, following in zip(timings, [*timings[1:], len(lines)], strict=False):
        found = _TIMING.match(lines[number])
        if not found or _seconds(found.groups()[4:]) <= _seconds(found.groups()[:4]):
            yield Damaged(number + 1, lines[number].strip()[:80])
            continue
        body = _body(lines[number + 1 : following], kind, following < len(lines))
        start_s, end_s = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        words = tuple(_words(body))
        if words:
            yield _Cue(start_s, end_s, words)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((fraction or "0").ljust(3, "0")) / 1000


def _body(lines: list[str], kind: str, more: bool) -> list[str]:
    """The lines of a cue without what belongs to the next one."""
    if kind == "vtt" and "" in lines:  # a line of spaces is none: rolling captions have them
        return lines[: lines.index("")]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if more and lines and lines[-1].strip().isdigit():
        lines = lines[:-1]  # the number of the next cue, with or without an empty line before it
    return lines


def _words(lines: list[str]) -> Iterator[tuple[str, float | None]]:
    for line in lines:
        at: float | None = None
        first = True
        for index, piece in enumerate(_pieces(line)):
            if index % 2:
                at = float(piece)
                continue
            plain = html.unescape(_TAG.sub("", piece)).replace("\u200b", "").replace("\ufeff", "")
            plain = "" if _IN_PARENTHESES.match(plain) else _SOUND.sub(" ", plain)
            if first:
                plain = _without_speaker(plain)
            for word in _WORD.findall(plain):
                first = False
                if any(letter.isalnum() for letter in word):
                    yield word, at
                    at = None


def _pieces(line: str) -> list[str]:
    """Text and times in turn, the times as seconds: ``["hello", "1.5", " world"]``."""
    pieces, last = [], 0
    for found in _INLINE.finditer(line):
        pieces += [line[last : found.start()], str(_seconds(found.groups()))]
        last = found.end()
    return [*pieces, line[last:]]


def _without_speaker(line: str) -> str:
    """``>> JOHN: Hello`` → ``Hello``. A name is taken for one only in capitals, or as “Speaker 2”."""
    found = _SPEAKER.match(line)
    if not found:
        return line
    name = found.group(1)
    if name and not (name.isupper() and len(name) > 1 or _NUMBERED.match(name)):
        return line[found.start(1) :]
    return line[found.end() :]


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _overlap(before: _Cue, after: _Cue) -> int:
    """How many words at the start of a cue are the last ones of the cue before."""
    if after.start_s - before.end_s > _TOUCHING_S:
        return 0
    old, new = ([_plain(word) for word, _ in cue.words] for cue in (before, after))
    return next((size for size in range(min(len(old), len(new)), 0, -1) if old[-size:] == new[:size]), 0)


def _rolls(cues: list[_Cue]) -> bool:
    """Whether cues repeat the words of the one before, so that the picture seems to roll."""
    pairs = list(zip(cues, cues[1:], strict=False))
    repeated = sum(size >= min(2, len(before.words)) for before, after in pairs if (size := _overlap(before, after)))
    return repeated >= 2 and repeated >= 0.3 * len(pairs)


def _unrolled(cues: list[_Cue]) -> list[_Cue]:
    """Each word once, where it first comes."""
    fresh = [cues[0]]
    for before, cue in zip(cues, cues[1:], strict=False):
        words = cue.words[_overlap(before, cue) :]
        if words:
            fresh.append(replace(cue, words=words))
    return fresh


def _apart(cues: list[_Cue]) -> list[_Cue]:
    """Cues that follow each other: two at once become one, an overlap ends the earlier one."""
    apart: list[_Cue] = []
    for cue in cues:
        last = apart[-1] if apart else None
        if last and (cue.start_s - last.start_s < 0.05 or cue.end_s <= last.end_s):
            apart[-1] = _Cue(last.start_s, max(last.end_s, cue.end_s), last.words + cue.words)
            continue
        if last and cue.start_s < last.end_s:
            apart[-1] = replace(last, end_s=cue.start_s)
        apart.append(cue)
    return apart


def _timed(cue: _Cue) -> list[Word]:
    """The words of a cue, those between two known times spread over what lies between."""
    result: list[Word] = []
    run: list[tuple[str, float | None]] = []
    start_s = cue.start_s
    for word, at in cue.words:
        if at is not None and run and start_s < at < cue.end_s:
            result += _spread(tuple(run), start_s, at)
            run, start_s = [], at
        run.append((word, at))
    return result + _spread(tuple(run), start_s, cue.end_s)


def _spread(words: tuple[tuple[str, float | None], ...], start_s: float, end_s: float) -> list[Word]:
    weights = [len(_plain(word)) + 1 for word, _ in words]
    total = sum(weights)
    if not total:
        return []
    per_letter = min((end_s - start_s) / total, _SLOWEST_S)
    result = []
    for (word, _), weight in zip(words, weights, strict=True):
        until = start_s + weight * per_letter
        result.append(Word(round(start_s, 3), round(until, 3), word))
        start_s = until
    return result
