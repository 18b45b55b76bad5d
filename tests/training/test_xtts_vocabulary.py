"""New characters: the tokenizer, the embeddings and the head grow together, and what is new is learnt."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.engines.voice import ReferenceClip
from core.engines.xtts.features.extract import check, load_tokenizer, prepare
from core.engines.xtts.infer.export import export, load_plain
from core.engines.xtts.model import load as model
from core.engines.xtts.model import lora
from core.engines.xtts.model.vocabulary import extend, first_new, main
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.collate import collate
from core.engines.xtts.train.loss import losses
from core.engines.xtts.train.session import XttsSession, start
from core.errors import UserError
from tests.training.conftest import Recorded

CONFIG = XttsTrainConfig(
    **{"batch_size": 4, "accumulation": 1, "max_steps": 20, "lora_rank": 4, "learning_rate": 1e-2, "warmup_steps": 2},
    precision="float32",
    reference_pool=8,
    text_loss_weight=1.0,
)


@pytest.fixture(scope="module")
def grown(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extend(starter, tmp_path_factory.mktemp("grown") / "base", "ꙮⴃa", ["sv"])


@pytest.fixture
def odd(dataset: Path, tmp_path: Path) -> Path:
    """The dataset with a character in every text that the base cannot say."""
    folder = tmp_path / "odd123"
    shutil.copytree(dataset, folder)
    for part in ("train", "val"):
        lines = (folder / f"metadata_{part}.csv").read_text().splitlines()
        changed = [f"{entry}|ꙮ {text}|ꙮ {text}\n" for entry, text, _ in (line.split("|") for line in lines)]
        (folder / f"metadata_{part}.csv").write_text("".join(changed))
    return folder


def test_what_was_there_keeps_its_numbers_and_weights(grown: Path, starter: Path) -> None:
    old, new = load_tokenizer(starter), load_tokenizer(grown)
    assert new.encode("the same as ever.", "en") == old.encode("the same as ever.", "en")
    assert new.get_number_tokens() == old.get_number_tokens() + 3  # "a" was there
    assert first_new(grown) == old.get_number_tokens() and first_new(starter) is None
    before, after = model.base_state(starter), model.base_state(grown)
    for name, value in before.items():
        assert torch.equal(after[name][: len(value)] if value.ndim else after[name], value), name
    assert new.tokenizer.encode("[sv]").ids == [new.tokenizer.token_to_id("[sv]")]
    assert model.load_base(grown).gpt.text_head.bias.shape == (new.get_number_tokens(),)
    load_plain(grown)


def test_the_command_writes_a_larger_base_and_refuses_in_one_line(
    starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(starter), str(tmp_path / "base"), "--characters", "șț", "--tags", "ro"]) == 0
    assert all(load_tokenizer(tmp_path / "base").tokenizer.token_to_id(entry) for entry in ("ș", "ț", "[ro]"))
    assert main([str(starter), str(tmp_path / "none"), "--characters", "abc"]) == 2
    assert "knows all" in capsys.readouterr().err and not (tmp_path / "none").exists()
    with pytest.raises(SystemExit):
        main([str(starter), str(tmp_path / "base"), "--characters", "ș"])


@pytest.mark.parametrize("tag", ["[ro]", "pt-br", "", "r"])
def test_what_is_no_code_of_a_language_is_refused(starter: Path, tmp_path: Path, tag: str) -> None:
    with pytest.raises(UserError) as caught:
        extend(starter, tmp_path / "base", tags=[tag])
    assert caught.value.code == "base.bad_tag" and not (tmp_path / "base").exists()


def test_nothing_new_is_refused(starter: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="knows all"):
        extend(starter, tmp_path / "base", "abc ")
    assert not (tmp_path / "base").exists()


def test_new_characters_are_learnt_beside_an_adapter_and_nothing_else_of_the_vocabulary(
    grown: Path, starter: Path, odd: Path, tmp_path: Path, recorded: Recorded
) -> None:
    assert {drop.code for drop in check(odd, starter).dropped} == {"clip.unknown_characters"}
    assert not check(odd, grown).dropped
    features = prepare(odd, grown, tmp_path / "cache", recorded.reporter)
    session = start(CONFIG, features, grown, None)
    first = first_new(grown)
    assert first is not None
    before = {name: value.clone() for name, value in session.xtts.gpt.named_parameters()}
    unheard = surprise(session, first)
    for _ in range(12):
        session.step()
    assert surprise(session, first) < 0.5 * unheard
    for name in ("text_embedding.weight", "text_head.weight", "text_head.bias"):
        value = session.xtts.gpt.get_parameter(name)
        assert torch.equal(value[:first], before[name][:first]), "old rows must stay what they are"
        assert not torch.equal(value[first], before[name][first]), "the new character learns"
    session.save(tmp_path / "step")
    _comes_back(session, grown, tmp_path / "step")


def test_a_language_that_coqui_does_not_know_is_trained_and_spoken(
    grown: Path, starter: Path, dataset: Path, tmp_path: Path, recorded: Recorded
) -> None:
    swedish = tmp_path / "swe123"
    shutil.copytree(dataset, swedish)
    (swedish / "dataset.json").write_text('{"id": "swe123", "language": "sv"}')
    with pytest.raises(UserError, match="sv"):
        check(swedish, starter)
    features = prepare(swedish, grown, tmp_path / "cache", recorded.reporter)
    tag = load_tokenizer(grown).tokenizer.token_to_id("[sv]")
    assert features.language == "sv" and {clip.tokens[0] for clip in features.train} == {tag}
    session = start(CONFIG, features, grown, None)
    before = session.xtts.gpt.text_embedding.weight.detach().clone()
    unheard = surprise(session, tag)
    for _ in range(12):
        session.step()
    assert surprise(session, tag) < 0.5 * unheard
    assert not torch.equal(session.xtts.gpt.text_embedding.weight[tag], before[tag])
    voice = session.voice()
    speaker = voice.condition([ReferenceClip(swedish / "wavs" / f"{features.train[0].id}.wav")])
    assert len(voice.speak("Hello there.", "sv", speaker, 1, max_seconds=0.3)[0])
    assert len(voice.speak_many(["Hello there.", "Yes."], "sv", speaker, [1, 2], max_seconds=0.3)) == 2
    with pytest.raises(UserError) as caught:
        export(grown, None, tmp_path / "out", name="A", references=[], text="Hello.", language="sv", seed=1)
    assert caught.value.code == "export.own_language" and not (tmp_path / "out").exists()


def surprise(session: XttsSession, token: int) -> float:
    """The cross entropy of a token wherever it is right, over some clips."""
    session._mode(training=False)
    rows = session.loader.rows(0)
    batch = collate(rows, session.loader.special_tokens)
    there = batch.text_out == token
    only = replace(batch, text_at=batch.text_at[there], text_out=batch.text_out[there])
    assert there.sum() == len(rows)
    with torch.no_grad():
        return float(losses(session.xtts.gpt, only, session.latents.of([row.reference for row in rows])).text)


def _comes_back(session: XttsSession, base: Path, saved: Path) -> None:
    loaded = model.load_base(base)
    assert lora.load_adapter(loaded, saved)
    for name in ("text_embedding.weight", "text_head.bias"):
        assert torch.equal(loaded.gpt.get_parameter(name), session.xtts.gpt.get_parameter(name))
    merged = lora.merged_weights(loaded)
    assert (
        {"gpt.text_embedding.weight", "gpt.gpt.h.0.attn.c_attn.weight"}
        <= merged.keys()
        <= model.base_state(base).keys()
    )
