"""Long texts are kept: found again, changed, taken back, renamed, deleted and restored, and damaged ones named."""

from __future__ import annotations

import threading

import pytest

from core import inspection, trash
from core.errors import UserError
from core.files import read_json
from core.project.workspace import Project
from core.studio import changes, documents, pronunciation, start
from core.studio.document import Document

TEXT = "# One\n\nHum a line. Hum another.\n\nAnd la."


@pytest.fixture
def text(humming: Project) -> Document:
    return start.create(humming, TEXT, "A story", language="en")


def fresh(project: Project, document: Document) -> Document:
    return documents.document(project, document.id)


def texts(document: Document) -> list[str]:
    return [line.text for line in document.lines]


def test_it_is_found_again_with_its_name_and_renamed(humming: Project, text: Document) -> None:
    assert texts(fresh(humming, text)) == ["One", "Hum a line.", "Hum another.", "And la."]
    assert changes.text(fresh(humming, text)) == TEXT
    before = text.at
    changes.rename(humming, text.id, "  Another\nname ")
    found = documents.documents(humming)[0]
    assert (found.id, found.name) == (text.id, "Another name") and found.at > before
    changes.rename(humming, text.id, " ")
    assert fresh(humming, text).name == "Another name"
    assert (
        start.create(humming, TEXT).name == "One" and start.create(humming, TEXT).id != start.create(humming, TEXT).id
    )


def test_every_change_is_taken_back_and_made_again(humming: Project, text: Document) -> None:
    id_, second = text.id, text.lines[1].id
    steps = [
        lambda: changes.set_line_text(humming, id_, second, "Hum low. [pause 2s] Hum high."),
        lambda: changes.set_text(humming, id_, "Only this."),
        lambda: changes.set_settings(humming, id_, seed=7, settings={"speed": 1.5}),
        lambda: changes.rename(humming, id_, "B"),
        lambda: changes.set_line(humming, id_, fresh(humming, text).lines[0].id, settings={"speed": 2.0}),
    ]
    states = [fresh(humming, text)]
    for step in steps:
        step()
        states.append(fresh(humming, text))

    def shape(document: Document) -> object:
        return document.model_dump(exclude={"at", "past", "future", "next_line"})

    for state in reversed(states[:-1]):
        assert shape(documents.undo(humming, id_)) == shape(state) == shape(fresh(humming, text))
    with pytest.raises(UserError, match="take back"):
        documents.undo(humming, id_)
    for state in states[1:]:
        assert shape(documents.redo(humming, id_)) == shape(state)
    with pytest.raises(UserError, match="make again"):
        documents.redo(humming, id_)


def test_a_new_change_ends_what_could_be_made_again_and_no_change_is_none(humming: Project, text: Document) -> None:
    changes.rename(humming, text.id, "B")
    documents.undo(humming, text.id)
    changes.set_line_text(humming, text.id, text.lines[1].id, " Hum a   line. ")
    assert fresh(humming, text).future
    changes.rename(humming, text.id, "C")
    assert not fresh(humming, text).future and len(fresh(humming, text).past) == 1


def test_a_change_on_what_is_no_longer_so_is_refused(humming: Project, text: Document) -> None:
    line = text.lines[1]
    changes.set_line_text(humming, text.id, line.id, "Hum lower.", seen=changes.line_stamp(line))
    for change in (
        lambda: changes.set_line_text(humming, text.id, line.id, "Hum higher.", seen=changes.line_stamp(line)),
        lambda: changes.set_text(humming, text.id, "All new.", seen=changes.stamp(text)),
    ):
        with pytest.raises(UserError) as caught:
            change()
        assert caught.value.code == "studio.changed"
    with pytest.raises(UserError) as caught:
        changes.set_line_text(humming, text.id, 999, "x")
    assert caught.value.code == "studio.no_line"


