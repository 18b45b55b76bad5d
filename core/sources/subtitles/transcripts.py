"""Transcripts with times: Audacity's labels, Whisper's .txt and .tsv, what YouTube and meetings show to copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from core.sources.subtitles.captions import Caption, DamagedCaption

_LABEL = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\t(\d+(?:[.,]\d+)?)(?:\t(.*))?$")
_CLOCK = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:[.,]\d{1,6})?)"
_BRACKET_LINE = re.compile(rf"^\s*\[\s*{_CLOCK}\s*[-–—]+>?\s*{_CLOCK}\s*\]:?\s*(.*)$")
_STAMP_LINE = re.compile(rf"^\s*(?:\[{_CLOCK}\]|\({_CLOCK}\)|{_CLOCK})(?:\s*[-–—:]?\s+(.*)|\s*)$")
# A line that ends with a time, as before what each speaker says: of which kind, nobody can tell.
_SPEAKER_LINE = re.compile(rf"^.{{0,60}}\b{_CLOCK}(?::\d{{2}})?\s*[\])]?$")
_LOOKED_AT = 200  # lines
_LEAST_SHARE = 0.3  # of lines begin with a time: each may be followed by some of text
_LEAST_HEADED = 0.15
_LAST_S = 30.0  # how long the last goes on at most; words take less
_UNSPOKEN = re.compile(r"^\\\t")  # Audacity's frequencies


def kind_of_transcript(text: str) -> str:
    """``labels`` (seconds), ``milliseconds``, ``bracketed``, ``stamped`` (each lasts to the next), or "".

    ``unread`` has times, but where they belong cannot be told: it must not be taken for plain text.
    """
    lines = [line for line in text.split("\n") if line.strip() and not _UNSPOKEN.match(line)]
    if lines and re.fullmatch(r"start\tend\ttext", lines[0].strip().lower()):
        return "milliseconds"
    lines = lines[:_LOOKED_AT]
    if lines and sum(bool(_LABEL.match(line)) for line in lines) >= 0.8 * len(lines):
        return "labels"
    if lines and sum(bool(_BRACKET_LINE.match(line)) for line in lines) >= 0.5 * len(lines):
        return "bracketed"
    times = [_stamp(match) for line in lines if (match := _STAMP_LINE.match(line))]
    is_rising = all(before <= after for before, after in zip(times, times[1:], strict=False))
    if len(times) > 1 and len(times) >= _LEAST_SHARE * len(lines) and is_rising:
        return "stamped"
    speaker_lines = sum(bool(_SPEAKER_LINE.match(line.strip())) for line in lines)
    return "unread" if speaker_lines > 1 and speaker_lines >= _LEAST_HEADED * len(lines) else ""


def read_transcript(kind: str) -> Callable[[str], Iterator[Caption | DamagedCaption]]:
    """The reader of a kind of transcript."""
    if kind == "stamped":
        return _stamps
    return _brackets if kind == "bracketed" else lambda text: _labels(text, 1000.0 if kind == "milliseconds" else 1.0)


def _labels(text: str, unit: float) -> Iterator[Caption | DamagedCaption]:
    for number, line in enumerate(text.split("\n"), 1):
        match = _LABEL.match(line)
        if not match:
            if line.strip() and not _UNSPOKEN.match(line) and number > 1:
                yield DamagedCaption(number, line.strip()[:80])
            continue
        start_s, end_s = (float(part.replace(",", ".")) / unit for part in match.groups()[:2])
        if end_s > start_s:
            yield Caption(start_s, end_s, [match[3] or ""])
        elif (match[3] or "").strip():
            yield DamagedCaption(number, line.strip()[:80])  # a point in time has no text of a length


def _brackets(text: str) -> Iterator[Caption | DamagedCaption]:
    for number, line in enumerate(text.split("\n"), 1):
        match = _BRACKET_LINE.match(line)
        start_s, end_s = (_seconds(match.groups()[at : at + 3]) for at in (0, 3)) if match else (0.0, 0.0)
        if match and end_s > start_s:
            yield Caption(start_s, end_s, [match[7]])
        elif line.strip():
            yield DamagedCaption(number, line.strip()[:80])


def _stamps(text: str) -> Iterator[Caption | DamagedCaption]:
    parts: list[tuple[float, list[str]]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if match := _STAMP_LINE.match(line):
            parts.append((_stamp(match), [match[10] or ""]))
        elif parts:
            parts[-1][1].append(line)
        elif line.strip():
            yield DamagedCaption(number, line.strip()[:80])  # before the first time: a title
    for (start_s, lines), following in zip(parts, [*parts[1:], None], strict=True):
        end_s = following[0] if following else start_s + _LAST_S
        if end_s > start_s:
            yield Caption(start_s, end_s, lines)


def _stamp(match: re.Match[str]) -> float:
    groups = match.groups()
    return next(_seconds(groups[at : at + 3]) for at in (0, 3, 6) if groups[at + 1] is not None)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, whole_seconds = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float((whole_seconds or "0").replace(",", "."))
