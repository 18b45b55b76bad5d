"""The trained starter's build: its sentences, when their words are said, its decoder, and what is kept of the work."""

from __future__ import annotations

import itertools
import json
import lzma
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from TTS.tts.layers.xtts.dvae import Quantize
from TTS.vocoder.models.hifigan_generator import HifiganGenerator

from core.engines.xtts.model.transformer import run_transformer
from presets.starter.build import decoder, dvae, gpt, grammar, speech
from presets.starter.build.corpus import MEL_RATE_HZ, MEL_SCALE, SHIFTS, Clip, log_mel
from presets.starter.build.flite import Flite
from presets.starter.build.plan import (
    FLITE,
    MORE,
    NAMES,
    UNHEARD,
    VOICES,
    Utterance,
    flite_utterances,
    frames_of,
    held_out,
    more_utterances,
    utterances,
    word_spans,
    word_times,
)
from presets.starter.build.state import STATE
from presets.starter.build.text import tokens
from presets.starter.build.work import RATE_HZ, Allowance, Team, store


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return list(itertools.islice(grammar.sentences(0), 12_000))


def test_the_grammar_makes_more_than_ten_thousand_different_sentences(sentences: list[str]) -> None:
    assert len({tuple(grammar.words(sentence)) for sentence in sentences}) == len(sentences) > 10_000


def test_the_same_seed_makes_the_same_sentences_and_another_seed_others(sentences: list[str]) -> None:
    assert list(itertools.islice(grammar.sentences(0), 500)) == sentences[:500]
    assert list(itertools.islice(grammar.sentences(1), 500)) != sentences[:500]


def test_none_of_the_demo_s_prompts_and_none_of_the_sentences_read_elsewhere_is_made(sentences: list[str]) -> None:
    prompt, sample = "Please leave your message after the tone.", "Could you tell me where the nearest bakery is?"
    assert {tuple(grammar.words(text)) for text in (prompt, sample)} <= grammar.forbidden()
    assert not {tuple(grammar.words(sentence)) for sentence in sentences} & grammar.forbidden()


def test_the_vocabulary_has_about_1500_words_and_no_rule_is_left_unused() -> None:
    assert 1_400 <= len(grammar.vocabulary()) <= 1_700
    rules = grammar.rules()
    reached: set[str] = set()
    ahead = ["sentence"]
    while ahead:
        if (name := ahead.pop()) not in reached:
            reached.add(name)
            ahead += [inner for part in rules[name] for inner in grammar.references(part)]
    assert reached == set(rules)


def test_held_out_sentences_and_voices_stay_out_of_what_is_spoken_for_training() -> None:
    plan = utterances()
    spoken = {text for utterance in plan for text in utterance.texts}
    assert len(spoken) > 10_000 and not spoken & set(held_out())
    assert {utterance.voice for utterance in plan} == {*VOICES, *UNHEARD}
    assert not {*VOICES, *MORE} & set(UNHEARD)
    more = more_utterances()
    assert {utterance.voice for utterance in more} == set(MORE)
    assert not {text for utterance in more for text in utterance.texts} & {*held_out(), *grammar.forbidden()}


def test_flite_speaks_other_sentences_than_the_held_out_ones_in_voices_that_have_names() -> None:
    plan = flite_utterances()
    assert len({utterance.number for utterance in plan}) == len(plan) > 2_000
    assert not {text for utterance in plan for text in utterance.texts} & set(held_out())
    assert {utterance.voice for utterance in plan} == set(FLITE) >= set(NAMES)


def test_flite_tells_when_each_word_and_each_phoneme_is_said() -> None:
    try:
        flite = Flite("slt")
    except OSError:
        pytest.skip("no Flite on this computer")
    sound, found = speech.speak_flite(flite, Utterance(0, "slt", 1.0, ("The train is late.", "Please wait.")))
    first, second = found["sentences"]
    assert [len(first["words"]), len(second["words"])] == [4, 2]
    times = [time for sentence in (first, second) for span in sentence["words"] for time in span]
    assert times == sorted(times) and times[0] > 0 and times[-1] < len(sound) / 16_000
    assert second["begin"] > first["words"][-1][1] * 16_000  # a pause stands between them
    begin, end = (round(time * 40) for time in first["words"][1])
    assert set("tɹn") <= set(found["phonemes"][begin:end])