def test_several_changes_at_once_are_taken_back_as_one_and_made_whole_or_not_at_all(
    humming: Project, text: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = text.lines[1].id
    changes.change(humming, text.id, text="Hum this.", name="B", seed=7)
    now = fresh(humming, text)
    assert (texts(now), now.name, now.seed, len(now.past)) == (["Hum this."], "B", 7, 1)
    assert texts(documents.undo(humming, text.id)) == texts(text) and fresh(humming, text).seed is None
    monkeypatch.setattr(documents, "MOST_LINES", 5)
    for refused in (
        lambda: changes.change(humming, text.id, text="La. " * 6, name="C", seed=8),
        lambda: changes.change(humming, text.id, text="La.", language="xx"),
        lambda: changes.change_line(humming, text.id, line, text="La. " * 6, settings={"speed": 2.0}),
        lambda: changes.change_line(humming, text.id, line, text="La.", take="nothing-0"),
    ):
        before = fresh(humming, text)
        with pytest.raises(UserError):
            refused()
        assert fresh(humming, text) == before
    changes.change_line(humming, text.id, line, text="La. Ha.", settings={"speed": 2.0})
    assert [entry.settings for entry in fresh(humming, text).lines[1:3]] == [{"speed": 2.0}] * 2


def test_two_who_change_it_at_once_lose_nothing(humming: Project, text: Document) -> None:
    lines = [line for line in text.lines if not line.heading]
    threads = [
        threading.Thread(target=changes.set_line_text, args=[humming, text.id, line.id, f"Hum {number} times la."])
        for number, line in enumerate(lines)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts(fresh(humming, text))[1:] == [f"Hum {number} times la." for number in range(3)]


def test_it_goes_to_the_trash_with_its_takes_and_comes_back(humming: Project, text: Document) -> None:
    (documents.folder(humming, text.id) / "takes").mkdir()
    start.remove(humming, text.id)
    with pytest.raises(UserError) as caught:
        documents.document(humming, text.id)
    assert caught.value.code == "studio.no_document"
    [entry] = [entry for entry in trash.contents(humming.workspace) if entry.kind == "document"]
    assert entry.name == "A story"
    trash.restore(humming.workspace, entry.id)
    assert texts(fresh(humming, text)) == texts(text)
    assert (documents.folder(humming, text.id) / "takes").is_dir()


def test_a_damaged_text_is_named_and_the_others_are_listed(humming: Project, text: Document) -> None:
    other = start.create(humming, "Hum.", "Broken")
    path = documents.folder(humming, other.id) / documents.FILE
    whole = path.read_bytes()
    for content in (b"", b"[]", b'{"name": 1}', whole[:50], whole.replace(b'"text":"Hum."', b'"text":7')):
        path.write_bytes(content)
        assert other.id not in [found.id for found in documents.documents(humming)]
        [error] = [error for error in inspection.of_project(humming) if error.kind == "document"]
        assert error.thing == path.parent
    inspection.put_thing_aside(humming.workspace, str(path.parent.relative_to(humming.workspace.path)))
    assert not [error for error in inspection.of_project(humming) if error.kind == "document"]
    assert text.id in [found.id for found in documents.documents(humming)]


@pytest.mark.parametrize("id_", ["", "..", "../..", "nothing", ".", "a/b"])
def test_no_name_leads_out_of_the_project(humming: Project, id_: str) -> None:
    with pytest.raises(UserError) as caught:
        documents.folder(humming, id_)
    assert caught.value.code == "studio.no_document"


def test_texts_that_are_none_or_too_long_are_refused_before_anything_is_kept(humming: Project, text: Document) -> None:
    count = len(documents.documents(humming))
    cases = ((" \u200b\n", "studio.empty"), ("🎵", "studio.empty"), ("a. " * 4_000_000, "studio.too_long"))
    for content, code in cases:
        with pytest.raises(UserError) as caught:
            start.create(humming, content)
        assert caught.value.code == code
    with pytest.raises(UserError) as caught:
        changes.set_text(humming, text.id, "x" * 10_000_000)
    assert caught.value.code == "studio.too_long"
    with pytest.raises(UserError) as caught:
        changes.set_settings(humming, text.id, settings={"speed": 99.0})
    assert caught.value.code == "speak.setting_range"
    assert len(documents.documents(humming)) == count and texts(fresh(humming, text)) == texts(text)


def test_a_disk_without_room_leaves_the_text_as_it_was(
    humming: Project, text: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.files.os.replace", full)
    with pytest.raises(OSError):
        changes.rename(humming, text.id, "B")
    with pytest.raises(OSError):
        start.create(humming, TEXT)
    monkeypatch.undo()
    assert fresh(humming, text).name == "A story"
    assert not list(humming.documents.glob(".tmp-*")) and not list((humming.documents / text.id).glob(".tmp-*"))


def test_the_list_of_pronunciations_is_kept_and_a_damaged_one_named(humming: Project) -> None:
    pronunciation.set_pronunciation(humming, " Ana ", "Ah na")
    pronunciation.set_pronunciation(humming, "ana", "Anna")
    [entry] = pronunciation.pronunciations(humming)
    assert (entry.written, entry.spoken) == ("ana", "Anna")
    for words in (("", "x"), ("x", " "), ("!", "x"), ("x" * 300, "y")):
        with pytest.raises(UserError, match=r"entry|most"):
            pronunciation.set_pronunciation(humming, *words)
    path = humming.documents / "pronunciation.json"
    assert read_json(path)["entries"][0]["written"] == "ana"
    path.write_text("{")
    assert pronunciation.pronunciations(humming) == ()
    assert [error.kind for error in inspection.of_project(humming)] == ["pronunciation"]
    path.unlink()
    pronunciation.set_pronunciation(humming, "ana", "Anna")
    pronunciation.remove_pronunciation(humming, pronunciation.entry_name(pronunciation.pronunciations(humming)[0]))
    assert pronunciation.pronunciations(humming) == ()
