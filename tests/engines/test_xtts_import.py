"""A voice that comes from anywhere: taken in as it speaks, offered in every project; what is hostile is refused."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import trash
from core.engines.callbacks import ignore, never
from core.engines.voice import ReferenceClip
from core.engines.xtts.infer import imported as importing
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import load_voice
from core.engines.xtts.model.load import base_state, load_speakers
from core.engines.xtts.voice_files import voice_files
from core.errors import UserError
from core.files import read_json, write_json
from core.jobs.args.speech import ImportVoiceArgs, SynthesizeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project, Workspace
from core.sources.voice_import import Arrival, bring_in_files, bring_in_folder
from core.synthesis.exports import discard_imported, imported_voice, imported_voices, rename_imported, restore_imported
from core.synthesis.start import complete, speech_request
from core.synthesis.voices import voices
from core.synthesis.warm_voice import WarmVoice
from core.tasks import import_voice

SENTENCE = "Good morning."


@pytest.fixture(scope="module")
def exported(starter: Path, references: list[ReferenceClip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported voice: the starter's weights, the base's speakers and Ana, and a manifest that names her."""
    folder = tmp_path_factory.mktemp("exports") / "ana"
    shutil.copytree(starter, folder, ignore=shutil.ignore_patterns("dvae.pth", "mel_stats.pth"))
    other = Conditioning(torch.full((1, 32, 4), 0.5), torch.ones(1, 512, 1))
    ana = load_voice(starter, device="cpu").condition(references)
    torch.save({"Somebody": dict(vars(other)), "Ana": dict(vars(ana))}, folder / "speakers_xtts.pth")
    write_json(folder / "manifest.json", {"name": "Ana", "license": "None at all"})
    return folder


