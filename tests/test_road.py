"""The whole road on real recorded speech in Portuguese; in English the demo walks it (`tests/browser/test_demo.py`)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.checkpoint_ref import CheckpointRef
from core.clips.cut import start_segment
from core.dataset.freeze import freeze
from core.files import read_json
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.sources import ImportArgs
from core.jobs.args.speech import ExportArgs
from core.jobs.job import Job
from core.listening.pairs import next_pair, vote
from core.pipeline import steps
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project, Workspace
from core.sources import recordings
from core.synthesis.exports import exports
from core.synthesis.start import start_export
from core.training.run import Run
from core.training.start import start_training
from core.transcription import registry
from core.transcription.start import start_transcribe
from core.transcription.wer import wer
from tests.conftest import Prompts

pytestmark = pytest.mark.slow


def test_a_voice_in_portuguese_goes_the_whole_road_by_what_is_built_in(
    workspace: Workspace, portuguese: Prompts, starter: Path, preloaded: None
) -> None:
    project = workspace.create("Estrada", "pt")

    def finish(job: Job) -> Job:
        view = job.wait(300)
        assert view.status == "done", f"{view.kind}: {view.text}\n{job.log_tail()}"
        return job

    finish(recordings.add(project, ImportArgs(files=[(copied(portuguese, project), "Frases")], rights="Apache-2.0")))
    finish(start_segment(project))
    model = registry.choose("fast", project.info.language)
    hearing = finish(start_transcribe(project, TranscribeArgs(model=model, device="cpu", measure=False)))
    assert "asr_download" not in hearing.events_path.read_text()
    said, heard = said_in(project.store.clips(), portuguese)
    assert len(said.split()) > 60 and wer(said, heard, "pt") <= 0.15
    project.store.edit_clips(ClipFilter("new"), status="approved")
    dataset = freeze(project)
    assert dataset.clips == project.store.count() and dataset.language == "pt"
    settings = {"max_steps": 2, "save_every": 2, "eval_every": 2, "sample_sentences": 1}
    training = start_training(project, dataset.id, "xtts-cpu", settings, "Primeira", str(starter), device="cpu")
    run = Run(project, finish(training).id)
    sentences = read_json(run.path / "samples" / "sentences.json")
    assert sentences["language"] == "pt"
    vote(project, next_pair(project).id, "left")
    trained = {"checkpoint": CheckpointRef(run.id, 2), "device": "cpu"}
    finish(start_export(project, ExportArgs(**trained, name="Voz")))
    assert exports(project)[0].manifest["sample"]["language"] == "pt"
    states = {step.key: step.state for step in steps(project)}
    assert states == dict.fromkeys(
        ("sources", "segments", "transcripts", "review", "dataset", "train", "listen", "speak"), "done"
    )


def copied(prompts: Prompts, project: Project) -> Path:
    """The recording as an upload, which the import takes away."""
    upload = project.workspace.path / prompts.recording.name
    shutil.copy(prompts.recording, upload)
    return upload


def said_in(clips: list[Clip], prompts: Prompts) -> tuple[str, str]:
    """What was truly said in the clips, and what was heard, both in order.

    A prompt counts if most of it lies in clips: short ones are left out when cutting, with or without their text.
    """

    def covered(start_s: float, end_s: float) -> float:
        overlaps = (min(end_s, clip.end_s) - max(start_s, clip.start_s) for clip in clips)
        return sum(overlap for overlap in overlaps if overlap > 0)

    said = [text for start_s, end_s, text in prompts.spoken if covered(start_s, end_s) > 0.5 * (end_s - start_s)]
    ordered = sorted(clips, key=lambda clip: clip.start_s)
    return " ".join(said), " ".join(clip.raw_text for clip in ordered)
