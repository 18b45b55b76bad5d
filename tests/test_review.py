"""Walking through clips, deciding, taking back, approving many."""

from __future__ import annotations

import pytest

from core.clips import bulk_decisions, history, review
from core.errors import UserError
from core.project.records import LOW_CONFIDENCE, Clip, Source, Word
from core.project.workspace import Project

CONFIDENCES = (0.95, 0.5, 0.9, 0.86, None)


@pytest.fixture
def clips(project: Project) -> list[str]:
    """Two recordings; the second has the last two clips, of which the last was not heard."""
    for number, source in enumerate(("aa", "bb")):
        project.store.add_source(Source(source, source.upper(), seconds=60, added_at=number + 1))
    made = []
    for n, sure in enumerate(CONFIDENCES):
        source, said = "aa" if n < 3 else "bb", "said" if sure else ""
        made.append(Clip(f"{source}-{n}", source, n * 8.0, n * 8.0 + 5, said, said, confidence=sure))
    project.store.replace_clips("aa", made[:3])
    project.store.replace_clips("bb", made[3:])
    return [clip.id for clip in made]


def test_it_begins_with_the_first_new_clip_and_names_its_neighbours(project: Project, clips: list[str]) -> None:
    spot = review.spot(project)
    assert spot is not None
    assert (spot.clip.id, spot.place, spot.count, spot.previous_id) == (clips[0], 1, 5, "")
    assert (spot.next_id, [clip.id for clip in spot.listing]) == (clips[1], clips)


def test_deciding_leads_to_the_next_clip_across_recordings(project: Project, clips: list[str]) -> None:
    assert review.decide(project, clips[2], "approved", "said") == clips[3]


def test_after_the_last_clip_come_those_that_were_passed_over(project: Project, clips: list[str]) -> None:
    assert review.decide(project, clips[4], "rejected", "") == clips[0]


def test_the_last_decision_leaves_nothing_to_show(project: Project, clips: list[str]) -> None:
    for clip_id in clips[:-1]:
        review.decide(project, clip_id, "approved", "said")
    assert review.decide(project, clips[-1], "rejected", "") == ""
    assert review.spot(project) is None


def test_a_decision_saves_the_text_as_it_stands_in_the_field(project: Project, clips: list[str]) -> None:
    review.decide(project, clips[1], "approved", " what  was\nsaid ")
    clip = project.store.clip(clips[1])
    assert (clip.text, clip.status) == ("what was said", "approved")


