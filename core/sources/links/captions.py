"""Caption track selection: those a person wrote in the project's language, else the site's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KINDS = ("vtt", "srt", "ttml", "dfxp", "ass", "ssa", "sbv", "lrc")


@dataclass(frozen=True)
class Subtitles:
    """Subtitles as they came; ``kind`` is an ending such as vtt, ``automatic`` says that a machine wrote them."""

    text: str
    kind: str
    language: str
    automatic: bool


@dataclass(frozen=True)
class CaptionTrack:
    """Subtitles to fetch from ``address``, unless ``text`` holds them already."""

    address: str
    text: str
    kind: str
    language: str
    automatic: bool


def choose(
    manual: Mapping[str, Sequence[Mapping[str, Any]]],
    automatic: Mapping[str, Sequence[Mapping[str, Any]]],
    language: str,
) -> CaptionTrack | None:
    """The best there is in ``language``, as yt-dlp lists them by language; None if there is nothing.

    Automatic ones that a machine translated from another language are never taken: they are not what is said.
    """
    for name in _of_language(manual, language):
        if track := _readable(name, manual[name], automatic=False):
            return track
    originals = [name for name in automatic if name.endswith("-orig")]
    names = _of_language(automatic, language)
    for name in [code for code in names if code in originals] if originals else names:
        if track := _readable(name, automatic[name], automatic=True):
            return track
    return None


def _of_language(by_language: Mapping[str, Any], language: str) -> list[str]:
    """``pt`` first, then ``pt-BR`` and the like; ``zh-cn`` also finds ``zh-Hans``."""
    prefix = language.lower().partition("-")[0]
    near = [name for name in by_language if name.lower().replace("_", "-").partition("-")[0] == prefix]
    return sorted(near, key=lambda name: (name.lower() != language.lower(), len(name), name)) if prefix else []


def _readable(name: str, formats: Sequence[Mapping[str, Any]], *, automatic: bool) -> CaptionTrack | None:
    for kind in _KINDS:
        for entry in formats:
            is_file = not str(entry.get("protocol") or "").startswith("m3u8")
            url, data = str(entry.get("url") or ""), str(entry.get("data") or "")
            if entry.get("ext") == kind and is_file and (url or data):
                return CaptionTrack(url, data, kind, name.removesuffix("-orig"), automatic)
    return None