def test_each_word_gets_its_place_among_the_phonemes_also_where_two_are_joined() -> None:
    spans = word_spans(
        ["three", "for", "the", "garden."], ["θɹˈi.", "fˈɔɹ.", "ðˈə.", "ɡˈɑɹdən."], "θɹˈi fəɹðə ɡˈɑɹdən."
    )
    assert [spans[0], spans[3]] == [(0, 4), (11, 19)]
    assert [*spans[1], *spans[2]] == [5, 8, 8, 10]


def test_every_frame_has_the_phoneme_that_is_heard_in_it() -> None:
    assert frames_of("tˈu, a", [2, 1, 1, 2, 3, 1, 2, 1]) == "..tuuu....aa."


def test_the_narrow_decoder_padded_with_zeros_is_the_decoder_of_xtts() -> None:
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        small = decoder.Generator(inputs=8, width=32)
        mel, speaker = torch.randn(1, 8, 6), torch.randn(1, 512, 1)
        # As `HifiDecoder` makes it, but for its width.
        arguments = (8, 1, "1", [[1, 3, 5]] * 3, [3, 7, 11], [16, 16, 4, 4], 64, [8, 8, 2, 2])
        big = HifiganGenerator(
            *arguments,
            inference_padding=0,
            cond_channels=512,
            conv_pre_weight_norm=False,
            conv_post_weight_norm=False,
            conv_post_bias=False,
            cond_in_each_up_layer=True,
        )
        decoder.pad_generator(big, small)
        assert small(mel, speaker).std() > 1e-3
        torch.testing.assert_close(big(mel, g=speaker), small(mel, speaker), atol=1e-5, rtol=0)


def test_codes_are_learnt_as_coqui_s_own_quantiser_learns_them() -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        theirs, ours = Quantize(4, 16), Quantize(4, 16)
        ours.load_state_dict(theirs.state_dict())
        for _ in range(3):
            state = torch.randn(2, 4, 30)
            expected, distance, _ = theirs(state.transpose(1, 2))
            vectors, commitment = dvae.quantise(ours, state)
            torch.testing.assert_close(vectors, expected.transpose(1, 2))
            torch.testing.assert_close(commitment, distance)
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value)


@pytest.fixture(scope="module")
def trainee() -> gpt.Trainee:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return gpt.Trainee().eval().requires_grad_(False)


def _row(speaker: gpt.Speaker, said: str = "The train is late.", codes: int = 20, number: int = 0) -> gpt.Row:
    text, spans = tokens(said)
    looks = torch.linspace(1, len(text) - 1, codes)
    mel = torch.zeros(80, 4 * codes)
    return gpt.Row(text, torch.arange(codes) * 7 % gpt.TOKENS, looks, speaker, number, said, spans, mel)


def test_the_starter_s_gpt_computes_while_it_learns_what_it_computes_in_the_app(trainee: gpt.Trainee) -> None:
    rows = [_row(("a", 1.0), codes=12), _row(("b", 0.9), "Please wait for the next train.", codes=9)]
    heard = {row.speaker: torch.randn(2, 80, 40, generator=torch.Generator().manual_seed(1)) for row in rows}
    together, _ = trainee.run(trainee.embed(rows, heard)[0])
    for row, latents in zip(rows, together, strict=True):
        inputs, _ = trainee.embed([row], heard)
        states = run_transformer(trainee.gpt.gpt, torch.cat([inputs.prefix, inputs.states], 1))
        expected = trainee.gpt.final_norm(states)[0, -len(row.codes) - 1 :]
        torch.testing.assert_close(latents[: len(row.codes) + 1], expected, atol=1e-4, rtol=1e-4)


