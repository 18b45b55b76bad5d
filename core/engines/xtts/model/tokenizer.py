"""Coqui's tokenizer with our reading of texts (`reading`), and where a long text may be cut."""

from __future__ import annotations

from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from core.engines.light import TextProblem
from core.engines.registry import info
from core.engines.xtts.text import reading
from core.errors import UserError
from core.text import cut_to_fit

_MOST_CHARACTERS = 250  # of a language that coqui has no limit for


class Tokenizer(VoiceBpeTokenizer):  # type: ignore[misc]
    """Coqui's tokenizer, which reads texts as `reading` does, be they raw or written out already.

    It also takes languages that a base was given a tag for (`vocabulary.extend`); their texts are read as they stand,
    in lower case. Plain coqui-tts makes the same tokens of what `reading.normalize` gives.
    """

    def preprocess_text(self, txt: str, lang: str) -> str:
        """A text as it is cut into tokens.

        Raises:
            NotImplementedError: neither coqui nor this vocabulary knows the language.
        """
        is_known = any(lang == code.split("-")[0] for code in info("xtts").languages)
        if not is_known and self.tokenizer.token_to_id(f"[{lang}]") is None:
            raise NotImplementedError(f"Language '{lang}' is not supported.")
        return reading.romanize(reading.normalize(self.tokenizer, txt, lang), lang)


def code_of(tokenizer: VoiceBpeTokenizer, language: str) -> str:
    """The model's own code for a language: one of the engine's, or one that its vocabulary has a tag for.

    Raises:
        UserError: ``engine.language``.
    """
    return reading.code_for(tokenizer.tokenizer, language)


def normalize(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> str:
    """The text as the model reads it (`reading.normalize`)."""
    return reading.normalize(tokenizer.tokenizer, text, language)


def tokens(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[int]:
    """Token numbers exactly as `Xtts.inference` makes them.

    Raises:
        UserError: ``speak.language_package``: this language needs a package that is not installed.
    """
    try:
        return reading.token_ids(tokenizer.tokenizer, text, language)
    except ImportError as error:
        raise UserError(
            "speak.language_package",
            "The language “{language}” needs the package {package}, which is not installed.",
            "Install it with pip into the app's environment, or choose another language.",
            language=language,
            package=str(error.name or error),
        ) from error


def unknown_characters(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> str:
    """The characters (each once) that the model has no token for; empty if it can say everything.

    Raises:
        UserError: ``speak.language_package``.
    """
    tokens(tokenizer, text, language)  # says so if a package is missing
    return reading.unknown_characters(tokenizer.tokenizer, text, language)


def text_problem(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> TextProblem | None:
    """Why the model cannot learn from a text, or None (`reading.problem`).

    Raises:
        UserError: ``speak.language_package``.
    """
    tokens(tokenizer, text, language)
    return reading.problem(tokenizer.tokenizer, text, language)


def pieces(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[str]:
    """``[text]`` if the model can say it at once, else parts cut at sentence ends, then pauses, then spaces.

    The limits are the engine's token limit and coqui's character limit of the language.
    """
    most_characters = tokenizer.char_limits.get(language.split("-")[0], _MOST_CHARACTERS)

    def fits(part: str) -> bool:
        return len(part) <= most_characters and len(tokens(tokenizer, part, language)) <= reading.MAX_TOKENS

    return cut_to_fit(text, fits)
