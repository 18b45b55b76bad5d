"""Manifest and plan of a base model: what its download noted of its files, by which they are verified later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import UserError
from core.files import read_json, sha256_file, write_json

_MOST_BYTES = 1 << 20  # of what is noted beside a model
PLAN, MANIFEST = "plan.json", "manifest.json"


@dataclass(frozen=True)
class PlannedFile:
    """A file of a download: its name, bytes and hash, and the exact revision of its repository."""

    name: str
    size: int
    digest: str
    revision: str


def _noted_files(folder: Path) -> list[PlannedFile]:
    """What a download noted of the files it brought; none where a folder came otherwise."""
    try:
        files = read_json(folder / MANIFEST, _MOST_BYTES)["files"]
        return [
            PlannedFile(str(file["name"]), int(file["size"]), str(file["sha256"]), str(file["revision"]))
            for file in files
        ]
    except (OSError, ValueError, TypeError, LookupError):
        return []


@lru_cache(maxsize=16)
def cached_sha256(path: Path, *_version: int) -> str:
    """A file's hash, read once as long as its version (inode, times, bytes) stays the same."""
    return sha256_file(path)


def noted_sha256(folder: Path) -> str:
    """The hash of the largest file as it was noted; empty where nobody has noted any."""
    return max(((file.size, file.digest) for file in _noted_files(folder)), default=(0, ""))[1]


def note_rewritten(folder: Path, source: str, sha256: str, names: Sequence[str]) -> None:
    """Note in a folder's manifest that files ``names`` were made of the file ``source``, with the hashes of all."""
    try:
        manifest = dict(read_json(folder / MANIFEST, _MOST_BYTES))
    except (OSError, ValueError, TypeError):
        manifest = {}
    origin = next((file.revision for file in _noted_files(folder) if file.name == source), "")
    files = [PlannedFile(name, _size(folder / name), sha256_file(folder / name), origin) for name in names]
    remaining = [file for file in manifest.get("files", []) if file.get("name") not in (source, *names)]
    entries = [{"name": f.name, "size": f.size, "sha256": f.digest, "revision": f.revision} for f in files]
    made_of = {"name": source, "sha256": sha256}
    write_json(folder / MANIFEST, {**manifest, "files": [*remaining, *entries], "made_of": made_of})


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def partial_folder(models: Path, base_id: str) -> Path:
    """Where a download gathers its files until all are there and right."""
    return models / f".partial-{base_id}"


def read_plan(partial: Path, names: Collection[str]) -> list[PlannedFile] | None:
    """What a broken-off download noted of the files with these names; None if not to be read."""
    try:
        plan = read_json(partial / PLAN, _MOST_BYTES)
        files = [
            PlannedFile(str(file["name"]), int(file["size"]), str(file["digest"]), str(file["revision"]))
            for file in plan["files"]
        ]
        return files if {file.name for file in files} == set(names) else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def changed_files(folder: Path) -> list[str]:
    """Names of files that are no longer as long as when they came, or are gone. Quick: nothing is read."""
    return [file.name for file in _noted_files(folder) if _size(folder / file.name) != file.size]


def verify(folder: Path, on_block: Callable[[], object] = lambda: None) -> None:
    """Make sure that files which were written after they had come are still what came, by their hashes.

    Raises:
        UserError: ``base.changed``.
    """
    manifest = folder / MANIFEST
    for file in _noted_files(folder):
        path = folder / file.name
        if path.is_file() and path.stat().st_mtime_ns <= manifest.stat().st_mtime_ns:
            continue
        if not path.is_file() or sha256_file(path, on_block) != file.digest:
            raise UserError(
                "base.changed",
                "{name} in {folder} is not the file any more that was downloaded.",
                "Download the base again; a voice that was trained on it needs just that file.",
                name=file.name,
                folder=str(folder),
            )
