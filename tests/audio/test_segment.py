"""The job that cuts: speech first, texts from known words, loudness of clips that stay, lost recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.clips import preview, start_segment
from core.audio.frames import frames_file
from core.audio.loudness import loudness_lufs
from core.audio.options import SegmentOptions
from core.audio.speech import speech_file
from core.records import Source, Word
from core.sources.upload import add_file
from core.workspace import Project
from tests.audio.sounds import cut_tones, silence, tone, write
from tests.conftest import Prompts


@pytest.fixture
def speech(project: Project, prompts: Prompts) -> Source:
    """The bundled recording as a source of the project."""
    return add_file(project, prompts.recording, title="Prompts")


@pytest.fixture
def two_voices(project: Project, prompts: Prompts, tmp_path: Path) -> Source:
    """Prompts, 6 s of a tone, prompts, as a source of the project."""
    said, rate = soundfile.read(prompts.recording, dtype="float32", stop=16_000 * 40)
    other = np.concatenate([silence(0.5), tone(6, dbfs=-15), silence(0.5)])
    return add_file(project, write(tmp_path / "in.wav", np.concatenate([said, other, said]), rate), title="Show")


def test_the_job_listens_for_speech_first_and_says_what_it_left_out(project: Project, two_voices: Source) -> None:
    by_level = preview(project, two_voices.id, SegmentOptions())
    assert not by_level.speech_known and any(40.4 < span.start_s < 46 for span in by_level.spans)
    view = start_segment(project).wait()
    assert view.status == "done", view.text
    assert speech_file(project.source_file(two_voices.id)).exists()
    seen = preview(project, two_voices.id, SegmentOptions())
    assert seen.speech_known and not any(40.4 < span.start_s < 46 for span in seen.spans)
    clips = project.store.clips()
    assert [(clip.start_s, clip.end_s, clip.forced) for clip in clips] == [
        (span.start_s, span.end_s, span.forced) for span in seen.spans
    ]
    left_out = view.result["left_out_s"]
    assert left_out["not_speech"] == pytest.approx(6, abs=0.5) and left_out["pause"] > 5
    assert sum(left_out.values()) == pytest.approx(view.result["lost_s"])
    assert view.result["kept_s"] + view.result["lost_s"] == pytest.approx(two_voices.seconds, abs=0.01)
    assert all(clip.loudness_lufs is not None and clip.gain_db is not None for clip in clips)


def test_new_clips_have_the_words_that_are_known(project: Project, speech: Source, prompts: Prompts) -> None:
    words = []
    for start_s, end_s, text in prompts.spoken:
        said = text.split()
        step = (end_s - start_s) / len(said)
        words += [Word(start_s + n * step, start_s + (n + 1) * step, word) for n, word in enumerate(said)]
    project.store.replace_words(speech.id, 0, 1e9, words)
    assert preview(project, speech.id, SegmentOptions()).words_known
    assert start_segment(project).wait().status == "done"
    clips = project.store.clips()
    assert all(clip.raw_text == "" and clip.status == "new" for clip in clips)
    heard = " ".join(clip.text for clip in clips).split()
    assert len(heard) >= 0.9 * len(words) and clips[0].text.startswith("You are about to enter an echo test.")
    # Cut anew, clips that stay keep what a person wrote.
    project.store.edit_clip(clips[0].id, text="Mine.")
    assert start_segment(project).wait().status == "done" and project.store.clip(clips[0].id).text == "Mine."


def test_a_clip_that_stays_gets_the_loudness_now_wanted(project: Project, speech: Source) -> None:
    start_segment(project).wait()
    before = project.store.clips()[0]
    start_segment(project, None, SegmentOptions(loudness_lufs=-30)).wait()
    after = project.store.clip(before.id)
    assert after.gain_db == pytest.approx((before.gain_db or 0) - 7, abs=0.1)
    sound, rate = soundfile.read(project.clip_file(after.id), dtype="float32")
    assert loudness_lufs(sound, rate) == pytest.approx(-30, abs=0.1)


def test_one_lost_recording_is_named_and_the_others_are_cut(project: Project, tmp_path: Path) -> None:
    lost = add_file(project, write(tmp_path / "a.wav", tone(5)), title="Lost")
    add_file(project, write(tmp_path / "b.wav", tone(6)), title="Here")
    project.source_file(lost.id).unlink()
    frames_file(project.source_file(lost.id)).unlink()
    view = cut_tones(project).wait()
    assert view.status == "done" and view.result["clips"] == 1
    assert [(w.code, w.values["title"]) for w in view.warnings] == [("segment.unreadable", "Lost")]
    view = cut_tones(project, [lost.id]).wait()
    assert (view.status, view.code) == ("failed", "segment.unreadable")
