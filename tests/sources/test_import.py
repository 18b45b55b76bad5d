"""Adding recordings by job: several at once, bad ones named, copies recognised, nothing left behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.levels import frames_file
from core.audio.options import SegmentOptions
from core.clips.cut import start_segment
from core.errors import Busy, Cancelled, DiskFull, UserError
from core.jobs import events, locks
from core.jobs.args.clips import SegmentArgs
from core.jobs.args.sources import DenoiseArgs, ImportArgs, LinkOptions
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source, Word
from core.project.schema import migrate
from core.project.workspace import Project
from core.sources import recordings
from core.sources.links.download import Download
from core.sources.links.importer import ImportedItem, import_link, origin_of
from core.sources.upload import Duplicate, add_file
from core.tasks import import_sources
from tests.audio.sounds import convert, long_flac, silence, tone, write
from ui.i18n import Translator


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, a minute at most."""
    last = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.01)


def hours(path: Path, count: int) -> Path:
    """A recording that is long and quick to make: silence with a word at its end."""
    return write(path, np.concatenate([silence(count * 3600 - 1, 8000), tone(1, 8000)]), 8000)


def test_several_files_come_in_and_bad_ones_are_named(project: Project, tmp_path: Path) -> None:
    good = write(tmp_path / "a.wav", tone(3, 44_100), 44_100)
    other = convert(write(tmp_path / "b.wav", tone(2)), tmp_path / "b.mp3")
    copy = Path(shutil.copy(good, tmp_path / "copy.wav"))
    (tmp_path / "notes.wav").write_text("no sound at all\n" * 20)
    files = [
        (good, "Interview {1}.wav"), (tmp_path / "notes.wav", "notes.wav"), (copy, "copy.wav"),
        (long_flac(tmp_path / "long.flac", 100), "long.flac"), (other, "Lesson 2.5.mp3"),
    ]  # fmt: skip
    view = recordings.add(project, ImportArgs(files=files, rights=" my own voice ")).wait()
    assert view.status == "done", view.text
    assert view.result == {"added": 2, "seconds": pytest.approx(5, abs=0.1), "skipped": 1, "failed": 2, "texts": 0}
    assert [(w.code, w.values["name"]) for w in view.warnings] == [
        ("audio.not_audio", "notes.wav"), ("source.duplicate", "copy.wav"), ("audio.too_long", "long.flac"),
    ]  # fmt: skip
    sources = project.store.sources()
    assert [(s.title, s.origin, s.rights) for s in sources] == [
        ("Interview {1}", "upload", "my own voice"), ("Lesson 2.5", "upload", "my own voice"),
    ]  # fmt: skip
    assert sources[0].id < sources[1].id
    for source in sources:
        info = soundfile.info(project.source_file(source.id))
        assert (info.samplerate, info.duration) == (source.sample_rate, source.seconds)
        assert frames_file(project.source_file(source.id)).exists()
    assert list(project.uploads.iterdir()) == [] and not any(path.exists() for path, _ in files)
    assert len(list(project.sources.iterdir())) == 4


def test_nothing_good_fails_with_all_names(project: Project, tmp_path: Path) -> None:
    files = []
    for name in ("one.wav", "two.mp3"):
        (tmp_path / name).write_text("text")
        files.append((tmp_path / name, name))
    view = recordings.add(project, ImportArgs(files=files)).wait()
    assert (view.status, view.code) == ("failed", "source.none_worked")
    assert "one.wav" in view.text and "two.mp3" in view.text and len(view.warnings) == 2


def test_one_bad_file_alone_fails_with_its_own_reason(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("text")
    view = recordings.add(project, ImportArgs(files=[(tmp_path / "x.wav", "x.wav")])).wait()
    assert (view.status, view.code) == ("failed", "audio.not_audio") and "x.wav" in view.text
    assert list(project.uploads.iterdir()) == []


def test_a_copy_alone_is_no_failure(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1))
    add_file(project, path)
    view = recordings.add(project, ImportArgs(files=[(path, "a.wav")])).wait()
    assert view.status == "done" and view.result["skipped"] == 1 and len(project.store.sources()) == 1


def test_nothing_at_all_is_told(project: Project) -> None:
    with pytest.raises(UserError) as error:
        recordings.add(project, ImportArgs(urls=["  "]))
    assert error.value.code == "source.nothing"


