"""Explanations: what a model is told of a run, what is kept of its answers, what they may cost, and when they come."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.coach import config as coach
from core.coach.config import CoachConfig
from core.coach.explanation import FILE, Explanation, explanations, keep, start_explain
from core.coach.findings import findings
from core.errors import Cancelled, UserError
from core.jobs import events
from core.jobs.args.runs import ExplainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.tasks import explain
from core.training.run import Run
from tests.coach.model import Model, serve
from tests.listening.made_up import add_run, make_project, speech
from ui import explain_due as module
from ui.explain_due import explain_due
from ui.i18n import LANGUAGES, Translator
from ui.tabs.system.explanations import act_on_explanations, explanations_card
from ui.tabs.train.coach import act_on_coach, explained, facts, others

SECRET, SENTENCE = "s3cret", "You are about to enter an echo test."


@pytest.fixture
def model() -> Iterator[Model]:
    """A service on loopback."""
    yield from serve()


@pytest.fixture
def ana(tmp_path: Path) -> Project:
    """A run that has ended, with curves."""
    project = make_project(Workspace(tmp_path / "workspace"), "Ana Secreta", title="Calm <voice>", seconds=0.5)
    return project


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Jobs that would be started; tests run them here."""
    jobs: list[Job] = []

    def start_job(self: Project, args: Any, *, title: str = "", files: dict[str, str] | None = None, **_: Any) -> Job:
        jobs.append(Job.create(self.jobs, args, title=title, files=files or {}))
        return jobs[-1]

    monkeypatch.setattr(Project, "start_job", start_job)
    return jobs


def _run(project: Project) -> Run:
    return Run(project, sorted(project.runs.iterdir())[0].name)


def _config(model: Model, **changes: Any) -> CoachConfig:
    return CoachConfig(**{"enabled": True, "address": model.address, "model": "small", "key": SECRET, **changes})


def _explain(project: Project, started: list[Job], question: str = "", language: str = "en") -> dict[str, Any]:
    """As a click asks, then the job in this process."""
    run, t = _run(project), Translator(language)
    config = coach.load(project.workspace)
    start_explain(project, run, facts(t, project, run), config=config, language=language, question=question)
    job = started[-1]
    args = job.spec().args
    assert isinstance(args, ExplainArgs)
    return explain.run(job, project, args, Reporter(job))


def test_it_is_told_findings_and_the_question_and_nothing_else(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model))
    assert _explain(ana, started, "Why stop?") == {"tokens": 46}
    sent = json.dumps(model.requests[0][0])
    run = _run(ana)
    for secret in ("Ana", "Calm", SENTENCE, run.id, str(ana.path), "real-1", "wav", SECRET):
        assert secret not in sent, secret
    given = model.requests[0][0]["messages"][1]["content"]
    assert all(f"[F{number}] {fact}" in given for number, fact in enumerate(facts(Translator("en"), ana, run), 1))
    assert given.endswith("Why stop?")
    (answer,) = explanations(run)
    assert (answer.kind, answer.question, answer.answer) == ("question", "Why stop?", "Because of [F1].")


def test_sentences_go_along_only_where_a_person_wished_so(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model, share_texts=True))
    _explain(ana, started)
    assert SENTENCE in model.requests[0][0]["messages"][1]["content"]
    assert SENTENCE in explanations(_run(ana))[0].shared_texts


def test_a_run_costs_no_more_than_it_may(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model, most_tokens=2_500))
    model.says(
        {"choices": [{"message": {"content": "Long."}}], "usage": {"prompt_tokens": 900, "completion_tokens": 900}}
    )
    _explain(ana, started)
    with pytest.raises(UserError) as caught:
        _explain(ana, started)
    assert caught.value.code == "coach.spent" and caught.value.values["spent"] == 1_800
    assert len(model.requests) == len(explanations(_run(ana))) == 1


def test_stop_leaves_a_slow_model_to_itself(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model))
    model.says({}, 0)
    run = _run(ana)
    start_explain(ana, run, ["A fact."], config=coach.load(ana.workspace), language="en")
    job = started[-1]
    threading.Timer(0.3, job.stop).start()
    args = job.spec().args
    assert isinstance(args, ExplainArgs)
    with pytest.raises(Cancelled):
        explain.run(job, ana, args, Reporter(job))
    assert not model.hold.is_set() and explanations(run) == ()


def test_what_is_switched_off_before_its_turn_is_not_asked(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model))
    run = _run(ana)
    start_explain(ana, run, ["A fact."], config=coach.load(ana.workspace), language="en")
    coach.save(ana.workspace, _config(model, enabled=False))
    with pytest.raises(UserError) as caught:
        explain.run(started[-1], ana, ExplainArgs(run=run.id), Reporter(started[-1]))
    assert caught.value.code == "coach.off" and model.requests == []


