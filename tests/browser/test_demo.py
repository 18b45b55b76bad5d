"""What a person does first: press the demo's button, and end with a vote. In both languages, in a real browser.

What the demo leaves is the whole road on real recorded speech, so it is looked at here: from an upload to a voice that
plain coqui-tts speaks with. Where there is no browser, the demo is started without one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.checkpoint_ref import CheckpointRef
from core.demo import start_demo
from core.files import read_json
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.jobs.job import Job
from core.listening.ranking import table
from core.pipeline import steps
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project, Workspace
from core.synthesis.exports import exports
from core.synthesis.start import start_export, start_speak, takes
from core.tasks.demo import SETTINGS
from core.training.run import Run, runs
from core.transcription.wer import wer
from tests.browser.conftest import Server, listen_to_both
from tests.conftest import TABS, Prompts
from tests.test_road import said_in
from ui.i18n import Translator

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE_MS = 480_000
STEPS = SETTINGS["max_steps"]
NAME = "Road Voice"

# Nothing of ours may take part: this is what anyone with `pip install coqui-tts` would write.
_PLAIN = """
import gc, json, sys
gc.disable()  # the import takes a third less
import numpy, torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

folder, name, wanted, target = sys.argv[1:]
config = XttsConfig()
config.load_json(folder + "/config.json")
voice = Xtts(config)
voice.load_checkpoint(config, checkpoint_dir=folder)
speaker = voice.speaker_manager.speakers[name]
for number, (text, language, seed, settings) in enumerate(json.loads(wanted)):
    torch.manual_seed(seed)
    spoken = voice.inference(
        text, language, speaker["gpt_cond_latent"], speaker["speaker_embedding"], **settings)
    numpy.save(f"{target}/{number}.npy", spoken["wav"])
assert not [module for module in sys.modules if module == "core" or module.startswith("core.")]
"""


@dataclass
class Demo:
    """The demo after it has ended: its project, and the page that its button was pressed in, if there is a browser."""

    project: Project
    server: Server | None = None
    page: Any = None
    errors: list[str] | None = None


@dataclass
class Spoken:
    """What the demo's voice speaks by plain coqui-tts, by the number of the sentence, and on the Speak page."""

    run: Run
    plain: dict[int, np.ndarray]
    take: np.ndarray

    def samples(self, step: int) -> dict[int, np.ndarray]:
        """What a checkpoint spoke, by the number of the sentence."""
        folder = self.run.path / "samples" / f"step-{step:06d}"
        return {int(path.stem): soundfile.read(path, dtype="float32")[0] for path in folder.glob("*.wav")}


def open_page(chromium: Any, server: Server, language: str, path: str = "/", **context: Any) -> tuple[Any, list[str]]:
    """A new page in a browser that asks for ``language``, and the list its console errors go to."""
    page = chromium.new_context(locale=language, reduced_motion="reduce", **context).new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.url + path)
    if path == "/":
        page.wait_for_selector("#start-demo")
    return page, errors


@pytest.fixture(scope="module")
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Press the demo's button and wait until it leads to the first pair."""
    workspace = Workspace(tmp_path_factory.mktemp("demo") / "workspace")
    try:
        chromium = request.getfixturevalue("chromium")
    except pytest.skip.Exception:
        project, job = start_demo(workspace)
        assert job.wait(600).status == "done", job.log_tail()
        yield Demo(project)
        return
    server = Server(workspace.path)
    page, errors = open_page(chromium, server, "pt-BR")
    assert "/pt-BR/" in page.url  # the browser's language was chosen
    page.dblclick("#start-demo")  # an eager double click starts one demo
    page.wait_for_selector(".vw-job .vw-bar")
    button = Translator("pt-BR")("home.demo_listen")
    page.get_by_role("button", name=button, exact=True).click(timeout=PATIENCE_MS)
    page.wait_for_selector(".vw-ab .vw-side >> nth=1")
    (project,) = workspace.projects()
    yield Demo(project, server, page, errors)
    server.stop()


