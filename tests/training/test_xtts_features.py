"""Features: the same codes coqui's trainer would see, computed once; unusable clips are named before training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.audio.samples import read, write_wav
from core.engines.sampler import LengthBucketSampler
from core.engines.xtts.engine import ENGINE
from core.engines.xtts.features import extract as module
from core.engines.xtts.features.cache import FeatureCache, SoundFeatures
from core.engines.xtts.features.encoder import Encoder, read_audio
from core.engines.xtts.features.extract import ClipFeatures, Features, check, prepare
from core.engines.xtts.model.load import load_dvae, load_mel_stats, new_dvae
from core.engines.xtts.train.conditioning import References
from core.errors import Cancelled, UserError
from core.files import read_json
from core.jobs import events
from core.tasks import train
from tests.training.conftest import Recorded


def test_codes_and_mels_are_those_of_coquis_trainer(features: Features, dataset: Path, starter: Path) -> None:
    from TTS.tts.layers.tortoise.arch_utils import TorchMelSpectrogram

    clip = features.train[0]
    wave = read_audio(dataset / "wavs" / f"{clip.id}.wav")
    norms = str(starter / "mel_stats.pth")
    codes = load_dvae(starter).get_codebook_indices(TorchMelSpectrogram(mel_norm_file=norms)(wave))[0]
    expected = codes[: -(-clip.samples // 1024)].numpy()
    assert features.codes(clip).dtype == np.int16
    assert np.array_equal(features.codes(clip), expected) and len(set(expected.tolist())) > 10
    style = TorchMelSpectrogram(
        filter_length=2048, hop_length=256, win_length=1024, n_mel_channels=80, mel_norm_file=norms
    )(wave)[0].numpy()
    assert np.abs(features.mel(clip).astype(np.float32) - style).max() < 2e-3


def test_tokens_are_those_used_when_speaking(features: Features, starter: Path) -> None:
    clip = features.train[0]
    assert list(clip.tokens) == module.load_tokenizer(starter).encode(clip.text.strip().lower(), "en")


@pytest.fixture
def spoilt(dataset: Path, tmp_path: Path) -> Path:
    """A copy of the dataset with every kind of unusable clip in it."""
    folder = tmp_path / "spoilt"
    shutil.copytree(dataset, folder)
    samples, rate = read(folder / "wavs" / "clip-0000.wav")
    write_wav(folder / "wavs" / "long.wav", np.tile(samples, 8), rate)
    write_wav(folder / "wavs" / "short.wav", samples[:8_000], rate)
    (folder / "wavs" / "broken.wav").write_bytes(b"this is no sound")
    for name in ("odd", "many"):
        write_wav(folder / "wavs" / f"{name}.wav", samples, rate)
    extra = {"long": "x", "short": "x", "broken": "x", "gone": "x", "odd": "A ꙮ here.", "many": "word " * 300}
    with open(folder / "metadata_train.csv", "a") as file:
        file.writelines(f"{name}|{text}|{text}\n" for name, text in extra.items())
    return folder


def test_unusable_clips_are_named_with_the_reason(spoilt: Path, starter: Path, dataset: Path) -> None:
    report = check(spoilt, starter)
    assert {drop.clip_id: drop.code for drop in report.dropped} == {
        "long": "clip.too_long",
        "short": "clip.too_short",
        "broken": "clip.unreadable",
        "gone": "clip.unreadable",
        "odd": "clip.unknown_characters",
        "many": "clip.too_many_tokens",
    }
    assert "ꙮ" in next(drop.text for drop in report.dropped if drop.clip_id == "odd")
    assert report.used == check(dataset, starter).used and not check(dataset, starter).dropped


def test_unusable_clips_are_warned_about_once_written_down_and_left_out(
    spoilt: Path, starter: Path, tmp_path: Path, recorded: Recorded
) -> None:
    for _ in range(2):
        train._check(recorded.job, ENGINE, spoilt, starter, recorded.reporter)
        features = prepare(spoilt, starter, tmp_path / "cache", recorded.reporter)
        assert all(clip.id.startswith("clip-") for clip in features.train)
    warned = recorded.of(events.Warning)
    assert [w.code.partition(".")[2] for w in warned] == [
        *("too_long", "too_short", "unreadable", "unreadable", "unknown_characters", "too_many_tokens"),
    ]
    assert all(f"“{w.values['clip']}”" in w.text and len(w.values["clip"]) <= 60 for w in warned)  # by what it says
    report = read_json(recorded.job.path / train.CHECK)
    assert report["used"] == [clip.id for clip in (*features.train, *features.val)]
    assert [drop["clip_id"] for drop in report["dropped"]] == ["long", "short", "broken", "gone", "odd", "many"]
    assert [drop["text"] for drop in report["dropped"]] == [w.text for w in warned]


def test_a_stopped_preparation_goes_on_where_it_was(
    dataset: Path, starter: Path, tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[bytes] = []
    real = module.Encoder.encode
    monkeypatch.setitem(module.BATCH_S, "cpu", 8.0)

    def counted(self: Encoder, waves: list[torch.Tensor]) -> Any:
        computed.extend(wave.numpy().tobytes() for wave in waves)
        if 4 <= len(computed) < 12:
            recorded.job.stop()
            recorded.reporter._last_look = 0.0
        return real(self, waves)

    monkeypatch.setattr(module.Encoder, "encode", counted)
    with pytest.raises(Cancelled):
        prepare(dataset, starter, tmp_path, recorded.reporter)
    assert 4 <= len(computed) < 12
    (recorded.job.path / "stop").unlink()
    recorded.reporter._stop = False
    monkeypatch.setattr(recorded.job, "stop", lambda: None)
    prepare(dataset, starter, tmp_path, recorded.reporter)
    assert len(computed) == len(set(computed)) == 12
    prepare(dataset, starter, tmp_path, recorded.reporter)
    assert len(computed) == 12


def test_where_memory_runs_out_clips_are_computed_in_halves(
    dataset: Path, starter: Path, tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = module.Encoder.encode

    def small(self: Encoder, waves: list[torch.Tensor]) -> Any:
        sizes.append(len(waves))
        if len(waves) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, waves)

    expected = prepare(dataset, starter, tmp_path / "whole", recorded.reporter)
    monkeypatch.setattr(module.Encoder, "encode", small)
    found = prepare(dataset, starter, tmp_path / "halves", recorded.reporter)
    assert max(sizes) > 2
    for clip in expected.train:
        assert (found.codes(clip) == expected.codes(clip)).all()
    monkeypatch.setattr(module.Encoder, "encode", lambda self, waves: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(dataset, starter, tmp_path / "broken", recorded.reporter)


def test_codes_computed_together_are_those_computed_alone(dataset: Path, starter: Path) -> None:
    """Whatever a clip is batched with: at the published encoder's depth, lengths that end everywhere in a stride."""
    torch.manual_seed(0)
    wide = new_dvae(channels=80, hidden_dim=128, codebook_dim=64, num_tokens=256).eval()
    waves = [read_audio(path)[:, cut:] for cut, path in enumerate(sorted((dataset / "wavs").glob("*.wav")), 1)]
    waves += [wave[:, : 12_000 + 256 * n] for n, wave in enumerate(waves)]
    with torch.no_grad():  # drawn at random the codebook would lie far from what the encoder gives: one code for all
        made = Encoder(wide, load_mel_stats(starter), "cpu")
        mels = torch.cat([made.mel(wave, made.code_mel) for wave in waves], dim=2)
        wide.codebook.embed.copy_(wide.encoder(mels)[0, :, :256])
    for dvae in (load_dvae(starter), wide):
        encoder = Encoder(dvae, load_mel_stats(starter), "cpu")
        together = encoder.encode(waves)
        for wave, one in zip(waves, together, strict=True):
            alone = encoder.encode([wave])[0]
            assert np.array_equal(one.codes, alone.codes) and np.array_equal(one.mel, alone.mel)
            coquis = dvae.get_codebook_indices(encoder.mel(wave, encoder.code_mel))[0, : len(one.codes)]
            assert np.array_equal(one.codes, coquis.numpy())
    assert len({int(code) for result in together for code in result.codes}) > 20