def test_a_refused_start_gives_the_upload_back(project: Project, tmp_path: Path) -> None:
    slow = hours(tmp_path / "slow.wav", 3)
    path = write(tmp_path / "a.wav", tone(1))
    job = recordings.add(project, ImportArgs(files=[(slow, "slow.wav")]))
    try:
        with pytest.raises(Busy):
            recordings.add(project, ImportArgs(files=[(path, "a.wav")]))
        assert path.exists()
    finally:
        job.stop()
        job.wait()


def test_stop_ends_the_job_soon_and_what_is_left_can_be_taken_up_again(project: Project, tmp_path: Path) -> None:
    long = hours(tmp_path / "long.wav", 2)
    job = recordings.add(project, ImportArgs(files=[(long, "long.wav")]))
    until(lambda: job.read().stage == "decode" or not job.alive())
    job.stop()
    view = job.wait(30)
    assert view.status == "cancelled" and view.result["added"] == 0
    assert list(project.sources.iterdir()) == [] and project.store.sources() == []
    assert recordings.is_resumable(job)
    view = recordings.resume(project, job.id).wait()
    assert view.status == "done" and view.result["added"] == 1, view.text
    assert list(project.uploads.iterdir()) == [] and not recordings.is_resumable(job)


def test_who_stops_and_adds_something_else_does_not_leave_the_first_upload_behind(
    project: Project, tmp_path: Path
) -> None:
    job = recordings.add(project, ImportArgs(files=[(hours(tmp_path / "long.wav", 2), "long.wav")]))
    job.stop()
    assert job.wait(30).status == "cancelled" and len(list(project.uploads.iterdir())) == 1
    other = recordings.add(project, ImportArgs(files=[(write(tmp_path / "a.wav", tone(1)), "a.wav")]))
    assert other.wait().status == "done"
    assert list(project.uploads.iterdir()) == [] and not recordings.is_resumable(job)
    with pytest.raises(UserError) as refused:
        recordings.resume(project, job.id)
    assert refused.value.code == "source.nothing_left"


