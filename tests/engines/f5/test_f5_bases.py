"""Bases of F5-TTS: what no tensor shows is asked for and never guessed, and nothing loads that does not fit."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.engines.bases import Base
from core.engines.download import _plan
from core.engines.f5 import bases
from core.engines.f5.bases import FACTS, FLAGS, LAST_WEIGHTS, V0, V1, WEIGHTS, F5Bases, read_facts, write_facts
from core.engines.f5.model.checkpoint import rewrite_checkpoint
from core.engines.f5.model.forward import embed_texts, velocity
from core.engines.f5.model.load import load_base
from core.engines.f5.model.tiny import make_starter
from core.engines.f5.model.vocoder import load_vocoder
from core.engines.f5.text.vocabulary import package_vocabulary, read_vocabulary
from core.engines.hub import HubFile
from core.engines.manifest import verify
from core.errors import Cancelled, UserError
from core.files import read_json, sha256_file, write_json

MODELS = F5Bases()


def copy_of(base: Path, folder: Path, without: str = "") -> Path:
    shutil.copytree(base, folder)
    if without:
        (folder / without).unlink()
    return folder


def code_of(error: pytest.ExceptionInfo[UserError]) -> str:
    return error.value.code


def spoken(folder: Path) -> torch.Tensor:
    """What the model makes of the same noise, sound and text."""
    torch.manual_seed(0)
    noise, cond, ids = torch.randn(1, 40, 100), torch.randn(1, 40, 100), torch.randint(0, 90, (12,))
    transformer = load_base(folder).transformer
    with torch.inference_mode():
        return velocity(transformer, noise, cond, embed_texts(transformer, [ids], [40]), torch.tensor([0.5]), None)


def test_a_local_folder_is_refused_until_a_person_has_said_how_it_was_built(tiny: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny, tmp_path / "community", without=FACTS)
    for use in (MODELS.check, load_base, MODELS.local):
        with pytest.raises(UserError) as refusal:
            use(folder)
        assert code_of(refusal) == "base.unasked"
    questions = MODELS.questions(folder)
    assert [question.key for question in questions] == ["flags", "conversion"]
    with pytest.raises(UserError) as refusal:
        MODELS.answer(tmp_path, folder, {"flags": "v0"})
    assert code_of(refusal) == "base.unanswered" and not (folder / FACTS).exists()
    MODELS.answer(tmp_path, folder, {"flags": "v0", "conversion": "characters"})
    facts = read_facts(folder)
    assert facts.flags == FLAGS["v0"] and facts.conversion == "characters"
    assert facts.sha256 == sha256_file(folder / WEIGHTS)
    assert MODELS.questions(folder) == () and MODELS.local(folder) == str(folder)


def test_a_wrong_answer_about_published_weights_is_not_believed(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(tiny, tmp_path / "downloaded-by-hand", without=FACTS)
    monkeypatch.setitem(bases._PUBLISHED, sha256_file(folder / WEIGHTS), "v1")
    MODELS.answer(tmp_path, folder, {"flags": "v0", "conversion": "characters"})
    assert read_facts(folder).flags == FLAGS["v1"] and read_facts(folder).conversion == "pinyin"


@pytest.mark.parametrize("wrong", [{"conversion": "phonemes"}, {"flags": {"text_mask_padding": 1, "pe_attn_head": 3}}])
def test_facts_that_nobody_can_have_said_are_refused(tiny: Path, tmp_path: Path, wrong: dict[str, Any]) -> None:
    write_json(tmp_path / FACTS, {**read_json(tiny / FACTS), **wrong})
    with pytest.raises(UserError) as refusal:
        read_facts(tmp_path)
    assert code_of(refusal) == "base.broken"


def test_a_vocoder_that_is_gone_is_told_and_not_replaced(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        load_vocoder(tiny, replace(read_facts(tiny), vocoder=str(tmp_path / "deleted")))
    assert code_of(refusal) == "base.missing_file"


def test_the_same_weights_speak_otherwise_under_the_other_flags(tiny: Path, tiny_v0: Path) -> None:
    assert (tiny / WEIGHTS).read_bytes() == (tiny_v0 / WEIGHTS).read_bytes()
    one, other = spoken(tiny), spoken(tiny_v0)
    assert float((one - other).abs().max() / one.std()) > 0.05


def test_published_weights_are_known_by_their_hash_alone(tmp_path: Path) -> None:
    for base_id, version in ((V1, "v1"), (V0, "v0")):
        folder = tmp_path / base_id
        known = MODELS.catalog[base_id].origin(WEIGHTS).sha256
        write_json(folder / "manifest.json", {"files": [{"name": WEIGHTS, "sha256": known}]})
        assert read_facts(folder).flags == FLAGS[version] and read_facts(folder).conversion == "pinyin"
        write_json(folder / "manifest.json", {"files": [{"name": WEIGHTS, "sha256": "0" * 64}]})
        with pytest.raises(UserError) as refusal:
            read_facts(folder)
        assert code_of(refusal) == "base.unasked"


def test_a_vocabulary_of_another_size_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny, tmp_path / "other")
    (folder / "vocab.txt").write_text(read_vocabulary(tiny).text() + "Ô\n", encoding="utf-8")
    with pytest.raises(UserError) as refusal:
        load_base(folder)
    assert code_of(refusal) == "base.other_vocabulary"


@pytest.mark.parametrize("damage", ["missing", "surplus", "prefix", "bands"])
def test_weights_that_do_not_fit_to_the_last_tensor_are_refused(tiny: Path, tmp_path: Path, damage: str) -> None:
    folder = copy_of(tiny, tmp_path / "other")
    state = load_file(folder / WEIGHTS)
    name = "ema_model.transformer.proj_out.weight"
    if damage == "missing":
        del state[name]
    elif damage == "surplus":
        state["ema_model.transformer.more"] = torch.zeros(1)
    elif damage == "prefix":  # what would stay random where loading is not strict
        state = {key.replace("ema_model.", "model."): value for key, value in state.items()}
    else:
        state[name] = torch.zeros(80, 32)
    save_file(state, folder / WEIGHTS)
    write_facts(folder, replace(read_facts(folder), sha256=sha256_file(folder / WEIGHTS)))
    with pytest.raises(UserError) as refusal:
        load_base(folder)
    assert code_of(refusal) == "base.broken"


def test_other_weights_than_the_ones_answered_for_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny, tmp_path / "other")
    state = load_file(folder / WEIGHTS)
    state["ema_model.transformer.proj_out.bias"] += 1
    save_file(state, folder / WEIGHTS)
    with pytest.raises(UserError, match="not the weights"):
        load_base(folder)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("\ufeff \na\nb\n", "base.vocabulary"),
        (" \na\nb\na\n", "base.vocabulary"),
        ("a\n \nb\n", "base.vocabulary"),
        ("", "base.vocabulary"),
    ],
    ids=["mark", "twice", "space_not_first", "empty"],
)
def test_a_vocabulary_that_f5_tts_would_read_as_another_is_refused(tmp_path: Path, content: str, code: str) -> None:
    (tmp_path / "vocab.txt").write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as refusal:
        read_vocabulary(tmp_path)
    assert code_of(refusal) == code


def test_line_ends_make_no_other_vocabulary(tmp_path: Path) -> None:
    published = read_vocabulary(package_vocabulary().parent)
    assert len(published.tokens) == 2545
    for number, end in enumerate(("\n", "\r\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "vocab.txt").write_bytes(end.join(published.tokens).encode())  # and no end after the last
        assert read_vocabulary(folder).sha256 == published.sha256


def test_a_starter_is_made_once_and_always_the_same(tiny: Path, tmp_path: Path) -> None:
    again = make_starter(tmp_path / "again", dim=32, depth=2)
    assert (again / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()
    before = (again / WEIGHTS).stat().st_mtime_ns
    make_starter(again, dim=64, depth=2)
    assert (again / WEIGHTS).stat().st_mtime_ns == before
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "diary.txt").write_text("mine")
    with pytest.raises(UserError) as refusal:
        make_starter(tmp_path / "taken")
    assert code_of(refusal) == "base.folder_taken"


class FakeHub:
    """Answers as the hub does for two repositories, one of them with folders."""

    def __init__(self, digests: dict[str, str]) -> None:
        self.digests, self.asked = digests, list[str]()

    def get_json(self, url: str) -> Any:
        self.asked.append(url)
        if "/revision/" in url:
            return {"sha": f"exact-{url.split('/api/models/')[1].split('/')[0]}"}
        folder = url.partition("/tree/")[2].partition("/")[2]
        paths = [path for path in self.digests if path.rpartition("/")[0] == folder]
        return [
            {"type": "file", "path": path, "size": 5, "oid": "x", "lfs": {"oid": self.digests[path]}} for path in paths
        ]

    def refusal(self, url: str, what: str) -> UserError:
        return UserError("download.refused", "{url}: {what}", url=url, what=what)


def published() -> dict[str, str]:
    base: Base = MODELS.catalog[V1]
    origins: list[HubFile] = [base.origin(name) for name in base.files]
    return {origin.path: origin.sha256 or "a" * 64 for origin in origins}


def test_a_base_is_planned_from_two_repositories_and_a_folder_of_one(tmp_path: Path) -> None:
    hub: Any = FakeHub(published())
    plan = _plan(hub, MODELS.catalog[V1], "http://hub", tmp_path)
    assert {file.name: file.revision for file in plan} == {
        "model.safetensors": "exact-SWivid",
        "vocab.txt": "exact-SWivid",
        "config.yaml": "exact-charactr",
        "pytorch_model.bin": "exact-charactr",
    }
    asked = len(hub.asked)
    assert _plan(hub, MODELS.catalog[V1], "http://hub", tmp_path) == plan and len(hub.asked) == asked


def test_a_hub_that_has_another_file_than_the_known_one_is_not_believed(tmp_path: Path) -> None:
    digests = published()
    digests["F5TTS_v1_Base/model_1250000.safetensors"] = "b" * 64
    hub: Any = FakeHub(digests)
    with pytest.raises(UserError) as refusal:
        _plan(hub, MODELS.catalog[V1], "http://hub", tmp_path)
    assert code_of(refusal) == "download.refused" and not (tmp_path / "plan.json").exists()


def test_where_files_of_a_base_of_the_hub_lie_is_asked_and_never_guessed() -> None:
    vocabulary = "SWivid/F5-TTS:F5TTS_Base/vocab.txt"
    base = MODELS.on_hub("ana/F5-pt", {WEIGHTS: "model_last.safetensors", "vocab.txt": vocabulary})
    assert base.origin(WEIGHTS) == HubFile("ana/F5-pt", "model_last.safetensors")
    assert base.origin("vocab.txt") == HubFile("SWivid/F5-TTS", "F5TTS_Base/vocab.txt")
    assert base.id != MODELS.on_hub("ana/F5-pt", {WEIGHTS: "other.safetensors", "vocab.txt": vocabulary}).id
    assert not base.license_url and base.files == (WEIGHTS, "vocab.txt")
    for address in ("", "ana", "ana/../F5", "https://example.org/ana/F5-pt", "ana/F5/x/y"):
        with pytest.raises(UserError) as refusal:
            MODELS.on_hub(address, {})
        assert code_of(refusal) == "base.hub_address"
    trainers = MODELS.on_hub("ana/F5-pt", {WEIGHTS: "model_200000.pt", "vocab.txt": vocabulary})
    assert trainers.files == ("model.pt", "vocab.txt")
    assert trainers.origin("model.pt") == HubFile("ana/F5-pt", "model_200000.pt")
    for path in ("model_200000.pth", "", "../model.safetensors", "folder/"):
        with pytest.raises(UserError) as refusal:
            MODELS.on_hub("ana/F5-pt", {WEIGHTS: path})
        assert code_of(refusal) == "base.hub_file"


def test_a_vocabulary_in_another_order_than_the_one_answered_for_is_refused(tiny: Path, tmp_path: Path) -> None:
    """As many tokens load without a word, and f5-tts would speak gibberish."""
    folder = tmp_path / "community"
    shutil.copytree(tiny, folder)
    (folder / FACTS).unlink()
    MODELS.answer(tmp_path, folder, {"flags": "v1", "conversion": "pinyin"})
    load_base(folder)
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    lines[40], lines[50] = lines[50], lines[40]
    (folder / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError) as refusal:
        load_base(folder)
    assert code_of(refusal) == "base.changed_vocabulary"


class Program:
    """What runs when it is read as a pickle."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call[0], self.call[1:]


