"""Names of uploaded files, made plain."""

from __future__ import annotations

import unicodedata

_LONGEST_NAME = 180  # bytes; file systems take 255, and more is put around it later
_LONGEST_SUFFIX = 20  # bytes


def plain_name(name: str) -> str:
    """A file name as it can lie in a folder: no path, no signs that cannot be printed, not empty and not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(sign for sign in last if unicodedata.category(sign) not in ("Cc", "Cs", "Co", "Cn"))
    stem, dot, suffix = printable.strip(" .").rpartition(".")
    if not dot or len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, dot, suffix = printable.strip(" ."), "", ""
    room = _LONGEST_NAME - len(suffix.encode()) - 1
    stem = stem.encode()[:room].decode(errors="ignore").strip(" .")
    return f"{stem or 'file'}{dot}{suffix}"
