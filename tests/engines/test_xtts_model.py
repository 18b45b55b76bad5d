"""The base is opened strictly and left alone; adapters change what they should and merge without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts, _legacy_safe_globals

from core.engines.voice import ReferenceClip
from core.engines.xtts.model import load as model
from core.engines.xtts.model import lora, tiny
from core.engines.xtts.model.decoder import corners
from core.engines.xtts.model.starter import make_starter
from core.engines.xtts.model.tiny import make_untrained
from core.errors import UserError
from core.files import read_json, sha256_file, write_json


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


def linked(base: Path, folder: Path, **instead: Any) -> Path:
    """A copy of a base by links, with some files replaced by what is given (None leaves one out)."""
    folder.mkdir()
    for path in base.iterdir():
        if path.name not in instead:
            (folder / path.name).symlink_to(path)
    for name, value in instead.items():
        if value is not None:
            torch.save(value, folder / name)
    return folder


def logits(xtts: Xtts, seed: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    text = torch.randint(20, 80, (2, 12), generator=generator)
    codes = torch.randint(0, 1000, (2, 20), generator=generator)
    mels = torch.randn(2, 1, 80, 100, generator=generator)
    lengths = torch.tensor([12, 12]), torch.tensor([20 * 1024, 20 * 1024])
    result: torch.Tensor = xtts.gpt(text, lengths[0], codes, lengths[1], cond_mels=mels)[2]
    return result


def shaken(xtts: Xtts, options: lora.LoraOptions = lora.LoraOptions(rank=4, alpha=8)) -> Xtts:
    """With adapters that add something, as if trained."""
    lora.inject(xtts, options)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in lora.lora_parameters(xtts):
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    xtts.train(False)
    return xtts


def merged(xtts: Xtts, base: Path) -> Xtts:
    """The base with the adapters of ``xtts`` folded in, as an export holds it."""
    plain = model.load_base(base)
    plain.load_state_dict({**plain.state_dict(), **lora.merged_weights(xtts)})
    return plain


def test_the_starter_is_the_same_for_the_same_seed(starter: Path, tmp_path: Path) -> None:
    again, other = make_untrained(tmp_path / "again"), make_untrained(tmp_path / "other", seed=1)
    first, second, third = (model.base_state(folder) for folder in (starter, again, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(third["gpt.mel_head.weight"], first["gpt.mel_head.weight"])
    assert (again / "vocab.json").read_bytes() == (starter / "vocab.json").read_bytes()


def test_the_starter_says_that_it_is_untrained_and_is_small(starter: Path) -> None:
    assert read_json(starter / "starter.json")["trained"] is False
    assert sum(path.stat().st_size for path in starter.iterdir()) < 70e6


def test_the_packed_starter_is_expanded_to_the_very_weights_it_was_made_of(starter: Path, tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in model.base_state(starter).items()}
    layer = "hifigan_decoder.waveform_decoder.ups.0.parametrizations.weight.original"
    state[f"{layer}0"][7:], state[f"{layer}1"][7:] = 0, 1  # as in a decoder that is narrower than the full one
    state["hifigan_decoder.waveform_decoder.conv_pre.weight"][9:, 4:] = 0
    packed = {f"model/{name}": value for name, value in corners(state).items()}
    packed |= {f"dvae/{name}": value for name, value in model.load_dvae(starter).state_dict().items()}
    spoken = model.load_speakers(starter)["Noise One"]
    packed |= {f"speakers/Anna/{name}": value for name, value in spoken.items()}
    save_file({name: value.contiguous().clone() for name, value in packed.items()}, tmp_path / "weights.safetensors")
    assert packed[f"model/{layer}1"].shape[0] == 7
    sizes = {"layers": tiny.LAYERS, "channels": tiny.CHANNELS, "heads": tiny.HEADS, "codes": tiny.CODES}
    facts = {"trained": True, "rate_hz": 16_000, "sizes": sizes, "speaking": {"temperature": 0.4}}
    write_json(tmp_path / "starter.json", facts)
    folder = make_starter(tmp_path / "base", tmp_path / "weights.safetensors")
    loaded = model.load_base(folder)
    assert (loaded.args.output_sample_rate, loaded.config.temperature, loaded.untrained_max_s) == (16_000, 0.4, None)
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, state[name].to(value.dtype)), name
    assert torch.equal(model.load_speakers(folder)["Anna"]["gpt_cond_latent"], spoken["gpt_cond_latent"])
    assert torch.equal(model.load_dvae(folder).codebook.embed, model.load_dvae(starter).codebook.embed)


def test_the_starters_narrow_decoder_makes_the_sound_of_the_full_one(tmp_path: Path) -> None:
    base = make_starter(tmp_path / "base")
    narrow = model.load_base(base)
    facts = read_json(base / "starter.json")
    write_json(base / "starter.json", {name: value for name, value in facts.items() if name != "decoder_width"})
    full = model.load_base(base)
    frames, speaker = torch.randn(1, narrow.args.gpt_n_model_channels, 8), torch.randn(1, 512, 1)
    with torch.inference_mode():
        ours, theirs = (xtts.hifigan_decoder.waveform_decoder(frames, g=speaker) for xtts in (narrow, full))
    assert theirs.abs().max() > 1e-3 and torch.allclose(ours, theirs, atol=1e-5)
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in full.parameters()) - 10_000_000


def test_making_a_starter_over_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="already holds"):
        make_untrained(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_plain_coqui_loads_the_starter(starter: Path) -> None:
    config = XttsConfig()
    config.load_json(str(starter / "config.json"))
    xtts = Xtts(config)
    xtts.load_checkpoint(config, checkpoint_dir=str(starter))
    assert torch.equal(xtts.gpt.mel_head.weight, model.load_base(starter).gpt.mel_head.weight)
    assert xtts.speaker_manager.speaker_names == ["Noise One", "Noise Two"]


def test_loading_leaves_the_base_untouched_and_the_module_tree_clean(starter: Path) -> None:
    before = hashes(starter)
    xtts = model.load_base(starter)
    assert xtts.state_dict().keys() == model.base_state(starter).keys()
    assert not any(module.training for module in xtts.modules())
    with model.inference_gpt(xtts):
        assert any(name.startswith("gpt.gpt_inference.") for name in xtts.state_dict())
    assert xtts.state_dict().keys() == model.base_state(starter).keys()
    assert hashes(starter) == before


def test_what_coquis_trainer_leaves_in_a_file_is_ignored(starter: Path, tmp_path: Path) -> None:
    state = {f"xtts.{name}": value for name, value in model.base_state(starter).items()}
    state |= {"dvae.codebook.embed": torch.zeros(2), "torch_mel_spectrogram_dvae.mel_norms": torch.ones(80)}
    folder = linked(starter, tmp_path / "base", **{"model.pth": {"model": state, "config": {}}})
    assert model.load_base(folder).state_dict().keys() == model.base_state(starter).keys()


def test_a_config_object_pickled_by_coqui_is_let_in(starter: Path, tmp_path: Path) -> None:
    # The hub's original checkpoint holds one beside the weights, under the names the classes then had.
    checkpoint = {"config": XttsConfig(), "model": dict(model.base_state(starter))}
    with _legacy_safe_globals():
        folder = linked(starter, tmp_path / "base", **{"model.pth": checkpoint})
    before = hashes(folder)
    assert model.load_base(folder).state_dict().keys() == model.base_state(starter).keys()
    assert hashes(folder) == before


def test_weight_norm_under_its_old_names_is_understood(starter: Path, tmp_path: Path) -> None:
    # The published file is older than torch's present names.
    new = ".parametrizations.weight.original"
    state = {
        name.replace(f"{new}0", ".weight_g").replace(f"{new}1", ".weight_v"): value
        for name, value in model.base_state(starter).items()
    }
    assert any(name.endswith(".weight_g") for name in state)
    whole = {"starter.json": None}  # which says that a narrow decoder is enough
    old = model.load_base(linked(starter, tmp_path / "old", **whole, **{"model.pth": {"model": state}})).state_dict()
    present = model.load_base(linked(starter, tmp_path / "new", **whole)).state_dict()
    assert all(torch.equal(value, old[name]) for name, value in present.items())


class Evil:
    def __reduce__(self) -> Any:
        return print, ("executed",)


def test_a_file_that_would_run_code_is_refused(
    starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("model.pth", "dvae.pth", "mel_stats.pth")):
        folder = linked(starter, tmp_path / str(number), **{name: {"model": Evil()}})
        load = {"model.pth": model.load_base, "dvae.pth": model.load_dvae, "mel_stats.pth": model.load_mel_stats}[name]
        with pytest.raises(UserError) as caught:
            load(folder)
        assert caught.value.code == "base.broken" and name in caught.value.text
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_a_base_with_other_weights_is_refused_by_name(starter: Path, tmp_path: Path, change: str) -> None:
    state = dict(model.base_state(starter))
    if change == "missing":
        del state["gpt.final_norm.weight"]
    else:
        state["gpt.something_else"] = torch.zeros(1)
    folder = linked(starter, tmp_path / "base", **{"model.pth": {"model": state}})
    with pytest.raises(UserError) as caught:
        model.load_base(folder)
    assert caught.value.code == "base.broken"


def test_a_missing_file_is_named(starter: Path, tmp_path: Path) -> None:
    folder = linked(starter, tmp_path / "base", **{"vocab.json": None})
    with pytest.raises(UserError, match=r"vocab\.json"):
        model.load_base(folder)


def test_the_dvae_is_loaded_at_any_size(starter: Path, tmp_path: Path) -> None:
    big = model.new_dvae(channels=80, hidden_dim=96, codebook_dim=32, num_tokens=128)
    folder = linked(starter, tmp_path / "base", **{"dvae.pth": big.state_dict()})
    mels = torch.randn(1, 80, 64)
    assert torch.equal(model.load_dvae(folder).get_codebook_indices(mels), big.eval().get_codebook_indices(mels))


def test_the_starters_dvae_tells_sounds_apart(starter: Path, references: list[ReferenceClip]) -> None:
    import soundfile
    from TTS.tts.layers.tortoise.arch_utils import TorchMelSpectrogram

    samples, rate = soundfile.read(references[0].path, dtype="float32")
    mels = TorchMelSpectrogram(mel_norm_file=str(starter / "mel_stats.pth"), sampling_rate=rate)(
        torch.from_numpy(samples)[None]
    )
    codes = model.load_dvae(starter).get_codebook_indices(mels)
    assert len(codes.unique()) > codes.numel() / 8


def test_a_fresh_adapter_changes_nothing(starter: Path) -> None:
    xtts = model.load_base(starter)
    before = logits(xtts)
    lora.inject(xtts)
    assert torch.allclose(logits(xtts), before, atol=1e-6)


def test_merged_or_not_gives_the_same_logits_and_the_bases_keys(starter: Path) -> None:
    xtts = model.load_base(starter)
    base = logits(xtts)
    apart = logits(shaken(xtts))
    assert (apart - base).abs().max() > 0.05
    assert torch.allclose(logits(merged(xtts, starter)), apart, atol=1e-4)
    assert torch.equal(logits(xtts), apart), "merging changed the model it was asked of"
    assert lora.merged_weights(xtts).keys() < model.base_state(starter).keys()


def test_only_the_adapter_wants_gradients_and_gets_them(starter: Path) -> None:
    xtts = model.load_base(starter)
    lora.inject(xtts, lora.LoraOptions(rank=2))
    wanted = {name for name, parameter in xtts.named_parameters() if parameter.requires_grad}
    assert wanted and all(name.startswith("gpt.gpt.h.") and "lora_" in name for name in wanted)
    for target in ("c_attn", "c_proj", "c_fc"):
        assert any(f".{target}." in name for name in wanted)
    logits(xtts).square().mean().backward()
    # The first factors get none yet: the second ones are still zero.
    assert all(p.grad is not None and p.grad.any() for n, p in xtts.gpt.gpt.named_parameters() if "lora_B" in n)


def test_an_adapter_is_saved_and_comes_back_the_same(starter: Path, tmp_path: Path) -> None:
    options = lora.LoraOptions(rank=4, alpha=8)
    xtts = shaken(model.load_base(starter), options)
    lora.save_adapter(xtts, tmp_path / "step-000010", options, step=10)
    again = model.load_base(starter)
    assert lora.load_adapter(again, tmp_path / "step-000010") is True
    assert torch.equal(logits(again), logits(xtts))
    assert read_json(tmp_path / "step-000010" / "adapter.json")["step"] == 10
    assert (tmp_path / "step-000010" / "adapter.safetensors").stat().st_size < 1e6


def test_the_base_as_step_0_has_no_adapter(starter: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter.json").write_text('{"step": 0, "base": true}')
    xtts = model.load_base(starter)
    assert lora.load_adapter(xtts, tmp_path) is False
    assert xtts.state_dict().keys() == model.base_state(starter).keys()


def test_an_adapter_of_another_base_or_with_nan_is_refused(starter: Path) -> None:
    xtts = shaken(model.load_base(starter))
    state = lora.lora_state(xtts)
    first = next(iter(state))
    with pytest.raises(UserError) as caught:
        lora.load_lora(xtts, {name: value for name, value in state.items() if name != first})
    assert caught.value.code == "adapter.foreign"
    with pytest.raises(UserError) as caught:
        lora.load_lora(xtts, {**state, first: state[first] * float("nan")})
    assert caught.value.code == "adapter.broken"
