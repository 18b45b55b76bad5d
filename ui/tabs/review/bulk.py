"""Many clips at once: approving what looks right, find and replace, tidying texts; each shown before it is done."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping

from core.clips import bulk_decisions
from core.clips.bulk import EXAMPLES, Preview, Replacement, preview_replacement, preview_tidying
from core.project.records import ClipFilter
from core.project.workspace import Project
from ui import html
from ui.i18n import Translator

_PREVIEW_LETTERS = 300  # letters of a text in a preview


def bulk_section(t: Translator, project: Project, view: dict[str, str]) -> str:
    """HTML for a `Panel`.

    Its buttons send ``list_sure`` and ``list_agreed`` with the threshold, ``list_silent`` and ``preview_tidy``; its
    form ``find``.
    """
    parts = [_approve_sure(t, project, view), _approve_agreed(t, project, view), _silent(t, project)]
    parts += [_find(t), _tidy(t)]
    return (
        '<details class="vw-details" id="review-many">'
        f'<summary>{html.e(t("review.many_title"))}</summary><div class="vw-bulk">{"".join(parts)}</div></details>'
    )


def replacement_of(form: str) -> Replacement:
    """The find form's fields as they were sent."""
    fields = {name: str(value) for name, value in json.loads(form).items()}
    return Replacement(
        fields.get("find", ""),
        fields.get("replace", ""),
        match_case="match_case" in fields,
        whole_words="whole_words" in fields,
        is_pattern="is_pattern" in fields,
    )


def replacement_preview(t: Translator, project: Project, form: str) -> str:
    """What finding and replacing would change, with the button that does it (``replace``, with the form as JSON).

    Raises:
        UserError: as `core.clips.bulk.preview_replacement`.
    """
    preview = preview_replacement(project, replacement_of(form))
    count = t.number(len(preview.changes))
    button = html.action(t("review.replace_in", count=count), "replace", style="primary", elem_id="replace-texts")
    memory = f'<textarea id="review-form" hidden>{html.e(form)}</textarea>'
    return _preview(t, preview, f'<span data-value-of="#review-form">{button}</span>{memory}')


def tidying_preview(t: Translator, project: Project) -> str:
    """What tidying would change, with the button that does it (``tidy``)."""
    preview = preview_tidying(project)
    count = t.number(len(preview.changes))
    button = html.action(t("review.tidy_in", count=count), "tidy", style="primary", elem_id="tidy-texts")
    return _preview(t, preview, button)


def _preview(t: Translator, preview: Preview, button: str) -> str:
    if not preview.changes:
        return html.notice(t("review.nothing_would_change"))
    rows = "".join(f'<li dir="auto">{_changed(change.old, change.new)}</li>' for change in preview.examples)
    rest = ""
    if len(preview.changes) > EXAMPLES:
        rest = f'<p class="vw-dim">{html.e(t("review.and_more", count=t.number(len(preview.changes) - EXAMPLES)))}</p>'
    title = html.e(t("review.would_change", count=t.number(len(preview.changes))))
    done = html.standing_on(preview.stamp, button)
    return f'<div class="vw-card" role="status"><b>{title}</b><ul class="vw-changed">{rows}</ul>{rest}{done}</div>'


def _changed(old: str, new: str) -> str:
    """The text before, struck, and after, with the words marked that are not as they were."""
    before, after = (text[:_PREVIEW_LETTERS].split() for text in (old, new))
    matcher = difflib.SequenceMatcher(None, before, after, False)
    same = {block.b + step for block in matcher.get_matching_blocks() for step in range(block.size)}
    words = (html.e(word) if place in same else f"<mark>{html.e(word)}</mark>" for place, word in enumerate(after))
    return f"<s>{html.e(' '.join(before))}</s><br>{' '.join(words)}"


