"""The clips of a recording as a paged list: when, how long, what is said, what is worth a look, and where it is."""

from __future__ import annotations

from core.clips.timeline import marks_of
from core.engines.registry import info
from core.project.records import Clip, ClipFilter, Source
from core.project.workspace import Project
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.parts.pagination import pages

PER_PAGE = 20
_AROUND_S = 8.0  # shown at both sides of a clip one jumps to


def clip_list(t: Translator, project: Project, source: Source, title: str, page: str) -> str:
    """A page of the clips of a recording; empty if it has none. ``page`` is its number as the address says it."""
    clip_filter = ClipFilter(source_id=source.id)
    total = project.store.count(clip_filter)
    if not total:
        return ""
    number = max(1, min(int(page) if page.isdecimal() else 1, -(-total // PER_PAGE)))
    clips = project.store.clips(clip_filter, (number - 1) * PER_PAGE, PER_PAGE)
    limits = info(project.info.engine).clip_seconds
    rows = "".join(_row(t, project, clip, marks_of(clip, limits)) for clip in clips)
    return (
        f'<h3>{html.e(title)} <span class="vw-chip">{t.number(total)}</span></h3>'
        f'<table class="vw-stack vw-clips"><tbody>{rows}</tbody></table>{pages(t, number, total, PER_PAGE)}'
    )


def editor_link(start_s: float, end_s: float) -> str:
    """The place in the address that shows a piece in the editor, chosen."""
    begin, end = max(0.0, start_s - _AROUND_S), end_s + _AROUND_S
    return f"from={begin:.2f}&to={end:.2f}&at={(start_s + end_s) / 2:.2f}"


def _row(t: Translator, project: Project, clip: Clip, marks: tuple[str, ...]) -> str:
    text = html.e(clip.text) if clip.text else f'<span class="vw-dim">{html.e(t("segments.no_text"))}</span>'
    times = f"{t.clock(clip.start_s)} · {t.number(clip.seconds, 1)} s"
    player = html.player(audio_url(project.slug, "clip", clip.id), clip.text[:60] or times)
    show = html.place(t("segments.show"), editor_link(clip.start_s, clip.end_s))
    return (
        f'<tr data-key="{html.e(clip.id)}"><td class="vw-when">{times}</td><td>{player}</td>'
        f"<td><div>{text}</div>{_marks(t, clip, marks)}</td><td>{show}</td></tr>"
    )


def _marks(t: Translator, clip: Clip, marks: tuple[str, ...]) -> str:
    flags = [t.get(f"flags.{flag}", flag) for flag in f"{clip.text_flags} {clip.sound_flags}".split()]
    labels = [*(t(f"clip_editor.mark_{mark}") for mark in marks), *flags]
    chips = "".join(f'<span class="vw-chip warn">{html.e(label)}</span>' for label in labels)
    return f'<div class="vw-row">{chips}</div>' if chips else ""
