"""Changes made on what a window showed: refused where another window has changed it since (optimistic locking)."""

from __future__ import annotations

import hashlib
from typing import Any

from core.errors import UserError
from core.records import Clip
from core.text import clean


def digest(*values: Any) -> str:
    """A few characters that differ where the values do."""
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def stamp(clip: Clip, heard: str = "") -> str:
    """A clip as a window shows it: its text and status, and with ``heard`` the reading that may become its text."""
    return ".".join((digest(clip.text), clip.status, digest(heard) if heard else ""))


def check(clip: Clip, seen: str | None, *, typed: str | None = None, status: str = "", heard: str = "") -> None:
    """Refuse a change of a clip that is not what it was when it was shown.

    Args:
        clip: as it is now.
        seen: its `stamp` when it was shown; None: nobody was shown it.
        typed: the text in the window's field: a clip that has it by now was changed from that window.
        status: what the clip is to become: a clip that is it already agrees.
        heard: the reading that is to become the text.

    Raises:
        UserError: ``clip.changed``.
    """
    if seen is None:
        return
    text, was, reading = (*seen.split("."), "", "", "")[:3]
    same_text = text == digest(clip.text) or (typed is not None and clip.text == clean(typed))
    same_status = clip.status in (was, status)
    if not (same_text and same_status and reading in ("", digest(heard))):
        raise changed()


def changed() -> UserError:
    """The refusal of a change of one clip."""
    return UserError(
        "clip.changed",
        "This clip was changed in another window; here is how it is now.",
        "Nothing was done. Look at it and decide again.",
    )


def several_changed() -> UserError:
    """The refusal of a change of many clips at once."""
    return UserError(
        "clips.changed",
        "These clips were changed in another window or by a job; here is how many there are now.",
        "Nothing was done. Look at the number and choose again.",
    )
