"""Speaker embeddings of a project's clips, kept in one file of the project that only grows while a job runs."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from core.files import replacing
from core.measures.likeness import SIZE, Embedding
from core.project.workspace import Project

_ROW = np.dtype([("id", "S64"), ("voice", "<f2", (SIZE,))])


def embeddings_file(project: Project) -> Path:
    """Where they are kept: rows of a clip's id (64 bytes) and 256 float16."""
    return project.path / "embeddings.bin"


def append(project: Project, clip_id: str, voice: Embedding) -> None:
    """Keep a clip's embedding, in one write."""
    row = np.zeros(1, _ROW)
    row["id"], row["voice"] = clip_id.encode(), voice
    with open(embeddings_file(project), "ab", buffering=0) as file:
        file.write(row.tobytes())


def load(path: Path) -> tuple[list[str], Embedding]:
    """Ids and embeddings, shape ``(clips, 256)``, in the order they came; of a clip measured twice the later one."""
    rows = _rows(path)
    last = {clip_id.decode(): index for index, clip_id in enumerate(rows["id"])}
    return list(last), np.asarray(rows["voice"][list(last.values())], dtype=np.float32).reshape(-1, SIZE)


def tidy(project: Project, clip_ids: Collection[str]) -> set[str]:
    """Drop what is no clip any more, or was not written to its end; returns the ids that are there."""
    path = embeddings_file(project)
    rows = _rows(path)
    last = {clip_id.decode(): index for index, clip_id in enumerate(rows["id"])}
    keep = [index for clip_id, index in last.items() if clip_id in clip_ids]
    if path.exists() and path.stat().st_size != len(keep) * _ROW.itemsize:
        with replacing(path) as temporary:
            rows[keep].tofile(temporary)
    return {clip_id for clip_id in last if clip_id in clip_ids}


def _rows(path: Path) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    count = os.path.getsize(path) // _ROW.itemsize if path.exists() else 0
    return np.fromfile(path, _ROW, count) if count else np.zeros(0, _ROW)
