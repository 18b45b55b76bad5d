"""What a person asks of a training that runs: sample or save now, pause, go on, another number of updates.

Asked by appending a line to ``control.jsonl`` in the run's folder, answered by the loop with an event.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core.damage import read_once
from core.errors import UserError
from core.files import append_line
from core.training.config import MOST_STEPS

if TYPE_CHECKING:
    from core.training.run import Run

FILE = "control.jsonl"
_LOOK_S = 0.25

Do = Literal["sample", "save", "pause", "go_on", "steps", "keep"]


class Ask(BaseModel):
    """One line. ``at`` is Unix time in seconds; ``steps`` the wished length, or the step to keep."""

    model_config = ConfigDict(extra="ignore")
    do: Do
    at: float
    steps: int = 0


def sample_now(run: Run) -> None:
    """Have the voice as it is now saved and speak the test sentences."""
    _ask(run, "sample")


def save_now(run: Run) -> None:
    """Have a checkpoint saved after the update at work."""
    _ask(run, "save")


def pause(run: Run) -> None:
    """Have it wait after the update at work; it keeps the card's memory."""
    _ask(run, "pause")


def go_on(run: Run) -> None:
    """End a pause."""
    _ask(run, "go_on")


def change_steps(run: Run, steps: int) -> None:
    """Train to another length, running or when it is resumed; the learning rate's decline follows.

    Raises:
        UserError: ``train.bad_steps``.
    """
    view = run.read()
    had = max(view.step, max(run.checkpoints.steps(), default=0)) if view.job.active else _kept(run)
    if not had < steps <= MOST_STEPS:
        raise UserError(
            "train.bad_steps",
            "“{run}” cannot end at update {steps}: it has had {had} already, and may have at most {most}.",
            "Choose a number between the two.",
            run=run.title,
            steps=steps,
            had=had,
            most=MOST_STEPS,
        )
    _append(run.path, Ask(do="steps", at=time.time(), steps=steps))


def keep(run: Run, step: int) -> None:
    """Never let the checkpoint of a step be cleared away.

    Raises:
        UserError: ``train.no_checkpoint``.
    """
    run.checkpoint(step)
    _append(run.path, Ask(do="keep", at=time.time(), steps=step))


def stop_and_keep(run: Run, step: int) -> None:
    """End the run, with everything saved, and never let the checkpoint of ``step`` be cleared away."""
    keep(run, step)
    run.stop()


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


def _kept(run: Run) -> int:
    return max(run.checkpoints.steps(), default=0)


def _ask(run: Run, do: Do) -> None:
    if not run.job.alive():
        raise UserError("train.not_running", "“{run}” is not running.", "Resume it first.", run=run.title)
    _append(run.path, Ask(do=do, at=time.time()))


def _append(run: Path, ask: Ask) -> None:
    append_line(run / FILE, ask.model_dump_json())


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
