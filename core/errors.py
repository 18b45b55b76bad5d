"""Exceptions that are meant for people, one family; every other exception is a bug."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# An absolute path: within quotes its folders may hold spaces; else it begins a word and ends with one.
_PATH = re.compile(r"(?P<quote>['\"])(?P<quoted>/[^'\"\n]+)(?P=quote)|(?<![\w.:/'\"])(?P<bare>/[^\s'\",;:()“”]+)")
_ANCHORS = ("projects", "models")  # folders of a workspace, from which on a path says something to a person


class Reason(str):
    """What happened, as a value within another sentence; its ``hint`` can be told there too (``{what.hint}``)."""

    hint: str = ""

    @classmethod
    def of(cls, text: str, hint: str = "") -> Reason:
        """One with a hint."""
        reason = cls(text)
        reason.hint = hint
        return reason


class UserError(Exception):
    """What happened, to which item, and what to do now.

    Args:
        code: stable dotted name (``source.not_audio``). The page looks its translation up under this code.
        text: English sentence, a ``str.format`` template over ``values``: what happened, to which item.
        hint: English sentence, a template as well: what to do now.
        values: what fills the templates. Kept apart so that another language can fill its own sentence; a value that
            is such an error itself is the reason of this one, and is told in that language too.
    """

    def __init__(self, code: str, text: str, hint: str = "", **values: Any) -> None:
        self.code = code
        self.values = values
        self.text = filled(text, values)
        self.hint = filled(hint, values)
        super().__init__(f"{self.text} {self.hint}".strip())


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A sentence in English; of a reason what happened."""
    return template.format(**{name: _told(value) for name, value in values.items()})


def _told(value: Any) -> Any:
    if isinstance(value, UserError):
        return Reason.of(value.text, value.hint)
    return Reason(value) if isinstance(value, str) else value  # so that any reason has a hint, be it empty


def described_bug(error: BaseException) -> str:
    """An unexpected error in one line for a person: its kind and its words, without the folders of this computer."""
    return without_folders(" ".join(f"{type(error).__name__}: {error}".split()))[:500]


def without_folders(text: str) -> str:
    """A text in which each absolute path is told from the workspace on (``models/starter``), or by its last part.

    A text that is a path as a whole may hold spaces.
    """
    if text.startswith("/") and "\n" not in text:
        return _within(text)
    return _PATH.sub(lambda match: f"“{_within(match['quoted'])}”" if match["quoted"] else _within(match["bare"]), text)


def _within(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    for anchor in _ANCHORS:
        if anchor in parts[:-1]:
            place = len(parts) - 1 - parts[::-1].index(anchor)
            return "/".join(parts[place:])
    return parts[-1] if parts else path


class Cancelled(Exception):
    """The person pressed Stop; a task raises it after saving what it has."""


class Fault(UserError, ValueError):
    """What is wrong with a single item: it is named and left out, and the others go on."""


class Busy(UserError):
    """Something else holds the lock that was asked for."""


class DiskFull(UserError):
    """There is not enough room to go on."""
