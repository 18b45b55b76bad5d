"""What the Review tab answers to what is done in it: notices with their way back, lists before many are decided."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from core.clips import history
from core.errors import UserError
from core.project.conflicts import stamp
from core.project.records import Clip, ClipFilter, Source
from core.project.workspace import Project
from core.settings import Settings
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.review import tab
from ui.tabs.review.many_list import Choice, choice_of, many_list

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


def list_form(content: str, **fields: str) -> str:
    """The list's form as the browser sends it, all ticks set but those of ``unticked``."""
    unticked = fields.pop("unticked", "").split()
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', content))
    ticks = re.findall(r'name="keep-([\w-]+)" checked', content)
    return json.dumps(hidden | {f"keep-{clip_id}": "on" for clip_id in ticks if clip_id not in unticked} | fields)


def stamp_of(content: str) -> str:
    """What the list stands on."""
    return re.findall(r'data-seen="(\w+)"', content)[0]


def test_clips_left_out_of_a_list_on_any_page_stay_and_the_others_are_decided_as_one(desk: Desk) -> None:
    project = desk.project
    clips = [Clip(f"t-{n:02d}", "t", n * 5.0, n * 5.0 + 4, f"text {n}", confidence=0.99 - n / 100) for n in range(12)]
    project.store.add_source(Source("t", "Other", seconds=90.0), (), clips)
    first = many_list(EN, project, Choice("sure", "0.85"))
    assert "Clips that would be approved: 14" in first and first.count("<audio") == 10
    assert "t-11" in first and "s-0" in first  # the least sure come first
    turned = choice_of(list_form(first, unticked="t-11 s-0", pressed="next"))
    second = many_list(EN, project, turned)
    assert set(turned.left_out) == {"s-0", "t-11"}
    assert second.count("<audio") == 4 and "11–14 of 14" in second
    back = many_list(EN, project, choice_of(list_form(second, unticked="t-00", pressed="back")))
    assert len(re.findall(r'name="keep-[\w-]+">', back)) == 2  # still unticked
    done = list_form(back, pressed="do")
    content = desk.act("decide_many", value=done, seen=stamp_of(back))
    assert "Clips approved: 11." in content
    new = {clip.id for clip in project.store.clips(ClipFilter("new"))}
    assert new == {"s-0", "t-11", "t-00", "s-2", "s-3"}
    desk.act("undo_this", seen=undo_of(content))
    assert {clip.status for clip in project.store.clips()} == {"new"}


def test_a_list_that_is_no_longer_as_it_was_shown_decides_nothing(desk: Desk) -> None:
    shown = many_list(EN, desk.project, Choice("flagged", "unsure"))
    desk.project.store.edit_clip("s-2", text="changed")
    with pytest.raises(UserError) as refused:
        desk.act("decide_many", value=list_form(shown, pressed="do"), seen=stamp_of(shown))
    assert refused.value.code == "clips.changed"
    assert desk.project.store.count(ClipFilter("rejected")) == 0
