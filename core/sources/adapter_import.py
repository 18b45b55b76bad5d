"""Bringing in an adapter alone: its files, known by their names, and the base it was made on, known by its hash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.engines.registry import bases
from core.engines.session import ADAPTER
from core.errors import UserError
from core.files import TooLarge, read_json
from core.project.engine import known_bases
from core.project.workspace import Workspace
from core.reasons import reason_of

VOICE = "voice.json"
_BASE = re.compile(r"base\.([a-z][a-z0-9_]{0,40})\.json")
_REFERENCE = re.compile(r"reference-\d{1,3}\.wav")
MOST_BYTES = 1 << 20  # of what describes it
_MOST_RANK = 4096


def base_file(engine: str) -> str:
    """What the file is called that says which base an adapter of this engine needs."""
    return f"base.{engine}.json"


@dataclass(frozen=True)
class AdapterFiles:
    """Files of an adapter among many, by our names for them; ``engine`` is what its base's file is called by."""

    engine: str
    base: str
    names: Mapping[str, str]


def adapter_among(names: Sequence[str]) -> AdapterFiles | None:
    """The adapter that lies least deep; None if there is none."""
    folders: dict[PurePosixPath, dict[str, str]] = {}
    for name in names:  # once: a stranger's zip may hold very many
        path = PurePosixPath(name)
        folders.setdefault(path.parent, {})[path.name] = name
    for name in sorted(names, key=lambda name: name.count("/")):
        path = PurePosixPath(name)
        match, beside = _BASE.fullmatch(path.name), folders[path.parent]
        if match and ADAPTER in beside:
            kinds = (VOICE, ADAPTER)
            own = {ours: origin for ours, origin in beside.items() if ours in kinds or _is_part(ours)}
            return AdapterFiles(match[1], name, own)
    return None


def _is_part(name: str) -> bool:
    return name.endswith(".safetensors") or bool(_REFERENCE.fullmatch(name))


class _Reference(BaseModel):
    file: str = Field(pattern=rf"^{_REFERENCE.pattern}$")  # a search finds it anywhere in a path
    text: Annotated[str, Field(max_length=2_000)] = ""


class AdapterBase(BaseModel):
    """What an adapter says of the base it needs, and of the recordings that show its voice."""

    model_config = ConfigDict(extra="ignore")

    engine: str = Field(max_length=60)
    base: str = Field("", max_length=200)
    label: str = Field("", max_length=200)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    language: str = Field("", max_length=20)
    references: list[_Reference] = Field([], max_length=40)


def read_base(path: Path) -> AdapterBase:
    """What stands in the file of `base_file`.

    Raises:
        UserError: ``voice.broken_adapter``.
    """
    try:
        return AdapterBase.model_validate(read_json(path, MOST_BYTES))
    except (OSError, ValueError, TypeError, RecursionError, TooLarge) as error:
        raise broken(error) from None


def check_sizes(path: Path) -> None:
    """Refuse an ``adapter.json`` whose sizes would take any amount of memory before its weights are looked at.

    Raises:
        UserError: ``voice.broken_adapter``.
    """
    try:
        facts: dict[str, Any] = read_json(path, MOST_BYTES)
        rank = (facts.get("lora") or {}).get("rank", 1)
    except (OSError, ValueError, AttributeError, TypeError, RecursionError, TooLarge) as error:
        raise broken(error) from None
    if type(rank) is not int or not 0 < rank <= _MOST_RANK:
        raise broken(UserError("reason.no_rank", "its rank is {rank}", rank=str(rank)[:20]))


def base_here(workspace: Workspace, wish: AdapterBase) -> tuple[str, Path]:
    """The id and the folder of the base whose weights are those that the adapter was made on.

    It is one of `known_bases`; the one it was made on is looked at first.

    Raises:
        UserError: ``voice.no_base``, ``voice.no_local_base``, ``voice.other_base``.
    """
    models = bases(wish.engine)
    ids = known_bases(workspace, wish.engine)
    for id_ in sorted(ids, key=lambda id_: wish.label not in (id_, models.label(id_)) and id_ != wish.base):
        folder = models.place(workspace.models, id_)
        if models.weights_sha256(folder) == wish.sha256:
            return id_, folder
    label = wish.label or wish.base or "?"
    if wish.base in ids:
        raise UserError(
            "voice.other_base",
            "This adapter was made on the base model {label}, but with other weights than those that are here.",
            "It speaks with just the file it was made on. Bring in the whole voice instead, exported there.",
            label=label,
        )
    if not wish.base:
        raise UserError(
            "voice.no_local_base",
            "This is an adapter alone. It needs the base model in the folder {label}, which is not on this computer.",
            "Copy that folder into “models” of the workspace, then bring the adapter in again; or bring in the whole "
            "voice.",
            label=label,
        )
    raise UserError(
        "voice.no_base",
        "This is an adapter alone. It needs the base model {label}, which is not on this computer.",
        "Get that base on the Train page, then bring the adapter in again; or bring in the whole voice.",
        label=label,
    )


def broken(error: Exception) -> UserError:
    """An adapter is not what it should be."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        error = UserError(
            "reason.field", "{field}: the program says “{words}”", field=place[:80], words=first["msg"][:160]
        )
    return UserError(
        "voice.broken_adapter",
        "The adapter cannot be read ({what}).",
        "Download it again where it was made.",
        what=reason_of(error),
    )
