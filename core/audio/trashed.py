"""Clips that a person had worked on and that a later cut or an undo replaced: listed, and brought back."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.audio.clips import cut_clip, options_of_last_cut
from core.audio.edit import alone
from core.audio.put_away import LIST, put_sound_away
from core.errors import UserError
from core.files import inside, read_json
from core.records import Clip, Source
from core.workspace import Project

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
    found = []
    for path in (project.path / "trash").glob(f"*/{LIST}"):
        try:
            about = path.stat()
        except FileNotFoundError:  # brought back just now
            continue
        kept = _summary(path, about.st_mtime_ns, about.st_size)
        if kept is None or kept[0] not in titles or source_id not in ("", kept[0]):
            continue
        found.append(TrashedClips(path.parent.name, kept[0], titles[kept[0]], about.st_mtime, *kept[1:]))
    return sorted(found, key=lambda one: one.at, reverse=True)


def restore_trashed_clips(project: Project, folder_name: str) -> list[Clip]:
    """Bring clips back as they were, texts and approval included, in the place of those that lie there now.

    It can be undone like every change of a recording's clips. The clips are then no longer in the trash.

    Raises:
        UserError: ``segment.not_in_trash``, ``segment.unreadable``.
        Busy: the project's recordings are being cut.
    """
    with alone(project):
        folder, source, clips = _trashed(project, folder_name)
        store = project.store
        gone = {
            there.id: there
            for clip in clips
            for there in store.clips_between(source.id, clip.start_s + _SAME_S, clip.end_s - _SAME_S)
        }
        back = [clip for clip in clips if clip.id not in gone]
        options = options_of_last_cut(project, source.id)
        for clip in back:
            kept = folder / f"{clip.id}.wav"
            if kept.exists():
                shutil.copyfile(kept, project.clip_file(clip.id))
            else:
                cut_clip(project, source, clip, options)
        stay = {clip.id for clip in clips}
        swapped = [clip for clip in gone.values() if clip.id not in stay]
        store.swap_clips(source.id, "restore", [clip.id for clip in swapped], back)
        put_sound_away(project, swapped)
        shutil.rmtree(folder)
    return back


def _trashed(project: Project, folder_name: str) -> tuple[Path, Source, list[Clip]]:
    kept = None
    with contextlib.suppress(ValueError):  # a name that leads out of the trash
        folder = inside(project.path / "trash", folder_name)
        kept = _read(folder / LIST)
    if kept is None:
        raise UserError(
            "segment.not_in_trash", "These clips are no longer in the trash.", "Reload the page to see what is there."
        )
    return folder, project.store.source(kept[0]), kept[1]


@lru_cache(maxsize=1024)
def _summary(path: Path, mtime_ns: int, size: int) -> tuple[str, int, tuple[str, ...]] | None:
    """The recording's id, how many clips and the first texts of a list, read once as long as the file is the same."""
    kept = _read(path)
    if kept is None:
        return None
    source_id, clips = kept
    return source_id, len(clips), tuple(clip.text for clip in clips if clip.text)[:3]


def _read(path: Path) -> tuple[str, list[Clip]] | None:
    """A list of clips in the trash: the recording's id, and they; None if it is not there or cannot be read."""
    try:
        kept: dict[str, Any] = read_json(path)
        fields = Clip.__dataclass_fields__
        clips = [Clip(**{name: value for name, value in one.items() if name in fields}) for one in kept["clips"]]
        return str(kept["source"]["id"]), clips
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
