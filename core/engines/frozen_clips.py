"""The clips of a frozen dataset, as every engine finds them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.engines.session import Exclusion
from core.files import inside

TITLE_LETTERS = 60  # of a text that names its clip


@dataclass(frozen=True)
class Row:
    """A line of ``metadata_train.csv`` or ``metadata_val.csv``."""

    id: str
    text: str
    path: Path


def rows(dataset: Path, part: str) -> list[Row]:
    """The clips of a frozen dataset's ``part``, ``train`` or ``val``."""
    path = dataset / f"metadata_{part}.csv"
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE) if len(line) >= 2]
    return [Row(line[0], line[1], inside(dataset / "wavs", f"{line[0]}.wav")) for line in lines]


def exclude(row: Row, code: str, template: str, **values: Any) -> Exclusion:
    """Why a clip is left out, in words; it is told by what it says."""
    values = {"clip": row.text[:TITLE_LETTERS] or row.id, **values}
    return Exclusion(row.id, code, template.format(**values), values)
