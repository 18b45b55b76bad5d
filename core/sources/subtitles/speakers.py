"""Names of speakers that a whole file of captions shows to be names: meetings put one before what each says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from core.sources.subtitles.captions import Caption, DamagedCaption

_PART = r"[^\W\d_][\w.'’-]*"
_NAME = re.compile(
    rf"^\s*(?:[-–—]\s*|>>+\s*)?({_PART}(?: (?:{_PART}|\([^()]{{1,20}}\))){{0,4}}|[Ss]peaker[ _]\d+):\s+(?=\S)"
)
_SMALL = ("de", "da", "do", "dos", "das", "e", "von", "van", "der", "di", "del", "la")  # in names
_MOST_LETTERS = 40
_LEAST_SHARE = 0.6  # of captions begin with a name: all do, but for those that go on
_LEAST_TIMES = 3  # one begins as many


def without_names(captions: list[Caption | DamagedCaption]) -> Iterator[Caption | DamagedCaption]:
    """The captions, without names before their texts where that is the habit of the file.

    One colon alone is part of what is said (``Note: bring it``).
    """
    names = [_name(caption.lines[0]) if isinstance(caption, Caption) and caption.lines else "" for caption in captions]
    times = Counter(filter(None, names))
    is_habit = len(names) > 1 and times.total() >= _LEAST_SHARE * len(names)
    for caption, name in zip(captions, names, strict=True):
        if name and isinstance(caption, Caption) and (is_habit or times[name] >= _LEAST_TIMES):
            yield replace(caption, lines=[_NAME.sub("", caption.lines[0], count=1), *caption.lines[1:]])
        else:
            yield caption


def _name(line: str) -> str:
    """The name a line begins with: each of its words with a capital, or small ones as in names."""
    match = _NAME.match(line)
    if not match or len(match[1]) > _MOST_LETTERS:
        return ""
    words = match[1].split()
    is_name = words[0][0].isupper() and all(word[0].isupper() or word[0] == "(" or word in _SMALL for word in words)
    return match[1] if is_name or match[1].lower().startswith("speaker") else ""
