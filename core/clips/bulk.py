"""Changing the texts of many clips at once: find and replace, and tidying; each with a preview, undone as one."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import regex

from core.errors import UserError
from core.project import conflicts
from core.project.records import ClipFilter
from core.project.workspace import Project
from core.reasons import reason_of
from core.text import clean_text

EXAMPLES = 8  # changes that a preview shows
LONGEST_PATTERN = 300
_LONGEST_TEXT = 20_000  # what a replacement may make of a text
_PATIENCE_S = 3.0  # a pattern that takes longer over all texts together would take for ever
_CASED_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN")
_SPACE_BEFORE = regex.compile(r"\s+(?=[,;:!?]+(?:\s|$|\p{L})|[.…]+(?:\s|$))")
_SPACE_MISSING = regex.compile(r"(?<=\p{L}[,;:!?])(?=\p{L})")
_REPETITION = regex.compile(r"([,;:!?])\1+|\.{4,}")
_QUOTES = str.maketrans({**dict.fromkeys("‘’‛`´", "'"), **dict.fromkeys("“”„‟", '"')})


@dataclass(frozen=True)
class Replacement:
    """What is looked for in texts, and what is put in its place.

    ``is_pattern``: ``find`` is a regular expression, and ``replace`` may name its groups (``\\1``).
    """

    find: str
    replace: str = ""
    match_case: bool = False
    whole_words: bool = False
    is_pattern: bool = False


@dataclass(frozen=True)
class TextChange:
    """A clip's text before and after."""

    clip_id: str
    old: str
    new: str


@dataclass(frozen=True)
class Preview:
    """What would be changed; ``stamp`` changes whenever that does."""

    changes: tuple[TextChange, ...]
    stamp: str

    @property
    def examples(self) -> tuple[TextChange, ...]:
        """The first few."""
        return self.changes[:EXAMPLES]


def preview_replacement(project: Project, replacement: Replacement) -> Preview:
    """What finding and replacing would change in the clips that are not rejected.

    Raises:
        UserError: ``bulk.nothing``, ``bulk.pattern``, ``bulk.slow``, ``bulk.too_long``.
    """
    return _preview(project, _replacer(replacement))


def replace_in_texts(project: Project, replacement: Replacement, *, stamp: str | None = None) -> int:
    """Find and replace; returns how many clips were changed. `core.clips.history.undo` takes it back as one.

    Args:
        project: whose clips.
        replacement: what, by what.
        stamp: of the `Preview` the person was shown.

    Raises:
        UserError: as `preview_replacement`; ``clips.changed``: it would change other texts than were shown.
    """
    return _apply(project, preview_replacement(project, replacement), stamp)


def preview_tidying(project: Project) -> Preview:
    """What `tidy` would change in the clips that are not rejected."""
    return _preview(project, tidy)


def tidy_texts(project: Project, *, stamp: str | None = None) -> int:
    """`tidy` all texts of clips that are not rejected; returns how many were changed. It is undone as one.

    Raises:
        UserError: ``clips.changed``: it would change other texts than were shown.
    """
    return _apply(project, preview_tidying(project), stamp)


def tidy(text: str) -> str:
    """Text normalisation: plain quotation marks and apostrophes, signs where they belong and once, a capital at the
    beginning and a full stop at the end, where the script has them. No word is changed."""
    text = clean_text(text).translate(_QUOTES)
    text = _SPACE_BEFORE.sub("", text)
    text = _REPETITION.sub(lambda match: match[1] or "...", text)
    text = _SPACE_MISSING.sub(" ", text)
    if not text:
        return text
    first = next((place for place, letter in enumerate(text) if letter.isalnum()), None)
    if first is not None and _is_cased(text[first]):
        text = text[:first] + text[first].upper() + text[first + 1 :] if len(text[first].upper()) == 1 else text
    last = text.rstrip("\"')]»")
    if last and (last[-1].isdigit() or _is_cased(last[-1])) and any(map(_is_cased, last)):
        text = last + "." + text[len(last) :]
    return text


def _is_cased(letter: str) -> bool:
    return letter.isalpha() and unicodedata.name(letter, "").startswith(_CASED_SCRIPTS)


def _replacer(replacement: Replacement) -> Callable[[str], str]:
    find = replacement.find
    if not replacement.is_pattern:
        find = regex.escape(clean_text(find), literal_spaces=True)
    if not find or len(replacement.find) > LONGEST_PATTERN:
        raise UserError(
            "bulk.nothing",
            "There is nothing to look for, or more than {most} letters of it.",
            "Type what is to be found.",
            most=LONGEST_PATTERN,
        )
    if replacement.whole_words:
        find = rf"(?<!\w)(?:{find})(?!\w)"
    new_text = replacement.replace if replacement.is_pattern else replacement.replace.replace("\\", "\\\\")
    until = time.monotonic() + _PATIENCE_S
    try:
        pattern = regex.compile(find, 0 if replacement.match_case else regex.IGNORECASE)
        pattern.sub(new_text, "")  # a group that is not there is told now
    except (regex.error, IndexError, OverflowError, RecursionError) as error:
        raise _bad_pattern(replacement.find, error) from error

    def replace(text: str) -> str:
        try:
            result = pattern.sub(new_text, text, timeout=max(0.001, until - time.monotonic()), concurrent=True)
        except TimeoutError:
            raise UserError(
                "bulk.slow",
                "“{pattern}” takes too long to look for.",
                "Nothing was changed. Write it more simply, without repetitions inside of repetitions.",
                pattern=replacement.find,
            ) from None
        except (regex.error, IndexError) as error:
            raise _bad_pattern(replacement.find, error) from error
        if len(result) > _LONGEST_TEXT:
            raise UserError(
                "bulk.too_long",
                "The replacement would make a text of {count} letters.",
                "Nothing was changed. Put something shorter in its place.",
                count=len(result),
            )
        return clean_text(str(result))

    return replace


def _bad_pattern(pattern: str, error: Exception) -> UserError:
    return UserError(
        "bulk.pattern",
        "“{pattern}” is no regular expression: {reason}.",
        "Nothing was changed. Correct it, or look for it as plain text.",
        pattern=pattern,
        reason=reason_of(error),
    )


def _preview(project: Project, change: Callable[[str], str]) -> Preview:
    changes = []
    for clip in project.store.clips(ClipFilter("usable")):
        new_text = change(clip.text) if clip.text else ""
        if new_text and new_text != clip.text:  # a clip's whole text is for a person to delete
            changes.append(TextChange(clip.id, clip.text, new_text))
    return Preview(tuple(changes), conflicts.digest(*((change.clip_id, change.old, change.new) for change in changes)))


def _apply(project: Project, preview: Preview, stamp: str | None) -> int:
    if stamp is not None and stamp != preview.stamp:
        raise conflicts.stale_errors()
    return project.store.replace_texts({change.clip_id: (change.old, change.new) for change in preview.changes})
