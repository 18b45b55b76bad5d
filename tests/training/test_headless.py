"""Training by hand, as a real command: what it makes is what the page makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import REPOSITORY
from core.errors import UserError
from core.jobs import locks
from core.project.workspace import Project
from core.training.cli import read_wish
from core.training.run import CONFIG, Run, runs
from tests.jobs.conftest import put_task, until
from tests.training import make_believe


@pytest.fixture
def by_hand(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``by_hand(wish, *arguments)`` starts the command; whatever it started is dead when the test ends."""
    put_task(tmp_path, monkeypatch, "train", Path(make_believe.__file__))
    for name in ("older", "newer"):
        (project.datasets / name).mkdir(parents=True)
        (project.datasets / name / "metadata_train.csv").write_text("")
    started: list[subprocess.Popen[str]] = []

    def begin(wish: dict[str, Any] | None, *arguments: str) -> subprocess.Popen[str]:
        file = tmp_path / f"run-{len(started)}.yaml"
        file.write_text(yaml.safe_dump(wish))
        asked = ["--config", str(file)] if wish is not None else []
        command = [sys.executable, "-m", "core.train", *asked, "--workspace", str(project.workspace.path), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        started.append(subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()
    for job in project.all_jobs():
        job.force_stop()
        job.wait(10)


WISH = {
    "project": "test-voice",
    "name": "By hand",
    "dataset": "older",
    "base": "starter",
    "settings": {"max_steps": 6, "save_every": 3, "sample_sentences": 1},
}


def _only_run(project: Project) -> Run:
    until(lambda: runs(project))
    return runs(project)[0]


def test_it_makes_the_run_folder_that_the_page_shows(by_hand: Any, project: Project) -> None:
    process = by_hand(WISH)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    run = _only_run(project)
    view = run.read()
    assert (run.id, run.title, view.job.status, view.step, view.total) == ("by-hand", "By hand", "done", 6, 6)
    assert [step for step, _ in view.checkpoints] == [0, 3, 6] and [sample.step for sample in view.samples[0]] == [
        0,
        3,
        6,
    ]
    assert view.about["dataset"] == "older" and view.about["base"] == "starter"
    assert str(run.path) in said and "done: step 6" in said
    # Its own config is a run file too.
    frozen = run.path / CONFIG
    again = by_hand(None, "--config", str(frozen), "--project", project.slug)
    assert again.communicate(timeout=60) and again.returncode == 0
    assert runs(project)[0].read().config == view.config and len(runs(project)) == 2


def test_ctrl_c_stops_and_keeps_and_it_can_be_resumed_by_hand(by_hand: Any, project: Project, monkeypatch: Any) -> None:
    monkeypatch.setenv("MAKE_BELIEVE_PACE_S", "0.02")
    process = by_hand({**WISH, "settings": {"max_steps": 300, "sample_sentences": 0}})
    run = _only_run(project)
    until(lambda: run.read().step >= 3)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "cancelled: step" in said
    kept = run.read().step
    assert run.checkpoints.newest_state() == run.checkpoint(kept)
    monkeypatch.setenv("MAKE_BELIEVE_PACE_S", "0")
    process = by_hand(None, "--resume", run.id, "--project", project.slug)
    assert process.communicate(timeout=60) and process.returncode == 0
    assert [step for step, _ in run.read().train] == list(range(1, 301))


def test_what_cannot_start_is_refused_in_one_line(by_hand: Any, project: Project) -> None:
    handle = locks.try_lock(project.workspace.gpu_lock, {"kind": "train", "title": "Somebody's"})
    assert handle is not None
    refused = [
        (by_hand(WISH), "Somebody's"),
        (by_hand({**WISH, "epochs": 3}), "epochs"),
        (by_hand({**WISH, "settings": {"max_step": 3}}), "max_steps"),
        (by_hand({**WISH, "dataset": "none"}), "none"),
    ]
    for process, word in refused:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 2 and word in said and "Traceback" not in said
    os.close(handle)
    assert runs(project) == []


@pytest.mark.parametrize("text", ["- a\n", "settings: 3\n", "a: [\n", ""])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        read_wish(tmp_path / "run.yaml")
    assert caught.value.code == "train.bad_file" and "run.yaml" in caught.value.text
    with pytest.raises(UserError):
        read_wish(tmp_path / "nothing.yaml")


def test_the_example_in_the_documents_is_a_run_file(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "training.md").read_text()
    (tmp_path / "run.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    wish = read_wish(tmp_path / "run.yaml")
    assert wish["settings"] == {"max_steps": 2000, "learning_rate": 1e-4}
