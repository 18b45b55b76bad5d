"""A voice of F5-TTS from anywhere, whole or as its adapter: it speaks as it did, what is hostile is refused."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from core.audio.samples import write_wav
from core.checkpoint_ref import CheckpointRef
from core.engines import adapter as adapters
from core.engines.callbacks import ignore, never
from core.engines.f5.bases import FACTS, VOCODER, WEIGHTS
from core.engines.f5.infer import imported as importing
from core.engines.f5.infer.voice import load_voice
from core.engines.f5.model.load import load_base
from core.engines.f5.model.vocoder import Vocos
from core.engines.f5.voice_files import voice_files
from core.engines.voice import ReferenceClip
from core.errors import DiskFull, UserError
from core.files import read_json, write_json
from core.jobs.args.speech import ImportVoiceArgs, SynthesizeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.report.adapter import adapter_files
from core.sources import voice_import
from core.synthesis.exports import imported_voice
from core.synthesis.saved_voices import save_voice
from core.synthesis.start import complete, speech_request
from core.synthesis.voices import voices
from core.synthesis.warm_voice import WarmVoice
from core.tasks import import_voice
from tests.engines.f5.test_f5_road import Walked
from tests.engines.f5.test_f5_road import walked as walked
from tests.engines.f5.test_f5_voice import exported as exported
from tests.engines.f5.test_f5_voice import trained as trained

SENTENCE = "Good morning."
PROJECT = "Another"


def bring_in(workspace: Workspace, path: Path) -> str:
    """Bring a voice in as its job does, into a project of its own kind; returns its id."""
    project = next((p for p in workspace.projects() if p.info.name == PROJECT), None)
    project = project or workspace.create(PROJECT, "en", "f5")
    args = ImportVoiceArgs(path=path, source=path.name, device="cpu")
    job = Job.create(project.jobs, args)
    return str(import_voice.run(job, project, args, Reporter(job))["voice"])


def spoken(workspace: Workspace, voice_id: str) -> np.ndarray:
    """What a voice that was brought in says, as the process that speaks says it."""
    project = next(p for p in workspace.projects() if p.info.name == PROJECT)
    (choice,) = (choice for choice in voices(project) if choice.imported == voice_id)
    args = complete(project, SynthesizeArgs(imported=choice.imported, text=SENTENCE, seed=3, device="cpu"))
    pieces = WarmVoice(workspace).say(speech_request(project, args), "cpu", never, ignore)
    return np.concatenate([samples for samples, _ in pieces])


def zipped(files: list[tuple[str, Path | bytes]], target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files:
            archive.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return target


def test_an_export_is_brought_in_from_its_zip_and_its_folder_and_speaks_as_it_did(
    exported: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "elsewhere")
    archive = zipped([(f"ana/{path.name}", path) for path in sorted(exported.iterdir())], tmp_path / "ana.zip")
    before = load_voice(exported, None, device="cpu")
    said = (exported / "reference.txt").read_text()
    heard = before.condition([ReferenceClip(exported / "reference.wav", said)])
    expected, _ = before.speak(SENTENCE, "en", heard, 3)
    for path in (archive, exported):
        voice = imported_voice(workspace, bring_in(workspace, path))
        assert voice.name == "Ana" and voice.manifest["license"] == "Apache-2.0"
        np.testing.assert_array_equal(spoken(workspace, voice.id), expected)
        assert {"model.yaml", "sample.wav", FACTS} <= {path.name for path in voice.folder.iterdir()}
    assert not list(workspace.voices.glob(".tmp-*"))


def test_an_adapter_is_accepted_wherever_the_folder_of_its_base_is_known_and_else_names_it(
    walked: Walked, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, ref = walked.project, CheckpointRef(walked.run.id, 4)
    saved = save_voice(project, "Ana", ref.name, seed=3)
    archive = zipped(adapter_files(project, saved), tmp_path / "ana-adapter.zip")
    checkpoint = walked.run.checkpoint(ref.step)
    before = load_voice(tiny, checkpoint, device="cpu")

    here = imported_voice(project.workspace, bring_in(project.workspace, archive))  # a run was trained on its base
    assert here.name == "Ana" and here.manner["seed"] == 3
    said = (here.folder / "reference.txt").read_text()
    heard = before.condition([ReferenceClip(here.folder / "reference.wav", said)])
    expected, _ = before.speak(SENTENCE, "en", heard, 3)
    np.testing.assert_allclose(spoken(project.workspace, here.id), expected, atol=2e-3)

    elsewhere = Workspace(tmp_path / "elsewhere")
    with pytest.raises(UserError) as caught:
        bring_in(elsewhere, archive)
    assert caught.value.code == "voice.no_local_base" and tiny.name in caught.value.text
    shutil.copytree(tiny, elsewhere.models / tiny.name)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(import_voice.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DiskFull) as refusal:  # before the adapter is even unpacked
        bring_in(elsewhere, archive)
    assert refusal.value.code == "voice.no_room" and not list(elsewhere.voices.iterdir())
    monkeypatch.undo()
    assert imported_voice(elsewhere, bring_in(elsewhere, archive)).name == "Ana"


def test_an_adapter_that_asks_for_more_than_it_holds_takes_no_memory(
    trained: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "step-000004"
    shutil.copytree(trained[1], checkpoint)
    facts = read_json(checkpoint / "adapter.json")
    write_json(checkpoint / "adapter.json", {**facts, "lora": {**facts["lora"], "rank": 4096}})
    monkeypatch.setattr(adapters, "inject_adapter_in_model", lambda *_, **__: pytest.fail("it was made"))
    with pytest.raises(UserError) as caught:
        load_voice(tiny, checkpoint, device="cpu")
    assert caught.value.code == "adapter.other_base" and "4096" in caught.value.text
    write_json(checkpoint / "adapter.json", {**facts, "lora": {**facts["lora"], "rank": "many"}})
    with pytest.raises(UserError) as caught:
        load_voice(tiny, checkpoint, device="cpu")
    assert caught.value.code == "adapter.broken"


def _weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        state = {name: value.clone() for name, value in load_file(folder / WEIGHTS).items()}
        change(state)
        save_file(state, folder / WEIGHTS)

    return spoil


def _facts(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: write_json(folder / FACTS, {**read_json(folder / FACTS), **changes})


def _vocoder(**changes: Any) -> Callable[[Path], object]:
    """A small Vocos beside the voice, but described otherwise."""

    def add(folder: Path) -> None:
        sizes = {"input_channels": 100, "dim": 16, "intermediate_dim": 32, "num_layers": 1}
        head = {"dim": 16, "n_fft": 1024, "hop_length": 256, "padding": "center"}
        state = Vocos({"backbone": {"init_args": sizes}, "head": {"init_args": head}}).state_dict()
        described = {"backbone": {"init_args": {**sizes, **changes}}, "head": {"init_args": head}}
        (folder / VOCODER[0]).write_text(yaml.safe_dump(described))
        torch.save(state, folder / VOCODER[1])

    return add


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/never-f5",)


def _evil_vocoder(folder: Path) -> None:
    _vocoder()(folder)
    torch.save({"evil": _Evil()}, folder / VOCODER[1])


_BIAS = "ema_model.transformer.proj_out.bias"
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (lambda folder: (folder / WEIGHTS).write_bytes(b"none at all"), WEIGHTS),
    "weights that are missing": (_weights(lambda state: state.pop(_BIAS)), WEIGHTS),
    "weights that are no numbers": (_weights(lambda state: state[_BIAS].fill_(float("nan"))), WEIGHTS),
    "a million layers": (
        _weights(lambda state: state.update({"ema_model.transformer.transformer_blocks.999999.x": torch.zeros(1)})),
        WEIGHTS,
    ),
    "a model larger than its weights": (
        _weights(
            lambda state: state.update(
                {"ema_model.transformer.transformer_blocks.0.ff.ff.0.0.weight": torch.zeros(10**9, 0)}
            )
        ),
        WEIGHTS,
    ),
    "flags that no model has": (_facts(flags={"text_mask_padding": 1, "pe_attn_head": 3}), FACTS),
    "a nest of lists": (lambda folder: (folder / FACTS).write_text("[" * 60_000), FACTS),
    "another vocabulary": (lambda folder: (folder / "vocab.txt").write_text("a\nb\n"), "vocab.txt"),
    "a vocabulary of another size": (lambda folder: (folder / "vocab.txt").write_text(" \nb\n"), "vocab.txt"),
    "no recording": (lambda folder: (folder / "reference.wav").write_bytes(b"none"), "reference.wav"),
    "a recording of an hour": (
        lambda folder: write_wav(folder / "reference.wav", np.zeros(3600 * 400, np.float32), 400),
        "reference.wav",
    ),
    "nothing is said": (lambda folder: (folder / "reference.txt").write_text("..."), "reference.wav"),
    "a vocoder larger than its weights": (_vocoder(dim=8000, intermediate_dim=8000), VOCODER[1]),
    "a vocoder of a million layers": (_vocoder(num_layers=10**6), VOCODER[0]),
    "a vocoder of other mels": (_vocoder(input_channels=80), VOCODER[0]),
    "code in the vocoder": (_evil_vocoder, VOCODER[1]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_or_broken_is_named_and_nothing_is_kept(exported: Path, tmp_path: Path, name: str) -> None:
    change, culprit = HOSTILE[name]
    folder = tmp_path / "bad"
    shutil.copytree(exported, folder)
    change(folder)
    files = {ours: folder / theirs for ours, theirs in voice_files([path.name for path in folder.iterdir()]).items()}
    with pytest.raises(UserError) as caught:
        importing.import_voice(files, tmp_path / "voices/bad", name="Bad", text=SENTENCE, language="en", device="cpu")
    assert (caught.value.code, caught.value.values.get("name")) == ("voice.broken", culprit)
    assert not list((tmp_path / "voices").iterdir()) and not Path("/tmp/never-f5").exists()


def test_a_vocoder_comes_along_and_no_place_on_this_computer_does(exported: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "real", tmp_path / "other"
    shutil.copytree(exported, folder)
    _vocoder()(folder)
    _facts(vocoder="/etc", weights="last.safetensors", sha256="0" * 64, steps=10**9)(folder)
    names = [f"deep/er/{path.name}" for path in folder.iterdir()] + ["config.json"]
    files = {ours: folder / Path(theirs).name for ours, theirs in voice_files(names).items()}
    manifest = importing.import_voice(files, other, name="Real", text="𓀀𓀀", language="en", device="cpu")
    assert manifest["vocoder"] == "Vocos" and load_base(other).facts.steps == 32
    assert "/etc" not in (other / FACTS).read_text() and load_base(other).facts.vocoder == ""
    assert manifest["sample"]["text"] in (exported / "reference.txt").read_text()  # what it has letters for


@pytest.mark.parametrize("lacking", [FACTS, WEIGHTS, "vocab.txt", "reference.wav", "reference.txt"])
def test_a_file_that_a_voice_lacks_is_named_in_the_click(
    exported: Path, workspace: Workspace, tmp_path: Path, lacking: str
) -> None:
    folder = tmp_path / "part"
    shutil.copytree(exported, folder)
    (folder / lacking).unlink()
    with pytest.raises(UserError) as caught:
        voice_import.bring_in_folder(voice_import.Arrival(workspace, None), str(folder))
    assert caught.value.code == "voice.missing_file" and caught.value.values["name"] == lacking
    assert not workspace.projects()


def test_the_engine_of_a_voice_is_known_by_its_files_alone(
    exported: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "start_job", lambda self, args, **_: None)
    voice_import.bring_in_folder(voice_import.Arrival(workspace, None), str(exported))
    (project,) = workspace.projects()
    assert project.info.engine == "f5"
    with pytest.raises(UserError) as caught:
        voice_import._engine_of(["a/base.future.json", "a/adapter.json"], "a.zip", {}.__getitem__)
    assert caught.value.code == "voice.no_engine" and "future" in caught.value.text
