"""A process that is killed amid edits, splits and joins leaves records and sound whole, and all of it undoable."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
import soundfile

from core.audio.samples import write_wav
from core.clips import history
from core.project.records import Clip, Source, Word
from core.project.workspace import Project
from tests import warm
from tests.audio.sounds import tone
from tests.test_history import state

CLIPS, SECONDS = 6, 4.0
# Two windows at once, calling what handlers of the page call: one cuts, the other writes. Each change that has come to
# its end is told by a line.
EDITS = """
import os, random, sys, threading
from pathlib import Path
from core.clips import review
from core.errors import UserError
from core.project.workspace import Workspace

project = Workspace(Path(sys.argv[1])).project(sys.argv[2])

def work(seed):
    draw = random.Random(seed)
    while True:
        clip = draw.choice(project.store.clips())
        try:
            if seed % 2:
                review.correct(project, clip.id, f"{clip.text.split('#')[0].strip()} #{draw.randrange(10_000)}")
            elif draw.random() < 0.5:
                review.split(project, clip.id, clip.seconds / 2)
            else:
                review.join(project, clip.id)
        except UserError:
            continue
        # In one write: killed between a word and its line's end it would have told of something half.
        os.write(1, b"torch\\n" if "torch" in sys.modules else b"done\\n")

for seed in (int(sys.argv[3]), int(sys.argv[3]) + 1):
    threading.Thread(target=work, args=[seed]).start()
"""


@pytest.fixture
def clips(project: Project) -> list[Clip]:
    """A recording cut into clips without a gap, with sound, and the times of its words."""
    seconds = CLIPS * SECONDS
    project.store.add_source(Source("s", "Talk", seconds=seconds, sample_rate=16_000))
    project.sources.mkdir(exist_ok=True)
    soundfile.write(project.source_file("s"), tone(seconds, 16_000), 16_000)
    made = [Clip(f"s-{n:04d}", "s", n * SECONDS, (n + 1) * SECONDS, f"one two {n}") for n in range(CLIPS)]
    for clip in made:
        write_wav(project.clip_file(clip.id), tone(SECONDS, 22_050), 22_050)
    project.store.replace_clips("s", made)
    words = [Word(clip.start_s + at, clip.start_s + at + 1, word) for clip in made
             for at, word in zip((0.1, 1.3, 2.5), clip.text.split(), strict=True)]  # fmt: skip
    project.store.replace_words("s", 0, seconds, words)
    return made


def edit_until_killed(project: Project, seed: int, changes: int, later_s: float) -> int:
    """Let a process edit, and kill it so long after so many changes; returns how many it had told of."""
    command = [warm.python(warm.PAGE), "-c", EDITS, str(project.workspace.path), project.slug, str(seed)]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(changes)]
        time.sleep(later_s)
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL and set(told) == {"done\n"}
    return len(told)


def assert_whole(project: Project) -> None:
    """The database is sound; each clip has its sound at its length; clips lie end to end; each field is what its last
    revision says."""
    with contextlib.closing(sqlite3.connect(project.store.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    at = 0.0
    for clip in project.store.clips():
        assert clip.start_s == pytest.approx(at, abs=1e-3)
        at = clip.end_s
        assert soundfile.info(project.clip_file(clip.id)).duration == pytest.approx(clip.seconds, abs=0.01)
        last = {change.field: change.new for change in project.store.revisions(clip.id)}
        assert clip.text == last.get("text", clip.text)
    assert at == pytest.approx(CLIPS * SECONDS)


def test_who_edits_is_killed_again_and_again_and_nothing_that_was_done_is_lost_or_half(
    project: Project, clips: list[Clip]
) -> None:
    first, draw, told = state(project), random.Random(5), 0
    for number in range(3):
        told += edit_until_killed(project, 10 * number, draw.randrange(4, 9), draw.uniform(0, 0.08))
        assert_whole(project)
    undone = 0
    while history.last_stamp(project):
        history.undo(project)
        undone += 1
    assert undone >= told  # each change that came to its end is in the history
    assert_whole(project)
    assert state(project) == first
