"""What the Review tab answers to what is done in it: notices with their way back, lists before many are decided."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from core.clips import history
from core.errors import UserError
from core.project.conflicts import stamp
from core.project.records import Clip, Source
from core.project.workspace import Project
from core.settings import Settings
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.review import tab

EN = Translator("en")


class Desk:
    """One window on the Review tab."""

    def __init__(self, project: Project) -> None:
        blank: Any = None
        self.project = project
        self.page = Page(Settings(_env_file=None), project.workspace, EN, blank, blank, blank)

    def act(self, do: str, clip_id: str = "", value: str = "", seen: str | None = None) -> str:
        """Press a button; the panel's content afterwards."""
        if seen is None:
            seen = stamp(self.project.store.clip(clip_id))
        event: Any = SimpleNamespace(do=do, id=clip_id, value=value, view="", seen=seen, window="a")
        return tab._act(self.page, self.project, event, {}, ("", "")) or ""


@pytest.fixture
def desk(project: Project) -> Desk:
    """Four clips, two of them with a mark."""
    project.store.add_source(Source("s", "Talk", seconds=60.0))
    clips = [
        Clip(
            f"s-{n}", "s", n * 8.0, n * 8.0 + 5, f"text {n}", f"text {n}", confidence=0.9, text_flags="unsure" * (n > 1)
        )
        for n in range(4)
    ]
    project.store.replace_clips("s", clips)
    return Desk(project)


def undo_of(content: str) -> str:
    """What the button in the notice stands on; "" where there is none."""
    button = re.search(r'data-seen="(\w+)"><button [^>]*data-do="undo_this"', content)
    return button[1] if button else ""


def test_the_notice_after_a_decision_takes_just_that_decision_back(desk: Desk) -> None:
    first = undo_of(desk.act("approved", "s-0", "text 0"))
    second = undo_of(desk.act("rejected", "s-1", "text 1"))
    with pytest.raises(UserError) as refused:
        desk.act("undo_this", seen=first)
    assert refused.value.code == "clip.changed"
    assert [clip.status for clip in desk.project.store.clips()] == ["approved", "rejected", "new", "new"]
    assert "Undone: rejection." in desk.act("undo_this", seen=second)
    assert [clip.status for clip in desk.project.store.clips()] == ["approved", "new", "new", "new"]


def test_what_changed_nothing_offers_nothing_to_take_back(desk: Desk) -> None:
    assert undo_of(desk.act("approved", "s-0", "text 0"))
    assert not undo_of(desk.act("approved", "s-0", "text 0"))
    assert history.undo(desk.project).kind == "approval"
