"""The dataset tab: what would be trained on, what not and why, and freezing it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from core.dataset.freeze import DatasetInfo, datasets, freeze, is_current
from core.dataset.report import Grade, Report, report
from core.engines.base import Exclusion
from core.project.workspace import Project
from ui import html, plots
from ui.i18n import Translator
from ui.page import Page, Tab, Updates
from ui.parts import Panel

TONES = {"good": "good", "fair": "fair", "poor": "bad"}
DROPPED_SHOWN = 100
EDGES_S = range(0, 13)


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel = Panel()

    def refresh(project: Project | None) -> Updates:
        top = html.heading(t("tabs.dataset"), t("dataset.purpose"))
        if project is None:
            return {panel: top + html.empty(t("common.no_project"), html.go(t("common.to_home"), "home"))}
        return {panel: top + _page(t, project)}

    def act(project: Project | None, evt: Any) -> Updates | None:
        if project is not None and evt.do == "freeze":
            freeze(project)
        return None

    page.on(panel.act, act)
    return Tab("dataset", [panel], refresh)


def _page(t: Translator, project: Project) -> str:
    now, frozen = report(project), datasets(project)
    if not now.clips and not now.exclusions and not frozen:
        key = "dataset.nothing_approved" if now.waiting or now.rejects else "dataset.no_clips"
        lead = ("review", "tabs.review") if now.waiting or now.rejects else ("sources", "tabs.sources")
        return html.empty(t(key), html.go(t("common.go_to", tab=t(lead[1])), lead[0]))
    fresh = bool(frozen) and is_current(frozen[0], now)
    return _card(t, now, frozen, fresh) + _exclusions(t, now.exclusions) + _frozen(t, frozen, fresh)


def _card(t: Translator, now: Report, frozen: list[DatasetInfo], fresh: bool) -> str:
    figures = html.numbers(
        html.number(t.minutes(now.seconds), t("dataset.material")),
        html.number(t.number(len(now.clips)), t("dataset.used")),
        html.number(t.number(now.train), t("dataset.train")),
        html.number(t.number(now.val), t("dataset.val")),
        html.number(t.number(len(now.exclusions)), t("dataset.dropped"), "warn" if now.exclusions else ""),
        html.number(t.number(now.waiting), t("dataset.waiting")),
    )
    lights = "".join(f"<li>{html.light(TONES[grade.level], grade_line(t, grade))}</li>" for grade in now.grades)
    picture = plots.histogram(now.lengths, EDGES_S, t("dataset.length_axis"), t("dataset.clips_axis"), write=t.plain)
    shape = f"<div><h3>{html.e(t('dataset.lengths'))}</h3>{picture}</div>" if picture else ""
    quality = f'<div><h3>{html.e(t("dataset.quality"))}</h3><ul class="vw-lights">{lights}</ul></div>' if lights else ""
    return (
        f'<section class="vw-card">{figures}{_action(t, now, frozen, fresh)}'
        f'<div class="vw-halves">{quality}{shape}</div></section>'
    )


def _action(t: Translator, now: Report, frozen: list[DatasetInfo], fresh: bool) -> str:
    """The one next click: freeze, or train if what is frozen is what there is."""
    if fresh:
        notice = html.notice(t("dataset.is_current", id=frozen[0].id[:6]), "good")
        return notice + f'<div class="vw-row">{html.go(t("dataset.to_train"), "train")}</div>'
    off = "" if now.clips else t("dataset.nothing_usable")
    notice = html.notice(t("dataset.changed"), "info") if frozen else ""
    button = html.action(t("dataset.freeze"), "freeze", style="primary wide", off_reason=off, elem_id="freeze-dataset")
    review = html.go(t("dataset.more_review"), "review", style="") if now.waiting else ""
    row = f'<div class="vw-row">{button}{review}</div>{html.reason(off)}'
    return f'{notice}<p class="vw-dim">{html.e(t("dataset.freeze_help"))}</p>{row}'


def grade_line(t: Translator, grade: Grade) -> str:
    """A grade's sentence."""
    values = {key: t.number(value, 1 if key == "minutes" and value < 10 else 0) for key, value in grade.values.items()}
    return t(f"dataset.light_{grade.key}_{grade.level}", **values)


def _exclusions(t: Translator, exclusions: tuple[Exclusion, ...]) -> str:
    if not exclusions:
        return ""
    counts = Counter(clip.code for clip in exclusions)
    reasons = "".join(
        f"<li>{html.e(t(f'dataset.reason_{code.partition(chr(46))[2]}'))}: {t.number(count)}</li>"
        for code, count in counts.most_common()
    )
    rows = "".join(
        f"<tr><td>{html.e(clip.clip_id)}</td><td>{html.e(t.error(clip.code, clip.text, '', clip.values))}</td></tr>"
        for clip in exclusions[:DROPPED_SHOWN]
    )
    table = f'<div class="vw-scroll"><table>{rows}</table></div>'
    return html.details(t("dataset.dropped_list", count=t.number(len(exclusions))), f"<ul>{reasons}</ul>{table}")


def _frozen(t: Translator, frozen: list[DatasetInfo], fresh: bool) -> str:
    if not frozen:
        return ""
    names = [html.e(t(f"dataset.col_{name}")) for name in ("id", "minutes", "clips", "split", "at")]
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = ""
    for index, dataset in enumerate(frozen):
        cells = zip(names, _cells(t, dataset, fresh and not index), strict=True)
        rows += "<tr>" + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in cells) + "</tr>"
    return (
        f'<h3>{html.e(t("dataset.frozen"))}</h3><table class="vw-stack"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cells(t: Translator, dataset: DatasetInfo, current: bool) -> list[str]:
    return [
        f"<span><code>{html.e(dataset.id[:6])}</code>{_chip(t) if current else ''}</span>",
        t.minutes(dataset.seconds),
        t.number(dataset.clips),
        f"{t.number(dataset.train)} + {t.number(dataset.val)}",
        html.e(t.moment(dataset.at)),
    ]


def _chip(t: Translator) -> str:
    return f' <span class="vw-chip">{html.e(t("dataset.current"))}</span>'