def test_a_sound_of_two_datasets_is_computed_once(
    dataset: Path, starter: Path, tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(dataset, starter, tmp_path / "cache", recorded.reporter)
    other = tmp_path / "abc124"
    shutil.copytree(dataset, other)
    lines = (other / "metadata_train.csv").read_text().splitlines(keepends=True)
    (other / "metadata_train.csv").write_text("".join(lines[2:]).replace("|A", "|An"))
    monkeypatch.setattr(module, "load_dvae", None)  # nothing may be computed
    again = prepare(other, starter, tmp_path / "cache", recorded.reporter)
    assert np.array_equal(again.codes(again.train[0]), first.codes(first.train[2]))


def some(key: str, seed: int) -> SoundFeatures:
    random = np.random.default_rng(seed)
    mel = random.normal(size=(80, 40 + seed)).astype(np.float16)
    return SoundFeatures(key, random.integers(0, 1024, 10 + seed).astype(np.int16), mel)


def test_what_a_kill_left_half_written_is_overwritten(tmp_path: Path) -> None:
    stored = FeatureCache(tmp_path)
    with stored.writing():
        stored.append([some("a", 1), some("b", 2)])
    # Killed while writing a batch: data without a name, and half a line of the index.
    for name, junk in (("codes.i16", b"\1" * 99), ("mels.f16", b"\2" * 999), ("index.jsonl", b'["c", 23,')):
        with open(tmp_path / name, "ab") as file:
            file.write(junk)
    again = FeatureCache(tmp_path)
    assert set(again.places) == {"a", "b"}
    with again.writing():
        again.append([some("d", 4)])
    last = FeatureCache(tmp_path)
    for key, seed in (("a", 1), ("b", 2), ("d", 4)):
        expected = some(key, seed)
        for reader in (again, last):
            assert np.array_equal(reader.codes(key), expected.codes) and np.array_equal(reader.mel(key), expected.mel)
    assert "c" not in last.places


def test_other_clips_another_tokenizer_or_another_language_get_other_features(
    dataset: Path, starter: Path, tmp_path: Path
) -> None:
    other = tmp_path / "abc124"
    shutil.copytree(dataset, other)
    keys = {module.cache_key(dataset, starter), module.cache_key(other, starter)}
    (other / "dataset.json").write_text('{"language": "pt-BR"}')
    keys.add(module.cache_key(other, starter))
    assert len(keys) == 3
    base = tmp_path / "base"
    shutil.copytree(starter, base)
    assert module.encoder_key(base) == module.encoder_key(starter)
    torch.save(2 * torch.load(base / "mel_stats.pth"), base / "mel_stats.pth")
    assert module.encoder_key(base) != module.encoder_key(starter)


def test_one_clip_alone_cannot_be_trained_on(dataset: Path, starter: Path, tmp_path: Path, recorded: Recorded) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(dataset, alone)
    (alone / "metadata_train.csv").write_text((dataset / "metadata_train.csv").read_text().splitlines()[0] + "\n")
    with pytest.raises(UserError) as caught:
        prepare(alone, starter, tmp_path / "cache", recorded.reporter)
    assert caught.value.code == "train.too_few_clips"


def test_every_clip_is_seen_once_an_epoch_and_the_order_needs_only_a_number() -> None:
    lengths = [100 + 7 * i for i in range(103)]
    sampler = LengthBucketSampler(lengths, 4, seed=3)
    for epoch in range(3):
        seen = [i for n in range(len(sampler.epoch(0))) for i in sampler.batch(epoch * len(sampler.epoch(0)) + n)]
        assert sorted(seen) == list(range(103))
    assert [LengthBucketSampler(lengths, 4, seed=3).batch(n) for n in (57, 3)] == [sampler.batch(57), sampler.batch(3)]
    assert sampler.batch(0) != LengthBucketSampler(lengths, 4, seed=4).batch(0)


def test_batches_hold_clips_of_similar_length_in_mixed_order() -> None:
    lengths = np.random.default_rng(0).integers(20_000, 250_000, 512).tolist()
    sampler = LengthBucketSampler(lengths, 8, seed=1)
    batches = [sampler.batch(n) for n in range(len(sampler.epoch(0)))]
    spread = [max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in batches]
    assert np.mean(spread) < 40_000
    longest = [max(lengths[i] for i in b) for b in batches]
    assert longest != sorted(longest)


def test_batches_by_length_hold_as_much_each_and_every_clip_once_an_epoch() -> None:
    lengths = np.random.default_rng(0).integers(60, 350, 512).tolist()
    by_length = LengthBucketSampler(lengths, 8, seed=1, by_length=True)
    by_count = LengthBucketSampler(lengths, 8, seed=1)
    first = 0
    for epoch in range(3):
        count = len(by_length.epoch(epoch))
        batches = [by_length.batch(first + n) for n in range(count)]
        assert sorted(i for batch in batches for i in batch) == list(range(512))
        first += count
    again = LengthBucketSampler(lengths, 8, seed=1, by_length=True)
    assert again.batch(first - 1) == batches[-1], "a position is one number"

    def padded(sampler: LengthBucketSampler) -> list[int]:
        return [len(b) * max(lengths[i] for i in b) for b in map(sampler.batch, range(len(sampler.epoch(0))))]

    assert max(padded(by_length)) < 0.8 * max(padded(by_count)), "the largest batch decides what fits"
    assert abs(np.mean([len(by_length.batch(n)) for n in range(len(by_length.epoch(0)))]) - 8) < 0.5


def test_a_clip_is_never_conditioned_on_itself_and_pieces_are_not_padded() -> None:
    frames = [300, 350, 400, 700, 900, 100]
    clips = [ClipFeatures(str(n), "", (), count * 256) for n, count in enumerate(frames)]
    drawn: Any = Drawn(clips)
    chosen = References(drawn, min_s=3.0, max_s=6.0, seed=1)
    widths = set()
    for number in range(200):
        references = chosen.training(clips, number)
        assert all(clip.id != reference.clip_id for clip, reference in zip(clips, references, strict=True))
        assert all(reference.clip_id != "5" for reference in references), "a clip too short to be a reference was one"
        assert all(reference.start + reference.frames <= frames[int(reference.clip_id)] for reference in references)
        widths.update(reference.frames for reference in references)
    assert len(widths) > 5 and min(widths) >= 258
    assert chosen.training(clips, 7) == chosen.training(clips, 7) != chosen.training(clips, 8)
    assert len(set(chosen.pool)) > 200


class Drawn:
    """Features without any sound."""

    def __init__(self, clips: list[ClipFeatures]) -> None:
        self.train, self.val = clips, list[ClipFeatures]()
