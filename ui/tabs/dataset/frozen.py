"""Frozen datasets: the list of them, downloads in other programs' layouts, and what differs between two."""

from __future__ import annotations

from core.damage import DamagedFile
from core.dataset.compare import Change, Difference, compare
from core.dataset.freeze import DatasetInfo
from core.dataset.layouts import LAYOUTS
from core.project.workspace import Project
from ui import html
from ui.http.audio_routes import dataset_url
from ui.i18n import Translator
from ui.parts.select import select

_SHOWN = 50


def frozen_table(t: Translator, project: Project, frozen: list[DatasetInfo], fresh: bool, view: dict[str, str]) -> str:
    """All frozen datasets, the newest first; ``fresh`` says that it is what freezing now would give.

    ``view`` holds ``compare``, the dataset that is compared, and ``with``, the one it is compared with.
    """
    if not frozen:
        return ""
    names = [html.e(t(f"dataset.col_{name}")) for name in ("id", "minutes", "clips", "split", "at", "more")]
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = ""
    for index, dataset in enumerate(frozen):
        is_last = index == len(frozen) - 1
        cells = zip(names, _cells(t, project, dataset, fresh and not index, is_last), strict=True)
        rows += "<tr>" + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in cells) + "</tr>"
    return (
        f'<h3>{html.e(t("dataset.frozen"))}</h3><table class="vw-stack"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{_comparison(t, frozen, view)}"
    )


def _cells(t: Translator, project: Project, dataset: DatasetInfo, current: bool, is_last: bool) -> list[str]:
    link = "" if is_last else html.place(t("dataset.compare"), f"compare={dataset.id}&with=")
    links = "".join(
        f'<li><a class="vw-btn vw-link" href="{html.e(dataset_url(project.slug, dataset.id, layout))}" download>'
        f"{html.e(t(f'dataset.layout_{layout}'))}</a></li>"
        for layout in LAYOUTS
    )
    name = html.title_field("rename-dataset", dataset.id, dataset.name, t("dataset.col_id"), is_required=False)
    download = html.details(t("dataset.download"), f'<ul class="vw-sentences">{links}</ul>')
    return [
        f"<span>{name}{_chip(t) if current else ''}</span>",
        t.minutes(dataset.seconds),
        t.number(dataset.clips),
        f"{t.number(dataset.train)} + {t.number(dataset.val)}",
        html.e(t.moment(dataset.at)),
        f'<div class="vw-row" data-key="{html.e(dataset.id)}">{link}{download}{_delete(t, dataset)}</div>',
    ]


def _delete(t: Translator, dataset: DatasetInfo) -> str:
    label = t("dataset.delete")
    return html.action(
        label, "delete-dataset", dataset.id, style="danger quiet", title=f"{label}: {dataset.name}",
        confirm=t("dataset.delete_sure", name=dataset.name),
    )  # fmt: skip


def _chip(t: Translator) -> str:
    return f' <span class="vw-chip">{html.e(t("dataset.current"))}</span>'


def _comparison(t: Translator, frozen: list[DatasetInfo], view: dict[str, str]) -> str:
    ids = [dataset.id for dataset in frozen]
    if view.get("compare") not in ids:
        return ""
    now = frozen[ids.index(view["compare"])]
    rest = [dataset for dataset in frozen if dataset.id != now.id]
    if not rest:
        return ""
    older = [dataset for dataset in rest if dataset.at <= now.at]
    before = next((dataset for dataset in rest if dataset.id == view.get("with")), (older or rest)[0])
    choices = [
        (dataset.id, t("train.dataset_line", id=dataset.name, minutes=t.minutes(dataset.seconds),
                       at=t.moment(dataset.at)))
        for dataset in rest
    ]  # fmt: skip
    try:
        lists = _difference(t, compare(before, now))
    except DamagedFile:  # told above the tab
        return ""
    title = t("dataset.comparison", now=now.name, before=before.name)
    close = html.place(t("dataset.close"), "compare=&with=")
    return (
        f'<section class="vw-card vw-gap" data-key="comparison"><div class="vw-spread"><h3>{html.e(title)}</h3>{close}'
        f"</div>{select(t('dataset.compared_with'), 'with', choices, before.id)}{lists}</section>"
    )


def _difference(t: Translator, difference: Difference) -> str:
    figures = html.numbers(
        html.number(t.number(len(difference.came)), t("dataset.came")),
        html.number(t.number(len(difference.went)), t("dataset.went")),
        html.number(t.number(len(difference.changed)), t("dataset.differs")),
        html.number(t.number(difference.same), t("dataset.same")),
    )
    notice = html.notice(t("dataset.moved", count=t.number(difference.moved)), "warn") if difference.moved else ""
    lists = "".join(
        _list(t, name, changes)
        for name, changes in (
            ("came", difference.came),
            ("went", difference.went),
            ("differs", difference.changed),
        )
    )
    return figures + notice + lists


def _list(t: Translator, name: str, changes: tuple[Change, ...]) -> str:
    if not changes:
        return ""
    rows = "".join(f"<tr>{_change(t, change)}</tr>" for change in changes[:_SHOWN])
    beyond = t("dataset.more", count=t.number(len(changes) - _SHOWN)) if len(changes) > _SHOWN else ""
    note = f'<p class="vw-dim">{html.e(beyond)}</p>' if beyond else ""
    summary = t("dataset.list", name=t(f"dataset.{name}"), count=t.number(len(changes)))
    return html.details(summary, f'<div class="vw-scroll"><table>{rows}</table></div>{note}')


def _change(t: Translator, change: Change) -> str:
    text = html.e(change.now_text or change.before_text)
    if change.before_text and change.now_text and change.before_text != change.now_text:
        text = f"<del>{html.e(change.before_text)}</del><br><ins>{text}</ins>"
    elif change.before_id and change.now_id and change.sound:
        text += f' <span class="vw-chip">{html.e(t("dataset.other_sound"))}</span>'
    link = ""
    if change.now_id:
        link = html.go(t("dataset.to_clip"), "review", style="quiet", view=f"filter=all&clip={change.now_id}")
    return f'<td>{text}</td><td class="vw-when">{t.number(change.seconds, 1)} s</td><td>{link}</td>'
