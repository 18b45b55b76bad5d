"""The row of buttons under a long list."""

from __future__ import annotations

from ui import html
from ui.i18n import Translator


def pages(t: Translator, number: int, total: int, per_page: int) -> str:
    """Back, where one is, on; empty if everything fits on one page. The page's number lies in the address."""
    last = -(-total // per_page)
    if last <= 1:
        return ""
    position = t("pages.where", number=t.number(number), last=t.number(last))
    back = html.place(t("pages.back"), f"page={number - 1}", is_off=number <= 1)
    on = html.place(t("pages.forward"), f"page={number + 1}", is_off=number >= last)
    return f'<nav class="vw-row vw-pages">{back}<span class="vw-dim">{html.e(position)}</span>{on}</nav>'
