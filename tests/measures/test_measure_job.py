"""The measuring job, in a real child process on real speech; voices kept to one; what is missing or broken."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.clips import history
from core.errors import UserError
from core.jobs.events import EventReader
from core.jobs.events import Warning as JobWarning
from core.jobs.reporter import Reporter
from core.measures import embeddings, likeness, naturalness
from core.measures.run import measure_clips
from core.measures.start import left_to_measure, start_measure
from core.measures.voices import has_several_voices, keep_voice, speakers, update_similarity
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project
from tests.measures.conftest import MakeClips

pytestmark = pytest.mark.usefixtures("preloaded")


def warnings(reporter: Reporter) -> list[JobWarning]:
    """What was warned of so far."""
    return [event for event in EventReader(reporter.job.events_path).read() if isinstance(event, JobWarning)]


@pytest.fixture
def only_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where neither optional package is installed."""
    monkeypatch.setattr(likeness, "available", lambda: False)
    monkeypatch.setattr(naturalness, "available", lambda: False)


@pytest.mark.slow
def test_every_clip_is_measured_and_a_bad_one_is_named(project: Project, make_clips: MakeClips) -> None:
    clips = make_clips(4)
    project.clip_file(clips[1].id).write_bytes(b"RIFF, but not really")
    view = start_measure(project).wait()
    assert view.status == "done", view
    (warning,) = view.warnings
    assert warning.code == "measure.clip_failed" and warning.values["what"]["code"] == "reason.broken_file"
    assert clips[1].id in warning.values["what"]["values"]["words"]
    expected = {"measured": 3, "failed": 1, "left": 0, "missing": [], "flagged": 0, "voices": 1}
    assert view.result == expected
    for clip in project.store.clips():
        if clip.id != clips[1].id:
            assert left_to_measure(clip) == set() and clip.sound_flags == ""
            assert clip.snr_db is not None and clip.snr_db > 30
            assert clip.bandwidth_hz == pytest.approx(8_000, abs=300)
            assert clip.speaker_similarity is not None and 0.85 < clip.speaker_similarity < 1
            assert clip.naturalness is not None and 2.5 < clip.naturalness < 3.8
            assert clip.clipped_fraction == 0 and clip.lead_s is not None and clip.lead_s < 0.2
    assert project.store.revisions(clips[0].id) == []


@pytest.mark.slow
def test_stop_keeps_what_is_measured_and_the_next_run_does_only_the_rest(
    project: Project, make_clips: MakeClips
) -> None:
    make_clips(6)
    job = start_measure(project)
    until = time.monotonic() + 120
    while job.alive() and len(measured(project)) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    job.stop()
    view = job.wait(60)
    assert view.status == "cancelled"
    done = measured(project)
    assert 2 <= len(done) < 6 and view.result["left"] == 6 - len(done)
    for clip_id in done:  # told apart from a second measuring by a mark that it would remove
        project.store.measure_clip(clip_id, snr_db=12.34)
    view = start_measure(project).wait()
    assert view.status == "done" and view.result["left"] == 0
    assert all(clip.snr_db == 12.34 for clip in project.store.clips() if clip.id in done)
    assert not any(left_to_measure(clip) for clip in project.store.clips())
    with pytest.raises(UserError) as raised:
        start_measure(project)
    assert raised.value.code == "measure.nothing_left"


def measured(project: Project) -> set[str]:
    """Ids of the clips whose sound is measured."""
    return {clip.id for clip in project.store.clips() if clip.snr_db is not None}


def test_without_clips_nothing_starts(project: Project) -> None:
    with pytest.raises(UserError) as raised:
        start_measure(project)
    assert raised.value.code == "measure.no_clips"


def test_without_the_optional_packages_the_rest_is_measured(
    project: Project, make_clips: MakeClips, reporter: Reporter, only_sound: None
) -> None:
    clips = make_clips(3)
    result = measure_clips(project, clips, reporter)
    assert result["measured"] == 3 and result["missing"] == ["Resemblyzer", "speechmos"]
    assert [warning.code for warning in warnings(reporter)] == ["measure.no_likeness", "measure.no_naturalness"]
    assert all(clip.snr_db is not None and clip.naturalness is None for clip in project.store.clips())
    assert measure_clips(project, project.store.clips(), reporter)["measured"] == 0


def test_only_the_clips_asked_for_are_measured(
    project: Project, make_clips: MakeClips, reporter: Reporter, only_sound: None
) -> None:
    clips = make_clips(4)
    project.store.edit_clip(clips[2].id, status="rejected")
    measure_clips(project, project.store.clips()[1:3], reporter)
    assert measured(project) == {clips[1].id}


def test_what_was_measured_when_the_clip_was_cut_stays(
    project: Project, make_clips: MakeClips, reporter: Reporter, only_sound: None
) -> None:
    clip = make_clips(1)[0]
    project.store.measure_clip(clip.id, loudness_lufs=-51.0, lead_s=0.004, tail_s=0.07)
    measure_clips(project, project.store.clips(), reporter)
    after = project.store.clip(clip.id)
    assert (after.loudness_lufs, after.lead_s, after.tail_s) == (-51.0, 0.004, 0.07)
    assert after.sound_flags == "cut_word quiet" and after.peak_dbfs is not None


