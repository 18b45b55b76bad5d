"""An exported voice is whole, is the base's twin in form, and says in plain coqui-tts what the checkpoint says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from core.engines.voice import ReferenceClip
from core.engines.xtts.infer import export as exporting
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import load_voice
from core.engines.xtts.model import load as model
from core.engines.xtts.model import lora
from core.errors import Cancelled, UserError
from core.files import read_json, sha256_file
from tests.engines.test_xtts_model import hashes, shaken

SENTENCE = "This voice was made on an ordinary evening."


@pytest.fixture(scope="module")
def adapter(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = lora.LoraOptions(rank=4, alpha=8)
    folder = tmp_path_factory.mktemp("run") / "step-000020"
    lora.save_adapter(shaken(model.load_base(starter), options), folder, options, step=20)
    return folder


@pytest.fixture(scope="module")
def exported(
    starter: Path, adapter: Path, references: list[ReferenceClip], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "anna"
    before = hashes(starter)
    exporting.export(
        starter,
        adapter,
        folder,
        name="Anna",
        references=references,
        text=SENTENCE,
        language="en",
        seed=4,
        device="cpu",
        facts={"project": "Anna", "run_id": "run", "step": 20, "license": "Apache-2.0"},
    )
    assert hashes(starter) == before
    return folder


def test_plain_coqui_says_what_the_checkpoint_says_and_not_what_the_base_says(
    starter: Path, adapter: Path, exported: Path, references: list[ReferenceClip]
) -> None:
    app = load_voice(starter, adapter, "cpu")
    heard = app.condition(references)
    ours = app.speak(SENTENCE, "en", heard, seed=9)[0]

    plain = exporting.load_plain(exported)
    speaker = plain.speaker_manager.speakers["Anna"]
    torch.manual_seed(9)
    theirs = plain.inference(SENTENCE, "en", *speaker.values(), **app.settings())["wav"]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)

    base = load_voice(starter, device="cpu").speak(SENTENCE, "en", heard, seed=9)[0]
    assert base.shape != ours.shape or np.abs(base - ours).max() > 1e-2


def test_keys_and_untouched_weights_are_exactly_the_bases(starter: Path, exported: Path) -> None:
    base, voice = model.base_state(starter), model.base_state(exported)
    raw = torch.load(exported / "model.pth", weights_only=True)
    assert raw.keys() == {"model"} and raw["model"].keys() == base.keys()
    changed = {name for name, value in base.items() if not torch.equal(value.float(), voice[name].float())}
    assert changed and all(name.startswith("gpt.gpt.h.") and "c_" in name for name in changed)
    for name in ("config.json", "vocab.json"):
        assert (exported / name).read_bytes() == (starter / name).read_bytes()


def test_the_new_speaker_stands_beside_the_bases(
    starter: Path, exported: Path, references: list[ReferenceClip]
) -> None:
    speakers = model.load_speakers(exported)
    assert list(speakers) == [*model.load_speakers(starter), "Anna"]
    heard = load_voice(starter, device="cpu").condition(references)
    assert torch.allclose(speakers["Anna"]["gpt_cond_latent"], heard.gpt_cond_latent, atol=1e-5)
    assert torch.allclose(speakers["Anna"]["speaker_embedding"], heard.speaker_embedding, atol=1e-5)


def test_the_manifest_tells_where_it_comes_from_and_every_hash(exported: Path) -> None:
    manifest = read_json(exported / "manifest.json")
    assert manifest["step"] == 20 and manifest["run_id"] == "run" and manifest["name"] == "Anna"
    assert manifest["trained"] is False and "coqui-tts" in manifest["versions"]
    others = {path.name for path in exported.iterdir()} - {"manifest.json"}
    assert manifest["files"].keys() == others
    assert {
        "model.pth",
        "config.json",
        "vocab.json",
        "speakers_xtts.pth",
        "sample.wav",
        "reference.wav",
        "README.txt",
    } <= others
    assert all(sha256_file(exported / name) == value for name, value in manifest["files"].items())


def test_the_sample_is_what_the_readme_says_how_to_make(exported: Path) -> None:
    text = (exported / "README.txt").read_text(encoding="utf-8")
    code = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    ") and "pip install" not in line)
    code = code.replace('"config.json"', f'r"{exported / "config.json"}"').replace(
        'checkpoint_dir="."', f'checkpoint_dir=r"{exported}"'
    )
    spoken = exported.parent / "spoken.wav"
    code = code.replace('"spoken.wav"', f'r"{spoken}"')
    with torch.random.fork_rng():
        exec(code, {})
    made, rate = soundfile.read(spoken)
    sample, sample_rate = soundfile.read(exported / "sample.wav")
    assert rate == sample_rate == 24_000
    np.testing.assert_allclose(made, sample, atol=2e-4)


def test_an_export_is_a_base_to_speak_from(exported: Path) -> None:
    speaker = Conditioning(**model.load_speakers(exported)["Anna"])
    manifest = read_json(exported / "manifest.json")
    samples, rate = load_voice(exported, device="cpu").speak(SENTENCE, "en", speaker, manifest["sample"]["seed"])
    sample, _ = soundfile.read(exported / "sample.wav")
    assert rate == 24_000
    np.testing.assert_allclose(samples, sample, atol=2e-4)


def test_step_0_exports_the_base_with_the_speaker(
    starter: Path, references: list[ReferenceClip], tmp_path: Path
) -> None:
    (tmp_path / "step-000000").mkdir()
    (tmp_path / "step-000000" / "adapter.json").write_text('{"step": 0, "base": true}')
    exporting.export(
        starter,
        tmp_path / "step-000000",
        tmp_path / "out",
        name="Anna",
        references=references[:1],
        text=SENTENCE,
        language="en",
        device="cpu",
    )
    voice = model.base_state(tmp_path / "out")
    assert all(torch.equal(value, voice[name]) for name, value in model.base_state(starter).items())


def attempt(
    starter: Path, adapter: Path, references: list[ReferenceClip], folder: Path, **options: Any
) -> dict[str, Any]:
    fixed: dict[str, Any] = {"name": "Anna", "references": references, "language": "en", "device": "cpu"}
    return exporting.export(starter, adapter, folder, **{"text": SENTENCE, **fixed, **options})


@pytest.mark.parametrize("stage", ["load_base", "merge", "verify"])
def test_stopped_on_the_way_it_leaves_nothing(
    starter: Path, adapter: Path, references: list[ReferenceClip], tmp_path: Path, stage: str
) -> None:
    def stop_at(reached: str) -> None:
        if reached == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        attempt(starter, adapter, references, tmp_path / "exports" / "anna", on_stage=stop_at)
    assert list((tmp_path / "exports").iterdir()) == []


def test_stopped_after_the_proof_it_leaves_nothing(
    starter: Path, adapter: Path, references: list[ReferenceClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    real = exporting._describe

    def describe(*args: Any) -> dict[str, Any]:
        reached.append("described")
        return real(*args)

    monkeypatch.setattr(exporting, "_describe", describe)
    with pytest.raises(Cancelled):
        attempt(starter, adapter, references, tmp_path / "exports" / "anna", should_stop=lambda: bool(reached))
    assert reached and list((tmp_path / "exports").iterdir()) == []


def test_of_a_text_too_long_to_be_said_at_once_the_first_part_is_the_sample(
    starter: Path, adapter: Path, references: list[ReferenceClip], tmp_path: Path
) -> None:
    folder = tmp_path / "exports" / "anna"
    manifest = attempt(starter, adapter, references, folder, text=" ".join([SENTENCE] * 8))
    text = manifest["sample"]["text"]
    assert text.startswith(SENTENCE) and text.endswith("evening.") and len(text) < 250
    assert (folder / "sample.wav").stat().st_size > 1000


def test_a_voice_that_does_not_sound_like_its_checkpoint_is_not_kept(
    starter: Path, adapter: Path, references: list[ReferenceClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "merged_weights", lambda xtts: {})
    with pytest.raises(UserError) as caught:
        attempt(starter, adapter, references, tmp_path / "exports" / "anna")
    assert caught.value.code == "export.differs"
    assert list((tmp_path / "exports").iterdir()) == []


def test_a_voice_that_does_not_load_is_not_kept(
    starter: Path, adapter: Path, references: list[ReferenceClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = exporting.base_state
    monkeypatch.setattr(exporting, "base_state", lambda base: dict(list(full(base).items())[:-1]))
    with pytest.raises(UserError) as caught:
        attempt(starter, adapter, references, tmp_path / "exports" / "anna")
    assert caught.value.code == "export.unloadable"
    assert list((tmp_path / "exports").iterdir()) == []
