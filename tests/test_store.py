"""The database: filters and paging, revisions and undo, and quick pages over 50,000 clips."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.clips import SORTS, STATES, big_store, review_page
from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.project import stats as figures
from core.project.records import Clip, ClipFilter, Source, Vote, Word
from core.project.schema import connect
from core.project.store import Store
from core.project.tables import clips as clips_table
from core.project.workspace import Project

# Going through all 50,000 clips without the indexes takes from 340,000 (a page) and 1,330,000 (a review) on.
MOST_STEPS = {"page": 200_000, "review": 1_250_000}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two recordings; the first with six clips in several states, the second with one."""
    store = Store(tmp_path / "project.db")
    store.add_source(Source("a", "First", seconds=60.0, added_at=1.0))
    store.add_source(Source("b", "Second", seconds=30.0, added_at=2.0))
    store.replace_clips(
        "a",
        [
            Clip("a-1", "a", 0, 4, text="One.", status="approved", confidence=0.9),
            Clip("a-2", "a", 5, 12, text="Two, 100%.", status="rejected", confidence=0.3),
            Clip("a-3", "a", 13, 16, text="Three.", confidence=0.5),
            Clip("a-4", "a", 17, 20),
            Clip("a-5", "a", 21, 30, text="Fünf_", confidence=0.95),
            Clip("a-6", "a", 31, 40, text="Six.", status="approved", confidence=0.7),
        ],
    )
    store.replace_clips("b", [Clip("b-1", "b", 0, 5, text="One more.")])
    return store


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (ClipFilter(), "a-1 a-2 a-3 a-4 a-5 a-6 b-1"),
        (ClipFilter("approved"), "a-1 a-6"),
        (ClipFilter("rejected"), "a-2"),
        (ClipFilter("new"), "a-3 a-4 a-5 b-1"),
        (ClipFilter("low"), "a-2 a-3"),
        (ClipFilter("untranscribed"), "a-4"),
        (ClipFilter(source_id="b"), "b-1"),
        (ClipFilter(search="one"), "a-1 b-1"),
        (ClipFilter(search="%"), "a-2"),
        (ClipFilter(search="_"), "a-5"),
        (ClipFilter(search="' OR 1=1 --"), ""),
        (ClipFilter(sort="confidence", source_id="a"), "a-2 a-3 a-6 a-1 a-5 a-4"),
        (ClipFilter("approved", sort="length"), "a-1 a-6"),
    ],
)
def test_filters_and_sorting(store: Store, chosen: ClipFilter, ids: str) -> None:
    assert [clip.id for clip in store.clips(chosen)] == ids.split()
    assert store.count(chosen) == len(ids.split())