def test_a_clip_outside_of_its_recording_is_set_aside(
    project: Project, make_clips: MakeClips, reporter: Reporter, only_sound: None
) -> None:
    clips = make_clips(2)
    beyond = replace(clips[1], id="s1-0009", start_s=500.0, end_s=504.0)
    project.store.replace_clips("s1", [clips[0], beyond])
    result = measure_clips(project, project.store.clips(), reporter)
    assert (result["measured"], result["failed"]) == (1, 1)
    assert [warning.values["clip"] for warning in warnings(reporter) if warning.code == "measure.clip_failed"] == [
        "s1, 8:20"
    ]


# ---- Voices


def two_voices(project: Project, make_clips: MakeClips) -> tuple[list[Clip], list[Clip]]:
    """Twelve clips of one voice in the first recording, five of another in the second; by made-up embeddings."""
    chance = np.random.default_rng(5)
    own, other = make_clips(12), make_clips(5, source_id="s2")
    for clips, axis in ((own, 0), (other, 1)):
        for clip in clips:
            vector = np.zeros(256) + 0.02 * chance.standard_normal(256)
            vector[axis] += 1
            embeddings.append(project, clip.id, (vector / np.linalg.norm(vector)).astype(np.float32))
    update_similarity(project)
    return own, other


def test_a_second_voice_is_flagged_and_counted(project: Project, make_clips: MakeClips) -> None:
    own, other = two_voices(project, make_clips)
    found = speakers(project)
    assert [set(voice.clips) for voice in found] == [{clip.id for clip in own}, {clip.id for clip in other}]
    assert found[0].seconds == pytest.approx(sum(clip.seconds for clip in own))
    assert set(found[1].examples) <= {clip.id for clip in other} and len(found[1].examples) == 3
    assert {clip.id for clip in project.store.clips(ClipFilter("flagged", flag="other_voice"))} == set(found[1].clips)
    assert all(clip.speaker_similarity > 0.9 for clip in project.store.clips(ClipFilter(source_id="s1")))  # type: ignore[operator]


def test_keeping_one_voice_rejects_the_other_and_is_undone_as_one(project: Project, make_clips: MakeClips) -> None:
    own, other = two_voices(project, make_clips)
    smaller = speakers(project)[1].number
    assert keep_voice(project, smaller) == len(own)
    rejected = project.store.clips(ClipFilter("rejected"))
    assert {clip.id for clip in rejected} == {clip.id for clip in own}
    assert {clip.reason for clip in rejected} == {"other_voice"}
    assert [voice.number for voice in speakers(project)] == [smaller] and has_several_voices(project)
    # The kept voice is the measure now.
    assert all(clip.sound_flags == "" for clip in project.store.clips(ClipFilter(source_id="s2")))
    history.undo(project)
    assert project.store.count(ClipFilter("rejected")) == 0
    assert {clip.id for clip in project.store.clips(ClipFilter("flagged"))} == {clip.id for clip in other}


def test_a_voice_that_is_gone_cannot_be_kept(project: Project, make_clips: MakeClips) -> None:
    two_voices(project, make_clips)
    with pytest.raises(UserError) as raised:
        keep_voice(project, 7)
    assert raised.value.code == "measure.voice_gone"
    assert project.store.count(ClipFilter("rejected")) == 0


def test_embeddings_survive_a_torn_write_and_lose_clips_that_are_gone(project: Project, make_clips: MakeClips) -> None:
    two_voices(project, make_clips)
    path = embeddings.embeddings_file(project)
    with open(path, "ab") as file:
        file.write(b"s1-0001 and then the power went")
    assert len(embeddings.load(path)[0]) == 17
    assert embeddings.tidy(project, {"s1-0001", "s2-0002"}) == {"s1-0001", "s2-0002"}
    embeddings.append(project, "s1-0001", np.eye(1, 256, 9, dtype=np.float32)[0])
    ids, vectors = embeddings.load(path)
    assert sorted(ids) == ["s1-0001", "s2-0002"]
    assert vectors[ids.index("s1-0001")].argmax() == 9


@pytest.mark.slow
def test_a_stand_in_for_a_second_speaker_is_found_in_real_speech(
    project: Project, make_clips: MakeClips, other_voice: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naturalness, "available", lambda: False)
    own, other = make_clips(8), make_clips(5, other_voice, "s2")
    result = measure_clips(project, project.store.clips(), reporter)
    assert result["voices"] == 2
    assert [set(voice.clips) for voice in speakers(project)] == [{clip.id for clip in own}, {clip.id for clip in other}]
    flagged = project.store.clips(ClipFilter("flagged", flag="other_voice"))
    assert {clip.id for clip in flagged} == {clip.id for clip in other}
