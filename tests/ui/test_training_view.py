"""What the right side of the Train page says of a run."""

from __future__ import annotations

import pytest

from core.engines.options import TrainConfig
from core.jobs import events
from core.jobs.args import TrainArgs
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
