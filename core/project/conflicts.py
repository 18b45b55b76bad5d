"""Optimistic locking: a change made on what a window showed is refused if another window changed it since."""

from __future__ import annotations

import hashlib
from typing import Any

from core.errors import UserError
from core.project.records import Clip
from core.text import clean_text


def digest(*values: Any) -> str:
    """A few characters that differ where the values do."""
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def stamp(clip: Clip, replacement: str = "") -> str:
    """A clip as a window shows it: its text and status, and with ``replacement`` the reading that may become it."""
    return ".".join((digest(clip.text), clip.status, digest(replacement) if replacement else ""))


def check(clip: Clip, version: str | None, *, draft: str | None = None, status: str = "", new_text: str = "") -> None:
    """Refuse a change of a clip that is not what it was when it was shown.

    Args:
        clip: as it is now.
        version: its `stamp` when it was shown; None: nobody was shown it.
        draft: the text in the window's field: a clip that has it by now was changed from that window.
        status: what the clip is to become: a clip that is it already agrees.
        new_text: the reading that is to become the text.

    Raises:
        UserError: ``clip.changed``.
    """
    if version is None:
        return
    text, was, reading = (*version.split("."), "", "", "")[:3]
    same_text = text == digest(clip.text) or (draft is not None and clip.text == clean_text(draft))
    same_status = clip.status in (was, status)
    if not (same_text and same_status and reading in ("", digest(new_text))):
        raise stale_error()


def stale_error() -> UserError:
    """The refusal of a change of one clip."""
    return UserError(
        "clip.changed",
        "This clip was changed in another window; here is how it is now.",
        "Nothing was done. Look at it and decide again.",
    )


def stale_errors() -> UserError:
    """The refusal of a change of many clips at once."""
    return UserError(
        "clips.changed",
        "These clips were changed in another window or by a job; here is how many there are now.",
        "Nothing was done. Look at the number and choose again.",
    )