def test_an_import_that_ran_out_of_room_is_taken_up_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        [str(write(tmp_path / f"{name}.wav", tone(seconds))), f"{name}.wav"] for seconds, name in ((1, "a"), (2, "b"))
    ]
    job = Job.create(project.jobs, ImportArgs(files=files))

    def full(project: Project, path: Path, **more: object) -> Source:
        if more["title"] == "b":
            raise DiskFull("audio.no_room", "No room.")
        return add_file(project, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(import_sources, "add_file", full)
    events.append(job.events_path, events.Launched())
    with pytest.raises(DiskFull):
        import_sources.run(job, project, job.spec().args, Reporter(job))
    events.append(job.events_path, events.Finished(outcome="failed", code="audio.no_room"))
    assert recordings.is_resumable(job)
    view = recordings.resume(project, job.id).wait()
    assert view.status == "done" and view.result["added"] == 1, view.text
    assert [source.title for source in project.store.sources()] == ["a", "b"]


def test_what_is_through_cannot_be_taken_up_again(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("text")
    job = recordings.add(project, ImportArgs(files=[(tmp_path / "x.wav", "x.wav")]))
    assert job.wait().status == "failed" and not recordings.is_resumable(job)


def test_a_recording_is_not_removed_during_a_cut_though_another_job_began_later(
    project: Project, tmp_path: Path
) -> None:
    source = add_file(project, write(tmp_path / "a.wav", tone(4)), title="Talk")
    training = TrainArgs(dataset="d", base="starter")
    jobs = [Job.create(project.jobs, SegmentArgs()), Job.create(project.runs, training, title="Ana")]
    held = [locks.try_lock(job.path / "lock", {}) for job in jobs]
    os.utime(jobs[0].path, (1, 1))
    try:
        with pytest.raises(UserError) as refused:
            recordings.remove(project, source.id)
        error = refused.value
        assert error.code == "source.in_use" and (error.values["kind"], error.values["title"]) == ("segment", "")
        told = Translator("pt-BR").error(error.code, error.text, error.hint, error.values)
        assert "“Talk”" in told and Translator("pt-BR")("kinds.segment") in told
    finally:
        for handle in held:
            assert handle is not None
            os.close(handle)
    assert recordings.remove(project, source.id).exists()


def test_an_interrupted_job_goes_on_where_it_was(project: Project, tmp_path: Path) -> None:
    first = write(tmp_path / "a.wav", tone(1))
    second = hours(tmp_path / "long.wav", 1)
    job = recordings.add(project, ImportArgs(files=[(first, "a.wav"), (second, "long.wav")]))
    until(lambda: len(project.store.sources()) == 1 and any(project.sources.glob(".tmp-*.flac")) or not job.alive())
    job.force_stop()
    assert job.wait().status == "interrupted"
    view = recordings.resume(project, job.id).wait()
    assert view.status == "done", view.text
    assert [source.title for source in project.store.sources()] == ["a", "long"]
    assert not any(path.name.startswith(".tmp") for path in project.sources.iterdir())


def test_a_file_added_directly_is_left_where_it_is(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "My talk.wav", tone(1))
    source = add_file(project, path)
    assert path.exists() and source.title == "My talk" and source.seconds == pytest.approx(1)
    with pytest.raises(Duplicate):
        add_file(project, path)


def test_stop_while_measuring_leaves_nothing(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(2))
    reporter = Reporter(Job.create(project.jobs, ImportArgs()))
    reporter.stop_requested = lambda: any(project.sources.glob("*.flac"))  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        add_file(project, path, reporter=reporter)
    assert list(project.sources.iterdir()) == [] and project.store.sources() == []


def test_a_removed_recording_comes_back_from_the_trash_with_its_clips(project: Project, tmp_path: Path) -> None:
    parts = np.concatenate([tone(4), silence(1), tone(4)])
    source = add_file(project, write(tmp_path / "a.wav", parts))
    kept = add_file(project, write(tmp_path / "b.wav", tone(4)))
    start_segment(project, None, SegmentOptions(only_speech=False)).wait()
    project.store.edit_clip(f"{source.id}-0001", text="Hello.", status="approved")
    words = [Word(0.1, 0.5, "Hello."), Word(5.1, 5.4, "You.", 0.9)]
    project.store.replace_words(source.id, 0, 1e9, words)
    clips, files = project.store.clips(), sorted(path.name for path in project.clips.iterdir())
    folder = recordings.remove(project, source.id)
    assert [s.id for s in project.store.sources()] == [kept.id]
    assert {clip.source_id for clip in project.store.clips()} == {kept.id}
    assert not project.source_file(source.id).exists() and len(list(project.clips.iterdir())) == 1
    assert recordings.restore(project, folder.name) == source
    assert project.store.clips() == clips and sorted(path.name for path in project.clips.iterdir()) == files
    assert project.source_file(source.id).exists() and not folder.exists()
    assert project.store.words(source.id) == words


def test_a_recording_is_not_removed_while_its_clips_are_changed(project: Project, tmp_path: Path) -> None:
    source = add_file(project, write(tmp_path / "a.wav", tone(2)))
    held = locks.try_lock(project.path / "locks" / "segment", {"kind": "segment"})
    assert held is not None
    with pytest.raises(Busy):
        recordings.remove(project, source.id)
    os.close(held)
    assert project.store.source(source.id) == source and project.source_file(source.id).exists()
    assert recordings.remove(project, source.id).exists()


def test_what_is_not_in_the_trash_cannot_come_back(project: Project) -> None:
    with pytest.raises(UserError):
        recordings.restore(project, "nothing")
    with pytest.raises(ValueError):
        recordings.restore(project, "../../x")


@pytest.mark.parametrize(
    ("minutes", "level", "following"),
    [(0, "none", 1), (1, "little", 10), (12, "enough", 30), (59.9, "good", 60), (600, "plenty", None)],
)
def test_the_meter_says_how_far_the_minutes_reach(minutes: float, level: str, following: float | None) -> None:
    found = recordings.amount(minutes * 60)
    assert (found.level, found.next_minutes) == (level, following)


def test_several_items_of_one_address_go_on_after_a_bad_one(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.webm").write_text("not media")
    good = write(tmp_path / "good.wav", tone(1))

    def fetched(url: str, *_: object, **__: object) -> list[Download]:
        return [Download(tmp_path / "bad.webm", "Bad", url, 1.0), Download(good, "Good", url, 1.0)]

    monkeypatch.setattr("core.sources.links.importer.download", fetched)
    job = Job.create(project.jobs, ImportArgs())
    args = ImportArgs(urls=["https://a.example/v"])
    assert import_sources.run(job, project, args, Reporter(job))["added"] == 1
    assert [(s.title, s.origin) for s in project.store.sources()] == [("Good", "https://a.example/v#2")]
    # The same address again is not even fetched.
    again = Job.create(project.jobs, ImportArgs())
    monkeypatch.setattr("core.sources.links.importer.download", lambda *_, **__: pytest.fail("fetched again"))
    assert import_sources.run(again, project, args, Reporter(again))["skipped"] == 1


def test_stop_is_seen_while_a_large_file_is_still_being_compared(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(2))
    reporter = Reporter(Job.create(project.jobs, ImportArgs()))
    reporter.job.stop()
    with pytest.raises(Cancelled):
        add_file(project, path, reporter=reporter)
    assert not project.sources.exists()


def test_what_a_running_job_is_writing_is_not_swept_away(project: Project) -> None:
    project.sources.mkdir()
    (project.sources / ".tmp-clean").mkdir()
    cleaning = Job.create(project.jobs, DenoiseArgs(source_id="s"))
    job = Job.create(project.jobs, ImportArgs())
    handle = locks.try_lock(cleaning.path / "lock", {"kind": "clean"})
    assert handle is not None and cleaning.alive()
    import_sources.run(job, project, ImportArgs(), Reporter(job))
    assert (project.sources / ".tmp-clean").exists()
    os.close(handle)
    import_sources.run(job, project, ImportArgs(), Reporter(job))
    assert not (project.sources / ".tmp-clean").exists()


def test_a_link_for_which_there_is_no_room_is_left_for_a_resume(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = write(tmp_path / "fetched.wav", tone(1))
    monkeypatch.setattr(
        "core.sources.links.importer.download", lambda url, *_, **__: [Download(fetched, "Talk", url, 1.0)]
    )

    def full(*_: object, **__: object) -> Source:
        raise DiskFull("audio.no_room", "Full.")

    monkeypatch.setattr("core.sources.links.importer.add_file", full)
    job = Job.create(project.jobs, ImportArgs(urls=["https://a.example/v"]))
    with pytest.raises(DiskFull):
        import_sources.run(job, project, job.spec().args, Reporter(job))
    assert recordings.done_items(job) == []


def test_each_recording_of_a_page_comes_in_also_when_the_first_came_before_a_crash(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "https://a.example/page"

    def fetched(*_: object, **__: object) -> list[Download]:
        return [
            Download(write(tmp_path / f"{hz}.wav", tone(1, hz=hz)), str(hz), page, 1.0) for hz in (300, 400, 500)
        ]  # fmt: skip

    monkeypatch.setattr("core.sources.links.importer.download", fetched)
    job = Job.create(project.jobs, ImportArgs())
    one = import_link(project, page, job.path / "download", ImportArgs(), Reporter(job))
    assert isinstance(next(one), ImportedItem)
    one.close()  # as when the process is killed after the first
    rest = list(import_link(project, page, job.path / "download", ImportArgs(), Reporter(job)))
    assert [type(item) for item in rest] == [Duplicate, ImportedItem, ImportedItem]
    assert [source.origin for source in project.store.sources()] == [page, f"{page}#2", f"{page}#3"]
    assert [type(item) for item in import_link(project, page, job.path, ImportArgs(), Reporter(job))] == [Duplicate]
    part = LinkOptions(start_s=1, end_s=2)
    assert [origin_of(page, part, number) for number in (1, 2)] == [f"{page}#t=1,2", f"{page}#2&t=1,2"]


def test_words_come_with_their_recording_or_not_at_all(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.wav", tone(2))
    word = Word(0.5, 1.0, "hello")
    with monkeypatch.context() as patch:
        patch.setattr("core.project.schema.migrate", _without_words)
        with pytest.raises(sqlite3.IntegrityError):
            add_file(project, path, words=lambda source: [word])
    assert project.store.sources() == []
    source = add_file(project, path, words=lambda source: [word])
    assert project.store.words(source.id) == [word]
    clip = Clip("s-0001", "s", 0, 1, text="hello")
    with pytest.raises(sqlite3.IntegrityError):
        project.store.add_source(Source("s", "Set"), [word], [clip, clip])
    assert project.store.sources() == [source] and project.store.words("s") == []
    project.store.add_source(Source("s", "Set"), [word], [clip])
    assert project.store.clips() == [clip] and project.store.last_number("s") == 1


def _without_words(db: sqlite3.Connection, path: Path) -> None:
    """Words are refused, as when the process ends before they are written."""
    migrate(db, path)
    db.execute("CREATE TEMP TRIGGER no_words BEFORE INSERT ON words BEGIN SELECT RAISE(ABORT, 'ended'); END")
