"""Where the Speak page is: at single texts, at the shelf of long ones, or at one of them; it stands in the address."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.project.workspace import Project
from core.studio.document import Document
from core.studio.documents import document
from core.studio.state import FILTERS
from ui import html
from ui.i18n import Translator
from ui.page import view_of

MODE = "mode=studio"
PER_PAGE = 25
MOST_BYTES = 1_000_000  # of a text that is sent from a field; requests may have a little more (`ui.http.body_limit`)


@dataclass(frozen=True)
class Place:
    """What the address says: whether the studio is open, which text in it, which of its lines, and at which page."""

    is_studio: bool
    doc: str
    filter: str
    page: int
    is_whole: bool

    @classmethod
    def of(cls, query: str) -> Place:
        """Of the query of an address."""
        view = view_of(query)
        page = view.get("page", "1")
        return cls(
            is_studio=view.get("mode") == "studio",
            doc=view.get("doc", ""),
            filter=view.get("lines", "") if view.get("lines") in FILTERS else "",
            page=max(1, int(page)) if page.isdecimal() and len(page) < 7 else 1,
            is_whole=view.get("as") == "text",
        )

    def document(self, project: Project) -> Document | None:
        """The open text; None if none is, or it is gone or damaged, which is told elsewhere."""
        if not (self.is_studio and self.doc):
            return None
        try:
            return document(project, self.doc)
        except UserError:
            return None


def too_long(t: Translator) -> str:
    """What a form with ``data-most-bytes`` shows where its text is longer than a page can send; hidden until then."""
    return f'<div class="vw-notice warn vw-too-long" role="alert" hidden>{html.e(t("studio.too_long_to_send"))}</div>'


def mode_switch(t: Translator, is_studio: bool) -> str:
    """The two ways to speak: a text as it is typed, and long ones in the studio."""
    brief = html.place(t("studio.mode_one"), "mode=&doc=&page=&lines=&as=", is_pressed=not is_studio)
    studio = html.place(t("studio.mode_studio"), f"{MODE}&doc=&page=&lines=&as=", is_pressed=is_studio)
    return f'<div class="vw-row vw-modes" role="group" aria-label="{html.e(t("studio.modes"))}">{brief}{studio}</div>'
