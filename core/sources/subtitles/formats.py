"""Files of subtitles as captions with times: SubRip, WebVTT, SubStation, TTML, SubViewer, LRC, MicroDVD.

Read here and not by `pysubs2`: it gives up a whole SubStation file for one broken time, knows one of TTML's name spaces
and none of its frames and ticks, drops the times of single words, and reads neither LRC nor SubViewer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from core.errors import UserError
from core.sources.subtitles.captions import Caption, DamagedCaption
from core.sources.subtitles.transcripts import kind_of_transcript, read_transcript
from core.sources.subtitles.ttml import timed_text

READ = (".srt", ".vtt", ".ass", ".ssa", ".ttml", ".dfxp", ".sbv", ".lrc", ".sub")
UNREAD = (
    ".smi",
    ".sami",
    ".scc",
    ".stl",
    ".sup",
    ".idx",
    ".usf",
    ".mpl",
    ".pjs",
    ".asc",
    ".cap",
    ".itt",
    ".jss",
    ".ttxt",
    ".textgrid",
    ".eaf",
    ".srv1",
    ".srv2",
    ".srv3",
    ".json3",
)
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,9}))?"
_ARROW = r"(?:[-–—−]+\s?>|[→⟶➔])"
_TIMING = re.compile(rf"^\s*{_TIME}\s*{_ARROW}\s*{_TIME}(?:\s.*)?$")
_COMMA_TIMING = re.compile(rf"^\s*{_TIME.replace(',:', ':')}\s*,\s*{_TIME.replace(',:', ':')}\s*$")
INLINE = re.compile(rf"<{_TIME}>")
_LRC_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_LRC_TAG = re.compile(r"^\s*\[([a-zA-Z#]+):(.*)\]\s*$")
_FRAMES = re.compile(r"^\s*\{\s*(\d+)\s*\}\s*\{\s*(\d*)\s*\}(.*)$")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?:\{[^{}]*\\p0[^{}]*\}|$)")
_DIALOGUE = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_LINE_LASTS_S = 30.0  # the last line of a song's text, which has no end


def captions(text: str, ending: str = "", name: str = "") -> Iterator[Caption | DamagedCaption]:
    """The captions in a file's text, in its order.

    Args:
        text: the file's content.
        ending: of its name; what the content shows counts for more.
        name: what the person calls it, for errors.

    Raises:
        UserError: ``subtitles.format``: it is of a kind that is not read; ``subtitles.no_rate``: it counts frames and
            does not say how many make a second.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    kind = kind_of(text) or ending.lower().lstrip(".")
    if kind in ("smi", "binary", "unread") or (f".{kind}" in UNREAD and not _has_timings(text)):
        raise unread(name)
    if kind == "sub":
        return _microdvd(text, name)
    reader: Callable[[str], Iterator[Caption | DamagedCaption]] = _READERS.get(kind, _timed_srt)
    return reader(text)


def unread(name: str) -> UserError:
    """The refusal of a kind of subtitles that is not read."""
    return UserError(
        "subtitles.format",
        "“{name}” is of a kind of subtitles that cannot be read here.",
        "Save it as SRT, for example with the free Subtitle Edit, and add it again.",
        name=name or "text",
    )


def kind_of(text: str) -> str:
    """What the content of a file shows it to be, as an ending without its dot; "" where it shows nothing."""
    head = text.lstrip("\ufeff \t\r\n")[:4096]
    if head.startswith("WEBVTT"):
        return "vtt"
    if head.lower().startswith("[script info]") or re.search(r"^Dialogue:\s*(?:Marked=)?\d+\s*,", text, re.MULTILINE):
        return "ass"
    if re.search(r"<(\w+:)?tt[\s>]", head):
        return "ttml"
    if "<sami" in head.lower():
        return "smi"
    if "ooTextFile" in head[:200] or re.search(
        r"<(ANNOTATION_DOCUMENT|timedtext)\b|^\{\s*\"(wireMagic|events)\"", head
    ):
        return "unread"  # of Praat, of ELAN, or as YouTube keeps them
    if "\0" in head[:100]:
        return "binary"
    lines = [line for line in head.splitlines() if line.strip()][:40]
    if sum(bool(_FRAMES.match(line)) for line in lines) * 2 > len(lines):
        return "sub"
    if any(_TIMING.match(line) for line in lines):
        return "srt"
    if any(_COMMA_TIMING.match(line) for line in lines):
        return "sbv"
    is_lrc = any(_LRC_TIME.match(line.lstrip()) for line in lines) and not re.search(
        r"^\s*\[\d+:\d\d:\d\d", text, re.MULTILINE
    )
    return "lrc" if is_lrc else kind_of_transcript(text)


