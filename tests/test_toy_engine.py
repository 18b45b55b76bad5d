"""An engine that nothing here knows of comes in by its package alone and walks the whole road in real jobs."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.checkpoint_ref import CheckpointRef
from core.clips.cut import options_of_last_cut
from core.dataset.freeze import DatasetInfo, freeze
from core.engines import registry
from core.errors import UserError
from core.files import read_json
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.jobs.args.training import MeasurePaceArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.listening.pairs import next_pair, vote
from core.listening.ranking import table
from core.pipeline import project_cards, steps
from core.project.engine import read_text
from core.project.workspace import Project, Workspace
from core.sources.upload import add_file
from core.synthesis.exports import exports
from core.synthesis.start import start_export, start_speak, takes
from core.tasks import measure_pace
from core.training.run import Run
from core.training.start import resume, start_training
from tests.audio.sounds import cut_tones, silence, tone, write
from tests.jobs.conftest import until
from ui.i18n import Translator
from ui.parts.engine_forms import EngineForms
from ui.tabs import home
from ui.tabs.train import tab as train
from ui.tabs.train.base_model import base_panel
from ui.tabs.train.setup import setup_view

TOY = Path(__file__).parent / "toy"
CLIPS, PITCH_HZ, STEPS = 12, 220.0, 100
SETTINGS = {"max_steps": STEPS, "save_every": 25, "vibrato_hz": 7}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The toy's package, found by this process and by the jobs it starts as one that was installed would be.

    The jobs find no torch: nothing but an engine itself may need it.
    """
    without = tmp_path_factory.mktemp("without")
    (without / "torch.py").write_text("raise ImportError('there is no torch here')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", f"{TOY}:{without}")
        registry._engines.cache_clear()
        yield
    registry._engines.cache_clear()


@dataclass
class Walked:
    """What was made on the way."""

    project: Project
    dataset: DatasetInfo
    run: Run
    uninterrupted: Run


def done(job: Job) -> Job:
    """The job, once it is done."""
    view = job.wait(120)
    assert view.status == "done", f"{view.text}\n{job.log_tail()}"
    return job


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, installed: None) -> Walked:
    """From a recording of tones to a voice that hums at their pitch, stopped and resumed on the way."""
    folder = tmp_path_factory.mktemp("toy")
    project = Workspace(folder / "workspace").create("Hum", "en", "toy")
    assert (options_of_last_cut(project).min_clip_s, options_of_last_cut(project).max_clip_s) == (0.5, 4.0)
    sounds = [part for n in range(CLIPS) for part in (tone(1.0 + 0.1 * n, 44_100, PITCH_HZ), silence(1.0, 44_100))]
    add_file(project, write(folder / "tones.wav", np.concatenate(sounds), 44_100), title="Tones")
    done(cut_tones(project, None, min_clip_s=0.5, max_clip_s=4.0))
    for number, clip in enumerate(project.store.clips()):
        text = "Number 7." if number == 0 else f"Hum {'la ' * number}."
        project.store.edit_clips([clip.id], text=text, status="approved")
    dataset = freeze(project)
    job = start_training(project, dataset.id, "toy-cpu", SETTINGS, "Stopped", device="cpu")
    until(lambda: Run(project, job.id).read().step >= 10)
    job.stop()
    assert job.wait(60).status == "cancelled"
    assert 10 <= Run(project, job.id).read().step < STEPS
    done(resume(project, job.id))
    whole = done(start_training(project, dataset.id, "toy-cpu", SETTINGS, "Whole", device="cpu"))
    return Walked(project, dataset, Run(project, job.id), Run(project, whole.id))


def test_its_facts_rule_how_clips_are_cut_and_judged(walked: Walked) -> None:
    clips = walked.project.store.clips()
    assert len(clips) == CLIPS
    assert {soundfile.info(walked.project.clip_file(clip.id)).samplerate for clip in clips} == {16_000}
    report = read_json(walked.dataset.path / "report.json")
    assert walked.dataset.clips == CLIPS - 1
    assert [(drop["code"], drop["values"]) for drop in report["dropped"]] == [
        ("dataset.unknown_characters", {"characters": "7"})
    ]


def test_a_few_updates_tell_how_long_a_first_run_will_take(walked: Walked) -> None:
    project, seen = walked.project, walked.project.latest("measure_pace")
    assert seen is None
    args = MeasurePaceArgs(dataset=walked.dataset.id, base="tuning-fork", preset="toy-cpu", changes=SETTINGS)
    job = Job.create(project.jobs, args)
    result = measure_pace.run(job, project, args, Reporter(job))
    assert 0 < result["step_s"] < 1 and 0 < result["eval_s"] < 1