def _approve_sure(t: Translator, project: Project, view: dict[str, str]) -> str:
    """Approving at once what recognition was sure of: the threshold is chosen, then asked once."""
    too = view.get("flagged") == "yes"
    counts = bulk_decisions.sure_counts(project, with_flags=too)
    if not max(counts.values()) and not too and not max(bulk_decisions.sure_counts(project, with_flags=True).values()):
        return ""
    least = min(counts, key=lambda level: abs(level - number(view.get("sure", ""), bulk_decisions.LOOKS_RIGHT)))
    choice, button, off = _approve_up_to(t, counts, least, "sure")
    key, next_value = ("review.many_flagged_in", "") if too else ("review.many_flagged_out", "yes")
    switch = html.place(t(key), f"flagged={next_value}", is_pressed=too)
    body = f'{choice}<div class="vw-row">{switch}{button}</div>{html.reason(off)}'
    about = html.e(t("review.many_help"))
    return f'<section><h3>{html.e(t("review.many_sure"))}</h3><p class="vw-dim">{about}</p>{body}</section>'


def _approve_agreed(t: Translator, project: Project, view: dict[str, str]) -> str:
    """Approving at once where two models heard nearly the same."""
    counts = bulk_decisions.agreement_counts(project)
    if not max(counts.values()):
        return ""
    most = min(counts, key=lambda level: abs(level - number(view.get("differ", ""), bulk_decisions.AGREEMENTS[1])))
    choice, button, off = _approve_up_to(t, counts, most, "agreed")
    about = html.e(t("review.agreed_help"))
    return (
        f'<section><h3>{html.e(t("review.many_agreed"))}</h3><p class="vw-dim">{about}</p>{choice}'
        f"{button}{html.reason(off)}</section>"
    )


# Of each way to approve many: the address's name of the level, and the words for the choice of it.
_WAYS = {
    "sure": ("sure", "review.how_sure", "review.at_least", "review.none_so_sure"),
    "agreed": ("differ", "review.how_different", "review.at_most", "review.none_agree"),
}


def _approve_up_to(t: Translator, counts: Mapping[float, int], current: float, way: str) -> tuple[str, str, str]:
    """The choice of a level, the button that approves up to it, and why that is off (empty if it is not)."""
    place, label, option, empty = _WAYS[way]
    options = "".join(
        f'<option value="{level}"{" selected" if level == current else ""}>'
        f"{html.e(t(option, percent=f'{level:.0%}', count=t.number(count)))}</option>"
        for level, count in counts.items()
    )
    choice = (
        f'<label class="vw-field"><span>{html.e(t(label))}</span><select data-view="{place}">{options}</select></label>'
    )
    off = "" if counts[current] else t(empty)
    button = html.action(
        t("review.approve_many", count=t.number(counts[current])),
        f"list_{way}",
        str(current),
        off_reason=off,
        elem_id=f"approve-{way}",
    )
    return choice, button, off


def _silent(t: Translator, project: Project) -> str:
    count = project.figures.count(ClipFilter("silent"))
    if not count:
        return ""
    listen = html.place(t("review.listen_to_them"), "filter=silent&clip=&flag=&turn=")
    button = html.action(t("review.reject_silent", count=t.number(count)), "list_silent")
    about = html.e(t("review.silent_about"))
    title = html.e(t("review.silent_count", count=t.number(count)))
    return f'<section><h3>{title}</h3><p class="vw-dim">{about}</p><div class="vw-row">{listen}{button}</div></section>'


def _find(t: Translator) -> str:
    ticks = "".join(
        f'<label class="vw-tick"><input type="checkbox" name="{name}"> {html.e(t("review.find_" + name))}</label>'
        for name in ("match_case", "whole_words", "is_pattern")
    )
    fields = "".join(
        f'<label class="vw-field"><span>{html.e(t("review.find_" + name))}</span>'
        f'<input type="text" name="{name}" maxlength="300" autocomplete="off"></label>'
        for name in ("find", "replace")
    )
    show = f'<button type="submit" class="vw-btn" id="preview-find">{html.e(t("review.show_changes"))}</button>'
    return (
        f'<section><h3>{html.e(t("review.find_title"))}</h3><form data-do="find" class="vw-find">'
        f'<div class="vw-fields">{fields}</div><div class="vw-row">{ticks}</div>{show}</form></section>'
    )


def _tidy(t: Translator) -> str:
    show = html.action(t("review.show_changes"), "preview_tidy", elem_id="preview-tidy")
    about = html.e(t("review.tidy_help"))
    return f'<section><h3>{html.e(t("review.tidy_title"))}</h3><p class="vw-dim">{about}</p>{show}</section>'


def number(text: str, fallback: float) -> float:
    """The number a text says, else the other."""
    try:
        return float(text)
    except ValueError:
        return fallback
