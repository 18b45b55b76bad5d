"""The clip editor: a recording's waveform with its clips, to listen to and to change by mouse, finger or keys."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from core.audio.options import SegmentOptions
from core.clips.edit import LONGEST_S, SHORTEST_S
from core.clips.undo_edit import undo_stamp, undoable_edit
from core.engines.registry import info
from core.project.records import Source
from core.project.workspace import Project
from ui import html
from ui.http.clip_routes import LONGEST_PIECE_S, piece_url, window_url
from ui.i18n import Translator
from ui.parts import script

KINDS = ("pause", "short", "not_speech", "removed")
_MARKS = ("forced_start", "forced_end", "too_long", "too_short")
_WORDS = (
    *(
        "clip",
        "planned",
        "about",
        "hint",
        "hint_preview",
        "crowded",
        "gone",
        "play",
        "pause",
        "no_next",
        "no_undo",
        "cut_first",
    ),
    *("choose_clip", "choose_out", "too_long", "too_short"),
    *(f"kind_{kind}" for kind in KINDS),
    *(f"mark_{mark}" for mark in _MARKS),
)


def ClipEditor(t: Translator) -> gr.HTML:
    """The editor, shown by `editor_state`; ``editor.act(fn, …)`` gets what a person changes.

    ``evt.do`` is move, split, join, remove (``evt.id`` is a clip), bring or undo (a recording); ``evt.value`` is JSON
    with the times in seconds, and stamps of the clips as they were shown. A function and no subclass, for the reason
    `Panel` is one.
    """
    return gr.HTML(
        "",
        html_template='<div class="vw-panel vw-editor" hidden></div>',
        js_on_load=script("live_panel.js") + script("clip_picture.js", __file__) + script("clip_editor.js", __file__),
        apply_default_css=False,
        padding=False,
        elem_id="clip-editor",
        skeleton=_skeleton(t),
    )


def editor_state(
    t: Translator, project: Project, source: Source, stamp: str, *, preview: SegmentOptions | None = None, off: str = ""
) -> str:
    """What the editor shows, as its value.

    Args:
        stamp: another one makes it fetch again.
        preview: show what cutting with these settings would give; None shows the clips there are.
        off: why nothing can be changed now.
    """
    edit = None if preview else undoable_edit(project, source.id)
    state: dict[str, Any] = {
        "stamp": stamp,
        "source": source.id,
        "seconds": max(source.seconds, 0.1),
        "window": window_url(project.slug, source.id),
        "piece": piece_url(project.slug, source.id),
        "piece_s": LONGEST_PIECE_S,
        "preview": preview is not None,
        "options": preview.model_dump_json() if preview else "",
        "off": off,
        "undo": edit.what if edit else "",
        "undo_seen": undo_stamp(project, edit),
        "limits": info(project.info.engine).clip_seconds,
        "shortest": SHORTEST_S,
        "longest": LONGEST_S,
        "words": {name: t(f"clip_editor.{name}") for name in _WORDS},
    }
    return json.dumps(state, ensure_ascii=False)


def _skeleton(t: Translator) -> str:
    return (
        f'<div class="vw-ed-strip" title="{_w(t, "overview")}"><div class="vw-ed-whole"></div>'
        '<div class="vw-ed-box"></div></div>'
        f'<div class="vw-ed-view" tabindex="0" role="group" aria-label="{_w(t, "label")}">'
        '<div class="vw-ed-ruler" aria-hidden="true"></div><div class="vw-ed-stage"></div>'
        f"{_grip(t, 'start')}{_grip(t, 'end')}</div>"
        '<audio class="vw-ed-audio" preload="none" hidden></audio>'
        f'<div class="vw-spread vw-ed-line"><span class="vw-ed-about" aria-live="polite"></span>{_place(t)}</div>'
        '<p class="vw-ed-text"></p>'
        f'<div class="vw-row vw-ed-tools">{_tools(t)}</div>'
        f'<div class="vw-ed-legend">{_legend(t)}</div>'
    )


def _grip(t: Translator, side: str) -> str:
    return (
        f'<div class="vw-ed-grip {side}" data-side="{side}" tabindex="0" role="slider" aria-label="{_w(t, side)}"'
        ' aria-valuemin="0" hidden><i></i></div>'
    )


def _place(t: Translator) -> str:
    buttons = (
        ("scroll", "-1", "‹", "earlier", ""),
        ("scroll", "1", "›", "later", ""),
        ("zoom", "2", "−", "zoom_out", "-"),
        ("zoom", "0.5", "+", "zoom_in", "+ ="),
    )
    return '<span class="vw-row vw-ed-place">' + "".join(
        f'<button type="button" class="vw-btn" data-{data}="{value}" title="{_w(t, name)}" aria-label="{_w(t, name)}"'
        f"{_keys(keys)}>{sign}</button>"
        for data, value, sign, name, keys in buttons
    ) + "</span>"  # fmt: skip


def _tools(t: Translator) -> str:
    play = (
        f'<button type="button" class="vw-btn vw-ed-play" data-key-press="Space" title="{_w(t, "play_title")}">'
        f"<b>{_w(t, 'play')}</b><kbd>␣</kbd></button>"
    )
    edits = (
        ("split", "S", "s S"),
        ("join", "J", "j J"),
        ("remove", "⌫", "Delete Backspace"),
        ("bring", "", ""),
        ("undo", "Z", "z Z"),
    )
    buttons = "".join(
        f'<button type="button" class="vw-btn" data-edit="{name}" data-title="{_w(t, name + "_title")}" disabled'
        f"{_keys(keys)}>{_w(t, name)}{f'<kbd>{key}</kbd>' if key else ''}</button>"
        for name, key, keys in edits
    )
    nudges = "".join(
        f'<span class="vw-ed-nudge"><span>{_w(t, side)}</span>{_nudge(t, side, -1)}{_nudge(t, side, 1)}</span>'
        for side in ("start", "end")
    )
    return f'{play}{buttons}<span class="vw-row vw-ed-nudges" hidden>{nudges}</span>'


def _nudge(t: Translator, side: str, way: int) -> str:
    title = _w(t, f"{side}_{'later' if way > 0 else 'earlier'}")
    sign = "▸" if way > 0 else "◂"
    return (
        f'<button type="button" class="vw-btn" data-nudge="{side} {way}" title="{title}" aria-label="{title}">'
        f"{sign}</button>"
    )


def _legend(t: Translator) -> str:
    kinds = "".join(
        f'<span><i class="vw-ed-part {kind}"></i>{_w(t, "kind_" + kind)}</span>' for kind in ("clip", *KINDS)
    )
    return f'{kinds}<span><i class="vw-ed-mark forced_start"></i>{_w(t, "legend_forced")}</span>'


def _keys(keys: str) -> str:
    return f' data-key-press="{html.e(keys)}"' if keys else ""


def _w(t: Translator, name: str) -> str:
    return html.e(t(f"clip_editor.{name}"))