def test_the_demo_leads_from_its_button_over_the_whole_road_to_a_vote(demo: Demo, chromium: Any) -> None:
    project, page, errors, server = demo.project, demo.page, demo.errors, demo.server
    assert server is not None

    # What it left behind.
    assert project.info.name == "Demonstração" and project.info.language == "en" and project.info.demo
    job, training = project.latest("demo"), project.latest("train")
    assert job and training
    view = job.read()
    assert view.status == "done" and view.warnings == []
    assert view.result["steps"] == STEPS and view.result["approved"] >= 35
    states = {step.key: step.state for step in steps(project)}
    assert states["train"] == states["dataset"] == "done" and states["listen"] == "empty"

    # A vote in each language; in the other one, without a second demo.
    for votes, language in enumerate(("pt-BR", "en"), 1):
        if language == "en":
            page.context.close()
            page, errors = open_page(chromium, server, "en", path=f"/en/?project={project.slug}&tab=listen")
            page.wait_for_selector(".vw-ab .vw-side >> nth=1")
        listen_to_both(page)
        before = page.inner_html("#page-listen .vw-ab")
        assert not re.search(r"step|\b(0|20|40)\b", re.sub(r"/audio/\S+", "", before)), "a name shows before the vote"
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector(".vw-name")
        page.wait_for_selector("#page-listen table")
        assert errors == []
        page.reload()  # the vote is on disk
        page.wait_for_selector("#page-listen table")
        assert len(project.store.votes()) == votes
        if votes == 1:  # and in the table
            (vote,), best = project.store.votes(), table(project).rows[0]
            assert vote.left.run_id == training.id and vote.left != vote.right
            assert (best.checkpoint, best.wins) == (vote.left, 1)


@pytest.fixture(scope="module")
def clips(demo: Demo) -> list[Clip]:
    """The demo's clips."""
    return demo.project.store.clips()


def test_recordings_are_cut_into_clips_of_three_to_eleven_seconds(
    demo: Demo, clips: list[Clip], prompts: Prompts
) -> None:
    importing = demo.project.latest("import_sources")
    assert importing and importing.read().result["added"] == 1
    assert 0.7 * len(prompts.spoken) <= len(clips) <= 1.5 * len(prompts.spoken)
    for clip in clips:
        facts = soundfile.info(str(demo.project.clip_file(clip.id)))
        assert (facts.samplerate, facts.channels) == (22_050, 1)
        assert 2.99 <= clip.seconds <= 11.01 and abs(facts.duration - clip.seconds) < 0.01


def test_real_recognition_misses_at_most_one_word_in_ten(clips: list[Clip], prompts: Prompts) -> None:
    reference, heard = said_in(clips, prompts)
    assert len(reference.split()) > 100
    assert wer(reference, heard) <= 0.10
    assert all(clip.raw_text and 0 < (clip.confidence or 0) <= 1 for clip in clips)


def test_the_dataset_holds_every_approved_clip_in_two_parts(demo: Demo, clips: list[Clip]) -> None:
    (folder,) = demo.project.datasets.iterdir()
    info = read_json(folder / "dataset.json")
    assert info["clips"] == sum(clip.status == "approved" for clip in clips) == info["train"] + info["val"]
    assert 0 < info["val"] <= 0.3 * info["clips"]  # stretches of half a minute; how many in the long run: test_split
    rows = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == info["clips"] and all(len(row.split("|")) == 3 for row in rows)


@pytest.fixture(scope="module")
def spoken(demo: Demo, tmp_path_factory: pytest.TempPathFactory, preloaded: None) -> Spoken:
    """Export the last checkpoint, have plain coqui-tts and the Speak page say what it said while it was trained."""
    project = demo.project
    (run,) = runs(project)

    def finish(job: Job) -> None:
        view = job.wait(900)
        assert view.status == "done", f"{view.text}\n{job.log_tail()}"

    trained = {"checkpoint": CheckpointRef(run.id, STEPS), "device": "cpu"}
    finish(start_export(project, ExportArgs(**trained, name=NAME)))
    said = read_json(run.path / "samples" / "sentences.json")
    finish(start_speak(project, SynthesizeArgs(**trained, text=said["texts"][0], seed=int(said["seed"]))))
    take, _ = soundfile.read(takes(project)[0].path, dtype="float32")
    return Spoken(run, _speak_plainly(exports(project)[0].folder, said, tmp_path_factory.mktemp("plain")), take)


