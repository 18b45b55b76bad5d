"""Exclusions of a recording, by reason: to listen to, to find in the waveform, and to bring back."""

from __future__ import annotations

from collections.abc import Sequence

from core.clips.edit import LONGEST_S, SHORTEST_S
from core.clips.timeline import Part
from core.project.records import Source
from core.project.workspace import Project
from ui import html
from ui.http.clip_routes import LONGEST_PIECE_S, piece_url
from ui.i18n import Translator
from ui.tabs.segments.clip_list import editor_link

MAX_PER_REASON = 8  # the longest of each reason
_ORDER = ("short", "not_speech", "removed", "pause")  # what is most likely wanted comes first


def left_outs(t: Translator, project: Project, source: Source, parts: Sequence[Part], *, cut: bool, off: str) -> str:
    """The longest left-out parts of each reason.

    Args:
        parts: of the whole recording.
        cut: whether there are clips, so that a part can be brought back.
        off: why it cannot be now.
    """
    if not parts:
        return ""
    groups = [(kind, [part for part in parts if part.kind == kind]) for kind in _ORDER]
    body = "".join(_group(t, project, source, kind, group, cut, off) for kind, group in groups if group)
    seconds = sum(part.seconds for part in parts)
    summary = t("segments.left_out", count=t.number(len(parts)), minutes=t.minutes(seconds))
    return html.details(summary, f'<p class="vw-dim">{html.e(t("segments.left_out_help"))}</p>{body}')


def _group(t: Translator, project: Project, source: Source, kind: str, parts: list[Part], cut: bool, off: str) -> str:
    longest = sorted(parts, key=lambda part: part.seconds, reverse=True)[:MAX_PER_REASON]
    rows = "".join(_row(t, project, source, part, cut, off) for part in sorted(longest, key=lambda span: span.start_s))
    count, minutes = t.number(len(parts)), t.minutes(sum(part.seconds for part in parts))
    note = f" · {t('segments.longest', count=MAX_PER_REASON)}" if len(parts) > MAX_PER_REASON else ""
    title = f'{t("segments.why_" + kind)} <span class="vw-dim">{count} · {minutes}{html.e(note)}</span>'
    return f'<section data-key="out-{kind}"><h3>{title}</h3>{rows}</section>'


def _row(t: Translator, project: Project, source: Source, part: Part, cut: bool, off: str) -> str:
    times = f"{t.clock(part.start_s)} · {t.number(part.seconds, 1)} s"
    end_s = min(part.end_s, part.start_s + LONGEST_PIECE_S)
    player = html.player(piece_url(project.slug, source.id, part.start_s, end_s), times)
    buttons = html.place(t("segments.show"), editor_link(part.start_s, end_s))
    if cut and part.seconds >= SHORTEST_S:
        reason = off or (t("clip_editor.too_long") if part.seconds > LONGEST_S else "")
        place = f"{source.id} {part.start_s} {part.end_s}"
        buttons += html.action(t("segments.bring_back"), "bring", place, off_reason=reason)
    key = f"{source.id}-{part.start_s:.2f}"
    return (
        f'<div class="vw-row vw-line" data-key="{html.e(key)}"><span class="vw-when">{times}</span>{player}'
        f'<span class="vw-row">{buttons}</span></div>'
    )
