"""What the right side of the Train page says of a run."""

from __future__ import annotations

import pytest

from core.engines.options import TrainConfig
from core.evaluation.scores import Score, ScoreFile
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.training.config import config_text
from core.training.run import CONFIG, Run
from ui.i18n import Translator
from ui.tabs.train.view import run_view


@pytest.mark.parametrize(("language", "axis"), [("en", "error per audio code"), ("pt-BR", "erro por código de áudio")])
def test_curves_name_what_the_engines_losses_are_the_mean_over(project: Project, language: str, axis: str) -> None:
    about = {"base": "starter", "dataset": "d"}
    job = Job.create(project.runs, TrainArgs(**about), files={CONFIG: config_text(TrainConfig(), **about)})
    for step in (1, 2):
        events.append(job.events_path, events.Metrics(step=step, values={"loss": 3.0 / step}))
    assert axis in run_view(Translator(language), project, Run(project, job.id))


@pytest.mark.parametrize(
    ("language", "title", "base"), [("en", "How it sounds", "base voice"), ("pt-BR", "Como soa", "voz base")]
)
def test_what_was_measured_of_the_samples_is_drawn_beside_base_and_real_voice(
    project: Project, language: str, title: str, base: str
) -> None:
    about = {"base": "starter", "dataset": "d"}
    job = Job.create(project.runs, TrainArgs(**about), files={CONFIG: config_text(TrainConfig(), **about)})
    run, t = Run(project, job.id), Translator(language)
    for step in (1, 600):
        events.append(job.events_path, events.Metrics(step=step, values={"loss": 3.0}))
    assert title not in run_view(t, project, run)
    for step in (0, 300, 600):
        values = {"sample_cer": 0.2 - step / 6000, "sample_likeness": 0.7 + step / 6000}
        events.append(job.events_path, events.Metrics(step=step, values=values))
    page = run_view(t, project, run)
    assert title in page and page.count("<svg") == 3 and t("scores.line_real") not in page
    assert f">{base}</text>" in page
    ScoreFile.open(run.path, None).put([Score("a", "held_out", "One.", measured="1 x", cer=0.05, likeness=0.9)])
    assert run_view(t, project, run).count(f">{t('scores.line_real')}</text>") == 2
