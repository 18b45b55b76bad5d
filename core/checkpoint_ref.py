"""Checkpoint reference: a run and a step, spelled one way in votes, jobs, notes and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_FOLDER = "step-"


@dataclass(frozen=True, order=True)
class CheckpointRef:
    """A checkpoint of a run; step 0 stands for the base the run began with."""

    run_id: str
    step: int

    @classmethod
    def parse(cls, name: str) -> CheckpointRef:
        """From its `name`.

        Raises:
            ValueError: it is none.
        """
        run_id, _, step = name.rpartition(":")
        if not (run_id and step.isascii() and step.isdigit()):
            raise ValueError(f"no checkpoint: {name!r}")
        return cls(run_id, int(step))

    @property
    def name(self) -> str:
        """``<run>:<step>``."""
        return f"{self.run_id}:{self.step}"


# In a model: it is stored as its name.
CheckpointName = Annotated[
    CheckpointRef,
    BeforeValidator(lambda value: CheckpointRef.parse(value) if isinstance(value, str) else value),
    PlainSerializer(lambda checkpoint: checkpoint.name, return_type=str),
]


def with_checkpoint(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A note of an earlier version, which kept ``run_id`` (None for a base) and ``step``, and the step in ``voice``."""
    if "run_id" not in raw:
        return dict(raw)
    fields = {key: value for key, value in raw.items() if key not in ("run_id", "step")}
    if not raw["run_id"]:
        return {**fields, "checkpoint": None}
    voice = str(raw.get("voice", "")).removesuffix(f" · {raw['step']}")
    return {**fields, "checkpoint": f"{raw['run_id']}:{raw['step']}", "voice": voice}


def step_folder(step: int) -> str:
    """What is kept of a step lies in a folder of this name, in a run's checkpoints and samples: ``step-000250``."""
    return f"{_FOLDER}{step:06d}"


def step_of(folder: str) -> int | None:
    """The step of a folder's name; None if it is no `step_folder`."""
    digits = folder.removeprefix(_FOLDER)
    return int(digits) if folder.startswith(_FOLDER) and digits.isascii() and digits.isdigit() else None
