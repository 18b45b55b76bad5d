"""The studio's page: what a person typed stays text, the doubtful are found, forms change what they say."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import UserError
from core.jobs import events
from core.jobs.args.base import JobArgs
from core.jobs.args.studio import SpeakDocumentArgs, WriteDocumentArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.studio import changes, documents, playback, start
from core.studio.cast import cast_of
from core.studio.document import Document, Pauses
from core.studio.keys import Keys
from core.studio.playback import NextLine, next_line
from core.studio.pronunciation import pronunciations
from core.studio.state import LineState, overview, states
from core.studio.takes import Failure, LineTake, add_failure, asked_again
from core.synthesis.saved_voices import discard_voice, save_voice
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import toy as toy
from ui.i18n import LANGUAGES, Translator
from ui.tabs.speak.studio import desk, shelf
from ui.tabs.speak.studio.actions import act_on_text
from ui.tabs.speak.studio.lines import line_rows
from ui.tabs.speak.studio.outputs import outputs
from ui.tabs.speak.studio.place import PER_PAGE, Place

NASTY = "<script>alert(1)</script> & \"'"


@pytest.fixture
def text(humming: Project) -> Document:
    return start.create(humming, "Hum. La la. Hum low.", NASTY, language="en")


def act(project: Project, document: Document, do: str, id_: object = "", value: object = "", seen: str = "") -> bool:
    page: Any = SimpleNamespace(settings=SimpleNamespace(device="cpu"), t=Translator("en"), workspace=project.workspace)
    content = json.dumps(value) if isinstance(value, dict) else value
    view = f"?project=x&mode=studio&doc={document.id}"
    return act_on_text(page, project, SimpleNamespace(do=do, id=str(id_), value=content, view=view, seen=seen))


def rows_of(document: Document) -> list[LineState]:
    """A spoken line, a doubtful one with two takes, one that failed."""
    good = LineTake(key="0" * 16, seed=0, seconds=1.0, rate=16_000)
    bad = LineTake(key="1" * 16, seed=1, seconds=1.0, rate=16_000, faults=("last_cut",), heard=NASTY, cer=0.5)
    failure = Failure(key="k", code="speak.unknown_characters", values={"characters": NASTY})
    first, second, third = document.lines
    return [
        LineState(first.having(text=NASTY, voice=NASTY), 1, "spoken", 0.4, (good,), good),
        LineState(second, 2, "doubtful", 0.4, (bad, good), bad),
        LineState(third, 3, "failed", 0.0, failure=failure),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_typed_is_shown_as_text(humming: Project, text: Document, language: str) -> None:
    t, rows = Translator(language), rows_of(text)
    place = Place.of(f"mode=studio&doc={text.id}")
    shown = [
        line_rows(t, humming, text, rows, place, [NASTY]),
        desk.head(t, text, place),
        desk.whole_text(t, text.model_copy(update={"lines": (text.lines[0].having(text=NASTY),)})),
        desk.work(t, humming, text, rows),
        desk.player(t, humming, text, overview(rows)),
        desk.settings(t, humming, text, [(NASTY, NASTY)]),
        shelf.shelf(t, humming),
        outputs(t, humming, text, overview(rows)),
    ]
    for part in shown:
        assert "<script" not in part and "alert(1)</script>" not in part
    assert "alert(1)" in shown[0] and "alert(1)" in shown[1]


def test_of_lines_that_lack_the_same_voice_the_first_says_so(humming: Project, text: Document) -> None:
    nobody = [
        LineState(line.having(voice=name), number, "no_voice", 0.0)
        for number, (line, name) in enumerate(zip(text.lines, ("Ana", "Ana", "Rui"), strict=True), 1)
    ]
    shown = line_rows(Translator("en"), humming, text, nobody, Place.of("mode=studio"), [])
    assert [shown.count(f"No voice is called “{name}”") for name in ("Ana", "Rui")] == [1, 1]


def test_the_doubtful_are_found_by_a_filter_and_long_texts_are_paged(humming: Project, text: Document) -> None:
    t, rows = Translator("en"), rows_of(text)

    def numbers(query: str, rows: list[LineState]) -> list[int]:
        shown = line_rows(t, humming, text, rows, Place.of(query), [])
        return [row.number for row in rows if f'data-number="{row.number}"' in shown]

    assert numbers("mode=studio", rows) == [1, 2, 3]
    assert numbers("mode=studio&lines=doubtful", rows) == [2, 3]
    assert numbers("mode=studio&lines=unspoken", rows) == [3]
    many = [LineState(text.lines[0], number, "unspoken", 0.0) for number in range(1, 2 * PER_PAGE + 2)]
    assert numbers("mode=studio&page=2", many)[0] == PER_PAGE + 1
    assert numbers("mode=studio&page=99999", many) == [2 * PER_PAGE + 1]
    assert Place.of("mode=studio&page=x&lines=nothing") == Place.of("mode=studio")


def test_forms_and_fields_change_what_they_say(humming: Project, text: Document) -> None:
    first = text.lines[0]
    act(humming, text, "line-text", first.id, "Hum high.", changes.line_stamp(first))
    with pytest.raises(UserError) as caught:
        act(humming, text, "line-text", first.id, "Hum higher.", changes.line_stamp(first))
    assert caught.value.code == "studio.changed"
    act(humming, text, "line-voice", first.id, "Tuning fork")
    act(humming, text, "line-speed", first.id, "1,5")
    act(humming, text, "text-manner", "", {"seed": "7", "speed": "", "pace_s": "0.5", "tries": "2"})
    act(humming, text, "text-pauses", "", dict.fromkeys(Pauses.model_fields, "0.5"))
    act(humming, text, "rename-text", "", "A song")
    now = documents.document(humming, text.id)
    assert (now.lines[0].text, now.lines[0].voice, now.lines[0].settings) == (
        "Hum high.",
        "Tuning fork",
        {"speed": 1.5},
    )
    assert (now.seed, now.settings, now.tries, now.proofread) == (7, {"pace_s": 0.5}, 2, False)
    assert (now.pauses.heading_s, now.name) == (0.5, "A song")
    act(humming, text, "whole-text", "", {"text": "La."}, changes.stamp(now))
    for _ in range(7):
        act(humming, text, "undo-text")
    assert documents.document(humming, text.id).lines == text.lines
    act(humming, text, "redo-text")
    act(humming, text, "add-pronunciation", "", {"written": "la", "spoken": "lah", "language": "", "case": "1"})
    [entry] = pronunciations(humming)
    assert entry.match_case
    act(humming, text, "drop-pronunciation", "la||case")
    assert not pronunciations(humming)


@pytest.mark.parametrize(
    ("do", "id_", "value", "code"),
    [
        ("text-pauses", "", {"heading_s": "99"}, "studio.setting_range"),
        ("text-pauses", "", {"heading_s": "x"}, "studio.no_number"),
        ("text-manner", "", {"seed": "0", "tries": "3", "speed": "99"}, "speak.setting_range"),
        ("line-text", 999, "x", "studio.no_line"),
        ("line-voice", 1, "Nobody", "studio.unknown_voice"),
        ("line-speed", 1, "nan", "studio.no_number"),
        ("choose-take", "1|nothing", "", "studio.no_take"),
        ("write-files", "", {}, "studio.no_format"),
        ("write-files", "", {"wav": "1"}, "studio.unspoken"),
        ("undo-text", "", "", "studio.nothing_to_undo"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    humming: Project, text: Document, do: str, id_: object, value: object, code: str
) -> None:
    with pytest.raises(UserError) as caught:
        act(humming, text, do, id_, value)
    assert caught.value.code == code
    assert Translator("pt-BR").error(code, "-", "-", caught.value.values) != "- -"


def test_a_text_that_is_gone_is_told_and_other_buttons_are_others(humming: Project, text: Document) -> None:
    assert not act(humming, text, "dance")
    start.remove(humming, text.id)
    with pytest.raises(UserError) as caught:
        act(humming, text, "undo-text")
    assert caught.value.code == "studio.no_document"
    assert Place.of(f"mode=studio&doc={text.id}").document(humming) is None


def test_the_next_line_is_the_one_after_the_last_wherever_that_stands_by_now(
    humming: Project, text: Document, monkeypatch: Any
) -> None:
    rows = [*rows_of(text)[:2], LineState(text.lines[2], 3, "unspoken", 0.0), rows_of(text)[0]]
    monkeypatch.setattr(playback, "states", lambda project, document: rows)
    first, second, third = (row.line.id for row in rows[:3])
    assert next_line(humming, text.id) == NextLine(rows[0])
    assert next_line(humming, text.id, after=first, number=99) == NextLine(rows[1])
    assert next_line(humming, text.id, after=second) == NextLine(rows[3], skipped=1)
    assert next_line(humming, text.id, after=999, number=2) == NextLine(rows[1]), "what took the place of one gone"
    assert next_line(humming, text.id, number=5) == next_line(humming, text.id, number=10**30) == NextLine(None)
    assert next_line(humming, text.id, number=-5) == NextLine(rows[0])


def test_a_line_is_waited_for_only_while_a_job_is_still_to_speak_it(
    humming: Project, text: Document, monkeypatch: Any
) -> None:
    rows = [LineState(text.lines[0], 1, "unspoken", 0.0), *rows_of(text)[1:]]
    monkeypatch.setattr(playback, "states", lambda project, document: rows)
    jobs: list[Any] = [None]
    monkeypatch.setattr(playback, "at_work", lambda project, id: jobs[0])

    def follows(args: JobArgs, number: int = 1) -> NextLine:
        jobs[0] = Job.create(humming.jobs, args)
        return next_line(humming, text.id, number=number)

    assert follows(SpeakDocumentArgs(document=text.id)) == NextLine(None, True)
    others = SpeakDocumentArgs(document=text.id, lines=(text.lines[2].id,))
    assert follows(others) == NextLine(rows[1], skipped=1)
    assert follows(WriteDocumentArgs(document=text.id, formats=("wav",))) == NextLine(rows[1], skipped=1)
    assert follows(others, 3) == NextLine(None, True), "it failed before this job, which tries it again"
    later = Failure(key="k", code="speak.unknown_characters", at=time.time() + 60)
    rows[2] = LineState(text.lines[2], 3, "failed", 0.0, failure=later)
    assert follows(others, 3) == NextLine(None, False, 1)
    events.append(jobs[0].events_path, events.Launched(at=time.time() + 120))
    assert next_line(humming, text.id, number=3) == NextLine(None, True), (
        "the job was resumed since, and tries it again"
    )
    rows[2] = LineState(text.lines[2], 3, "failed", 0.0, failure=later, request_at=time.time() + 120)
    assert follows(SpeakDocumentArgs(document=text.id, lines=(1,)), 3) == NextLine(None, True), "a person asked for it"


def test_a_line_that_was_asked_for_is_to_come_until_it_is_spoken_or_has_failed(
    humming: Project, text: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = documents.recast(humming, text, cast_of(humming, text)[0])
    line, folder = text.lines[0], documents.folder(humming, text.id)
    job = Job.create(humming.jobs, SpeakDocumentArgs(document=text.id))
    monkeypatch.setattr(start, "at_work", lambda project, id: job)
    request_at = lambda: states(humming, text)[0].request_at  # noqa: E731
    before = time.time()
    start.speak_again(humming, text.id, line.id)
    assert before <= request_at() <= time.time() and asked_again(folder) == [line.id]
    add_failure(folder, Failure(key=Keys(humming, text).key(line), code="speak.unknown_characters", at=time.time()))
    assert request_at() == 0


def test_an_empty_field_leaves_it_to_the_voice_and_shows_how_that_speaks(humming: Project, text: Document) -> None:
    voice = save_voice(humming, "Ana", "base:tuning-fork", settings={"speed": 1.5}, seed=7)
    changes.set_settings(humming, text.id, voice=voice.id)

    def form() -> str:
        return desk.settings(Translator("en"), humming, documents.document(humming, text.id), [(voice.id, "Ana")])

    assert all(part in form() for part in ('name="speed" value=""', 'placeholder="1.5"', 'placeholder="7"'))
    act(humming, text, "text-manner", "", {"seed": "0", "speed": "1", "pace_s": "", "tries": "3"})
    now = documents.document(humming, text.id)
    assert (now.seed, now.settings) == (0, {"speed": 1.0}), "the engine's own, against the voice's"
    act(humming, text, "text-manner", "", {"seed": "2147483647", "speed": "1.05", "pace_s": "", "tries": "3"})
    assert all(f'value="{number}"' in form() for number in ("2147483647", "1.05")), "no digit of it is lost"
    act(humming, text, "text-manner", "", {"seed": "", "speed": "", "pace_s": "", "tries": "3"})
    now = documents.document(humming, text.id)
    assert (now.seed, now.settings) == (None, {})
    discard_voice(humming, voice.id)


def test_lines_are_kept_as_long_as_nothing_has_changed(humming: Project, text: Document) -> None:
    document = documents.document(humming, text.id)
    assert states(humming, document) is states(humming, document)
    changes.rename(humming, text.id, "B")
    assert states(humming, documents.document(humming, text.id)) is not states(humming, document)
