"""The scorecard as the page shows it, in both languages, and where its recommendation leads."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from core.checkpoint_ref import CheckpointRef
from core.engines.session import ADAPTER
from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from core.evaluation import scorecard
from core.evaluation.scorecard import recommended
from core.evaluation.scores import ScoreFile
from core.evaluation.start import start_evaluate
from core.files import write_json
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.listening.ranking import ranking
from core.project import stats
from core.project.records import Vote
from core.project.workspace import Project
from core.tasks.train import _required_steps, prune
from core.training.checkpoints import HASHES, fingerprint
from core.training.config import config_text
from core.training.run import Run
from tests.evaluation.test_verdict import voice
from ui.i18n import Translator
from ui.tabs.listen.scorecard import scorecard_view
from ui.tabs.speak import tab as speak


@pytest.fixture
def run(project: Project) -> Run:
    """A run with three checkpoints, of which the second is best, all scored."""
    job = Job.create(project.runs, TrainArgs(dataset="d1", base="starter"), title="Evening", name="evening")
    (job.path / "config.yaml").write_text(config_text(XttsTrainConfig(), dataset="d1", base="starter", language="en"))
    scored = Run(project, job.id)
    for step, likeness, faults in ((0, 0.7, 0.0), (300, 0.72, 0.0), (600, 0.83, 0.0), (900, 0.83, 0.6)):
        folder = scored.checkpoints.folder(step)
        write_json(folder / ADAPTER, {"step": step})
        if step:
            write_json(folder / HASHES, {"adapter.safetensors": str(step)})
        file = ScoreFile.open(job.path, step, fingerprint("starter", folder if step else None))
        file.put(voice(step, likeness=likeness, faults=faults))
    ScoreFile.open(job.path, None).put(voice(7, likeness=0.95))
    return scored


@pytest.mark.parametrize(
    ("language", "sentence", "real"),
    [
        (
            "en",
            "Keep update 600: as clear as the base voice, clearly more like the speaker (0.70 → 0.83",
            "The real voice",
        ),
        (
            "pt-BR",
            "Fique com a atualização 600: fala tão claro quanto a voz base, soa claramente mais",
            "A voz real",
        ),
    ],
)
def test_the_verdict_is_a_sentence_and_each_voice_a_line(
    project: Project, run: Run, language: str, sentence: str, real: str
) -> None:
    page = scorecard_view(Translator(language), project, "")
    assert sentence in page and real in page
    assert page.count("<tr data-key") == 2 * 5 and page.count('class="vw-chip good"') == 2  # two tables
    assert page.count("<svg") == 3 and "interval" in page  # naturalness was not measured


def test_what_is_recommended_is_kept_and_votes_outweigh_it(project: Project, run: Run) -> None:
    assert recommended(project) == CheckpointRef(run.id, 600)
    assert 600 in _required_steps(run, run.read())
    chance = np.random.default_rng(0)
    assert "votes" not in scorecard_view(Translator("en"), project, "")
    speak_samples(run, 300, 600, 900)
    for number in range(40):
        other = CheckpointRef(run.id, int(chance.choice([600, 900])))
        vote = Vote(f"{number:016x}", CheckpointRef(run.id, 300), other, "left", float(number), "One.")
        project.store.add_vote(vote)
    assert recommended(project) == CheckpointRef(run.id, 300)
    assert "your votes have decided for it" in scorecard_view(Translator("en"), project, "")


def test_votes_for_the_base_outweigh_the_numbers_of_every_run_that_has_it(project: Project, run: Run) -> None:
    speak_samples(run, 0, 600)
    shutil.copytree(run.path, project.runs / "later")
    assert recommended(project) in (CheckpointRef(run.id, 600), CheckpointRef("later", 600))
    for number in range(60):
        checkpoint = CheckpointRef((run.id, "later")[number % 2], 600)
        project.store.add_vote(Vote(f"{number:016x}", CheckpointRef(run.id, 0), checkpoint, "left", 0.0, "One."))
    assert recommended(project) is None
    for run_id in (run.id, "later"):
        verdict = scorecard.scorecard(project, Run(project, run_id)).verdict
        assert (verdict.kind, verdict.step) == ("votes", 0)
    page = scorecard_view(Translator("en"), project, "scores=later")
    assert "Keep the base voice: your votes have decided for it" in page and "Keep update" not in page


def speak_samples(run: Run, *steps: int) -> None:
    """A sample of these checkpoints, as a run leaves it."""
    for step in steps:
        path = run.path / "samples" / str(step) / "0.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        said = events.Sample(step=step, sentence=0, text="One.", path=str(path.relative_to(run.path)))
        events.append(run.job.events_path, said)


def test_what_is_recommended_is_never_cleared_away(project: Project, run: Run) -> None:
    config = XttsTrainConfig(keep_checkpoints=2)
    (run.path / "config.yaml").write_text(config_text(config, dataset="d1", base="starter", language="en"))
    assert prune(run) == [] and run.checkpoints.steps() == [0, 300, 600, 900]
    shutil.rmtree(run.path / "scores")
    assert prune(run) == [600]  # of three the one between


@pytest.mark.parametrize(("language", "mark"), [("en", "(recommended)"), ("pt-BR", "(recomendado)")])
def test_what_is_recommended_is_chosen_to_speak_and_export_with_and_offered_to_be_heard(
    project: Project, run: Run, language: str, mark: str
) -> None:
    t, best = Translator(language), CheckpointRef(run.id, 600)
    choice = speak._current_voice(project, "")
    assert choice is not None and choice.checkpoint == best
    assert mark in speak._setup(t, project, "") and "600" in speak._exporting(t, project, choice)
    other = speak._current_voice(project, f"voice={CheckpointRef(run.id, 900).name}")
    assert other is not None and other.checkpoint == CheckpointRef(run.id, 900)
    page = scorecard_view(t, project, "")
    assert f"a={best.name}&amp;b={CheckpointRef(run.id, 0).name}" in page


def test_what_is_recommended_ranks_the_votes_once_whatever_number_of_runs_there_is(
    project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("later", "last"):  # newer, and never scored
        shutil.copytree(run.path, project.runs / name, ignore=shutil.ignore_patterns("scores"))
    project.store.add_vote(Vote("0", CheckpointRef(run.id, 300), CheckpointRef(run.id, 600), "left", 0.0))
    asked: list[Project] = []
    monkeypatch.setattr(scorecard, "table", lambda of, pool: asked.append(of) or ranking([], []))
    monkeypatch.setattr(stats, "_SETTLES_S", 0.0)  # the vote counts as made long ago
    for _ in range(3):  # nor again while there is no other vote
        assert recommended(project) == CheckpointRef(run.id, 600)
    assert len(asked) == 1


def test_a_run_without_checkpoints_has_no_scorecard_and_is_refused(project: Project) -> None:
    job = Job.create(project.runs, TrainArgs(dataset="d1", base="starter"), title="Evening", name="evening")
    (job.path / "config.yaml").write_text(config_text(XttsTrainConfig(), dataset="d1", base="starter", language="en"))
    assert scorecard_view(Translator("en"), project, "") == ""
    with pytest.raises(UserError) as refusal:
        start_evaluate(project, job.id)
    assert refusal.value.code == "evaluate.no_checkpoint"
