"""The look: one accent colour, system fonts, light and dark by the system; and the page's own small script."""

from __future__ import annotations

import json
from urllib.parse import quote

import gradio as gr

from ui import ASSETS
from ui.i18n import Translator
from ui.parts import panel_script

_SYSTEM = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]

_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='8' fill='#0f766e'/>"
    "<path d='M7 16h2m3-6v12m4-15v18m4-13v8m4-5v2' stroke='white' stroke-width='2.4' stroke-linecap='round'/></svg>"
)


def theme() -> gr.themes.Base:
    """Gradio's base theme in our colours; its fonts are names only, so nothing is fetched."""
    return gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", radius_size="lg", font=_SYSTEM, font_mono=_MONO
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_info_text_size="*text_md",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_950",
        button_large_padding="10px 20px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_600",
    )


def css() -> str:
    """The page's style sheet."""
    return (ASSETS / "style.css").read_text(encoding="utf-8")


def head() -> str:
    """What goes into the document's head: viewport, icon, and the scripts of the page, its panels and its uploads."""
    names = ("upload.js", "shell.js", "live.js", "notify.js", "ab_player.js")
    script = "".join((ASSETS / name).read_text(encoding="utf-8") for name in names) + panel_script()
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:image/svg+xml,{quote(_ICON)}"><script>{script}</script>'
    )


def first_script(language: str) -> str:
    """What must run before Gradio's own script.

    Its few words follow the browser's language, here the page's. When the page is left it breaks its connections off,
    which the console calls errors; they end with the page anyway. Its loading screen counts seconds that nobody sees,
    also when it is gone: sixty times a second, for which a browser draws each time.
    """
    touch = Translator(language)("sources.touch")
    return (
        "window.addEventListener('beforeunload',(event)=>event.stopImmediatePropagation(),true);"
        "{const draw=window.requestAnimationFrame;window.requestAnimationFrame=(call)=>"
        "String(call).includes('(performance.now()-')?0:draw.call(window,call);}"
        f"document.documentElement.lang='{language}';"
        f"document.documentElement.style.setProperty('--vw-touch-upload', {json.dumps(json.dumps(touch))});"
        f"Object.defineProperty(navigator,'language',{{get:()=>'{language}'}});"
        f"Object.defineProperty(navigator,'languages',{{get:()=>['{language}']}});"
    )
