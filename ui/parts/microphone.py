"""A microphone; where the browser gives none, in its place why and what helps."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui import html
from ui.page import Page
from ui.parts import Panel


def Microphone(page: Page, label: str, **options: Any) -> gr.Audio:
    """A recorder that hands over the file as the browser made it: a job decodes it, never the page's process.

    The page's script shows one of the two: browsers record only over https or on the computer itself.
    """
    reason = page.t("sources.no_microphone", port=page.settings.port)
    Panel(f'<div class="vw-notice warn" role="note">{html.e(reason)}</div>', elem_classes=["vw-why-no-mic"])
    return gr.Audio(label=label, sources=["microphone"], type="filepath", elem_classes=["vw-mic"], **options)