def test_pages_join_without_gap_or_overlap(store: Store) -> None:
    pages = [store.clips(offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [clip.id for page in pages for clip in page] == [clip.id for clip in store.clips()]


def test_every_edit_keeps_a_revision_and_undo_walks_back(store: Store) -> None:
    store.edit_clip("a-3", text="Free.")
    store.edit_clip("a-3", text="Tree.", status="approved")
    assert [(revision.field, revision.old, revision.new) for revision in store.revisions("a-3")] == [
        ("text", "Three.", "Free."),
        ("text", "Free.", "Tree."),
        ("status", "new", "approved"),
    ]
    assert store.undo_last() == ["a-3"]
    back = store.clip("a-3")
    assert (back.text, back.status) == ("Free.", "new")
    store.undo_last()
    assert store.clip("a-3").text == "Three." and store.revisions("a-3") == []
    assert store.undo_last() == []


def test_bounds_come_back_as_numbers(store: Store) -> None:
    store.edit_clip("a-1", end_s=4.5)
    store.undo_last()
    assert store.clip("a-1").end_s == 4.0


def test_an_edit_that_changes_nothing_leaves_no_revision(store: Store) -> None:
    store.edit_clip("a-1", text="One.")
    assert store.revisions("a-1") == [] and store.clip("a-1").edited_at is None


def test_many_clips_are_edited_at_once(store: Store) -> None:
    assert store.edit_clips(ClipFilter("new"), status="approved") == 4
    assert store.count(ClipFilter("approved")) == 6


def test_only_known_fields_can_be_set(store: Store) -> None:
    with pytest.raises(ValueError):
        store.edit_clip("a-1", id="x")
    with pytest.raises(ValueError):
        store.edit_clips(ClipFilter(), confidence=1.0)


def test_replacing_clips_leaves_those_that_stay_as_they_are(store: Store) -> None:
    stale = store.clip("a-3")
    store.edit_clip("a-3", text="Corrected meanwhile.", status="approved")
    gone = store.replace_clips("a", [stale, Clip("a-7", "a", 50, 55)])
    assert sorted(gone) == ["a-1", "a-2", "a-4", "a-5", "a-6"]
    clips = store.clips(ClipFilter(source_id="a"))
    assert [(clip.id, clip.text, clip.status) for clip in clips] == [
        ("a-3", "Corrected meanwhile.", "approved"), ("a-7", "", "new"),
    ]  # fmt: skip
    assert [clip.id for clip in store.clips(ClipFilter(source_id="b"))] == ["b-1"]


def test_what_a_person_worked_on_is_handed_out_before_it_goes(store: Store) -> None:
    store.edit_clip("a-3", text="Corrected.")
    kept: list[object] = []
    store.replace_clips("a", [store.clip("a-1")], lambda clips, revisions: kept.extend([clips, revisions]))
    clips, revisions = kept
    assert [clip.id for clip in clips] == ["a-2", "a-3", "a-6"]  # type: ignore[attr-defined]
    assert [revision.new for revision in revisions] == ["Corrected."]  # type: ignore[attr-defined]

    def full(*_: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError):
        store.replace_clips("a", [], full)
    assert store.count(ClipFilter(source_id="a")) == 1


def test_what_is_not_rejected_is_usable_and_every_state_is_one_condition(store: Store) -> None:
    store.edit_clip("a-2", status="rejected")
    store.edit_clip("a-3", status="approved")
    every = {clip.id for clip in store.clips()}
    assert {clip.id for clip in store.clips(ClipFilter("usable"))} == every - {"a-2"}
    by_status = [{clip.id for clip in store.clips(ClipFilter(state))} for state in ("new", "approved", "rejected")]
    assert "a-3" in by_status[1] and by_status[2] == {"a-2"}
    assert set.union(*by_status) == every == {clip.id for clip in store.clips(ClipFilter("all"))}


def test_a_number_is_never_used_again(store: Store) -> None:
    assert (store.last_number("a"), store.last_number("b"), store.last_number("new")) == (6, 1, 0)
    store.replace_clips("a", [store.clip("a-1")])
    assert store.last_number("a") == 6


def test_a_database_from_before_numbers_were_noted_is_read_by_what_it_holds(store: Store) -> None:
    store.edit_clip("a-6", text="Changed.")
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM clips WHERE id IN ('a-5', 'a-6')")
        for gone in ("clip_numbers", "words", "edits"):
            db.execute(f"DROP TABLE {gone}")
        db.execute("DROP INDEX clips_flagged")
        db.execute("ALTER TABLE clips DROP COLUMN text_flags")
        db.execute("ALTER TABLE sources DROP COLUMN use")
        db.execute("PRAGMA user_version=0")
    assert store.last_number("a") == 6
    assert store.clip("a-1").text_flags == "" and store.source("a").use == "original"
    store.replace_words("a", 0, 9, [Word(1, 2, "here")])
    assert [word.text for word in store.words("a")] == ["here"]


def test_a_database_from_before_it_was_noted_whose_a_text_is_tells_it_by_what_it_holds(store: Store) -> None:
    store.add_source(Source("c", "Data", origin="dataset", added_at=3.0))
    store.replace_clips("c", [Clip("c-1", "c", 0, 5, text="As read.", raw_text="As read.", confidence=0.9)])
    store.store_transcript("a-4", "Heard.", 0.9, "en")
    store.second_opinion("a-4", "", 1.0, "mismatch")
    store.edit_clip("a-3", text="By hand.")
    with sqlite3.connect(store.path) as db:
        for column in ("given", "checked"):
            db.execute(f"ALTER TABLE clips DROP COLUMN {column}")
        db.execute("PRAGMA user_version=4")
    assert {clip.id for clip in store.clips() if clip.given} == {"a-1", "a-2", "a-5", "a-6", "b-1", "c-1"}
    assert [clip.id for clip in store.clips() if clip.checked] == ["a-4"]


def test_a_given_text_stays_even_if_a_model_heard_just_that(store: Store) -> None:
    store.replace_clips("b", [Clip("b-2", "b", 6, 9, text="As read.", given=1), Clip("b-3", "b", 9, 12)])
    for heard in ("As read.", "A shed."):
        store.store_transcript("b-2", heard, 0.9, "en")
        store.store_transcript("b-3", heard, 0.9, "en")
    assert (store.clip("b-2").text, store.clip("b-2").raw_text) == ("As read.", "A shed.")
    assert store.clip("b-3").text == "A shed."


def test_a_difference_from_a_text_that_was_corrected_meanwhile_is_not_stored(store: Store) -> None:
    store.edit_clip("a-3", text="Corrected.")
    store.second_opinion("a-3", "Free.", 0.9, "mismatch", text="Three.")
    clip = store.clip("a-3")
    assert (clip.second_text, clip.mismatch, clip.text_flags, clip.checked) == ("Free.", None, "", 1)
    store.second_opinion("a-3", "Free.", 0.5, "mismatch", text="Corrected.")
    assert (store.clip("a-3").mismatch, store.clip("a-3").text_flags) == (0.5, "mismatch")


def test_words_of_a_stretch_are_replaced_and_the_others_stay(store: Store) -> None:
    store.replace_words("a", 0, 100, [Word(1, 2, "one"), Word(5, 6, "five", 0.5), Word(9, 9.5, "nine")])
    store.replace_words("a", 4, 9, [Word(4.5, 5, "vier"), Word(5, 6, "fünf", 0.9)])
    assert [word.text for word in store.words("a")] == ["one", "vier", "fünf", "nine"]
    assert store.words("a", 5, 9) == [Word(5, 6, "fünf", 0.9)]
    store.remove_source("a")
    assert store.words("a") == []


def test_clips_put_in_the_place_of_another_are_taken_back_as_one(store: Store) -> None:
    whole = store.clip("a-1")
    halves = [Clip("a-7", "a", whole.start_s, 2.0, text="On"), Clip("a-8", "a", 2.0, whole.end_s, text="e.")]
    edit = store.swap_clips("a", "split", ["a-1"], halves)
    assert store.last_edit("a") == edit and edit.before == (whole,)
    assert store.clip("a-8").text == "e." and store.last_number("a") == 8
    with pytest.raises(UserError, match="no longer there"):
        store.swap_clips("a", "delete", ["a-1"], [])
    assert store.undo_edit("a") == edit
    assert store.clip("a-1") == whole and store.undo_edit("a") is None
    assert store.last_number("a") == 8  # what a clip was called stays its own


def test_an_edit_is_not_taken_back_once_its_clips_were_cut_anew(store: Store) -> None:
    store.swap_clips("a", "delete", ["a-1"], [])
    store.replace_clips("a", [store.clip("a-2")])
    store.swap_clips("a", "move", ["a-2"], [Clip("a-7", "a", 5, 9)])
    store.replace_clips("a", [Clip("a-8", "a", 5, 8)])
    assert store.undo_edit("a") is None and [clip.id for clip in store.clips(ClipFilter(source_id="a"))] == ["a-8"]


def test_a_second_opinion_flags_and_measures_are_kept_and_found(store: Store) -> None:
    store.second_opinion("a-3", "Uno.", 0.6, "mismatch")
    store.measure_clip("a-4", snr_db=12.0, sound_flags="noisy clipped")
    store.measure_clip("a-6", snr_db=11.0, sound_flags="noisy")  # approved: it was looked at
    assert [clip.id for clip in store.clips(ClipFilter("flagged", sort="mismatch"))] == ["a-3", "a-4"]
    assert figures.Figures(store.path).flag_counts("flagged") == {"mismatch": 1, "noisy": 1, "clipped": 1}
    assert figures.Figures(store.path).flag_counts("approved") == {"noisy": 1}
    assert [clip.id for clip in store.clips(ClipFilter("new", without_flags=True))] == ["a-5", "b-1"]
    assert [clip.id for clip in store.clips(ClipFilter(flag="clipped"))] == ["a-4"]
    assert "a-4" not in [clip.id for clip in store.clips(ClipFilter("unmeasured"))]
    with pytest.raises(ValueError, match="no measures"):
        store.measure_clip("a-4", text="no")
    store.store_transcript("a-3", "heard again", 0.9, "en")
    assert store.clip("a-3").mismatch is None and store.clip("a-3").text_flags == ""


@pytest.mark.parametrize("sort", ["time", "confidence", "length", "mismatch"])
def test_walking_goes_through_the_clips_in_the_order_they_are_listed(store: Store, sort: str) -> None:
    store.second_opinion("a-3", "Uno.", 0.6, "mismatch")
    store.second_opinion("a-6", "Due.", 0.1, "")
    chosen = ClipFilter(sort=sort)
    listed = store.clips(chosen)
    for place, clip in enumerate(listed):
        assert store.count_before(chosen, clip) == place
        assert store.walk(chosen, clip, limit=9) == listed[place + 1 :]
        assert store.walk(chosen, clip, forward=False, limit=9) == listed[:place][::-1]


def test_named_clips_are_changed_at_once_and_taken_back_as_one(store: Store) -> None:
    assert store.edit_clips(["a-3", "b-1", "gone"], status="rejected", reason="other_voice") == 2
    assert store.clip("b-1").reason == "other_voice"
    assert set(store.undo_last()) == {"a-3", "b-1"}
    assert store.clip("a-3").status == store.clip("b-1").status == "new"


def test_undo_passes_over_changes_of_clips_that_are_gone(store: Store) -> None:
    store.edit_clip("a-1", text="Uno.")
    store.edit_clip("a-6", text="Sechs.")
    store.replace_clips("a", [store.clip("a-1"), Clip("a-7", "a", 50, 55)])
    assert store.undo_last() == ["a-1"] and store.clip("a-1").text == "One."
    assert store.undo_last() == [] and len(store.revisions("a-6")) == 1


def test_what_was_heard_never_overwrites_a_persons_text(store: Store) -> None:
    store.edit_clip("a-3", text="Corrected by hand.")
    store.store_transcript("a-3", "heard again", 0.8, "en")
    store.store_transcript("a-4", "heard first", 0.8, "en")
    assert (store.clip("a-3").text, store.clip("a-3").raw_text) == ("Corrected by hand.", "heard again")
    assert store.clip("a-4").text == "heard first"
    assert store.store_transcript("gone", "x", 0.1, "en") is None


def test_totals_count_the_whole_project(store: Store) -> None:
    totals = figures.Figures(store.path).totals()
    assert (totals.sources, totals.source_s, totals.clips, totals.transcribed) == (2, 90.0, 7, 6)
    assert (totals.approved, totals.approved_s, totals.rejected, totals.segmented) == (2, 13.0, 1, 2)


def test_totals_are_never_older_than_the_last_change(store: Store) -> None:
    # As quickly as they come: what is kept between two changes must not outlive the second.
    numbers = figures.Figures(store.path)
    for number in range(60):
        store.add_source(Source(f"s-{number}", "One more", seconds=1.0))
        store.add_vote(Vote(f"p{number}", CheckpointRef("x", 1), CheckpointRef("y", 1), "left", 1.0))
        assert (numbers.totals().sources, numbers.vote_count()) == (3 + number, 1 + number)
        if number % 20 == 19:
            time.sleep(figures._SETTLES_S + 0.05)
            assert numbers.totals() == numbers.totals() and numbers.totals().sources == 3 + number


def test_totals_of_an_unchanged_project_cost_no_look_into_its_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = figures.Figures(store.path)
    time.sleep(figures._SETTLES_S + 0.05)
    first = numbers.totals()
    opens: list[Path] = []
    monkeypatch.setattr(figures, "connect", lambda path: opens.append(path) or connect(path))
    assert all(numbers.totals() == first for _ in range(50)) and opens == []
    store.edit_clip("a-4", text="Something else.")
    assert numbers.totals().edited_at > first.edited_at and len(opens) == 1


def test_removing_a_recording_removes_its_clips(store: Store) -> None:
    store.remove_source("a")
    assert [clip.id for clip in store.clips()] == ["b-1"]


def test_what_is_gone_is_said(store: Store) -> None:
    for ask, code in ((store.source, "source.missing"), (store.clip, "clip.missing")):
        with pytest.raises(UserError) as missing:
            ask("nope")
        assert missing.value.code == code


def test_a_pair_has_one_vote_that_can_be_taken_back(store: Store) -> None:
    store.add_vote(Vote("p1", CheckpointRef("x", 1), CheckpointRef("y", 1), "left", 1.0))
    store.add_vote(Vote("p1", CheckpointRef("x", 1), CheckpointRef("y", 1), "right", 2.0))
    store.add_vote(Vote("p2", CheckpointRef("x", 1), CheckpointRef("y", 1), "same", 3.0))
    assert [(vote.pair, vote.choice) for vote in store.votes()] == [("p1", "left"), ("p2", "same")]
    store.undo_vote("p2")
    assert [vote.pair for vote in store.votes()] == ["p1"]


def test_a_page_of_fifty_thousand_clips_is_found_by_the_indexes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in SQLite's own steps, which no busy machine changes; the time is measured in benchmarks/clips.py."""
    store, steps = big_store(tmp_path / "big.db"), [0]

    @contextlib.contextmanager
    def counting(path: Path) -> Iterator[sqlite3.Connection]:
        with connect(path) as db:
            db.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1000), 1000)
            yield db

    for module in (clips_table, figures):
        monkeypatch.setattr(module, "connect", counting)
    for state, sort, offset in itertools.product(STATES, SORTS, (0, 12_000)):
        steps[0] = 0
        assert len(store.clips(ClipFilter(state, sort=sort), offset, 20)) == 20
        assert steps[0] < MOST_STEPS["page"], f"{state} in order of {sort} from {offset}: {steps[0]} steps"
    for sort in ("time", "confidence", "mismatch"):
        steps[0] = 0
        found, before, walked = review_page(store, ClipFilter("flagged", sort=sort, flag="mismatch"), 3000)
        assert found > 3000 and (before, walked) == (3000, 7)
        assert steps[0] < MOST_STEPS["review"], f"a flagged clip and its neighbours by {sort}: {steps[0]} steps"


