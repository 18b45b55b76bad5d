"""What a report says, in words of one language, apart from how it looks."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from core.damage import DamagedFile, read_record
from core.project.workspace import Project

WORDS = "document.json"  # in the folder of the job that writes it
HTML, PDF = "report.html", "report.pdf"


class Curve(BaseModel):
    """A line of a figure: its label and its points ``(x, y)``."""

    label: str
    points: list[tuple[float, float]]


class Figure(BaseModel):
    """A line chart with named axes; ``title`` tells it from others of its section."""

    title: str = ""
    x_label: str
    y_label: str
    curves: list[Curve]


class Table(BaseModel):
    """Rows under a head; all of one length."""

    head: list[str]
    rows: list[list[str]]


class Section(BaseModel):
    """A part with a heading: sentences, facts (name and value), a table, figures; what is empty is left out."""

    title: str
    paragraphs: list[str] = Field(default_factory=list)
    facts: list[tuple[str, str]] = Field(default_factory=list)
    table: Table | None = None
    figures: list[Figure] = Field(default_factory=list)


class Document(BaseModel):
    """The whole report; ``language`` is that of its words."""

    title: str
    subtitle: str
    language: str
    sections: list[Section]


class About(BaseModel):
    """What lies beside a finished report; ``at`` is Unix time."""

    at: float
    language: str


def report_folder(project: Project, run_id: str) -> Path:
    """Where a run's newest report lies."""
    return project.reports / run_id


def about_report(project: Project, run_id: str) -> About | None:
    """When a run's report was made; None if there is none that is whole and readable."""
    folder = report_folder(project, run_id)
    if not all((folder / name).is_file() for name in (HTML, PDF, "about.json")):
        return None
    try:
        return read_record(folder / "about.json", About)
    except DamagedFile:
        return None  # it is made anew by a click
