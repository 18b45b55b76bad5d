"""Merging a project into another one: the choice on its card, what would come in, and what stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

from core import merge
from core.merge import MergePlan
from core.project.workspace import Workspace
from ui import html
from ui.i18n import Translator

_MOST_NAMES = 30


def merge_choice(t: Translator, slug: str, others: Sequence[tuple[str, str]], busy: str) -> str:
    """A form that asks what merging a project into one of ``others`` would do, by folder and name; empty without any.

    ``busy`` says why it is off.
    """
    if not others:
        return ""
    options = "".join(f'<option value="{html.e(other)}">{html.e(name)}</option>' for other, name in others)
    field = f'<span>{html.e(t("merge.into"))}</span><select name="target">{options}</select>'
    button = f'<button type="submit" class="vw-btn"{" disabled" if busy else ""}>{html.e(t("merge.look"))}</button>'
    return (
        f'<form data-do="merge-look" data-id="{html.e(slug)}"><p class="vw-dim">{html.e(t("merge.help"))}</p>'
        f'<label class="vw-field">{field}</label>{html.reason(busy)}{button}</form>'
    )


def merge_preview(t: Translator, workspace: Workspace, origin_slug: str, target_slug: str) -> str:
    """What would come in and what stays, with the button that does it.

    Raises:
        UserError: as of `core.merge.plan`.
    """
    origin, target = workspace.project(origin_slug), workspace.project(target_slug)
    wanted = merge.plan(origin, target)
    names = {"origin": origin.info.name, "target": target.info.name}
    merge_button = html.action(t("merge.do"), "merge", f"{origin.slug}/{target.slug}", style="primary")
    buttons = "" if wanted.is_empty else merge_button
    buttons += html.action(t("merge.not_now"), "merge-close")
    title, lead = html.e(t("merge.title", **names)), html.e(t("merge.nothing" if wanted.is_empty else "merge.preview"))
    return (
        f'<section class="vw-card" data-key="merge" data-reveal="{html.e(origin.slug)}{html.e(target.slug)}">'
        f'<h3>{title}</h3><p>{lead}</p>{_facts(t, wanted)}<div class="vw-row">{buttons}</div></section>'
    )


def merge_result(t: Translator, workspace: Workspace, slugs: str) -> str:
    """Merge, and say what came in.

    Raises:
        UserError: as of `core.merge.merge`.
    """
    origin, target = map(workspace.project, slugs.split("/"))
    wanted = merge.merge(origin, target)
    text = t("merge.done", origin=origin.info.name, target=target.info.name)
    lead = html.open_project(t("merge.open"), target.slug, "review", style="primary")
    close = html.action(t("merge.close"), "merge-close")
    return (
        f'<section class="vw-card" data-key="merge">{html.notice(text, "good")}{_facts(t, wanted)}'
        f'<div class="vw-row">{lead}{close}</div></section>'
    )


def _facts(t: Translator, wanted: MergePlan) -> str:
    counts = [t(f"merge.{kind}", count=t.number(count)) for kind, count in wanted.counts.items() if count]
    items = "".join(f"<li>{html.e(line)}</li>" for line in counts)
    parts = [f'<ul class="vw-marks">{items}</ul>'] if items else []
    if wanted.conflicts:
        names = wanted.conflicts[:_MOST_NAMES]
        lines = "".join(f"<li>{html.e(t(f'merge.why_{entry.reason}', name=entry.name))}</li>" for entry in names)
        if len(wanted.conflicts) > _MOST_NAMES:
            lines += f"<li>{html.e(t('merge.more', count=t.number(len(wanted.conflicts) - _MOST_NAMES)))}</li>"
        parts.append(
            html.details(
                t("merge.conflicts", count=t.number(len(wanted.conflicts))), f'<ul class="vw-marks">{lines}</ul>'
            )
        )
    return "".join(parts)
