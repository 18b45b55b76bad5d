"""Subtitles and the table of a joined text: SRT, WebVTT, CSV, with the times at which each line is heard."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from core.studio.join import Piece
from core.text import as_cell
from core.transcription import captions
from core.transcription.captions import Caption

COLUMNS = (
    *("number", "file", "chapter", "voice", "text", "start_s", "seconds", "pause_s", "seed", "heard", "doubtful"),
)


def srt(pieces: Sequence[Piece]) -> str:
    """SubRip."""
    return captions.srt(_captions(pieces))


def vtt(pieces: Sequence[Piece]) -> str:
    """WebVTT; who speaks stands in a voice tag where a mark names them."""
    return captions.vtt(_captions(pieces), "Spoken by a synthetic voice.")


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


def _captions(pieces: Sequence[Piece]) -> list[Caption]:
    lines = ((piece, piece.row.line) for piece in pieces if piece.file is not None)
    return [Caption(piece.start_s, piece.end_s, line.text, line.voice) for piece, line in lines]