def test_taking_a_change_back_counts_as_a_change(store: Store) -> None:
    before = store.edit_clip("a-1", text="Another.").edited_at
    assert before is not None
    store.undo_last()
    assert figures.Figures(store.path).totals().edited_at > before


DIRTY, CLEANED = "Zero\u200bwidth soft\u00adly\u00a0cafe\u0301\ufeff", "Zerowidth softly café"


def test_every_way_in_cleans_the_text(project: Project) -> None:
    store = project.store
    word = [Word(0.0, 0.5, "soft\u00adly"), Word(0.5, 0.6, "\u200b")]
    brought = Clip("a-0001", "a", 0, 3, text=DIRTY, raw_text=DIRTY, second_text=DIRTY)
    store.add_source(Source("a", "A", seconds=20), word, [brought])
    assert [word.text for word in store.words("a")] == ["softly"]
    assert (store.clip("a-0001").text, store.clip("a-0001").raw_text, store.clip("a-0001").second_text) == (
        CLEANED,
    ) * 3

    store.replace_words("a", 0.0, 1.0, word)
    assert [word.text for word in store.words("a")] == ["softly"]
    store.replace_clips("a", [Clip("a-0002", "a", 0, 3, text=DIRTY)])
    assert store.clip("a-0002").text == CLEANED
    store.swap_clips("a", "split", ["a-0002"], [Clip("a-0003", "a", 0, 3, text=DIRTY), Clip("a-0004", "a", 4, 6)])
    assert store.clip("a-0003").text == CLEANED

    store.store_transcript("a-0004", DIRTY, 0.9, "en")
    assert (store.clip("a-0004").text, store.clip("a-0004").raw_text) == (CLEANED, CLEANED)
    store.second_opinion("a-0004", DIRTY, 0.1, "")
    assert store.clip("a-0004").second_text == CLEANED
    store.edit_clip("a-0004", text=CLEANED + "\u200b")
    assert not store.revisions("a-0004")  # nothing that anybody could see has changed
    store.edit_clips(["a-0003", "a-0004"], text=f"New {DIRTY}")
    assert {store.clip(entry).text for entry in ("a-0003", "a-0004")} == {f"New {CLEANED}"}


