"""Clips a person had worked on and that cutting again replaced: what was put away, and the way back."""

from __future__ import annotations

from core.audio.trashed import TrashedClips, trashed_clips
from core.records import Source
from core.workspace import Project
from ui import html
from ui.i18n import Translator


def put_away(t: Translator, project: Project, source: Source, off: str) -> str:
    """What was put away of a recording; empty if nothing was. ``off`` is why nothing can be brought back now."""
    found = trashed_clips(project, source.id)
    if not found:
        return ""
    count = sum(one.count for one in found)
    body = f'<p class="vw-dim">{html.e(t("segments.put_away_help"))}</p>' + "".join(_row(t, one, off) for one in found)
    return html.details(t("segments.put_away", count=t.number(count)), body)


def _row(t: Translator, one: TrashedClips, off: str) -> str:
    line = t("segments.put_away_line", count=t.number(one.count), when=t.moment(one.at))
    texts = " · ".join(f"“{text}”" for text in one.texts)
    button = html.action(t("segments.bring_back"), "restore", one.folder, disabled=off)
    return (
        f'<div class="vw-spread vw-line" data-key="{html.e(one.folder)}"><div>{html.e(line)}'
        f'<div class="vw-dim">{html.e(texts)}</div></div>{button}</div>'
    )
