"""The one trash as Home and System show it: what lies there and how large it is, back again or gone for good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core import trash
from core.errors import UserError
from core.project.conflicts import digest
from core.project.workspace import Workspace
from core.trash import TrashEntry
from ui import html
from ui.i18n import Translator


def trash_list(t: Translator, workspace: Workspace) -> str:
    """HTML for a `Panel`, closed until asked for; empty if nothing lies there. `act_on_trash` answers its buttons."""
    entries = trash.contents(workspace)
    if not entries:
        return ""
    size = t.megabytes(sum(entry.size for entry in entries))
    rows = "".join(_row(t, entry) for entry in entries)
    question = t("trash.empty_question", count=t.number(len(entries)), size=size)
    empty = html.action(t("trash.empty", size=size), "empty-trash", style="danger", confirm=question)
    empty = html.standing_on(_stamp(entries), empty)
    about = f'<p class="vw-dim">{html.e(t("trash.help"))}</p>'
    title = t("trash.title", count=t.number(len(entries)), size=size)
    return html.details(title, f'{about}{rows}<div class="vw-row">{empty}</div>')


def act_on_trash(workspace: Workspace, evt: Any) -> bool:
    """Answer the list's buttons; False if ``evt.do`` is not one of them.

    Raises:
        UserError: ``trash.changed``, ``trash.gone``.
    """
    if evt.do == "restore":
        trash.restore(workspace, evt.id)
    elif evt.do == "delete-for-good":
        trash.delete(workspace, [evt.id])
    elif evt.do == "empty-trash":
        entries = trash.contents(workspace)
        if evt.seen != _stamp(entries):
            raise UserError(
                "trash.changed",
                "The trash no longer holds what this window showed.",
                "Nothing was deleted. Look at it once more, then choose again.",
            )
        trash.delete(workspace, [entry.id for entry in entries])
    else:
        return False
    return True


def _stamp(entries: Iterable[TrashEntry]) -> str:
    return digest(*sorted(entry.id for entry in entries))


def _row(t: Translator, entry: TrashEntry) -> str:
    facts = [t(f"trash.kind_{entry.kind}"), entry.project, t.megabytes(entry.size)]
    if entry.at:
        facts.append(t.moment(entry.at))
    line = " · ".join(fact for fact in facts if fact)
    question = t("trash.delete_question", name=entry.name)
    buttons = html.action(t("trash.restore"), "restore", entry.id, title=f"{t('trash.restore')}: {entry.name}")
    buttons += html.action(
        t("trash.delete"), "delete-for-good", entry.id, style="danger quiet", confirm=question,
        title=f"{t('trash.delete')}: {entry.name}",
    )  # fmt: skip
    return (
        f'<div class="vw-spread vw-line" data-key="{html.e(entry.id)}"><span><b>{html.e(entry.name)}</b><br>'
        f'<span class="vw-dim">{html.e(line)}</span></span><span class="vw-row">{buttons}</span></div>'
    )
