"""The job that cuts: speech first, texts from known words, loudness of clips that stay, lost recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.levels import frames_file
from core.audio.loudness import loudness_lufs
from core.audio.options import SegmentOptions
from core.audio.vad import speech_file
from core.clips.cut import options_of_last_cut, preview, start_segment
from core.errors import Cancelled
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures import embeddings
from core.project.records import Source, Word
from core.project.workspace import Project
from core.sources.upload import add_file
from core.tasks import segment
from tests.audio.sounds import cut_tones, silence, tone, write
from tests.conftest import Prompts

pytestmark = pytest.mark.usefixtures("forked")


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


def test_what_was_measured_goes_when_a_clip_that_stays_is_cut_from_another_sound(
    project: Project, tmp_path: Path
) -> None:
    sound = np.concatenate([tone(4), silence(1), tone(4)])
    source = add_file(project, write(tmp_path / "in.wav", sound))
    cut_tones(project).wait()
    heard = {"snr_db": 9.0, "bandwidth_hz": 8000.0, "naturalness": 3.0, "speaker_similarity": 0.5}
    ids = [clip.id for clip in project.store.clips()]
    for clip_id in ids:
        project.store.measure_clip(clip_id, **heard, sound_flags="other_voice noisy")
        embeddings.append(project, clip_id, np.ones(256, np.float32))
    cut_tones(project, loudness_lufs=-30).wait()  # the same sound, only raised otherwise
    assert all(clip.snr_db == 9 and clip.sound_flags for clip in project.store.clips())
    write(project.denoised_file(source.id), sound * 0.9)
    project.store.change_source(source.id, use="cleaned")
    view = cut_tones(project).wait()
    assert view.status == "done", view.text
    clips = project.store.clips()
    assert [clip.id for clip in clips] == ids
    for clip in clips:
        assert [getattr(clip, name) for name in heard] == [None] * 4
        assert not {"noisy", "other_voice"} & set(clip.sound_flags.split())
    assert embeddings.load(embeddings.embeddings_file(project))[0] == []


def test_stop_is_seen_before_the_next_recording_is_looked_at(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        add_file(project, write(tmp_path / f"{name}.wav", tone(2 if name == "a" else 3)), title=name)
    job = Job.create(project.jobs, SegmentArgs())
    looked_at: list[str] = []
    monkeypatch.setattr(
        segment, "_plan", lambda _, source, *__: looked_at.append(source.title) or job.stop_path.touch()
    )
    reporter = Reporter(job)
    monkeypatch.setattr(reporter, "stop_requested", job.stop_path.exists)
    with pytest.raises(Cancelled):
        segment.run(job, project, SegmentArgs(), reporter)
    assert looked_at == ["a"] and job.read().stage == "plan"


def test_how_it_was_cut_last_is_what_a_job_did_to_its_end(project: Project, tmp_path: Path) -> None:
    one, other = (
        add_file(project, write(tmp_path / f"{number}.wav", tone(number)), title=str(number)) for number in (4, 5)
    )
    cut_tones(project, [one.id], loudness_lufs=-30).wait()
    cut_tones(project, [other.id], loudness_lufs=-28).wait()
    Job.create(project.jobs, SegmentArgs(source_ids=[one.id], options={"loudness_lufs": -20}))  # never came to it
    assert options_of_last_cut(project).loudness_lufs == -28
    assert options_of_last_cut(project, one.id).loudness_lufs == -30
    assert options_of_last_cut(project, "brought its clips along") == SegmentOptions()


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
