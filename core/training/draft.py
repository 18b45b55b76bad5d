"""Settings that were changed on the Train page and not yet trained with: kept a project and preset, over reloads."""

from __future__ import annotations

from typing import Any

from core.errors import UserError
from core.files import TooLarge, read_json, write_json
from core.project.workspace import Project
from core.training.presets import preset

_FILE = "draft.json"
_MOST_BYTES = 1 << 16


def changed_settings(project: Project, preset_id: str) -> dict[str, Any]:
    """What differs from a preset; nothing where that was not kept, cannot be read, or is of other settings."""
    changes = _read(project).get(preset_id)
    if not isinstance(changes, dict):
        return {}
    try:
        preset(preset_id).config(changes)
    except UserError:
        return {}
    return changes


def keep_changed_settings(project: Project, preset_id: str, changes: dict[str, Any]) -> None:
    """Note what differs from a preset now, as far as it can be trained with."""
    try:
        preset(preset_id).config(changes)
    except UserError:  # half typed
        return
    drafts = _read(project)
    if drafts.get(preset_id, {}) != changes:
        write_json(project.path / _FILE, {**drafts, preset_id: changes})


def _read(project: Project) -> dict[str, Any]:
    try:
        drafts = read_json(project.path / _FILE, _MOST_BYTES)
    except (OSError, ValueError, TooLarge):
        return {}
    return drafts if isinstance(drafts, dict) else {}
