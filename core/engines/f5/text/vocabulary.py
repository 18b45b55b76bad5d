"""Vocabulary: a file with one token a line, whose line number is the token's id; read exactly, never guessed. Light."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

from core.errors import UserError
from core.files import TooLarge, read_bounded
from core.reasons import reason_of

NAME = "vocab.txt"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in the order of their ids; the model's table has one row more, its first, as filler."""

    tokens: tuple[str, ...]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token."""
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def sha256(self) -> str:
        """Of its entries: files of the same tokens differ in their line ends."""
        return hashlib.sha256("\n".join(self.tokens).encode()).hexdigest()

    def extended(self, letters: Sequence[str]) -> Vocabulary:
        """The same with new letters at its end."""
        return Vocabulary((*self.tokens, *(letter for letter in letters if letter not in self.ids)))

    def text(self) -> str:
        """As f5-tts reads it from a file: it loses the last token where no line end follows it."""
        return "".join(f"{token}\n" for token in self.tokens)


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary in a base's folder.

    Line ends of both kinds and a missing last one mean the same. What f5-tts would silently read as another table
    (a mark at its beginning, a token twice, a first token that is no space) is refused.

    Raises:
        UserError: ``base.missing_file``, ``base.vocabulary``.
    """
    path = folder / NAME
    try:
        version = path.stat().st_mtime_ns
    except OSError as error:
        raise UserError(
            "base.missing_file",
            "The base model in {folder} has no {name}.",
            "Download the base again, or choose another folder.",
            folder=str(folder),
            name=NAME,
        ) from error
    return _read(path, version)


@lru_cache(maxsize=8)
def _read(path: Path, _version: int) -> Vocabulary:
    try:
        text = read_bounded(path, _MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError, TooLarge) as error:
        raise _refusal(path, error) from error
    lines = text.replace("\r\n", "\n").split("\n")
    tokens = lines[:-1] if lines[-1] == "" else lines
    if tokens and tokens[0].startswith("\ufeff"):
        raise _refusal(
            path,
            UserError(
                "reason.byte_order_mark",
                "it begins with a byte order mark, which moves the space away from its place",
            ),
        )
    if not tokens or tokens[0] != " ":
        raise _refusal(path, UserError("reason.first_no_space", "its first line is not a single space"))
    if len(set(tokens)) != len(tokens):
        double = next(token for number, token in enumerate(tokens) if token in tokens[:number])
        raise _refusal(path, UserError("reason.token_twice", "“{token}” stands in it twice", token=double[:80]))
    return Vocabulary(tuple(tokens))


def package_vocabulary() -> Path:
    """The published bases' vocabulary, as it comes with the package; found without importing it."""
    spec = find_spec("f5_tts")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("f5_tts is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "infer" / "examples" / NAME


def _refusal(path: Path, error: Exception) -> UserError:
    return UserError(
        "base.vocabulary",
        "The vocabulary {name} in {folder} cannot be used: {what}.",
        "Take the file that the base was trained with, unchanged.",
        folder=str(path.parent),
        name=path.name,
        what=reason_of(error),
    )
