"""Subtitles and the table of a joined text: SRT, WebVTT, CSV, with the times at which each line is heard."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from core.studio.join import Piece
from core.text import as_cell

COLUMNS = (
    *("number", "file", "chapter", "voice", "text", "start_s", "seconds", "pause_s", "seed", "heard", "doubtful"),
)


def srt(pieces: Sequence[Piece]) -> str:
    """SubRip: numbered captions, a comma before the milliseconds."""
    captions = [
        f"{number}\n{_time(piece.start_s, ',')} --> {_time(piece.end_s, ',')}\n{piece.row.line.text}\n"
        for number, piece in enumerate(_spoken(pieces), 1)
    ]
    return "\n".join(captions)


def vtt(pieces: Sequence[Piece]) -> str:
    """WebVTT; who speaks stands in a voice tag where a mark names them."""
    captions = []
    for piece in _spoken(pieces):
        text = piece.row.line.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        voice = piece.row.line.voice.replace("&", "&amp;").replace(">", "")
        text = f"<v {voice}>{text}" if voice else text
        captions.append(f"{_time(piece.start_s, '.')} --> {_time(piece.end_s, '.')}\n{text}\n")
    return "\n".join(["WEBVTT\n", "NOTE Spoken by a synthetic voice.\n", *captions])


def table(pieces: Sequence[Piece], names: Sequence[str]) -> str:
    """CSV with a row for each line; ``names`` are their files.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(COLUMNS)
    titles = chapter_titles(pieces)
    for piece, name, title in zip(pieces, names, titles, strict=True):
        take, line = piece.row.chosen, piece.row.line
        facts = (
            *(piece.row.number, name, title, line.voice, line.text, f"{piece.start_s:.3f}", f"{piece.seconds:.3f}"),
            *(f"{piece.pause_s:.3f}", take.seed if take else "", (take.heard or "") if take else ""),
            int(piece.row.state == "doubtful"),
        )
        writer.writerow([as_cell(str(fact)) for fact in facts])
    return rows.getvalue()


def chapters(pieces: Sequence[Piece]) -> list[tuple[float, float, str]]:
    """Where each chapter begins and ends in seconds, and its title; what is before the first has the first's place."""
    starts: list[tuple[float, str]] = []
    for place, piece in enumerate(pieces):
        if not piece.row.line.heading:
            continue
        before = pieces[place - 1].row.line if place else None
        if before is not None and before.heading and not before.ends_paragraph:
            starts[-1] = (starts[-1][0], f"{starts[-1][1]} {piece.row.line.text}")
        else:
            starts.append((piece.start_s if starts else 0.0, piece.row.line.text))
    end_s = pieces[-1].end_s + pieces[-1].pause_s if pieces else 0.0
    ends = [*(start for start, _ in starts[1:]), end_s]
    return [(start, end, title) for (start, title), end in zip(starts, ends, strict=True)]


def chapter_titles(pieces: Sequence[Piece]) -> list[str]:
    """The title of the chapter that each piece belongs to, "" before the first."""
    spans = chapters(pieces)
    return [next((title for start, _, title in reversed(spans) if piece.start_s >= start), "") for piece in pieces]


def _spoken(pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.file is not None]


def _time(seconds: float, point: str) -> str:
    ms = round(1000 * seconds)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
