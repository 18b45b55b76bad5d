"""A report as PDF on A4, set by matplotlib: in points from the top of the page down, a new page where it is full."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.report.document import Document, Figure, Section, Table
from core.report.figures import DIM, LINE, TEXT, draw

if TYPE_CHECKING:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure as Canvas

_WIDTH, _HEIGHT, _MARGIN = 595.0, 842.0, 42.0  # points of an A4 page
_LETTER = 0.56  # width of a letter of the default font, as a share of its size
_LEADING = 1.35
_FACT_COLUMNS = 3
_FIGURE_HEIGHT = 150.0


def pdf(document: Document) -> bytes:
    """The file's content."""
    from matplotlib.backends.backend_pdf import PdfPages

    content = io.BytesIO()
    with PdfPages(content, metadata={"Title": document.title, "Creator": "Voicewright"}) as pages:
        setter = _Setter(pages)
        setter.text(document.title, 17, bold=True)
        setter.text(document.subtitle, 8.5, color=DIM)
        for section in document.sections:
            _set(setter, section)
        setter.close()
    return content.getvalue()


def _set(setter: _Setter, section: Section) -> None:
    setter.need(40)
    setter.space(8)
    setter.text(section.title, 11.5, bold=True)
    for paragraph in section.paragraphs:
        setter.text(paragraph, 8.5)
    setter.facts(section.facts)
    if section.table:
        setter.table(section.table)
    for figure in section.figures:
        if figure.title:
            setter.need(_FIGURE_HEIGHT + 50)  # it stays with its picture
            setter.text(figure.title, 8.5, bold=True)
        setter.figure(figure)


class _Setter:
    """Puts one thing under the other. ``_y`` is how far down the page is filled, in points."""

    def __init__(self, pages: PdfPages) -> None:
        self._pages = pages
        self._page: Canvas | None = None
        self._y = _MARGIN

    def need(self, height: float) -> Canvas:
        """The page, or a new one if so much is not left on it."""
        from matplotlib.figure import Figure as Canvas

        if self._page is not None and self._y + height > _HEIGHT - _MARGIN:
            self.close()
        if self._page is None:
            self._page, self._y = Canvas(figsize=(_WIDTH / 72, _HEIGHT / 72)), _MARGIN
        return self._page

    def close(self) -> None:
        """Write the page out."""
        if self._page is not None:
            self._pages.savefig(self._page)  # type: ignore[no-untyped-call]
            self._page = None

    def space(self, height: float) -> None:
        """Leave some room."""
        self._y += height

    def text(self, text: str, size: float, *, bold: bool = False, color: str = TEXT) -> None:
        """A paragraph over the whole width."""
        for line in _lines(text, _WIDTH - 2 * _MARGIN, size):
            self.need(size * _LEADING)
            self._line(_MARGIN, line, size, bold=bold, color=color)
            self._y += size * _LEADING
        self._y += size * 0.35

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Names and values in columns."""
        width = (_WIDTH - 2 * _MARGIN) / _FACT_COLUMNS
        for first in range(0, len(facts), _FACT_COLUMNS):
            row = facts[first : first + _FACT_COLUMNS]
            cells = [(_lines(name, width - 8, 7), _lines(value, width - 8, 8.5)) for name, value in row]
            height = max(len(names) * 9 + len(values) * 11 for names, values in cells) + 4
            self.need(height)
            top = self._y
            for column, (names, values) in enumerate(cells):
                self._y = top
                for line in names:
                    self._line(_MARGIN + column * width, line, 7, color=DIM)
                    self._y += 9
                for line in values:
                    self._line(_MARGIN + column * width, line, 8.5)
                    self._y += 11
            self._y = top + height

    def table(self, table: Table) -> None:
        """Columns as wide as what stands in them needs, as far as there is room."""
        widths = _widths(table)
        for row in [table.head, *table.rows]:
            is_head = row is table.head
            cells = [_lines(cell, width - 6, 8) for cell, width in zip(row, widths, strict=True)]
            height = max((len(lines) for lines in cells), default=1) * 10.5 + 3
            page = self.need(height)
            left, top = _MARGIN, self._y
            for lines, width in zip(cells, widths, strict=True):
                self._y = top
                for line in lines:
                    self._line(left, line, 8, bold=is_head, color=DIM if is_head else TEXT)
                    self._y += 10.5
                left += width
            self._y = top + height
            self._rule(page)
        self._y += 4

    def figure(self, figure: Figure) -> None:
        """A line chart over the whole width."""
        page = self.need(_FIGURE_HEIGHT + 34)
        bottom = _HEIGHT - self._y - _FIGURE_HEIGHT
        inside = (_WIDTH - 2 * _MARGIN - 44) / _WIDTH
        draw(page.add_axes(((_MARGIN + 40) / _WIDTH, bottom / _HEIGHT, inside, (_FIGURE_HEIGHT - 8) / _HEIGHT)), figure)
        self._y += _FIGURE_HEIGHT + 34

    def _line(self, left: float, text: str, size: float, *, bold: bool = False, color: str = TEXT) -> None:
        assert self._page is not None
        self._page.text(
            left / _WIDTH, 1 - (self._y + size) / _HEIGHT, text,
            fontsize=size, color=color, weight="bold" if bold else "normal", parse_math=False,
        )  # fmt: skip

    def _rule(self, page: Canvas) -> None:
        from matplotlib.lines import Line2D

        y = 1 - (self._y - 1) / _HEIGHT
        across = (_MARGIN / _WIDTH, 1 - _MARGIN / _WIDTH)
        page.add_artist(Line2D(across, (y, y), color=LINE, linewidth=0.5, transform=page.transFigure))


def _lines(text: str, width: float, size: float) -> list[str]:
    letters = max(4, int(width / (size * _LETTER)))
    return textwrap.wrap(text, letters, break_long_words=True) or [""]


def _widths(table: Table) -> list[float]:
    """Each column's share of the page by its longest cell, none of them squeezed by a much longer one."""
    longest = [max(len(cell) for cell in column) for column in zip(table.head, *table.rows, strict=True)]
    wishes = [min(max(count, 6), 48) for count in longest]
    room = _WIDTH - 2 * _MARGIN
    return [room * wish / sum(wishes) for wish in wishes]
