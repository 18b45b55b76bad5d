"""A project's database, which every table of it is asked through."""

from __future__ import annotations

from pathlib import Path


class Database:
    """Opens the database for each call, so that it may be used from any thread or process."""

    def __init__(self, path: Path) -> None:
        self.path = path
