"""Text frontend: what the model reads of a text, token by token, and why it cannot read one. Light, for pages too.

One verdict for all: what is counted when a data set is frozen, what is trained on, what is spoken.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from core.engines.light import Reading, TextCheck, TextProblem
from core.engines.registry import info, language_code
from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary
from core.engines.xtts.text.spelling import letters_of_numbers, lowercase, spell
from core.errors import UserError
from core.text import clean_text, describe_characters

VERSION = 2  # raise when the same text comes to be read otherwise
MAX_TOKENS = 200
_LATIN_SCRIPTED = ("zh", "ja", "ko")
# Signs that only shape a sentence, and what stands for them where a vocabulary lacks them.
_STANDS_FOR = {
    **dict.fromkeys("，、،﹑", ","),
    **dict.fromkeys("؛；", ";"),
    **dict.fromkeys("：", ":"),
    **dict.fromkeys("؟？", "?"),
    **dict.fromkeys("！", "!"),
    **dict.fromkeys("。।॥۔｡", "."),
    **dict.fromkeys("・·•‧∙", " "),
    **dict.fromkeys("‐‑", "-"),
    **dict.fromkeys("¡¿\"'`´¨ˈ", ""),
    "…": "...",
}
_DASH = re.compile(r"\s*[–—―‒⸺~〜]+\s*")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[’‘‛ʼ′`´](?=[^\W\d_])")
_WRITTEN_OUT = frozenset("0123456789%€$£")
_LONGEST_WORD = 12  # no digit or sign becomes longer in any language
_SHAPES = ("Ps", "Pe", "Pi", "Pf", "Cf")  # brackets and quotation marks make no sound


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A base's tokenizer, and the letters, commas and stops that have a token of their own in it."""

    tokenizer: Tokenizer
    letters: frozenset[str]


