"""The whole road on real recorded speech in Portuguese, up to a trained voice by one call of REST.

In English the demo walks it (`tests/browser/test_demo.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import datasets
from core.files import read_json
from core.jobs.args.clips import TranscribeArgs
from core.jobs.args.speech import ExportArgs
from core.jobs.job import Job, JobView
from core.listening.pairs import next_pair, vote
from core.pipeline import steps
from core.project.records import Clip, ClipFilter
from core.project.workspace import Workspace
from core.settings import Settings
from core.synthesis.exports import exports
from core.synthesis.start import start_export
from core.training.run import Run
from core.transcription.wer import wer
from tests.conftest import Prompts
from ui.http.api.rest import app as rest

pytestmark = pytest.mark.slow


def test_a_voice_in_portuguese_goes_the_whole_road_by_one_call_and_what_is_built_in(
    workspace: Workspace, portuguese: Prompts, starter: Path, preloaded: None
) -> None:
    settings = Settings(_env_file=None, workspace=workspace.path, device="cpu")  # type: ignore[call-arg]
    (workspace.path / "tmp").mkdir(parents=True)
    api = TestClient(rest.create(workspace, settings))
    wish = {"name": "Frases.ogg", "title": "Primeira", "language": "pt", "rights": "Apache-2.0", "max_steps": 2}
    answer = api.post(
        "/finetune/xtts",
        params={**wish, "base": str(starter)},
        content=portuguese.recording.read_bytes(),
        headers={"Content-Type": "audio/ogg"},
    )
    assert answer.status_code == 202 and answer.json()["run"] == "primeira", answer.json()
    project = workspace.project(answer.json()["project"])

    def finish(job: Job) -> JobView:
        view = job.wait(300)
        assert view.status == "done", f"{view.kind}: {view.text}\n{job.log_tail()}"
        return view

    result = finish(project.job(answer.json()["id"])).result
    hearing = next(job for job, _ in project.jobs_of(TranscribeArgs))
    assert "asr_download" not in hearing.events_path.read_text()
    said, heard = said_in(project.store.clips(), portuguese)
    assert len(said.split()) > 60 and wer(said, heard, "pt") <= 0.15
    dataset, run = datasets(project)[0], Run(project, result["run"])
    assert dataset.clips == result["clips"] >= 4 and dataset.language == "pt"
    assert result["clips"] + result["left"] == project.store.count()
    assert run.title == "Primeira" and run.read().config.max_steps == 2 and run.read().checkpoints[-1][0] == 2
    sentences = read_json(run.path / "samples" / "sentences.json")
    assert sentences["language"] == "pt"
    vote(project, next_pair(project).id, "left")
    trained = {"checkpoint": CheckpointRef(run.id, 2), "device": "cpu"}
    finish(start_export(project, ExportArgs(**trained, name="Voz")))
    assert exports(project)[0].manifest["sample"]["language"] == "pt"
    project.store.edit_clips(ClipFilter("new"), status="rejected")
    states = {step.key: step.state for step in steps(project)}
    assert states == dict.fromkeys(
        ("sources", "segments", "transcripts", "review", "dataset", "train", "listen", "speak"), "done"
    )


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
