"""The transcription job, in a real child process on real speech."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from core.audio.samples import read, write_wav
from core.errors import UserError
from core.files import read_json
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.reasons import original_words
from core.transcription.start import start_transcribe, without_transcript
from core.transcription.wer import wer
from tests.conftest import Prompts
from tests.transcription.conftest import MakeClips

pytestmark = pytest.mark.usefixtures("preloaded")


def start(project: Project, **options: object) -> Job:
    options = {"device": "cpu", "beam_size": 1, "measure": False, **options}
    return start_transcribe(project, TranscribeArgs(model="builtin:tiny.en", **options))  # type: ignore[arg-type]


def wait_until_heard(project: Project, job: Job, count: int) -> None:
    until = time.monotonic() + 180
    while job.alive() and time.monotonic() < until:
        if sum(clip.confidence is not None for clip in project.store.clips()) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{count} clips were not heard: {job.log_tail()}")


@pytest.mark.slow
def test_every_clip_gets_its_text_and_one_bad_clip_is_set_aside(
    project: Project, make_clips: MakeClips, prompts: Prompts
) -> None:
    clips = make_clips(6)
    project.clip_file(clips[2].id).write_bytes(b"RIFF, but not really")
    project.store.edit_clip(clips[4].id, status="rejected")
    job = start(project, prompt=None)  # as a field sends it that nobody has touched
    view = job.wait()
    assert view.status == "done", view
    assert read_json(job.path / "job.json")["arguments"]["prompt"] == ""
    assert [warning.code for warning in view.warnings] == ["transcribe.clip_failed"]
    assert clips[2].id in original_words(view.warnings[0].values)[0] and "is damaged" in view.warnings[0].text
    assert {name: view.result[name] for name in ("heard", "failed", "left")} == {"heard": 4, "failed": 1, "left": 0}
    assert (view.stage, view.done, view.total) == ("asr_hear", 5, 5)
    stored = project.store.clips()
    assert [bool(clip.text) for clip in stored] == [True, True, False, True, False, True]
    for clip, (_, _, said) in zip(stored, prompts.spoken, strict=False):
        if clip.text:
            assert wer(said, clip.text) <= 0.2
            assert clip.raw_text == clip.text and clip.language == "en"
            assert clip.confidence is not None and 0.5 < clip.confidence <= 1
            assert project.store.revisions(clip.id) == []


@pytest.mark.slow
def test_stop_keeps_what_is_heard_and_the_next_run_does_only_the_rest(project: Project, make_clips: MakeClips) -> None:
    make_clips(20)
    job = start(project)
    wait_until_heard(project, job, 3)
    asked = time.monotonic()
    job.stop()
    view = job.wait(30)
    assert view.status == "cancelled"
    assert view.finished_at is not None and time.monotonic() - asked < 3
    heard = {clip.id: clip.text for clip in project.store.clips() if clip.confidence is not None}
    assert 3 <= len(heard) < 20
    assert view.result["heard"] == len(heard) and view.result["left"] == 20 - len(heard)
    # Told apart from a second hearing by a mark that only a second hearing would remove.
    for clip_id, text in heard.items():
        project.store.store_transcript(clip_id, text, 0.123, "en")
    view = start(project).wait()
    assert view.status == "done" and view.result["heard"] == 20 - len(heard)
    assert all(clip.confidence == 0.123 for clip in project.store.clips() if clip.id in heard)
    assert all(clip.text for clip in project.store.clips()) and without_transcript(project) == []


@pytest.mark.slow
def test_stop_does_not_wait_for_a_long_clip(project: Project, make_clips: MakeClips, prompts: Prompts) -> None:
    clip = make_clips(1)[0]
    samples, rate = read(prompts.recording, 0, None, 22_050)
    write_wav(project.clip_file(clip.id), np.tile(samples, 6), rate)
    job = start(project)
    until = time.monotonic() + 180
    while job.read().stage != "asr_hear" and time.monotonic() < until:
        time.sleep(0.02)
    # Into the middle of the recognition, which takes the better part of a minute.
    time.sleep(1.0)
    asked = time.monotonic()
    job.stop()
    view = job.wait(30)
    assert view.status == "cancelled" and view.result["left"] == 1
    assert time.monotonic() - asked < 3
    assert "Fatal" not in job.log_tail() and not project.store.clip(clip.id).text


@pytest.mark.slow
def test_what_a_person_wrote_or_approved_survives_hearing_again(project: Project, make_clips: MakeClips) -> None:
    edited, approved, typed, plain = (clip.id for clip in make_clips(4))
    store = project.store
    for clip_id in (edited, approved, plain):
        store.store_transcript(clip_id, "What an older model heard.", 0.4, "en")
    store.edit_clip(edited, text="What a person wrote.")
    store.edit_clip(approved, status="approved")
    store.edit_clip(typed, text="Typed before any model heard it.")
    view = start(project, again=True).wait()
    assert view.status == "done" and view.result["heard"] == 4 and view.result["kept"] == 3
    texts = {clip.id: clip.text for clip in store.clips()}
    assert texts[edited] == "What a person wrote."
    assert texts[approved] == "What an older model heard."
    assert texts[typed] == "Typed before any model heard it."
    for clip in store.clips():
        assert clip.raw_text not in ("", "What an older model heard.") and clip.confidence != 0.4
    assert texts[plain] == store.clip(plain).raw_text


def test_an_edit_and_a_hearing_at_the_same_time_leave_the_edit(project: Project, make_clips: MakeClips) -> None:
    clip = make_clips(1)[0]
    project.store.store_transcript(clip.id, "First.", 0.5, "en")
    project.store.edit_clip(clip.id, text="By hand.")
    project.store.edit_clip(clip.id, text="First.")
    stored = project.store.store_transcript(clip.id, "Second.", 0.6, "en")
    assert stored is not None and (stored.text, stored.raw_text) == ("First.", "Second.")
    assert project.store.store_transcript("gone", "Third.", 0.6, "en") is None


@pytest.mark.slow
def test_a_second_model_checks_and_noise_and_silence_are_not_taken_for_speech(
    project: Project, make_clips: MakeClips, openai_checkpoint: Path
) -> None:
    right, wrong, silence, noise = make_clips(4)
    write_wav(project.clip_file(silence.id), np.zeros(3 * 22_050, np.float32), 22_050)
    hiss = np.random.default_rng(0).normal(0, 0.1, 3 * 22_050).astype(np.float32)
    write_wav(project.clip_file(noise.id), hiss, 22_050)
    view = start(project).wait()
    assert view.status == "done" and view.result["second"] == 0
    # What the first model heard in one of them, made wrong: the second finds it.
    project.store.store_transcript(wrong.id, "In this boat nothing you say is ever heard by anyone at all.", 0.9, "en")
    view = start(project, second=str(openai_checkpoint)).wait()
    assert view.status == "done", job_log(project)
    assert (view.result["heard"], view.result["second"], view.result["differ"]) == (0, 4, 1)
    clips = {clip.id: clip for clip in project.store.clips()}
    assert clips[right.id].mismatch is not None and clips[right.id].mismatch <= 0.1
    assert clips[wrong.id].text_flags.split()[0] == "mismatch" and "mode" in clips[wrong.id].second_text
    assert not clips[silence.id].text and not clips[silence.id].text_flags
    assert not clips[noise.id].text or "silence" in clips[noise.id].text_flags
    words = project.store.words("s1", right.start_s, right.end_s)
    assert [word.text for word in words] == clips[right.id].text.split()
    with pytest.raises(UserError) as caught:
        start(project, second=str(openai_checkpoint))
    assert caught.value.code == "transcribe.nothing_left"


def job_log(project: Project) -> str:
    job = project.latest("transcribe")
    return job.log_tail() if job else ""


@pytest.mark.slow
def test_the_openai_engine_does_the_same_job(project: Project, make_clips: MakeClips, openai_checkpoint: Path) -> None:
    make_clips(1)
    job = start_transcribe(project, TranscribeArgs(model=str(openai_checkpoint), device="cpu", measure=False))
    view = job.wait()
    assert view.status == "done", job.log_tail()
    assert view.result["model"] == str(openai_checkpoint) and view.result["device"] == "cpu"
    assert "echo test" in project.store.clips()[0].text.lower()


@pytest.mark.slow
def test_when_no_clip_can_be_heard_the_job_says_so(project: Project, make_clips: MakeClips) -> None:
    for clip in make_clips(2):
        project.clip_file(clip.id).unlink()
    view = start(project).wait()
    assert (view.status, view.code) == ("failed", "transcribe.all_failed")
    assert len(view.warnings) == 2
