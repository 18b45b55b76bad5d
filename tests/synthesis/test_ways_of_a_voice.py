"""What a self test and the tries of a base leave behind: problems in the page's language, which may be exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.audio.samples import Samples
from core.engines.f5.bases import F5Bases
from core.engines.questions import Choice, Question
from core.engines.voice import SpokenWay
from core.errors import UserError
from core.files import write_json
from core.jobs import events
from core.jobs.args.bases import TryBaseArgs
from core.jobs.args.speech import ExportArgs, SelfTestArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.synthesis.self_test import TABLE, is_tested
from core.tasks import self_test, try_base
from ui.i18n import Translator
from ui.tabs.speak.self_test import self_test_panel
from ui.tabs.train.tries import tries_view

PORTUGUESE, ENGLISH = "O modelo não tem som para: ď", "The model has no sound for: ď"


@pytest.fixture
def voiced(workspace: Workspace) -> Project:
    """A project of an engine that has a self test."""
    return workspace.create("Ana", "pt-BR", "f5")


def unreadable() -> UserError:
    """What a base cannot say."""
    return UserError(
        "speak.unknown_characters", "The model has no sound for: {characters}", "Leave it out.", characters="ď"
    )


def test_a_way_that_cannot_be_gone_says_why_in_the_language_of_the_page(voiced: Project) -> None:
    job = Job.create(voiced.jobs, SelfTestArgs(text="x"))
    way = SpokenWay("base", "x", None, 24_000, problem=unreadable())
    write_json(job.path / TABLE, {"rows": [self_test._measure(job, way, None, None, "pt-BR")]})
    assert ENGLISH in self_test_panel(Translator("en"), voiced)
    panel = self_test_panel(Translator("pt-BR"), voiced)
    assert PORTUGUESE in panel and ENGLISH not in panel


def test_a_try_that_fails_says_why_in_the_language_of_the_page_and_its_progress_names_no_keys(
    voiced: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise unreadable()

    question = Question("flags", "Which?", (Choice("v1", "Version 1"), Choice("v0", "Version 0")))
    models = SimpleNamespace(questions=lambda _: [question], answer=lambda *_: None)
    monkeypatch.setattr(try_base, "bases", lambda _: models)
    monkeypatch.setattr(try_base, "get_engine", lambda _: SimpleNamespace(load_voice=refuse))
    monkeypatch.setattr(try_base, "open_recognizer", lambda *_: None)
    monkeypatch.setattr(try_base, "reference_files", lambda *_: [SimpleNamespace(path=tmp_path / "a.wav")])
    silence: Callable[[Path], tuple[Samples, int]] = lambda _: (None, 24_000)  # type: ignore[return-value] # noqa: E731
    monkeypatch.setattr(try_base, "read", silence)
    args = TryBaseArgs(folder=tmp_path, text="Olá.", language="pt", reference_clip_ids=("a",), device="cpu")
    job = Job.create(voiced.jobs, args)
    items: list[str] = []
    reporter = Reporter(job)
    reporter.on_event = lambda event: items.append(event.item) if isinstance(event, events.Progress) else None
    assert try_base.run(job, voiced, args, reporter) == {"tries": 2, "proposal": -1}
    assert set(items) == {""}
    view = tries_view(Translator("pt-BR"), voiced, tmp_path, [question])
    assert view.count(PORTUGUESE) == 2 and ENGLISH not in view


@pytest.mark.parametrize(
    ("row", "verdict", "expected"),
    [
        ({"way": "export", "is_equal": True}, "good", True),
        ({"way": "checkpoint", "likeness": 0.3}, "unlike", True),
        ({"way": "export", "is_equal": False}, "export_differs", False),
        ({"way": "export", "problem": "no room"}, "export_failed", False),
        ({"way": "live", "is_equal": False}, "vocabulary", False),  # what is named first hides nothing
    ],
)
def test_a_voice_whose_ways_did_not_agree_is_tested_again_before_its_export(
    voiced: Project, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], verdict: str, expected: bool
) -> None:
    monkeypatch.setattr(F5Bases, "has_learnt", lambda *_: True)
    voice: dict[str, Any] = {"base": "some", "text": "x"}
    job = Job.create(voiced.jobs, SelfTestArgs(**voice))
    exporting = ExportArgs(**voice, name="Ana", folder="ana")
    assert not is_tested(voiced, exporting)
    write_json(job.path / TABLE, {"rows": [{"way": "vocabulary", "problem": "^"}, row]})
    Reporter(job).emit(events.Finished(outcome="done", result={"verdict": verdict}))
    assert is_tested(voiced, exporting) is expected
