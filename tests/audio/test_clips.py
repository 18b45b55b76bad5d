"""From a recording to clips on disk and in the store, by job and by preview."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.loudness import loudness_lufs, true_peak_dbfs
from core.audio.options import SegmentOptions
from core.clips.cut import cut_clip, fade, not_cut, preview, start_segment, text_between, to_cut
from core.engines import registry
from core.errors import Busy, Cancelled, UserError
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import DATA_SET, READ_ALOUD, Clip, Source, Word
from core.project.workspace import Project
from core.sources.upload import add_file
from core.tasks import segment as task
from tests.audio.sounds import cut_tones, silence, tone, write
from tests.conftest import Prompts

pytestmark = pytest.mark.usefixtures("forked")

CLIP_RATE_HZ = registry.info(registry.DEFAULT).clip_rate


@pytest.fixture
def speech(project: Project, prompts: Prompts) -> Source:
    """The bundled recording as a source of the project."""
    return add_file(project, prompts.recording, title="Prompts")


def test_preview_and_job_agree_and_the_clips_are_the_recording(project: Project, speech: Source) -> None:
    seen = preview(project, speech.id, SegmentOptions())
    view = start_segment(project).wait()
    assert view.status == "done", view.text
    clips = project.store.clips()
    assert [(clip.start_s, clip.end_s) for clip in clips] == [(span.start_s, span.end_s) for span in seen.spans]
    assert view.result["clips"] == len(clips) and view.result["kept_s"] == pytest.approx(seen.kept_s)
    assert seen.kept_s + seen.lost_s == pytest.approx(seen.source_s) == pytest.approx(speech.seconds)
    assert sum(span.seconds for span in seen.left_out) == pytest.approx(seen.lost_s, abs=1e-3)
    assert clips[0].id == f"{speech.id}-0001"
    for clip in clips:
        info = soundfile.info(project.clip_file(clip.id))
        assert (info.samplerate, info.channels, info.subtype) == (CLIP_RATE_HZ, 1, "PCM_16")
        assert info.duration == pytest.approx(clip.seconds, abs=0.001)
        samples = soundfile.read(project.clip_file(clip.id))[0]
        assert abs(samples[0]) < 1e-3 and abs(samples[-1]) < 1e-3 and np.abs(samples).max() > 0.05
    assert len(list(project.clips.iterdir())) == len(clips)


def test_clips_hold_the_sound_of_their_place(project: Project, tmp_path: Path) -> None:
    sounds = [tone(4, 44_100, hz) for hz in (300, 500, 700)]
    parts = [part for sound in sounds for part in (silence(1, 44_100), sound)]
    add_file(project, write(tmp_path / "in.wav", np.concatenate(parts), 44_100))
    assert cut_tones(project).wait().result["clips"] == 3
    for clip, hz in zip(project.store.clips(), (300, 500, 700), strict=True):
        samples = soundfile.read(project.clip_file(clip.id))[0]
        loudest = np.argmax(np.abs(np.fft.rfft(samples))) * CLIP_RATE_HZ / len(samples)
        assert loudest == pytest.approx(hz, abs=1)


def test_cutting_again_keeps_text_and_number_of_clips_that_did_not_change(project: Project, tmp_path: Path) -> None:
    parts = [silence(1), tone(5), silence(1), tone(2), silence(0.7), tone(2), silence(1)]
    source = add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    cut_tones(project).wait()
    first, second = project.store.clips()
    project.store.edit_clip(first.id, text="Good morning.", status="approved")
    project.store.edit_clip(second.id, text="Good night.")
    # Now the two short pieces may not be joined: the second clip goes, two others come.
    assert cut_tones(project, [source.id], min_clip_s=1.5, max_join_pause_ms=0).wait().status == "done"
    clips = project.store.clips()
    assert [(clip.id[-4:], clip.text, clip.status) for clip in clips] == [
        ("0001", "Good morning.", "approved"), ("0003", "", "new"), ("0004", "", "new"),
    ]  # fmt: skip
    assert sorted(path.stem for path in project.clips.iterdir()) == [clip.id for clip in clips]


def test_only_the_chosen_recordings_are_cut(project: Project, tmp_path: Path) -> None:
    sources = [add_file(project, write(tmp_path / f"{i}.wav", tone(4 + i))) for i in range(3)]
    cut_tones(project, [sources[1].id]).wait()
    assert {clip.source_id for clip in project.store.clips()} == {sources[1].id}


def test_a_recording_without_clips_is_named_and_the_others_go_on(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "quiet.wav", tone(10, dbfs=-60)), title="Empty room")
    add_file(project, write(tmp_path / "loud.wav", tone(5)))
    view = cut_tones(project).wait()
    assert view.status == "done" and view.result["clips"] == 1
    assert [(w.code, w.values["title"]) for w in view.warnings] == [("segment.nothing_found", "Empty room")]


def test_nothing_to_cut_is_told(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        cut_tones(project)
    assert error.value.code == "segment.no_sources"
    add_file(project, write(tmp_path / "quiet.wav", tone(10, dbfs=-60)))
    view = cut_tones(project).wait()
    assert (view.status, view.code) == ("failed", "segment.no_clips")


def test_stop_leaves_the_old_clips_as_they_were(project: Project, tmp_path: Path) -> None:
    parts = [part for _ in range(20) for part in (tone(4), silence(0.6))]
    add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    cut_tones(project).wait()
    before, files = project.store.clips(), sorted(project.clips.iterdir())
    job = Job.create(project.jobs, SegmentArgs())
    reporter = Reporter(job)
    seen = 0

    def stop_soon() -> None:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise Cancelled

    reporter.check_stop = stop_soon  # type: ignore[method-assign]
    with pytest.raises(Cancelled) as stopped:
        task.run(job, project, _args(pad_ms=20), reporter)
    assert stopped.value.args[0]["sources"] == 0
    assert project.store.clips() == before and sorted(project.clips.iterdir()) == files


def _args(**options: float) -> SegmentArgs:
    return SegmentArgs(options={"only_speech": False, **options})


def test_an_edit_made_while_clips_are_cut_stays(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "in.wav", np.concatenate([tone(4), silence(1), tone(4)])))
    cut_tones(project).wait()
    first = project.store.clips()[0]
    job = Job.create(project.jobs, SegmentArgs())
    reporter, tell = Reporter(job), Reporter.progress

    def edit(stage: str, *rest: object, **more: object) -> None:
        if stage == "cut":
            project.store.edit_clip(first.id, text="Meanwhile.", status="approved")
        tell(reporter, stage, *rest, **more)  # type: ignore[arg-type]

    reporter.progress = edit  # type: ignore[method-assign, assignment]
    task.run(job, project, _args(), reporter)
    now = project.store.clip(first.id)
    assert (now.text, now.status) == ("Meanwhile.", "approved")


def test_a_cut_that_gives_nothing_changes_nothing(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "short.wav", np.concatenate([tone(4), silence(1), tone(4)])), title="Short")
    cut_tones(project).wait()
    before, files = project.store.clips(), sorted(project.clips.iterdir())
    view = cut_tones(project, min_clip_s=6, max_join_pause_ms=0).wait()
    assert (view.status, view.code) == ("failed", "segment.no_clips")
    assert project.store.clips() == before and sorted(project.clips.iterdir()) == files
    # With another recording that gives one, the first keeps its clips all the same.
    add_file(project, write(tmp_path / "long.wav", tone(8)), title="Long")
    view = cut_tones(project, min_clip_s=6, max_join_pause_ms=0).wait()
    assert view.status == "done" and (view.result["clips"], view.result["sources"]) == (1, 1)
    assert [warning.values["title"] for warning in view.warnings] == ["Short"]
    assert project.store.clips()[:2] == before and len(list(project.clips.iterdir())) == 3


def test_only_recordings_that_came_later_wait_to_be_cut(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "first.wav", tone(5)), title="First")
    add_file(project, write(tmp_path / "short.wav", tone(1)), title="Nothing to cut")
    assert len(not_cut(project)) == 2
    assert cut_tones(project).wait().status == "done"
    assert not_cut(project) == []
    added = add_file(project, write(tmp_path / "second.wav", tone(6)), title="Second")
    assert not_cut(project) == [added.id]
    before = project.store.clips()
    assert cut_tones(project, not_cut(project)).wait().result["clips"] == 1
    assert not_cut(project) == [] and all(clip in project.store.clips() for clip in before)


def test_a_second_cut_at_the_same_time_is_refused(project: Project, speech: Source) -> None:
    job = start_segment(project)
    try:
        with pytest.raises(Busy):
            start_segment(project)
    finally:
        assert job.wait().status == "done"


def test_a_lost_frames_file_is_measured_again_by_the_job(project: Project, speech: Source) -> None:
    shutil.rmtree(project.clips, ignore_errors=True)
    project.source_file(speech.id).with_suffix(".frames.npz").unlink()
    assert cut_tones(project).wait().result["clips"] > 20


def test_fades_rise_from_nothing_and_leave_the_middle_alone() -> None:
    sound = np.ones(1000, np.float32)
    result = fade(sound, 10_000, 10)
    assert result[0] < 0.001 and result[-1] < 0.001 and (np.diff(result[:100]) > 0).all()
    assert (result[100:-100] == 1).all() and (sound == 1).all()
    assert fade(sound, 10_000, 0) is sound and len(fade(sound[:3], 10_000, 10)) == 3


def _cut(
    project: Project, samples: np.ndarray, rate: int, tmp_path: Path, **options: object
) -> tuple[Clip, np.ndarray]:
    source = add_file(project, write(tmp_path / f"{len(project.store.sources())}.wav", samples, rate))
    whole = Clip(f"{source.id}-0001", source.id, 0.0, len(samples) / rate)
    clip = cut_clip(project, source, whole, SegmentOptions(**options))  # type: ignore[arg-type]
    return clip, soundfile.read(project.clip_file(clip.id), dtype="float32")[0]


def test_clips_are_equally_loud_and_say_what_they_were(project: Project, prompts: Prompts, tmp_path: Path) -> None:
    speech, rate = soundfile.read(prompts.recording, dtype="float32", stop=16_000 * 10)
    for gain in (1.1, 0.12):
        clip, sound = _cut(project, speech * gain, rate, tmp_path)
        assert loudness_lufs(sound, CLIP_RATE_HZ) == pytest.approx(-23, abs=0.1)
        assert clip.loudness_lufs is not None and clip.gain_db is not None
        assert clip.loudness_lufs + clip.gain_db == pytest.approx(-23, abs=0.05)
        assert clip.peak_dbfs == pytest.approx(true_peak_dbfs(speech * gain), abs=0.1)
    clip, sound = _cut(project, speech * 0.1, rate, tmp_path, loudness_lufs=-20)
    assert loudness_lufs(sound, CLIP_RATE_HZ) == pytest.approx(-20, abs=0.1)
    clip, sound = _cut(project, speech * 0.2, rate, tmp_path, same_loudness=False)
    assert clip.gain_db == 0 and loudness_lufs(sound, CLIP_RATE_HZ) == pytest.approx(clip.loudness_lufs, abs=0.1)


def test_a_peaky_clip_stays_quieter_than_the_target(project: Project, tmp_path: Path) -> None:
    peaky = tone(4, 22_050, dbfs=-45)
    peaky[40_000] = 0.9
    clip, sound = _cut(project, peaky, 22_050, tmp_path)
    assert true_peak_dbfs(sound) == pytest.approx(-1, abs=0.05)
    assert clip.loudness_lufs is not None and clip.gain_db is not None and clip.loudness_lufs + clip.gain_db < -25


def test_quiet_ends_and_clipping_are_measured(project: Project, tmp_path: Path) -> None:
    rate = 22_050
    room = np.random.default_rng(1).normal(0, 10 ** (-38 / 20), rate * 4).astype(np.float32)  # above the threshold
    for noise in (np.zeros_like(room), room):
        sound = noise.copy()
        sound[round(0.3 * rate) : round(3.8 * rate)] += tone(3.5, rate, dbfs=-15)
        clip, _ = _cut(project, sound, rate, tmp_path)
        assert (clip.lead_s, clip.tail_s) == (pytest.approx(0.3, abs=0.02), pytest.approx(0.2, abs=0.02))
        assert clip.clipped_fraction == 0
    clip, _ = _cut(project, np.clip(tone(4, rate, 200, dbfs=3), -1, 1), rate, tmp_path)
    assert clip.clipped_fraction is not None and 0.2 < clip.clipped_fraction < 0.8
    clip, sound = _cut(project, tone(4, rate, dbfs=-75), rate, tmp_path)
    assert (clip.loudness_lufs, clip.gain_db, clip.lead_s) == (None, 0, 4)


def test_the_cleaned_copy_is_cut_where_it_is_chosen(project: Project, tmp_path: Path) -> None:
    source = add_file(project, write(tmp_path / "in.wav", tone(5, 22_050, 300), 22_050))
    write(project.denoised_file(source.id), tone(5, 22_050, 900), 22_050)
    project.store.change_source(source.id, use="cleaned")
    assert cut_tones(project).wait().status == "done"
    sound = soundfile.read(project.clip_file(project.store.clips()[0].id))[0]
    assert np.argmax(np.abs(np.fft.rfft(sound))) * CLIP_RATE_HZ / len(sound) == pytest.approx(900, abs=1)


def test_a_lost_recording_is_named_by_its_title(project: Project, tmp_path: Path) -> None:
    source = add_file(project, write(tmp_path / "in.wav", tone(5)), title="Chapter 1")
    project.source_file(source.id).unlink()
    with pytest.raises(UserError, match="Chapter 1") as error:
        cut_clip(project, source, Clip("a-0001", source.id, 0, 4), SegmentOptions())
    assert error.value.code == "segment.unreadable"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (["Good", "morning.", "How"], "Good morning. How"),
        ([" Good", " speed", "-dial", ","], "Good speed-dial,"),
        (["今天", "天气", "很好", "。", "你好"], "今天天气很好。你好"),
        (["東京", "タワー", "は", "Tokyo", "です"], "東京タワーは Tokyo です"),
        (["안녕", "하세요"], "안녕 하세요"),
        ([], ""),
    ],
)
def test_words_become_the_text_their_writing_wants(said: list[str], text: str) -> None:
    words = [Word(number, number + 0.8, text) for number, text in enumerate(said)]
    assert text_between(words, 0, 100) == text


def test_a_word_belongs_to_where_its_middle_is() -> None:
    words = [Word(0.0, 1.0, "one"), Word(1.0, 2.0, "two"), Word(2.0, 3.0, "three")]
    assert text_between(words, 0.6, 2.4) == "two"
    assert [text_between(words, *span) for span in ((0, 1.5), (1.5, 3))] == ["one", "two three"]


def test_recordings_that_brought_their_clips_are_not_cut_with_the_others(project: Project) -> None:
    for number, origin in enumerate(("upload", DATA_SET, READ_ALOUD)):
        project.store.add_source(Source(f"s{number}", origin, origin=origin, seconds=9.0))
    assert to_cut(project) == ["s0"]
    project.store.remove_source("s0")
    with pytest.raises(UserError, match="no recording to cut"):
        start_segment(project)
