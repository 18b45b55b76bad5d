"""What a person asks of a training that runs (see the verbs of `core.training.run.Run`).

Asked by appending a line to ``control.jsonl`` in the run's folder, answered by the loop with an event.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core.damage import read_once
from core.files import append_line

FILE = "control.jsonl"
_LOOK_S = 0.25

Do = Literal["sample", "save", "pause", "go_on", "steps", "keep"]


class Ask(BaseModel):
    """One line. ``at`` is Unix time in seconds; ``steps`` the wished length, or the step to keep."""

    model_config = ConfigDict(extra="ignore")
    do: Do
    at: float
    steps: int = 0


def append(run: Path, do: Do, steps: int = 0) -> None:
    """Ask something of the run in this folder; see `Ask`."""
    append_line(run / FILE, Ask(do=do, at=time.time(), steps=steps).model_dump_json())


def unanswered(run: Path, since: float, answered: int) -> list[Do]:
    """What was asked of the process launched at ``since`` and is still to be done; it answers in order."""
    return [ask.do for ask in _asks(run) if ask.at >= since][answered:]


def planned_steps(run: Path) -> int | None:
    """The length last asked for; None if it is the config's."""
    return next((ask.steps for ask in reversed(_asks(run)) if ask.do == "steps"), None)


def kept_steps(run: Path) -> set[int]:
    """Checkpoints that a person wants kept."""
    return {ask.steps for ask in _asks(run) if ask.do == "keep"}


class Control:
    """The loop's side: what was asked since the process was launched, each once.

    What was asked of an earlier process died with it, so that a resumed run does not begin with a pause.
    """

    def __init__(self, run: Path, since: float) -> None:
        self.run, self.since = run, since
        self.offset = 0
        self._looked = -_LOOK_S

    def asked(self) -> list[Ask]:
        """What is new; looks at the disk at most four times a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return []
        self._looked = now
        asks, self.offset = _read(self.run / FILE, self.offset)
        return [ask for ask in asks if ask.at >= self.since]


def _asks(run: Path) -> list[Ask]:
    path = run / FILE
    return read_once(_all, path, kind="run", thing=run) if os.path.lexists(path) else []


def _all(path: Path, _version: tuple[int, int, int]) -> list[Ask]:
    return _read(path)[0]


def _read(path: Path, offset: int = 0) -> tuple[list[Ask], int]:
    """Complete lines from ``offset`` on, and where the next one will begin; a broken line is passed over."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            block = file.read()
    except FileNotFoundError:
        return [], offset
    end = block.rfind(b"\n") + 1
    asks = []
    for line in block[:end].splitlines():
        try:
            asks.append(Ask.model_validate_json(line))
        except ValidationError:
            continue
    return asks, offset + end
