"""What Voicewright writes is its account's alone, and it does not start where models would be loaded unsafely."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from core import REPOSITORY
from core.errors import UserError
from core.jobs import worker
from core.jobs.args.speech import ExportArgs
from core.jobs.job import Job
from core.system.process import import_heavy, refuse_unsafe_loading
from tests import warm

_VARIABLE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
# As `serve` begins, under a shell that lets everybody read; the job's own process fails, but writes all its files.
_MADE = """
import os, sys
from pathlib import Path
os.umask(0o022)
from core.jobs.args.base import OtherArgs
from core.system.process import make_new_files_private
from core.settings import Settings
from core.project.workspace import Workspace
from ui.server import prepare
folder = Path(sys.argv[1])
folder.mkdir()
make_new_files_private()
prepare(Settings(_env_file=None, workspace=folder))
project = Workspace(folder).create("Anna")
project.store.sources()
project.change(name="Anna B.")
class NoSuchArgs(OtherArgs):
    kind = "no_such_task"
project.start_job(NoSuchArgs(), files={"config.yaml": "a: 1"}, gpu=True).wait(60)
"""


def test_all_that_server_and_worker_write_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    subprocess.run([warm.python(warm.PAGE), "-c", _MADE, folder], cwd=REPOSITORY, check=True, timeout=120)
    modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert {path.name for path in modes} >= {"project.json", "project.db", "events.jsonl", "worker.log", "gpu.lock"}
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.parametrize("value", ["1", "true", "yes", "Y", " TRUE "])
def test_unsafe_loading_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv(_VARIABLE, value)
    with pytest.raises(UserError, match=_VARIABLE):
        refuse_unsafe_loading()
    finished = worker.run(Job.create(tmp_path, ExportArgs()))
    assert (finished.outcome, finished.code) == ("failed", "server.unsafe_loading")


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_the_variable_switched_off_is_no_reason(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(_VARIABLE, value)
    refuse_unsafe_loading()


@pytest.mark.parametrize("command", [["webui.py"], ["-m", "core.train", "--config", "run.yaml"]])
def test_server_and_training_by_hand_say_so_in_one_sentence(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command, "--workspace", tmp_path / "w"],
        cwd=REPOSITORY,
        env={**os.environ, _VARIABLE: "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and _VARIABLE in done.stderr
    assert not (tmp_path / "w").exists()


def test_packages_are_listed_once_for_all_who_ask_while_an_engine_is_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "two_lists.py").write_text(
        "from importlib import metadata\nlists = [metadata.packages_distributions() for _ in range(2)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    original = metadata.packages_distributions
    first, second = import_heavy("two_lists").lists
    assert first is second and "torch" in first
    assert metadata.packages_distributions is original