def checkpoint_of(base: Path) -> dict[str, Any]:
    """A file of the package's trainer: a mean, last weights that differ from it, and what it goes on from."""
    mean = load_file(base / WEIGHTS)
    last = {name.removeprefix("ema_model."): value + 0.01 for name, value in mean.items() if "transformer" in name}
    moments = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-5}]}
    return {"model_state_dict": last, "ema_model_state_dict": mean, "optimizer_state_dict": moments, "update": 9}


def folder_with(checkpoint: Any, base: Path, folder: Path, **options: Any) -> Path:
    folder.mkdir()
    shutil.copyfile(base / "vocab.txt", folder / "vocab.txt")
    torch.save(checkpoint, folder / "model_9.pt", **options)
    return folder


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old_form"])
def test_a_trainers_file_becomes_a_base_with_both_of_its_weights(tiny: Path, tmp_path: Path, zipped: bool) -> None:
    """The mean of a short training holds little of what it learnt: which speaks is asked, and heard."""
    folder = folder_with(checkpoint_of(tiny), tiny, tmp_path / "own", _use_new_zipfile_serialization=zipped)
    digest = sha256_file(folder / "model_9.pt")
    for use in (MODELS.check, MODELS.questions):
        with pytest.raises(UserError) as refusal:
            use(folder)
        assert code_of(refusal) == "base.unread" and "model_9.pt" in str(refusal.value)
    assert MODELS.unread_weights(folder) == ["model_9.pt"]
    rewrite_checkpoint(folder, "model_9.pt")
    assert MODELS.unread_weights(folder) == () and sha256_file(folder / "model_9.pt") == digest
    assert load_file(folder / WEIGHTS).keys() == {name for name in load_file(tiny / WEIGHTS) if "transformer" in name}
    noted = read_json(folder / "manifest.json")
    assert noted["made_of"] == {"name": "model_9.pt", "sha256": digest}
    assert {file["name"]: file["sha256"] for file in noted["files"]} == {
        name: sha256_file(folder / name) for name in (WEIGHTS, LAST_WEIGHTS)
    }
    verify(folder)
    assert [question.key for question in MODELS.questions(folder)] == ["flags", "conversion", "weights"]
    biases = []
    for which in ("mean", "last"):
        (folder / FACTS).unlink(missing_ok=True)
        MODELS.answer(tmp_path, folder, {"flags": "v1", "conversion": "pinyin", "weights": which})
        model = load_base(folder)
        assert model.facts.sha256 == sha256_file(folder / model.facts.weights)
        biases.append(model.transformer.proj_out.bias)
    torch.testing.assert_close(biases[1], biases[0] + 0.01)


