"""Settings of speaking: checked by the engine's own ranges, and kept a project over reloads where they were changed."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from core.engines.registry import speaking_options
from core.errors import UserError
from core.files import TooLarge, read_json, write_json
from core.project.workspace import Project

_FILE = "speaking.json"
_MOST_BYTES = 1 << 16


def check_settings(engine: str, settings: Mapping[str, float]) -> None:
    """Refuse what an engine's voices cannot be asked.

    Raises:
        UserError: ``speak.setting``, ``speak.setting_range``, ``speak.setting_whole``.
    """
    model = speaking_options(engine)
    for name in settings:
        if name not in model.model_fields:
            raise UserError(
                "speak.setting",
                "“{name}” is no setting of speaking.",
                "There are: {known}.",
                name=name[:40],
                known=", ".join(model.model_fields) or "–",
            )
    try:
        model(**settings)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        if problem["type"] == "int_from_float":
            raise UserError(
                "speak.setting_whole",
                "“{name}” is {value}; it has to be a whole number.",
                "Change it, or leave it out.",
                name=name,
                value=settings[name],
            ) from None
        rules = model.model_fields[name].metadata
        low, high = (next(getattr(rule, bound) for rule in rules if hasattr(rule, bound)) for bound in ("ge", "le"))
        raise UserError(
            "speak.setting_range",
            "“{name}” is {value}; it has to lie between {least} and {most}.",
            "Change it, or leave it out.",
            name=name,
            value=settings[name],
            least=low,
            most=high,
        ) from None


def changed_settings(project: Project) -> dict[str, float]:
    """What a person has set otherwise than usual; nothing where that cannot be read, or is of another engine."""
    try:
        settings = read_json(project.path / _FILE, _MOST_BYTES)
        check_settings(project.info.engine, settings)
        return dict(settings)
    except (OSError, ValueError, TypeError, TooLarge, UserError):
        return {}


def keep_settings(project: Project, settings: Mapping[str, float]) -> None:
    """Note what differs from the usual now, as far as it can be spoken with."""
    try:
        check_settings(project.info.engine, settings)
    except UserError:  # half typed
        return
    if changed_settings(project) != settings:
        write_json(project.path / _FILE, dict(settings))
