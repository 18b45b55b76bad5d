"""Reading aloud: the list, the place in it, and what comes of a recorded sentence."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.errors import Busy, UserError
from core.jobs import locks
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from core.sources import reading, recordings
from core.sources.upload import add_file
from tests.audio.sounds import silence, tone, write


def spoken(path: Path, hz: float = 300.0) -> Path:
    """A second of quiet, two seconds of sound, a second of quiet."""
    return write(path, np.concatenate([silence(1), tone(2, hz=hz), silence(1)]))


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_bundled_sentences_are_many_varied_and_of_mixed_lengths(language: str) -> None:
    sentences = reading.sentences_for(language)
    assert len(sentences) >= 40 and len(set(sentences)) == len(sentences)
    assert all(line == " ".join(line.split()) and line[-1] in ".?!" for line in sentences)
    lengths = sorted(map(len, sentences))
    assert lengths[0] < 40 and lengths[-1] > 80 and lengths[-1] < 130
    letters = set("".join(sentences).lower())
    assert set("abcdefghijlmnopqrstuvz") <= letters
    assert language == "en" or set("áâãàçéêíóôõú") <= letters
    assert any("?" in line for line in sentences) and any("!" in line for line in sentences)


def test_a_sentence_comes_in_with_its_text_and_the_place_moves_on(project: Project, tmp_path: Path) -> None:
    first = reading.progress(project).sentence
    source = reading.save(project, spoken(tmp_path / "a.wav"), " my own voice ")
    assert (source.title, source.origin, source.rights) == (first, "reading", "my own voice")
    (clip,) = project.store.clips()
    assert (clip.text, clip.raw_text, clip.given, clip.status, clip.language) == (first, "", 1, "new", "en")
    assert clip.start_s == pytest.approx(0.88, abs=0.02) and clip.end_s == pytest.approx(3.12, abs=0.02)
    assert project.clip_file(clip.id).exists()
    words = project.store.words(source.id)
    assert " ".join(word.text for word in words) == first
    assert words[0].start_s == pytest.approx(1, abs=0.02) and words[-1].end_s == pytest.approx(3, abs=0.05)
    now = reading.progress(Workspace(project.workspace.path).project(project.slug))  # as after a reload
    assert (now.place, now.count, now.sentence) == (1, 1, reading.sentences_for("en")[1])


def test_a_sentence_read_again_takes_the_place_of_the_first(project: Project, tmp_path: Path) -> None:
    old = reading.save(project, spoken(tmp_path / "a.wav"))
    reading.move(project, -1)
    new = reading.save(project, spoken(tmp_path / "b.wav", 500))
    assert [source.id for source in project.store.sources()] == [new.id]
    assert [title for _, title in recordings.trash_entries(project)] == [old.title]
    assert reading.progress(project).spoken == {"0": new.id}
    recordings.remove(project, new.id)
    assert reading.progress(project).count == 0


def test_the_place_stays_within_the_list(project: Project) -> None:
    assert reading.move(project, -1).place == 0
    assert reading.move(project, 999).place == len(reading.sentences_for("en")) - 1


def test_own_sentences_and_back(project: Project) -> None:
    now = reading.use_own(project, "  Eins,  zwei. \r\n\nDrei.\n")
    assert (now.sentences, now.own, now.place) == (["Eins, zwei.", "Drei."], True, 0)
    assert reading.progress(project) == now
    assert reading.use_own(project, " \n ").sentences == reading.sentences_for("en")
    for text, code in (("x" * 401, "reading.too_long"), ("a\n" * 5001, "reading.too_many")):
        with pytest.raises(UserError) as refused:
            reading.use_own(project, text)
        assert refused.value.code == code


def test_a_language_without_sentences_asks_for_some(workspace: Workspace, tmp_path: Path) -> None:
    project = workspace.create("Stimme", "de")
    assert reading.progress(project).sentence == ""
    with pytest.raises(UserError) as refused:
        reading.save(project, spoken(tmp_path / "a.wav"))
    assert refused.value.code == "reading.no_sentence"


@pytest.mark.parametrize(
    "arguments",
    [["-c:a", "libopus", "-f", "webm"], ["-c:a", "aac", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov"]],
    ids=["Chromium", "Safari"],
)
def test_what_browsers_record_comes_in_whatever_it_is_called(
    project: Project, tmp_path: Path, arguments: list[str]
) -> None:
    # Recorded as a stream, so the header tells no length; a browser that cannot make a WAV sends it under that name.
    sound = spoken(tmp_path / "in.wav")
    with open(tmp_path / "audio.wav", "wb") as file:
        subprocess.run(["ffmpeg", "-v", "error", "-i", sound, *arguments, "pipe:1"], check=True, stdout=file)
    source = reading.save(project, tmp_path / "audio.wav")
    assert source.seconds == pytest.approx(4.0, abs=0.1)
    (clip,) = project.store.clips()
    assert clip.text == reading.sentences_for("en")[0]


def test_a_recording_of_minutes_is_no_sentence(project: Project, tmp_path: Path) -> None:
    sound = write(tmp_path / "long.wav", tone(301, 8_000), 8_000)
    with pytest.raises(UserError) as refused:
        reading.save(project, sound)
    assert refused.value.code == "reading.too_long_take"
    assert reading.progress(project).place == 0 and project.store.sources() == []


def test_a_failed_take_changes_nothing(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        reading.save(project, write(tmp_path / "quiet.wav", silence(3)))
    assert refused.value.code == "audio.silent"
    handle = locks.try_lock(project.path / "locks" / "import_sources", {"kind": "import_sources"})
    assert handle is not None
    with pytest.raises(Busy):
        reading.save(project, spoken(tmp_path / "a.wav"))
    os.close(handle)
    assert reading.progress(project).place == 0 and project.store.sources() == []


def test_a_recording_belongs_to_the_sentence_that_was_on_the_screen(project: Project, tmp_path: Path) -> None:
    sentences = reading.sentences_for("en")
    reading.move(project, 3)  # in another window
    source = reading.save(project, spoken(tmp_path / "a.wav"), place=0)
    assert source.title == sentences[0] and reading.progress(project).spoken == {"0": source.id}
    assert reading.progress(project).place == 3
    for place in (-1, len(sentences)):
        with pytest.raises(UserError) as refused:
            reading.save(project, spoken(tmp_path / "b.wav", 500), place=place)
        assert refused.value.code == "reading.no_sentence"


def test_who_moves_on_while_a_recording_comes_in_stays_there(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: object, **more: object) -> object:
        reading.move(project, 5)
        return add_file(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("core.sources.reading.add_file", slow)
    source = reading.save(project, spoken(tmp_path / "a.wav"))
    now = reading.progress(project)
    assert (now.place, now.spoken) == (5, {"0": source.id})


def test_an_earlier_recording_that_is_in_use_stays_beside_the_new_one(project: Project, tmp_path: Path) -> None:
    old = reading.save(project, spoken(tmp_path / "a.wav"))
    job = Job.create(project.jobs, TranscribeArgs(model="builtin:tiny.en"))
    handle = locks.try_lock(job.path / "lock", {"kind": "transcribe"})
    assert handle is not None
    told: list[UserError] = []
    new = reading.save(project, spoken(tmp_path / "b.wav", 500), place=0, on_warning=told.append)
    os.close(handle)
    assert [error.code for error in told] == ["reading.both_kept"]
    assert [source.id for source in project.store.sources()] == [old.id, new.id]
    assert reading.progress(project).spoken == {"0": new.id}


def test_sentences_for_gaps_come_before_what_of_ones_own_list_is_unread(project: Project) -> None:
    assert reading.read_next(project, ["Gap one.", "Gap two."]).sentences == ["Gap one.", "Gap two."]
    reading.use_own(project, "Mine one.\nMine two.")
    assert reading.read_next(project, ["Gap one.", "Mine two."]).sentences == ["Gap one.", "Mine two.", "Mine one."]
