"""Clips that a person had worked on and that a later cut or an undo replaced: listed, and brought back."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.clips.cut import cut_clip, options_of_last_cut
from core.clips.lock import clip_lock
from core.clips.trash_folder import LIST, put_sound_away
from core.errors import UserError
from core.files import inside, read_json
from core.project.records import Clip, Source
from core.project.workspace import Project

_SAME_S = 0.001


@dataclass(frozen=True)
class TrashedClips:
    """A folder of clips in the trash. ``at`` is Unix time in seconds; ``texts`` are the first few."""

    folder: str
    source_id: str
    title: str
    at: float
    count: int
    texts: tuple[str, ...]


def trashed_clips(project: Project, source_id: str = "") -> list[TrashedClips]:
    """What was put away by cutting again, the newest first; only of recordings that are there."""
    titles = {source.id: source.title for source in project.store.sources()}
    entries = []
    for path in (project.path / "trash").glob(f"*/{LIST}"):
        try:
            about = path.stat()
        except OSError:  # brought back just now, or a link that leads nowhere
            continue
        record = _summary(path, about.st_mtime_ns, about.st_size)
        if record is None or record[0] not in titles or source_id not in ("", record[0]):
            continue
        entries.append(TrashedClips(path.parent.name, record[0], titles[record[0]], about.st_mtime, *record[1:]))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def restore_trashed_clips(project: Project, folder_name: str) -> list[Clip]:
    """Bring clips back as they were, texts and approval included, in the place of those that lie there now.

    It can be undone like every change of a recording's clips. The clips are then no longer in the trash.

    Raises:
        UserError: ``segment.not_in_trash``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    with clip_lock(project):
        folder, source, clips = _trash_entry(project, folder_name)
        store = project.store
        obstacles = {
            clip_.id: clip_
            for clip in clips
            for clip_ in store.clips_between(source.id, clip.start_s + _SAME_S, clip.end_s - _SAME_S)
        }
        back = [clip for clip in clips if clip.id not in obstacles]
        options = options_of_last_cut(project, source.id)
        for clip in back:
            path = folder / f"{clip.id}.wav"
            if path.exists():
                shutil.copyfile(path, project.clip_file(clip.id))
            else:
                cut_clip(project, source, clip, options)
        stay = {clip.id for clip in clips}
        removals = [clip for clip in obstacles.values() if clip.id not in stay]
        store.swap_clips(source.id, "restore", [clip.id for clip in removals], back)
        put_sound_away(project, removals)
        shutil.rmtree(folder)
    return back


def _trash_entry(project: Project, folder_name: str) -> tuple[Path, Source, list[Clip]]:
    record = None
    with contextlib.suppress(ValueError):  # a name that leads out of the trash
        folder = inside(project.path / "trash", folder_name)
        record = _read(folder / LIST)
    if record is None:
        raise UserError(
            "segment.not_in_trash", "These clips are no longer in the trash.", "Reload the page to see what is there."
        )
    return folder, project.store.source(record[0]), record[1]


@lru_cache(maxsize=1024)
def _summary(path: Path, mtime_ns: int, size: int) -> tuple[str, int, tuple[str, ...]] | None:
    """The recording's id, how many clips and the first texts of a list, read once as long as the file is the same."""
    record = _read(path)
    if record is None:
        return None
    source_id, clips = record
    return source_id, len(clips), tuple(clip.text for clip in clips if clip.text)[:3]


def _read(path: Path) -> tuple[str, list[Clip]] | None:
    """A list of clips in the trash: the recording's id, and they; None if it is not there or cannot be read."""
    try:
        record: dict[str, Any] = read_json(path)
        fields = Clip.__dataclass_fields__
        clips = [Clip(**{name: value for name, value in row.items() if name in fields}) for row in record["clips"]]
        return str(record["source"]["id"]), clips
    except (OSError, ValueError, KeyError, TypeError):
        return None
