"""Training F5-TTS: the package's own loss, the same whatever is computed together, and exactly resumable."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft.tuners.lora.layer import Linear
from safetensors.torch import load_file, save_file

from core.engines.dropout import ByteDropout
from core.engines.f5.bases import FACTS, FLAGS, WEIGHTS, BaseFacts, read_facts, write_facts
from core.engines.f5.features.extract import Features, check, prepare
from core.engines.f5.model.adapted_linear import AdaptedLinear
from core.engines.f5.model.load import load_base
from core.engines.f5.model.lora import load_adapter
from core.engines.f5.model.package import CFM, MelSpec
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.train.collate import Batch
from core.engines.f5.train.loss import flow_loss
from core.engines.f5.train.session import F5Session, start
from core.engines.session import ADAPTER, STATE
from core.errors import UserError
from core.files import read_json, sha256_file, write_json
from core.jobs.reporter import Reporter
from tests.engines.f5.conftest import packaged

CONFIG = F5TrainConfig(
    **{"batch_size": 3, "accumulation": 1, "max_steps": 20, "lora_rank": 4, "learning_rate": 3e-3, "warmup_steps": 2},
    precision="float32",
)


def session(mels: Features, base: Path, resume_from: Path | None = None, **changes: Any) -> F5Session:
    return start(CONFIG.model_copy(update=changes), mels, base, resume_from, device="cpu")


def loss_of_the_package(model: CFM, part: Batch, monkeypatch: pytest.MonkeyPatch) -> float:
    """``CFM.forward`` on one clip, with the throws of ours handed to it in place of its own."""
    assert len(part.frames) == 1
    drops = iter([0.0 if bool(part.audio_dropped[0]) else 1.0, 0.0 if part.text_dropped[0] else 1.0])
    cfm = sys.modules[CFM.__module__]
    monkeypatch.setattr(cfm, "random", lambda: next(drops))
    monkeypatch.setattr(cfm, "mask_from_frac_lengths", lambda lengths, shares: part.span.clone())
    monkeypatch.setattr(torch, "randn_like", lambda like: part.noise)
    monkeypatch.setattr(torch, "rand", lambda *shape, **options: part.times)
    loss, _, _ = model(part.mel, part.texts[0][None], lens=torch.tensor(part.frames))
    monkeypatch.undo()
    return float(loss)


@pytest.mark.parametrize("version", ["v1", "v0"])
def test_the_loss_is_that_of_the_package_and_no_clip_changes_with_its_neighbours(
    mels: Features, tiny: Path, tiny_v0: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny if version == "v1" else tiny_v0
    trained = session(mels, base, batch_size=6)
    trained.step()  # so that the adapter takes part
    transformer = trained.model.transformer.eval()
    model = packaged(trained.model)
    items = trained.loader.items(0)
    together = trained.loader.parts(items)[0]
    assert len(set(together.frames)) > 1 and (together.text_dropped + [False]).count(False) > 1
    with torch.no_grad():
        whole = float(flow_loss(transformer, together))
        total, frames = 0.0, 0
        for part in trained.loader.parts(items, len(items)):
            own = float(flow_loss(transformer, part))
            assert own == pytest.approx(loss_of_the_package(model, part, monkeypatch), abs=1e-5)
            total, frames = total + own * part.targets, frames + part.targets
    assert whole == pytest.approx(total / frames, abs=1e-5)
    assert float(flow_loss(transformer, together)) == pytest.approx(whole, abs=1e-5)  # as it is learnt by


@pytest.mark.parametrize("changes", [{}, {"lora_rslora": True}, {"lora_dora": True}], ids=["lora", "rslora", "dora"])
def test_an_adapter_learns_and_speaks_as_one_of_peft(mels: Features, tiny: Path, changes: dict[str, Any]) -> None:
    trained = session(mels, tiny, dropout=0.0, **changes)
    trained.step()
    part = trained.loader.validation()[0]
    layers = [layer for layer in trained.model.transformer.modules() if isinstance(layer, AdaptedLinear)]
    assert len(layers) == 2 * 6
    gradients, losses = [], []
    for kind in (AdaptedLinear, Linear):
        for layer in layers:
            layer.__class__ = kind
        loss = flow_loss(trained.model.transformer.train(), part)
        gradients.append(torch.autograd.grad(loss, trained.parameters))
        with torch.no_grad():
            losses += [float(loss.detach()), float(flow_loss(trained.model.transformer, part))]
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-5)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_all_dropout_is_the_quick_one_and_leaves_out_its_share(mels: Features, tiny: Path) -> None:
    trained = session(mels, tiny, dropout=0.25)
    layers = [layer for layer in trained.model.transformer.modules() if isinstance(layer, torch.nn.Dropout)]
    assert layers and all(isinstance(layer, ByteDropout) and layer.p == 0.25 for layer in layers)
    values = torch.ones(20_000)
    dropped = layers[0].train()(values)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.03) and torch.equal(layers[0].eval()(values), values)


def test_mels_are_those_of_the_package(mels: Features, frozen_f5: Path) -> None:
    import soundfile

    clip = mels.train[0]
    samples, rate = soundfile.read(frozen_f5 / "wavs" / f"{clip.id}.wav", dtype="float32")
    assert rate == 24_000
    expected = MelSpec()(torch.from_numpy(samples)[None])[0].T
    assert mels.mel(clip).shape == expected.shape == (clip.frames, 100)
    assert np.abs(mels.mel(clip) - expected.numpy()).max() < 0.005  # half precision of numbers up to 11


def test_a_batch_cut_in_halves_is_the_same_update(mels: Features, tiny: Path) -> None:
    whole, halved = session(mels, tiny, dropout=0.0), session(mels, tiny, dropout=0.0)
    assert halved.halve_batch() and halved.micro_batch == 2
    for _ in range(2):
        assert halved.step()["loss"] == pytest.approx(whole.step()["loss"], abs=1e-5)
    for one, other in zip(whole.parameters, halved.parameters, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_it_learns_and_the_error_on_unseen_sentences_is_always_of_the_same_throws(mels: Features, tiny: Path) -> None:
    trained = session(mels, tiny)
    before = trained.evaluate()["val_loss"]
    assert trained.evaluate()["val_loss"] == before
    for _ in range(8):
        values = trained.step()
    assert values.keys() == {"loss", "lr", "grad_norm"}
    assert trained.evaluate()["val_loss"] < 0.95 * before


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9}, {"train_what": "full"}], ids=["lora", "mean", "full"])
def test_a_resumed_run_gives_the_same_numbers_to_the_last_bit(
    mels: Features, tiny: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    first = session(mels, tiny, **changes)
    for _ in range(2):
        first.step()
    first.save(tmp_path)
    expected = [first.step()["loss"] for _ in range(2)]
    again = session(mels, tiny, tmp_path, **changes)
    assert again.step_number == 2
    assert [again.step()["loss"] for _ in range(2)] == expected
    assert all(torch.equal(item, other) for item, other in zip(first.parameters, again.parameters, strict=True))


def test_going_back_to_a_snapshot_leaves_no_trace(mels: Features, tiny: Path) -> None:
    trained = session(mels, tiny)
    trained.step()
    snapshot = trained.snapshot()
    expected = [trained.step()["loss"] for _ in range(2)]
    trained.restore(snapshot)
    assert [trained.step()["loss"] for _ in range(2)] == expected


def test_an_adapters_dropout_is_its_own(mels: Features, tiny: Path) -> None:
    modules = session(mels, tiny, dropout=0.2, lora_dropout=0.3).model.transformer.named_modules()
    shares = {("lora_dropout" in name, module.p) for name, module in modules if isinstance(module, torch.nn.Dropout)}
    assert shares == {(False, 0.2), (True, 0.3)}


def test_an_adapter_is_small_and_says_all_that_has_to_fit(mels: Features, tiny: Path, tmp_path: Path) -> None:
    trained = session(mels, tiny)
    trained.step()
    trained.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"adapter.safetensors", ADAPTER, STATE}
    facts = read_json(tmp_path / ADAPTER)
    assert facts["base_sha256"] == read_facts(tiny).sha256 and facts["flags"] == vars(FLAGS["v1"])
    assert facts["vocabulary"]["tokens"] == 2545 and facts["conversion"] == "pinyin" and facts["weights"] == "raw"
    # Of the published size: what every of the six layers of each of the 22 blocks gets at rank 16, in float32.
    attention, forward = 4 * (1024 + 1024), (1024 + 2048) + (2048 + 1024)
    assert 22 * 16 * (attention + forward) * 4 < 25e6
    learnt = sum(parameter.numel() for parameter in trained.parameters)
    assert learnt == 2 * 4 * (4 * (32 + 32) + (32 + 64) + (64 + 32))


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ("flags", "its base was built as F5-TTS v1, and this one is as F5-TTS v0"),
        ("conversion", "its base read texts in another way"),
        ("base", "it was trained on v1, and this is other"),
        ("vocabulary", "in another order"),
    ],
)
def test_a_checkpoint_is_refused_on_a_base_that_differs_and_told_in_what(
    mels: Features, tiny: Path, tmp_path: Path, difference: str, words: str
) -> None:
    trained = session(mels, tiny)
    trained.step()
    trained.save(tmp_path / "checkpoint")
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    facts = read_facts(tiny)
    if difference == "flags":
        write_facts(other, BaseFacts(FLAGS["v0"], facts.conversion, facts.sha256))
    elif difference == "conversion":
        write_facts(other, BaseFacts(facts.flags, "characters", facts.sha256))
    elif difference == "base":
        state = load_file(other / WEIGHTS)
        state["ema_model.transformer.proj_out.bias"] += 1
        save_file(state, other / WEIGHTS)
        write_facts(other, BaseFacts(facts.flags, facts.conversion, sha256_file(other / WEIGHTS)))
    else:  # as many tokens, in another order: nothing else would tell
        lines = (other / "vocab.txt").read_text(encoding="utf-8").split("\n")
        lines[40], lines[50] = lines[50], lines[40]
        (other / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    for use in (
        lambda: load_adapter(load_base(other), tmp_path / "checkpoint"),
        lambda: session(mels, other, tmp_path / "checkpoint"),
    ):
        with pytest.raises(UserError) as refusal:
            use()
        assert refusal.value.code == "adapter.other_base"
        assert words in str(refusal.value) and not re.search("[0-9a-f]{16}", str(refusal.value))


def test_a_mean_of_the_weights_holds_what_this_run_learnt_and_not_the_base(mels: Features, tiny: Path) -> None:
    """The package's own mean begins at the base and keeps 98 % of it after 2,500 updates."""
    with pytest.raises(ValueError):
        F5TrainConfig(ema_decay=0.9999)
    trained = session(mels, tiny, ema_decay=0.99, warmup_steps=0)
    for _ in range(12):
        trained.step()
    moved = sum(
        float((value.detach() - mean).norm())
        for value, mean in zip(trained.parameters, trained.ema.values, strict=True)
    )
    fresh = session(mels, tiny, ema_decay=0.99)
    whole = sum(
        float((value - zero).detach().norm()) for value, zero in zip(trained.parameters, fresh.parameters, strict=True)
    )
    assert moved < 0.75 * whole


