"""Download options of a link: which part, in which quality, how long at most, with subtitles or without."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import UserError
from core.jobs.args.sources import LinkOptions

QUALITIES = ("best", "small")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d+)?)|(\d{1,6}(?:[.,]\d+)?)")


def read_options(fields: Mapping[str, str]) -> LinkOptions:
    """What a person typed: ``start``, ``end``, ``quality``, ``minutes``, ``subtitles`` (there or not).

    Raises:
        UserError: ``link.bad_time``, ``link.crossed_times``, ``link.bad_minutes``.
    """
    start_s, end_s = _seconds(fields.get("start", "")), _seconds(fields.get("end", ""))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UserError(
            "link.crossed_times",
            "The part ends ({end}) before it begins ({start}).",
            "Put the earlier time first, or leave one of them empty.",
            start=fields.get("start", "").strip() or "0:00",
            end=fields.get("end", "").strip(),
        )
    quality = fields.get("quality", "")
    return LinkOptions(
        start_s=start_s or 0.0,
        end_s=end_s,
        quality=quality if quality in QUALITIES else "best",
        max_minutes=_minutes(fields.get("minutes", "")),
        subtitles=bool(fields.get("subtitles")),
    )


def _seconds(field: str) -> float | None:
    """``1:02:03``, ``62:03``, ``3723`` or ``3723.5``; None if nothing was typed."""
    text = field.strip()
    if not text:
        return None
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise UserError(
            "link.bad_time",
            "“{typed}” is not a time.",
            "Type minutes and seconds, such as 12:30, or seconds, such as 750.",
            typed=text[:40],
        )
    hours, minutes, rest, plain = match.groups()
    if plain:
        return float(plain.replace(",", "."))
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))


def _minutes(field: str) -> float:
    text = field.strip().replace(",", ".")
    if not text:
        return 0.0
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text) or float(text) <= 0:
        raise UserError(
            "link.bad_minutes",
            "“{typed}” is not a number of minutes.",
            "Type a number such as 60, or leave it empty.",
            typed=text[:40],
        )
    return float(text)