def _zip(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{folder.name}/{path.name}")
    return target


def _run(project: Project, args: ImportVoiceArgs) -> dict[str, Any]:
    job = Job.create(project.jobs, args)
    return import_voice.run(job, project, args, Reporter(job))


def _copy(exported: Path, target: Path, change: Callable[[Path], object]) -> dict[str, Path]:
    """The files of a changed copy, by name."""
    shutil.copytree(exported, target)
    change(target)
    return {ours: target / theirs for ours, theirs in voice_files([path.name for path in target.iterdir()]).items()}


def test_a_zipped_export_speaks_as_it_did_in_every_project_and_can_be_renamed_and_deleted(
    workspace: Workspace, project: Project, exported: Path
) -> None:
    project.uploads.mkdir(parents=True)
    upload = _zip(exported, project.uploads / "voice-1.zip")
    result = _run(project, ImportVoiceArgs(path=upload, source="ana.zip", device="cpu"))
    assert result["name"] == "Ana" and not upload.exists() and not list(workspace.voices.glob(".tmp-*"))

    voice = imported_voice(workspace, result["voice"])
    assert voice.manifest["license"] == "Apache-2.0"  # its base's, whatever its own manifest says
    before, now = base_state(exported), base_state(voice.folder)
    assert before.keys() == now.keys() and all(torch.equal(before[name], now[name]) for name in before)
    assert list(load_speakers(voice.folder)) == ["Ana"]

    other = workspace.create("Another", "en")
    choice = next(choice for choice in voices(other) if choice.imported)
    args = complete(other, SynthesizeArgs(imported=choice.imported, text=SENTENCE, seed=3, device="cpu"))
    warm = WarmVoice(workspace)
    pieces = list(warm.say(speech_request(other, args), "cpu", never, ignore))
    ana = Conditioning(**load_speakers(exported)["Ana"])
    expected = load_voice(exported, device="cpu").speak(SENTENCE, "en", ana, 3)[0]
    np.testing.assert_allclose(np.concatenate([samples for samples, _ in pieces]), expected, atol=1e-3)

    rename_imported(workspace, voice.id, "Ana of the radio")
    assert imported_voices(workspace)[0].name == "Ana of the radio"
    discard_imported(workspace, voice.id)
    assert not imported_voices(workspace) and not [choice for choice in voices(other) if choice.imported]
    (entry,) = trash.contents(workspace)
    assert (entry.kind, entry.name) == ("voice", "Ana of the radio") and entry.size > 1_000_000
    trash.restore(workspace, entry.id)
    assert imported_voices(workspace)[0].id == voice.id
    discard_imported(workspace, voice.id)
    assert trash.delete(workspace, [entry.id]) == 1 and not trash.contents(workspace)
    with pytest.raises(UserError):
        restore_imported(workspace, voice.id)


def test_what_coquis_trainer_leaves_is_known_and_takes_its_voice_from_the_recording(
    exported: Path, references: list[ReferenceClip], tmp_path: Path
) -> None:
    def as_trained(folder: Path) -> None:
        state = {f"xtts.{name}": value for name, value in base_state(folder).items()}
        torch.save({"model": state, "optimizer": {"state": {}}, "step": 7}, folder / "best_model_7.pth")
        for name in ("model.pth", "speakers_xtts.pth", "manifest.json"):
            (folder / name).unlink()
        shutil.copyfile(references[0].path, folder / "somebody.wav")

    files = _copy(exported, tmp_path / "foreign", as_trained)
    folder = tmp_path / "voices" / "foreign"
    importing.import_voice(files, folder, name="Foreign", text=SENTENCE, language="en", device="cpu")
    assert torch.load(folder / "model.pth", weights_only=True).keys() == {"model"}
    heard = load_voice(folder, device="cpu").condition([ReferenceClip(files["reference.wav"])])
    assert torch.allclose(importing.only_speaker(folder).gpt_cond_latent, heard.gpt_cond_latent, atol=1e-5)


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/never",)


def _config(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        raw = read_json(folder / "config.json")
        write_json(folder / "config.json", {**raw, "model_args": {**raw["model_args"], **changes}})

    return change


def _weights(make: Callable[[dict[str, Any]], Any]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        torch.save({"model": make(base_state(folder))}, folder / "changed.pth")
        (folder / "changed.pth").rename(folder / "model.pth")  # not over the file that is being read

    return change


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "code in the weights": (lambda folder: torch.save({"model": _Evil()}, folder / "model.pth"), "model.pth"),
    "code in the speakers": (lambda folder: torch.save(_Evil(), folder / "speakers_xtts.pth"), "speakers_xtts.pth"),
    "no weights": (lambda folder: (folder / "model.pth").write_bytes(b"no weights at all"), "model.pth"),
    "weights that are missing": (_weights(lambda state: dict(list(state.items())[1:])), "model.pth"),
    "weights that are no numbers": (
        _weights(lambda state: {**state, "gpt.gpt.ln_f.weight": state["gpt.gpt.ln_f.weight"] * float("nan")}),
        "model.pth",
    ),
    "a few bytes that pose as much": (
        _weights(lambda state: {**state, "gpt.more": torch.zeros(1).expand(10**6, 10**6)}),
        "model.pth",
    ),
    "a model larger than its weights": (_config(gpt_layers=99, gpt_n_model_channels=8000), "config.json"),
    "more layers than any": (_config(gpt_layers=10**6), "config.json"),
    "another model": (lambda folder: write_json(folder / "config.json", {"model": "vits"}), "config.json"),
    "a nest of lists": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "config.json"),
    "no vocabulary": (lambda folder: (folder / "vocab.json").write_text(json.dumps({"model": 1})), "vocab.json"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_or_broken_is_named_and_nothing_is_kept(exported: Path, tmp_path: Path, name: str) -> None:
    change, culprit = HOSTILE[name]
    files = _copy(exported, tmp_path / "bad", change)
    with pytest.raises(UserError) as caught:
        importing.import_voice(files, tmp_path / "voices/bad", name="Bad", text=SENTENCE, language="en", device="cpu")
    assert (caught.value.code, caught.value.values.get("name")) == ("voice.broken", culprit)
    assert not list((tmp_path / "voices").iterdir()) and not Path("/tmp/never").exists()


def test_of_a_configuration_only_known_numbers_come_in(exported: Path, tmp_path: Path) -> None:
    raw = read_json(exported / "config.json")
    raw |= {"temperature": 1e9, "top_k": 7, "output_path": "/etc", "languages": ["en", "../../etc"]}
    raw["model_args"] |= {"tokenizer_file": "/etc/passwd", "gpt_checkpoint": "/etc/passwd"}
    write_json(tmp_path / "config.json", raw)
    plain = importing._plain_config(tmp_path / "config.json", 10**9)
    assert "temperature" not in plain and plain["top_k"] == 7 and plain["languages"] == ["en"]
    assert "/etc" not in json.dumps(plain)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"trained": True}, {"trained": True}),
        ({"trained": False}, {"trained": False, "max_seconds": 4.0}),
        ({"trained": "yes", "max_seconds": 1e9, "run": "rm"}, {"trained": False, "max_seconds": 4.0}),
    ],
)
def test_a_small_base_that_has_learnt_to_speak_is_not_cut_short(told: Any, kept: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "starter.json", told)
    assert importing._plain_starter(tmp_path / "starter.json") == kept


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"notes.txt": b"hello"}, "voice.none"),
        ({"ana/config.json": b"{}", "ana/vocab.json": b"{}"}, "voice.missing_file"),
        ({"../config.json": b"{}"}, "archive.unsafe"),
        ({f"{number}.txt": b"" for number in range(2001)}, "archive.too_many"),
        (b"this is no zip", "archive.broken"),
    ],
)
def test_a_zip_without_a_voice_is_refused_in_the_click_and_no_project_is_made(
    workspace: Workspace, tmp_path: Path, members: Any, code: str
) -> None:
    path = tmp_path / "dropped.zip"
    if isinstance(members, bytes):
        path.write_bytes(members)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    with pytest.raises(UserError) as caught:
        bring_in_files(Arrival(workspace, None), [path])
    assert caught.value.code == code and not workspace.projects()