def test_new_letters_learn_whatever_else_does_and_come_with_the_adapter(
    mels: Features, tiny: Path, frozen_f5: Path, tmp_path: Path, silent_reporter: Reporter
) -> None:
    dataset = tmp_path / "ď"
    shutil.copytree(frozen_f5, dataset)
    for name in ("metadata", "metadata_train"):
        text = (dataset / f"{name}.csv").read_text()
        (dataset / f"{name}.csv").write_text(text.replace("|-", " ďa|-", 1), encoding="utf-8")
    features = prepare(dataset, tiny, tmp_path / "cache", silent_reporter)
    assert features.new_letters == ("ď",)
    trained = session(features, tiny)
    row = trained.model.transformer.text_embed.text_embed.new
    before = row.detach().clone()
    table = trained.model.transformer.text_embed.text_embed.weight.detach().clone()
    for _ in range(6):
        trained.step()
    assert not torch.equal(row, before) and torch.equal(trained.model.transformer.text_embed.text_embed.weight, table)
    trained.save(tmp_path / "checkpoint")
    model = load_base(tiny)
    load_adapter(model, tmp_path / "checkpoint")
    assert model.vocabulary.ids["ď"] == 2545
    assert torch.equal(model.transformer.text_embed.text_embed.new, row)


def test_numbers_are_learnt_in_the_words_that_they_are_spoken_in(
    mels: Features, tiny: Path, frozen_f5: Path, tmp_path: Path, silent_reporter: Reporter
) -> None:
    dataset, cache = tmp_path / "odd", mels.cache.folder.parent
    shutil.copytree(frozen_f5, dataset)
    lines = (dataset / "metadata_train.csv").read_text().splitlines()
    tokens = []
    for text, language in (("At 10:30", "en"), ("At ten thirty", "en"), ("At 10:30", "pt")):
        (dataset / "metadata_train.csv").write_text("\n".join([f"clip-0|{text}|-", *lines[1:]]) + "\n")
        write_json(dataset / "dataset.json", {"id": dataset.name, "language": language})
        tokens.append(prepare(dataset, tiny, cache, silent_reporter).train[0].tokens)
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_clip_that_cannot_be_learnt_from_is_named_with_the_reason(
    tiny: Path, frozen_f5: Path, tmp_path: Path
) -> None:
    dataset = tmp_path / "odd"
    shutil.copytree(frozen_f5, dataset)
    with open(dataset / "metadata_train.csv", newline="") as file:
        rows = list(csv.reader(file, delimiter="|"))
    rows[0][1], rows[1][1], rows[2][1] = "a | b".replace("|", "^"), "la " * 200, "?!"
    (dataset / "metadata_train.csv").write_text("".join(f"{'|'.join(row)}\n" for row in rows))
    (dataset / "wavs" / f"{rows[3][0]}.wav").write_bytes(b"noise")
    report = check(dataset, tiny)
    assert {drop.clip_id: drop.code for drop in report.dropped} == {
        rows[0][0]: "clip.unknown_characters",
        rows[1][0]: "clip.too_dense",
        rows[2][0]: "clip.no_words",
        rows[3][0]: "clip.unreadable",
    }
    assert "CIRCUMFLEX" in report.dropped[0].text


def test_features_are_computed_once(
    mels: Features, frozen_f5: Path, tiny: Path, silent_reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("computed twice")

    monkeypatch.setattr("core.engines.f5.features.extract.mel_of", never)
    again = prepare(frozen_f5, tiny, mels.cache.folder.parent, silent_reporter)
    assert again.train == mels.train and np.array_equal(again.mel(again.val[0]), mels.mel(mels.val[0]))


def test_a_state_that_cannot_be_read_is_told(mels: Features, tiny: Path, tmp_path: Path) -> None:
    trained = session(mels, tiny)
    trained.step()
    trained.save(tmp_path)
    (tmp_path / STATE).write_bytes(b"half")
    with pytest.raises(UserError) as refusal:
        session(mels, tiny, tmp_path)
    assert refusal.value.code == "train.state_broken"
    write_json(tmp_path / ADAPTER, json.loads("{}"))
    with pytest.raises(UserError) as refusal:
        load_adapter(load_base(tiny), tmp_path)
    assert refusal.value.code == "adapter.broken" and (tiny / FACTS).exists()
