"""Votes as a table for other programs."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import REAL
from core.listening.listeners import check_of, counted, trusted_names
from core.project.workspace import Project
from core.text import as_cell

COLUMNS = ("time", "listener", "sentence", "left", "right", "choice", "check", "counted")


def votes_csv(project: Project) -> str:
    """All votes, oldest first: time in UTC, ``choice`` left, right or same, ``check`` same or real, ``counted`` 1 or 0.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    votes = project.store.votes()
    pairs = {vote.pair for vote in counted(votes, trusted_names(project))}
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for vote in votes:
        time = datetime.fromtimestamp(vote.at, timezone.utc).isoformat(timespec="seconds")
        sides = _name(vote.left), _name(vote.right)
        row = (time, vote.listener, vote.sentence, *sides, vote.choice, check_of(vote), int(vote.pair in pairs))
        writer.writerow([as_cell(str(cell)) for cell in row])
    return table.getvalue()


def _name(ref: CheckpointRef) -> str:
    return "real recording" if ref == REAL else ref.name