def seconds(parts: tuple[str | None, ...]) -> float:
    """Hours, minutes, seconds and the digits of a fraction, as `INLINE` finds them."""
    hours, minutes, whole_seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(whole_seconds or 0) + float(f"0.{fraction or 0}")


def _has_timings(text: str) -> bool:
    return any(_TIMING.match(line) or _COMMA_TIMING.match(line) for line in text.split("\n"))


# ---- SubRip and WebVTT


def _timed_srt(text: str) -> Iterator[Caption | DamagedCaption]:
    yield from _captions_at_times(text.split("\n"), ends_at_empty=False)


def _timed_vtt(text: str) -> Iterator[Caption | DamagedCaption]:
    yield from _captions_at_times(_without_blocks(text.split("\n")), ends_at_empty=True)


def _without_blocks(lines: list[str]) -> list[str]:
    """The lines of a WebVTT file, those of its head, notes, styles and regions emptied."""
    kept_lines: list[str] = []
    is_block, before = False, ""
    for line in lines:
        if not before:
            word = line.split(maxsplit=1)[0] if line.split() else ""
            is_block = word in ("NOTE", "STYLE", "REGION") or (word.startswith("WEBVTT") and not any(kept_lines))
        kept_lines.append("" if is_block else line)
        before = line
    return kept_lines


def _captions_at_times(lines: list[str], *, ends_at_empty: bool) -> Iterator[Caption | DamagedCaption]:
    timings = [number for number, line in enumerate(lines) if "-->" in line or _TIMING.match(line)]
    for number, following in zip(timings, [*timings[1:], len(lines)], strict=False):
        match = _TIMING.match(lines[number])
        if not match or seconds(match.groups()[4:]) <= seconds(match.groups()[:4]):
            yield DamagedCaption(number + 1, lines[number].strip()[:80])
            continue
        body = _body(lines[number + 1 : following], ends_at_empty, following < len(lines))
        yield Caption(seconds(match.groups()[:4]), seconds(match.groups()[4:]), body)


def _body(lines: list[str], ends_at_empty: bool, has_next: bool) -> list[str]:
    """The lines of a caption without what belongs to the next one."""
    if ends_at_empty and "" in lines:  # a line of spaces is none: rolling captions have them
        return lines[: lines.index("")]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if has_next and lines and lines[-1].strip().isdigit():
        lines = lines[:-1]  # the number of the next caption, with or without an empty line before it
    return lines


# ---- Times and text apart by commas, by frames, in brackets


def _comma_timed(text: str) -> Iterator[Caption | DamagedCaption]:
    """SubViewer, as YouTube gives it (.sbv) and as others do."""
    lines = text.split("\n")
    timings = [number for number, line in enumerate(lines) if _COMMA_TIMING.match(line)]
    for number, following in zip(timings, [*timings[1:], len(lines)], strict=False):
        match = _COMMA_TIMING.match(lines[number])
        start_s, end_s = (seconds(match.groups()[:4]), seconds(match.groups()[4:])) if match else (0.0, 0.0)
        if end_s <= start_s:
            yield DamagedCaption(number + 1, lines[number].strip()[:80])
            continue
        body = "\n".join(lines[number + 1 : following]).strip("\n")
        yield Caption(start_s, end_s, re.sub(r"\[br\]", "\n", body, flags=re.IGNORECASE).split("\n"))


