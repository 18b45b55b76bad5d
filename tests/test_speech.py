"""Speaking and exporting as jobs, over a real (tiny) training run's checkpoints."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.checkpoint_ref import CheckpointRef
from core.engines.voice import ReferenceClip
from core.errors import UserError
from core.files import write_json
from core.jobs import events, worker
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job, JobView
from core.project import trash
from core.project.records import Clip, Source
from core.project.workspace import Project
from core.report.adapter import adapter_files
from core.sources.voice_import import Arrival, bring_in_files
from core.synthesis import start as speech
from core.synthesis.exports import exports, imported_voice, imported_voices
from core.synthesis.saved_voices import COLOURS, save_voice
from core.synthesis.voices import IMPORTED, voices

TEXT = "Good evening, and welcome."


def add_clips(project: Project, prompts: Any, count: int = 4) -> list[str]:
    """Real speech as approved clips."""
    project.store.add_source(Source(id="s1", title="Prompts", seconds=60, sample_rate=16_000))
    samples, rate = soundfile.read(prompts.recording, dtype="float32")
    project.clips.mkdir(parents=True)
    clips = []
    for number, (start_s, end_s, text) in enumerate(prompts.spoken[:count]):
        clip_id = f"s1-{number:04d}"
        soundfile.write(project.clip_file(clip_id), samples[round(start_s * rate) : round(end_s * rate)], rate)
        clips.append(Clip(clip_id, "s1", start_s, end_s, text=text, status="approved", confidence=0.9))
    project.store.replace_clips("s1", clips)
    return [clip.id for clip in clips]


def add_run(project: Project, base: Path, base_id: str = "") -> Job:
    """A training run as the loop leaves it behind: the base as step 0 and an adapter at step 20."""
    from core.engines.xtts.model import load as model
    from core.engines.xtts.model import lora
    from core.training.checkpoints import Checkpoints
    from tests.engines.test_xtts_model import shaken

    job = Job.create(
        project.runs, TrainArgs(base=base_id or str(base), dataset="none"), title="Evening", name="evening"
    )
    checkpoints, options = Checkpoints(job.path), lora.LoraOptions(rank=4, alpha=8)
    checkpoints.save_base()
    xtts = shaken(model.load_base(base), options)
    checkpoints.save(20, lambda folder: lora.save_adapter(xtts, folder, options, step=20))
    return job


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run in this process, which has torch imported already; that they run as children is proved elsewhere."""

    def spawn(job: Job, *_: object) -> None:
        events.append(job.events_path, events.Launched())
        events.append(job.events_path, worker.run(job))

    monkeypatch.setattr(Job, "_spawn", spawn)


def done(job: Job) -> dict[str, Any]:
    view = job.wait(300)
    assert view.status == "done", (view.text, view.hint, job.log_tail())
    return view.result


@pytest.mark.slow
def test_a_checkpoint_speaks_and_is_exported_and_both_say_the_same(
    project: Project, prompts: Any, starter: Path, here: None
) -> None:
    clip_ids = add_clips(project, prompts)
    run = add_run(project, starter)

    spoken = {}
    for step in (0, 20):
        result = done(
            speech.start_speak(
                project, SynthesizeArgs(text=TEXT, checkpoint=CheckpointRef(run.id, step), seed=3, device="cpu")
            )
        )
        spoken[step] = result["take"]
    takes = speech.takes(project)
    assert [take.id for take in takes] == [spoken[20], spoken[0]]
    assert (
        (takes[0].voice, takes[0].checkpoint) == ("Evening", CheckpointRef(run.id, 20))
        and takes[0].text == TEXT
        and takes[0].seed == 3
    )
    assert set(takes[0].reference_clip_ids) <= set(clip_ids)
    sounds = {}
    for take in takes:
        sounds[take.checkpoint.step], rate = soundfile.read(take.path)
        assert rate == 24_000 and sounds[take.checkpoint.step].size / rate == pytest.approx(take.seconds, abs=0.01)
    assert sounds[0].shape != sounds[20].shape or np.abs(sounds[0] - sounds[20]).max() > 1e-2

    wish = ExportArgs(checkpoint=CheckpointRef(run.id, 20), name="Evening voice", text=TEXT, seed=3, device="cpu")
    result = done(speech.start_export(project, wish))
    [export] = exports(project)
    assert (export.id, export.name, str(export.folder)) == ("evening-voice", "Evening voice", result["folder"])
    assert export.manifest["run"] == "Evening" and export.manifest["step"] == 20
    sample, _ = soundfile.read(export.sample)
    if export.manifest["sample"]["seed"] == 3:
        np.testing.assert_allclose(sample, sounds[20], atol=2e-4)  # both rounded to 16 bits

    speech.remove_take(project, spoken[0])
    assert [take.id for take in speech.takes(project)] == [spoken[20]]
    assert [(entry.kind, len(entry.places)) for entry in trash.contents(project)] == [("take", 2)]


