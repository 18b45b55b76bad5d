"""A disk that fills up while the real model is saved, or while a checkpoint speaks, is called by its name."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audio.samples import write_wav
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import XttsSession, start
from core.files import is_full
from core.project.workspace import Project
from core.training.checkpoints import STATE, Checkpoints
from core.training.run import Run
from core.training.samples import SampleSpeaker, Sentences
from core.training.start import start_training
from tests.conftest import Mount
from tests.training.conftest import Recorded
from tests.training.make_believe import MakeBelieve

pytestmark = pytest.mark.usefixtures("preloaded")

# An adapter so large that its state is most of what a run writes.
CONFIG = XttsTrainConfig(
    **{"batch_size": 2, "accumulation": 1, "max_steps": 20, "lora_rank": 128, "warmup_steps": 0},
    precision="float32",
    reference_pool=8,
)
_ROOM = 64 * 2**20


def fill(folder: Path, left: int) -> None:
    """Leave so many bytes free."""
    with open(folder / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - left)


@pytest.mark.parametrize("part", ["weights", "state", "end of the state"])
def test_saving_the_real_model_on_a_full_disk_says_so_and_the_last_checkpoint_loads(
    features: Any, starter: Path, tmp_path: Path, mount: Mount, part: str
) -> None:
    disk = mount(tmp_path / "disk", _ROOM)
    checkpoints = Checkpoints(disk)
    session: XttsSession = start(CONFIG, features, starter, None)
    session.step()
    kept = checkpoints.save(1, session.save)
    sizes = {file.name: file.stat().st_size for file in kept.iterdir()}
    state, rest = sizes[STATE], sum(sizes.values()) - sizes[STATE]
    fill(disk, {"weights": rest // 2, "state": rest + state // 2, "end of the state": rest + state - 8192}[part])
    session.step()
    with pytest.raises(OSError) as caught:
        checkpoints.save(2, session.save)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(checkpoints.folder(2))
    assert sorted(path.name for path in checkpoints.path.iterdir()) == [kept.name]
    assert start(CONFIG, features, starter, checkpoints.newest_state()).step_number == 1


def test_a_full_disk_is_known_by_what_was_raised_before_or_by_its_words() -> None:
    def chained(before: BaseException) -> RuntimeError:
        try:
            try:
                raise before
            finally:
                raise RuntimeError("unexpected pos 704 vs 598")
        except RuntimeError as error:
            return error

    assert is_full(chained(OSError(errno.ENOSPC, "full"))) and is_full(chained(OSError(errno.EDQUOT, "quota")))
    assert is_full(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert not is_full(chained(OSError(errno.EACCES, "not yours"))) and not is_full(RuntimeError("unexpected pos"))


def test_a_sound_that_finds_no_room_says_so_and_leaves_nothing(tmp_path: Path, mount: Mount) -> None:
    disk = mount(tmp_path / "disk", 2**20)
    write_wav(disk / "one.wav", np.zeros(24_000, np.float32), 24_000)
    before = (disk / "one.wav").read_bytes()
    for name in ("one.wav", "two.wav"):
        with pytest.raises(OSError) as caught:
            write_wav(disk / name, np.ones(2_000_000, np.float32), 24_000)
        assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(disk / name)
    assert [path.name for path in disk.iterdir()] == ["one.wav"] and (disk / "one.wav").read_bytes() == before


def test_a_checkpoint_that_speaks_on_a_full_disk_says_so(recorded: Recorded, tmp_path: Path, mount: Mount) -> None:
    class Long(MakeBelieve):
        def speak(self, *given: Any, **options: Any) -> tuple[Any, int]:
            return np.zeros(2_000_000, np.float32), 24_000

    disk = mount(tmp_path / "disk", 2**20)
    sentences = Sentences(("first one",), "en", (), seed=7)
    with pytest.raises(OSError) as caught:
        SampleSpeaker(disk, sentences, None, Long, recorded.reporter).speak_missing(4, 0.0)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(disk / "samples" / "step-000004" / "0.wav")


@pytest.mark.slow
def test_a_run_of_the_real_model_on_a_full_disk_fails_with_its_name(
    frozen: Project, features: Any, starter: Path, tmp_path: Path, mount: Mount
) -> None:
    session = start(CONFIG, features, starter, None)
    session.step()
    session.save(tmp_path)
    assert (tmp_path / STATE).stat().st_size > 2**21
    mount(frozen.runs, sum(file.stat().st_size for file in tmp_path.glob("adapter.*")) + 2**20)
    settings = {**CONFIG.model_dump(include=CONFIG.model_fields_set), "save_every": 2, "sample_sentences": 0}
    run = Run(frozen, start_training(frozen, "abc123", "xtts-cpu", settings, "My voice", str(starter)).id)
    run.job.wait(120)
    view = run.read()
    assert (view.job.status, view.job.code) == ("failed", "disk.full"), run.job.log_tail()
    assert run.checkpoints.steps() == [0]
