"""History of a document: how two states of it differ, and one made of another; so every change is undone alike."""

from __future__ import annotations

import time
from typing import Any

from core.studio.document import MOST_LINES, Change, Document, What
from core.studio.line import Line

_MOST_CHANGES = 200  # that can be taken back
_MOST_LINES_KEPT = 2 * MOST_LINES  # in them
_FIELDS = ("name", "voice", "language", "seed", "settings", "references", "pauses", "proofread", "tries")
"""What a change may be of, beside lines."""


def difference(old: Document, new: Document, what: What) -> Change | None:
    """The change that makes the new document of the old one: a splice of lines, and fields; None if they are alike."""
    names = [name for name in _FIELDS if getattr(old, name) != getattr(new, name)]
    before, after = (document.model_dump(mode="json", include=set(names)) for document in (old, new))
    start, limit = 0, min(len(old.lines), len(new.lines))
    while start < limit and old.lines[start] == new.lines[start]:
        start += 1
    end = 0
    while end < limit - start and old.lines[-1 - end] == new.lines[-1 - end]:
        end += 1
    old_lines, new_lines = (document.lines[start : len(document.lines) - end] for document in (old, new))
    if not (names or old_lines or new_lines):
        return None
    return Change(
        at=time.time(), what=what, before=before, after=after, start=start, removed=old_lines, added=new_lines
    )


def applied(document: Document, fields: dict[str, Any], start: int, count: int, lines: tuple[Line, ...]) -> Document:
    """A document with these fields, and with ``lines`` in place of the ``count`` lines from ``start`` on."""
    all_lines = (*document.lines[:start], *lines, *document.lines[start + count :])
    return Document(
        **{**dict(document), **{name: fields[name] for name in _FIELDS if name in fields}, "lines": all_lines}
    )


def bounded(past: tuple[Change, ...]) -> tuple[Change, ...]:
    """The newest of these changes, as many as are kept."""
    count, lines = 0, 0
    for entry in reversed(past[-_MOST_CHANGES:]):
        lines += len(entry.removed) + len(entry.added)
        if lines > _MOST_LINES_KEPT and count:
            break
        count += 1
    return past[len(past) - count :]
