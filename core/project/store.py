"""A project's records: recordings with their words, clips and every change of them, votes. Read and written here.

Each part of the database is a class of `core.project.tables`. Every text that comes into a project passes there and is
cleaned there (`core.text.clean_text`), wherever it came from.
"""

from __future__ import annotations

from core.project.tables.changes import ChangeTables
from core.project.tables.clips import ClipTable
from core.project.tables.cuts import CutTables
from core.project.tables.findings import FindingTable
from core.project.tables.recordings import RecordingTables
from core.project.tables.votes import VoteTable


class Store(RecordingTables, ClipTable, CutTables, ChangeTables, FindingTable, VoteTable):
    """All tables of a project's database."""
