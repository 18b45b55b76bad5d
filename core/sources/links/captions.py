"""Which of a video's subtitles are taken: those a person wrote in the project's language, else the site's own."""

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
class Chosen:
    """Subtitles to fetch from ``address``, unless ``text`` holds them already."""

    address: str
    text: str
    kind: str
    language: str
    automatic: bool


def choose(
    written: Mapping[str, Sequence[Mapping[str, Any]]],
    automatic: Mapping[str, Sequence[Mapping[str, Any]]],
    language: str,
) -> Chosen | None:
    """The best there is in ``language``, as yt-dlp lists them by language; None if there is nothing.

    Automatic ones that a machine translated from another language are never taken: they are not what is said.
    """
    for name in _of_language(written, language):
        if found := _readable(name, written[name], automatic=False):
            return found
    spoken = [name for name in automatic if name.endswith("-orig")]
    names = _of_language(automatic, language)
    for name in [one for one in names if one in spoken] if spoken else names:
        if found := _readable(name, automatic[name], automatic=True):
            return found
    return None


def _of_language(listed: Mapping[str, Any], language: str) -> list[str]:
    """``pt`` first, then ``pt-BR`` and the like; ``zh-cn`` also finds ``zh-Hans``."""
    wanted = language.lower().partition("-")[0]
    near = [name for name in listed if name.lower().replace("_", "-").partition("-")[0] == wanted]
    return sorted(near, key=lambda name: (name.lower() != language.lower(), len(name), name)) if wanted else []


def _readable(name: str, formats: Sequence[Mapping[str, Any]], *, automatic: bool) -> Chosen | None:
    for kind in _KINDS:
        for one in formats:
            is_file = not str(one.get("protocol") or "").startswith("m3u8")
            if one.get("ext") == kind and is_file and (one.get("url") or one.get("data")):
                language = name.removesuffix("-orig")
                return Chosen(str(one.get("url") or ""), str(one.get("data") or ""), kind, language, automatic)
    return None
