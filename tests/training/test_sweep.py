"""A sweep: what its runs will take, what is refused, and that its runs come one after the other and are compared."""

from __future__ import annotations

import html
import os
import re
from types import SimpleNamespace
from typing import Any

import pytest

from core.dataset.freeze import latest
from core.engines.registry import bases
from core.errors import DiskFull, UserError
from core.jobs.job import Job
from core.listening.candidates import candidates, comparable
from core.listening.comparison import strangers
from core.project.workspace import Project, Workspace
from core.training import sweep as module
from core.training.presets import preset
from core.training.run import runs
from core.training.sweep import plan_sweep, proposed_values, start_sweep, sweep_fields
from tests.browser.conftest import freeze_tones
from tests.synthesis.conftest import toy as toy
from tests.training.test_cost import _ran
from ui.i18n import LANGUAGES, Translator
from ui.tabs.train.sweep import SweepDraft, act_on_sweep, sweep_forms, sweep_preview

SHARED = {"max_steps": 100, "batch_size": 2, "accumulation": 1}


def test_learning_rate_rank_and_updates_may_be_tried_with_half_and_twice_as_proposals() -> None:
    config = preset("xtts-cpu").config({"learning_rate": 2e-4, "lora_rank": 16, "max_steps": 100_000})
    assert set(sweep_fields(config)) == {"learning_rate", "lora_rank", "max_steps"}
    assert "lora_rank" not in sweep_fields(config.model_copy(update={"train_what": "full"})), "nothing would differ"
    assert proposed_values(config, "learning_rate") == [1e-4, 2e-4, 4e-4]
    assert proposed_values(config, "lora_rank") == [8, 16, 32]
    assert proposed_values(config, "max_steps") == [50_000, 100_000], "no more than there may be"


def test_time_is_told_for_each_run_and_for_all_disk_too(project: Project) -> None:
    unknown = plan_sweep(project, "xtts-cpu", SHARED, "starter", "max_steps", [100, 300])
    assert unknown.seconds is None and unknown.bytes == sum(run.bytes for run in unknown.runs) > 2**30 * 0.9
    _ran(project, "starter", 4.0)
    sweep = plan_sweep(project, "xtts-cpu", {**SHARED, "sample_sentences": 0}, "starter", "max_steps", [100, 300, 100])
    assert [(run.value, run.cost.seconds) for run in sweep.runs] == [(100, 25.0), (300, 75.0)]
    assert sweep.seconds == 100.0


def test_only_what_is_tried_differs_and_an_adapters_strength_goes_with_its_rank(project: Project) -> None:
    settings = {**SHARED, "lora_rank": 16, "lora_alpha": 32.0}
    sweep = plan_sweep(project, "xtts-cpu", settings, "starter", "lora_rank", [8, 32])
    configs = [preset("xtts-cpu").config(dict(run.changes)).model_dump() for run in sweep.runs]
    assert {name for name in configs[0] if configs[0][name] != configs[1][name]} == {"lora_rank", "lora_alpha"}
    assert [config["lora_alpha"] for config in configs] == [16.0, 64.0]


@pytest.mark.parametrize(
    ("field", "values", "code"),
    [
        ("learning_rate", [1e-4], "sweep.values"),
        ("learning_rate", [1e-4, 1e-4], "sweep.values"),
        ("learning_rate", [1e-4 * n for n in range(1, 10)], "sweep.values"),
        ("learning_rate", [1e-4, 5.0], "train.bad_setting"),
        ("seed", [1, 2], "sweep.field"),
    ],
)
def test_what_cannot_be_compared_is_refused(project: Project, field: str, values: list[float], code: str) -> None:
    with pytest.raises(UserError) as caught:
        plan_sweep(project, "xtts-cpu", SHARED, "starter", field, values)
    assert caught.value.code == code


