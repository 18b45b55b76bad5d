"""Real speech spoilt in a known way raises the flag for it, and unspoilt none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from core.audio.samples import Samples, read, resample, write_wav
from core.jobs.reporter import Reporter
from core.measures import likeness
from core.measures.run import measure_clips
from core.project.records import Clip, Source
from core.project.workspace import Project
from tests.conftest import Prompts

RATE = 16_000
CHANCE = np.random.default_rng(3)


def noisy(speech: Samples) -> Samples:
    """White noise at 8 dB."""
    return speech + CHANCE.standard_normal(len(speech)).astype(np.float32) * np.float32(speech.std() * 10 ** (-8 / 20))


def overdriven(speech: Samples) -> Samples:
    """20 dB too loud."""
    return np.clip(speech * 10, -1, 1)


def by_telephone(speech: Samples) -> Samples:
    """Nothing above 3,400 Hz."""
    return resample(resample(speech, RATE, 6_800), 6_800, RATE)


def far_too_quiet(speech: Samples) -> Samples:
    """30 dB quieter."""
    return speech * np.float32(10 ** (-30 / 20))


def in_a_church(speech: Samples) -> Samples:
    """An echo of noise that dies away in about a second, nearly as loud as the voice."""
    tail = CHANCE.standard_normal(RATE) * np.exp(-np.arange(RATE) / (0.12 * RATE)) * 0.05
    tail[0] = 1.0
    return np.convolve(speech, tail)[: len(speech)].astype(np.float32) * np.float32(0.3)


SPOILT: dict[str, tuple[Callable[[Samples], Samples], float]] = {
    "": (lambda speech: speech, 0.0),
    "noisy": (noisy, 0.0),
    "clipped": (overdriven, 0.0),
    "narrow": (by_telephone, 0.0),
    "quiet": (far_too_quiet, 0.0),
    "unnatural": (in_a_church, 0.0),
    "cut_word": (lambda speech: speech, 1.0),  # begins a second later, amid the words
}


@pytest.mark.slow
def test_each_fault_raises_its_flag(
    project: Project, prompts: Prompts, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "available", lambda: False)
    project.sources.mkdir()
    start_s, end_s, _ = prompts.spoken[4]
    speech, _ = read(prompts.recording, start_s - 0.3, end_s + 0.3)
    for number, (flag, (spoil, later_s)) in enumerate(SPOILT.items()):
        source_id = f"s{number}-{flag}"
        soundfile.write(project.source_file(source_id), spoil(speech), RATE)
        project.store.add_source(Source(source_id, flag))
        clip = Clip(f"{source_id}-0001", source_id, 0.3 + later_s, len(speech) / RATE - 0.3)
        piece = read(project.source_file(source_id), clip.start_s, clip.end_s, 22_050)
        write_wav(project.clip_file(clip.id), *piece)
        project.store.replace_clips(source_id, [clip])
    measure_clips(project, project.store.clips(), reporter)
    raised = {clip.source_id.partition("-")[2]: clip.sound_flags.split() for clip in project.store.clips()}
    assert raised.pop("") == []
    missed = [flag for flag, flags in raised.items() if flag not in flags]
    assert not missed, {clip.id: clip for clip in project.store.clips() if clip.source_id.split("-")[1] in missed}
    assert raised["narrow"] == ["narrow"] and raised["quiet"] == ["quiet"] and raised["cut_word"] == ["cut_word"]
