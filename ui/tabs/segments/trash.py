"""Trashed clips: those a person had worked on and that cutting again replaced, and the way back."""

from __future__ import annotations

from core.clips.trash import TrashedClips, trashed_clips
from core.project.records import Source
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator


def trash_section(t: Translator, project: Project, source: Source, off: str) -> str:
    """What was put away of a recording; empty if nothing was. ``off`` is why nothing can be brought back now."""
    entries = trashed_clips(project, source.id)
    if not entries:
        return ""
    count = sum(entry.count for entry in entries)
    rows = "".join(_row(t, entry, off) for entry in entries)
    body = f'<p class="vw-dim">{html.e(t("segments.put_away_help"))}</p>{rows}'
    return html.details(t("segments.put_away", count=t.number(count)), body)


def _row(t: Translator, entry: TrashedClips, off: str) -> str:
    line = t("segments.put_away_line", count=t.number(entry.count), at=t.moment(entry.at))
    texts = " · ".join(f"“{text}”" for text in entry.texts)
    button = html.action(t("segments.bring_back"), "restore", entry.folder, off_reason=off)
    return (
        f'<div class="vw-spread vw-line" data-key="{html.e(entry.folder)}"><div>{html.e(line)}'
        f'<div class="vw-dim">{html.e(texts)}</div></div>{button}</div>'
    )
