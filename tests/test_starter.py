"""The trained starter's build: the sentences that its speech is made of, and when their words are said."""

from __future__ import annotations

import itertools

import pytest

from presets.starter.build import grammar
from presets.starter.build.plan import UNHEARD, VOICES, frames_of, held_out, utterances, word_spans


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
    assert not set(VOICES) & set(UNHEARD)


def test_each_word_gets_its_place_among_the_phonemes_also_where_two_are_joined() -> None:
    spans = word_spans(
        ["three", "for", "the", "garden."], ["θɹˈi.", "fˈɔɹ.", "ðˈə.", "ɡˈɑɹdən."], "θɹˈi fəɹðə ɡˈɑɹdən."
    )
    assert [spans[0], spans[3]] == [(0, 4), (11, 19)]
    assert [*spans[1], *spans[2]] == [5, 8, 8, 10]


def test_every_frame_has_the_phoneme_that_is_heard_in_it() -> None:
    assert frames_of("tˈu, a", [2, 1, 1, 2, 3, 1, 2, 1]) == "..tuuu....aa."
