"""Cell: what all that a notebook's cells ask for shares: wishes, workspace, what is shown, and Stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.engines.registry import DEFAULT
from core.errors import Cancelled
from core.jobs.job import Job
from core.jobs.outcome import check_done
from core.project.workspace import Workspace
from ui.i18n import Translator
from ui.notebook import pictures

LOOK_S = 0.5


class Wish(BaseModel):
    """What the notebook's parameters say.

    ``project`` is its name, ``speech`` the language of the recordings; ``run`` names the training, and another name
    begins another one. ``accept_license`` says that the base's licence was read.
    """

    model_config = ConfigDict(extra="forbid")
    workspace: Path
    drive: Path | None = None
    language: str = "en"
    project: str = "My voice"
    speech: str = "en"
    engine: str = DEFAULT
    base: str = ""
    accept_license: bool = False
    source: str = ""
    rights: str = ""
    quality: str = "fast"
    run: str = "Notebook"
    changes: dict[str, Any] = {}
    device: str = "auto"
    mb_per_s: float = 0.0
    most_gb: float = 0.0


class Cell:
    """The cell at work.

    Args:
        wish: see there.
        write: takes an answer.
    """

    def __init__(self, wish: Wish, write: Callable[[dict[str, Any]], object]) -> None:
        self.wish, self.write = wish, write
        self.t = Translator(wish.language)
        self.workspace = Workspace(wish.workspace)
        self.stop_requested = False
        self.shown: dict[str, str] = {}
        self.watched: dict[str, int] = {}
        """Descriptors that have the syncers of projects stay (`core.sync.syncer.watch`), by the project's folder."""

    def begin(self) -> None:
        """Another cell is at work from now on."""
        self.stop_requested, self.shown = False, {}

    def show(self, name: str, *parts: str) -> None:
        """Show something in its own place, if it differs from what stands there."""
        if not any(parts) and name not in self.shown:
            return
        content = pictures.framed(*parts)
        if self.shown.get(name) != content:
            self.shown[name] = content
            self.write({"show": name, "html": content})

    def check_stop(self) -> None:
        """End here if Stop was pressed.

        Raises:
            Cancelled: it was.
        """
        if self.stop_requested:
            raise Cancelled

    def follow(self, job: Job) -> None:
        """Show a job until it ends.

        Raises:
            Cancelled, UserError: it did not end well.
        """
        while job.alive():
            if self.stop_requested:
                job.stop()
            self.show(job.id, pictures.progress(self.t, job.read()))
            time.sleep(LOOK_S)
        self.show(job.id, pictures.progress(self.t, job.read()))
        check_done(job)
