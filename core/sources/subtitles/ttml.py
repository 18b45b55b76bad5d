"""TTML and its forerunner DFXP: paragraphs of timed text whose times count from where their parents begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from core.sources.subtitles.captions import Caption, DamagedCaption


def timed_text(text: str) -> Iterator[Caption | DamagedCaption]:
    """The captions of a TTML or DFXP file, in its order; nothing of one that declares entities."""
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        return  # timed text has none: what declares entities may be made to fill the memory
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except ElementTree.ParseError as error:
        yield DamagedCaption(error.position[0], str(error)[:80])
        return
    rates = _Rates(root)
    for body in root:
        if _tag(body) == "body":
            yield from _paragraphs(body, 0.0, rates)


class _Rates:
    """How long a frame and a tick last in a TTML file."""

    def __init__(self, root: ElementTree.Element) -> None:
        values = {key.rpartition("}")[2]: value for key, value in root.attrib.items()}
        multiplier = re.findall(r"\d+", values.get("frameRateMultiplier", "")) or ["1", "1"]
        rate = float(values.get("frameRate", 30)) * int(multiplier[0]) / (int(multiplier[-1]) or 1)
        self.frame_s = 1 / rate if rate > 0 else 1 / 30
        self.tick_s = 1 / float(values.get("tickRate") or rate or 1)

    def seconds(self, time: str) -> float | None:
        """A time as TTML writes it, such as ``00:01:02.5``, ``12.5s`` or ``300t``."""
        if match := re.fullmatch(r"(\d+(?:\.\d+)?)(h|ms|m|s|f|t)", time):
            units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": self.frame_s, "t": self.tick_s}
            return float(match[1]) * units[match[2]]
        match = re.fullmatch(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)(?::(\d+(?:\.\d+)?))?", time)
        if not match:
            return None
        whole_seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3].replace(",", "."))
        return whole_seconds + float(match[4] or 0) * self.frame_s


def _paragraphs(parent: ElementTree.Element, offset_s: float, rates: _Rates) -> Iterator[Caption | DamagedCaption]:
    begin_s = offset_s + (rates.seconds(parent.get("begin", "")) or 0.0)
    if _tag(parent) != "p":
        for child in parent:
            yield from _paragraphs(child, begin_s, rates)
        return
    end_s = rates.seconds(parent.get("end", ""))
    lasts_s = rates.seconds(parent.get("dur", ""))
    until_s = offset_s + end_s if end_s is not None else begin_s + lasts_s if lasts_s is not None else None
    text = _text_of(parent, begin_s, rates)
    if until_s is None or until_s <= begin_s or parent.get("begin") is None:
        if text.strip():
            yield DamagedCaption(0, text.strip()[:80])
        return
    yield Caption(begin_s, until_s, text.split("\n"))


def _text_of(element: ElementTree.Element, offset_s: float, rates: _Rates) -> str:
    """The text of an element; where a part begins later than its parent, the time stands before it."""
    pieces = [" ".join(re.split(r"\s+", element.text or ""))]
    for child in element:
        ruby = next((value for key, value in child.attrib.items() if key.endswith("}ruby")), "")
        if _tag(child) == "br":
            pieces.append("\n")
        elif _tag(child) == "span" and ruby not in ("text", "textContainer", "delimiter"):
            begin_s = rates.seconds(child.get("begin", ""))
            at_s = offset_s + (begin_s or 0.0)
            mark = f"<{int(at_s // 3600)}:{int(at_s // 60 % 60):02}:{at_s % 60:06.3f}>" if begin_s else ""
            pieces.append(mark + _text_of(child, at_s, rates))
        pieces.append(" ".join(re.split(r"\s+", child.tail or "")))
    return "".join(pieces)


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