def test_a_clip_without_text_is_not_approved(project: Project, clips: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        review.decide(project, clips[4], "approved", "  ")
    assert raised.value.code == "review.no_text"
    assert project.store.clip(clips[4]).status == "new"


def test_going_back_among_new_clips_shows_the_one_just_decided(project: Project, clips: list[str]) -> None:
    following = review.decide(project, clips[0], "approved", "said")
    spot = review.spot(project, "new", following)
    assert spot is not None
    assert spot.previous_id == clips[0]
    back = review.spot(project, "new", clips[0])
    assert back is not None
    assert (back.clip.id, back.place, back.next_id) == (clips[0], 0, clips[1])


def test_how_far_one_has_come_advances_with_each_decision_and_each_skip(project: Project, clips: list[str]) -> None:
    def position(clip_id: str = "", state: str = "new") -> tuple[int, int]:
        spot = review.spot(project, state, clip_id)
        assert spot is not None
        return spot.decided + spot.place, spot.decided + spot.count

    assert position() == (1, 5)
    assert position(review.decide(project, clips[0], "approved", "said")) == (2, 5)
    assert position(clips[2]) == (3, 5)
    assert position(review.decide(project, clips[2], "rejected", "")) == (4, 5)
    assert position(clips[2], "rejected") == (1, 1)  # a list that keeps what is decided counts it once


def test_the_last_clip_without_speech_leaves_its_list_empty(project: Project) -> None:
    project.store.add_source(Source("s", "Silence", seconds=60))
    project.store.replace_clips("s", [Clip("s-1", "s", 0, 5, confidence=0.0), Clip("s-2", "s", 5, 10, confidence=0.0)])
    assert review.decide(project, "s-1", "rejected", "", "silent") == "s-2"
    spot = review.spot(project, "silent")
    assert spot is not None and (spot.decided + spot.place, spot.decided + spot.count) == (2, 2)
    assert review.decide(project, "s-2", "rejected", "", "silent") == ""


def test_a_clip_that_is_gone_leads_to_the_first(project: Project, clips: list[str]) -> None:
    spot = review.spot(project, "all", "cut-anew")
    assert spot is not None
    assert spot.clip.id == clips[0]


def test_undo_takes_status_and_text_back_together(project: Project, clips: list[str]) -> None:
    before = project.store.clip(clips[1])
    review.decide(project, clips[1], "approved", "other words")
    assert history.undo(project).clip_id == clips[1]
    after = project.store.clip(clips[1])
    assert (after.text, after.status) == (before.text, before.status)


def test_undo_says_so_when_nothing_was_changed(project: Project, clips: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        history.undo(project)
    assert raised.value.code == "review.nothing_to_undo"


def test_approving_many_takes_only_new_clips_that_are_sure_enough_and_is_undone_as_one(
    project: Project, clips: list[str]
) -> None:
    review.decide(project, clips[0], "rejected", "said")
    assert bulk_decisions.sure_counts(project)[0.85] == 2
    assert bulk_decisions.apply(project, bulk_decisions.approve_sure(0.85)) == 2
    assert review.counts(project) == {
        **{"all": 5, "new": 2, "approved": 2, "rejected": 1},
        **{"low": 1, "flagged": 0, "silent": 0},
    }
    history.undo(project)
    assert review.counts(project) == {
        **{"all": 5, "new": 4, "approved": 0, "rejected": 1},
        **{"low": 1, "flagged": 0, "silent": 0},
    }


def test_doubtful_clips_are_found(project: Project, clips: list[str]) -> None:
    spot = review.spot(project, "low")
    assert spot is not None
    assert (spot.clip.id, spot.count) == (clips[1], 1)


def test_only_clips_whose_text_holds_the_words_are_walked(project: Project, clips: list[str]) -> None:
    review.correct(project, clips[3], "A rare word")
    spot = review.spot(project, "all", search="rare")
    assert spot is not None
    assert (spot.clip.id, spot.count, spot.next_id) == (clips[3], 1, "")


def test_only_new_clips_with_a_text_are_approved_at_once(project: Project) -> None:
    project.store.add_source(Source("a", "A"))
    project.store.replace_clips(
        "a",
        [
            Clip("a-1", "a", 0, 4, text="Sure.", confidence=0.9),
            Clip("a-2", "a", 5, 9, text="Perhaps.", confidence=0.3),
            Clip("a-3", "a", 10, 14, text="", confidence=0.9),
            Clip("a-4", "a", 15, 19, text="No.", confidence=0.9, status="rejected"),
        ],
    )
    assert bulk_decisions.apply(project, bulk_decisions.approve_sure(LOW_CONFIDENCE)) == 1
    assert [clip.status for clip in project.store.clips()] == ["approved", "new", "new", "rejected"]


# ---- Flagged clips


@pytest.fixture
def flagged(project: Project, clips: list[str]) -> list[str]:
    """Of the five clips the first is noisy, the second and fourth differ (the fourth more), the third has no flag."""
    project.store.measure_clip(clips[0], snr_db=9.0, sound_flags="noisy")
    project.store.second_opinion(clips[1], "told", 0.3, "mismatch unsure")
    project.store.second_opinion(clips[3], "sad day", 0.6, "mismatch")
    return clips


def test_flagged_clips_are_walked_by_kind_and_by_difference(project: Project, flagged: list[str]) -> None:
    assert review.flag_counts(project, "flagged") == {"mismatch": 2, "unsure": 1, "noisy": 1}
    spot = review.spot(project, "flagged", flag="mismatch", sort="mismatch")
    assert spot is not None
    assert (spot.clip.id, spot.place, spot.count, spot.next_id) == (flagged[3], 1, 2, flagged[1])
    back = review.spot(project, "flagged", flagged[1], flag="mismatch", sort="mismatch")
    assert back is not None and (back.place, back.previous_id) == (2, flagged[3])


def test_a_decided_clip_leaves_the_flagged_ones_and_the_next_by_difference_comes(
    project: Project, flagged: list[str]
) -> None:
    by_difference = {"state": "flagged", "flag": "mismatch", "sort": "mismatch"}
    assert review.decide(project, flagged[3], "approved", "said", **by_difference) == flagged[1]
    assert review.decide(project, flagged[1], "rejected", "said", **by_difference) == ""
    assert review.spot(project, "flagged", flag="mismatch") is None
    assert review.flag_counts(project, "approved") == {"mismatch": 1}


def test_what_a_model_heard_is_taken_as_the_text_and_taken_back(project: Project, flagged: list[str]) -> None:
    assert review.adopt(project, flagged[3], "second_text").text == "sad day"
    assert review.adopt(project, flagged[3], "raw_text").text == "said"
    assert history.undo(project).clip_id == flagged[3]
    assert project.store.clip(flagged[3]).text == "sad day"
    with pytest.raises(UserError) as raised:
        review.adopt(project, flagged[2], "second_text")
    assert raised.value.code == "review.nothing_heard"


def test_flagged_clips_are_not_approved_at_once_unless_asked_for(project: Project, flagged: list[str]) -> None:
    assert (bulk_decisions.sure_counts(project)[0.85], bulk_decisions.sure_counts(project, with_flags=True)[0.85]) == (
        1,
        3,
    )
    assert bulk_decisions.apply(project, bulk_decisions.approve_sure(0.85)) == 1
    assert project.store.clip(flagged[2]).status == "approved"
    history.undo(project)
    assert bulk_decisions.apply(project, bulk_decisions.approve_sure(0.85, with_flags=True)) == 3


def test_all_of_a_kind_are_rejected_at_once_and_come_back_as_one(project: Project, flagged: list[str]) -> None:
    review.decide(project, flagged[1], "approved", "said")
    assert bulk_decisions.apply(project, bulk_decisions.reject_flagged("mismatch")) == 1
    assert project.store.clip(flagged[3]).reason == "mismatch"
    assert project.store.clip(flagged[1]).status == "approved", "a decided clip is left alone"
    history.undo(project)
    assert project.store.clip(flagged[3]).status == "new" and project.store.clip(flagged[3]).reason == ""
    with pytest.raises(ValueError, match="flag"):
        bulk_decisions.reject_flagged("")


def test_approving_a_rejected_clip_forgets_why_it_was_rejected(project: Project, flagged: list[str]) -> None:
    bulk_decisions.apply(project, bulk_decisions.reject_flagged("noisy"))
    review.decide(project, flagged[0], "approved", "said", "rejected")
    assert project.store.clip(flagged[0]).reason == ""


def test_a_spot_brings_the_words_of_its_clip_alone(project: Project, clips: list[str]) -> None:
    words = [Word(0.2, 0.6, "said", 0.3), Word(8.1, 8.4, "other", 0.9)]
    project.store.replace_words("aa", 0, 60, words)
    spot = review.spot(project, "all", clips[0])
    assert spot is not None and spot.words == (words[0],)


# ---- Clips without speech, agreement, pace, the list


def test_clips_without_speech_are_rejected_together_and_come_back_as_one(project: Project, clips: list[str]) -> None:
    project.store.store_transcript(clips[4], "", 0.0, "en")  # heard, and there was nothing
    project.store.flag_texts({clips[1]: "silence"})
    project.store.edit_clip(clips[0], status="approved")
    project.store.flag_texts({clips[0]: "silence"})  # a person has heard otherwise
    assert review.counts(project)["silent"] == 2
    assert bulk_decisions.apply(project, bulk_decisions.reject_silent()) == 2
    assert [project.store.clip(clips[n]).status for n in (0, 1, 4)] == ["approved", "rejected", "rejected"]
    change = history.undo(project)
    assert (change.kind, change.count) == ("rejection", 2) and review.counts(project)["silent"] == 2


def test_a_clip_is_rejected_for_a_reason_that_is_known(project: Project, clips: list[str]) -> None:
    review.decide(project, clips[0], "rejected", "said", reason="noisy")
    review.decide(project, clips[1], "rejected", "said", reason="<made up>")
    review.decide(project, clips[2], "approved", "said", reason="noisy")
    assert [project.store.clip(clip_id).reason for clip_id in clips[:3]] == ["noisy", "", ""]


def test_the_pace_leaves_pauses_out_and_counts_many_at_once_as_one(
    project: Project, clips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("core.project.change_log.time.time", lambda: now[0])
    for clip_id, later in zip(clips[:4], (10, 10, 3_600, 10), strict=True):
        review.decide(project, clip_id, "approved", "said")
        now[0] += later
    assert review.pace(project, 1) == review.Pace(0.0, None), "too few to tell"
    project.store.edit_clips(clips, status="rejected")
    pace = review.pace(project, 12)
    assert pace.per_minute == pytest.approx(6, rel=0.01) and pace.rest_s == pytest.approx(120, rel=0.01)


def test_the_list_is_turned_by_pages_and_kept_to_a_recording(project: Project) -> None:
    for name in ("a", "b"):
        project.store.add_source(Source(name, name, added_at=1.0))
        made = [Clip(f"{name}-{n:02d}", name, n * 5.0, n * 5.0 + 4 - n / 100, "text") for n in range(25)]
        project.store.replace_clips(name, made)
    here = review.spot(project, "all", "a-12")
    assert here is not None and here.list_start == 10 and here.listing[2].id == "a-12"
    later = review.spot(project, "all", "a-12", turn=1)
    assert later is not None and later.clip.id == "a-12" and later.listing[0].id == "a-20"
    end = review.spot(project, "all", "a-12", turn=999, source="a")
    assert end is not None and (end.count, [clip.id for clip in end.listing]) == (25, ["a-24"])
    shortest = review.spot(project, "all", source="b", sort="length")
    assert shortest is not None and shortest.clip.id == "b-24" and shortest.next_id == "b-23"
    review.correct(project, "b-09", "three words now")
    review.correct(project, "b-08", "two words")
    by_words = review.spot(project, "all", "b-08", sort="words")
    assert by_words is not None and (by_words.place, by_words.count, by_words.next_id) == (49, 50, "b-09")
    review.correct(project, "b-07", "changed")
    latest = review.spot(project, "all", sort="edited")
    assert latest is not None and (latest.clip.id, latest.place) == ("b-07", 1)
