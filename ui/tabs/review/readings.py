"""Recognition readings of a clip: where they differ from its text, and which words the recogniser doubted."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.clips.review import DOUBTFUL
from core.project.conflicts import stamp
from core.project.records import Clip, Word
from core.transcription.wer import word_diff
from ui import html
from ui.i18n import Translator

_KEYS = {"raw_text": "1", "second_text": "2"}


def reading_lines(t: Translator, clip: Clip, words: Sequence[Word]) -> str:
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


def _line(t: Translator, clip: Clip, field: str, label: str, text: str, words: Sequence[Word]) -> str:
    take = ""
    if text != clip.text:
        key, name = _KEYS[field], f"take_{field}"
        button = {"style": "quiet", "keys": key, "title": key, "elem_id": name.replace("_", "-", 1)}
        take = html.action(t("review.take"), name, clip.id, **button)
    diff = _diff(t, word_diff(clip.text, text, clip.language or "en"), words)
    line = f'<p><span class="vw-dim">{html.e(label)}</span> {diff}</p>'
    stamp_ = html.e(stamp(clip, text))
    return (
        f'<div class="vw-spread vw-heard" data-key="{field}" data-seen="{stamp_}" data-value-of="#review-text">'
        f"{line}{take}</div>"
    )


def _diff(t: Translator, pieces: Sequence[tuple[str, str]], words: Sequence[Word]) -> str:
    """The words heard; those the text has otherwise, and those that were doubted, are marked; missing ones struck."""
    doubts = _doubts([word for kind, piece in pieces if kind != "gone" for word in piece.split()], words)
    parts, at = [], 0
    for kind, piece in pieces:
        if kind == "gone":
            parts.append(f"<s>{html.e(piece)}</s>")
            continue
        for word in piece.split():
            parts.append(_word(t, word, kind == "new", doubts.get(at)))
            at += 1
    return " ".join(parts)


def _word(t: Translator, word: str, differs: bool, probability: float | None) -> str:
    inner = f"<mark>{html.e(word)}</mark>" if differs else html.e(word)
    if probability is None:
        return inner
    sure = html.e(t("review.word_sure", percent=f"{probability:.0%}"))
    return f'<span class="vw-doubt" title="{sure}" tabindex="0" aria-label="{html.e(word)}, {sure}">{inner}</span>'


def _doubts(tokens: list[str], words: Sequence[Word]) -> dict[int, float]:
    """Which of the words heard were recognised with little probability: by their place, the probability."""
    with_text = [word for word in words if word.text.strip()]
    match = difflib.SequenceMatcher(
        None, [_bare(word) for word in tokens], [_bare(word.text) for word in with_text], autojunk=False
    )
    doubts = {}
    for first, second, size in match.get_matching_blocks():
        for step in range(size):
            probability = with_text[second + step].probability
            if probability is not None and probability < DOUBTFUL:
                doubts[first + step] = probability
    return doubts


def _bare(word: str) -> str:
    """A word without its punctuation and capitals; of one that is nothing else, itself."""
    return "".join(char for char in word.casefold() if char.isalnum()) or word.strip()
