"""Claims of an answer held against its facts: each number and each finding that it names has to be among them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A number with its thousands and decimals as either language writes them; not part of a word such as "v2".
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,\u00a0\u202f]\d+)*(?![\w])")
_CITATION = re.compile(r"\[F(\d+)\]")
_LIST_ITEM = re.compile(r"(?m)^\s*\d{1,2}[.)]\s")


@dataclass(frozen=True)
class Span:
    """A part of a text from ``start`` to before ``end``, both in characters."""

    start: int
    end: int


def unsupported(answer: str, facts: Iterable[str], findings: int) -> list[Span]:
    """The numbers of an answer that no fact holds, and the citations of findings that are none.

    Args:
        answer: what the model has written; ``[F2]`` cites the second finding, and "1." begins an item of a list.
        facts: the texts that were given to it, the question among them.
        findings: how many findings there were.
    """
    numbers = {value for fact in facts for match in _NUMBER.finditer(fact) for value in _readings(match[0])}
    items = [match.span() for match in _LIST_ITEM.finditer(answer)]
    citations = list(_CITATION.finditer(answer))
    spans = [Span(*match.span()) for match in citations if not 1 <= int(match[1]) <= findings]
    ignorable = [*items, *(match.span() for match in citations)]
    for match in _NUMBER.finditer(answer):
        inside = any(start <= match.start() < end for start, end in ignorable)
        if not inside and numbers.isdisjoint(_readings(match[0])):
            spans.append(Span(*match.span()))
    return sorted(spans, key=lambda span: span.start)


def _readings(number: str) -> set[float]:
    """What a number may mean: ``1.500`` is fifteen hundred or one and a half."""
    plain = number.replace("\u00a0", "").replace("\u202f", "")
    readings = set()
    for thousands, decimal in ((",", "."), (".", ",")):
        text = plain
        if re.fullmatch(rf"\d{{1,3}}(\{thousands}\d{{3}})+(\{decimal}\d+)?", plain):
            text = plain.replace(thousands, "")
        elif thousands in plain:
            continue
        if text.count(decimal) <= 1:
            readings.add(float(text.replace(decimal, ".")))
    return readings
