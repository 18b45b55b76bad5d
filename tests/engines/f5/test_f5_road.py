"""A project of F5-TTS walks the road: trained, heard, spoken, exported, tested; by the very tasks that jobs run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.audio.samples import write_wav
from core.checkpoint_ref import CheckpointRef
from core.engines.bases import Base
from core.engines.f5.bases import FACTS, FLAGS, WEIGHTS, F5Bases, read_facts
from core.engines.f5.infer.export import export as export_voice
from core.engines.f5.infer.self_test import self_test as self_test_voice
from core.engines.f5.infer.voice import F5Voice, load_voice
from core.engines.f5.model.load import F5
from core.engines.manifest import changed_files
from core.engines.registry import engines, get_engine
from core.engines.voice import ReferenceClip, SpokenWay
from core.errors import UserError
from core.files import read_json, write_json
from core.jobs import events
from core.jobs.args.base import JobArgs
from core.jobs.args.bases import FetchBaseArgs, RewriteBaseArgs, TryBaseArgs
from core.jobs.args.speech import ExportArgs, SelfTestArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.engine import start_rewriting
from core.project.workspace import Project, Workspace
from core.synthesis import base_tries
from core.synthesis.exports import exports
from core.synthesis.self_test import WayRow, complete, is_base_tested, is_tested, read_table, verdict
from core.synthesis.start import complete_voice
from core.tasks import export, fetch_base, rewrite_base, self_test, train, try_base
from core.training.config import config_text
from core.training.letters import missing_letters
from core.training.presets import preset
from core.training.run import CONFIG, Run
from core.training.samples import FILE, SPOKEN_ON
from ui.i18n import Translator
from ui.tabs import home
from ui.tabs.speak.self_test import self_test_panel
from ui.tabs.train.from_hub import hub_form
from ui.tabs.train.ready import ready_view

STEPS = 4
SENTENCE = "At 10:30 we were 42."
SETTINGS = {
    "max_steps": STEPS,
    "save_every": 2,
    "eval_every": 2,
    "sample_sentences": 1,
    "batch_size": 2,
    "lora_rank": 2,
}


@dataclass
class Walked:
    """A project after its run."""

    project: Project
    run: Run
    voice: dict[str, object]


def begun(project: Project, args: JobArgs, files: dict[str, str] | None = None) -> tuple[Job, Reporter]:
    job = Job.create(project.runs if isinstance(args, TrainArgs) else project.jobs, args, files=files)
    return job, Reporter(job)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, frozen_f5: Path, tiny: Path) -> Walked:
    """Trained on a local folder as base."""
    project = Workspace(tmp_path_factory.mktemp("f5-road") / "workspace").create("Ana", "en", "f5")
    shutil.copytree(frozen_f5, project.datasets / frozen_f5.name)
    about = {"dataset": frozen_f5.name, "base": str(tiny), "preset": "f5-cpu"}
    config = preset("f5-cpu").config(SETTINGS)
    args = TrainArgs(**about, device="cpu", project=project.slug)
    files = {CONFIG: config_text(config, engine="f5", language="en", **about)}
    job, reporter = begun(project, args, files)
    (job.path / "samples").mkdir()
    sentences = {"texts": [SENTENCE], "language": "en", "references": ["clip-3"], "seed": config.seed}
    write_json(job.path / "samples" / FILE, sentences)
    reporter.start(step=0)
    reporter.emit(events.Finished(outcome="done", result=train.run(job, project, args, reporter)))
    run = Run(project, job.id)
    return Walked(project, run, {"checkpoint": CheckpointRef(run.id, STEPS), "device": "cpu"})


def test_a_run_saves_speaks_and_tells_its_error(walked: Walked) -> None:
    view = walked.run.read()
    assert view.step == STEPS and {step for step, _ in view.checkpoints} == {0, 2, 4}
    assert [step for step, _ in view.val] == [0, 2, 4] and len(view.train) == STEPS
    assert {sample.step for sample in view.samples[0]} == {0, 2, 4}
    assert len({sample.path.read_bytes() for sample in view.samples[0]}) == 3


def test_an_export_says_what_the_runs_sample_said_also_where_it_has_numbers(walked: Walked) -> None:
    sample = next(sample for sample in walked.run.read().samples[0] if sample.step == STEPS)
    seed = walked.run.read().config.seed
    exporting = complete_voice(
        walked.project, ExportArgs(**walked.voice, text=sample.text, seed=seed, name="Ana", folder="ana")
    )
    job, reporter = begun(walked.project, exporting)
    export.run(job, walked.project, exporting, reporter)
    exported = exports(walked.project)[0]
    assert exported.manifest["engine"] == "f5" and exported.manifest["vocoder"] == "Griffin-Lim"
    spoken, heard = (soundfile.read(path, dtype="float32")[0] for path in (sample.path, exported.sample))
    assert spoken.shape == heard.shape and float(np.abs(spoken - heard).max()) < 2e-3
    assert (
        sample.text == SENTENCE and "'At ten thirty we were forty-two.'" in (exported.folder / "README.txt").read_text()
    )


def test_a_self_test_goes_every_way_and_finds_voice_and_export_the_same(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "open_recognizer", lambda *_: None)  # a model is loaded in tests of recognition
    args = complete_voice(walked.project, SelfTestArgs(**walked.voice, text="Hello there."))
    job, reporter = begun(walked.project, args)
    reporter.start(step=0)
    result = self_test.run(job, walked.project, args, reporter)
    reporter.emit(events.Finished(outcome="done", result=result))
    rows = read_table(job)
    assert [row.way for row in rows] == ["recording", "vocoder", "vocabulary", "base", "checkpoint", "export"]
    assert rows[5].equals == "checkpoint" and rows[5].is_equal and not rows[5].problem
    assert rows[1].mel_distance is not None and rows[1].mel_distance > 0
    assert (
        all(row.likeness is not None for row in rows[1:] if row.way != "vocabulary")
        and (job.path / "export.wav").exists()
    )
    assert not list(job.path.glob(".tmp-*"))
    for language in ("en", "pt-BR"):
        panel = self_test_panel(Translator(language), walked.project)
        assert panel.count("<tr>") == 7 and 'id="self-test"' in panel
        assert Translator(language)("self_test.letters_all") in panel


def test_what_the_live_voice_said_is_a_way_of_its_own_and_an_untested_voice_is_tested_before_its_export(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "open_recognizer", lambda *_: None)
    assert is_tested(walked.project, complete_voice(walked.project, ExportArgs(**walked.voice)))  # random weights
    monkeypatch.setattr(F5Bases, "is_trained", lambda *_: True)
    exporting = complete_voice(walked.project, ExportArgs(**walked.voice, text="Hi.", name="Bia", folder="bia"))
    monkeypatch.setattr(export, "is_tested", lambda *_: False)
    job, reporter = begun(walked.project, exporting)
    reporter.start(step=0)
    result = export.run(job, walked.project, exporting, reporter)
    reporter.emit(events.Finished(outcome="done", result=result))
    rows = {row.way: row for row in read_table(job)}
    assert rows["live"].equals == "checkpoint" and rows["live"].is_equal and rows["export"].is_equal
    assert result["verdict"] == verdict([vars(row) for row in rows.values()]) and is_tested(walked.project, exporting)
    for language in ("en", "pt-BR"):
        t = Translator(language)
        panel = self_test_panel(t, walked.project)
        assert t("self_test.way_live") in panel and t("self_test.of_export") in panel

    sample = walked.run.path / "samples" / "step-000004" / "0.wav"
    samples, rate = soundfile.read(sample, dtype="float32")
    before, note = sample.read_bytes(), sample.with_name(SPOKEN_ON)
    write_wav(sample, samples[::-1].copy(), rate)  # what was heard while it learnt, and is not what was saved
    try:
        other = exporting.having(folder="caio", name="Caio")
        job, reporter = begun(walked.project, other)
        with pytest.raises(UserError) as refusal:
            export.run(job, walked.project, other, reporter)
        tested = complete(walked.project, SelfTestArgs(**walked.voice))
        spoken = SpokenWay("checkpoint", tested.text, samples, rate)
        live = self_test._live(walked.project, tested, spoken)
        assert live is not None and not live.is_equal
        note.write_text('{"device": "a card"}')  # it draws other noise from the same seed, and that is no fault
        assert self_test._live(walked.project, tested, spoken) is None
    finally:
        sample.write_bytes(before)
        note.write_text('{"device": "cpu"}')
    assert refusal.value.code == "export.self_test" and "live" in refusal.value.values["what"]
    assert not (walked.project.exports / "caio").exists()
    t = Translator("en")
    assert t("self_test.verdict_live_differs") in self_test_panel(t, walked.project)


def test_after_the_first_training_on_a_base_its_voice_is_tested_by_itself(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SelfTestArgs] = []
    monkeypatch.setattr(train, "start_self_test", lambda project, args: asked.append(args))
    args = walked.run.job.spec().args
    assert isinstance(args, TrainArgs)
    reporter = Reporter(walked.run.job)
    train._test_afterwards(walked.project, args, STEPS, reporter)
    assert not asked  # random weights have nothing to be tested by
    other = args.having(base=f"{args.base}/../other")
    monkeypatch.setattr(F5Bases, "is_trained", lambda *_: True)
    train._test_afterwards(walked.project, other, STEPS, reporter)
    assert [entry.checkpoint for entry in asked] == [CheckpointRef(walked.run.id, STEPS)]
    Job.create(walked.project.jobs, SelfTestArgs(base=other.base))
    train._test_afterwards(walked.project, other, STEPS, reporter)
    assert len(asked) == 1 and is_base_tested(walked.project, other.base)


def test_an_export_that_says_something_else_is_refused_and_told(
    walked: Walked, tiny: Path, frozen_f5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def longer(*args: Any, **options: Any) -> None:
        export_voice(*args, **options)
        samples, rate = soundfile.read(args[2] / "sample.wav", dtype="float32")
        write_wav(args[2] / "sample.wav", np.append(samples, samples), rate)

    def unmerged(model: F5) -> dict[str, Tensor]:
        state = model.transformer.state_dict().items()
        return {name.replace(".base_layer.", "."): value for name, value in state if "lora_" not in name}

    clip = ReferenceClip(frozen_f5 / "wavs" / "clip-3.wav", "Hello there.")
    voice = tiny, walked.run.checkpoint(STEPS), clip
    with monkeypatch.context() as patch:
        patch.setattr("core.engines.f5.infer.self_test.export", longer)
        ways = list(self_test_voice(*voice, "42 Ôs.", "en", 0, scratch=tmp_path, device="cpu"))
    assert ways[-1].key == "export" and ways[-1].equals == "checkpoint" and not ways[-1].is_equal
    assert {way.text for way in ways[2:]} == {"42 Ôs."}, "what is said as a whole is told as it was asked for"
    monkeypatch.setattr("core.engines.f5.infer.export.merged_state", unmerged)
    ways = list(self_test_voice(*voice, "Hello.", "en", 0, scratch=tmp_path, device="cpu"))
    assert ways[-1].key == "export" and ways[-1].samples is None and "does not sound like" in str(ways[-1].problem)
    assert not list(tmp_path.iterdir())


def test_a_base_that_cannot_say_what_the_voice_has_learnt_ends_no_self_test(
    walked: Walked, tiny: Path, frozen_f5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(base: Path, checkpoint: Path | None, *, device: str) -> F5Voice:
        voice = load_voice(base, checkpoint, device=device)
        if checkpoint is None:
            monkeypatch.setattr(voice, "condition", refuse)
        return voice

    def refuse(_: object) -> None:
        raise UserError("speak.unknown_characters", "The model has no sound for: ď", "Leave it out.")

    monkeypatch.setattr("core.engines.f5.infer.self_test.load_voice", load)
    clip, checkpoint = ReferenceClip(frozen_f5 / "wavs" / "clip-3.wav", "Hello there."), walked.run.checkpoint(STEPS)
    tests = get_engine("f5").self_test(tiny, checkpoint, clip, "Hello.", "en", 0, scratch=tmp_path, device="cpu")
    ways = list(islice(tests, 4))
    assert ways[2].key == "base" and ways[2].samples is None and "ď" in str(ways[2].problem)
    assert ways[3].key == "checkpoint" and ways[3].samples is not None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "good"),
        ({"recording": {"errors": 0.9}, "vocoder": {"errors": 0.9}, "base": {"errors": 0.9}}, "recording"),
        ({"vocoder": {"errors": 0.9}}, "vocoder"),
        ({"base": {"errors": 0.8}}, "base"),
        ({"checkpoint": {"errors": 0.8}}, "checkpoint"),
        ({"vocabulary": {"problem": "^"}}, "vocabulary"),
        ({"live": {"is_equal": False}}, "live_differs"),
        ({"export": {"problem": "no room"}}, "export_failed"),
        ({"export": {"is_equal": False}}, "export_differs"),
        ({"checkpoint": {"likeness": 0.4}}, "unlike"),
    ],
)
def test_the_first_way_that_turns_bad_is_named(changes: dict[str, dict[str, object]], expected: str) -> None:
    ways = ("vocoder", "base", "live", "checkpoint", "export")
    rows: dict[str, dict[str, object]] = {way: {"way": way, "errors": 0.1, "likeness": 0.9} for way in ways}
    rows["vocabulary"] = {"way": "vocabulary", "problem": ""}
    rows["recording"] = {"way": "recording", "errors": 0.05}
    assert verdict([row | changes.get(way, {}) for way, row in rows.items()]) == expected
    for language in ("en", "pt-BR"):
        assert Translator(language).has(f"self_test.verdict_{expected}")


def test_letters_that_the_base_lacks_are_named_before_start(walked: Walked, tiny: Path, frozen_f5: Path) -> None:
    project = walked.project
    odd = project.datasets / "odd"
    shutil.copytree(frozen_f5, odd)
    (odd / "metadata.csv").write_text("a|Ônibus ďa|-\nb|Ôba ^|-\n", encoding="utf-8")
    missing = {letter.character: letter for letter in missing_letters(project, "odd", str(tiny)) or ()}
    assert missing["Ô"].read_as == "ô" and missing["Ô"].texts == 2
    assert missing["ď"].is_learnt and not missing["^"].is_learnt and not missing["^"].read_as
    for language, words in (("en", "is read as ô"), ("pt-BR", "é lido como ô")):
        assert words in ready_view(Translator(language), project, "odd", "folder", str(tiny), preset("f5-cpu"))
    assert missing_letters(project, frozen_f5.name, str(tiny)) == ()


def test_a_folder_is_asked_about_in_the_page(walked: Walked, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "community"
    shutil.copytree(tiny, folder)
    (folder / FACTS).unlink()
    for language in ("en", "pt-BR"):
        form = ready_view(Translator(language), walked.project, "odd", "folder", str(folder), preset("f5-cpu"))
        assert 'data-do="answer-base"' in form and form.count("<select") == 2 and 'value="v0"' in form
    empty = ready_view(Translator("en"), walked.project, "odd", "folder", None, preset("f5-cpu"))
    assert (
        'data-do="answer-base"' not in empty
        and 'data-do="fetch-base"' in hub_form(Translator("en"), walked.project)
        and Translator("en")("prerequisites.base_unnamed") in empty
    )
    assert "vw-notice" in ready_view(Translator("en"), walked.project, "odd", "folder", str(tmp_path), preset("f5-cpu"))


def test_a_base_nobody_knows_speaks_with_every_answer_and_a_person_chooses_by_ear(
    walked: Walked, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrong flags load without a word and speak gibberish: here a recogniser that hears what v0 says tells."""
    project, folder = walked.project, tmp_path / "community"
    shutil.copytree(tiny, folder)
    (folder / FACTS).unlink()
    heard = iter(["gibberish", "what is that", "Hello there.", "Hello dear."])

    class Listener:
        def transcribe(self, sounds: object, options: object) -> list[SimpleNamespace]:
            return [SimpleNamespace(text=next(heard))]

    monkeypatch.setattr(try_base, "open_recognizer", lambda *_: Listener())
    clip = "clip-3"
    monkeypatch.setattr(base_tries, "best_references", lambda _: [clip])
    monkeypatch.setattr(
        try_base,
        "reference_files",
        lambda *_: [ReferenceClip(project.datasets / "abc124" / "wavs" / "clip-3.wav", "Hello there.")],
    )
    args = TryBaseArgs(folder=folder, text="Hello there.", language="en", reference_clip_ids=(clip,), device="cpu")
    job, reporter = begun(project, args)
    result = try_base.run(job, project, args, reporter)
    reporter.emit(events.Finished(outcome="done", result=result))
    tries = base_tries.read_tries(job)
    assert [attempt.answers for attempt in tries] == [
        {"flags": flags, "conversion": conversion} for flags in ("v1", "v0") for conversion in ("pinyin", "characters")
    ]
    assert not (folder / FACTS).exists() and result == {"tries": 4, "proposal": 2}
    sounds = [(job.path / f"try-{n}.wav").read_bytes() for n in range(4)]
    assert sounds[0] != sounds[2] and all(len(sound) > 1000 for sound in sounds)
    for language in ("en", "pt-BR"):
        t = Translator(language)
        view = ready_view(t, project, "odd", "folder", str(folder), preset("f5-cpu"))
        assert (
            view.count("<audio") == 4 and view.count(f"</i>{t('tries.proposed')}") == 1 and 'data-do="try-base"' in view
        )
    assert base_tries.use_try(project, job.id, 2) == folder
    facts = read_facts(folder)
    assert facts.flags == FLAGS["v0"] and facts.conversion == "pinyin"
    with pytest.raises(UserError) as refusal:
        base_tries.start_tries(project, folder)
    assert refusal.value.code == "base.nothing_asked"


