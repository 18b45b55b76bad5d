"""The table of recordings and the meter beside it."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.audio.quality import quality
from core.project.records import READ_ALOUD, Source
from core.project.workspace import Project
from core.sources import recordings
from core.sources.decoding_notes import HOLES, PARTLY, has_note, jump_of
from ui import html
from ui.http.audio_routes import audio_url
from ui.page import Page
from ui.tabs.segments.denoised import denoise_busy, denoise_part

_METER_MINUTES = 60.0


def source_table(page: Page, project: Project, sources: list[Source]) -> str:
    """All recordings: title and rights note to change, length and origin, quality, player."""
    t = page.t
    names = ("column_title", "column_quality", "column_listen")
    head = "".join(f"<th>{html.e(t('sources.' + name))}</th>" for name in names)
    busy = denoise_busy(t, project)
    rows = "".join(_row(page, project, source, busy) for source in sources)
    return f'<table class="vw-stack"><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>'


def _row(page: Page, project: Project, source: Source, busy: str) -> str:
    t = page.t
    title = html.title_field("title", source.id, source.title, t("sources.column_title"), max_length=120)
    player = html.player(audio_url(project.slug, "source", source.id), source.title)
    question = t("sources.remove_question", title=source.title)
    remove = html.action(t("sources.remove"), "remove", source.id, style="quiet danger", confirm=question)
    cells = (
        (title + _facts(page, source) + _note(page, source) + _damage(page, source), "column_title"),
        (_lights(page, project, source), "column_quality"),
        (player, "column_listen"),
    )
    tds = "".join(f'<td data-label="{html.e(t("sources." + name))}">{cell}</td>' for cell, name in cells)
    key = html.e(source.id)
    if source.origin == READ_ALOUD:  # a few seconds each, and many of them
        return f'<tr data-key="{key}">{tds}<td>{remove}</td></tr>'
    noise_part = denoise_part(t, project, source, busy)
    noise = f'<tr data-key="{key}-noise" class="vw-noise"><td colspan="4">{noise_part}</td></tr>'
    return f'<tr data-key="{key}">{tds}<td>{remove}</td></tr>{noise}'


def _facts(page: Page, source: Source) -> str:
    """How long it is and where it comes from, with the way there."""
    origin = html.e(_origin(page, source))
    if source.origin.startswith(("https://", "http://")):
        origin = f'<a href="{html.e(source.origin)}" target="_blank" rel="noopener noreferrer">{origin}</a>'
    return f'<div class="vw-dim vw-facts">{html.e(page.t.length(source.seconds))} · {origin}</div>'


def _note(page: Page, source: Source) -> str:
    label = html.e(page.t("sources.rights"))
    return (
        f'<input type="text" class="vw-quiet vw-small" data-do="rights" data-id="{html.e(source.id)}" maxlength="300"'
        f' value="{html.e(source.rights)}" placeholder="{label}" aria-label="{label}">'
    )


def _damage(page: Page, source: Source) -> str:
    """A chip for what is wrong with its file, if anything is."""
    t = page.t
    if (jump_s := jump_of(source)) is not None:
        text = t("sources.jumps", at=t.length(jump_s))
    elif has_note(source, PARTLY):
        text = t("sources.partly", length=t.length(source.seconds))
    elif has_note(source, HOLES):
        text = t("sources.holes")
    else:
        return ""
    return f'<span class="vw-chip warn">{html.e(text)}</span>'


def _origin(page: Page, source: Source) -> str:
    if source.came_cut:
        return page.t("sources.from_reading" if source.origin == READ_ALOUD else "sources.from_dataset")
    host = urlsplit(source.origin).hostname
    return host.removeprefix("www.") if host else page.t("sources.from_file")


def _lights(page: Page, project: Project, source: Source) -> str:
    t = page.t
    try:
        sound = quality(project.source_file(source.id))
    except (OSError, RuntimeError):
        return html.light("bad", t("sources.light_missing"))
    lights = (("level", sound.level), ("noise", sound.noise), ("clipping", sound.clipping))
    lights_html = "".join(html.light(tone, t(f"sources.light_{name}_{tone}")) for name, tone in lights)
    return f'<div class="vw-lights">{lights_html}</div>'


def meter(page: Page, seconds: float) -> str:
    """“How much is enough?”, with where the recordings stand."""
    t = page.t
    amount = recordings.amount(seconds)
    level = html.bar(amount.minutes / _METER_MINUTES, t("sources.meter_title"))
    marks = "".join(
        f'<span style="left:{100 * minutes / _METER_MINUTES:.1f}%">{minutes:g}</span>'
        for minutes, _ in recordings.NEEDED_MINUTES
        if minutes != 1
    )
    note = t("sources.meter_more", minutes=t.number(amount.next_minutes)) if amount.next_minutes else ""
    return (
        f'<div class="vw-card"><h3>{html.e(t("sources.meter_title"))}</h3>'
        f"{html.numbers(html.number(t.minutes(seconds), t('sources.meter_have')))}"
        f'{level}<div class="vw-marks" aria-hidden="true">{marks}</div>'
        f"<p>{html.e(t('sources.meter_' + amount.level))}</p>"
        f'<p class="vw-dim">{html.e(note)}</p></div>'
    )
