"""Storing transcripts: text, words, how far a second opinion differs, and what is doubtful."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from core.project.records import Clip, Word
from core.project.workspace import Project
from core.text import clean_text
from core.transcription.base import Transcript
from core.transcription.flags import text_flags, usual_pace
from core.transcription.wer import cer, normalize


def store_transcript(project: Project, clip: Clip, transcription: Transcript) -> Clip | None:
    """Store what was heard in a clip; returns the clip as it is now, or None if it is no longer there.

    Where the clip has a text that no person wrote (from subtitles or a dataset), how far it differs from what was
    heard counts as a mismatch.
    """
    transcription = replace(transcription, text=clean_text(transcription.text))
    fresh = replace(
        clip,
        text=transcription.text,
        confidence=transcription.confidence,
        no_speech_prob=transcription.no_speech_prob,
        compression_ratio=transcription.compression_ratio,
        language=transcription.language,
        mismatch=None,
        text_flags="",
    )
    current = project.store.store_transcript(
        clip.id,
        transcription.text,
        transcription.confidence,
        transcription.language,
        avg_logprob=transcription.avg_logprob if transcription.text else None,
        no_speech_prob=transcription.no_speech_prob,
        compression_ratio=transcription.compression_ratio,
        text_flags=text_flags(fresh, no_voice=transcription.no_voice),
    )
    if current is None:
        return None
    if transcription.words:
        _store_words(project, current, transcription.words)
    elif not current.text or (current.text != clip.text and current.text == transcription.text):
        # Words of a text that is no longer there would come back when the recording is cut again.
        project.store.replace_words(current.source_id, current.start_s, current.end_s, [])
    if has_given_text(current) and not any(change.field == "text" for change in project.store.revisions(clip.id)):
        mismatch = cer(current.text, transcription.text, current.language)
        codes = text_flags(replace(current, mismatch=mismatch))
        project.store.second_opinion(clip.id, "", mismatch, codes, text=current.text, checked=False)
    return current


def store_second(project: Project, clip: Clip, transcription: Transcript) -> float:
    """Store what a second model heard; returns how much of the characters differ, 0 to 1.

    A given text that one of the two confirms is confirmed.
    """
    transcription = replace(transcription, text=clean_text(transcription.text))
    mismatch = cer(clip.text, transcription.text, clip.language)
    if has_given_text(clip):
        mismatch = min(mismatch, cer(clip.text, clip.raw_text, clip.language))
    codes = text_flags(replace(clip, mismatch=mismatch))
    project.store.second_opinion(clip.id, transcription.text, mismatch, codes, text=clip.text)
    return mismatch


def without_second_opinion(project: Project) -> list[Clip]:
    """The clips a second model's opinion is missing on, in order; what a person wrote or approved needs none."""
    by_hand = project.store.ids_with_edited_text()
    return [clip for clip in project.store.clips() if wants_second(clip) and clip.id not in by_hand]


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
    changes = {}
    for clip in clips:
        codes = text_flags(clip, pace)
        if codes != clip.text_flags:
            changes[clip.id] = codes
        for code in codes.split():
            counts[code] = counts.get(code, 0) + 1
    project.store.flag_texts(changes)
    return counts


def _store_words(project: Project, clip: Clip, words: Sequence[Word]) -> None:
    """Words in seconds of the recording; a text that is kept lends its words the times that were heard."""
    timeline_words = []
    for word in words:
        start_s = min(max(clip.start_s, clip.start_s + word.start_s), clip.end_s - 0.001)
        end_s = min(max(start_s, clip.start_s + word.end_s), clip.end_s)
        timeline_words.append(Word(round(start_s, 3), round(end_s, 3), word.text, word.probability))
    if clip.text and (clip.given or clip.text != clip.raw_text):
        timeline_words = with_times(clip.text.split(), timeline_words)
    project.store.replace_words(clip.source_id, clip.start_s, clip.end_s, timeline_words)


def with_times(texts: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """The words of a text with times taken from what was heard: those that match, and between them evenly.

    They have no probability: nobody heard them, so that a text made of them counts as given.
    """
    if not texts or not words:
        return []
    matcher = difflib.SequenceMatcher(
        a=[normalize(word) for word in texts], b=[normalize(word.text) for word in words], autojunk=False
    )
    result: list[Word] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            result += [
                replace(word, text=text, probability=None) for text, word in zip(texts[a:b], words[c:d], strict=True)
            ]
        elif b > a:
            # Nothing heard in their place: they share the gap between the neighbours, which may be none.
            begin = words[c].start_s if d > c else (words[c - 1].end_s if c else words[0].start_s)
            end = words[d - 1].end_s if d > c else (words[c].start_s if c < len(words) else begin)
            share_s = max(0.0, end - begin) / (b - a)
            result += [
                Word(round(begin + share_s * i, 3), round(begin + share_s * (i + 1), 3), text)
                for i, text in enumerate(texts[a:b])
            ]
    return result
