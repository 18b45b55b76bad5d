"""Track selection: which of several sound tracks holds the voice; never a commentary, and the default first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

IsLanguage = Callable[[str], bool]
_SIDE_TRACKS = ("comment", "hearing_impaired", "visual_impaired", "descriptions", "karaoke", "clean_effects")
_ASIDE_TITLE = re.compile(r"comment|coment[aá]|kommentar|descri|beschreib|karaoke|director|isolated", re.I)


def choose_track(streams: Sequence[Mapping[str, Any]], is_wanted: IsLanguage) -> int:
    """The index among a file's sound tracks of the one to take.

    Args:
        streams: sound tracks as ffprobe describes them, with ``disposition`` and ``tags``.
        is_wanted: whether a language as a file names it (``por``, ``pt-BR``) is the project's.
    """

    def rank(index: int) -> tuple[bool, bool, bool, bool, int]:
        stream = streams[index]
        unreadable = not int(stream.get("sample_rate") or 0)
        is_foreign = not is_wanted(str(stream.get("tags", {}).get("language", "")))
        return (unreadable, _is_aside(stream), not _has_disposition(stream, "default"), is_foreign, index)

    return min(range(len(streams)), key=rank)


def describe_track(stream: Mapping[str, Any]) -> str:
    """A track as a person may know it: its title and language, as far as the file says them."""
    tags = stream.get("tags", {})
    language = str(tags.get("language", ""))
    parts = (str(tags.get("title", ""))[:60].strip(), "" if language == "und" else language[:12])
    return ", ".join(part for part in parts if part)


def _is_aside(stream: Mapping[str, Any]) -> bool:
    title = str(stream.get("tags", {}).get("title", ""))
    return any(_has_disposition(stream, name) for name in _SIDE_TRACKS) or _ASIDE_TITLE.search(title) is not None


def _has_disposition(stream: Mapping[str, Any], name: str) -> bool:
    return bool(stream.get("disposition", {}).get(name))
