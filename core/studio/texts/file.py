"""File of text: what is read of it, which kinds there are, and why it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.reasons import reason_of
from core.studio.document import MOST_CHARACTERS

KINDS = (".txt", ".md", ".markdown", ".epub", ".docx")


@dataclass(frozen=True)
class TextFile:
    """What a file holds: its own title, empty if it tells none, and its text with ``# headings``."""

    title: str
    text: str


def too_large(name: str) -> UserError:
    """A file holds more than a text may."""
    return UserError(
        "text.too_large",
        "“{name}” holds more text than is kept in one ({limit} characters).",
        "Split it, such as into a file for each chapter.",
        name=name[:120],
        limit=MOST_CHARACTERS,
    )


def broken(name: str, error: Exception) -> UserError:
    """A file is not what its ending says."""
    return UserError(
        "text.broken",
        "“{name}” cannot be read as what its ending says ({what}).",
        "Open it in the program it was made with, save it anew, and try again.",
        name=name[:120],
        what=reason_of(error, 120),
    )


def unsafe(name: str, reason: UserError) -> UserError:
    """A file asks for what no text needs."""
    return UserError(
        "text.unsafe",
        "“{name}” holds what a text has no reason to hold ({what}).",
        "Nothing of it was read. Save the text anew with another program, or paste it.",
        name=name[:120],
        what=reason,
    )


def part_missing(part: str) -> UserError:
    """Why a file is `broken`."""
    return UserError("text.part_missing", "{part} is missing", part=part[:80])