def test_it_learns_and_goes_on_after_a_stop_as_if_there_had_been_none(walked: Walked) -> None:
    view = walked.run.read()
    assert view.job.status == "done" and view.step == STEPS
    assert {0, 25, 50, 75, 100} <= {step for step, _ in view.checkpoints}
    assert view.config.model_dump()["vibrato_hz"] == 7
    assert view.val[-1][1] < 0.2 * view.val[0][1]
    weights = [run.checkpoint(STEPS).joinpath("adapter.safetensors").read_bytes() for run in _both(walked)]
    assert weights[0] == weights[1]
    assert view.train == walked.uninterrupted.read().train


def test_every_checkpoint_speaks_the_engines_own_sentences_ever_nearer_to_the_speaker(walked: Walked) -> None:
    view = walked.run.read()
    assert [view.samples[0][0].text, view.samples[1][0].text] == [
        "Hum a short line.",
        "And now hum a somewhat longer one.",
    ]
    pitches = [_pitch(sample.path) for sample in view.samples[0]]
    assert pitches == sorted(pitches, reverse=True) and pitches[0] > 280 > 260 > pitches[-1]


def test_its_checkpoints_are_compared_blindly(walked: Walked) -> None:
    pair = next_pair(walked.project)
    told = vote(walked.project, pair.id, "left")
    assert table(walked.project).rows[0].checkpoint == told.left != told.right


def test_it_speaks_and_exports_what_the_samples_of_the_checkpoint_said(walked: Walked) -> None:
    spoken = read_json(walked.run.path / "samples" / "sentences.json")
    seed = int(spoken["seed"])
    trained = {"checkpoint": CheckpointRef(walked.run.id, STEPS), "seed": seed, "device": "cpu"}
    done(start_speak(walked.project, SynthesizeArgs(**trained, text=spoken["texts"][0])))
    done(start_export(walked.project, ExportArgs(**trained, name="Hummer")))
    take, export = takes(walked.project)[0], exports(walked.project)[0]
    sample = next(view for view in walked.run.read().samples[0] if view.step == STEPS)
    assert take.path.read_bytes() == sample.path.read_bytes() == export.sample.read_bytes()
    assert export.manifest["engine"] == "toy" and export.manifest["base"] == "tuning-fork"
    assert export.manifest["license"] == "Public domain"


def test_the_road_is_walked_to_its_end(walked: Walked) -> None:
    ahead = {step.key: step.state for step in steps(walked.project)}
    assert {key: ahead[key] for key in ("segments", "review", "dataset", "train")} == dict.fromkeys(
        ("segments", "review", "dataset", "train"), "done"
    )


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_the_page_shows_it_in_its_forms(walked: Walked, language: str) -> None:
    t = Translator(language)
    engine = home._engine(t)
    assert 'value="toy">Sine tones' in engine and 'value="xtts"' in engine
    chosen = train.Selection.read(walked.project, "")
    setup = setup_view(t, walked.project, chosen)
    assert "Tuning fork" in setup and "toy-cpu" in setup and "xtts" not in setup
    assert chosen.base == "tuning-fork" and base_panel(t, walked.project, chosen.base)
    assert read_text(walked.project, "Hum 7").unknown == "7"
    with gr.Blocks():
        all_forms = EngineForms(t, registry.train_config, "training", functools.partial(train._grouped, t))
    columns, forms = all_forms.columns, all_forms.forms
    names = forms["toy"].names
    assert "vibrato_hz" in names and "lora_rank" not in names and "lora_rank" in forms["xtts"].names
    field = forms["toy"].inputs[names.index("vibrato_hz")]
    assert field.label == "vibrato_hz" and field.info.startswith("How fast the voice trembles.")
    assert columns.keys() == {engine.name for engine in registry.engines()} >= {"xtts", "toy"}


def test_where_the_package_is_gone_its_projects_are_still_shown(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {engine.name: engine for engine in registry._OWN}
    monkeypatch.setattr(registry, "_engines", lambda: own)
    assert [card.name for card in project_cards(walked.project.workspace)] == ["Hum"]
    with pytest.raises(UserError) as refusal:
        start_speak(walked.project, SynthesizeArgs(text="Hum."))
    assert refusal.value.code == "engine.unknown"


def _both(walked: Walked) -> tuple[Run, Run]:
    return walked.run, walked.uninterrupted


def _pitch(path: Path) -> float:
    samples, rate = soundfile.read(path)
    return float(np.argmax(np.abs(np.fft.rfft(samples))[1:]) + 1) * rate / len(samples)
