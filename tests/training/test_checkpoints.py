"""A visible checkpoint is whole, and the newest whole one can be resumed from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import REPOSITORY
from core.audio.samples import write_wav
from core.checkpoint_ref import CheckpointRef
from core.engines.options import TrainConfig
from core.errors import UserError
from core.files import read_json, write_json
from core.jobs import events, locks
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.listening.candidates import candidates
from core.project.records import Vote
from core.project.workspace import Project
from core.tasks import export as export_task
from core.tasks.train import prune, resume_from, surplus
from core.training.checkpoints import ADAPTER, HASHES, STATE, Checkpoints
from core.training.config import config_text
from core.training.run import CONFIG, Run
from tests import warm
from tests.training.conftest import Recorded

AT = {"exported_at": 1.0}


def write(step: int, folder: Path) -> None:
    (folder / "adapter.json").write_text(json.dumps({"step": step}))
    (folder / STATE).write_text("x" * 1000)


def test_only_the_newest_two_keep_their_states(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_base()
    for step in (10, 20, 30):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    assert checkpoints.steps() == [0, 10, 20, 30]
    assert [bool(read_json(checkpoints.folder(step) / ADAPTER).get("base")) for step in (0, 10)] == [True, False]
    assert checkpoints.resumable() == [20, 30]
    assert checkpoints.newest_state() == checkpoints.folder(30)


def test_a_failing_save_leaves_the_old_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(10, lambda folder: write(10, folder))

    def fail(folder: Path) -> None:
        write(20, folder)
        raise OSError("disk full")

    with pytest.raises(OSError):
        checkpoints.save(20, fail)
    assert checkpoints.steps() == [10]
    assert checkpoints.newest_state() == checkpoints.folder(10)
    assert [path.name for path in checkpoints.path.iterdir()] == ["step-000010"]


def test_cleaning_removes_what_is_half_written_or_later_than_the_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    (checkpoints.path / ".tmp-step-000030").mkdir()
    checkpoints.discard_later(keep_to=10)
    assert [path.name for path in checkpoints.path.iterdir()] == ["step-000010"]


def test_a_lost_state_is_told_from_nothing_learnt_and_from_what_a_killed_process_left(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert not checkpoints.state_lost()
    checkpoints.save_base()
    assert not checkpoints.state_lost()
    for step in (10, 20):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    assert not checkpoints.state_lost()
    # Killed amid replacing the newest one: the state lies aside.
    aside = checkpoints.path / ".old-step-000020"
    checkpoints.folder(20).rename(aside)
    assert not checkpoints.state_lost() and checkpoints.newest_state() == checkpoints.folder(10)
    checkpoints.mend()
    assert checkpoints.newest_state() == checkpoints.folder(20)
    (checkpoints.folder(20) / STATE).unlink()
    assert not checkpoints.state_lost() and checkpoints.newest_state() == checkpoints.folder(10)
    (checkpoints.folder(10) / STATE).unlink()
    assert checkpoints.state_lost()
    # Killed amid going back: to the base all goes anyway, to another step there must be a state.
    for step, lost in ((10, True), (0, False)):
        write_json(checkpoints.path / ".back-to.json", {"step": step})
        assert checkpoints.state_lost() is lost
    checkpoints.mend()
    assert checkpoints.steps() == [0] and not checkpoints.state_lost()


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "truncated": _truncate,
    "one bit flipped": _flip_a_bit,
    "emptied": lambda path: path.write_bytes(b""),
    "zeroes": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a folder in its place": lambda path: (path.unlink(), path.mkdir()),  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize("file", [STATE, ADAPTER, HASHES])
@pytest.mark.parametrize("damage", DAMAGE)
def test_of_two_states_the_older_sound_one_is_taken(
    project: Project, recorded: Recorded, damage: str, file: str
) -> None:
    job = Job.create(project.runs, TrainArgs(dataset="d", base="starter"))
    checkpoints = Checkpoints(job.path)
    for step in (10, 20, 30):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    assert resume_from(checkpoints, recorded.reporter) == checkpoints.folder(30)
    checkpoints.verify(30)
    DAMAGE[damage](checkpoints.folder(30) / file)
    if file != ADAPTER or damage != "a folder in its place":
        assert checkpoints.steps() == [10, 20, 30], "nothing is thrown away by looking"
    assert resume_from(checkpoints, recorded.reporter) == checkpoints.folder(20)
    (warning,) = recorded.of(events.Warning)
    assert warning.code == "train.damaged_checkpoint" and warning.values == {"step": 30, "file": file}
    with pytest.raises(UserError) as export_error:
        args = ExportArgs(checkpoint=CheckpointRef(job.id, 30))
        export_task.run(Job.create(project.jobs, args), project, args, recorded.reporter)
    assert export_error.value.code == "checkpoint.damaged"
    assert export_error.value.values == {"step": 30, "file": file, "sound": 20}
    DAMAGE[damage](checkpoints.folder(20) / STATE)
    with pytest.raises(UserError) as resume_error:
        resume_from(checkpoints, recorded.reporter)
    assert resume_error.value.code == "checkpoint.none_sound", "it would begin anew and clear the others away"


def test_a_checkpoint_of_an_earlier_version_has_no_hashes_and_is_taken_as_it_is(
    tmp_path: Path, recorded: Recorded
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_base()
    checkpoints.save(10, lambda folder: write(10, folder))
    (checkpoints.folder(10) / HASHES).unlink()
    checkpoints.verify(0)
    checkpoints.verify(10)
    assert resume_from(checkpoints, recorded.reporter) == checkpoints.folder(10)


def test_a_state_that_was_cleared_away_is_no_damage(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20, 30):
        checkpoints.save(step, lambda folder, step=step: write(step, folder))
    assert not (checkpoints.folder(10) / STATE).exists()
    checkpoints.verify(10)


def test_of_a_checkpoint_and_what_it_was_to_replace_the_sound_one_stays(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(10, lambda folder: write(10, folder))
    aside = checkpoints.path / ".old-step-000010"
    shutil.copytree(checkpoints.folder(10), aside)
    _truncate(checkpoints.folder(10) / STATE)
    checkpoints.mend()
    checkpoints.verify(10)
    shutil.copytree(checkpoints.folder(10), aside)
    _truncate(aside / STATE)
    checkpoints.mend()
    checkpoints.verify(10)
    assert not aside.exists()


_SAVER = """
import json, os, random, signal, sys, time
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file, save_file
from core.training.checkpoints import Checkpoints, STATE
from core.tasks.train import surplus

