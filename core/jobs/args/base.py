"""What every job is told by: a frozen model that refuses what it does not know, but reads what any version has stored.

Defaults stand in the models alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

A = TypeVar("A", bound="ArgsModel")
FROM_DISK = object()
"""The validation context of what was read from a disk."""


class ArgsModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_unset(cls, raw: Any, about: ValidationInfo) -> Any:
        """What is said: None is as a field that nobody has touched, and of a job that was stored other names pass."""
        if not isinstance(raw, Mapping):
            return raw
        keeps_all = about.context is not FROM_DISK or cls.model_config["extra"] == "allow"
        return {
            name: value for name, value in raw.items() if value is not None and (keeps_all or name in cls.model_fields)
        }

    def having(self: A, **updates: Any) -> A:
        """A checked copy with some fields changed."""
        return type(self)(**{**dict(self), **updates})


class JobArgs(ArgsModel):
    """What any job is told. ``kind`` is the task's module in `core.tasks`."""

    kind: ClassVar[str] = ""


class OtherArgs(JobArgs):
    """Of a job whose kind this version does not know: as they stand in its ``job.json``."""

    model_config = ConfigDict(extra="allow")
