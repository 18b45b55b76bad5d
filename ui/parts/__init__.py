"""Our own interactive pieces, as gr.HTML components with a small script each; no build step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr


def script(name: str, beside: str = __file__) -> str:
    """A script that lies beside a module, by default beside those that all parts share."""
    return (Path(beside).parent / name).read_text(encoding="utf-8")


def Panel(value: str = "", *, more_script: str = "", **options: Any) -> gr.HTML:
    """HTML made on the server, patched in place: players go on playing and the focus stays when it changes.

    An element with ``data-do`` (and ``data-id``) sends an ``act`` event: ``panel.act(fn, …)`` with ``evt.do``,
    ``evt.id``, ``evt.value`` (of the input it is, or of the one that ``data-value-of`` selects) and ``evt.view`` (the
    query of the address). A form with ``data-do`` sends its fields as JSON in ``evt.value``. One with ``data-go``
    leads to that tab, one with ``data-view`` to a place within it.

    ``more_script`` runs after the panel's own, with its names (``root``, ``send``).

    A function and no subclass: beside the source of every subclass Gradio writes a stub file when it is imported.
    """
    return gr.HTML(
        value,
        html_template='<div class="vw-panel"></div>',
        js_on_load=script("live_panel.js") + script("panel.js") + more_script,
        apply_default_css=False,
        padding=False,
        **options,
    )
