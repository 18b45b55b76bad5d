"""Checkpoints on disk: whole or absent, the newest with what is needed to go on. Imports no torch."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from core.files import is_full, read_json, write_json
from core.training.finite import check_finite

ADAPTER = "adapter.json"
STATE = "state.pt"
_PREFIX = "step-"
_TEMPORARY = ".tmp-"
_ASIDE = ".old-"
_BACK_TO = ".back-to.json"


class Checkpoints:
    """A run's ``checkpoints``: ``step-000020/adapter.safetensors, adapter.json`` and, in the newest, `STATE`.

    ``step-000000`` stands for the base: an ``adapter.json`` that says so, and no weights.
    """

    def __init__(self, run: Path) -> None:
        self.path = run / "checkpoints"

    def folder(self, step: int) -> Path:
        """Where the checkpoint of ``step`` lies or will lie."""
        return self.path / f"{_PREFIX}{step:06d}"

    def steps(self) -> list[int]:
        """Steps of all complete checkpoints, ascending."""
        found = (path.parent.name.removeprefix(_PREFIX) for path in self.path.glob(f"{_PREFIX}*/{ADAPTER}"))
        return sorted(int(step) for step in found if step.isdigit())

    def newest_state(self) -> Path | None:
        """The newest checkpoint one can resume from; None means from the start."""
        whole = [self.folder(step) for step in self.steps() if (self.folder(step) / STATE).exists()]
        return whole[-1] if whole else None

    def state_lost(self) -> bool:
        """Whether something was learnt and nothing is left to go on from: a resume would begin anew and remove it all.

        Changes nothing, and counts with what `mend` will do. For a run that is not at work.
        """
        if self._back_to() == 0:
            return False
        learnt = [self.folder(step) for step in self.steps() if step > 0]
        for aside, target in self._aside():
            if not target.exists():
                learnt.append(aside)
        return bool(learnt) and not any((folder / STATE).exists() for folder in learnt)

    def save_base(self) -> Path:
        """Note that step 0 is the base."""
        if not (self.folder(0) / ADAPTER).exists():
            self._write(0, lambda folder: write_json(folder / ADAPTER, {"step": 0, "base": True}))
        return self.folder(0)

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Let ``write`` fill a hidden folder, then show it under its name; older resume states go afterwards.

        Killed at any moment, either the old newest state or the new one is whole.

        Raises:
            NotFinite: a weight is no number; nothing was kept.
        """

        def write_sound(folder: Path) -> None:
            write(folder)
            check_finite(folder)

        self._write(step, write_sound)
        for older in self.steps():
            if older < step:
                (self.folder(older) / STATE).unlink(missing_ok=True)
        return self.folder(step)

    def remove(self, step: int) -> None:
        """Remove a checkpoint: it goes out of sight whole, whatever happens meanwhile."""
        gone = self.path / f"{_TEMPORARY}gone-{self.folder(step).name}"
        shutil.rmtree(gone, ignore_errors=True)
        self.folder(step).rename(gone)
        shutil.rmtree(gone)

    @contextlib.contextmanager
    def going_back(self, step: int) -> Iterator[None]:
        """Within, ``step`` is saved anew and later checkpoints are removed; killed meanwhile, `mend` does the rest."""
        mark = self.path / _BACK_TO
        write_json(mark, {"step": step})
        yield
        mark.unlink()

    def mend(self) -> None:
        """Finish what a killed process left amid replacing a checkpoint or going back; call before resuming."""
        for aside, target in self._aside():
            if target.exists():
                shutil.rmtree(aside)
            else:
                aside.rename(target)
        step = self._back_to()
        if step is not None:
            if step == 0 or (self.folder(step) / STATE).exists():
                self.clean(keep_to=step)
            (self.path / _BACK_TO).unlink()

    def clean(self, keep_to: int) -> None:
        """Remove what a killed process left half written, and checkpoints later than ``keep_to``."""
        for path in self.path.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(path)
        for step in self.steps():
            if step > keep_to:
                self.remove(step)

    def _aside(self) -> list[tuple[Path, Path]]:
        """Checkpoints that were about to be replaced, each with its place."""
        found = self.path.glob(f"{_ASIDE}{_PREFIX}*")
        return [(aside, self.path / aside.name.removeprefix(_ASIDE)) for aside in found]

    def _back_to(self) -> int | None:
        """The step that a killed process was going back to."""
        try:
            return int(read_json(self.path / _BACK_TO)["step"])
        except FileNotFoundError:
            return None

    def _write(self, step: int, write: Callable[[Path], None]) -> None:
        target = self.folder(step)
        temporary = self.path / f"{_TEMPORARY}{target.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            write(temporary)
            for path in (*temporary.rglob("*"), temporary):
                _fsync(path)
            aside = self.path / f"{_ASIDE}{target.name}"
            if target.exists():
                target.rename(aside)  # `mend` brings it back if nothing takes its place
            temporary.rename(target)
            _fsync(self.path)
            shutil.rmtree(aside, ignore_errors=True)
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if is_full(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
            raise


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