@pytest.mark.slow
def test_an_adapter_alone_is_brought_in_where_its_base_is_and_speaks_as_the_checkpoint_did(
    project: Project, prompts: Any, starter: Path, here: None, tmp_path: Path
) -> None:
    add_clips(project, prompts)
    workspace = project.workspace
    workspace.models.mkdir(parents=True, exist_ok=True)
    (workspace.models / "starter").symlink_to(starter)
    run = add_run(project, starter, "starter")
    manner: dict[str, Any] = {"settings": {"speed": 1.1}, "seed": 3, "colour": COLOURS[2]}
    ana = save_voice(project, "Ana", f"{run.id}:20", rights="She agreed.", **manner)

    def brought(**changes: object) -> JobView:
        upload = tmp_path / "ana-adapter.zip"
        with zipfile.ZipFile(upload, "w") as archive:
            for name, content in adapter_files(project, ana):
                data = content if isinstance(content, bytes) else content.read_bytes()
                for part, change in changes.items():
                    if name.endswith(f"/{part}.json") or name.endswith(f"/{part}.xtts.json"):
                        data = json.dumps({**json.loads(data), **change}).encode()  # type: ignore[dict-item]
                archive.writestr(name, data)
        return bring_in_files(Arrival(workspace, project, device="cpu"), [upload]).wait(300)

    view = brought()
    assert view.status == "done", (view.text, view.hint)
    voice = imported_voice(workspace, str(view.result["voice"]))
    assert (voice.name, voice.manner, voice.manifest["rights"]) == ("Ana", manner, "She agreed.")
    said = []
    choice = next(entry for entry in voices(project) if entry.id == f"{IMPORTED}:{voice.id}")
    own = SynthesizeArgs(text=TEXT, checkpoint=ana.checkpoint, seed=3, settings={"speed": 1.1}, device="cpu")
    for wish in (choice.wish(SynthesizeArgs, text=TEXT, device="cpu"), own):
        take = done(speech.start_speak(project, wish))["take"]
        said.append(soundfile.read(project.takes / f"{take}.wav")[0])
    np.testing.assert_allclose(said[0], said[1], atol=2e-4)

    for changes, code in (
        ({"base": {"sha256": "0" * 64}}, "voice.other_base"),
        ({"base": {"references": []}}, "voice.broken_adapter"),
        ({"adapter": {"lora": None}}, "adapter.foreign"),
    ):
        view = brought(**changes)
        assert (view.status, view.code) == ("failed", code), (changes, view.text)
    assert [entry.id for entry in imported_voices(workspace)] == [voice.id] and not list(project.uploads.iterdir())


@pytest.mark.slow
def test_the_starter_is_made_when_the_base_is_to_speak_offline(project: Project, prompts: Any, preloaded: None) -> None:
    add_clips(project, prompts)
    result = done(
        speech.start_speak(
            project, SynthesizeArgs(text="Olá, tudo bem?", language="pt-BR", base="starter", device="cpu")
        )
    )
    [take] = speech.takes(project)
    assert (take.id, take.voice, take.checkpoint, take.language) == (result["take"], "Starter", None, "pt")
    assert (project.workspace.models / "starter" / "starter.json").exists()


@pytest.mark.slow
def test_a_refused_text_fails_with_its_reason_and_leaves_no_take(
    project: Project, prompts: Any, starter: Path, here: None
) -> None:
    add_clips(project, prompts)
    view = speech.start_speak(project, SynthesizeArgs(text="I love 🍕.", base=str(starter), device="cpu")).wait(300)
    assert (view.status, view.code) == ("failed", "speak.unknown_characters") and "🍕" in view.text
    assert speech.takes(project) == [] and not list(project.path.glob("takes/*"))