@pytest.mark.parametrize(
    ("names", "weights", "gb"),
    [
        (("config.json", "vocab.json"), "model.pth", 9),
        (("f5.json", "vocab.txt", "reference.wav", "reference.txt"), "model.safetensors", 6),
        (("adapter.json", "base.xtts.json"), "adapter.safetensors", 9),
    ],
)
def test_what_is_larger_than_any_voice_is_refused_in_the_click_and_no_project_is_made(
    workspace: Workspace, tmp_path: Path, names: tuple[str, ...], weights: str, gb: int
) -> None:
    folder = tmp_path / "ana"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"{}")
    with open(folder / weights, "wb") as file:
        file.truncate(gb * 10**9)  # which takes no room
    for bring in (
        lambda: bring_in_folder(Arrival(workspace, None), str(folder)),
        lambda: bring_in_files(Arrival(workspace, None), sorted(folder.iterdir())),
    ):
        with pytest.raises(UserError) as caught:
            bring()
        assert caught.value.code == "voice.too_large" and f"{gb}.0 GB" in caught.value.text
    assert not workspace.projects() and (folder / weights).exists()


def test_without_a_project_one_is_made_and_a_folder_of_this_computer_stays(
    workspace: Workspace, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[ImportVoiceArgs] = []
    monkeypatch.setattr(Project, "start_job", lambda self, args, **_: started.append(args))
    bring_in_folder(Arrival(workspace, None, language="pt"), str(exported))
    (made,) = workspace.projects()
    assert (made.info.name, made.info.language) == ("ana", "pt") and started[0].path == exported
    assert (exported / "model.pth").exists()
