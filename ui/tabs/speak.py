"""The speak tab."""

from __future__ import annotations

from core.workspace import Project
from ui import html
from ui.page import Page, Tab, Updates
from ui.parts import Panel


def build(page: Page) -> Tab:
    """Lay the tab out."""
    panel = Panel()

    def refresh(project: Project | None) -> Updates:
        return {panel: html.heading(page.t("tabs.speak"), project.slug if project else "")}

    return Tab("speak", [panel], refresh)
