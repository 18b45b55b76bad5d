"""Command line of training: ``python -m core.train --config run.yaml`` makes the run folder that Start makes.

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
from core.engines.distributed import rank_and_world_size
from core.errors import UserError
from core.jobs.job import Job, JobView
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.system.process import make_new_files_private, refuse_unsafe_loading
from core.training import multi_process
from core.training.presets import machine_preset
from core.training.start import resume, start_training

KEYS = ("project", "name", "engine", "dataset", "base", "preset", "device", "settings", "language")
_LOOK_S = 0.5
_TELL_S = 10.0  # between two lines while nothing but numbers change
_ONE_PRESS_S = 1.0
_CODES = {"done": 0, "cancelled": 130}


def main(argv: list[str] | None = None) -> int:
    """Start or resume a run and follow it. Returns 0 when done, 130 when stopped, 1 when it failed, 2 if refused."""
    options = _arguments(argv)
    make_new_files_private()
    try:
        refuse_unsafe_loading()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    settings = Settings(**({"workspace": options.workspace} if options.workspace else {}))
    workspace = Workspace(settings.workspace_folder())
    rank, count = rank_and_world_size()
    if rank:
        return multi_process.follow()
    if count > 1:
        multi_process.pass_environment()
    try:
        job = _begin(workspace, options, settings.device)
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
    """Start what a run file wishes for; see `core.training.start.start_training` for what it raises.

    Where the file is silent: the project's newest dataset, the real base, the preset for this machine.
    """
    project = workspace.project(project_slug or str(wish.get("project", "")))
    device = str(wish.get("device") or "auto")
    return start_training(
        project,
        str(wish.get("dataset") or _newest(project)),
        str(wish.get("preset") or machine_preset(project.info.engine, device).id),
        dict(wish.get("settings") or {}),
        str(wish.get("name") or ""),
        str(wish.get("base") or ""),
        device=device,
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
        if presses and rank_and_world_size()[1] > 1 and now - presses[-1] < _ONE_PRESS_S:
            return  # a launcher passes on what the terminal has told all its processes already
        presses.append(now)
        job.stop() if len(presses) == 1 else job.force_stop()

    before = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM)}
    say(f"{job.path}")
    last, said_at, warning_count = "", 0.0, 0
    try:
        while True:
            alive = job.alive()
            view = job.read()
            for warning in view.warnings[warning_count:]:
                say(f"! {warning.text} {warning.hint}".rstrip())
            warning_count = len(view.warnings)
            line = _line(view)
            if line != last and (time.monotonic() - said_at > _TELL_S or line.split(" · ")[0] != last.split(" · ")[0]):
                say(line)
                last, said_at = line, time.monotonic()
            if not alive:
                break
            time.sleep(_LOOK_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    view = job.read()
    say(f"{view.status}: {view.text} {view.hint}".rstrip(": ") if view.text else _closing(view))
    return _CODES.get(view.status, 1)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.train", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, help="what to train: a YAML file, such as a run's own config.yaml")
    source.add_argument("--resume", metavar="RUN", help="go on with a run of the project, by its folder's name")
    parser.add_argument("--project", default="", help="folder name of the project, where the file does not say it")
    parser.add_argument("--workspace", type=Path, help="folder that holds projects and models (~/voicewright)")
    parser.add_argument("--wait", action="store_true", help="wait for the card if it is taken")
    return parser.parse_args(argv)


def _begin(workspace: Workspace, options: argparse.Namespace, device: str) -> Job:
    if options.resume:
        return resume(workspace.project(options.project), options.resume, wait=options.wait)
    return start(workspace, {"device": device, **read_wish(options.config)}, options.project, wait=options.wait)


def _line(view: JobView) -> str:
    if view.status in ("waiting", "paused"):
        return f"{view.status} · {view.behind.get('title', '')} · {view.place}" if view.behind else view.status
    if view.stage != "train":
        return f"{view.stage or 'starting'} · {view.done:g}/{view.total:g}"
    values = view.metrics.get(int(view.done), {})
    losses = "".join(f" · {name} {values[name]:.3f}" for name in ("loss", "val_loss") if name in values)
    remaining = f" · {view.eta_s / 60:.0f} min left" if view.eta_s is not None else ""
    return f"train · {view.done:g}/{view.total:g}{losses}{remaining}"


def _closing(view: JobView) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in view.result.items())
    return f"{view.status}: {facts}" if facts else view.status


def _bad_file(path: Path, reason: str) -> UserError:
    return UserError(
        "train.bad_file",
        "{path} cannot be read as a run file: {why}.",
        "docs/training.md shows what one looks like.",
        path=path,
        why=" ".join(reason.split())[:200],
    )


if __name__ == "__main__":
    sys.exit(main())
