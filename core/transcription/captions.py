"""Captions: words with their times as subtitles, and how SRT and WebVTT write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.transcription.words import SPACELESS

_MOST_CHARACTERS = 84  # two lines of 42, as broadcasters have them
_MOST_CHARACTERS_SPACELESS = 32
_LONGEST_S = 7.0
_PAUSE_S = 1.0  # after which another caption begins
_ENDS_SENTENCE = re.compile(r"[.!?…。！？।؟][\"'”’»)\]]*$")
TimedWord = tuple[str, float, float]  # its text, and when it starts and ends in seconds


@dataclass(frozen=True)
class Caption:
    """A text, when it is heard in seconds, and who speaks where that is known."""

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


def captions(words: Sequence[TimedWord], language: str) -> list[Caption]:
    """Words as captions: one ends with its sentence, before a pause, and where it would be too long to be read.

    Args:
        words: in their order.
        language: Whisper's code, which says whether words are joined by spaces.
    """
    is_spaceless = language.split("-")[0] in SPACELESS
    groups: list[list[TimedWord]] = []
    for word in words:
        if not groups or _ends_before(groups[-1], word, is_spaceless):
            groups.append([])
        groups[-1].append(word)
    limits = [*(group[0][1] for group in groups[1:]), float("inf")]
    joint = "" if is_spaceless else " "
    return [
        Caption(
            group[0][1], max(group[0][1], min(group[-1][2], limit)), joint.join(text.strip() for text, _, _ in group)
        )
        for group, limit in zip(groups, limits, strict=False)  # without words there is one more
    ]


def _ends_before(group: Sequence[TimedWord], word: TimedWord, is_spaceless: bool) -> bool:
    text, start_s, end_s = word
    length = sum(len(earlier) + (not is_spaceless) for earlier, _, _ in group) + len(text)
    if start_s - group[-1][2] >= _PAUSE_S or end_s - group[0][1] > _LONGEST_S:
        return True
    if length > (_MOST_CHARACTERS_SPACELESS if is_spaceless else _MOST_CHARACTERS):
        return True
    # “No. 5” and “Sr. Silva” end one as well: nothing is lost by that but a line.
    return bool(_ENDS_SENTENCE.search(group[-1][0].strip())) and not text.strip()[:1].islower()


def srt(entries: Sequence[Caption]) -> str:
    """SubRip: numbered captions, a comma before the milliseconds."""
    return "\n".join(
        f"{number}\n{_time(entry.start_s, ',')} --> {_time(entry.end_s, ',')}\n{entry.text}\n"
        for number, entry in enumerate(entries, 1)
    )


def vtt(entries: Sequence[Caption], note: str = "") -> str:
    """WebVTT; who speaks stands in a voice tag, a note before the first caption."""
    return "\n".join(["WEBVTT\n", *([f"NOTE {note}\n"] if note else ()), *map("\n".join, _cues(entries))])


def _cues(entries: Sequence[Caption]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        text = entry.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        speaker = entry.speaker.replace("&", "&amp;").replace(">", "")
        text = f"<v {speaker}>{text}" if speaker else text
        yield f"{_time(entry.start_s, '.')} --> {_time(entry.end_s, '.')}", f"{text}\n"


def _time(seconds: float, point: str) -> str:
    ms = round(1000 * seconds)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