def test_weights_without_a_mean_are_taken_as_they_are(tiny: Path, tmp_path: Path) -> None:
    for number, state in enumerate(({"ema_model_state_dict": load_file(tiny / WEIGHTS)}, load_file(tiny / WEIGHTS))):
        folder = folder_with(state, tiny, tmp_path / str(number))
        rewrite_checkpoint(folder, "model_9.pt")
        assert not (folder / LAST_WEIGHTS).exists()
        MODELS.answer(tmp_path, folder, {"flags": "v1", "conversion": "pinyin"})
        assert torch.equal(load_base(folder).transformer.proj_out.bias, load_base(tiny).transformer.proj_out.bias)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old_form"])
@pytest.mark.parametrize("place", ["beside", "within"])
def test_a_program_in_a_trainers_file_is_refused_by_its_name_and_never_runs(
    tiny: Path, tmp_path: Path, place: str, zipped: bool
) -> None:
    checkpoint, trace = checkpoint_of(tiny), tmp_path / "trace"
    program = Program(os.system, f"touch {trace}")
    if place == "beside":
        checkpoint["update"] = program
    else:
        checkpoint["ema_model_state_dict"]["ema_model.transformer.proj_out.bias"] = program
    folder = folder_with(checkpoint, tiny, tmp_path / "hostile", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError) as refusal:
        rewrite_checkpoint(folder, "model_9.pt")
    assert code_of(refusal) == "base.pickle" and "system" in str(refusal.value) and "model_9.pt" in str(refusal.value)
    assert not trace.exists() and {path.name for path in folder.iterdir()} == {"vocab.txt", "model_9.pt"}