@pytest.mark.parametrize(
    ("text", "searches"),
    [
        ("ÁGUA fria e limpa", ["água", "agua", "ÁGUA FRIA", unicodedata.normalize("NFD", "água"), " fria  e "]),
        ("Die Straße nach Gießen", ["STRASSE", "straße", "GIESSEN", "gießen"]), ("STRASSE", ["straße"]),
        ("İstanbul'da ışık", ["istanbul", "İSTANBUL", "ISTANBUL", "ışık", "IŞIK", "isik"]),
        ("Ο Οδυσσέας και ο λόγος ΛΌΓΟΣ", ["οδυσσεας", "ΟΔΥΣΣΈΑΣ", "λόγοσ ΛΌΓΟς", "ΛΟΓΟΣ"]),
        ("Привет, Ёлка и ÏЖАК", ["ПРИВЕТ", "ёлка", "елка", "їжак".replace("ї", "ï")]),
        ("Łódź, København, cœur", ["łódź", "lodz", "KØBENHAVN", "kobenhavn", "COEUR"]),
        ("Ðà Lạt: Trời Đẹp", ["trời đẹp", "troi dep", "TRỜI"]), ("100 % \\\\o/ a_b", ["100 %", "\\\\O/", "A_B"]),
        ("한국어 日本語 がぎ", ["한국", "日本", *(unicodedata.normalize("NFD", entry) for entry in ("한국", "が"))]),
    ],
)  # fmt: skip
def test_a_search_finds_a_text_however_its_letters_are_written(store: Store, text: str, searches: list[str]) -> None:
    store.replace_clips("b", [Clip("b-2", "b", 6, 9, text=text), Clip("b-3", "b", 9, 12, text="oração é, plain")])
    assert {
        search: [clip.id for clip in store.clips(ClipFilter(search=search))] for search in searches
    } == dict.fromkeys(searches, ["b-2"])
    assert store.count(ClipFilter(search="b_a")) == store.count(ClipFilter(search="1%o")) == 0