def vocabulary(base: Path) -> Vocabulary:
    """That of a base; the starter's while it is not there yet."""
    try:
        path = base / "vocab.json"
        return _load(str(path), path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return _load("", 0)


@functools.lru_cache(maxsize=4)
def _load(path: str, _mtime_ns: int) -> Vocabulary:
    tokenizer = Tokenizer.from_file(path) if path else starter_vocabulary()
    return Vocabulary(tokenizer, letters_of(tokenizer))


def letters_of(tokenizer: Tokenizer) -> frozenset[str]:
    """Letters, commas and stops that have a token of their own, and the space."""
    signs = (token for token in tokenizer.get_vocab() if len(token) == 1)
    return frozenset(sign for sign in signs if unicodedata.category(sign)[0] in "LM" or sign in ",.!?'-") | {" "}


def code_for(tokenizer: Tokenizer, language: str) -> str:
    """The model's own code for a language: one of the engine's, or one that its vocabulary has a tag for.

    Raises:
        UserError: ``engine.language``.
    """
    code = language.strip().lower()
    # Coqui cuts a language at its hyphen.
    if code not in info("xtts").languages and code.isalpha() and tokenizer.token_to_id(f"[{code}]") is not None:
        return code
    return language_code(language, "xtts")


class XttsTexts:
    """See `core.engines.light.TextFrontend`."""

    def read(self, base: Path, text: str, language: str) -> Reading:
        """What the model will read of a text."""
        tokenizer = vocabulary(base).tokenizer
        try:
            code = code_for(tokenizer, language)
            words = normalize(tokenizer, text, code)
            tokens = _tokens(tokenizer, words, code)
            unknown = _unknown(tokenizer, words, code, tokens)
        except (UserError, ImportError):
            return Reading(clean_text(text), False, "")
        differs = _words(words, code) != _words(text, code)
        return Reading(words, differs, describe_characters(unknown), len(tokens), MAX_TOKENS, unknown)

    def check(self, base: Path, language: str) -> TextCheck:
        """Judges texts as the training on this base will (`problem`); each text once."""
        vocab = vocabulary(base)
        try:
            code = code_for(vocab.tokenizer, language)
        except UserError:
            return lambda text: None  # no base speaks the language: that is said when training starts
        return lambda text: None if _is_plain(text, vocab.letters, code) else _cached_problem(vocab, text, code)


def _words(text: str, code: str) -> str:
    return "".join(sign for sign in lowercase(text, code) if sign.isalnum() or unicodedata.category(sign)[0] == "S")


@functools.lru_cache(maxsize=50_000)
def _cached_problem(vocab: Vocabulary, text: str, code: str) -> TextProblem | None:
    return problem(vocab.tokenizer, text, code)


def normalize(tokenizer: Tokenizer, text: str, language: str) -> str:
    """The text as the model reads it: in words (`spelling.spell`), with signs that this vocabulary has.

    Plain coqui-tts makes the same tokens of it as `token_ids` makes of the text.
    """
    code = language.split("-")[0]
    words = spell(text, language)
    if code == "zh":
        # Coqui reads every sign of a Chinese text as a comma.
        return "".join("," if _is_sign(sign) else sign for sign in words)
    if code == "ja":
        return " ".join("".join(map(_for_japanese, _APOSTROPHE.sub("'", words))).split())
    return _fold(words, lambda character: tokenizer.token_to_id(character) is not None)


def token_ids(tokenizer: Tokenizer, text: str, language: str) -> list[int]:
    """Token numbers of a text, the language's tag first."""
    return _tokens(tokenizer, normalize(tokenizer, text, language), language)


def unknown_characters(tokenizer: Tokenizer, text: str, language: str) -> str:
    """The characters (each once) that the model has no sound for; empty if it can say everything."""
    reading = normalize(tokenizer, text, language)
    return _unknown(tokenizer, reading, language, _tokens(tokenizer, reading, language))


def problem(tokenizer: Tokenizer, text: str, language: str) -> TextProblem | None:
    """Why the model cannot read a text of a clip, or None."""
    reading = normalize(tokenizer, text, language)
    if not any(character.isalnum() for character in reading):
        return TextProblem("no_words", {"written": text})
    tokens = _tokens(tokenizer, reading, language)
    if unknown := _unknown(tokenizer, reading, language, tokens):
        return TextProblem("unknown_characters", {"characters": describe_characters(unknown)})
    too_long = TextProblem("too_many_tokens", {"tokens": len(tokens), "limit": MAX_TOKENS})
    return too_long if len(tokens) > MAX_TOKENS else None


def _tokens(tokenizer: Tokenizer, reading: str, language: str) -> list[int]:
    code = language.split("-")[0]
    tag = "zh-cn" if code == "zh" else code
    return list(tokenizer.encode(f"[{tag}]{romanize(reading, code)}".replace(" ", "[SPACE]")).ids)


def _unknown(tokenizer: Tokenizer, reading: str, language: str, tokens: list[int]) -> str:
    code = language.split("-")[0]
    if code == "ja" and (unread := _unread_japanese(reading)):
        return unread
    unk_id = tokenizer.token_to_id("[UNK]")
    if unk_id not in tokens:
        return ""
    characters = dict.fromkeys(romanize(reading, code).replace(" ", ""))
    return "".join(character for character in characters if unk_id in tokenizer.encode(character).ids) or "?"


def romanize(text: str, code: str) -> str:
    """Chinese, Japanese and Korean in Latin letters, as the model learnt them; other texts as they are."""
    if code == "zh":
        import pypinyin

        style = pypinyin.Style.TONE3
        return "".join(
            syllable[0] for syllable in pypinyin.pinyin(text, style=style, heteronym=False, neutral_tone_with_five=True)
        )
    if code == "ko":
        from ko_speech_tools import hangul_romanize

        return str(hangul_romanize(text))
    return str(_katsu().romaji(text)).lower() if code == "ja" else text


@functools.lru_cache
def _katsu() -> Any:
    import cutlet

    return cutlet.Cutlet()


def _is_plain(text: str, letters: frozenset[str], code: str) -> bool:
    """Whether a text is surely read: short, of known letters and what is written out in them. Spares work."""
    longest = len(text) + sum(_LONGEST_WORD for letter in text if letter in _WRITTEN_OUT)
    if longest > 0.9 * MAX_TOKENS or code.split("-")[0] in _LATIN_SCRIPTED:
        return False
    strange = set(text.lower()) - letters
    if strange and (not strange <= _WRITTEN_OUT or not letters >= letters_of_numbers(code)):
        return False
    return any(map(str.isalpha, text))


def _is_sign(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "P" or (category[0] == "S" and character.isascii())


def _for_japanese(character: str) -> str:
    """A Latin letter without the accent Japanese has no sound for; no quotation marks."""
    if unicodedata.category(character) in ("Pi", "Pf"):
        return ""
    base = unicodedata.normalize("NFKD", {"ı": "i", "ß": "s"}.get(character, character))[0]
    return base if base.isascii() and not character.isascii() else character


def _unread_japanese(text: str) -> str:
    """Characters that would be left out, or read as a question, without a word."""
    questions = text.count("?") + text.count("？")
    strange = [letter for letter in dict.fromkeys(text) if not letter.isascii() and not _is_japanese(letter)]
    if not strange and romanize(text, "ja").count("?") > questions:
        strange = [letter for letter in dict.fromkeys(text) if letter not in "?？" and "?" in romanize(letter, "ja")]
    return "".join(strange)


def _is_japanese(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("HIRAGANA", "KATAKANA", "CJK UNIFIED", "CJK COMPAT", "IDEOGRAPHIC")) or (
        unicodedata.category(character)[0] == "P" or character in "々〆ヶーゝゞヽヾ"
    )


def _fold(text: str, is_known: Callable[[str], bool]) -> str:
    """The text with signs of a like meaning in the place of those that the vocabulary lacks; letters are left alone."""
    missing = {letter for letter in set(text) if not letter.isspace() and not is_known(letter)}
    if not missing:
        return text
    if any(map(_DASH.search, missing)):
        mark = ", " if is_known(",") else " "
        text = _DASH.sub(lambda match: mark if missing & set(match[0]) else match[0], text)
        text = re.sub(r"^[\s,]+|(?<=[.!?,;:])[\s,]*,(?=\s)", "", text)
    if is_known("'"):
        text = _APOSTROPHE.sub(lambda match: "'" if match[0] in missing else match[0], text)
    result = "".join(_stand_in(letter, is_known) if letter in missing else letter for letter in text)
    return " ".join(result.split())


def _stand_in(character: str, is_known: Callable[[str], bool]) -> str:
    if unicodedata.category(character) in _SHAPES:
        return ""
    substitute = _STANDS_FOR.get(character)
    if substitute is None:
        substitute = unicodedata.normalize("NFKC", character) if character in "ªº" else character
        return substitute
    return substitute if all(letter == " " or is_known(letter) for letter in substitute) else ""