def _microdvd(text: str, name: str) -> Iterator[Caption | DamagedCaption]:
    """MicroDVD: ``{25}{50}text|second line``; how many make a second stands in the first, ``{1}{1}23.976``."""
    rate = 0.0
    for number, line in enumerate(text.split("\n"), 1):
        match = _FRAMES.match(line)
        if not match:
            if line.strip():
                yield DamagedCaption(number, line.strip()[:80])
            continue
        first, last, caption_text = int(match[1]), int(match[2] or 0), match[3]
        if not rate:
            rate_match = re.fullmatch(r"\s*(\d{2,3}(?:[.,]\d+)?)\s*", caption_text)
            rate = float(rate_match[1].replace(",", ".")) if rate_match and first <= 1 else 0.0
            if rate:
                continue
            raise UserError(
                "subtitles.no_rate",
                "“{name}” counts frames and does not say how many make a second.",
                "Save it as SRT with the film's frame rate, for example with the free Subtitle Edit, and add it again.",
                name=name or "text",
            )
        if last <= first:
            yield DamagedCaption(number, line.strip()[:80])
        else:
            yield Caption(first / rate, last / rate, [part.lstrip("/") for part in caption_text.split("|")])


def _sung(text: str) -> Iterator[Caption | DamagedCaption]:
    """LRC: ``[01:02.50]a line``, one that is sung again has several times; a line lasts until the next begins."""
    shift_s, rows = 0.0, []
    for number, line in enumerate(text.split("\n"), 1):
        if (tag := _LRC_TAG.match(line)) and not _LRC_TIME.match(line.lstrip()):
            if tag[1].lower() == "offset" and re.fullmatch(r"\s*[+-]?\d+\s*", tag[2]):
                shift_s = -int(tag[2]) / 1000
            continue
        starts, rest = [], line.strip()
        while match := _LRC_TIME.match(rest):
            starts.append(seconds((None, *match.groups())))
            rest = rest[match.end() :].lstrip()
        if rest and not starts:
            yield DamagedCaption(number, rest[:80])
        rows += [(max(0.0, start_s + shift_s), rest) for start_s in starts]
    rows.sort(key=lambda row: row[0])
    for (start_s, line), following in zip(rows, [*rows[1:], None], strict=True):
        end_s = following[0] if following else start_s + _LINE_LASTS_S
        if line and end_s > start_s:
            yield Caption(start_s, end_s, [line])


# ---- SubStation


def _dialogues(text: str) -> Iterator[Caption | DamagedCaption]:
    """SubStation Alpha, both versions. What stands in several layers at once, as outlined titles do, comes once."""
    columns: tuple[str, ...] = _DIALOGUE
    unique: set[tuple[float, float, str]] = set()
    for number, line in enumerate(text.split("\n"), 1):
        kind, colon, rest = line.partition(":")
        if kind.strip() == "Format" and "text" in (names := tuple(name.strip().lower() for name in rest.split(","))):
            columns = names
        if kind.strip() != "Dialogue" or not colon:
            continue
        row = dict(zip(columns, rest.split(",", len(columns) - 1), strict=False))
        start, end = (re.fullmatch(_TIME, row.get(side, "").strip()) for side in ("start", "end"))
        if not start or not end or seconds(end.groups()) <= seconds(start.groups()) or "text" not in row:
            yield DamagedCaption(number, line.strip()[:80])
            continue
        caption = (seconds(start.groups()), seconds(end.groups()), _DRAWING.sub(" ", row["text"]))
        if caption not in unique:
            unique.add(caption)
            yield Caption(caption[0], caption[1], [caption[2]])


_READERS: dict[str, Callable[[str], Iterator[Caption | DamagedCaption]]] = {
    "srt": _timed_srt, "vtt": _timed_vtt, "ass": _dialogues, "ssa": _dialogues, "ttml": timed_text,
    "dfxp": timed_text, "sbv": _comma_timed, "lrc": _sung,
    **{kind: read_transcript(kind) for kind in ("labels", "milliseconds", "bracketed", "stamped")},
}  # fmt: skip