def test_a_search_knows_each_text_as_it_is_now(store: Store) -> None:
    def found(search: str) -> list[str]:
        return [clip.id for clip in store.clips(ClipFilter(search=search))]

    store.edit_clip("a-3", text="Ágil")
    assert found("AGIL") == ["a-3"] and store.holds(ClipFilter(search="agil"), "a-3")
    store.edit_clip("a-3", text="agile")
    assert found("ÁGIL") == ["a-3"]
    store.undo_last()
    store.undo_last()
    assert found("agil") == [] and not store.holds(ClipFilter(search="agil"), "a-3")
    store.store_transcript("a-4", "É só isso", 0.9, "pt")
    assert found("e SO") == ["a-4"]
    edit = store.swap_clips("a", "join", ["a-4"], [Clip("a-7", "a", 18, 23, text="É só aquilo")])
    assert edit.after and found("e so") == ["a-7"]
    store.undo_edit("a")
    assert found("e so") == ["a-4"]


def test_texts_of_a_database_from_before_they_were_folded_are_found(store: Store) -> None:
    store.edit_clip("a-3", text="ÁGUA")
    with sqlite3.connect(store.path) as db:
        for trigger in ("fold_new_text", "fold_changed_text"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("ALTER TABLE clips DROP COLUMN folded")
        db.execute("PRAGMA user_version=5")
    assert [clip.id for clip in store.clips(ClipFilter(search="água"))] == ["a-3"]
