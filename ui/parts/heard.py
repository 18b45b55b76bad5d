"""What the models heard in a clip: where they differ from its text, and which words the recogniser doubted."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.conflicts import stamp
from core.records import Clip, Word
from core.review import DOUBTFUL
from core.transcription.wer import word_diff
from ui import html
from ui.i18n import Translator

_KEYS = {"raw_text": "1", "second_text": "2"}


def heard_lines(t: Translator, clip: Clip, words: Sequence[Word]) -> str:
    """One line for each model whose text is not the clip's, or has doubtful words; each with a button to take it.

    Its buttons send ``take_raw_text`` and ``take_second_text`` with the clip's id, what stands in the text field, and
    the stamp of what is shown.
    """
    lines = ""
    if clip.raw_text and (clip.raw_text != clip.text or _doubts(clip.raw_text.split(), words)):
        lines += _line(t, clip, "raw_text", t("review.heard"), clip.raw_text, words)
    if clip.second_text:
        lines += _line(t, clip, "second_text", t("review.heard_second"), clip.second_text, ())
    return f'<div class="vw-heardlines">{lines}</div>' if lines else ""


def _line(t: Translator, clip: Clip, which: str, label: str, heard: str, words: Sequence[Word]) -> str:
    take = ""
    if heard != clip.text:
        key, name = _KEYS[which], f"take_{which}"
        button = {"style": "quiet", "keys": key, "title": key, "elem_id": name.replace("_", "-", 1)}
        take = html.action(t("review.take"), name, clip.id, **button)
    marked = _marked(t, word_diff(clip.text, heard, clip.language or "en"), words)
    said = f'<p><span class="vw-dim">{html.e(label)}</span> {marked}</p>'
    seen = html.e(stamp(clip, heard))
    return (
        f'<div class="vw-spread vw-heard" data-key="{which}" data-seen="{seen}" data-value-of="#review-text">'
        f"{said}{take}</div>"
    )


def _marked(t: Translator, pieces: Sequence[tuple[str, str]], words: Sequence[Word]) -> str:
    """The words heard; those the text has otherwise, and those that were doubted, are marked; missing ones struck."""
    doubts = _doubts([word for kind, piece in pieces if kind != "gone" for word in piece.split()], words)
    shown, at = [], 0
    for kind, piece in pieces:
        if kind == "gone":
            shown.append(f"<s>{html.e(piece)}</s>")
            continue
        for word in piece.split():
            shown.append(_word(t, word, kind == "new", doubts.get(at)))
            at += 1
    return " ".join(shown)


def _word(t: Translator, word: str, differs: bool, probability: float | None) -> str:
    shown = f"<mark>{html.e(word)}</mark>" if differs else html.e(word)
    if probability is None:
        return shown
    sure = html.e(t("review.word_sure", percent=f"{probability:.0%}"))
    return f'<span class="vw-doubt" title="{sure}" tabindex="0" aria-label="{html.e(word)}, {sure}">{shown}</span>'


def _doubts(heard: list[str], words: Sequence[Word]) -> dict[int, float]:
    """Which of the words heard were recognised with little probability: by their place, the probability."""
    known = [word for word in words if word.text.strip()]
    match = difflib.SequenceMatcher(
        None, [_bare(word) for word in heard], [_bare(word.text) for word in known], autojunk=False
    )
    found = {}
    for first, second, size in match.get_matching_blocks():
        for step in range(size):
            probability = known[second + step].probability
            if probability is not None and probability < DOUBTFUL:
                found[first + step] = probability
    return found


def _bare(word: str) -> str:
    """A word without its punctuation and capitals; of one that is nothing else, itself."""
    return "".join(char for char in word.casefold() if char.isalnum()) or word.strip()
