"""Subtitles as words with times, as they are found in the world, rolling captions among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import UserError
from core.project.records import Word
from core.sources.encodings import decode_text
from core.sources.subtitles.captions import DamagedCaption
from core.sources.subtitles.formats import READ, UNREAD, captions, unread
from core.sources.subtitles.speakers import without_names
from core.sources.subtitles.text import WORD, spoken_words

ENDINGS = (*READ, *UNREAD)  # of files that hold subtitles, be it such as are refused
_MOST_BYTES = 20_000_000  # 100 hours of subtitles have less
_PICTURES = (b"\0\0\1\xba", b"PG")  # VobSub's .sub, Blu-ray's .sup
_TOUCHING_S = 0.3
_SLOWEST_S = 0.25  # a letter: nobody speaks more slowly, so a cue that stands longer is only shown longer


@dataclass(frozen=True, slots=True)
class _Cue:
    """Words of one cue and when it is shown; a word has its own start where the file says one."""

    start_s: float
    end_s: float
    words: tuple[tuple[str, float | None], ...]


def words_of(
    text_or_path: str | Path,
    kind: str = "",
    on_damaged: Callable[[DamagedCaption], object] | None = None,
    *,
    name: str = "",
    language: str = "",
) -> list[Word]:
    """The words of subtitles in order, with times in seconds.

    Inside a cue times are interpolated by letters, unless the file gives each word its own. Lines that rolling captions
    repeat come once. Tags, names of speakers and descriptions of sounds are left out.

    Args:
        text_or_path: a file, or its content.
        kind: the ending of its name, such as ``srt``; empty is found out.
        on_damaged: told of each cue that could not be understood and is skipped.
        name: what the person calls the file, for the error.
        language: what a file is in, by which its encoding is found.

    Raises:
        UserError: ``subtitles.none``: there is no cue in it; ``text.encoding``; see `captions`.
    """
    name = name or (text_or_path.name if isinstance(text_or_path, Path) else "")
    text = read_text(text_or_path, language, name) if isinstance(text_or_path, Path) else text_or_path
    cues: list[_Cue] = []
    for caption in without_names(list(captions(text, kind, name))):
        if isinstance(caption, DamagedCaption):
            if on_damaged:
                on_damaged(caption)
        elif words := tuple(spoken_words(caption.lines)):
            cues.append(_Cue(caption.start_s, caption.end_s, words))
    if not cues:
        raise UserError(
            "subtitles.none",
            "There are no subtitles in “{name}”.",
            "Choose an SRT or VTT file with times, or leave it out: recognition writes the text.",
            name=name or kind or "text",
        )
    cues.sort(key=lambda cue: cue.start_s)
    if _rolls(cues):
        cues = _without_repeats(cues)
    return [word for cue in _without_overlaps(cues) for word in _words_of_cue(cue)]


def evenly(text: str, start_s: float, end_s: float) -> list[Word]:
    """The words of a known text spread over a span of sound by their letters."""
    words = tuple((word, None) for word in WORD.findall(text))
    return _spread(words, start_s, end_s)


def read_text(path: Path, language: str, name: str = "") -> str:
    """The content of a text file, as far as texts of recordings go.

    Raises:
        UserError: ``text.encoding``, ``subtitles.format``: it is no text, as subtitles that are pictures.
    """
    name = name or path.name
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES)
    if data.startswith(_PICTURES):
        raise unread(name)
    return decode_text(data, language, name)


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _overlap(before: _Cue, after: _Cue) -> int:
    """How many words at the start of a cue are the last ones of the cue before."""
    if after.start_s - before.end_s > _TOUCHING_S:
        return 0
    old, new = ([_plain(word) for word, _ in cue.words] for cue in (before, after))
    return next((size for size in range(min(len(old), len(new)), 0, -1) if old[-size:] == new[:size]), 0)


def _rolls(cues: list[_Cue]) -> bool:
    """Whether cues repeat the words of the one before, so that the picture seems to roll."""
    pairs = list(zip(cues, cues[1:], strict=False))
    repeats = sum(size >= min(2, len(before.words)) for before, after in pairs if (size := _overlap(before, after)))
    return repeats >= 2 and repeats >= 0.3 * len(pairs)


def _without_repeats(cues: list[_Cue]) -> list[_Cue]:
    """Each word once, where it first comes."""
    fresh = [cues[0]]
    for before, cue in zip(cues, cues[1:], strict=False):
        words = cue.words[_overlap(before, cue) :]
        if words:
            fresh.append(replace(cue, words=words))
    return fresh


def _without_overlaps(cues: list[_Cue]) -> list[_Cue]:
    """Cues that follow each other: two at once become one, an overlap ends the earlier one."""
    sequence: list[_Cue] = []
    for cue in cues:
        last = sequence[-1] if sequence else None
        if last and (cue.start_s - last.start_s < 0.05 or cue.end_s <= last.end_s):
            sequence[-1] = _Cue(last.start_s, max(last.end_s, cue.end_s), last.words + cue.words)
            continue
        if last and cue.start_s < last.end_s:
            sequence[-1] = replace(last, end_s=cue.start_s)
        sequence.append(cue)
    return sequence


def _words_of_cue(cue: _Cue) -> list[Word]:
    """The words of a cue, those between two known times spread over what lies between."""
    result: list[Word] = []
    run: list[tuple[str, float | None]] = []
    start_s = cue.start_s
    for word, at in cue.words:
        if at is not None and run and start_s < at < cue.end_s:
            result += _spread(tuple(run), start_s, at)
            run, start_s = [], at
        elif at is not None and not run and start_s < at < cue.end_s:
            start_s = at
        run.append((word, at))
    return result + _spread(tuple(run), start_s, cue.end_s)


def _spread(words: tuple[tuple[str, float | None], ...], start_s: float, end_s: float) -> list[Word]:
    weights = [len(_plain(word)) + 1 for word, _ in words]
    total = sum(weights)
    if not total:
        return []
    per_letter = min((end_s - start_s) / total, _SLOWEST_S)
    result = []
    for (word, _), weight in zip(words, weights, strict=True):
        until = start_s + weight * per_letter
        result.append(Word(round(start_s, 3), round(until, 3), word))
        start_s = until
    return result
