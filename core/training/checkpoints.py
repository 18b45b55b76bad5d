"""Checkpoints on disk: whole or absent, with a hash of each file; the newest two can be resumed. Imports no torch."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from core.checkpoint_ref import step_folder, step_of
from core.engines.session import ADAPTER, STATE
from core.errors import UserError
from core.files import fsync, is_full, read_json, sha256_file, write_json
from core.training.finite import check_finite

HASHES = "hashes.json"
SCORES = "scores"  # beside the checkpoints: what they spoke to be measured (`core.evaluation.scores`)
_STATES = 2  # kept: should the newest be damaged, the one before it is taken
_TEMPORARY = ".tmp-"
_REPLACED_PREFIX = ".old-"
_BACK_TO = ".back-to.json"


class Checkpoints:
    """A run's ``checkpoints``: ``step-000020/adapter.safetensors, adapter.json, hashes.json``, in two also `STATE`.

    ``step-000000`` stands for the base: an ``adapter.json`` that says so, and no weights.
    """

    def __init__(self, run: Path) -> None:
        self.path = run / "checkpoints"

    def folder(self, step: int) -> Path:
        """Where the checkpoint of ``step`` lies or will lie."""
        return self.path / step_folder(step)

    def scores(self, step: int) -> tuple[Path, Path]:
        """Where the sounds lie by which the checkpoint was scored, and the numbers: they go with it."""
        folder = self.path.parent / SCORES / step_folder(step)
        return folder, folder.with_name(f"{folder.name}.json")

    def steps(self) -> list[int]:
        """Steps of all complete checkpoints, ascending."""
        steps = (step_of(path.parent.name) for path in self.path.glob(f"*/{ADAPTER}"))
        return sorted(step for step in steps if step is not None)

    def resumable(self) -> list[int]:
        """Steps of the checkpoints that hold a `STATE`, ascending; nothing is read of them."""
        return [step for step in self.steps() if (self.folder(step) / STATE).exists()]

    def newest_state(self) -> Path | None:
        """The newest checkpoint one can resume from; None means from the start."""
        steps = self.resumable()
        return self.folder(steps[-1]) if steps else None

    def sound_state(self, on_damage: Callable[[int, str], None]) -> Path | None:
        """The newest checkpoint to resume from whose files are what was saved; None means from the start.

        Args:
            on_damage: told the step and the file of each newer one that is not.

        Raises:
            UserError: ``checkpoint.none_sound``: each of them is damaged.
        """
        steps = self.resumable()
        for step in reversed(steps):
            file = damaged_file(self.folder(step))
            if not file:
                return self.folder(step)
            on_damage(step, file)
        if steps:
            raise UserError(
                "checkpoint.none_sound",
                "This run cannot go on: every checkpoint to go on from is damaged on the disk.",
                "Look after the disk, then start a new run. Older checkpoints can still be heard and exported.",
            )
        return None

    def verify(self, step: int) -> None:
        """Read every file of a checkpoint again and compare it with what was saved.

        Raises:
            UserError: ``checkpoint.damaged``; names the newest sound one before it.
        """
        file = damaged_file(self.folder(step))
        if not file:
            return
        candidates = (candidate for candidate in reversed(self.steps()) if candidate < step)
        sound = next((candidate for candidate in candidates if not damaged_file(self.folder(candidate))), 0)
        raise UserError(
            "checkpoint.damaged",
            "The checkpoint at step {step} is damaged: its file {file} is not what was saved.",
            "Look after the disk. The newest sound checkpoint before it is that of step {sound}: choose that.",
            step=step,
            file=file,
            sound=sound,
        )

    def state_lost(self) -> bool:
        """Whether something was learnt and nothing is left to go on from: a resume would begin anew and remove it all.

        Changes nothing, and counts with what `mend` will do. For a run that is not at work.
        """
        if self._back_to() == 0:
            return False
        learnt = [self.folder(step) for step in self.steps() if step > 0]
        for replaced_folder, target in self._replaced_folders():
            if not target.exists():
                learnt.append(replaced_folder)
        return bool(learnt) and not any((folder / STATE).exists() for folder in learnt)

    def save_base(self) -> Path:
        """Note that step 0 is the base."""
        if not (self.folder(0) / ADAPTER).exists():
            self._write(0, lambda folder: write_json(folder / ADAPTER, {"step": 0, "base": True}))
        return self.folder(0)

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Let ``write`` fill a hidden folder, then show it under its name; all but two resume states go afterwards.

        Killed at any moment, either the old newest state or the new one is whole.

        Raises:
            NotFinite: a weight is no number; nothing was kept.
        """

        def write_sound(folder: Path) -> None:
            write(folder)
            check_finite(folder)
            write_json(
                folder / HASHES, {file.name: sha256_file(file) for file in sorted(folder.iterdir()) if file.is_file()}
            )

        self._write(step, write_sound)
        for older in [earlier_step for earlier_step in self.resumable() if earlier_step <= step][:-_STATES]:
            (self.folder(older) / STATE).unlink()
        return self.folder(step)

    def remove(self, step: int) -> None:
        """Remove a checkpoint: it goes out of sight whole, whatever happens meanwhile."""
        hidden_folder = self.path / f"{_TEMPORARY}gone-{self.folder(step).name}"
        shutil.rmtree(hidden_folder, ignore_errors=True)
        self.folder(step).rename(hidden_folder)
        shutil.rmtree(hidden_folder)
        self.remove_scores(step)

    def remove_scores(self, step: int) -> None:
        """Remove what a checkpoint was scored by."""
        sounds, numbers = self.scores(step)
        numbers.unlink(missing_ok=True)
        shutil.rmtree(sounds, ignore_errors=True)

    @contextlib.contextmanager
    def rolling_back(self, step: int) -> Iterator[None]:
        """Within, ``step`` is saved anew and later checkpoints are removed; killed meanwhile, `mend` does the rest."""
        mark = self.path / _BACK_TO
        write_json(mark, {"step": step})
        yield
        mark.unlink()

    def mend(self) -> None:
        """Finish what a killed process left amid replacing a checkpoint or going back; call before resuming."""
        for replaced_folder, target in self._replaced_folders():
            if target.exists() and (not damaged_file(target) or damaged_file(replaced_folder)):
                shutil.rmtree(replaced_folder)
            else:
                shutil.rmtree(target, ignore_errors=True)
                replaced_folder.rename(target)
        step = self._back_to()
        if step is not None:
            if step == 0 or (self.folder(step) / STATE).exists():
                self.discard_later(keep_to=step)
            (self.path / _BACK_TO).unlink()

    def discard_later(self, keep_to: int) -> None:
        """Remove what a killed process left half written, and checkpoints later than ``keep_to``."""
        for path in self.path.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(path)
        for step in self.steps():
            if step > keep_to:
                self.remove(step)

    def _replaced_folders(self) -> list[tuple[Path, Path]]:
        """Checkpoints that were about to be replaced, each with its place."""
        paths = self.path.glob(f"{_REPLACED_PREFIX}*")
        return [(path, self.path / path.name.removeprefix(_REPLACED_PREFIX)) for path in paths]

    def _back_to(self) -> int | None:
        """The step that a killed process was going back to."""
        try:
            return int(read_json(self.path / _BACK_TO)["step"])
        except (OSError, ValueError, TypeError, LookupError):
            return None  # not there, or not to be read: then what is saved last counts

    def _write(self, step: int, write: Callable[[Path], None]) -> None:
        target = self.folder(step)
        temporary = self.path / f"{_TEMPORARY}{target.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            write(temporary)
            for path in (*temporary.rglob("*"), temporary):
                fsync(path)
            replaced_folder = self.path / f"{_REPLACED_PREFIX}{target.name}"
            if target.exists():
                target.rename(replaced_folder)  # `mend` brings it back if nothing takes its place
            temporary.rename(target)
            fsync(self.path)
            shutil.rmtree(replaced_folder, ignore_errors=True)
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if is_full(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
            raise


def damaged_file(folder: Path) -> str:
    """The name of a checkpoint's file that is not what was saved; empty if all are, or if it was saved without hashes.

    Reads every file. A state that was cleared away since is no damage.
    """
    try:
        hashes = dict(read_json(folder / HASHES))
    except FileNotFoundError:
        return ""  # the base, or saved by version 0.1
    except (OSError, ValueError, TypeError):
        return HASHES
    for name, digest in hashes.items():
        try:
            if sha256_file(folder / name) != digest:
                return str(name)
        except FileNotFoundError:
            if name != STATE:
                return str(name)
        except OSError:
            return str(name)
    return ""


def fingerprint(base_id: str, checkpoint: Path | None) -> str:
    """Names a voice by its base and what was learnt; the hashes noted when it was saved are believed."""
    if checkpoint is None:
        return base_id
    try:
        hashes = {name: digest for name, digest in dict(read_json(checkpoint / HASHES)).items() if name != STATE}
    except (OSError, ValueError, TypeError):  # saved without
        weights = sorted(checkpoint.glob("*.safetensors"))
        hashes = {path.name: sha256_file(path) for path in weights}
    facts = json.dumps([base_id, sorted(hashes.items())])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
