"""One project merged into another: new things come, one-sided changes are taken, two-sided ones are named and stay."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import merge, transfer
from core.checkpoint_ref import CheckpointRef
from core.clips.history import undo
from core.errors import Cancelled, UserError
from core.evaluation.test_set import own_sentences, set_own_sentences
from core.jobs import locks
from core.jobs.args.clips import MeasureArgs
from core.jobs.args.projects import MergeProjectArgs, UnpackProjectArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.merge_plan import MergePlan, candidates, plan_merge
from core.project.contents import OPTIONS
from core.project.records import Clip, Source, Vote
from core.project.workspace import Project, Workspace
from core.studio.documents import create, document
from core.studio.pronunciation import pronunciations, set_pronunciation
from core.synthesis.saved_voices import save_voice, saved_voices
from tests.jobs.conftest import in_new_process
from tests.test_transfer import pack
from ui.i18n import LANGUAGES, Translator
from ui.parts.merge_card import act_on_merge, merge_jobs


def fill(project: Project, source_id: str, count: int = 3) -> None:
    """A recording with clips, each with its sound."""
    project.store.add_source(Source(source_id, f"Talk {source_id}", "upload", "", 9.0, 22050, source_id * 8, 1.0))
    clips = [Clip(f"{source_id}-000{n}", source_id, float(n), n + 1.0, text=f"text {n}") for n in range(1, count + 1)]
    project.store.replace_clips(source_id, clips)
    for path in (project.source_file(source_id), *(project.clip_file(clip.id) for clip in clips)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())


def add_run(project: Project, name: str, log: str = "{}\n") -> None:
    """A training with a checkpoint."""
    run = Job.create(project.runs, TrainArgs(base="b", dataset="abc"), title=name.title(), name=name)
    (run.path / "events.jsonl").write_text(log)
    (run.path / "checkpoints" / "step-000020").mkdir(parents=True)
    (run.path / "checkpoints" / "step-000020" / "adapter.safetensors").write_bytes(b"weights")


def vote(pair: str, run: str, choice: str = "left") -> Vote:
    """A vote on two checkpoints of a run."""
    return Vote(pair, CheckpointRef(run, 0), CheckpointRef(run, 20), choice, 1.0, f"Sentence {pair}", "")


def merged(origin: Project, target: Project) -> MergePlan:
    """What the job does, in this process."""
    job = Job.create(target.jobs, MergeProjectArgs(project=origin.slug))
    try:
        return merge.merge(origin, target, Reporter(job))
    finally:
        shutil.rmtree(job.path)


def content(project: Project) -> dict[str, bytes]:
    """Files by name, without records, jobs and locks."""
    left_out = ("jobs", "locks", "backups", "project.db", "project.db-wal", "project.db-shm")
    names = {path.relative_to(project.path): path for path in project.path.rglob("*") if path.is_file()}
    return {name.as_posix(): path.read_bytes() for name, path in names.items() if name.parts[0] not in left_out}


def records(project: Project) -> tuple[object, ...]:
    """What the database says, without when."""
    store = project.store
    clips = [(clip.id, clip.text, clip.status) for clip in store.clips()]
    return clips, [source.id for source in store.sources()], [(vote.pair, vote.choice) for vote in store.votes()]


@pytest.fixture
def home(workspace: Workspace) -> Project:
    """A project with a recording, a run and a vote."""
    project = workspace.create("Ana", "pt")
    fill(project, "s1")
    add_run(project, "first")
    project.store.add_vote(vote("p1", "first"))
    return project


@pytest.fixture
def away(home: Project, tmp_path: Path) -> Project:
    """The same project as it was taken away and brought in beside it."""
    file = pack(home, tmp_path / "ana.voicewright", *OPTIONS)
    project = home.workspace.create("Arriving")
    transfer.unpack(project, file, file.name, Reporter(Job.create(tmp_path / "j", UnpackProjectArgs(file="", name=""))))
    return project


def test_what_was_done_elsewhere_comes_home_and_the_texts_are_undone_as_one(home: Project, away: Project) -> None:
    fill(away, "s2", 2)
    add_run(away, "second")
    away.store.add_vote(vote("p2", "second"))
    away.store.edit_clip("s1-0001", text="corrected", status="approved")
    away.store.edit_clip("s1-0002", status="rejected", reason="noisy")
    wanted = merged(away, home)
    assert wanted.counts == {
        "recordings": 1,
        "clips": 2,
        "texts": 2,
        "votes": 1,
        "runs": 1,
        "voices": 0,
        "documents": 0,
        "saved_voices": 0,
    }
    assert not wanted.conflicts
    assert home.store.clips() and {c.id: c.text for c in home.store.clips()}["s1-0001"] == "corrected"
    assert home.store.clip("s1-0002").status == "rejected" and len(home.store.votes()) == 2
    assert home.clip_file("s2-0001").read_bytes() == b"s2-0001.wav" and home.source_file("s2").exists()
    assert (home.runs / "second/checkpoints/step-000020/adapter.safetensors").read_bytes() == b"weights"
    assert plan_merge(away, home).is_empty, "nothing comes twice"
    undo(home)
    assert home.store.clip("s1-0001").text == "text 1" and home.store.clip("s1-0002").status == "new"
    assert list(home.path.glob("backups/*-before-merge.db")) and away.store.clip("s1-0001").text == "corrected"


def test_saved_voices_and_texts_to_be_spoken_come_too_and_those_of_one_name_stay(home: Project, away: Project) -> None:
    for project in (home, away):
        set_pronunciation(project, "Ana", "Anna" if project is home else "Ahna")
        save_voice(project, "Calm", "base:tiny" if project is home else "base:other")
    text = create(away, "Chapter", [])
    save_voice(away, "Lively", "base:tiny")
    wanted = merged(away, home)
    assert (wanted.counts["documents"], wanted.counts["saved_voices"]) == (1, 1) and not wanted.is_empty
    assert {(c.reason, c.name) for c in wanted.conflicts} == {("voice", "Calm"), ("document", "pronunciation.json")}
    assert document(home, text.id).name == "Chapter" and pronunciations(home)[0].spoken == "Anna"
    assert {voice.name: voice.speaker for voice in saved_voices(home)} == {"Calm": "base:tiny", "Lively": "base:tiny"}
    assert plan_merge(away, home).is_empty


def test_a_log_that_grows_here_does_not_grow_there(home: Project, away: Project) -> None:
    add_run(away, "second")
    merged(away, home)
    with (home.runs / "second" / "events.jsonl").open("a") as file:
        file.write("more\n")
    assert "more" not in (away.runs / "second" / "events.jsonl").read_text()


def test_what_both_sides_changed_stays_and_is_named(home: Project, away: Project) -> None:
    home.store.edit_clip("s1-0001", text="mine")
    away.store.edit_clip("s1-0001", text="theirs")
    home.store.edit_clip("s1-0002", text="only here")
    (home.runs / "first" / "events.jsonl").write_text("{}\n{}\n")
    away.store.undo_vote("p1")
    away.store.add_vote(vote("p1", "first", "right"))
    wanted = merged(away, home)
    assert {(c.reason, c.name) for c in wanted.conflicts} == {
        ("text", "theirs"),
        ("run", "first"),
        ("vote", "Sentence p1"),
    }
    assert wanted.is_empty and home.store.clip("s1-0001").text == "mine"
    assert home.store.clip("s1-0002").text == "only here" and home.store.votes()[0].choice == "left"


def test_clips_that_were_removed_or_cut_otherwise_here_do_not_come_back(home: Project, away: Project) -> None:
    kept = [clip for clip in home.store.clips() if clip.id != "s1-0001"]
    home.store.replace_clips("s1", [*kept, Clip("s1-0004", "s1", 5.0, 6.0)])
    away.store.replace_clips("s1", [*away.store.clips(), Clip("s1-0005", "s1", 5.5, 6.5, text="across")])
    conflicts = plan_merge(away, home).conflicts
    assert [(conflict.reason, conflict.name) for conflict in conflicts] == [("removed", "text 1"), ("bounds", "across")]


def test_the_same_recording_brought_in_twice_is_named_with_its_clips_left_out(home: Project) -> None:
    other = home.workspace.create("Other", "pt")
    fill(other, "x1")
    with_hash = Source("x9", "Again", "upload", "", 9.0, 22050, "s1" * 8, 1.0)
    other.store.add_source(with_hash)
    other.store.replace_clips("x9", [Clip("x9-0001", "x9", 0.0, 1.0)])
    wanted = plan_merge(other, home)
    assert [source.id for source in wanted.sources] == ["x1"] and len(wanted.clips) == 3
    assert [(c.reason, c.name) for c in wanted.conflicts] == [("same_recording", "Again")]


def test_only_projects_of_one_engine_and_language_are_merged(home: Project) -> None:
    english = home.workspace.create("Ben", "en")
    assert candidates(home) == []
    for origin, target in ((english, home), (home, home)):
        with pytest.raises(UserError) as caught:
            plan_merge(origin, target)
        assert caught.value.code == "merge.other_voice"


@pytest.fixture
def grown(home: Project, away: Project) -> Project:
    """The project elsewhere, with something new of every sort."""
    fill(away, "s2", 2)
    add_run(away, "second")
    away.store.add_vote(vote("p2", "second"))
    away.store.edit_clip("s1-0001", text="corrected", status="approved")
    home.store.edit_clip("s1-0002", text="mine")
    away.store.edit_clip("s1-0002", text="theirs")
    return away


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_job_brings_it_in_and_says_what_came_and_what_stayed(home: Project, grown: Project, language: str) -> None:
    job = merge.start_merge(grown, home)
    view = job.wait(60)
    assert view.status == "done" and view.stage == "merge_files" and view.done == view.total > 0, job.log_tail()
    assert (view.count("clips"), view.count("conflicts")) == (2, 1)
    assert home.store.clip("s2-0001").text == "text 1" and home.store.clip("s1-0002").text == "mine"
    t = Translator(language)
    card = merge_jobs(t, home.workspace)
    assert t("merge.why_text", name="theirs") in card and t("merge.clips", count="2") in card
    act_on_merge(home.workspace, SimpleNamespace(do="dismiss", id=job.id))
    assert merge_jobs(t, home.workspace) == ""


def test_stopped_at_any_file_nothing_has_come_in(
    home: Project, grown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, said = content(home), records(home)
    count = len(list(grown.path.rglob("*")))
    stopped = 0
    for last in range(count):
        looks = iter(range(last))

        def check_stop(_: Reporter, looks: Any = looks) -> None:
            if next(looks, None) is None:
                raise Cancelled

        with monkeypatch.context() as patch:
            patch.setattr(Reporter, "check_stop", check_stop)
            try:
                merged(grown, home)
                break
            except Cancelled:
                stopped += 1
                assert content(home) == before and records(home) == said
    assert stopped > 5 and records(home) != said


KILL = """
import os, signal
from pathlib import Path
from core import merge
from core.jobs.args.projects import MergeProjectArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Workspace

