"""Texts become lines: by sentences of their language, by marks, within what an engine says in one go; and back."""

from __future__ import annotations

import pytest

from core.studio.line import Line
from core.studio.marks import line_text, lines_from, lines_instead, text_of
from core.studio.pronunciation import Pronunciation, pronounced
from core.studio.sentences import lines_of, sentences


def fits(text: str) -> bool:
    return len(text) <= 200


def spoken(text: str, language: str = "en") -> list[str]:
    return [line.text for line in lines_from(text, language, fits)]


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("en", 'Dr. Smith paid $3.50 at 5 p.m. to Mr. J. R. Jones. "Is it so?" he asked. Yes... maybe!', 3),
        ("pt-BR", "O Sr. João e a Dra. Ana moram na Av. Paulista, nº 5. É verdade? Custa R$ 3,50, na pág. 7.", 3),
        ("de", "Das kostet z.B. 3,50 Euro. Am 3. Mai kam Prof. Maier. Ja!", 3),
        ("es", "El Sr. López vive en la Avda. Mayor. ¿Es verdad? ¡Sí!", 3),
        ("it", "Il Sig. Rossi e la Dott. Verdi. È vero? Sì!", 3),
        ("fr", "M. Dupont et Mme. Durand. C'est vrai? Oui!", 3),
        ("ja", "今日は良い天気です。そうですか？はい！", 3),
        ("zh-cn", "你好。今天天气很好！是吗？", 3),
        ("ar", "مرحبا. كيف حالك؟ بخير.", 3),
        ("hi", "नमस्ते। आप कैसे हैं? अच्छा।", 3),
        ("he", "מה שלומך? טוב. תודה!", 3),
        ("tr", "Merhaba. Nasılsın? İyiyim.", 3),
    ],
)
def test_sentences_end_where_the_language_ends_them_and_lose_nothing(language: str, text: str, count: int) -> None:
    parts = sentences(text, language)
    assert len(parts) == count, parts
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    "text", ["1. " * 2000, "a. " * 2000, '("' * 2000, "?!" * 3000, "…" * 500, "x" * 5000, "[1]." * 900]
)
def test_no_text_is_lost_however_strange(text: str) -> None:
    parts = lines_of(text.strip(), "en", fits)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    clause = "and then they went on walking along the river towards the old mill"
    parts = lines_of(", ".join([clause] * 8) + ".", "en", fits)
    assert len(parts) > 2 and all(part[-1] in ",." and len(part) <= 200 for part in parts)


STORY = """# One

Ana came in. She said: [voice Ana] Hello! [pause 1.5s] How are you? [voice] And left.

These lines
were only wrapped. This is new.
[pause 500ms] So is this [sic].

## Two ##

[voz Ana]

The rest is hers. [/voice]

But this is not."""


def test_marks_pause_switch_voices_and_begin_chapters() -> None:
    lines = lines_from(STORY, "en", fits)
    assert [(line.heading, line.text) for line in lines if line.heading] == [(1, "One"), (2, "Two")]
    assert [line.text for line in lines if line.voice == "Ana"] == ["Hello!", "How are you?", "The rest is hers."]
    assert [(line.text, line.pause_s) for line in lines if line.pause_s] == [("Hello!", 1.5), ("", 0.5)]
    assert [line.text for line in lines if line.ends_paragraph] == [
        *("One", "And left.", "This is new.", "So is this [sic].", "Two", "The rest is hers.", "But this is not.")
    ]


def test_the_text_of_lines_makes_the_same_lines() -> None:
    lines = lines_from(STORY, "en", fits)
    assert lines_from(text_of(lines), "en", fits) == lines


def test_paragraphs_that_stay_keep_their_lines() -> None:
    before = [line.having(id=number) for number, line in enumerate(lines_from(STORY, "en", fits), 1)]
    changed = text_of(before).replace("Ana came in.", "Bob came in.") + "\n\nOne more."
    after = lines_from(changed, "en", fits, before)
    assert [line.text for line in after if not line.id] == [
        *("Bob came in.", "She said:", "Hello!", "How are you?", "And left.", "One more.")
    ]
    assert [line for line in after if line.id] == [line for line in before if line.id not in range(2, 7)]


def test_one_line_becomes_none_one_or_several_and_keeps_who_and_what_it_was() -> None:
    line = Line(id=7, text="Hello there.", voice="Ana", ends_paragraph=True, settings={"speed": 1.2}, pause_s=1.0)
    assert lines_instead(line, line_text(line), "en", fits) == [line]
    first, second = lines_instead(line, "Hello. There [pause 2s]", "en", fits)
    assert (first.id, first.ends_paragraph, second.id, second.ends_paragraph) == (7, False, 0, True)
    assert first.voice == second.voice == "Ana" and second.settings == {"speed": 1.2} and second.pause_s == 2.0
    assert lines_instead(line, "  ", "en", fits) == []
    title = Line(id=1, text="One", heading=2, ends_paragraph=True)
    assert [part.heading for part in lines_instead(title, "Uno", "en", fits)] == [2]


def test_markup_of_other_programs_is_taken_as_what_it_means() -> None:
    hers, last = '<voice name="Ana">Mine.</voice>', '<prosody rate="x">Last.</prosody>'
    ssml = f'<speak>Hi &amp; bye.<break time="1s"/> {hers} {last}</speak>'
    lines = lines_from(ssml, "en", fits)
    assert [(line.text, line.voice, line.pause_s) for line in lines] == [
        *(("Hi & bye.", "", 1.0), ("Mine.", "Ana", None), ("Last.", "", None))
    ]
    assert "a < b and c > d." in spoken("a < b and c > d.")


def test_what_holds_no_words_is_no_line_of_its_own() -> None:
    assert all(any(map(str.isalnum, text)) for text in spoken("“Stop.” … “ … ” Go on."))
    [line] = lines_from("🎵🎶", "en", fits)
    assert not line.has_words


def test_pronunciations_are_of_whole_words_by_case_and_language() -> None:
    entries = [
        Pronunciation(written="US", spoken="you ess", match_case=True),
        Pronunciation(written="New York", spoken="Noo York"),
        Pronunciation(written="New York City", spoken="the City"),
        Pronunciation(written="C++", spoken=r"see \1 plus"),
        Pronunciation(written="ana", spoken="Anna", language="pt"),
    ]
    said = pronounced("US us New  york city, new york, banana. C++ Ana 🎵👍🏽!", entries, "en")
    assert said == r"you ess us the City, Noo York, banana. see \1 plus Ana !"
    assert pronounced("Ana, banana", entries, "pt-BR") == "Anna, banana"
    assert pronounced("© 2026 ❤️ 1️⃣", [], "en") == "© 2026 1"
