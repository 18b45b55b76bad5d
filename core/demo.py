"""Demo: a project that walks the whole pipeline by itself, from a bundled recording to voices to compare."""

from __future__ import annotations

import shutil
from pathlib import Path

from core import REPOSITORY
from core.jobs import locks
from core.jobs.args.training import DemoArgs
from core.jobs.job import Job, busy
from core.project.workspace import Project, Workspace

RECORDING = REPOSITORY / "presets" / "demo" / "recording.flac"
RIGHTS = (
    "Allison Smith, Asterisk Core Sounds, CC BY-SA 3.0. A voice trained from it is an adaptation: same licence, "
    "same credit. See presets/demo/LICENSE.md."
)
_NAMES = {"pt-BR": "Demonstração"}


def start_demo(workspace: Workspace, language: str = "en", device: str = "auto") -> tuple[Project, Job]:
    """Make a demo project and start the job that walks the road in it.

    Args:
        workspace: where.
        language: of the page; it only names the project. The recording is English.
        device: what to train on: ``auto``, ``cuda`` or ``cpu``. The bundled recogniser always takes the processor.

    Raises:
        Busy: a demo is running already, or another job holds the card it will need.
    """
    for lock in (demo_lock(workspace), workspace.gpu_lock):
        if locks.is_locked(lock):
            raise busy(locks.holder(lock))
    project = workspace.create(_NAMES.get(language, "Demo"), "en", demo=True)
    try:
        project.change(rights=RIGHTS)
        job = Job.create(project.jobs, DemoArgs(device=device), title=project.info.name)
        job.start(project.path / "locks" / "demo", demo_lock(workspace))
    except BaseException:
        shutil.rmtree(project.path, ignore_errors=True)
        raise
    return project, job


def demo_lock(workspace: Workspace) -> Path:
    """Held by the one demo that may run in a workspace."""
    return workspace.path / "demo.lock"