workspace, calls = Workspace(Path({path!r})), 0

def dying(real):
    def function(*args, **kwargs):
        global calls
        calls += 1
        if calls == {call} and {before}:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if calls == {call}:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return function

origin, target = workspace.project({origin!r}), workspace.project({target!r})
job = Job.create(target.jobs, MergeProjectArgs(project=origin.slug))
merge.{name} = dying(merge.{name})
merge.merge(origin, target, Reporter(job))
"""


@pytest.mark.parametrize(
    ("name", "call", "before"),
    [
        ("_bring_file", 4, True),
        ("_put_in_place", 1, True),
        ("os.replace", 2, False),
        ("_bring_records", 1, True),
        ("_bring_records", 1, False),
    ],
)
def test_killed_in_the_middle_nothing_is_half_and_the_next_try_brings_all(
    home: Project, grown: Project, name: str, call: int, before: bool
) -> None:
    said = records(home)
    in_new_process(
        KILL.format(
            path=str(home.workspace.path), origin=grown.slug, target=home.slug, name=name, call=call, before=before
        )
    )
    is_whole = (name, before) == ("_bring_records", False)
    assert (records(home) != said) is is_whole, "all of the records, or none"
    for run in home.runs.glob("[!.]*"):
        assert (run / "checkpoints/step-000020/adapter.safetensors").read_bytes() == b"weights"
    merged(grown, home)
    assert plan_merge(grown, home).is_empty
    texts = ["corrected", "mine", "text 3", "text 1", "text 2"]
    assert [clip.text for clip in home.store.clips()] == texts
    assert len(home.store.votes()) == 2 and home.source_file("s2").read_bytes() == b"s2.flac"
    assert not list(home.path.rglob(".tmp-*"))


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[int], object]) -> None:
    """Have something change in one of the projects after the files were made ready."""
    real, times = merge._bring_files, [0]

    def bring(*args: Any) -> None:
        real(*args)
        times[0] += 1
        change(times[0])

    monkeypatch.setattr(merge, "_bring_files", bring)


def test_what_changes_here_meanwhile_counts_and_is_not_written_over(
    home: Project, grown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(monkeypatch, lambda time: time == 1 and home.store.edit_clip("s1-0001", text="typed just now"))
    wanted = merged(grown, home)
    assert home.store.clip("s1-0001").text == "typed just now" and len(home.store.clips()) == 5
    assert ("text", "corrected") in {(conflict.reason, conflict.name) for conflict in wanted.conflicts}


def test_test_sentences_that_are_written_here_meanwhile_stay(
    home: Project, grown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_own_sentences(grown, ["Theirs."])
    changing(monkeypatch, lambda time: set_own_sentences(home, ["Mine."]))
    merged(grown, home)
    assert own_sentences(home) == ["Mine."] and home.store.clip("s2-0001").text == "text 1"


def test_a_job_that_begins_here_after_the_copy_is_waited_for(
    home: Project, grown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, handles = Job.create(home.jobs, MeasureArgs(), title="Other"), list[int]()
    changing(monkeypatch, lambda _: handles.append(locks.try_lock(other.path / "lock", {}) or 0))
    monkeypatch.setattr("core.merge.time.sleep", lambda _: locks.release(handles))  # it is done by the next look
    merged(grown, home)
    assert handles == [] and home.store.clip("s2-0001").text == "text 1"


def test_where_somebody_never_rests_nothing_comes_in(
    home: Project, grown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(home)
    changing(monkeypatch, lambda time: grown.store.edit_clip("s2-0001", text=f"text of {time}"))
    with pytest.raises(UserError) as caught:
        merged(grown, home)
    assert caught.value.code == "merge.changing" and content(home) == before and len(home.store.clips()) == 3
