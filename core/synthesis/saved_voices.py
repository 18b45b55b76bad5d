"""Saved voices: a voice under its own name, with what speaks, its references and how it speaks; a file each.

What a page, REST, OpenAI's API and Wyoming offer as a project's voice comes from here first (`core.synthesis.voices`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from core.checkpoint_ref import CheckpointRef
from core.damage import Count, DamagedFile, Finite, UnixTime, read_all, read_record
from core.engines.registry import language_code
from core.errors import UserError
from core.files import free_name, inside, slug, write_json
from core.project.trash import discard
from core.project.workspace import Project
from core.synthesis.settings import check_settings
from core.text import as_title

BASE, IMPORTED = "base", "voice"  # how ids of speakers begin that are no checkpoint
COLOURS = ("#3b6ea5", "#2e7d6b", "#7a5ca8", "#b0563f", "#8a6d1d", "#a0446f", "#4b6b2f", "#5b6670")
MOST_VOICES = 200
MOST_PICTURE = 100_000  # characters
_MOST_REFERENCES = 40
_MOST_RIGHTS = 2_000
_Id = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True)
class SavedVoice:
    """One voice.

    ``speaker`` is what speaks, as `core.synthesis.voices.VoiceChoice.id` names it: a checkpoint, a voice that was
    brought in, or a base. ``reference_clip_ids`` are empty for those that suit it by themselves, ``settings`` hold what
    differs from the engine's own, ``language`` is empty for the project's, ``rights`` for the project's note.
    ``picture`` is a small JPEG in base64 (`core.synthesis.voice_picture`), empty where the colour alone is shown.
    """

    id: str
    name: Annotated[str, Field(min_length=1, max_length=80)]
    speaker: Annotated[str, Field(max_length=200, pattern=r"^((base|voice):.+|.+:\d{1,9})$")]
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] = COLOURS[0]
    reference_clip_ids: Annotated[tuple[_Id, ...], Field(max_length=_MOST_REFERENCES)] = ()
    settings: dict[str, Finite] = field(default_factory=dict)
    language: Annotated[str, Field(max_length=20)] = ""
    seed: Count = 0
    rights: Annotated[str, Field(max_length=_MOST_RIGHTS)] = ""
    picture: Annotated[str, Field(max_length=MOST_PICTURE, pattern=r"^[A-Za-z0-9+/]*={0,2}$")] = ""
    saved_at: UnixTime = 0.0

    @property
    def checkpoint(self) -> CheckpointRef | None:
        """The checkpoint that speaks; None where it is a base, or a voice that was brought in."""
        kind = self.speaker.partition(":")[0]
        return None if kind in (BASE, IMPORTED) else CheckpointRef.parse(self.speaker)


def saved_voices(project: Project, damage: list[DamagedFile] | None = None) -> list[SavedVoice]:
    """All of them, the newest first; damaged ones are passed over, and added to ``damage``."""
    voices = read_all(project.voices.glob("[!.]*.json"), _read, damage)
    return sorted(voices, key=lambda voice: (-voice.saved_at, voice.id))


def saved_voice(project: Project, voice_id: str) -> SavedVoice:
    """One of them.

    Raises:
        UserError: ``voice.gone``. DamagedFile: its file cannot be read.
    """
    with contextlib.suppress(ValueError, FileNotFoundError):
        path = inside(project.voices, f"{voice_id}.json")
        if path.is_file():
            return _read(path)
    raise UserError("voice.gone", "This voice is no longer there.", "Choose another one, or bring it in again.")


def save_voice(project: Project, name: str, speaker: str, **fields: Any) -> SavedVoice:
    """Keep a voice under a name; two of the same name get different ids.

    Args:
        project: where.
        name: what a person calls it.
        speaker, fields: see `SavedVoice`; a colour that few others have, unless one is given.

    Raises:
        UserError: ``voice.no_name``, ``voice.too_many``, and as `change_voice`.
    """
    voices = saved_voices(project)
    if len(voices) >= MOST_VOICES:
        raise UserError("voice.too_many", "There are {count} voices already.", "Delete one first.", count=len(voices))
    colours = [voice.colour for voice in voices]
    colour = min(COLOURS, key=colours.count)
    voice_id = free_name(project.voices, f"{slug(_name(name), 'voice')}.json").removesuffix(".json")
    voice = SavedVoice(voice_id, _name(name), speaker, colour, saved_at=time.time())
    return _write(project, voice, fields)


def change_voice(project: Project, voice_id: str, **fields: Any) -> SavedVoice:
    """Change some of its fields; references that are gone by now keep nothing else from being changed.

    Raises:
        UserError: ``voice.gone``, ``voice.no_name``, ``voice.colour``, ``speak.setting``, ``speak.setting_range``,
            ``speak.setting_whole``, ``engine.language``, ``speak.no_clip``.
    """
    return _write(project, saved_voice(project, voice_id), fields)


def discard_voice(project: Project, voice_id: str) -> None:
    """Move it to the project's trash; what speaks and what it said stay. Nothing if it is there already."""
    with contextlib.suppress(UserError):
        voice = saved_voice(project, voice_id)
        discard(project, "saved_voice", voice.name, [_path(project, voice.id)])


def _write(project: Project, voice: SavedVoice, fields: Mapping[str, Any]) -> SavedVoice:
    voice = replace(voice, **{name: value for name, value in fields.items() if name not in ("id", "saved_at")})
    voice = replace(
        voice,
        name=_name(voice.name),
        reference_clip_ids=_clips(project, fields.get("reference_clip_ids", ())) or voice.reference_clip_ids,
        rights=" ".join(voice.rights.split())[:_MOST_RIGHTS],
        language=language_code(voice.language, project.info.engine) if voice.language else "",
    )
    if voice.colour not in COLOURS:
        raise UserError("voice.colour", "“{colour}” is no colour of a voice.", "There are: {known}.",
                        colour=voice.colour[:40], known=", ".join(COLOURS))  # fmt: skip
    check_settings(project.info.engine, voice.settings)
    path = _path(project, voice.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(voice))
    return voice


def _clips(project: Project, ids: Sequence[str]) -> tuple[str, ...]:
    reference_ids = tuple(dict.fromkeys(ids))[:_MOST_REFERENCES]
    for clip_id in reference_ids:
        if not project.clip_file(clip_id).is_file():
            raise UserError("speak.no_clip", "A chosen reference clip is no longer there.", "Choose another one.")
    return reference_ids


def _name(text: str) -> str:
    name = as_title(text)
    if not name:
        raise UserError("voice.no_name", "The voice has no name.", "Type one, such as the speaker's.")
    return name


def _path(project: Project, voice_id: str) -> Path:
    return inside(project.voices, f"{voice_id}.json")


def _read(path: Path) -> SavedVoice:
    return read_record(path, SavedVoice, "saved_voice", path, complete=_with_id)


def _with_id(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "id": path.stem}