def test_best_references_are_approved_sure_and_of_a_good_length(project: Project) -> None:
    project.store.add_source(Source(id="s", title="S"))

    def clip(name: str, seconds: float, status: str = "approved", confidence: float | None = 0.9) -> Clip:
        return Clip(name, "s", 0.0, seconds, text="x", status=status, confidence=confidence)

    clips = [
        clip("short", 1.0),
        clip("good", 8.0),
        clip("fine", 6.0),
        clip("unsure", 8.0, confidence=0.3),
        clip("new", 8.0, status="new"),
        clip("rejected", 8.0, status="rejected"),
    ]
    project.store.replace_clips("s", clips)
    assert speech.best_references(project) == ["good", "fine", "unsure"]
    assert speech.best_references(project, 6) == ["good", "fine", "unsure", "short", "new"]


def test_impossible_wishes_are_refused_before_a_job_starts(project: Project, prompts: Any) -> None:
    def refused(**wish: Any) -> str:
        with pytest.raises(UserError) as caught:
            speech.start_speak(project, SynthesizeArgs(**{"text": TEXT, "base": "starter", **wish}))
        return caught.value.code

    assert refused() == "speak.no_reference"
    add_clips(project, prompts)
    assert refused(text="  ") == "speak.empty"
    assert refused(language="xx") == "engine.language"
    assert refused(settings={"loudness": 1.0}) == "speak.setting"
    assert refused(settings={"temperature": 0.0}) == refused(settings={"speed": float("nan")}) == "speak.setting_range"
    assert refused(settings={"top_k": 2.5}) == "speak.setting_whole"
    assert refused(checkpoint="no-such-run:0") == "job.missing"
    assert refused(reference_clip_ids=["s1-9999"]) == "speak.no_clip"
    run = Job.create(project.runs, TrainArgs(base="starter", dataset="d"), name="r")
    assert refused(checkpoint=f"{run.id}:7") == "train.no_checkpoint"
    assert [job.id for job in project.all_jobs()] == [run.id]


def test_a_runs_own_references_are_used_so_that_it_sounds_as_its_samples(project: Project, prompts: Any) -> None:
    clip_ids = add_clips(project, prompts)
    run = Job.create(project.runs, TrainArgs(base="starter", dataset="d1"), name="r")
    (run.path / "checkpoints" / "step-000000").mkdir(parents=True)
    write_json(run.path / "checkpoints" / "step-000000" / "adapter.json", {"step": 0, "base": True})
    frozen = {"texts": ["Said in training."], "language": "en", "references": [clip_ids[3]], "seed": 0}
    write_json(run.path / "samples" / "sentences.json", frozen)
    wavs = project.datasets / "d1" / "wavs"
    wavs.mkdir(parents=True)
    shutil.copyfile(project.clip_file(clip_ids[3]), wavs / f"{clip_ids[3]}.wav")
    (wavs.parent / "metadata.csv").write_text(f"{clip_ids[3]}|As it was frozen.|As it was frozen.\n")

    base = CheckpointRef("r", 0)
    assert speech.complete_voice(project, SynthesizeArgs(checkpoint=base)).reference_clip_ids == (clip_ids[3],)
    assert speech.reference_files(project, base, [clip_ids[3]]) == [
        ReferenceClip(wavs / f"{clip_ids[3]}.wav", "As it was frozen.", "en")
    ]
    assert speech.sample_text(project, base, "en") == "Said in training."


def test_an_unfinished_export_is_not_listed(project: Project) -> None:
    (project.exports / ".tmp-abc").mkdir(parents=True)
    write_json(project.exports / ".tmp-abc" / "manifest.json", {"name": "half", "exported_at": 1.0})
    (project.exports / "nothing").mkdir()
    assert exports(project) == []


def test_takes_of_an_earlier_version_are_listed_with_their_checkpoint(project: Project) -> None:
    said = {"text": "Hi.", "language": "en", "seed": 0, "reference_clip_ids": [], "seconds": 1.0, "took_s": 1.0}
    write_json(project.takes / "a.json", {**said, "voice": "Evening · 20", "run_id": "evening", "step": 20, "at": 2.0})
    write_json(project.takes / "b.json", {**said, "voice": "Starter", "run_id": None, "step": 0, "at": 1.0})
    for name in "ab":
        (project.takes / f"{name}.wav").touch()
    takes = [(take.voice, take.checkpoint) for take in speech.takes(project)]
    assert takes == [("Evening", CheckpointRef("evening", 20)), ("Starter", None)]
