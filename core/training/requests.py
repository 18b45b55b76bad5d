"""Requests to a training that runs, such as save or pause: a person appends them to ``control.jsonl``.

The verbs of `core.training.run.Run` write them into the run's folder; the loop answers each with an event.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from core.damage import read_once
from core.files import append_line

FILE = "control.jsonl"
_POLL_S = 0.25  # between two looks at the disk

Do = Literal["sample", "save", "pause", "resume", "steps", "keep"]


class Request(BaseModel):
    """One line. ``at`` is Unix time in seconds; ``steps`` the wished length, or the step to keep."""

    model_config = ConfigDict(extra="ignore")
    do: Annotated[Do, BeforeValidator(lambda do: "resume" if do == "go_on" else do)]  # as earlier versions wrote it
    at: float
    steps: int = 0


def append(run: Path, do: Do, steps: int = 0) -> None:
    """Ask something of the run in this folder; see `Ask`."""
    append_line(run / FILE, Request(do=do, at=time.time(), steps=steps).model_dump_json())


def pending(run: Path, since: float, answer_count: int) -> list[Do]:
    """What was asked of the process launched at ``since`` and is still to be done; it answers in order."""
    return [request.do for request in _requests(run) if request.at >= since][answer_count:]


def planned_steps(run: Path) -> int | None:
    """The length last asked for; None if it is the config's."""
    return next((request.steps for request in reversed(_requests(run)) if request.do == "steps"), None)


def pinned_steps(run: Path) -> set[int]:
    """Checkpoints that a person wants kept."""
    return {request.steps for request in _requests(run) if request.do == "keep"}


class Control:
    """The loop's side: what was asked since the process was launched, each once.

    What was asked of an earlier process died with it, so that a resumed run does not begin with a pause.
    """

    def __init__(self, run: Path, since: float) -> None:
        self.run, self.since = run, since
        self.offset = 0
        self._looked_at = -_POLL_S

    def new_requests(self) -> list[Request]:
        """What is new; looks at the disk at most four times a second."""
        now = time.monotonic()
        if now - self._looked_at < _POLL_S:
            return []
        self._looked_at = now
        requests, self.offset = _read(self.run / FILE, self.offset)
        return [request for request in requests if request.at >= self.since]


def _requests(run: Path) -> list[Request]:
    path = run / FILE
    return read_once(_read_all, path, kind="run", thing=run) if os.path.lexists(path) else []


def _read_all(path: Path, _version: tuple[int, int, int]) -> list[Request]:
    return _read(path)[0]


def _read(path: Path, offset: int = 0) -> tuple[list[Request], int]:
    """Complete lines from ``offset`` on, and where the next one will begin; a broken line is passed over."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            block = file.read()
    except FileNotFoundError:
        return [], offset
    end = block.rfind(b"\n") + 1
    requests = []
    for line in block[:end].splitlines():
        try:
            requests.append(Request.model_validate_json(line))
        except ValidationError:
            continue
    return requests, offset + end
