"""The road with F5-TTS: a recording is dropped in the page, a voice is exported there, and plain f5-tts speaks it.

A small model of random weights and Griffin-Lim in place of Vocos, which every page says. What lies between is done by
the functions that jobs run, in this process: no page differs there from one engine to the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.audio.samples import read, write_wav
from core.checkpoint_ref import CheckpointRef
from core.clips.cut import cut_clip, usual_options
from core.dataset.freeze import freeze
from core.engines.f5.infer.export import plain_mel, plain_model
from core.engines.f5.infer.voice import load_voice
from core.engines.f5.model.tiny import make_starter
from core.engines.voice import ReferenceClip
from core.files import read_json
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip
from core.project.workspace import Project, Workspace
from core.synthesis.exports import exports
from core.tasks import train
from core.training.config import config_text
from core.training.presets import preset
from core.training.run import CONFIG, Run
from tests.browser.conftest import Server
from tests.conftest import Prompts
from tests.jobs.conftest import until
from ui.i18n import Translator

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
STEPS, CLIPS = 2, 5
SETTINGS = {
    "max_steps": STEPS,
    "save_every": 2,
    "eval_every": 2,
    "sample_sentences": 1,
    "batch_size": 2,
    "lora_rank": 2,
}


def trained(project: Project, base: Path, prompts: Prompts) -> Run:
    """From the recording that is there to a run that has ended."""
    source = project.store.sources()[0]
    clips = [
        Clip(f"{source.id}-{n:04d}", source.id, start_s, end_s, text=text, status="approved")
        for n, (start_s, end_s, text) in enumerate(prompts.spoken[:CLIPS], 1)
    ]
    project.clips.mkdir(exist_ok=True)
    project.store.replace_clips(source.id, [cut_clip(project, source, clip, usual_options(project)) for clip in clips])
    about = {"dataset": freeze(project).id, "base": str(base), "preset": "f5-cpu"}
    args = TrainArgs(**about, device="cpu", project=project.slug)
    config = config_text(preset("f5-cpu").config(SETTINGS), engine="f5", language="en", **about)
    job = Job.create(project.runs, args, title="First", name="first", files={CONFIG: config})
    events.append(job.events_path, events.Launched())
    reporter = Reporter(job)
    reporter.start(step=0)
    reporter.emit(events.Finished(outcome="done", result=train.run(job, project, args, reporter)))
    return Run(project, job.id)


def test_from_a_dropped_recording_to_a_voice_that_plain_f5_tts_speaks(
    server: Server, page: Any, prompts: Prompts, tmp_path: Path
) -> None:
    project = Workspace(server.workspace).create("Ana", "en", "f5")
    samples, rate = read(prompts.recording, 0, prompts.spoken[CLIPS][0], sample_rate=44_100)
    write_wav(tmp_path / "talk.wav", samples, rate)
    page.goto(f"{server.url}/en/?project={project.slug}&tab=sources")
    page.locator("#add-files input[type=file]").first.set_input_files(tmp_path / "talk.wav")
    until(lambda: project.store.sources(), 60)
    base = make_starter(tmp_path / "base", dim=32, depth=2)
    run = trained(project, base, prompts)

    for language in ("en", "pt-BR"):
        t = Translator(language)
        page.goto(f"{server.url}/{language}/?project={project.slug}&tab=train&base=f5-starter")
        page.wait_for_selector("#prerequisites li")
        assert page.locator("#prerequisites li").count() == 5
        assert page.locator("#prerequisites", has_text=t("prerequisites.base_made", label="Starter")).count() == 1
        page.wait_for_selector("#page-train .vw-samples audio")
        page.goto(f"{server.url}/{language}/?project={project.slug}&tab=speak")
        page.wait_for_selector("#export-voice:enabled")
        assert page.get_by_text(t("self_test.by_itself")).count() == 1

    page.locator("#export-name textarea, #export-name input").first.fill("Ana falada")
    page.click("#export-voice")
    until(lambda: exports(project), 120)
    exported = exports(project)[0]
    page.wait_for_selector(f'#page-speak audio[src*="{exported.id}"]')
    assert exported.manifest["vocoder"] == "Griffin-Lim" and not exported.manifest["trained"]
    assert page.get_by_text(Translator("pt-BR")("base.starter")).count() >= 1  # what is noise is called so

    said = read_json(exported.folder / "manifest.json")["sample"]
    voice = load_voice(base, run.checkpoint(CheckpointRef(run.id, STEPS).step), device="cpu")
    reference = ReferenceClip(exported.folder / "reference.wav", (exported.folder / "reference.txt").read_text())
    ours = voice.spoken_mel(said["text"], voice.condition([reference]), said["seed"])
    theirs, _ = plain_mel(
        plain_model(exported.folder), exported.folder, said["text"], said["seed"], voice.model.facts.steps
    )
    assert float((ours - theirs[0].T).abs().max()) < 1e-4
