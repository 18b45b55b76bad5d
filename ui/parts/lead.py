"""The button that leads on from a step of the road: to the next one, or past those that are done already."""

from __future__ import annotations

from core.pipeline import KEYS, StepState, onward_from
from ui import html
from ui.i18n import Translator


def lead_on(t: Translator, road: list[StepState], key: str, *, style: str = "primary") -> str:
    """The button on the page of the step ``key``; the step after it is called by what is done there."""
    step = onward_from(key, road)
    is_next = KEYS.index(step) == KEYS.index(key) + 1
    label = t(f"{key}.onward") if is_next else t("common.onward", tab=t(f"tabs.{step}"))
    return html.go(label, step, style=style)
