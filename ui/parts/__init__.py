"""Our own interactive pieces, as gr.HTML components with a small script each; no build step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr


def script(name: str, beside: str = __file__) -> str:
    """A script that lies beside a module, by default beside those that all parts share."""
    return (Path(beside).parent / name).read_text(encoding="utf-8")


# What `panel.js` makes and the scripts of single panels use.
_NAMES = "{ root, onValue, windowId }"


def panel_script() -> str:
    """What every panel runs when it appears; it stands in the page's head, once for all of them."""
    code = script("live_panel.js") + script("panel.js")
    return f"window.vw.panel = (element, trigger, props, watch) => {{\n{code}return {_NAMES};\n}};\n"


def on_load(more_script: str = "") -> str:
    """What Gradio runs when a panel appears: `panel_script`, then the panel's own. It looks for its events' names."""
    return f"const {_NAMES} = window.vw.panel(element, trigger, props, watch);  // sends 'act'\n{more_script}"


def Panel(value: str = "", *, more_script: str = "", **options: Any) -> gr.HTML:
    """HTML made on the server, patched in place: players go on playing and the focus stays when it changes.

    An element with ``data-do`` (and ``data-id``) sends an ``act`` event: ``panel.act(fn, …)`` with ``evt.do``,
    ``evt.id``, ``evt.value`` (of the input it is, or of the one that ``data-value-of`` selects) and ``evt.view`` (the
    query of the address). A form with ``data-do`` sends its fields as JSON in ``evt.value``. One with ``data-go``
    leads to that tab, one with ``data-view`` to a place within it.

    ``more_script`` runs after `panel_script`, with what that makes (``root``, ``onValue``, ``windowId``).

    A function and no subclass: beside the source of every subclass Gradio writes a stub file when it is imported.
    """
    return gr.HTML(
        value,
        html_template='<div class="vw-panel"></div>',
        js_on_load=on_load(more_script),
        apply_default_css=False,
        padding=False,
        **options,
    )
