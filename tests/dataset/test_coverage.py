"""Coverage: what texts lack of a language's letters and pairs, and the sentences that bring it."""

from __future__ import annotations

from core.dataset.coverage import ENOUGH, coverage, sentences_to_read
from core.dataset.grades import ending, grades, opening
from core.project.records import Clip
from core.sources.reading import all_sentences


def test_a_language_is_covered_by_much_of_it_and_not_by_one_sentence() -> None:
    for language in ("en", "pt-BR"):
        sentences = all_sentences(language)
        little, much = coverage(sentences[:1], language), coverage(sentences, language)
        assert little and much and little.share < 0.3 and much.share > 0.95


def test_a_pair_counts_whatever_its_case_and_only_from_the_third_time_on() -> None:
    for times, known in ((ENOUGH - 1, False), (ENOUGH, True)):
        assert ("th" not in coverage(["THis"] * times, "en").rare_pairs) == known


def test_where_the_usual_letters_of_a_language_are_not_known_nothing_is_claimed() -> None:
    assert coverage(["你好"], "zh-cn") is None


def test_the_sentences_to_read_bring_more_than_as_many_others_and_none_that_was_said() -> None:
    candidates = all_sentences("en")
    said = candidates[:10]
    before = coverage(said, "en")
    picks = sentences_to_read(before, candidates, said, limit=12)
    assert len(picks) == 12 and not set(picks) & set(said)
    assert coverage(said + picks, "en").share > coverage(said + candidates[10:22], "en").share + 0.02
    assert sentences_to_read(coverage(candidates * ENOUGH, "en"), candidates) == []


def test_how_texts_end_and_begin() -> None:
    texts = {"Is it?": "question", "“Go!”": "exclamation", "Yes.": "statement", "and so,": "open", "no": "none"}
    assert {text: ending(text) for text in texts} == texts
    assert opening("— Água fria.") == "água" and opening("…") == ""


def _clip(number: int, **fields: object) -> Clip:
    text = f"Word{number} here we say a sentence of some length."
    return Clip(f"a-{number}", "a", number * 6.0, number * 6.0 + 5, text=text, **fields)  # type: ignore[arg-type]


def test_lights_follow_what_was_measured_and_say_nothing_of_what_was_not() -> None:
    assert {grade.key for grade in grades([_clip(n) for n in range(30)])} == {
        *("amount", "mix", "endings", "questions", "numbers", "openings", "rate"),
    }
    noisy = [_clip(n, snr_db=10.0 if n < 15 else 40.0, bandwidth_hz=3400, loudness_lufs=-30.0 + n) for n in range(30)]
    levels = {grade.key: grade.level for grade in grades(noisy)}
    assert levels | {"noise": "poor", "bandwidth": "poor", "loudness": "poor", "numbers": "good"} == levels
    good = [_clip(n, snr_db=40.0, bandwidth_hz=9000, loudness_lufs=-30.0 + n, gain_db=7.0 - n) for n in range(30)]
    levels = {grade.key: grade.level for grade in grades(good)}
    assert levels | {"noise": "good", "bandwidth": "good", "loudness": "good", "rate": "good"} == levels


def test_only_texts_that_were_recognised_are_said_to_be_recognised_with_doubt() -> None:
    def sure(clips: list[Clip]) -> dict[str, object]:
        return {grade.key: grade.values for grade in grades(clips)}.get("sure", {})

    heard = [_clip(n, raw_text=_clip(n).text, confidence=0.3) for n in range(4)]
    typed = [_clip(n, raw_text="misheard", confidence=0.3) for n in range(4, 10)]
    brought = [_clip(n, raw_text=_clip(n).text, confidence=0.3, given=1) for n in range(10, 20)]
    assert sure([*heard, *typed, *brought]) == {"unsure": 4, "count": 4}
    assert sure([*typed, *brought]) == {}
