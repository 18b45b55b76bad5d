"""Two windows on one project: what another window has changed meanwhile is never overwritten by what one shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.audio.options import SegmentOptions
from core.clips import bulk_decisions, edit, history, review
from core.clips.bulk_decisions import approve_sure
from core.clips.cut import cut_clip
from core.clips.undo_edit import undo_edit, undo_stamp, undoable_edit
from core.errors import UserError
from core.project.conflicts import stamp
from core.project.records import Clip, ClipFilter, Source
from core.project.workspace import Project
from tests.audio.sounds import tone, write
from ui.i18n import Translator

Act = Callable[[Project, dict[str, Any]], object]
CORRECTED = "Corrected elsewhere."


@pytest.fixture
def clips(project: Project) -> list[str]:
    """Three clips of a recording that lies on the disk; the first is flagged and heard otherwise by a second model."""
    project.store.add_source(Source("aa", "AA", seconds=9.0, sample_rate=16_000))
    project.sources.mkdir(exist_ok=True)
    write(project.source_file("aa"), np.asarray(tone(9)))
    made = [
        Clip(f"aa-{n:04d}", "aa", n * 3.0, n * 3.0 + 2.5, f"Said {n}.", f"Heard {n}.", "en", confidence=0.95)
        for n in range(3)
    ]
    source = project.store.source("aa")
    project.store.replace_clips("aa", [cut_clip(project, source, clip, SegmentOptions()) for clip in made])
    project.store.second_opinion("aa-0000", "Heard twice.", 0.5, "mismatch")
    return [clip.id for clip in made]


def shown(project: Project) -> dict[str, Any]:
    """What a window shows of the project, as stamps."""
    first, second = project.store.clips()[:2]
    return {
        "id": first.id,
        "next": second.id,
        "clip": stamp(first),
        "raw": stamp(first, first.raw_text),
        "second": stamp(first, first.second_text),
        "next_clip": stamp(second),
        "change": history.last_stamp(project),
        "sure": project.figures.stamp(approve_sure(0.9, with_flags=True).clip_filter),
        "flagged": project.figures.stamp(ClipFilter("flagged", flag="mismatch")),
        "edit": undo_stamp(project, undoable_edit(project, "aa")),
    }


ACTS: dict[str, Act] = {
    "approve": lambda p, was: review.decide(p, was["id"], "approved", "Said 0.", stamp=was["clip"]),
    "reject": lambda p, was: review.decide(p, was["id"], "rejected", "Said 0.", stamp=was["clip"]),
    "approve an emptied field": lambda p, was: review.decide(p, was["id"], "approved", "", stamp=was["clip"]),
    "edit": lambda p, was: review.correct(p, was["id"], "Typed here.", stamp=was["clip"]),
    "take what was heard": lambda p, was: review.adopt(p, was["id"], "raw_text", stamp=was["raw"], draft="Said 0."),
    "take the second": lambda p, was: review.adopt(p, was["id"], "second_text", stamp=was["second"], draft="Said 0."),
    "undo": lambda p, was: history.undo(p, stamp=was["change"]),
    "approve many": lambda p, was: bulk_decisions.apply(p, approve_sure(0.9, with_flags=True), stamp=was["sure"]),
    "reject many": lambda p, was: bulk_decisions.apply(
        p, bulk_decisions.reject_flagged("mismatch"), stamp=was["flagged"]
    ),
    "move": lambda p, was: edit.move_border(p, was["id"], 0.2, 2.4, stamp=was["clip"]),
    "split": lambda p, was: edit.split(p, was["id"], 1.2, stamp=was["clip"]),
    "join": lambda p, was: edit.join(p, was["id"], was["next"], stamp=was["clip"], next_stamp=was["next_clip"]),
    "remove": lambda p, was: edit.remove(p, was["id"], stamp=was["clip"]),
}
ONE_CLIP = [name for name in ACTS if "many" not in name and name != "undo"]


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("other", ["corrected", "approved", "rejected"])
def test_what_another_window_did_stays_and_a_stale_one_changes_nothing(
    project: Project, clips: list[str], name: str, other: str
) -> None:
    if name.startswith(other.removesuffix("d")) or name == other.removesuffix("ed"):
        return  # both windows mean the same
    review.correct(project, clips[2], "A first change.")
    was = shown(project)
    if other == "corrected":
        review.correct(project, clips[0], CORRECTED)
    else:
        review.decide(project, clips[0], other, "Said 0.")
    before, changes = project.store.clips(), project.store.revisions(clips[0])
    with pytest.raises(UserError) as refused:
        ACTS[name](project, was)
    assert refused.value.code == ("clips.changed" if "many" in name else "clip.changed")
    assert project.store.clips() == before and project.store.revisions(clips[0]) == changes


@pytest.mark.parametrize("name", ONE_CLIP)
def test_a_clip_that_was_cut_anew_or_removed_meanwhile_is_told_of(
    project: Project, clips: list[str], name: str
) -> None:
    was = shown(project)
    edit.split(project, clips[0], 1.2)
    before = project.store.clips()
    with pytest.raises(UserError) as refused:
        ACTS[name](project, was)
    assert refused.value.code == "clip.missing"
    assert project.store.clips() == before


@pytest.mark.parametrize("name", ACTS)
def test_what_nobody_else_changed_is_done(project: Project, clips: list[str], name: str) -> None:
    review.correct(project, clips[2], "A first change.")
    was, before = shown(project), project.store.clips()
    if name == "approve an emptied field":
        with pytest.raises(UserError) as refused:
            ACTS[name](project, was)
        assert refused.value.code == "review.no_text"
    else:
        ACTS[name](project, was)
        assert project.store.clips() != before


def test_a_window_may_go_on_with_what_it_has_itself_just_saved(project: Project, clips: list[str]) -> None:
    was = shown(project)
    review.correct(project, clips[0], "Typed here.", stamp=was["clip"])  # the field was left for the button
    review.adopt(project, clips[0], "second_text", stamp=was["second"], draft="Typed  here.")
    now = shown(project)
    review.correct(project, clips[0], "Typed anew.", stamp=now["clip"])
    review.decide(project, clips[0], "approved", "Typed anew.", stamp=now["clip"])
    review.decide(project, clips[0], "approved", "Typed anew.", stamp=now["clip"])  # pressed twice
    assert (project.store.clip(clips[0]).text, project.store.clip(clips[0]).status) == ("Typed anew.", "approved")


def test_a_reading_that_is_another_by_now_is_not_taken(project: Project, clips: list[str]) -> None:
    was = shown(project)
    project.store.second_opinion(clips[0], "Heard anew.", 0.4, "mismatch")
    with pytest.raises(UserError) as refused:
        review.adopt(project, clips[0], "second_text", stamp=was["second"], draft="Said 0.")
    assert refused.value.code == "clip.changed"
    review.adopt(project, clips[0], "raw_text", stamp=was["raw"], draft="Said 0.")


def test_a_cut_by_hand_is_not_undone_in_a_window_that_shows_an_earlier_one(project: Project, clips: list[str]) -> None:
    edit.split(project, clips[2], 7.2)
    was = shown(project)
    first, _ = edit.split(project, clips[0], 1.2)
    before = project.store.clips()
    for _ in range(2):
        with pytest.raises(UserError) as refused:
            undo_edit(project, "aa", stamp=was["edit"])
        assert refused.value.code == "clip.changed" and project.store.clips() == before
    was = shown(project)
    review.correct(project, first.id, CORRECTED)  # in what the cut made
    with pytest.raises(UserError):
        undo_edit(project, "aa", stamp=was["edit"])
    assert project.store.clip(first.id).text == CORRECTED
    assert undo_edit(project, "aa", stamp=shown(project)["edit"]) == "split"


def test_a_text_corrected_while_the_sound_of_a_cut_is_written_is_not_lost(
    project: Project, clips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: Any) -> Clip:
        review.correct(project, clips[0], CORRECTED)
        return cut_clip(*arguments)

    monkeypatch.setattr(edit, "cut_clip", slow)
    with pytest.raises(UserError) as refused:
        edit.move_border(project, clips[0], 0.2, 2.4)
    assert refused.value.code == "clip.changed" and project.store.clip(clips[0]).text == CORRECTED


def test_it_is_said_in_both_languages() -> None:
    error = UserError("clip.changed", "This clip was changed in another window; here is how it is now.")
    assert Translator("en").error(error.code, error.text, "", {}) == error.text
    assert "outra janela" in Translator("pt-BR").error(error.code, error.text, "", {})
