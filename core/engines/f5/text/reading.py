"""Reading: a text in words, what of it a base's vocabulary has, and what becomes of the rest. Light.

f5-tts reads a space for every character it lacks, silently. Here each is named: a capital is read as its small letter,
a typographic form as the plain one, a letter that is missing altogether becomes a new row of the table while training,
and anything else is refused.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engines.f5.bases import read_facts
from core.engines.f5.text.conversion import Conversion, ids_of, to_tokens
from core.engines.f5.text.vocabulary import Vocabulary, package_vocabulary, read_vocabulary
from core.engines.light import MissingLetter, Reading, TextCheck, TextProblem
from core.errors import UserError
from core.spelling.speller import write_out
from core.text import clean_text, describe_characters

VERSION = 2  # raise when texts are read otherwise
_LOOKALIKES = {"„": '"', "‚": "'", "`": "'", "´": "'", "‐": "-", "‑": "-", "−": "-"}
_CONVERTED = ";“”‘’"  # the conversion itself puts others in their place


@dataclass(frozen=True)
class Letters:
    """Characters of texts that a vocabulary lacks.

    ``replaced`` by what is read in their place, ``new`` letters that only training can teach, ``unknown`` the rest.
    """

    replaced: dict[str, str]
    new: tuple[str, ...]
    unknown: tuple[str, ...]


@functools.lru_cache(maxsize=50_000)
def in_words(text: str, language: str) -> str:
    """The cleaned text with its numbers, signs and abbreviations in words; in no language as it stands."""
    return write_out(clean_text(text), language)


def sort_letters(texts: Iterable[str], vocabulary: Vocabulary, conversion: Conversion) -> Letters:
    """What becomes of every character in the texts that the vocabulary lacks."""
    characters = {character for text in texts for character in text}
    substitutes: dict[str, str] = {}
    new, unknown = [], []
    for character in sorted(characters):
        if _is_known(character, vocabulary, conversion):
            continue
        if (substitute := _substitute(character, vocabulary)) is not None:
            substitutes[character] = substitute
        elif unicodedata.category(character)[0] in "LM" and to_tokens(character, conversion) == [character]:
            new.append(character)
        else:
            unknown.append(character)
    return Letters(substitutes, tuple(new), tuple(unknown))


def missing_letters(base: Path, texts: Sequence[str], language: str) -> list[MissingLetter]:
    """Every character of a dataset's texts that a base lacks, and what a run will do about it."""
    vocabulary, conversion = vocabulary_of(base)
    lines = [in_words(text, language) for text in texts]
    letters = sort_letters(lines, vocabulary, conversion)
    return [
        MissingLetter(
            character,
            sum(character in text for text in lines),
            letters.replaced.get(character, ""),
            character in letters.new,
        )
        for character in sorted({*letters.replaced, *letters.new, *letters.unknown})
    ]


def readable(text: str, vocabulary: Vocabulary, conversion: Conversion) -> str:
    """The text with what stands for characters that the vocabulary lacks; new and unknown ones stay."""
    letters = sort_letters([text], vocabulary, conversion)
    return "".join(letters.replaced.get(character, character) for character in text)


def text_ids(text: str, vocabulary: Vocabulary, conversion: Conversion) -> tuple[int, ...]:
    """Token ids of a text in words: the one way in which texts become ids, for training and speaking alike.

    Raises:
        UserError: ``speak.unknown_characters``.
    """
    tokens = to_tokens(readable(text, vocabulary, conversion), conversion)
    try:
        return ids_of(tokens, vocabulary.ids)
    except KeyError:
        raise UserError(
            "speak.unknown_characters",
            "The model has no sound for: {characters}",
            "Leave these characters out, or write them as words.",
            characters=describe_characters(
                dict.fromkeys("".join(token for token in tokens if token not in vocabulary.ids))
            ),
        ) from None


def text_problem(text: str, vocabulary: Vocabulary, conversion: Conversion) -> TextProblem | None:
    """Why a text in words cannot be learnt from; missing letters can be learnt, other missing characters cannot."""
    if not any(character.isalnum() for character in text):
        return TextProblem("no_words")
    if unknown := sort_letters([text], vocabulary, conversion).unknown:
        return TextProblem("unknown_characters", {"characters": describe_characters(unknown)})
    return None


class F5Texts:
    """See `core.engines.light.TextFrontend`."""

    def read(self, base: Path, text: str, language: str) -> Reading:
        """What the model will read of a text: its words, and what stands for characters that it lacks."""
        vocabulary, conversion = vocabulary_of(base)
        words = in_words(text, language)
        reading = readable(words, vocabulary, conversion)
        letters = sort_letters([words], vocabulary, conversion)
        missing = "".join([*letters.new, *letters.unknown])
        tokens = len(to_tokens(reading, conversion))
        differs = reading.lower() != clean_text(text).lower()
        return Reading(reading, differs, describe_characters(missing), tokens, unknown_characters=missing)

    def check(self, base: Path, language: str) -> TextCheck:
        """Judges texts as the training on this base will."""
        vocabulary, conversion = vocabulary_of(base)
        return lambda text: text_problem(in_words(text, language), vocabulary, conversion)


def vocabulary_of(base: Path) -> tuple[Vocabulary, Conversion]:
    """A base's vocabulary and conversion; those of the published ones where the folder is not there yet."""
    if not base.is_dir():
        return read_vocabulary(package_vocabulary().parent), "pinyin"
    try:
        conversion: Conversion = read_facts(base).conversion
    except UserError:  # nobody has said yet; the page asks for it before anything is made with it
        conversion = "pinyin"
    return read_vocabulary(base), conversion


def _is_known(character: str, vocabulary: Vocabulary, conversion: Conversion) -> bool:
    if character in vocabulary.ids or (conversion == "pinyin" and character in _CONVERTED):
        return True
    tokens = to_tokens(character, conversion)
    return all(token in vocabulary.ids for token in tokens)


def _substitute(character: str, vocabulary: Vocabulary) -> str | None:
    """What is read in place of a character: its small letter, its plain form, or a sign that looks the same."""
    candidates = (character.lower(), _LOOKALIKES.get(character, ""), unicodedata.normalize("NFKC", character))
    for candidate in candidates:
        if candidate and candidate != character and all(part in vocabulary.ids for part in candidate):
            return candidate
    return None
