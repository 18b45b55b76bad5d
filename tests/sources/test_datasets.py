"""What people already have comes in: LJSpeech and the like, sounds with their texts, as a folder or a zip."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.samples import read
from core.errors import UserError
from core.jobs import fork_server
from core.jobs.args.base import JobArgs
from core.jobs.args.sources import ImportArgs
from core.jobs.job import JobView
from core.project.records import Source
from core.project.workspace import Project
from core.settings import Settings
from core.sources import recordings
from core.sources.collections import pending
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.concat import GAP_S
from core.sources.collections.local_folder import add_folder
from core.sources.collections.scan import look
from tests.audio.sounds import convert, silence, tone, write
from ui.i18n import Translator
from ui.page import Page
from ui.tabs.sources.source_table import source_table


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def ljspeech(folder: Path, rates: tuple[int, ...] = (22_050, 22_050, 16_000)) -> Path:
    """Three sounds of 2, 3 and 4 seconds, each with its own pitch; a text without a sound, a sound without a text."""
    (folder / "wavs").mkdir(parents=True)
    for number, rate in enumerate(rates):
        write(folder / "wavs" / f"LJ-{number}.wav", tone(2 + number, rate, 400 * (number + 1)), rate)
    write(folder / "wavs" / "LJ-extra.wav", tone(1, 22_050, 99), 22_050)
    lines = [f'LJ-{number}|Page {number}, "quoted.|Page number {number}, "quoted.' for number in range(3)]
    (folder / "metadata.csv").write_text("\n".join([*lines, "LJ-gone|Nobody|Nobody"]), encoding="utf-8")
    return folder


def bring(project: Project, path: Path, **more: object) -> JobView:
    if path.is_dir():
        return recordings.add(project, ImportArgs(folders=[path])).wait()
    copy = Path(shutil.copy(path, path.with_suffix(".up.zip")))
    return recordings.add(project, ImportArgs(files=[(copy, path.name)])).wait()


def looked_through(project: Project) -> list[pending.PendingDataset]:
    """What waits, once all of it is looked through."""
    for job in project.all_jobs():
        if job.spec().kind == "scan_collection":
            assert job.wait().status == "done", job.log_tail()
    return pending.pending_datasets(project)


def pitch(project: Project, clip_id: str) -> float:
    samples, rate = soundfile.read(project.clip_file(clip_id))
    spectrum = np.abs(np.fft.rfft(samples[:rate] * np.hanning(rate)))
    return float(np.argmax(spectrum))


@pytest.mark.parametrize("as_zip", [True, False])
def test_ljspeech_becomes_one_recording_with_its_clips_and_texts(
    project: Project, tmp_path: Path, as_zip: bool
) -> None:
    folder = ljspeech(tmp_path / "LJSpeech-1.1")
    path = zipped(tmp_path, tmp_path / "voice.zip") if as_zip else folder
    found = look(path)
    assert (found.kind, len(found.items), found.rate) == ("list", 3, 22_050)
    assert found.seconds == pytest.approx(9, abs=0.1)
    assert [Path(name).name for name in found.without_text] == ["LJ-extra.wav"]
    assert found.without_sound.names == ["LJ-gone"]
    view = bring(project, path)
    assert view.status == "done" and view.result["added"] == 1, view.text
    assert [warning.code for warning in view.warnings] == ["collection.without_text", "collection.without_sound"]
    (source,) = project.store.sources()
    assert (source.title, source.sample_rate) == ("voice" if as_zip else "LJSpeech-1.1", 22_050)
    assert source.seconds == pytest.approx(9 + 2 * GAP_S, abs=0.001) and len(source.audio_md5) == 32
    clips = project.store.clips()
    bounds = [(round(clip.start_s, 3), round(clip.end_s, 3)) for clip in clips]
    assert bounds == [(0, 2), (2.5, 5.5), (6, 10)]
    assert [clip.text for clip in clips] == [f'Page {number}, "quoted.' for number in range(3)]
    assert {(clip.raw_text, clip.given, clip.confidence, clip.language) for clip in clips} == {("", 1, None, "en")}
    assert [pitch(project, clip.id) for clip in clips] == pytest.approx([400, 800, 1200], abs=2)
    gap, _ = read(project.source_file(source.id), 2.01, 2.49)
    assert not gap.any()
    words = project.store.words(source.id, 2.5, 5.5)
    assert [word.text for word in words] == ["Page", "1,", '"quoted.'] and words[0].start_s == 2.5
    assert folder.exists() and not list(project.uploads.glob("*"))
    again = bring(project, path)
    assert (again.status, again.result["skipped"], again.result["added"]) == ("done", 1, 0)


def test_sounds_with_a_text_file_each_in_any_format_and_depth(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "My voice"
    (folder / "deep").mkdir(parents=True)
    write(folder / "a.wav", tone(2, 44_100), 44_100)
    convert(write(tmp_path / "b.wav", tone(2, 44_100, 600), 44_100), folder / "b.m4a")
    write(folder / "deep" / "c.flac", np.stack([tone(2, 44_100, 800), -tone(2, 44_100, 800)], axis=1), 44_100, "PCM_24")
    (folder / "bad.wav").write_text("no sound at all")
    write(folder / "quiet.wav", silence(2, 44_100), 44_100)
    for name, text in (("a", "Olá,\nmundo."), ("b", "Segundo."), ("deep/c", "Três."), ("bad", "?"), ("quiet", "…")):
        (folder / f"{name}.txt").write_bytes(text.encode("cp1252"))
    view = bring(project, folder)
    assert view.status == "done", view.text
    assert [(warning.code, warning.values["member"]) for warning in view.warnings] == [
        ("collection.bad_sound", "bad.wav"), ("collection.bad_sound", "quiet.wav"),
    ]  # fmt: skip
    clips = project.store.clips()
    assert [clip.text for clip in clips] == ["Olá, mundo.", "Segundo.", "Três."]
    assert [pitch(project, clip.id) for clip in clips] == pytest.approx([440, 600, 800], abs=3)
    assert project.store.sources()[0].sample_rate == 44_100


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", "LJ-0|One.|One.\nLJ-1|Two.|Two."),
        ("metadata_train.csv", "audio_file|text|speaker_name\nwavs/LJ-0.wav|One.|me\nwavs/LJ-1.wav|Two.|me"),
        ("metadata.csv", 'file_name,transcription\nwavs/LJ-0.wav,"One."\nwavs/LJ-1.wav,Two.'),
        ("train.tsv", "client_id\tpath\tsentence\nx\tLJ-0.wav\tOne.\nx\tLJ-1.wav\tTwo."),
        ("transcripts.txt", "\ufeff.\\wavs\\LJ-0.wav|One.\r\nLJ-1.wav|Two.\r\n\r\n"),
    ],
)
def test_every_usual_list_is_understood(tmp_path: Path, name: str, content: str) -> None:
    folder = ljspeech(tmp_path / "set")
    (folder / "metadata.csv").unlink()
    (folder / name).write_text(content, encoding="utf-8", newline="")
    found = look(folder)
    assert [(item.sound, item.text) for item in found.items] == [("wavs/LJ-0.wav", "One."), ("wavs/LJ-1.wav", "Two.")]


def test_a_zip_of_plain_recordings_brings_each_with_its_subtitles(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    write(folder / "one.wav", tone(3))
    write(folder / "two.wav", tone(3, hz=700))
    (folder / "two.srt").write_text("1\n00:00:00,500 --> 00:00:02,000\nGood morning.\n")
    path = zipped(folder, tmp_path / "talks.zip")
    assert look(path).kind == "sounds"
    view = bring(project, path)
    assert view.status == "done" and (view.result["added"], view.result["texts"]) == (2, 1), view.text
    sources = project.store.sources()
    assert [source.title for source in sources] == ["one", "two"]
    assert [word.text for word in project.store.words(sources[1].id)] == ["Good", "morning."]
    assert not project.store.clips() and not list(project.uploads.iterdir())


def member(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([member("../evil.wav")], "archive.unsafe"),
        ([member("a/../../evil.wav")], "archive.unsafe"),
        ([member("/etc/evil.wav")], "archive.unsafe"),
        ([member("..\\evil.wav")], "archive.unsafe"),
        ([member("C:/evil.wav")], "archive.unsafe"),
        ([member("two\nlines.wav")], "archive.unsafe"),
        ([member("link.wav", stat.S_IFLNK | 0o777)], "archive.unsafe"),
        ([member("a.wav"), member("A.wav")], "archive.clash"),
        ([member("a.wav"), member("a.wav")], "archive.clash"),
        ([member("notes.pdf")], "collection.nothing"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_what_does_not_belong_in_one_is_refused_before_anything_is_written(
    project: Project, tmp_path: Path, members: list[zipfile.ZipInfo], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for one in members:
            archive.writestr(one, "content")
    with pytest.raises(UserError) as refused:
        look(path)
    assert refused.value.code == code and "odd.zip" in refused.value.text
    monkeypatch.setattr(Project, "start_job", lambda *_, **__: None)  # done here instead
    waiting = pending.hold(project, path, "odd.zip")
    pending.find_facts(project, waiting.id)
    (waiting,) = pending.pending_datasets(project)
    assert waiting.state == "refused" and waiting.error and waiting.error["code"] == code
    with pytest.raises(UserError):
        pending.bring_in(project, waiting.id)
    pending.discard_pending(project, waiting.id)
    assert (
        pending.pending_datasets(project) == [] and not list(project.uploads.iterdir()) and not project.store.sources()
    )


def test_a_zip_bomb_and_a_zip_of_too_much_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(4):
            archive.writestr(f"{number}.wav", bytes(40_000_000))
    with pytest.raises(UserError) as refused:
        Zip(bomb)
    assert refused.value.code == "archive.too_large"
    plain = zipped(ljspeech(tmp_path / "set"), tmp_path / "plain.zip")
    with pytest.raises(UserError):
        Zip(plain, max_bytes=1000)
    with pytest.raises(UserError):
        Zip(plain, most_members=2)


def test_a_broken_or_locked_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = zipped(ljspeech(tmp_path / "set"), tmp_path / "set.zip")
    data = bytearray(path.read_bytes())
    broken = tmp_path / "broken.zip"
    broken.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError) as refused:
        look(broken)
    assert refused.value.code == "archive.broken" and "broken.zip" in refused.value.text
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1  # the flag that says: encrypted
    path.write_bytes(data)
    with pytest.raises(UserError) as locked:
        look(path)
    assert locked.value.code == "archive.locked"


def test_a_member_that_is_damaged_is_named_and_the_others_come_in(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in "abc":
            sound = io.BytesIO()
            soundfile.write(sound, np.random.default_rng(ord(name)).normal(0, 0.1, 32_000), 16_000, format="WAV")
            archive.writestr(f"{name}.wav", sound.getvalue())
            archive.writestr(f"{name}.txt", f"Text {name}.")
    data = bytearray(path.read_bytes())
    middle = data.index(b"b.wav") + 30_000
    data[middle : middle + 100] = bytes(100)  # its checksum is wrong now
    path.write_bytes(data)
    view = bring(project, path)
    assert view.status == "done", view.text
    assert [warning.values["member"] for warning in view.warnings] == ["b.wav"]
    assert [clip.text for clip in project.store.clips()] == ["Text a.", "Text c."]


def test_more_than_the_limit_is_refused_and_leaves_nothing(project: Project, tmp_path: Path) -> None:
    path = zipped(ljspeech(tmp_path / "set"), tmp_path / "set.zip")
    view = recordings.add(project, ImportArgs(files=[(path, "set.zip")], max_hours=5 / 3600)).wait()
    assert (view.status, view.code) == ("failed", "audio.too_long")
    assert project.store.sources() == [] and not list(project.sources.iterdir())


def test_links_in_a_folder_lead_nowhere(tmp_path: Path) -> None:
    write(tmp_path / "secret.wav", tone(1))
    folder = ljspeech(tmp_path / "set")
    (folder / "wavs" / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / ".hidden").mkdir()
    write(folder / ".hidden" / "h.wav", tone(1))
    assert [Path(name).name for name in Folder(folder).names()] == [
        "metadata.csv", "LJ-0.wav", "LJ-1.wav", "LJ-2.wav", "LJ-extra.wav",
    ]  # fmt: skip


def test_an_uploaded_zip_waits_until_somebody_decides(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "_server", None)  # a fork would be done before it is asked about
    first = zipped(ljspeech(tmp_path / "set"), tmp_path / "set.zip")
    second = Path(shutil.copy(first, tmp_path / "other.zip"))
    one, other = pending.hold(project, first, "My set.zip"), pending.hold(project, second, "Other.zip")
    assert not first.exists() and [entry.state for entry in pending.pending_datasets(project)] == ["looking", "looking"]
    with pytest.raises(UserError) as early:
        pending.bring_in(project, one.id)
    assert early.value.code == "collection.not_ready"
    one, other = looked_through(project)
    facts = one.facts
    assert facts and (facts.kind, facts.count, facts.without_text, facts.without_sound) == ("list", 3, 1, 1)
    assert facts.examples[0][1] == facts.lists[0].examples[0][1][1] == 'Page 0, "quoted.'
    pending.discard_pending(project, other.id)
    assert pending.pending_datasets(project) == [one]
    view = pending.bring_in(project, one.id, ImportArgs(rights="my own")).wait()
    assert view.status == "done" and pending.pending_datasets(project) == [] and not list(project.uploads.iterdir())
    assert [(source.title, source.rights) for source in project.store.sources()] == [("My set", "my own")]
    with pytest.raises(UserError):
        pending.bring_in(project, one.id)


def test_one_refused_zip_takes_nothing_else_with_it(project: Project, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_text("no zip")
    files = [broken, zipped(ljspeech(tmp_path / "set"), tmp_path / "set.zip"), write(tmp_path / "a.wav", tone(1))]
    assert pending.receive(project, files) == []
    waiting = looked_through(project)
    assert [(item.name, item.state, bool(item.error)) for item in waiting] == [
        ("broken.zip", "refused", True), ("set.zip", "ready", False),
    ]  # fmt: skip
    job = project.latest("import_sources")
    assert job is not None and job.wait().result["added"] == 1


def test_two_that_add_at_one_moment_do_not_take_each_others_files(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = [write(tmp_path / f"{name}.wav", tone(1)) for name in ("a", "b")]
    zips = [zipped(ljspeech(tmp_path / name), tmp_path / f"{name}.zip") for name in ("c", "d")]
    started: list[str] = []

    def start(_project: Project, args: JobArgs, **_options: bool) -> None:
        started.append(str(args.files[0][0]) if isinstance(args, ImportArgs) else args.held)

    monkeypatch.setattr(Project, "start_job", start)
    for path in zips:
        pending.hold(project, path, path.name)
    monkeypatch.setattr("shutil.move", lambda path, target: None)  # each looks before the other has written
    for path in sounds:
        recordings.add(project, ImportArgs(files=[(path, path.name)]))
    assert len(set(started)) == 4


def test_the_table_looks_through_the_jobs_once_however_many_recordings_there_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(Project, "latest", lambda _, *kinds: looked.extend(kinds))
    sources = [Source(f"s{number}", "Talk") for number in range(3)]
    page = Page(Settings(), project.workspace, Translator("en"), *(None,) * 3)  # type: ignore[arg-type]
    assert source_table(page, project, sources).count("<tr data-key") == 6 and looked == ["clean"]


def test_a_text_named_as_its_sound_is_no_list_whatever_it_is_called(tmp_path: Path) -> None:
    for name, text in (("train_1", "The train | is late."), ("transcript", "Hello, there."), ("other", "Third.")):
        write(tmp_path / f"{name}.wav", tone(1))
        (tmp_path / f"{name}.txt").write_text(text)
    found = look(tmp_path)
    assert found.kind == "pairs" and not found.without_sound
    assert {item.sound: item.text for item in found.items} == {
        "train_1.wav": "The train | is late.", "transcript.wav": "Hello, there.", "other.wav": "Third.",
    }  # fmt: skip


def test_a_folder_comes_in_by_its_path_but_none_of_our_own(project: Project, tmp_path: Path) -> None:
    folder = ljspeech(tmp_path / "My set")
    own = project.workspace.path
    (tmp_path / "link").symlink_to(project.path)
    for typed, code in (
        ("", "folder.not_one"), ("My set", "folder.not_one"), (f"{folder}/metadata.csv", "folder.not_one"),
        ("~nobody-here/x", "folder.not_one"), ("/x\0y", "folder.not_one"), (str(project.path), "folder.own"),
        (str(own), "folder.own"), (str(own.parent), "folder.own"), (f"{tmp_path}/link", "folder.own"),
        (f"{folder}/../workspace/projects", "folder.own"),
    ):  # fmt: skip
        with pytest.raises(UserError) as refused:
            add_folder(project, typed)
        assert refused.value.code == code, typed
    waiting = add_folder(project, f' "{folder}" ')
    (waiting,) = looked_through(project)
    assert waiting.facts and waiting.facts.lists[0].examples[0][1][1] == 'Page 0, "quoted.'
    assert project.store.sources() == []
    view = pending.bring_in(project, waiting.id, ImportArgs(rights="my own")).wait()
    assert view.status == "done", view.text
    assert [(source.title, source.rights) for source in project.store.sources()] == [("My set", "my own")]
    assert len(project.store.clips()) == 3 and (folder / "metadata.csv").exists()
