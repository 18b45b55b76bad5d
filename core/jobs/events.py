"""Event log of a job: small typed values, one JSON object a line, only ever appended."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from core.files import append_line, open_regular, parse_json

_BLOCK = 1 << 20  # bytes that are read at a time
_FORMER_NAMES = {"loss_mel_ce": "loss", "val_loss_mel_ce": "val_loss", "loss_text_ce": "text_loss"}
_LIMIT = 1e15
_LATEST = 250_000_000_000  # a moment that can be written as a date


class Event(BaseModel):
    """Base of all events. ``at`` is Unix time in seconds; unknown fields are ignored when read."""

    model_config = ConfigDict(extra="ignore")
    at: float = Field(default_factory=time.time)


class Launched(Event):
    """The parent has started the child."""

    type: Literal["launched"] = "launched"


class Started(Event):
    """The child is running; ``step`` is where a resumed training takes up (None: nothing said before is void)."""

    type: Literal["started"] = "started"
    pid: int
    step: int | None = None


class Progress(Event):
    """``done`` of ``total`` in ``stage``; ``eta_s`` is the estimated time left of the whole job."""

    type: Literal["progress"] = "progress"
    stage: str
    done: float = 0
    total: float = 0
    item: str = ""
    eta_s: float | None = None


class Metrics(Event):
    """Numbers of a training step or an evaluation (loss, val_loss, lr, steps_per_s, memory_mb …)."""

    type: Literal["metrics"] = "metrics"
    step: int
    values: dict[str, float]

    @field_validator("values")
    @classmethod
    def _rename_former(cls, values: dict[str, float]) -> dict[str, float]:
        """Logs of earlier versions have losses under other names."""
        if _FORMER_NAMES.keys().isdisjoint(values):
            return values
        return {_FORMER_NAMES.get(name, name): value for name, value in values.items()}


class Checkpoint(Event):
    """A checkpoint is complete on disk; ``path`` is relative to the job's folder."""

    type: Literal["checkpoint"] = "checkpoint"
    step: int
    path: str


class Pruned(Event):
    """The checkpoint of a step was removed to make room."""

    type: Literal["pruned"] = "pruned"
    step: int


class State(Event):
    """A live job waits for its turn (``place`` 1 is next, ``behind`` names who is at work), is paused, or works."""

    type: Literal["state"] = "state"
    state: Literal["waiting", "paused", "running"]
    place: int = 0
    behind: dict[str, str] = Field(default_factory=dict)


class Answer(Event):
    """What a person asked of a running job was done; ``steps`` is the new length where that was asked."""

    type: Literal["answer"] = "answer"
    do: str
    step: int = 0
    steps: int | None = None


class Sample(Event):
    """A checkpoint has spoken a sentence; ``path`` is relative to the job's folder."""

    type: Literal["sample"] = "sample"
    step: int
    sentence: int
    text: str
    path: str
    seconds: float = 0.0
    took_s: float = 0.0


class Warning(Event):
    """Something was set aside or changed; the job goes on."""

    type: Literal["warning"] = "warning"
    code: str
    text: str
    hint: str = ""
    values: dict[str, Any] = Field(default_factory=dict)


class Finished(Event):
    """The end, with its outcome. ``result`` holds small facts for the closing sentence."""

    type: Literal["finished"] = "finished"
    outcome: Literal["done", "cancelled", "failed"]
    code: str = ""
    text: str = ""
    hint: str = ""
    values: dict[str, Any] = Field(default_factory=dict)
    result: dict[str, Any] = Field(default_factory=dict)


AnyEvent = Annotated[
    Launched | Started | Progress | Metrics | Checkpoint | Pruned | Sample | State | Answer | Warning | Finished,
    Field(discriminator="type"),
]
_adapter: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def append(path: Path, event: Event) -> None:
    """Append one event to the log."""
    append_line(path, event.model_dump_json())


def end_torn_line(path: Path) -> None:
    """After a power cut or a full disk the last line may be torn: end it, so that it does not swallow the next."""
    try:
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            torn = file.read() != b"\n"
    except OSError:  # not there yet, or empty
        return
    if torn:
        append_line(path, "")


class EventReader:
    """Reads what was appended since the last call; keeps a byte offset, so a poll costs only what is new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read(self) -> list[AnyEvent]:
        """New complete events; an unfinished last line waits, an unknown or broken line is skipped.

        Raises:
            OSError: the log is there and cannot be opened.
        """
        events: list[AnyEvent] = []
        try:
            with open_regular(self.path) as file:
                file.seek(self.offset)
                while block := file.read(_BLOCK):
                    end = block.rfind(b"\n") + 1
                    if not end and len(block) == _BLOCK:
                        end = _BLOCK  # no event is so long: what was overwritten with something else is not kept
                    if not end:
                        break
                    self.offset += end
                    file.seek(self.offset)
                    events += filter(None, map(parse, block[:end].splitlines()))
        except FileNotFoundError:
            return []
        return events


def parse(line: bytes) -> AnyEvent | None:
    """The event of a line; None if it is none, or tells numbers that are none."""
    try:
        event = _adapter.validate_python(parse_json(line))
    except ValueError:
        return None
    return event if all(map(_is_plausible, event.__dict__.values())) and event.at < _LATEST else None


def _is_plausible(value: Any) -> bool:
    """Whether a page can show it: no infinity, no number of a hundred digits."""
    if isinstance(value, float | int):
        return math.isfinite(value) and abs(value) <= _LIMIT if isinstance(value, float) else abs(value) <= _LIMIT
    return all(map(_is_plausible, value.values())) if isinstance(value, dict) else True
