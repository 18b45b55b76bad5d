"""Putting clips that a person worked on into the project's trash: their list, and their sound."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core.files import free_name, write_json
from core.project.records import Clip, Revision, Source
from core.project.workspace import Project

LIST = "clips.json"


class Trash:
    """Where clips go that a person worked on: a folder of the project's trash with their list and their audio."""

    def __init__(self, project: Project, source: Source) -> None:
        self.project, self.source = project, source
        self.folder: Path | None = None
        self.ids: list[str] = []

    def keep(self, clips: list[Clip], revisions: list[Revision]) -> None:
        """Write down what is to be kept, before it leaves the database."""
        parent = self.project.path / "trash"
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = parent / free_name(parent, f"{self.source.id}-clips")
        record = {"clips": [asdict(clip) for clip in clips], "revisions": [asdict(revision) for revision in revisions]}
        write_json(self.folder / LIST, {"source": asdict(self.source), **record})
        self.ids = [clip.id for clip in clips]

    def undo(self) -> None:
        """Nothing left the database after all."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def move(self) -> None:
        """Bring the audio to what was written down."""
        for clip_id in self.ids:
            path = self.project.clip_file(clip_id)
            if self.folder and path.exists():
                path.rename(self.folder / path.name)


def put_sound_away(project: Project, clips: Sequence[Clip]) -> None:
    """Put the sound of clips that are no longer among the clips where `undo` of the editor finds it."""
    folder = project.path / "trash" / "edits"
    folder.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        with contextlib.suppress(FileNotFoundError):
            project.clip_file(clip.id).replace(folder / f"{clip.id}.wav")


def bring_sound_back(project: Project, clip: Clip) -> bool:
    """Bring the sound of a clip back; False if it is neither in the trash nor still in its place."""
    target = project.clip_file(clip.id)
    with contextlib.suppress(FileNotFoundError):
        (project.path / "trash" / "edits" / f"{clip.id}.wav").replace(target)
    return target.exists()
