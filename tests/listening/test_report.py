"""The report on a run: readable by itself in both languages, as HTML and PDF, by the job as the page starts it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.files import write_json
from core.jobs.args.runs import ReportArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.listening.pairs import next_pair, vote
from core.project.workspace import Project, Workspace
from core.report.document import Section, Table, about_report, report_folder
from core.report.pdf import _lines
from core.tasks import report
from core.training.run import Run
from tests.listening.made_up import make_project
from ui.i18n import LANGUAGES, Translator
from ui.tabs.listen.report import document, report_view

RUN = "calm-voice"


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run that was listened to."""
    project = make_project(Workspace(tmp_path_factory.mktemp("report") / "workspace"), title="Calm <voice>")
    for choice in ("left", "right", "same"):
        vote(project, next_pair(project, listener="Zoë").id, choice, "Zoë")
    return project


def _run(project: Project) -> Run:
    return Run(project, next(project.runs.iterdir()).name)


def _made(project: Project, run: Run, language: str) -> Path:
    """What the job writes, run in this process."""
    words = document(Translator(language), project, run)
    job = Job.create(project.jobs, ReportArgs(run=run.id))
    (job.path / "document.json").write_text(words.model_dump_json(), encoding="utf-8")
    assert report.run(job, project, ReportArgs(run=run.id), Reporter(job)) == {"run": run.id}
    return report_folder(project, run.id)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_tells_a_stranger_what_was_done_and_how_it_went(ana: Project, language: str) -> None:
    t, run = Translator(language), _run(ana)
    folder = _made(ana, run, language)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Calm &lt;voice&gt;" in page and "<voice>" not in page
    for words in (
        *(t("listen.report_material"), t("listen.table"), t("listen.report_spoken"), t("listen.report_settings")),
        *(t("training.learning_rate"), "You are about to enter an echo test.", t("train.curve_val")),
    ):
        assert words in re.sub(r"&#x27;|&quot;", "'", page), words
    assert page.count("<svg") == 1 and "http" not in re.sub(r'"http://www.w3.org[^"]*"', "", page)
    ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])  # a picture that can be drawn
    assert (folder / "report.pdf").read_bytes()[:5] == b"%PDF-"
    about = about_report(ana, run.id)
    assert about is not None and about.language == language
    part = report_view(t, ana, run)
    assert "report.html" in part and "report.pdf" in part and t("listen.report_again") in part


def test_without_votes_samples_or_dataset_it_says_so(project: Project, workspace: Workspace) -> None:
    bare = make_project(workspace, "Bare", steps=())
    (bare.datasets / "d00000000001" / "dataset.json").unlink()
    t, run = Translator("en"), _run(bare)
    told = [words for section in document(t, bare, run).sections for words in section.paragraphs]
    assert {t("listen.report_no_votes"), t("listen.report_no_samples"), t("listen.report_no_curve")} <= set(told)
    assert about_report(bare, run.id) is None and t("listen.report_make") in report_view(t, bare, run)


def test_a_report_that_is_not_whole_is_none(project: Project) -> None:
    folder = report_folder(project, "run")
    write_json(folder / "about.json", {"at": 1.0, "language": "en"})
    (folder / "report.html").write_text("<p>")
    assert about_report(project, "run") is None


def test_long_tables_go_on_on_the_next_page_and_long_words_are_broken(ana: Project, tmp_path: Path) -> None:
    from core.report.pdf import pdf

    words = document(Translator("en"), ana, _run(ana))
    rows = [[str(number), "x" * 200, "$not_maths^"] for number in range(60)]
    long = words.model_copy(update={"sections": [Section(title="T", table=Table(head=["a", "b", "c"], rows=rows))]})
    content = pdf(long)
    assert 2 <= len(re.findall(rb"/Type /Page\b", content)) <= 12
    assert all(len(line) <= 12 for line in _lines("y" * 50, 60.0, 9.0))
