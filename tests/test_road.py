"""The whole road on real recorded speech: from an upload to a voice that plain coqui-tts speaks with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.audio.samples import read
from core.checkpoint_ref import CheckpointRef
from core.clips.cut import start_segment
from core.dataset.freeze import DatasetInfo, freeze
from core.engines.xtts.bases import STARTER
from core.files import read_json
from core.jobs.args import ExportArgs, ImportArgs, SynthesizeArgs, TranscribeArgs
from core.jobs.job import Job, JobView
from core.listening.pairs import next_pair, vote
from core.listening.ranking import table
from core.pipeline import steps
from core.project.engine import start_download
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project, Workspace
from core.sources import recordings
from core.synthesis.exports import exports
from core.synthesis.start import start_export, start_speak, takes
from core.training.run import Run, start_training
from core.transcription import registry
from core.transcription.start import start_transcribe
from core.transcription.wer import wer
from tests.conftest import Prompts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STEPS = 30
PROMPTS = 12  # of the bundled recording, from its beginning
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
class Walked:
    """What each part of the road left behind."""

    project: Project
    dataset: DatasetInfo
    run: Run
    clips: list[Clip]
    plain: dict[int, np.ndarray]
    take: np.ndarray
    exported: Path
    views: dict[str, JobView] = field(default_factory=dict)

    def samples(self, step: int) -> dict[int, np.ndarray]:
        """What a checkpoint spoke, by the number of the sentence."""
        folder = self.run.path / "samples" / f"step-{step:06d}"
        return {int(path.stem): soundfile.read(path, dtype="float32")[0] for path in folder.glob("*.wav")}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, prompts: Prompts, preloaded: None) -> Walked:
    """Walk the road once; the tests look at what it left."""
    folder = tmp_path_factory.mktemp("road")
    project = Workspace(folder / "workspace").create("Road", "en")
    views: dict[str, JobView] = {}

    def finish(kind: str, job: Job) -> Job:
        views[kind] = job.wait(900)
        assert views[kind].status == "done", f"{kind}: {views[kind].text}\n{job.log_tail()}"
        return job

    starter = start_download(project, STARTER)
    upload = folder / "upload.flac"
    soundfile.write(upload, *read(prompts.recording, 0, prompts.spoken[PROMPTS][0]))
    wish = ImportArgs(files=[(upload, "Prompts")], rights="CC BY-SA 3.0, Allison Smith")
    finish("import", recordings.add(project, wish))
    finish("segment", start_segment(project))
    recognition = TranscribeArgs(model="builtin:tiny.en", language="en", device="cpu")
    finish("transcribe", start_transcribe(project, recognition))
    clips = project.store.clips()
    project.store.edit_clips(ClipFilter("new"), status="approved")
    dataset = freeze(project)
    finish("starter", starter)
    settings = {"max_steps": STEPS, "save_every": 15, "eval_every": 15, "sample_sentences": 2}
    run_job = finish("train", start_training(project, dataset.id, "xtts-cpu", settings, "First", STARTER, device="cpu"))
    run = Run(project, run_job.id)
    trained = {"checkpoint": CheckpointRef(run.id, STEPS), "device": "cpu"}
    finish("export", start_export(project, ExportArgs(**trained, name=NAME)))
    exported = exports(project)[0].folder
    spoken = read_json(run.path / "samples" / "sentences.json")
    first = SynthesizeArgs(**trained, text=spoken["texts"][0], seed=int(spoken["seed"]))
    finish("synthesize", start_speak(project, first))
    take, _ = soundfile.read(takes(project)[0].path, dtype="float32")
    return Walked(project, dataset, run, clips, _speak_plainly(exported, spoken, folder), take, exported, views)


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


def test_recordings_are_cut_into_clips_of_three_to_eleven_seconds(walked: Walked) -> None:
    assert walked.views["import"].result["added"] == 1
    assert 0.7 * PROMPTS <= len(walked.clips) <= 1.5 * PROMPTS
    for clip in walked.clips:
        facts = soundfile.info(str(walked.project.clip_file(clip.id)))
        assert (facts.samplerate, facts.channels) == (22_050, 1)
        assert 2.99 <= clip.seconds <= 11.01 and abs(facts.duration - clip.seconds) < 0.01


def test_real_recognition_misses_at_most_one_word_in_ten(walked: Walked, prompts: Prompts) -> None:
    reference, heard = said_in(walked.clips, prompts)
    assert len(reference.split()) > 100
    assert wer(reference, heard) <= 0.10
    assert all(clip.raw_text and 0 < (clip.confidence or 0) <= 1 for clip in walked.clips)


def test_the_dataset_holds_every_approved_clip_in_two_parts(walked: Walked) -> None:
    info = walked.dataset
    assert info.clips == len(walked.clips) == info.train + info.val
    assert info.val == pytest.approx(info.clips / 10, abs=1.5)
    rows = (info.path / "metadata.csv").read_text(encoding="utf-8").splitlines()
    assert all(len(row.split("|")) == 3 for row in rows)


def test_training_saves_and_speaks_at_every_checkpoint_and_learns(walked: Walked) -> None:
    view = walked.run.read()
    assert [step for step, _ in view.checkpoints] == [0, 15, 30]
    assert [step for step, _ in view.train] == list(range(1, STEPS + 1))
    assert all(len(walked.samples(step)) == 2 for step in (0, 15, 30))
    assert np.mean([loss for _, loss in view.train[-5:]]) < np.mean([loss for _, loss in view.train[:5]])


def test_a_checkpoint_speaks_with_its_own_weights(walked: Walked) -> None:
    base = walked.samples(0)
    for step in (15, 30):
        for number, samples in walked.samples(step).items():
            assert samples.shape != base[number].shape or np.abs(samples - base[number]).max() > 1e-3


def test_plain_coqui_speaks_the_samples_of_the_checkpoint(walked: Walked) -> None:
    ours = walked.samples(STEPS)
    assert set(ours) == set(walked.plain)
    for number, theirs in walked.plain.items():
        assert theirs.shape == ours[number].shape
        assert np.abs(np.clip(theirs, -1, 1) - ours[number]).max() <= 1e-4


def test_the_speak_page_says_the_same_with_the_same_seed(walked: Walked) -> None:
    theirs = walked.plain[0]
    assert walked.take.shape == theirs.shape and np.abs(np.clip(theirs, -1, 1) - walked.take).max() <= 1e-4


def test_the_blind_vote_ends_in_the_table(walked: Walked) -> None:
    pair = next_pair(walked.project)
    told = vote(walked.project, pair.id, "left")
    assert told.left.run_id == walked.run.id and told.left != told.right
    best = table(walked.project).rows[0]
    assert (best.checkpoint, best.wins) == (told.left, 1)


def test_the_header_shows_the_whole_road_done(walked: Walked) -> None:
    vote(walked.project, next_pair(walked.project).id, "same")
    assert {step.key: step.state for step in steps(walked.project)} == dict.fromkeys(
        ("sources", "segments", "transcripts", "review", "dataset", "train", "listen", "speak"), "done"
    )


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
    assert {step.state for step in steps(project)} == {"done"}


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

    said = [
        text for start_s, end_s, text in prompts.spoken[:PROMPTS] if covered(start_s, end_s) > 0.5 * (end_s - start_s)
    ]
    ordered = sorted(clips, key=lambda clip: clip.start_s)
    return " ".join(said), " ".join(clip.raw_text for clip in ordered)