def test_a_speaker_is_the_mean_of_what_is_heard_in_several_pieces(trainee: gpt.Trainee) -> None:
    pieces = torch.randn(1, 3, 80, 40, generator=torch.Generator().manual_seed(1))
    each = torch.stack([trainee.listen(pieces[:, place : place + 1]) for place in range(3)])
    assert (each[0] - each[1]).abs().max() > 1e-3
    torch.testing.assert_close(trainee.listen(pieces), each.mean(0), atol=1e-5, rtol=1e-4)


def test_a_further_speaker_is_recorded_by_other_means_which_are_always_the_same() -> None:
    sound = (np.random.default_rng(0).normal(0, 2000, 2 * RATE_HZ)).astype(np.int16)
    clip, factor = Clip(0, "slt", "", sound, (), ""), SHIFTS[0]

    def colour(wave: torch.Tensor) -> torch.Tensor:
        return log_mel(wave).mean(1) * MEL_SCALE

    plain = soxr.resample(sound.astype(np.float32) / 32767, RATE_HZ * factor, MEL_RATE_HZ, "MQ")
    first, second = clip.wave(MEL_RATE_HZ, factor), clip.wave(MEL_RATE_HZ, factor)
    assert len(first) == pytest.approx(len(plain), abs=1)
    assert (colour(first) - colour(torch.from_numpy(plain))).std() > 0.2, "nats, from band to band"
    assert (colour(first) - colour(second)).abs().max() < 0.1


def test_a_batch_has_few_speakers_and_every_clip_comes_once_an_epoch() -> None:
    others = [(f"voice {number}", 0.9) for number in range(20)]
    rows = [
        _row(speaker, codes=20 + number % 7, number=number)
        for number, speaker in enumerate([*gpt.MAIN * 40, *others * 4])
    ]
    draw = random.Random(0)
    batches = gpt.batches(gpt.epoch(rows, draw), draw, 200)
    assert all(len({row.speaker for row in batch} - set(gpt.MAIN)) <= gpt.TOGETHER for batch in batches)
    assert sorted(row.number for batch in batches for row in batch) == list(range(len(rows)))
    assert all(len(batch) * max(len(row.codes) for row in batch) <= 240 for batch in batches if len(batch) > 1)


def test_what_earlier_sittings_took_counts_and_a_state_comes_whole(tmp_path: Path) -> None:
    time = iter((5.0, 5.0, 7.0))
    allowance = Allowance(10, 8.0, lambda: next(time), Team())
    assert [allowance.share() for _ in range(2)] == [0.8, 1.0]
    for step in (1, 2):
        store({"step": step}, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True) == {"step": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


def test_the_kept_speech_says_the_plan_and_tells_when_each_word_is_said() -> None:
    plan = {utterance.number: utterance for utterance in (*utterances(), *more_utterances())}
    alone = json.loads((STATE / "alone.json").read_text(encoding="utf-8"))
    lists = sorted(STATE.glob("speech-*.jsonl.xz"))
    assert lists
    for packed in lists:
        sound = soundfile.info(packed.with_name(packed.name.replace(".jsonl.xz", ".opus")))
        rows = [json.loads(line) for line in lzma.decompress(packed.read_bytes()).splitlines()]
        assert sound.duration >= (rows[-1]["at"] + rows[-1]["samples"]) / 16_000
        for row in rows:
            texts = [sentence["text"] for sentence in row["sentences"]]
            assert (row["voice"], texts) == (plan[row["number"]].voice, list(plan[row["number"]].texts))
            for text, spans in zip(texts, word_times(texts, row["ipa"], row["frames"], alone), strict=True):
                assert len(spans) == len(text.split())
                assert [time for span in spans for time in span] == sorted(time for span in spans for time in span)
                assert spans[-1][1] <= row["samples"] / 16_000 + 0.01
