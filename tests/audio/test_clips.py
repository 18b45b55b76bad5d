"""From a recording to clips on disk and in the store, by job and by preview."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.clips import CLIP_RATE_HZ, faded, preview, start_segment, uncut
from core.audio.silence import SegmentOptions
from core.errors import Busy, Cancelled, UserError
from core.files import read_json
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.records import Source
from core.sources.upload import add_file
from core.tasks import segment as task
from core.workspace import Project
from tests.audio.sounds import silence, tone, write
from tests.conftest import Prompts


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
    assert sum(span.seconds for span in seen.lost) == pytest.approx(seen.lost_s, abs=1e-3)
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
    assert start_segment(project).wait().result["clips"] == 3
    for clip, hz in zip(project.store.clips(), (300, 500, 700), strict=True):
        samples = soundfile.read(project.clip_file(clip.id))[0]
        loudest = np.argmax(np.abs(np.fft.rfft(samples))) * CLIP_RATE_HZ / len(samples)
        assert loudest == pytest.approx(hz, abs=1)


def test_cutting_again_keeps_text_and_number_of_clips_that_did_not_change(project: Project, tmp_path: Path) -> None:
    parts = [silence(1), tone(5), silence(1), tone(2), silence(0.7), tone(2), silence(1)]
    source = add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    start_segment(project).wait()
    first, second = project.store.clips()
    project.store.edit_clip(first.id, text="Good morning.", status="approved")
    project.store.edit_clip(second.id, text="Good night.")
    # Now the two short pieces may not be joined: the second clip goes, two others come.
    options = SegmentOptions(min_clip_s=1.5, max_join_pause_ms=0)
    assert start_segment(project, [source.id], options).wait().status == "done"
    clips = project.store.clips()
    assert [(clip.id[-4:], clip.text, clip.status) for clip in clips] == [
        ("0001", "Good morning.", "approved"), ("0003", "", "new"), ("0004", "", "new"),
    ]  # fmt: skip
    assert sorted(path.stem for path in project.clips.iterdir()) == [clip.id for clip in clips]


def test_only_the_chosen_recordings_are_cut(project: Project, tmp_path: Path) -> None:
    sources = [add_file(project, write(tmp_path / f"{i}.wav", tone(4 + i))) for i in range(3)]
    start_segment(project, [sources[1].id]).wait()
    assert {clip.source_id for clip in project.store.clips()} == {sources[1].id}


def test_a_recording_without_clips_is_named_and_the_others_go_on(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "quiet.wav", silence(10)), title="Empty room")
    add_file(project, write(tmp_path / "loud.wav", tone(5)))
    view = start_segment(project).wait()
    assert view.status == "done" and view.result["clips"] == 1
    assert [(w.code, w.values["title"]) for w in view.warnings] == [("segment.nothing_found", "Empty room")]


def test_nothing_to_cut_is_told(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        start_segment(project)
    assert error.value.code == "segment.no_sources"
    add_file(project, write(tmp_path / "quiet.wav", silence(10)))
    view = start_segment(project).wait()
    assert (view.status, view.code) == ("failed", "segment.no_clips")


def test_stop_leaves_the_old_clips_as_they_were(project: Project, tmp_path: Path) -> None:
    parts = [part for _ in range(20) for part in (tone(4), silence(0.6))]
    add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    start_segment(project).wait()
    before, files = project.store.clips(), sorted(project.clips.iterdir())
    job = Job.create(project.jobs, "segment", {})
    reporter = Reporter(job)
    seen = 0

    def stop_soon() -> None:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise Cancelled

    reporter.check_stop = stop_soon  # type: ignore[method-assign]
    with pytest.raises(Cancelled) as stopped:
        task.run(job, _arguments(project, pad_ms=20), reporter)
    assert stopped.value.args[0]["sources"] == 0
    assert project.store.clips() == before and sorted(project.clips.iterdir()) == files


def _arguments(project: Project, **options: float) -> dict[str, object]:
    return {"workspace": str(project.workspace.path), "project": project.slug, "options": options}


def test_an_edit_made_while_clips_are_cut_stays(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "in.wav", np.concatenate([tone(4), silence(1), tone(4)])))
    start_segment(project).wait()
    first = project.store.clips()[0]
    job = Job.create(project.jobs, "segment", {})
    reporter, tell = Reporter(job), Reporter.progress

    def edit(stage: str, *rest: object, **more: object) -> None:
        if stage == "cut":
            project.store.edit_clip(first.id, text="Meanwhile.", status="approved")
        tell(reporter, stage, *rest, **more)  # type: ignore[arg-type]

    reporter.progress = edit  # type: ignore[method-assign, assignment]
    task.run(job, _arguments(project), reporter)
    now = project.store.clip(first.id)
    assert (now.text, now.status) == ("Meanwhile.", "approved")


def test_a_cut_that_gives_nothing_changes_nothing(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "short.wav", np.concatenate([tone(4), silence(1), tone(4)])), title="Short")
    start_segment(project).wait()
    before, files = project.store.clips(), sorted(project.clips.iterdir())
    view = start_segment(project, None, SegmentOptions(min_clip_s=6, max_join_pause_ms=0)).wait()
    assert (view.status, view.code) == ("failed", "segment.no_clips")
    assert project.store.clips() == before and sorted(project.clips.iterdir()) == files
    # With another recording that gives one, the first keeps its clips all the same.
    add_file(project, write(tmp_path / "long.wav", tone(8)), title="Long")
    view = start_segment(project, None, SegmentOptions(min_clip_s=6, max_join_pause_ms=0)).wait()
    assert view.status == "done" and (view.result["clips"], view.result["sources"]) == (1, 1)
    assert [warning.values["title"] for warning in view.warnings] == ["Short"]
    assert project.store.clips()[:2] == before and len(list(project.clips.iterdir())) == 3


def test_what_a_person_worked_on_goes_to_the_trash_and_its_number_stays_its_own(
    project: Project, tmp_path: Path
) -> None:
    parts = [tone(5), silence(1), tone(2), silence(0.7), tone(2)]
    source = add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    start_segment(project).wait()
    _, second = project.store.clips()
    project.store.edit_clip(second.id, text="Good night.")
    sound = project.clip_file(second.id).read_bytes()
    # A clip shorter than 5 s is none: the second goes. Then it comes back, cut anew.
    view = start_segment(project, None, SegmentOptions(min_clip_s=4.8, max_join_pause_ms=0)).wait()
    assert (view.status, view.result["trashed"]) == ("done", 1)
    assert [(w.code, w.values["count"]) for w in view.warnings] == [("segment.trashed", 1)]
    folder = project.path / "trash" / f"{source.id}-clips"
    kept = read_json(folder / "clips.json")
    assert [(clip["id"], clip["text"]) for clip in kept["clips"]] == [(second.id, "Good night.")]
    assert [one["new"] for one in kept["revisions"]] == ["Good night."]
    assert (folder / f"{second.id}.wav").read_bytes() == sound and not project.clip_file(second.id).exists()
    assert start_segment(project).wait().result["trashed"] == 0
    assert [clip.id[-4:] for clip in project.store.clips()] == ["0001", "0003"]


def test_only_recordings_that_came_later_wait_to_be_cut(project: Project, tmp_path: Path) -> None:
    add_file(project, write(tmp_path / "first.wav", tone(5)), title="First")
    add_file(project, write(tmp_path / "short.wav", tone(1)), title="Nothing to cut")
    assert len(uncut(project)) == 2
    assert start_segment(project).wait().status == "done"
    assert uncut(project) == []
    added = add_file(project, write(tmp_path / "second.wav", tone(6)), title="Second")
    assert uncut(project) == [added.id]
    before = project.store.clips()
    assert start_segment(project, uncut(project)).wait().result["clips"] == 1
    assert uncut(project) == [] and all(clip in project.store.clips() for clip in before)


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
    assert start_segment(project).wait().result["clips"] > 20


def test_fades_rise_from_nothing_and_leave_the_middle_alone() -> None:
    sound = np.ones(1000, np.float32)
    result = faded(sound, 10_000, 10)
    assert result[0] < 0.001 and result[-1] < 0.001 and (np.diff(result[:100]) > 0).all()
    assert (result[100:-100] == 1).all() and (sound == 1).all()
    assert faded(sound, 10_000, 0) is sound and len(faded(sound[:3], 10_000, 10)) == 3
