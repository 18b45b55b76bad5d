"""The cleaned copy: noise goes, speech and its times stay, the original is kept."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.denoise import denoise
from core.audio.levels import frames_file, measure
from core.errors import Cancelled, UserError
from core.jobs.args.sources import DenoiseArgs
from core.project.records import Source
from core.project.workspace import Project
from core.sources import recordings
from core.sources.recordings import choose_sound, start_denoise
from core.sources.upload import add_file
from tests.audio.sounds import silence, tone, write
from tests.conftest import Prompts

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture
def noisy(project: Project, prompts: Prompts, tmp_path: Path) -> Source:
    """Forty seconds of real speech in a room that hums and hisses at -48 dBFS."""
    speech, rate = soundfile.read(prompts.recording, frames=40 * 16_000, dtype="float32")
    noise = np.random.default_rng(0).normal(0, 10 ** (-48 / 20), len(speech))
    times = np.arange(len(speech)) / rate
    noise += 10 ** (-50 / 20) * np.sin(2 * np.pi * 100 * times)
    return add_file(project, write(tmp_path / "noisy.wav", (speech + noise).astype(np.float32), rate), title="Kitchen")


def level_db(samples: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(10 * np.log10(np.mean(np.square(samples)) + 1e-12))


def test_pauses_become_quiet_and_speech_stays_where_and_as_it_was(
    project: Project, prompts: Prompts, noisy: Source
) -> None:
    before = project.source_file(noisy.id).read_bytes()
    view = start_denoise(project, DenoiseArgs(source_id=noisy.id, strength="strong")).wait()
    assert view.status == "done" and view.result["quieter_db"] > 6, view.text
    assert project.source_file(noisy.id).read_bytes() == before
    assert frames_file(project.denoised_file(noisy.id)).exists()
    clean_speech, rate = soundfile.read(prompts.recording, frames=40 * 16_000)
    was, _ = soundfile.read(project.source_file(noisy.id))
    now, now_rate = soundfile.read(project.denoised_file(noisy.id))
    assert (len(now), now_rate) == (len(was), rate)
    (start_s, end_s, _), following = prompts.spoken[3], prompts.spoken[4]
    spoken = slice(int(start_s * rate), int(end_s * rate))
    pause = slice(int((end_s + 0.15) * rate), int((following[0] - 0.15) * rate))
    assert level_db(now[pause]) < level_db(was[pause]) - 6
    # Against the speech without noise: closer than before, which a shift by a few samples would spoil.
    assert level_db(now[spoken] - clean_speech[spoken]) < level_db(was[spoken] - clean_speech[spoken]) - 1


def test_which_sound_is_used_can_be_chosen_and_taken_back(project: Project, noisy: Source) -> None:
    with pytest.raises(UserError) as refused:
        choose_sound(project, noisy.id, "cleaned")
    assert refused.value.code == "clean.no_copy"
    assert start_denoise(project, DenoiseArgs(source_id=noisy.id)).wait().status == "done"
    assert project.store.source(noisy.id).use == "original"
    choose_sound(project, noisy.id, "cleaned")
    assert project.sound_file(project.store.source(noisy.id)) == project.denoised_file(noisy.id)
    choose_sound(project, noisy.id, "original")
    assert project.sound_file(project.store.source(noisy.id)) == project.source_file(noisy.id)
    folder = recordings.remove(project, noisy.id)
    assert not list(project.sources.glob(f"{noisy.id}*"))
    recordings.restore(project, folder.name)
    assert project.denoised_file(noisy.id).exists()


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_the_copy_is_as_long_as_the_recording_to_the_sample_at_any_rate(tmp_path: Path, rate: int) -> None:
    rng = np.random.default_rng(1)
    sound = np.concatenate([tone(1, rate, 300), silence(1, rate), tone(1, rate, 300)])[: 3 * rate - 17]
    recording = write(tmp_path / "a.flac", sound + rng.normal(0, 0.003, len(sound)).astype(np.float32), rate)
    measure(recording)
    target = tmp_path / "b.flac"
    denoise(recording, target, strength="gentle", name="a")
    was, now = soundfile.read(recording)[0], soundfile.read(target)[0]
    assert len(now) == len(was) and sorted(path.name for path in tmp_path.iterdir()) == [
        "a.flac", "a.frames.npz", "b.flac", "b.frames.npz",
    ]  # fmt: skip
    assert np.corrcoef(was, now)[0, 1] > 0.99


def test_a_recording_without_noise_is_left_alone_and_says_so(tmp_path: Path) -> None:
    recording = write(tmp_path / "a.flac", np.concatenate([tone(2), silence(2), tone(2)]))
    measure(recording)
    with pytest.raises(UserError) as refused:
        denoise(recording, tmp_path / "b.flac", strength="gentle", name="Booth")
    assert refused.value.code == "clean.no_noise" and "Booth" in refused.value.text
    assert not (tmp_path / "b.flac").exists()


def test_stop_leaves_the_earlier_copy_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, 120 * 16_000).astype(np.float32)
    recording = write(tmp_path / "a.flac", np.concatenate([tone(60), noise]))
    measure(recording)
    target = write(tmp_path / "b.flac", tone(1))
    before, began = target.read_bytes(), time.monotonic()
    with pytest.raises(Cancelled):
        denoise(recording, target, strength="gentle", name="a", should_stop=lambda: time.monotonic() > began)
    assert target.read_bytes() == before and not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_frames_of_an_earlier_copy_are_never_taken_for_those_of_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 4 * 16_000).astype(np.float32)
    recording, target = (
        write(tmp_path / "a.flac", np.concatenate([tone(2), noise])),
        write(tmp_path / "b.flac", tone(1)),
    )
    for path in (recording, target):
        measure(path)

    def ends(*_: object, **__: object) -> None:
        raise Cancelled

    monkeypatch.setattr("core.audio.denoise.keep_measured", ends)
    with pytest.raises(Cancelled):
        denoise(recording, target, strength="gentle", name="a")
    assert soundfile.info(target).duration == 6 and not frames_file(target).exists()
