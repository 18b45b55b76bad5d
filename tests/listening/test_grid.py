"""The grid: what was spoken of each sentence by whom, with pictures that compare; what is missing is told."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest

from core.audio.samples import read, write_wav
from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.listening.candidates import REAL
from core.listening.grid import cell_file, grid, picture, reference_file
from core.project.workspace import Project, Workspace
from tests.listening.made_up import STEPS, make_project
from ui.i18n import LANGUAGES, Translator
from ui.tabs.listen.grid import grid_view

RUN = "calm-voice"


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Listened to, never changed."""
    return make_project(Workspace(tmp_path_factory.mktemp("grid") / "workspace"))


def test_it_holds_the_real_recording_the_base_and_the_checkpoints(ana: Project) -> None:
    table = grid(ana, RUN)
    assert table is not None and len(table.sentences) == 3
    refs = [voice.checkpoint for voice in table.voices]
    assert refs == [REAL, *(CheckpointRef(RUN, step) for step in STEPS)]
    assert list(table.voices[0].samples) == [table.sentences[2]]  # held out: its recording is known
    assert grid(ana, "gone") is None


def test_each_cell_is_found_by_its_ids_and_nothing_else_is(ana: Project) -> None:
    table = grid(ana, RUN)
    assert table
    for voice in table.voices:
        for sentence, path in voice.samples.items():
            ref = voice.checkpoint
            assert cell_file(ana, ref.run_id, ref.step, sentence.spoken_with, sentence.number) == path
    for run, step, number in ((RUN, 5, 0), ("other", 0, 0), (RUN, 0, 9), ("~real", 1, 2), ("..", 0, 0)):
        with pytest.raises(UserError):
            cell_file(ana, run, step, table.sentences[0].spoken_with, number)
    assert reference_file(ana, RUN, 0).name == "ref-1.wav"
    with pytest.raises(UserError):
        reference_file(ana, RUN, 1)


def test_pictures_are_drawn_at_one_loudness(ana: Project) -> None:
    table = grid(ana, RUN)
    assert table
    path = table.voices[1].samples[table.sentences[0]]
    samples, rate = read(path)
    quiet = ana.path / "quiet.wav"
    write_wav(quiet, samples * 0.25, rate)
    one, other = picture(path), picture(quiet)
    assert one and other and one["lufs"] - other["lufs"] == pytest.approx(12.04, abs=0.1)
    levels = [np.frombuffer(base64.b64decode(drawing["mel"]), np.uint8).astype(int) for drawing in (one, other)]
    assert len(levels[0]) == one["bands"] * len(one["wave"]) // 2
    assert np.abs(levels[0] - levels[1]).mean() < 2
    assert one["seconds"] == pytest.approx(2.5, abs=0.01) and not one["silent"]


def test_a_silent_sound_and_a_broken_one_are_told(ana: Project) -> None:
    silent, broken = ana.path / "silent.wav", ana.path / "broken.wav"
    write_wav(silent, np.zeros(2400, np.float32), 24_000)
    broken.write_bytes(b"RIFF")
    drawing = picture(silent)
    assert drawing and drawing["silent"] and drawing["lufs"] is None
    assert picture(broken) is None and picture(ana.path / "gone.wav") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sample_that_is_gone_leaves_a_named_gap_in_the_table(ana: Project, language: str) -> None:
    t, table = Translator(language), grid(ana, RUN)
    assert table
    base = table.voices[1]
    gap = replace(base, samples={key: path for key, path in base.samples.items() if key != table.sentences[0]})
    page = grid_view(
        t, ana.slug, replace(table, voices=(table.voices[0], gap, *table.voices[2:])), [(RUN, "Calm voice")]
    )
    assert page.count("data-cell=") == 3 * len(STEPS)  # one gap, one real recording
    assert t("listen.grid_none", name=f"{t('train.step_base')} · 1") in page
