"""A project copied to another engine: what a person has done is kept, clips are cut anew, what does not fit is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from core import project_copy
from core.audio.samples import read, write_wav
from core.audio.threshold import for_recording
from core.clips.cut import cut_clip, usual_options
from core.errors import Cancelled, UserError
from core.jobs.args.projects import CopyProjectArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.pipeline import project_cards
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from tests.conftest import Prompts
from ui.i18n import Translator
from ui.tabs import home

BOUNDS = [(0.5, 2.0), (2.2, 4.1), (5.0, 17.5), (18.0, 18.4)]


@pytest.fixture
def origin(workspace: Workspace, prompts: Prompts) -> Project:
    """A project of F5 with a recording of 44.1 kHz, four clips, two of which XTTS cannot learn from, and a note."""
    project = workspace.create("Ana", "en", "f5")
    project.change(rights="Ana said so.")
    samples, rate = read(prompts.recording, 0, 20, sample_rate=44_100)
    project.sources.mkdir()
    soundfile.write(project.source_file("s1"), samples, rate, subtype="PCM_16")
    source = Source("s1", "Talk", seconds=20.0, sample_rate=rate)
    project.store.add_source(source)
    clips = [Clip(f"s1-{n:04d}", "s1", a, b, text=f"Text {n}.") for n, (a, b) in enumerate(BOUNDS, 1)]
    project.clips.mkdir()
    options = for_recording(usual_options(project), project.source_file("s1"))
    project.store.replace_clips("s1", [cut_clip(project, source, clip, options) for clip in clips])
    project.store.edit_clips([clip.id for clip in clips[:3]], status="approved")
    project.store.edit_clip("s1-0004", status="approved", text="Corrected.")
    return project


def copied(origin: Project, engine: str = "xtts") -> tuple[Project, Any]:
    """What the job does, in this process."""
    project = origin.workspace.create("Copy", "en", engine)
    job = Job.create(project.jobs, CopyProjectArgs(project=origin.slug))
    return project, (job, project_copy.copy_into(project, origin, Reporter(job)))


def warnings(job: Job) -> dict[str, dict[str, Any]]:
    """Values of what was named, by code."""
    return {warning.code: warning.values for warning in job.read().warnings}


def test_clips_are_cut_anew_from_the_recording_and_keep_what_a_person_has_done(origin: Project) -> None:
    project, (job, result) = copied(origin)
    before, after = origin.store.clips(), project.store.clips()
    kept = ("id", "start_s", "end_s", "text", "status", "given")
    assert [[getattr(clip, name) for name in kept] for clip in after] == [
        [getattr(clip, name) for name in kept] for clip in before
    ]
    assert project.store.revisions("s1-0004") == origin.store.revisions("s1-0004") != []
    assert {soundfile.info(project.clip_file(clip.id)).samplerate for clip in after} == {22_050}
    assert {soundfile.info(origin.clip_file(clip.id)).samplerate for clip in before} == {24_000}
    assert os.path.samefile(project.source_file("s1"), origin.source_file("s1"))  # no second copy on the disk
    assert (result["sources"], result["clips"], result["unfit"]) == (1, 4, 2)
    assert not list(project.path.glob(".tmp-*")) and job is not None


def test_from_22_to_24_khz_the_highest_tones_come_back(origin: Project) -> None:
    """A clip that was only resampled would lack them, and a dull voice would be learnt."""
    at_22, _ = copied(origin)
    at_24, _ = copied(at_22, "f5")
    samples, rate = soundfile.read(at_24.clip_file("s1-0001"))
    assert rate == 24_000
    resampled, _ = read(at_22.clip_file("s1-0001"), sample_rate=24_000)

    def highest(sound: np.ndarray[Any, Any]) -> float:
        spectrum = np.abs(np.fft.rfft(sound)) ** 2
        return float(spectrum[int(len(spectrum) * 11_200 / 12_000) :].sum() / spectrum.sum())

    assert highest(samples) > 20 * highest(resampled)


def test_clips_that_the_other_engine_cannot_learn_from_are_named(origin: Project) -> None:
    _, (job, _) = copied(origin)
    told = warnings(job)
    assert told["copy.too_long"]["clips"] == "“Talk” 0:05" and told["copy.too_long"]["count"] == 1
    assert told["copy.too_short"]["clips"] == "“Talk” 0:18" and "XTTS" in told["copy.too_short"]["engine"]
    portuguese = yaml.safe_load(Path("ui/i18n/pt-BR.yaml").read_text(encoding="utf-8"))["errors"]
    for code, text, hint in project_copy._UNFIT.values():
        assert portuguese[code]["hint"] and hint and "{clips}" in portuguese[code]["text"] and "{clips}" in text


def test_where_a_recording_is_gone_the_clips_own_sound_is_taken_and_told(origin: Project) -> None:
    origin.source_file("s1").unlink()
    origin.clip_file("s1-0002").unlink()
    project, (job, result) = copied(origin)
    assert [clip.id for clip in project.store.clips()] == ["s1-0001", "s1-0003", "s1-0004"] and result["clips"] == 3
    told = warnings(job)
    assert told["copy.resampled"]["count"] == 3 and told["copy.lost"]["clips"] == "“Talk” 0:02"
    assert soundfile.info(project.clip_file("s1-0001")).samplerate == 22_050
    for clip in origin.store.clips():
        origin.clip_file(clip.id).unlink(missing_ok=True)
    with pytest.raises(UserError) as refusal:
        copied(origin)
    assert refusal.value.code == "copy.nothing"


def test_stopped_it_leaves_an_empty_project_that_can_be_filled_once_more(origin: Project) -> None:
    class Stopped(Reporter):
        def check_stop(self) -> None:
            if self.view.stage == "cut":
                raise Cancelled

    project = origin.workspace.create("Copy", "en", "xtts")
    job = Job.create(project.jobs, CopyProjectArgs(project=origin.slug))
    with pytest.raises(Cancelled):
        project_copy.copy_into(project, origin, Stopped(job))
    assert not project.store.sources() and not list(project.path.glob(".tmp-*"))
    assert project_copy.copy_into(project, origin, Reporter(job))["clips"] == 4
    with pytest.raises(UserError) as refusal:
        project_copy.copy_into(project, origin, Reporter(job))
    assert refusal.value.code == "transfer.filled"


def test_a_recording_that_came_meanwhile_is_not_lost(origin: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project = origin.workspace.create("Copy", "en", "xtts")
    job = Job.create(project.jobs, CopyProjectArgs(project=origin.slug))
    cut = project_copy._cut_anew

    def meanwhile(*args: Any) -> Any:
        project.store.add_source(Source("own", "My own"))
        return cut(*args)

    monkeypatch.setattr(project_copy, "_cut_anew", meanwhile)
    with pytest.raises(UserError) as refusal:
        project_copy.copy_into(project, origin, Reporter(job))
    assert refusal.value.code == "transfer.filled"
    assert [source.id for source in project.store.sources()] == ["own"]


def test_it_is_offered_on_the_card_in_words_for_engines_that_speak_the_language(origin: Project) -> None:
    card = project_cards(origin.workspace)[0]
    form = home._copy(Translator("en"), card)
    assert "XTTS-v2" in form and "F5-TTS" not in form and "cut anew" in form
    origin.change(language="sv")
    assert home._copy(Translator("en"), project_cards(origin.workspace)[0]) == ""
    with pytest.raises(UserError) as refusal:
        project_copy.start_copy(origin, "xtts")
    assert refusal.value.code == "engine.language" and len(origin.workspace.projects()) == 1


def test_the_job_fills_a_project_of_the_other_engine(origin: Project) -> None:
    project = project_copy.start_copy(origin, "xtts")
    job = project.latest("copy_project")
    assert job is not None and job.wait(60).status == "done", job and job.log_tail()
    assert project.info.name == "Ana · XTTS-v2" and project.info.rights == "Ana said so."
    assert len(project.store.clips()) == 4
    write_wav(project.clip_file("s1-0001"), np.zeros(10, np.float32), 22_050)  # each has its own clips
    assert soundfile.info(origin.clip_file("s1-0001")).frames > 10
