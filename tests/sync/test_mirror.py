"""A project's mirror on a drive: whole at any moment, bounded, gone on with elsewhere; what stops it is told."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.session import ADAPTER, STATE
from core.errors import Cancelled, UserError
from core.files import write_json
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.notifications import config as notify
from core.notifications import outbox
from core.notifications.config import NotificationConfig
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.reasons import reason_of
from core.sync import mirror as mirrors
from core.sync import syncer
from core.sync.fetch import fetch
from core.sync.ledger import SyncState, erase, read_state
from core.sync.mirror import Mirror
from core.training.checkpoints import Checkpoints, damaged_file
from tests.conftest import Mount
from tests.jobs.conftest import until
from ui.drive import drive_line
from ui.i18n import LANGUAGES, Translator

MB = 1 << 20


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A folder in the place of a drive."""
    (tmp_path / "drive").mkdir()
    return tmp_path / "drive"


@pytest.fixture
def trained(project: Project) -> Project:
    """A project with a clip, a dataset and a run of two checkpoints that can be resumed."""
    project.store.add_source(Source("s1", "Talk", "upload", "", 9.0, 22050, "0" * 64, 1.0))
    project.store.replace_clips("s1", [Clip("s1-0001", "s1", 0.0, 1.0, text="água")])
    for name in ("clips/s1-0001.wav", "datasets/abc/wavs/a.wav", "datasets/abc/metadata.csv", "sources/s1.flac"):
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_bytes(name.encode())
    Job.create(project.runs, TrainArgs(base="b", dataset="abc"), title="Run", name="run")
    for step in (20, 40):
        save(project, step)
    return project


def save(project: Project, step: int, size: int = 1000) -> None:
    """A checkpoint as training saves it."""

    def write(folder: Path) -> None:
        write_json(folder / ADAPTER, {"step": step})
        (folder / STATE).write_bytes(bytes([step]) * size)

    Checkpoints(project.runs / "run").save(step, write)


