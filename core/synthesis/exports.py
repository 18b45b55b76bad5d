"""Voices as folders: those a project exported, and those that were brought in and speak in every project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.damage import Count, DamagedFile, UnixTime, read_all, read_record, reading
from core.errors import UserError
from core.files import TooLarge, free_name, read_json, subfolders, write_json
from core.project.trash import discard
from core.project.workspace import Project, Workspace
from core.synthesis.saved_voices import COLOURS
from core.synthesis.settings import check_settings
from core.synthesis.voice_picture import jpeg_of, remade_picture
from core.text import as_title

_MOST_BYTES = 1 << 20  # of a manifest


@dataclass(frozen=True)
class Export:
    """An exported voice, complete and proved loadable. ``manifest`` is its ``manifest.json``, ``size`` is in bytes."""

    id: str
    name: str
    folder: Path
    sample: Path
    size: int
    at: float
    checkpoint: CheckpointRef | None
    manifest: dict[str, Any]

    @property
    def manner(self) -> dict[str, Any]:
        """Settings and seed that it is used to speak with; empty for the engine's own."""
        speaking = self.manifest.get("speaking")
        return dict(speaking) if isinstance(speaking, dict) else {}

    @property
    def picture(self) -> str:
        """A small JPEG in base64; empty where there is none, or what stands there is none."""
        picture = str(self.manifest.get("picture") or "")
        return picture if jpeg_of(picture) else ""

    @property
    def is_picture_broken(self) -> bool:
        """Whether something stands in its place that is no picture."""
        return bool(self.manifest.get("picture")) and not self.picture

    @property
    def colour(self) -> str:
        """What is shown where there is no picture."""
        colour = self.manner.get("colour")
        return colour if colour in COLOURS else COLOURS[-1]


def exports(project: Project, damage: list[DamagedFile] | None = None) -> list[Export]:
    """All exported voices, newest first; damaged ones are passed over, and added to ``damage``."""
    return _newest_first(project.exports, damage)


def imported_voices(workspace: Workspace, damage: list[DamagedFile] | None = None) -> list[Export]:
    """All voices that were brought in, newest first; damaged ones are passed over, and added to ``damage``."""
    return _newest_first(workspace.voices, damage)


def imported_voice(workspace: Workspace, voice_id: str) -> Export:
    """A voice that was brought in.

    Raises:
        UserError: ``voice.gone``.
    """
    return _by_id(imported_voices(workspace), voice_id)


@dataclass(frozen=True)
class Brought:
    """What a voice that comes from anywhere says of itself, as far as it says it rightly."""

    name: str = ""
    manner: Mapping[str, Any] = field(default_factory=dict)
    picture: str = ""
    rights: str = ""
    is_picture_broken: bool = False


def brought(path: Path | None, engine: str) -> Brought:
    """Of its ``manifest.json``, or of the ``voice.json`` of an adapter: its name, how it is used to speak, its picture
    made anew, why it may be used."""
    try:
        raw = dict(read_json(path, _MOST_BYTES)) if path else {}
    except (OSError, ValueError, TypeError, RecursionError, TooLarge):
        raw = {}
    name = as_title(str(raw.get("name") or ""))
    rights = " ".join(str(raw.get("rights") or "").split())[:2_000]
    speaking = raw if "speaker" in raw else raw.get("speaking")
    picture = remade_picture(raw.get("picture"), name)
    return Brought(name, _manner(speaking, engine), picture, rights, bool(raw.get("picture")) and not picture)


def _manner(speaking: Any, engine: str) -> dict[str, Any]:
    try:
        settings, seed = dict(speaking.get("settings", {})), int(speaking.get("seed", 0))
        check_settings(engine, settings)
    except (ValueError, TypeError, AttributeError, OverflowError, UserError):
        return {}
    colour = speaking.get("colour")
    colours = {"colour": colour} if colour in COLOURS else {}
    return {"settings": settings, "seed": min(max(0, seed), 2**31 - 1), **colours}


def discard_export(project: Project, export_id: str) -> None:
    """Move an exported voice to the project's trash; nothing if it is there already."""
    export = next((export for export in exports(project) if export.id == export_id), None)
    if export:
        discard(project, "export", export.name, [export.folder])


def rename_export(project: Project, export_id: str, name: str) -> None:
    """Let a person call an exported voice otherwise; an empty name changes nothing."""
    export = next((export for export in exports(project) if export.id == export_id), None)
    if export:
        _rename(export, name)


def rename_imported(workspace: Workspace, voice_id: str, name: str) -> None:
    """Let a person call a voice that was brought in otherwise; an empty name changes nothing.

    Raises:
        UserError: ``voice.gone``.
    """
    _rename(imported_voice(workspace, voice_id), name)


def discard_imported(workspace: Workspace, voice_id: str) -> None:
    """Move a voice that was brought in to the trash.

    Raises:
        UserError: ``voice.gone``.
    """
    voice, trash = imported_voice(workspace, voice_id), workspace.voices_trash
    trash.mkdir(parents=True, exist_ok=True)
    voice.folder.rename(trash / free_name(trash, voice.id))


def discarded_imported(workspace: Workspace) -> list[Export]:
    """Voices that were brought in and lie in the trash, newest first."""
    return _newest_first(workspace.voices_trash, None)


def restore_imported(workspace: Workspace, voice_id: str) -> None:
    """Bring a voice back from the trash.

    Raises:
        UserError: ``voice.gone``.
    """
    voice = _by_id(discarded_imported(workspace), voice_id)
    voice.folder.rename(workspace.voices / free_name(workspace.voices, voice.id))


def _by_id(voices: Sequence[Export], voice_id: str) -> Export:
    voice = next((voice for voice in voices if voice.id == voice_id), None)
    if voice is None:
        raise UserError("voice.gone", "This voice is no longer there.", "Choose another one, or bring it in again.")
    return voice


def _rename(export: Export, name: str) -> None:
    if name := as_title(name):
        write_json(export.folder / "manifest.json", {**export.manifest, "name": name})


def _newest_first(parent: Path, damage: list[DamagedFile] | None) -> list[Export]:
    return sorted(read_all(subfolders(parent), _export, damage), key=lambda export: export.at, reverse=True)


@dataclass(frozen=True)
class _Manifest:
    """What has to stand in a ``manifest.json``; there is more."""

    name: str
    exported_at: UnixTime
    manifest: dict[str, Any]
    run_id: str | None = None
    step: Count = 0


def _export(folder: Path) -> Export:
    path = folder / "manifest.json"
    facts = read_record(path, _Manifest, "export", folder, complete=_beside_itself)
    with reading(path, "export", folder):
        size = sum(file.lstat().st_size for file in folder.iterdir())
    return Export(
        id=folder.name,
        name=facts.name,
        folder=folder,
        sample=folder / "sample.wav",
        size=size,
        at=facts.exported_at,
        checkpoint=CheckpointRef(facts.run_id, facts.step) if facts.run_id else None,
        manifest=facts.manifest,
    )


def _beside_itself(_: Path, raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "manifest": raw}