def test_a_project_chooses_its_engine_in_words() -> None:
    for language in ("en", "pt-BR"):
        choice = home._engine(Translator(language))
        assert all(f'value="{engine.name}"' in choice for engine in engines() if engine.name in ("xtts", "f5"))
        assert choice.count("<p ") >= 2


def test_a_row_of_another_version_is_read_as_far_as_it_is_known(tmp_path: Path, project: Project) -> None:
    job, _ = begun(project, SelfTestArgs(text="x"))
    assert read_table(job) == []
    (job.path / "self_test.json").write_text('{"rows": [{"way": "base", "errors": 0.1, "more": 1}]}')
    assert read_table(job) == [WayRow("base", errors=0.1)]
    with pytest.raises(UserError):
        complete_voice(project, SelfTestArgs(text="x"))


def test_a_trainers_file_from_the_hub_is_rewritten_and_its_hash_kept(
    project: Project, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project.workspace.create("Bia", "en", "f5")
    fetched: list[str] = []

    def download(models: Path, base: Base, reporter: Reporter, *, hub: str) -> Path:
        fetched.append(base.id)
        folder = models / base.id
        folder.mkdir(parents=True)
        shutil.copyfile(tiny / "vocab.txt", folder / "vocab.txt")
        torch.save({"ema_model_state_dict": load_file(tiny / WEIGHTS)}, folder / "model.pt")
        about = {"name": "model.pt", "size": 1, "sha256": "a" * 64, "revision": "exact"}
        write_json(folder / "manifest.json", {"license": "", "files": [about]})
        return folder

    monkeypatch.setattr(fetch_base, "download", download)
    args = FetchBaseArgs(address="ana/F5-pt", paths={WEIGHTS: "model_last.pt"}, hub="http://hub")
    for _ in range(2):
        job, reporter = begun(project, args)
        folder = Path(fetch_base.run(job, project, args, reporter)["folder"])
    assert len(fetched) == 1 and {path.name for path in folder.iterdir()} == {WEIGHTS, "vocab.txt", "manifest.json"}
    manifest = read_json(folder / "manifest.json")
    assert manifest["made_of"]["name"] == "model.pt" and [file["name"] for file in manifest["files"]] == [WEIGHTS]
    assert manifest["files"][0]["revision"] == "exact" and not changed_files(folder)


def test_a_folder_with_a_trainers_file_says_so_in_the_page_and_is_rewritten_by_a_job(
    walked: Walked, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copyfile(tiny / "vocab.txt", folder / "vocab.txt")
    torch.save({"ema_model_state_dict": load_file(tiny / WEIGHTS)}, folder / "model_last.pt")
    for language in ("en", "pt-BR"):
        t = Translator(language)
        view = ready_view(t, walked.project, "odd", "folder", str(folder), preset("f5-cpu"))
        assert f'data-do="rewrite-base" data-id="{folder}/model_last.pt"' in view
        assert t("prerequisites.base_unread", label="own") in view and 'data-do="answer-base"' not in view
    with pytest.raises(UserError) as refusal:
        start_rewriting(walked.project, folder, "vocab.txt")
    assert refusal.value.code == "base.missing_file"
    args = RewriteBaseArgs(folder=folder, file="model_last.pt")
    job, reporter = begun(walked.project, args)
    assert rewrite_base.run(job, walked.project, args, reporter) == {"folder": str(folder)}
    view = ready_view(Translator("en"), walked.project, "odd", "folder", str(folder), preset("f5-cpu"))
    assert 'data-do="answer-base"' in view and (folder / "model_last.pt").exists()