def test_a_broken_line_takes_no_other_answer_with_it(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model))
    _explain(ana, started, "First?")
    path = _run(ana).path / FILE
    path.write_bytes(path.read_bytes() + b'{"at": 1, "kind"\n' + b"\xff\n")
    _explain(ana, started, "Second?")
    assert [answer.question for answer in explanations(_run(ana))] == ["First?", "Second?"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_that_was_not_given_is_marked(ana: Project, model: Model, started: list[Job], language: str) -> None:
    coach.save(ana.workspace, _config(model))
    model.says({"choices": [{"message": {"content": "Stop <now>: **777** updates, see [F1] and [F99]."}}]})
    _explain(ana, started, language=language)
    t = Translator(language)
    page = explained(t, ana, _run(ana))
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", page) == ["777", "[F99]"]
    assert "&lt;now&gt;" in page and "<now>" not in page and t("coach.marked") in page
    assert SECRET not in page and re.sub(r"^http://|/v1$", "", model.address) in page


def test_where_none_is_switched_on_one_line_says_where(ana: Project) -> None:
    page = explained(Translator("en"), ana, _run(ana))
    assert Translator("en")("coach.model_off") in page and 'data-go="system"' in page and "<form" not in page


def test_one_that_was_never_switched_on_is_not_asked(ana: Project, started: list[Job]) -> None:
    run = _run(ana)
    event = SimpleNamespace(do="explain", id=run.id, value="")
    with pytest.raises(UserError) as caught:
        act_on_coach(Translator("en"), ana, event, "cpu")
    assert caught.value.code == "coach.off" and not started


def test_a_run_that_has_ended_is_explained_once_by_itself(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model, language="pt-BR"))
    for _ in range(3):
        explain_due(ana.workspace)
    (job,) = started
    assert job.spec().args == ExplainArgs(run=_run(ana).id, language="pt-BR")
    coach.save(ana.workspace, _config(model, at_end=False))
    texts, sounds, rate = speech(2, 0.5)
    add_run(ana, "Another", (0, 300), texts[:1], sounds, rate)
    explain_due(ana.workspace)
    assert len(started) == 1  # it was not wished


def test_records_that_are_locked_keep_no_other_run_from_being_explained(
    ana: Project, model: Model, started: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    coach.save(ana.workspace, _config(model))

    def locked(*_: object) -> list[str]:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(module, "facts", locked)
    explain_due(ana.workspace)
    assert not started


def test_what_ended_long_ago_is_explained_on_a_click_only(ana: Project, model: Model, started: list[Job]) -> None:
    coach.save(ana.workspace, _config(model))
    explain_due(ana.workspace, time.time() + 25 * 3600)
    assert not started


def test_one_that_ended_elsewhere_or_was_explained_there_is_not_asked_about(
    ana: Project, model: Model, started: list[Job]
) -> None:
    coach.save(ana.workspace, _config(model))
    run = _run(ana)
    ended = run.read().job.finished_at
    assert ended is not None
    os.utime(run.job.events_path, (ended + 25 * 3600,) * 2)  # as a copy that was just brought here
    explain_due(ana.workspace, ended + 25 * 3600)
    assert not started
    answer = Explanation(time.time(), "report", "", "Fine.", (), 1, "m", "en", 9)
    keep(run.path, answer)
    explain_due(ana.workspace)
    assert not started


def test_one_at_work_is_explained_every_so_often(
    ana: Project, model: Model, started: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    coach.save(ana.workspace, _config(model, every_minutes=30))
    job = _run(ana).job
    monkeypatch.setattr(Job, "alive", lambda self: self.path == job.path)
    events.append(job.events_path, events.Launched(at=time.time() - 40 * 60))
    events.append(job.events_path, events.Started(pid=1))
    events.append(job.events_path, events.Metrics(step=901, values={"loss": 2.0}))
    explain_due(ana.workspace, time.time() - 11 * 60)
    assert not started
    for _ in range(2):  # the second time it has been asked already, be it in vain
        explain_due(ana.workspace)
        assert len(started) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_findings_stand_on_the_page_with_what_to_do_and_where(ana: Project, language: str) -> None:
    run, t = _run(ana), Translator(language)
    told = findings(ana, run)
    keys = [finding.key for finding in told]
    assert "unscored" in keys and "few_held_out" in keys
    page = others(t, run, told)
    assert t("finding.few_held_out_do") in page and 'data-go="dataset"' in page
    assert 'data-do="score"' in page and "{" not in page


def test_a_damaged_report_of_its_dataset_takes_no_finding_with_it(ana: Project) -> None:
    run = _run(ana)
    (run.dataset / "report.json").write_text("{", encoding="utf-8")
    assert "unscored" in [finding.key for finding in findings(ana, run)]


def _page(project: Project, language: str = "en") -> Any:
    return SimpleNamespace(t=Translator(language), workspace=project.workspace)


def _save(page: Any, **fields: str) -> None:
    usual = {
        "address": "http://127.0.0.1:11434/v1",
        "model": "m",
        "key": "",
        "every_minutes": "0",
        "most_tokens": "9000",
    }
    act_on_explanations(page, SimpleNamespace(do="coach-save", id="", value=json.dumps({**usual, **fields})))


def test_a_key_is_never_shown_and_goes_along_to_no_other_address(ana: Project) -> None:
    page = _page(ana)
    _save(page, key=SECRET, enabled="on")
    assert SECRET not in explanations_card(page) and page.t("coach.key_kept") in explanations_card(page)
    _save(page, model="other", enabled="on")
    assert coach.load(ana.workspace).key == SECRET
    _save(page, address="http://127.0.0.1:8080/v1", enabled="on")
    assert coach.load(ana.workspace).key == ""


@pytest.mark.parametrize("number", ["", "-1", "1.5", "²", "many"])
def test_what_is_no_number_is_said(ana: Project, number: str) -> None:
    with pytest.raises(UserError) as caught:
        _save(_page(ana), every_minutes=number)
    assert caught.value.code == "coach.number"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_says_whether_and_where_it_is_on(ana: Project, language: str) -> None:
    page = _page(ana, language)
    assert page.t("coach.settings_state_off") in explanations_card(page)
    _save(page, enabled="on")
    assert page.t("coach.settings_state_on", model="m", host="127.0.0.1:11434") in explanations_card(page)