def _speak_plainly(exported: Path, spoken: dict[str, Any], folder: Path) -> dict[int, np.ndarray]:
    settings = read_json(exported / "manifest.json")["sample"]["settings"]
    wanted = [
        (text, spoken["language"], int(spoken["seed"]) + number, settings)
        for number, text in enumerate(spoken["texts"])
    ]
    script = folder / "plain.py"
    script.write_text(_PLAIN)
    command = [sys.executable, str(script), str(exported), NAME, json.dumps(wanted), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return {number: np.load(folder / f"{number}.npy") for number in range(len(wanted))}


def test_training_saves_and_speaks_at_every_checkpoint_and_learns(spoken: Spoken) -> None:
    view = spoken.run.read()
    assert [step for step, _ in view.checkpoints] == [0, 20, 40]
    assert [step for step, _ in view.train] == list(range(1, STEPS + 1))
    assert all(len(spoken.samples(step)) == 2 for step in (0, 20, 40))
    assert np.mean([loss for _, loss in view.train[-5:]]) < np.mean([loss for _, loss in view.train[:5]])


def test_a_checkpoint_speaks_with_its_own_weights(spoken: Spoken) -> None:
    base = spoken.samples(0)
    for step in (20, 40):
        for number, samples in spoken.samples(step).items():
            assert samples.shape != base[number].shape or np.abs(samples - base[number]).max() > 1e-3


def test_plain_coqui_speaks_the_samples_of_the_checkpoint(spoken: Spoken) -> None:
    ours = spoken.samples(STEPS)
    assert set(ours) == set(spoken.plain)
    for number, theirs in spoken.plain.items():
        assert theirs.shape == ours[number].shape
        assert np.abs(np.clip(theirs, -1, 1) - ours[number]).max() <= 1e-4


def test_the_speak_page_says_the_same_with_the_same_seed(spoken: Spoken) -> None:
    theirs = spoken.plain[0]
    assert spoken.take.shape == theirs.shape and np.abs(np.clip(theirs, -1, 1) - spoken.take).max() <= 1e-4


def test_the_demos_approvals_are_one_change(demo: Demo) -> None:
    job = demo.project.latest("demo")
    assert job and len(demo.project.store.undo_last()) == job.read().result["approved"]
    assert demo.project.store.count(ClipFilter("approved")) == 0


def test_the_switch_overrides_the_browsers_language_and_is_remembered_and_the_english_demo_is_in_english(
    chromium: Any, server: Server
) -> None:
    page, errors = open_page(chromium, server, "en")
    assert errors == []
    page.click('a[data-language="pt-BR"]')
    page.wait_for_selector(f"text={Translator('pt-BR')('home.demo')}")
    page.goto(server.url)
    page.wait_for_selector(f"text={Translator('pt-BR')('home.demo')}")
    page.click('a[data-language="en"]')
    page.wait_for_selector(f"text={Translator('en')('home.demo')}")
    errors.clear()  # leaving a page breaks its requests off
    page.click("#start-demo")
    page.wait_for_selector(".vw-job .vw-bar")
    (project,) = Workspace(server.workspace).projects()
    assert project.info.name == "Demo" and errors == []


def test_every_tab_opens_on_an_empty_project_without_an_error_on_a_phone(chromium: Any, server: Server) -> None:
    Workspace(server.workspace).create("Ana", "en")
    page, errors = open_page(chromium, server, "en", viewport={"width": 390, "height": 780})
    page.click('[data-open="ana"]')
    for key in TABS[1:]:  # home has no project
        page.click(f'.vw-step[data-go="{key}"]')
        page.wait_for_selector(f"#page-{key} h1:visible")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{key} is wider than a phone by {wide} px"
    assert errors == []