checkpoints = Checkpoints(Path(sys.argv[1]))

def write(folder, step):
    save_file({"a": np.full(50_000, step, np.float32)}, folder / "adapter.safetensors")
    (folder / STATE).write_bytes(step.to_bytes(4, "big") * 100_000)
    (folder / "adapter.json").write_text(json.dumps({"step": step}))

def save_for_ever(tell):
    step = max(checkpoints.steps(), default=0)
    while True:
        step += 0 if step and step % 7 == 0 and random.random() < 0.5 else 1  # now and then the same once more
        checkpoints.save(step, lambda folder: write(folder, step))
        os.write(tell, step.to_bytes(4, "big"))
        for gone in surplus(checkpoints.steps(), 4, ()):
            checkpoints.remove(gone)

def told(pipe):
    os.set_blocking(pipe, False)
    try:
        return int.from_bytes(os.read(pipe, 1 << 20)[-4:], "big")
    except BlockingIOError:
        return 0

for attempt in range(100):
    listen, tell = os.pipe()
    child = os.fork()
    if child == 0:
        save_for_ever(tell)
    os.close(tell)
    first = os.read(listen, 4)
    time.sleep(random.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    kept = max(int.from_bytes(first, "big"), told(listen))
    os.close(listen)
    checkpoints.mend()
    state = checkpoints.newest_state()
    step = json.loads((state / "adapter.json").read_text())["step"]
    assert kept <= step <= kept + 1, (kept, step)
    assert (state / STATE).read_bytes() == step.to_bytes(4, "big") * 100_000
    for older in checkpoints.steps():
        values = load_file(checkpoints.folder(older) / "adapter.safetensors")["a"]
        assert values.shape == (50_000,) and (values == older).all()
    checkpoints.discard_later(keep_to=step)
    assert not [path for path in checkpoints.path.iterdir() if path.name.startswith(".")]
    for gone in surplus(checkpoints.steps(), 4, ()):  # it may have been killed before that several times in a row
        checkpoints.remove(gone)
    assert len(checkpoints.steps()) <= 6
print("survived", attempt + 1)
"""


def test_killed_a_hundred_times_while_saving_it_resumes_a_hundred_times(tmp_path: Path) -> None:
    ended = subprocess.run(
        [warm.python(), "-c", _SAVER, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert ended.stdout.strip() == "survived 100", ended.stderr


def test_what_is_kept_of_many_checkpoints_is_spread_over_the_run() -> None:
    steps = list(range(0, 2001, 50))
    gone = surplus(steps, 6, ())
    left = [step for step in steps if step not in gone]
    assert left[0] == 0 and left[1] == 50 and left[-1] == 2000 and len(left) == 7
    widths = [b - a for a, b in zip(left[1:], left[2:], strict=False)]
    assert max(widths) <= 4 * min(widths)
    assert surplus(steps, 0, ()) == [] and surplus([0, 50], 1, ()) == []


def test_saving_one_after_the_other_stays_spread_and_keeps_what_is_needed() -> None:
    left: list[int] = [0]
    for step in range(50, 5001, 50):
        left.append(step)
        left = [entry for entry in left if entry not in surplus(left, 8, {750, 800})]
    assert {0, 50, 750, 800, 5000} <= set(left) and len(left) == 9
    assert max(b - a for a, b in zip(left, left[1:], strict=False)) < 2000
    assert surplus(range(50, 500, 50), 1, range(50, 500, 50)) == []


def test_what_was_voted_on_exported_asked_for_or_is_the_best_stays(project: Project) -> None:
    job = Job.create(project.runs, TrainArgs(base="starter", dataset="d"), title="Voice", name="voice")
    (job.path / CONFIG).write_text(config_text(TrainConfig(keep_checkpoints=2), base="starter", dataset="d"))
    run = Run(project, job.id)
    run.checkpoints.save_base()
    events.append(job.events_path, events.Launched())
    for step in range(10, 110, 10):
        run.checkpoints.save(step, lambda folder, step=step: write(step, folder))
        events.append(job.events_path, events.Checkpoint(step=step, path=f"checkpoints/step-{step:06d}"))
        # Lowest at 70.
        events.append(job.events_path, events.Metrics(step=step, values={"val_loss": 3 + abs(step - 70) / 100}))
    project.store.add_vote(Vote("p", CheckpointRef(run.id, 30), CheckpointRef(run.id, 0), "left", 1.0))
    project.store.add_vote(Vote("q", CheckpointRef("other", 80), CheckpointRef("other", 90), "same", 1.0))
    write_json(project.exports / "ana" / "manifest.json", {"name": "Ana", "run_id": run.id, "step": 40, **AT})
    run.keep(50)
    waiting = Job.create(project.jobs, SynthesizeArgs(checkpoint=CheckpointRef(run.id, 60)))
    handle = locks.try_lock(waiting.path / "lock", {})
    assert handle is not None
    gone = prune(run)
    os.close(handle)
    assert run.checkpoints.steps() == [0, 10, 30, 40, 50, 60, 70, 90, 100] and sorted(gone) == [20, 80]
    assert run.checkpoints.resumable() == [90, 100]
    assert prune(run) == [60]  # nobody waits for it any more


def test_what_was_cleared_away_is_not_offered_for_comparing(project: Project) -> None:
    job = Job.create(project.runs, TrainArgs(base="starter", dataset="d"), title="Voice", name="voice")
    (job.path / CONFIG).write_text(config_text(TrainConfig(), base="starter", dataset="d"))
    for step in (0, 10, 20):
        path = job.path / f"samples/{step}.wav"
        write_wav(path, np.zeros(240, np.float32), 24_000)
        for said in (
            events.Checkpoint(step=step, path=f"checkpoints/{step}"),
            events.Sample(step=step, sentence=0, text="One.", path=f"samples/{step}.wav"),
        ):
            events.append(job.events_path, said)
    events.append(job.events_path, events.Pruned(step=10))
    assert [candidate.checkpoint.step for candidate in candidates(project)] == [0, 20]
    view = Run(project, job.id).read()
    assert [sample.step for sample in view.samples[0]] == [0, 10, 20] and [step for step, _ in view.checkpoints] == [
        0,
        20,
    ]