def names(folder: Path) -> set[str]:
    """Visible files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files if not path.name.startswith(".")}


def begun(project: Project, drive: Path, **limits: float) -> Mirror:
    """A mirror that was begun."""
    mirror = Mirror(project, drive, **limits)  # type: ignore[arg-type]
    mirror.begin()
    return mirror


def test_what_lies_on_the_drive_is_a_workspace_with_the_project_in_it(trained: Project, drive: Path) -> None:
    begun(trained, drive).push()
    (there,) = Workspace(drive).projects()
    assert there.info == trained.info and there.store.clips() == trained.store.clips()
    at_home = ("lock", "project.db-wal", "project.db-shm")
    own = {name for name in names(trained.path) if not name.endswith(at_home) and not name.startswith("backups/")}
    assert names(there.path) == own
    assert Checkpoints(there.runs / "run").resumable() == [20, 40]
    assert begun(trained, drive).pending() == [], "nothing is copied twice, also after a restart"


def test_the_newest_checkpoint_comes_before_all_that_can_wait(trained: Project, drive: Path) -> None:
    (trained.runs / "run" / "events.jsonl").write_text("{}\n")
    order = [item.name for item in begun(trained, drive).pending()]
    assert order.index("runs/run/events.jsonl") < order.index("runs/run/checkpoints/step-000040")
    assert order[:3] == ["project.db", "project.json", "datasets/abc"]
    newest, older = (order.index(f"runs/run/checkpoints/step-0000{step}") for step in (40, 20))
    assert order.index("runs/run/job.json") < newest < older < order.index("clips/s1-0001.wav") < len(order) - 1
    assert order[-1] == "sources/s1.flac"


def test_broken_off_at_any_moment_every_checkpoint_there_is_whole(trained: Project, drive: Path) -> None:
    mirror, moments = begun(trained, drive), 0
    for moment in range(100):
        looks = iter(range(moment + 1))
        try:
            mirror.push(lambda looks=looks: next(looks, None) is None)
            break
        except Cancelled:
            moments += 1
            run = mirror.path / "runs" / "run"
            assert not [step for step in Checkpoints(run).steps() if damaged_file(Checkpoints(run).folder(step))]
            assert all((file.parent / "metadata.csv").exists() for file in mirror.path.glob("datasets/*/wavs"))
        mirror = begun(trained, drive)
    assert moments > 3 and not mirror.pending() and not list(drive.rglob(".tmp-*"))


def test_checkpoints_go_as_they_go_here_and_one_to_go_on_from_always_stays(trained: Project, drive: Path) -> None:
    mirror = begun(trained, drive)
    mirror.push()
    save(trained, 60)  # 20 gives its state up
    Checkpoints(trained.runs / "run").remove(40)
    mirror.push()
    there = Checkpoints(mirror.path / "runs" / "run")
    assert there.steps() == [20, 60] and there.resumable() == [60]
    Checkpoints(trained.runs / "run").remove(60)
    mirror.push()
    assert there.resumable() == [60], "nothing else could be resumed there"
    save(trained, 80)
    mirror.push()
    assert there.steps() == [20, 80] and there.resumable() == [80]
    shutil.rmtree(trained.runs / "run")
    mirror.push()
    assert there.steps() == []


def test_a_checkpoint_that_was_saved_anew_replaces_the_other_whole(trained: Project, drive: Path) -> None:
    mirror = begun(trained, drive)
    mirror.push()
    save(trained, 40, size=2000)
    mirror.push()
    there = Checkpoints(mirror.path / "runs" / "run")
    assert (there.folder(40) / STATE).stat().st_size == 2000 and not damaged_file(there.folder(40))
    assert not list(there.path.glob(".*"))


def test_a_log_that_grows_meanwhile_is_copied_as_far_as_it_was(trained: Project, drive: Path) -> None:
    log = trained.runs / "run" / "events.jsonl"
    log.write_bytes(b"a" * 100)
    mirror = begun(trained, drive)

    def grow(state: SyncState) -> None:
        with log.open("ab") as file:
            file.write(b"b" * 10)

    mirror.push(on_state=grow)
    first = (mirror.path / "runs/run/events.jsonl").read_bytes()
    assert first.startswith(b"a" * 100) and set(first[100:]) <= {ord("b")}
    mirror.push()
    assert (mirror.path / "runs/run/events.jsonl").read_bytes() == log.read_bytes()


def test_what_finds_no_room_is_named_and_the_rest_comes_over(trained: Project, drive: Path) -> None:
    save(trained, 60, size=3 * MB)
    mirror = begun(trained, drive, most_bytes=2 * MB)
    state = syncer.keep_up(mirror, lambda: False, once=True)
    assert (state.state, state.left_out) == ("no_room", ("runs/run/checkpoints/step-000060",))
    assert state.is_limit and MB < state.missing_bytes < 2 * MB
    assert (mirror.path / "sources/s1.flac").exists() and read_state(trained) == state
    assert Checkpoints(mirror.path / "runs" / "run").resumable() == [40], "the newest whole one that fits stays"
    wider = begun(trained, drive, most_bytes=20 * MB)
    assert syncer.keep_up(wider, lambda: False, once=True).state == "done"
    assert Checkpoints(mirror.path / "runs" / "run").resumable() == [40, 60]


def test_a_full_drive_is_told_and_nothing_there_is_torn(trained: Project, tmp_path: Path, mount: Mount) -> None:
    small = mount(tmp_path / "small", 34 * MB)
    save(trained, 60, size=3 * MB)
    state = syncer.keep_up(begun(trained, small), lambda: False, once=True)
    assert state.state == "no_room" and "runs/run/checkpoints/step-000060" in state.left_out
    assert 0.9 * MB < state.missing_bytes < 1.2 * MB and not state.is_limit
    assert Checkpoints(small / "projects" / trained.slug / "runs" / "run").resumable() == [40]


def test_what_the_drive_breaks_off_for_want_of_room_takes_none_and_the_rest_comes_over(
    trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(trained, 60)

    def flush(handle: int) -> None:
        if "step-000060" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mirrors, "flush", flush)
    state = syncer.keep_up(begun(trained, drive), lambda: False, once=True)
    assert (state.state, state.missing_bytes) == ("no_room", 0), "it said that there is room"
    assert state.left_out == ("runs/run/checkpoints/step-000060",)
    assert not list(drive.rglob(".tmp-*")) and (drive / "projects" / trained.slug / "sources/s1.flac").exists()


def paces(monkeypatch: pytest.MonkeyPatch, on_wait: Callable[[int], object]) -> list[float]:
    """Pauses of a syncer, none of which is waited for; ``on_wait`` is told how many there were."""
    pauses: list[float] = []

    def wait(seconds: float, should_stop: object) -> None:
        pauses.append(seconds)
        on_wait(len(pauses))

    monkeypatch.setattr(syncer, "_wait", wait)
    return pauses


def test_a_drive_without_room_is_tried_ever_more_seldom_told_of_once_and_gone_on_with_when_there_is_room(
    trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify.save(trained.workspace, NotificationConfig(addresses=("json://127.0.0.1:9",)))
    monkeypatch.setattr(outbox, "launch_delivery", lambda workspace: None)
    save(trained, 60, size=3 * MB)
    mirror = begun(trained, drive, most_bytes=2 * MB)
    monkeypatch.setattr(syncer, "_IDLE_S", 0.0)

    def make_room(waits: int) -> None:
        mirror.most_bytes = 2 * MB if waits < 8 else 20 * MB

    pauses = paces(monkeypatch, make_room)
    assert syncer.keep_up(mirror, lambda: False).state == "done"
    assert pauses[:8] == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0, 60.0] and len(pauses) == 8
    assert Checkpoints(mirror.path / "runs" / "run").resumable() == [40, 60]
    (message,) = (notify.folder(trained.workspace) / "outbox").iterdir()
    assert "the limit you set (MOST_GB): 2 MB" in message.read_text() and trained.info.name in message.read_text()


def test_what_found_no_room_and_is_deleted_here_is_missed_no_more(trained: Project, drive: Path) -> None:
    save(trained, 60, size=3 * MB)
    mirror = begun(trained, drive, most_bytes=2 * MB)
    assert syncer.keep_up(mirror, lambda: False, once=True).state == "no_room"
    Checkpoints(trained.runs / "run").remove(60)
    assert syncer.keep_up(mirror, lambda: False, once=True).state == "done"


def test_a_drive_that_stays_away_is_given_up_an_hour_after_the_last_work(
    trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, now = begun(trained, drive), [0.0]
    shutil.rmtree(drive)
    monkeypatch.setattr(syncer.time, "monotonic", lambda: now[0])
    pauses = paces(monkeypatch, lambda waits: now.__setitem__(0, now[0] + pauses[-1]))
    assert syncer.keep_up(mirror, lambda: False).state == "away"
    assert max(pauses) == 300.0 and 3600 < now[0] < 3600 + 301


def test_what_is_changed_while_nobody_is_at_work_comes_over_as_long_as_somebody_watches(
    trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncer, "_IDLE_S", 0.0)
    mirror, handle = begun(trained, drive), syncer.watch(trained)
    thread = threading.Thread(target=syncer.keep_up, args=[mirror, lambda: False], kwargs={"every_s": 0.01})
    thread.start()
    until(lambda: (read_state(trained) or SyncState("away")).state == "done")
    there = Workspace(drive).project(trained.slug)
    trained.store.edit_clip("s1-0001", text="by hand")
    until(lambda: there.store.clip("s1-0001").text == "by hand")
    (trained.path / "takes").mkdir()
    (trained.path / "takes" / "t.wav").write_bytes(b"sound")
    until(lambda: (there.path / "takes" / "t.wav").exists())
    assert thread.is_alive()
    os.close(handle)
    thread.join(30)
    assert not thread.is_alive() and not syncer.is_watched(trained)


def test_looking_for_news_takes_a_small_share_of_a_processor_however_many_files_there_are(
    trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, clock = begun(trained, drive), [0.0]
    mirror.push()
    handle = syncer.watch(trained)
    monkeypatch.setattr(syncer.time, "thread_time", lambda: clock[0])

    def look() -> bool:
        clock[0] += 0.5  # as with a hundred thousand files
        return False

    monkeypatch.setattr(mirror, "has_news", look)
    pauses = paces(monkeypatch, lambda waits: waits == 2 and os.close(handle))
    monkeypatch.setattr(syncer, "_IDLE_S", 0.0)
    syncer.keep_up(mirror, lambda: False)
    assert pauses == [25.0, 25.0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_drive_that_stands_still_is_told_in_words_with_what_to_do(language: str) -> None:
    t = Translator(language)
    full = SyncState("no_room", 1, left_out=("runs/run/checkpoints/step-000060",), missing_bytes=3 * MB)
    assert "step-000060" in drive_line(t, full) and t.megabytes(3 * MB) in drive_line(t, full)
    assert "MOST_GB" in drive_line(t, replace(full, is_limit=True)) and "MOST_GB" not in drive_line(t, full)
    assert t.megabytes(0) not in drive_line(t, replace(full, missing_bytes=0))
    lost = SyncState("taken", code="sync.taken", reason="Another computer has “ana”.", values={"name": "ana"})
    assert "“ana”" in drive_line(t, lost)
    reason = reason_of(OSError(errno.ENOTCONN, "Transport endpoint is not connected", "/content/drive/ana/project.db"))
    away = drive_line(t, SyncState("away", code=reason.code, reason=reason.text, values=reason.values))
    assert "Transport endpoint" in away and away.endswith("”.") and "project.db" in away and "/content" not in away


def test_a_drive_that_is_away_is_told_and_nothing_is_written_in_its_place(trained: Project, drive: Path) -> None:
    mirror = begun(trained, drive)
    elsewhere = drive.rename(drive.with_name("unmounted"))
    state = syncer.keep_up(mirror, lambda: False, once=True)
    assert (state.state, state.code) == ("away", "sync.away") and not drive.exists()
    elsewhere.rename(drive)
    assert syncer.keep_up(mirror, lambda: False, once=True).state == "done"


def test_an_empty_mount_point_is_no_drive(trained: Project, drive: Path) -> None:
    mirror = begun(trained, drive)
    shutil.rmtree(drive)
    drive.mkdir()
    with pytest.raises(UserError) as caught:
        mirror.push()
    assert caught.value.code == "sync.away" and not any(drive.iterdir())


def test_a_rate_is_kept(trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(mirrors.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(mirrors.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    save(trained, 60, size=4 * MB)
    begun(trained, drive, bytes_per_s=MB).push()
    assert 4.0 < now[0] < 5.0


def test_another_computer_goes_on_and_the_first_one_leaves_its_mirror_alone(
    trained: Project, drive: Path, tmp_path: Path
) -> None:
    first = begun(trained, drive)
    first.push()
    steps: list[tuple[int, int]] = []
    other = Workspace(tmp_path / "other")
    project = fetch(other, drive, trained.slug, lambda done, total: steps.append((done, total)))
    assert project and project.store.clips() == trained.store.clips() and steps[-1][0] == steps[-1][1]
    assert fetch(other, drive, trained.slug) is None, "what is here is not fetched again"
    second = begun(project, drive)
    assert second.pending() == [], "what came from there need not go back"
    save(project, 60)
    second.push()
    save(trained, 80)
    assert syncer.keep_up(first, lambda: False, once=True).code == "sync.taken"
    assert Checkpoints(second.path / "runs" / "run").resumable() == [40, 60]


def test_a_project_of_the_same_name_is_not_copied_over_the_one_on_the_drive(
    trained: Project, drive: Path, tmp_path: Path
) -> None:
    begun(trained, drive).push()
    namesake = Workspace(tmp_path / "other").create(trained.info.name)
    with pytest.raises(UserError) as caught:
        Mirror(namesake, drive).begin()
    assert caught.value.code == "sync.foreign"
    place = ["--workspace", str(namesake.workspace.path), "--drive", str(drive)]
    assert syncer.main([namesake.slug, *place]) == 2
    state = read_state(namesake)
    assert state and (state.state, state.code) == ("taken", "sync.foreign"), "whoever waits for it is told"


def test_a_project_that_got_the_name_of_a_deleted_one_does_not_take_its_place_on_the_drive(
    trained: Project, drive: Path
) -> None:
    begun(trained, drive).push()
    before, name = names(drive), trained.info.name
    shutil.rmtree(trained.path)
    namesake = trained.workspace.create(name)
    assert namesake.slug == trained.slug
    assert syncer.keep_up(Mirror(namesake, drive), lambda: False, once=True).code == "sync.foreign"
    assert names(drive) == before


def test_a_fetch_that_was_broken_off_leaves_no_half_project(
    trained: Project, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(trained, drive).push()
    other, copy = Workspace(tmp_path / "other"), shutil.copyfile

    def break_off(source: Path, target: Path) -> None:
        if source.name == STATE:
            raise OSError("Transport endpoint is not connected")
        copy(source, target)

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(shutil, "copyfile", break_off)
        fetch(other, drive, trained.slug)
    assert other.projects() == []
    assert fetch(other, drive, trained.slug)


@pytest.mark.parametrize("arguments", [(), ("--mb-per-s", "500", "--most-gb", "1")])
def test_the_command_brings_everything_over_once(
    trained: Project, drive: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(trained.workspace.path), "--drive", str(drive), "--once"]
    assert syncer.main([trained.slug, *place, *arguments]) == 0
    assert '"state": "done"' in capsys.readouterr().out
    assert syncer.main(["nobody", *place]) == 2


def test_the_syncer_ends_when_nobody_is_at_work_any_more(
    trained: Project, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncer, "_IDLE_S", 0.0)
    assert syncer.keep_up(begun(trained, drive), lambda: False, every_s=0.01).state == "done"


def test_the_syncer_ends_with_its_project_and_leaves_the_mirror_as_it_is(trained: Project, drive: Path) -> None:
    mirror = begun(trained, drive)
    mirror.push()
    before = names(drive)
    shutil.rmtree(trained.path)

    def goes_on() -> bool:
        raise AssertionError("it waits for a project that is gone")

    syncer.keep_up(mirror, goes_on)
    assert names(drive) == before


def test_what_is_erased_on_the_drive_empties_no_file_that_shares_its_content(tmp_path: Path) -> None:
    shared, aim, folder = tmp_path / "shared", tmp_path / "aim", tmp_path / "gone"
    folder.mkdir()
    for path in (shared, aim):
        path.write_bytes(b"weights")
    (folder / "hard").hardlink_to(shared)  # as a merge leaves it in a workspace on the drive
    (folder / "soft").symlink_to(aim)
    erase(folder)
    assert not folder.exists() and shared.read_bytes() == aim.read_bytes() == b"weights"