def test_runs_that_do_not_fit_together_are_refused_before_the_first(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = plan_sweep(project, "xtts-cpu", SHARED, "starter", "learning_rate", [1e-4, 2e-4]).runs[0].bytes
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=int(2.5 * one)))
    assert plan_sweep(project, "xtts-cpu", SHARED, "starter", "learning_rate", [1e-4, 2e-4])
    with pytest.raises(DiskFull):
        plan_sweep(project, "xtts-cpu", SHARED, "starter", "learning_rate", [1e-4, 2e-4, 3e-4])


def test_where_one_is_refused_none_stays_in_the_queue(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []

    def start(*arguments: Any, **_: Any) -> Any:
        if arguments[4] == "second":
            raise DiskFull("train.no_room", "No room.")
        return SimpleNamespace(stop=lambda: stopped.append(arguments[4]))

    monkeypatch.setattr(module, "start_training", start)
    sweep = plan_sweep(project, "xtts-cpu", SHARED, "starter", "learning_rate", [1e-4, 2e-4])
    with pytest.raises(DiskFull):
        start_sweep(project, "d", "xtts-cpu", sweep, "starter", ["first", "second"])
    assert stopped == ["first"]


def test_its_runs_are_trained_one_after_the_other_and_listen_compares_them(
    workspace: Workspace, toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TOY_STEP_S", "0")
    project = workspace.create("Hum", "en", "toy")
    freeze_tones(project)
    frozen, base = latest(project), bases("toy").default
    assert frozen
    t = Translator("en")
    draft = SweepDraft(frozen.id, "toy-cpu", base, {"max_steps": 20, "save_every": 10, "sample_sentences": 1})
    shown = sweep_preview(t, project, draft, "learning_rate", "0.01 0.002")
    assert t("sweep.start", count="2") in shown
    seen = sent_by(shown)
    changed = SweepDraft(frozen.id, "toy-cpu", base, {**draft.changes, "max_steps": 30})
    start = SimpleNamespace(do="sweep-start", id=seen)
    assert t("sweep.changed") in act_on_sweep(t, project, changed, start, "", "cpu") and not runs(project)
    assert t("sweep.queued", count="2") in act_on_sweep(t, project, draft, start, "First", "cpu")
    jobs: list[Job] = [run.job for run in reversed(runs(project))]
    try:
        assert [job.wait(60).status for job in jobs] == ["done", "done"]
    finally:
        for job in jobs:
            job.force_stop()
    views = [job.read() for job in jobs]
    assert [view.title for view in views] == ["First · Learning rate 0.01", "First · Learning rate 0.002"]
    assert views[1].started_at >= views[0].finished_at  # type: ignore[operator]
    pool = candidates(project)
    assert strangers(pool) == []
    newest = {candidate.checkpoint.run_id: candidate for candidate in pool}
    assert comparable(*newest.values()) and len(newest) == 2


def sent_by(shown: str) -> str:
    """What the button that starts it sends."""
    match = re.search(r'data-do="sweep-start" data-id="([^"]+)"', shown)
    assert match
    return html.unescape(match[1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_proposes_values_and_takes_numbers_as_the_language_writes_them(
    project: Project, language: str
) -> None:
    t = Translator(language)
    form = sweep_forms(t, "xtts-cpu", {"learning_rate": 2e-4})
    assert f'value="{t.plain(1e-4)} {t.plain(2e-4)} {t.plain(4e-4)}"' in form
    draft = SweepDraft("d", "xtts-cpu", "starter", dict(SHARED))
    for typed in ("0.0001 0.0002", "0,0001; 0,0002", "1e-4, 2e-4"):
        assert t.plain(2e-4) in sweep_preview(t, project, draft, "learning_rate", typed)
    assert t.number(1500) in sweep_preview(t, project, draft, "max_steps", f"{t.number(1500)} 300")
    for typed in ("fast 2", "nan 1", "1e999 2"):
        with pytest.raises(UserError) as caught:
            sweep_preview(t, project, draft, "learning_rate", typed)
        assert caught.value.code == "sweep.no_number"
