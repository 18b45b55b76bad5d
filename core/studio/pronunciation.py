"""Pronunciation: a project's list of words that are said otherwise than they are written."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.damage import DamagedFile, read_record
from core.errors import UserError
from core.files import write_json
from core.project.workspace import Project
from core.text import clean_text

MOST_ENTRIES = 2_000
_MOST_CHARACTERS = 200
# Pictures that nobody reads out; of the signs among them, those that are read as words stay.
_PICTURES = "[\\p{Extended_Pictographic}--[©®™‼⁉#*0-9]]|[\\U0001F1E6-\\U0001F1FF\\U0001F3FB-\\U0001F3FF\\u20E3]"


class Pronunciation(BaseModel):
    """One entry: whole words as they are written, and how they are said instead.

    ``language`` is the engine's code, empty for every language. With ``match_case`` “US” is another word than “us”.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    written: str = Field(min_length=1, max_length=_MOST_CHARACTERS)
    spoken: str = Field(max_length=_MOST_CHARACTERS)
    language: str = Field("", max_length=20)
    match_case: bool = False


class _File(BaseModel):
    entries: tuple[Pronunciation, ...] = Field((), max_length=MOST_ENTRIES)


def pronunciations(project: Project, damage: list[DamagedFile] | None = None) -> tuple[Pronunciation, ...]:
    """The project's list, in the order it was made; empty where it is damaged, which is added to ``damage``."""
    path = _path(project)
    if not path.exists():
        return ()
    try:
        return read_record(path, _File, "pronunciation", path).entries
    except DamagedFile as error:
        if damage is not None:
            damage.append(error)
        return ()


def set_pronunciation(
    project: Project, written: str, spoken: str, language: str = "", match_case: bool = False
) -> None:
    """Add an entry, or change the one of this word, language and case.

    Raises:
        UserError: ``studio.pronunciation_empty``, ``studio.pronunciation_long``, ``studio.pronunciation_many``.
            DamagedFile: the list cannot be read.
    """
    written, spoken = clean_text(written), clean_text(spoken)
    if not any(map(str.isalnum, written)) or not spoken:
        raise UserError(
            "studio.pronunciation_empty", "An entry needs the word and how it is said.", "Fill in both fields."
        )
    if max(len(written), len(spoken)) > _MOST_CHARACTERS:
        raise UserError(
            "studio.pronunciation_long",
            "A pronunciation has at most {limit} characters.",
            "Enter single words or names.",
            limit=_MOST_CHARACTERS,
        )
    entry = Pronunciation(written=written, spoken=spoken, language=language, match_case=match_case)
    rest = [candidate for candidate in _for_change(project) if _name(candidate) != _name(entry)]
    if len(rest) >= MOST_ENTRIES:
        raise UserError(
            "studio.pronunciation_many",
            "The list holds {limit} entries already.",
            "Remove some that are no longer needed.",
            limit=MOST_ENTRIES,
        )
    _write(project, [*rest, entry])


def remove_pronunciation(project: Project, name: str) -> None:
    """Take an entry out by its `entry_name`; nothing if it is not there."""
    _write(project, [candidate for candidate in _for_change(project) if entry_name(candidate) != name])


def entry_name(entry: Pronunciation) -> str:
    """What tells an entry from the others, as one word."""
    return "|".join(_name(entry))


def pronounced(text: str, entries: Sequence[Pronunciation], language: str) -> str:
    """The text as it is handed to the engine: with the words of the list replaced, and without pictures (emoji)."""
    for entry in _of_language(tuple(entries), language):
        # A function, so that a backslash in it stands for itself.
        text = entry[0].sub(functools.partial(_replacement, entry[1]), text)
    return clean_text(_pictures().sub(" ", text)) if not text.isascii() else text


def _replacement(spoken: str, _match: Any) -> str:
    return spoken


@functools.lru_cache(maxsize=32)
def _of_language(entries: tuple[Pronunciation, ...], language: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns and what takes their place, longer words first: “New York City” before “New York”."""
    code = language.split("-")[0]
    own = [entry for entry in entries if entry.language.split("-")[0] in ("", code)]
    own.sort(key=lambda entry: (-len(entry.written), not entry.language))
    return [(_pattern(entry), entry.spoken) for entry in own]


def _pattern(entry: Pronunciation) -> re.Pattern[str]:
    words = r"\s+".join(map(re.escape, entry.written.split()))
    # No \b: an entry may begin or end with a sign, such as “C++”.
    before = r"(?<!\w)" if re.match(r"\w", entry.written) else ""
    after = r"(?!\w)" if re.search(r"\w$", entry.written) else ""
    return re.compile(before + words + after, 0 if entry.match_case else re.IGNORECASE)


@functools.cache
def _pictures() -> Any:
    import regex

    return regex.compile(_PICTURES, regex.VERSION1)


def _name(entry: Pronunciation) -> tuple[str, str, str]:
    spelling = entry.written if entry.match_case else entry.written.casefold()
    return spelling, entry.language, "case" if entry.match_case else ""


def _for_change(project: Project) -> tuple[Pronunciation, ...]:
    path = _path(project)
    return read_record(path, _File, "pronunciation", path).entries if path.exists() else ()


def _write(project: Project, entries: Iterable[Pronunciation]) -> None:
    write_json(_path(project), {"entries": [entry.model_dump() for entry in entries]})


def _path(project: Project) -> Path:
    with contextlib.suppress(FileExistsError):
        project.documents.mkdir(parents=True, exist_ok=True)
    return project.documents / "pronunciation.json"