def spoilt(state: dict[str, torch.Tensor], how: str) -> Any:
    name = "ema_model.transformer.proj_out.bias"
    if how == "vast":  # a few bytes that pose as gigabytes
        state[name] = torch.zeros(1).expand(1 << 40)
    elif how == "nan":
        state[name] = torch.full((100,), float("nan"))
    elif how == "other":
        return {"model": {"conv.weight": torch.zeros(3)}}
    elif how == "sparse":
        state[name] = torch.zeros(100).to_sparse()
    elif how == "list":
        return [1, 2]
    return {"ema_model_state_dict": state}


@pytest.mark.parametrize("how", ["vast", "nan", "other", "sparse", "list"])
def test_a_trainers_file_that_is_no_checkpoint_of_f5_is_refused(tiny: Path, tmp_path: Path, how: str) -> None:
    folder = folder_with(spoilt(load_file(tiny / WEIGHTS), how), tiny, tmp_path / "spoilt")
    with pytest.raises(UserError) as refusal:
        rewrite_checkpoint(folder, "model_9.pt")
    assert code_of(refusal) == "base.checkpoint" and not (folder / WEIGHTS).exists()


def test_half_a_trainers_file_is_told_and_stop_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    folder = folder_with(checkpoint_of(tiny), tiny, tmp_path / "half")
    with pytest.raises(Cancelled):
        rewrite_checkpoint(folder, "model_9.pt", lambda: True)
    data = (folder / "model_9.pt").read_bytes()
    (folder / "model_9.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError) as refusal:
        rewrite_checkpoint(folder, "model_9.pt")
    assert code_of(refusal) in ("base.checkpoint", "base.pickle")
    assert {path.name for path in folder.iterdir()} == {"vocab.txt", "model_9.pt"}


def test_weights_are_hashed_once_and_that_can_be_broken_off(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(tiny, tmp_path / "community", without=FACTS)
    answers = {"flags": "v1", "conversion": "pinyin"}

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        MODELS.answer(tmp_path, folder, answers, stop)
    hashed: list[Path] = []
    monkeypatch.setattr(bases, "sha256_file", lambda path, on_block: hashed.append(path) or sha256_file(path))
    for _ in range(2):
        MODELS.answer(tmp_path, folder, answers)
        load_base(folder)
    link = tmp_path / "link"
    link.mkdir()
    for path in folder.iterdir():
        (link / path.name).symlink_to(path)
    MODELS.answer(tmp_path, link, answers)
    assert len(hashed) == 1
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"x")
    MODELS.answer(tmp_path, folder, answers)
    assert len(hashed) == 2, "a file that changed is read again"
