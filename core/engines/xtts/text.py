"""Text as XTTS reads it: which characters it cannot say, and where a long text may be cut."""

from __future__ import annotations

import re

from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from core.engines.registry import info, language_code
from core.errors import UserError

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？।؟])\s*")
_MOST_CHARACTERS = 250  # of a language that coqui has no limit for
_PAUSE = re.compile(r"(?<=[,;:،、，；：—–])\s*")


class Tokenizer(VoiceBpeTokenizer):  # type: ignore[misc]
    """Coqui's tokenizer, which also takes languages that a base was given a tag for (`vocabulary.extend`).

    Their texts are read as they stand, in lower case: coqui spells out numbers and abbreviations in its own only.
    """

    def preprocess_text(self, txt: str, lang: str) -> str:
        """A text as it is cut into tokens.

        Raises:
            NotImplementedError: neither coqui nor this vocabulary knows the language.
        """
        try:
            return str(super().preprocess_text(txt, lang))
        except NotImplementedError:
            if self.tokenizer.token_to_id(f"[{lang}]") is None:
                raise
            return " ".join(txt.lower().split())


def code_of(tokenizer: VoiceBpeTokenizer, language: str) -> str:
    """The model's own code for a language: one of the engine's, or one that its vocabulary has a tag for.

    Raises:
        UserError: ``engine.language``.
    """
    own = language.strip().lower()
    # Coqui cuts a language at its hyphen.
    if own not in info("xtts").languages and own.isalpha() and tokenizer.tokenizer.token_to_id(f"[{own}]") is not None:
        return own
    return language_code(language)


def tokens(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[int]:
    """Token numbers exactly as `Xtts.inference` makes them.

    Raises:
        UserError: ``speak.language_package``: this language needs a package that is not installed.
    """
    try:
        return list(tokenizer.encode(text.strip().lower(), language))
    except ImportError as error:
        raise UserError(
            "speak.language_package",
            "The language “{language}” needs the package {package}, which is not installed.",
            "Install it with pip into the app's environment, or choose another language.",
            language=language,
            package=str(error.name or error),
        ) from error


def unknown_characters(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> str:
    """The characters (each once) that the model has no token for; empty if it can say everything."""
    unknown = tokenizer.tokenizer.token_to_id("[UNK]")
    if unknown not in tokens(tokenizer, text, language):
        return ""
    said = tokenizer.preprocess_text(text.strip().lower(), language.split("-")[0])
    found = [c for c in dict.fromkeys(said) if not c.isspace() and unknown in tokenizer.tokenizer.encode(c).ids]
    return "".join(found) or "?"


def pieces(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[str]:
    """``[text]`` if the model can say it at once, else parts cut at sentence ends, then pauses, then spaces.

    The limits are the engine's token limit and coqui's character limit of the language.
    """
    most_characters = tokenizer.char_limits.get(language.split("-")[0], _MOST_CHARACTERS)
    most_tokens = info("xtts").max_text_tokens

    def fits(part: str) -> bool:
        return len(part) <= most_characters and len(tokens(tokenizer, part, language)) <= most_tokens

    def cut(part: str, level: int) -> list[str]:
        if fits(part):
            return [part]
        if level == 3:
            middle = len(part) // 2
            return [*cut(part[:middle], 3), *cut(part[middle:], 3)]
        parts = (_SENTENCE_END, _PAUSE, re.compile(r"\s+"))[level].split(part)
        packed: list[str] = []
        for small in filter(None, (piece.strip() for piece in parts)):
            if packed and fits(f"{packed[-1]} {small}"):
                packed[-1] = f"{packed[-1]} {small}"
            else:
                packed.extend(cut(small, level + 1))
        return packed

    return cut(text, 0)
