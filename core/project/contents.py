"""Contents of a project: the folders that go where it goes, and which of their files do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ALWAYS = ("clips", "datasets", "listening", "evaluation", "voices")
OPTIONS = {"recordings": ("sources",), "runs": ("runs",), "voices": ("exports", "takes", "documents")}
"""What may be left out, by the folders it lies in."""
FOLDERS = frozenset(ALWAYS).union(*OPTIONS.values())
_LEFT_OUT = ("lock", "worker.log", "reserve")  # of this computer and this moment


def plain_files(folder: Path) -> Iterator[Path]:
    """What goes along of a folder, in order: no hidden files, no links, nothing of this computer or this moment."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden and path.name not in _LEFT_OUT:
            yield path
