"""Training by hand: ``python -m core.train --config run.yaml`` makes the same run folder that the page's Start makes.

The run is a job like any other, with the same locks, so it shows in the page and goes on if this terminal closes.
``torchrun`` and ``accelerate launch`` let several processes share its updates (`core.training.multi_process`);
these end with the launcher.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from core.dataset.freeze import latest
from core.engines.distributed import launched
from core.errors import UserError
from core.jobs.job import Job, JobView
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.system.process import make_new_files_private, refuse_unsafe_loading
from core.training import multi_process as several
from core.training.presets import presets
from core.training.run import resume, start_training

KEYS = ("project", "name", "engine", "dataset", "base", "preset", "device", "settings", "language")
_LOOK_S = 0.5
_TELL_S = 10.0  # between two lines while nothing but numbers change
_ONE_PRESS_S = 1.0
_CODES = {"done": 0, "cancelled": 130}


def main(given: list[str] | None = None) -> int:
    """Start or resume a run and follow it. Returns 0 when done, 130 when stopped, 1 when it failed, 2 if refused."""
    chosen = _arguments(given)
    make_new_files_private()
    try:
        refuse_unsafe_loading()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    settings = Settings(**({"workspace": chosen.workspace} if chosen.workspace else {}))
    workspace = Workspace(settings.workspace_folder())
    rank, count = launched()
    if rank:
        return several.follow()
    if count > 1:
        several.hand_on()
    try:
        job = _begin(workspace, chosen, settings.device)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return follow(job)


def read_wish(path: Path) -> dict[str, Any]:
    """A run file: the keys are `KEYS`, all but ``settings`` optional; a run's own ``config.yaml`` is one too.

    Raises:
        UserError: ``train.bad_file``, ``train.unknown_key``.
    """
    try:
        wish = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _bad_file(path, str(error)) from error
    if not isinstance(wish, dict) or not isinstance(wish.get("settings", {}), dict):
        raise _bad_file(path, "it holds no settings by name")
    unknown = [str(key) for key in wish if key not in KEYS]
    if unknown:
        raise UserError(
            "train.unknown_key",
            "“{key}” in {path} means nothing.",
            "The keys are: {valid}. Settings of the training stand under “settings”.",
            key=unknown[0],
            path=path,
            valid=", ".join(KEYS),
        )
    return wish


def start(workspace: Workspace, wish: dict[str, Any], project_slug: str = "", *, wait: bool = False) -> Job:
    """Start what a run file wishes for; see `core.training.run.start_training` for what it raises.

    Where the file is silent: the project's newest dataset, the real base, the smallest preset.
    """
    project = workspace.project(project_slug or str(wish.get("project", "")))
    return start_training(
        project,
        str(wish.get("dataset") or _newest(project)),
        str(wish.get("preset") or presets(project.info.engine)[0].id),
        dict(wish.get("settings") or {}),
        str(wish.get("name") or ""),
        str(wish.get("base") or ""),
        device=str(wish.get("device") or "auto"),
        wait=wait,
    )


def _newest(project: Project) -> str:
    frozen = latest(project)
    return frozen.id if frozen else ""


def follow(job: Job, say: Callable[[str], object] = print) -> int:
    """Write lines until the job ends. Ctrl+C stops and keeps; a second one ends it at once."""
    presses: list[float] = []

    def press(*_: object) -> None:
        now = time.monotonic()
        if presses and launched()[1] > 1 and now - presses[-1] < _ONE_PRESS_S:
            return  # a launcher passes on what the terminal has told all its processes already
        presses.append(now)
        job.stop() if len(presses) == 1 else job.force_stop()

    before = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM)}
    say(f"{job.path}")
    said, at, warned = "", 0.0, 0
    try:
        while True:
            alive = job.alive()
            view = job.read()
            for warning in view.warnings[warned:]:
                say(f"! {warning.text} {warning.hint}".rstrip())
            warned = len(view.warnings)
            line = _line(view)
            if line != said and (time.monotonic() - at > _TELL_S or line.split(" · ")[0] != said.split(" · ")[0]):
                say(line)
                said, at = line, time.monotonic()
            if not alive:
                break
            time.sleep(_LOOK_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    view = job.read()
    say(f"{view.status}: {view.text} {view.hint}".rstrip(": ") if view.text else _closing(view))
    return _CODES.get(view.status, 1)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.train", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, help="what to train: a YAML file, such as a run's own config.yaml")
    what.add_argument("--resume", metavar="RUN", help="go on with a run of the project, by its folder's name")
    parser.add_argument("--project", default="", help="folder name of the project, where the file does not say it")
    parser.add_argument("--workspace", type=Path, help="folder that holds projects and models (~/voicewright)")
    parser.add_argument("--wait", action="store_true", help="wait for the card if it is taken")
    return parser.parse_args(given)


def _begin(workspace: Workspace, chosen: argparse.Namespace, device: str) -> Job:
    if chosen.resume:
        return resume(workspace.project(chosen.project), chosen.resume, wait=chosen.wait)
    return start(workspace, {"device": device, **read_wish(chosen.config)}, chosen.project, wait=chosen.wait)


def _line(view: JobView) -> str:
    if view.status in ("waiting", "paused"):
        return f"{view.status} · {view.behind.get('title', '')} · {view.place}" if view.behind else view.status
    if view.stage != "train":
        return f"{view.stage or 'starting'} · {view.done:g}/{view.total:g}"
    values = view.metrics.get(int(view.done), {})
    losses = "".join(f" · {name} {values[name]:.3f}" for name in ("loss", "val_loss") if name in values)
    left = f" · {view.eta_s / 60:.0f} min left" if view.eta_s is not None else ""
    return f"train · {view.done:g}/{view.total:g}{losses}{left}"


def _closing(view: JobView) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in view.result.items())
    return f"{view.status}: {facts}" if facts else view.status


def _bad_file(path: Path, why: str) -> UserError:
    return UserError(
        "train.bad_file",
        "{path} cannot be read as a run file: {why}.",
        "docs/training.md shows what one looks like.",
        path=path,
        why=" ".join(why.split())[:200],
    )


if __name__ == "__main__":
    sys.exit(main())
