"""Recordings with what belongs to them: subtitles of the same name, the same sound in another wrapping, odd names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.jobs.args.sources import ImportArgs
from core.project.workspace import Project, Workspace
from core.sources import recordings
from core.sources.decoding_notes import PARTLY
from core.sources.sidecars import groups, rank, title_of
from core.sources.upload import Duplicate, add_file
from tests.audio.sounds import convert, silence, tone, write

DATA = Path(__file__).parents[1] / "data" / "subtitles"
SRT = "1\n00:00:00,500 --> 00:00:02,000\nGood morning.\n\n2\n00:00:02,000 --> 00:00:xx,000\nBroken.\n"


def text_file(path: Path, content: str = SRT) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def told(project: Project) -> list[str]:
    job = project.latest("import_sources")
    assert job is not None
    return [warning.code for warning in job.read().warnings]


def test_files_belong_together_by_name() -> None:
    names = ["Talk.mp3", "talk.pt-BR.srt", "talk.en.vtt", "other.srt", "b.wav", "lecture 2.5.wav", "lecture 2.5.srt"]
    found = groups([(Path(name), name) for name in names])
    assert [
        (group.media[1] if group.media else None, [name for _, name in group.subtitles]) for group in found
    ] == [
        ("Talk.mp3", ["talk.pt-BR.srt", "talk.en.vtt"]), ("b.wav", []), ("lecture 2.5.wav", ["lecture 2.5.srt"]),
        (None, ["other.srt"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("recording", "subtitles"),
    [
        (unicodedata.normalize("NFD", "gravação.wav"), "gravação.srt"),
        ("GRAVAÇÃO.WAV", unicodedata.normalize("NFD", "gravação.pt-BR.SRT")),
        ("talk.mp4", "talk.mp4.srt"), ("talk.mp4", "talk.en.forced.srt"), ("talk.mp4", "TALK.eng.sdh.vtt"),
        ("talk.mp4", "talk.Portuguese.ass"), ("Straße.wav", "STRASSE.lrc"), ("two  words.wav", "two words.sbv"),
        ("v1.5.wav", "v1.5.srt"), ("İstanbul.wav", "istanbul.tr.ttml"), ("Ωμέγας.wav", "ΩΜΈΓΑΣ.dfxp"),
        ("x" * 150 + ".wav", "x" * 150 + ".en.sub"),
    ],
)  # fmt: skip
def test_names_that_differ_in_spelling_alone_belong_together(recording: str, subtitles: str) -> None:
    found = groups([(Path("1"), subtitles), (Path("2"), recording)])
    assert len(found) == 1 and found[0].subtitles == [(Path("1"), subtitles)]


def test_names_that_differ_in_more_do_not() -> None:
    names = ["v1.5.wav", "v1.6.srt", "lecture 2.wav", "lecture 2.5.srt"]
    assert [len(group.files()) for group in groups([(Path(name), name) for name in names])] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("language", "names", "used"),
    [
        ("pt", ["talk.en.srt", "talk.pt-BR.srt", "talk.srt"], "talk.pt-BR.srt"),
        ("pt", ["talk.en.srt", "talk.srt"], "talk.srt"),
        ("pt", ["talk.por.forced.srt", "talk.por.srt"], "talk.por.srt"),
        ("en", ["talk.en.forced.srt", "talk.txt"], "talk.txt"),
        ("zh-cn", ["talk.en.srt", "talk.chs.srt"], "talk.chs.srt"), ("de", ["talk.smi", "talk.srt"], "talk.srt"),
        ("de", ["talk.German.srt", "talk.fre.srt"], "talk.German.srt"),
    ],
)  # fmt: skip
def test_of_several_the_whole_ones_in_the_projects_language_count(language: str, names: list[str], used: str) -> None:
    for order in (names, names[::-1]):
        assert min(order, key=lambda name: rank(name, language)) == used


def test_subtitles_of_their_country_are_read_by_the_projects_language_or_refused_with_the_recording_kept(
    workspace: Workspace, tmp_path: Path
) -> None:
    for language, text in (("pl", "Zażółć gęślą jaźń. Święta są blisko."), ("pt", "")):
        project = workspace.create(f"In {language}", language=language)
        files = [(write(tmp_path / "a.wav", tone(7)), "a.wav"), (tmp_path / "a", "a.srt")]
        (tmp_path / "a").write_bytes((DATA / "cp1250.srt").read_bytes())
        view = recordings.add(project, ImportArgs(files=files)).wait()
        source = project.store.sources()[0]
        assert view.status == "done" and " ".join(word.text for word in project.store.words(source.id)) == text
        assert told(project) == ([] if text else ["text.encoding"])


def test_a_recording_dropped_with_its_subtitles_knows_its_words(project: Project, tmp_path: Path) -> None:
    files = [
        (text_file(tmp_path / "1"), "talk.srt"), (write(tmp_path / "2.wav", tone(4)), "Talk.wav"),
        (text_file(tmp_path / "3", SRT.replace("morning", "evening")), "talk.en.srt"),
        (text_file(tmp_path / "4", "no times here"), "alone.vtt"),
    ]  # fmt: skip
    view = recordings.add(project, ImportArgs(files=files)).wait()
    assert view.status == "done" and (view.result["added"], view.result["texts"], view.result["failed"]) == (1, 1, 1)
    source = project.store.sources()[0]
    assert [word.text for word in project.store.words(source.id)] == ["Good", "evening."]  # English, as the project is
    assert told(project) == ["subtitles.not_used", "subtitles.damaged", "subtitles.no_recording"]
    assert list(project.uploads.iterdir()) == []


def test_subtitles_that_come_later_find_their_recording(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(4))
    source = add_file(project, path, title="My talk")
    view = recordings.add(project, ImportArgs(files=[(text_file(tmp_path / "x.srt"), "my talk.en.srt")])).wait()
    assert view.status == "done" and view.result["texts"] == 1
    assert [word.text for word in project.store.words(source.id)] == ["Good", "morning."]
    both = [(path, "a.wav"), (text_file(tmp_path / "y.srt", SRT.replace("Good", "Fine")), "a.srt")]
    view = recordings.add(project, ImportArgs(files=both)).wait()
    assert (view.result["added"], view.result["skipped"], view.result["texts"]) == (0, 1, 1)
    assert [word.text for word in project.store.words(source.id)] == ["Fine", "morning."]


def test_subtitles_alone_that_fit_nothing_fail_with_what_to_do(project: Project, tmp_path: Path) -> None:
    view = recordings.add(project, ImportArgs(files=[(text_file(tmp_path / "x.srt"), "film.srt")])).wait()
    assert (view.status, view.code) == ("failed", "subtitles.no_recording") and "film.srt" in view.text


def test_subtitles_longer_than_their_recording_are_told(project: Project, tmp_path: Path) -> None:
    long = SRT + "\n3\n00:10:00,000 --> 00:10:04,000\nMuch later.\n"
    recordings.add(
        project,
        ImportArgs(
            files=[(write(tmp_path / "a.wav", tone(4)), "a.wav"), (text_file(tmp_path / "a.srt", long), "a.srt")]
        ),
    ).wait()
    assert told(project) == ["subtitles.damaged", "subtitles.longer"]
    assert [word.text for word in project.store.words(project.store.sources()[0].id)] == ["Good", "morning."]


@pytest.mark.parametrize("ending", ["flac", "mka", "w64"])
def test_the_same_sound_in_another_wrapping_is_recognised(project: Project, tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / "a.wav", tone(2, 44_100), 44_100)
    source = add_file(project, path, title="Talk")
    assert len(source.audio_md5) == 32
    with pytest.raises(Duplicate) as refused:
        add_file(project, convert(path, tmp_path / f"b.{ending}", *(("-c:a", "flac") if ending == "mka" else ())))
    assert refused.value.existing == source and "Talk" in refused.value.text
    assert len(list(project.sources.glob("*.flac"))) == 1


def test_parts_of_one_file_are_recordings_of_their_own_but_each_only_once(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.concatenate([tone(2), tone(2, hz=800)]))
    first = add_file(project, path, start_s=0, end_s=2)
    second = add_file(project, path, start_s=2)
    assert (first.seconds, second.seconds) == (2, 2) and first.audio_md5 != second.audio_md5
    with pytest.raises(Duplicate):
        add_file(project, path, start_s=2)


def test_a_silent_recording_is_refused_and_leaves_nothing(project: Project, tmp_path: Path) -> None:
    for samples in (silence(3), np.full(48_000, 1e-5, np.float32)):
        with pytest.raises(UserError) as refused:
            add_file(project, write(tmp_path / "quiet.wav", samples), title="Empty tape")
        assert refused.value.code == "audio.silent" and "Empty tape" in refused.value.text
    assert list(project.sources.iterdir()) == [] and project.store.sources() == []
    assert add_file(project, write(tmp_path / "faint.wav", tone(3, dbfs=-70))).seconds == 3


def test_a_damaged_file_comes_in_with_a_note_that_stays(project: Project, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, 30 * 16_000).astype(np.float32)
    good = convert(write(tmp_path / "in.wav", noise), tmp_path / "good.mp3")
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(good.read_bytes()[: good.stat().st_size // 3])
    view = recordings.add(project, ImportArgs(files=[(broken, "Old tape.mp3")])).wait()
    assert view.status == "done" and view.result["added"] == 1
    warning = view.warnings[0]
    assert (warning.code, warning.values["name"], warning.values["whole"]) == (PARTLY, "Old tape.mp3", "0:30")
    assert project.store.sources()[0].note == PARTLY


def test_any_name_is_only_a_name(project: Project, tmp_path: Path) -> None:
    names = [
        "two\nlines.wav", "🎙️ voice 🎧.wav", "../../etc/passwd.wav", "a 'b' \"c\" `d`.wav", "-y.wav", "50%s {0}.wav",
        ".wav", "x" * 300 + ".wav", "<b>&amp;.wav",
    ]  # fmt: skip
    files = [(write(tmp_path / f"{i}.wav", tone(1 + i / 10)), name) for i, name in enumerate(names)]
    outside = {path for path in tmp_path.rglob("*") if project.path not in path.parents}
    view = recordings.add(project, ImportArgs(files=files)).wait()
    assert view.status == "done" and view.result["added"] == len(names), view.text
    assert [source.title for source in project.store.sources()] == [
        " ".join(title_of(name).split())[:120] for name in names
    ]
    assert {path for path in tmp_path.rglob("*") if project.path not in path.parents} < outside
    again = [
        (convert(project.source_file(s.id), tmp_path / f"{s.id}.wav"), n)
        for s, n in zip(project.store.sources(), names, strict=True)
    ]
    view = recordings.add(project, ImportArgs(files=again)).wait()
    assert view.status == "done" and view.result["skipped"] == len(names)


def test_sounds_dropped_with_a_text_each_know_their_words(project: Project, tmp_path: Path) -> None:
    files = [
        (write(tmp_path / "1.wav", tone(2)), "one.wav"), (text_file(tmp_path / "1", "Said by one."), "one.txt"),
        (write(tmp_path / "2.wav", tone(3)), "two.wav"), (text_file(tmp_path / "2", "\ufeffSaid by two.\n"), "TWO.lab"),
        (text_file(tmp_path / "3", "what is this"), "notes.txt"),
    ]  # fmt: skip
    view = recordings.add(project, ImportArgs(files=files)).wait()
    assert (view.result["added"], view.result["texts"], view.result["failed"]) == (2, 2, 1), view
    assert told(project) == ["audio.not_audio"]
    for source in project.store.sources():
        words = project.store.words(source.id)
        assert " ".join(word.text for word in words) == f"Said by {source.title}."
        assert words[0].start_s == 0 and words[-1].end_s == pytest.approx(source.seconds, abs=0.01)
