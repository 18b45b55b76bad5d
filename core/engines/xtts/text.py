"""Text as XTTS reads it: which characters it cannot say, and where a long text may be cut."""

from __future__ import annotations

import re
import unicodedata

from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from core.engines.registry import info
from core.errors import UserError

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？।؟])\s*")
_PAUSE = re.compile(r"(?<=[,;:،、，；：—–])\s*")


def cleaned(text: str) -> str:
    """One line, composed characters, single spaces; the tokenizer does the rest (and must do it only once)."""
    return " ".join(unicodedata.normalize("NFC", text).split())


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
    most_characters = tokenizer.char_limits[language.split("-")[0]]
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
