"""Pauses between lines: what a mark asks for, else what the end of a line's sentence is worth."""

from __future__ import annotations

import re

from core.studio.document import Document

_SENTENCE_END = re.compile(r"[.!?…。！？।؟][\"'”’»)\]」』]*$")


def pause_after(document: Document, place: int) -> float:
    """The silence after the line at this place, in seconds; after the last one only what a mark asks for."""
    line, pauses = document.lines[place], document.pauses
    if line.pause_s is not None:
        return line.pause_s
    if place == len(document.lines) - 1:
        return 0.0
    if line.ends_paragraph:
        return pauses.heading_s if line.heading else pauses.paragraph_s
    return pauses.sentence_s if _SENTENCE_END.search(line.text[-20:]) else pauses.clause_s
