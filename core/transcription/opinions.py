"""Storing what was heard: the text, its words, how far another opinion differs, and what is doubtful about it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from core.records import Clip, Word
from core.text import clean
from core.transcription.base import Heard
from core.transcription.flags import text_flags, usual_pace
from core.transcription.wer import cer, normalize
from core.workspace import Project


def store_heard(project: Project, clip: Clip, heard: Heard) -> Clip | None:
    """Store what was heard in a clip; returns the clip as it is now, or None if it is no longer there.

    Where the clip has a text that no person wrote (from subtitles or a dataset), how far it differs from what was
    heard counts as a mismatch.
    """
    heard = replace(heard, text=clean(heard.text))
    fresh = replace(
        clip,
        text=heard.text,
        confidence=heard.confidence,
        no_speech_prob=heard.no_speech_prob,
        compression_ratio=heard.compression_ratio,
        language=heard.language,
        mismatch=None,
        text_flags="",
    )
    stored = project.store.hear_clip(
        clip.id,
        heard.text,
        heard.confidence,
        heard.language,
        avg_logprob=heard.avg_logprob if heard.text else None,
        no_speech_prob=heard.no_speech_prob,
        compression_ratio=heard.compression_ratio,
        text_flags=text_flags(fresh, no_voice=heard.no_voice),
    )
    if stored is None:
        return None
    if heard.words:
        _store_words(project, stored, heard.words)
    elif not stored.text or (stored.text != clip.text and stored.text == heard.text):
        # Words of a text that is no longer there would come back when the recording is cut again.
        project.store.replace_words(stored.source_id, stored.start_s, stored.end_s, [])
    if has_given_text(stored) and not any(one.field == "text" for one in project.store.revisions(clip.id)):
        mismatch = cer(stored.text, heard.text, stored.language)
        codes = text_flags(replace(stored, mismatch=mismatch))
        project.store.second_opinion(clip.id, "", mismatch, codes, text=stored.text, checked=False)
    return stored


def store_second(project: Project, clip: Clip, heard: Heard) -> float:
    """Store what a second model heard; returns how much of the characters differ, 0 to 1.

    A given text that one of the two confirms is confirmed.
    """
    heard = replace(heard, text=clean(heard.text))
    mismatch = cer(clip.text, heard.text, clip.language)
    if has_given_text(clip):
        mismatch = min(mismatch, cer(clip.text, clip.raw_text, clip.language))
    codes = text_flags(replace(clip, mismatch=mismatch))
    project.store.second_opinion(clip.id, heard.text, mismatch, codes, text=clip.text)
    return mismatch


def unchecked(project: Project) -> list[Clip]:
    """The clips a second model's opinion is missing on, in order; what a person wrote or approved needs none."""
    written = project.store.written()
    return [clip for clip in project.store.clips() if wants_second(clip) and clip.id not in written]


def wants_second(clip: Clip) -> bool:
    """Whether a clip was heard and is undecided, and no second model heard it."""
    return clip.confidence is not None and clip.status == "new" and not clip.checked


def has_given_text(clip: Clip) -> bool:
    """Whether its text came from elsewhere than recognition, and nobody approved it."""
    return bool(clip.text and clip.given) and clip.status != "approved"


def flag_all(project: Project) -> dict[str, int]:
    """Look over all texts once more, now that the usual pace is known; returns how many clips have each flag."""
    clips = [clip for clip in project.store.clips() if clip.confidence is not None and clip.status == "new"]
    pace = usual_pace(clips)
    counts: dict[str, int] = {}
    changed = {}
    for clip in clips:
        codes = text_flags(clip, pace)
        if codes != clip.text_flags:
            changed[clip.id] = codes
        for code in codes.split():
            counts[code] = counts.get(code, 0) + 1
    project.store.flag_texts(changed)
    return counts


def _store_words(project: Project, clip: Clip, words: Sequence[Word]) -> None:
    """Words in seconds of the recording; a text that is kept lends its words the times that were heard."""
    shifted = []
    for word in words:
        start_s = min(max(clip.start_s, clip.start_s + word.start_s), clip.end_s - 0.001)
        end_s = min(max(start_s, clip.start_s + word.end_s), clip.end_s)
        shifted.append(Word(round(start_s, 3), round(end_s, 3), word.text, word.probability))
    if clip.text and (clip.given or clip.text != clip.raw_text):
        shifted = retimed(clip.text.split(), shifted)
    project.store.replace_words(clip.source_id, clip.start_s, clip.end_s, shifted)


def retimed(said: Sequence[str], heard: Sequence[Word]) -> list[Word]:
    """The words of a text with times taken from what was heard: those that match, and between them evenly.

    They have no probability: nobody heard them, so that a text made of them counts as given.
    """
    if not said or not heard:
        return []
    matcher = difflib.SequenceMatcher(
        a=[normalize(word) for word in said], b=[normalize(word.text) for word in heard], autojunk=False
    )
    found: list[Word] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            found += [
                replace(word, text=text, probability=None) for text, word in zip(said[a:b], heard[c:d], strict=True)
            ]
        elif b > a:
            # Nothing heard in their place: they share the gap between the neighbours, which may be none.
            begin = heard[c].start_s if d > c else (heard[c - 1].end_s if c else heard[0].start_s)
            end = heard[d - 1].end_s if d > c else (heard[c].start_s if c < len(heard) else begin)
            each = max(0.0, end - begin) / (b - a)
            found += [
                Word(round(begin + each * i, 3), round(begin + each * (i + 1), 3), text)
                for i, text in enumerate(said[a:b])
            ]
    return found
