"""Scoring begins by itself after a run where the settings say so."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import UserError
from core.jobs.args.runs import EvaluateArgs
from core.jobs.args.training import TrainArgs
from core.project.workspace import Project
from core.tasks import train
from tests.evaluation.conftest import MakeScored, whole


@pytest.mark.parametrize("on", ["1", "0"])
def test_a_run_has_its_checkpoints_scored_where_the_setting_says_so(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch, on: str
) -> None:
    scored = make_run({0: whole, 10: whole})
    started: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(Project, "start_job", lambda self, args, **options: started.append((args, options)))
    monkeypatch.setenv("VOICEWRIGHT_SCORE_RUNS", on)
    job_of_run = type(scored.reporter)(scored.run.job)
    train._score_afterwards(scored.project, TrainArgs(dataset="d1", base="starter", device="cpu"), job_of_run)
    if on == "0":
        assert started == []
        return
    ((args, options),) = started
    assert args == EvaluateArgs(run_id=scored.run.id, device="cpu")
    assert options["gpu"] and options["wait"]  # it waits until the run has left the card


def test_where_it_cannot_begin_the_run_is_done_all_the_same(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = make_run({})
    monkeypatch.setenv("VOICEWRIGHT_SCORE_RUNS", "1")
    reporter = type(scored.reporter)(scored.run.job)
    train._score_afterwards(scored.project, TrainArgs(dataset="d1", base="starter"), reporter)
    assert [warning.code for warning in reporter.view.warnings] == ["evaluate.no_checkpoint"]
    with pytest.raises(UserError):
        scored.run.checkpoint(10)
