"""The one family of errors that is meant for people; every other exception is a bug."""

from __future__ import annotations

from typing import Any


class UserError(Exception):
    """What happened, to which item, and what to do now.

    Args:
        code: stable dotted name (``source.not_audio``). The page looks its translation up under this code.
        text: English sentence, a ``str.format`` template over ``values``: what happened, to which item.
        hint: English sentence, a template as well: what to do now.
        values: what fills the templates. Kept apart so that another language can fill its own sentence.
    """

    def __init__(self, code: str, text: str, hint: str = "", **values: Any) -> None:
        self.code = code
        self.values = values
        self.text = text.format(**values)
        self.hint = hint.format(**values)
        super().__init__(f"{self.text} {self.hint}".strip())


class Cancelled(Exception):
    """The person pressed Stop; a task raises it after saving what it has."""


class Busy(UserError):
    """Something else holds the lock that was asked for."""


class DiskFull(UserError):
    """There is not enough room to go on."""
