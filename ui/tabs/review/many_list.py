"""The clips that one decision would change: listed a page at a time, to be heard, and left out one by one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.clips import bulk_decisions
from core.clips.bulk_decisions import BulkDecision
from core.project.records import Clip
from core.project.workspace import Project
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator

PER_PAGE = 10
_TEXT_LETTERS = 200
_KEEP = "keep-"  # begins the names of the ticks


@dataclass(frozen=True)
class Choice:
    """What stands in the list's form: the decision's ``way`` (sure, agreed, flagged, silent) and its level or flag, the
    page, the ids that are left out, and what was pressed (``next``, ``back`` or ``do``)."""

    way: str
    value: str = ""
    with_flags: bool = False
    page: int = 0
    left_out: tuple[str, ...] = ()
    pressed: str = ""

    @property
    def decision(self) -> BulkDecision:
        """On which clips, and what becomes of them.

        Raises:
            ValueError: there is no such way, or its value is none.
        """
        if self.way == "sure":
            return bulk_decisions.approve_sure(float(self.value), with_flags=self.with_flags)
        if self.way == "agreed":
            return bulk_decisions.approve_agreed(float(self.value))
        if self.way == "flagged":
            return bulk_decisions.reject_flagged(self.value)
        if self.way == "silent":
            return bulk_decisions.reject_silent()
        raise ValueError(f"no way to decide on many: {self.way}")


def choice_of(form: str) -> Choice:
    """The form as it was sent: who is left out on the page that was shown, and on the others."""
    fields = {name: str(value) for name, value in json.loads(form).items()}
    listed_ids = fields.get("shown", "").split()
    elsewhere = [clip_id for clip_id in fields.get("left_out", "").split() if clip_id not in listed_ids]
    excluded_ids = [clip_id for clip_id in listed_ids if _KEEP + clip_id not in fields]
    key = fields.get("pressed", "")
    page = int(fields.get("page", "0")) + {"next": 1, "back": -1}.get(key, 0)
    return Choice(
        fields["way"],
        fields.get("value", ""),
        "with_flags" in fields,
        max(0, page),
        (*elsewhere, *excluded_ids),
        key,
    )


def many_list(t: Translator, project: Project, choice: Choice) -> str:
    """HTML for a `Panel`; its form sends ``decide_many`` with what `choice_of` reads, and the clips' stamp."""
    clip_filter = choice.decision.clip_filter
    stamp, count = project.figures.stamp(clip_filter), project.figures.count(clip_filter)
    if not count:
        return html.notice(t("review.none_here"))
    page = min(choice.page, (count - 1) // PER_PAGE)
    clips = project.store.clips(clip_filter, page * PER_PAGE, PER_PAGE)
    rows = "".join(_row(t, project, choice, clip) for clip in clips)
    facts = {
        "way": choice.way,
        "value": choice.value,
        "page": str(page),
        "left_out": " ".join(choice.left_out),
        "shown": " ".join(clip.id for clip in clips),
    } | ({"with_flags": "yes"} if choice.with_flags else {})
    inputs = "".join(f'<input type="hidden" name="{name}" value="{html.e(value)}">' for name, value in facts.items())
    is_approval = choice.decision.status == "approved"
    title = html.e(t("review.list_approve" if is_approval else "review.list_reject", count=t.number(count)))
    about = html.e(t("review.list_about"))
    return (
        f'<form class="vw-card vw-gap vw-many" data-do="decide_many" data-seen="{html.e(stamp)}" id="many-list"'
        f' data-key="many-{choice.way}" data-reveal="many-{choice.way}-{html.e(choice.value)}-{stamp}">{inputs}'
        f'<h3 role="status">{title}</h3><p class="vw-dim">{about}</p><ul class="vw-changed">{rows}</ul>'
        f'{_turns(t, page, count)}<div class="vw-row">{_do(t, is_approval)}{html.action(t("review.cancel"), "cancel")}'
        "</div></form>"
    )


def _row(t: Translator, project: Project, choice: Choice, clip: Clip) -> str:
    text = clip.text or t("review.no_text")
    text = text if len(text) <= _TEXT_LETTERS else text[:_TEXT_LETTERS] + " …"
    tick = "" if clip.id in choice.left_out else " checked"
    player = html.player(audio_url(project.slug, "clip", clip.id), f"{t('review.listen')}: {text[:60]}")
    return (
        f'<li data-key="{html.e(clip.id)}"><label class="vw-tick"><input type="checkbox"'
        f' name="{_KEEP}{html.e(clip.id)}"{tick}> <span dir="auto">{html.e(text)}</span></label>'
        f'<span class="vw-dim">{html.e(_measure(t, choice.way, clip))}</span>{player}</li>'
    )


def _measure(t: Translator, way: str, clip: Clip) -> str:
    """Why it is among them, as a number or a flag, and its length."""
    facts = [f"{t.number(clip.seconds, 1)} s"]
    if way == "sure" and clip.confidence is not None:
        facts.insert(0, t("review.sure", percent=f"{clip.confidence:.0%}"))
    if way == "agreed" and clip.mismatch is not None:
        facts.insert(0, t("review.differs", percent=f"{clip.mismatch:.0%}"))
    flags = [*clip.text_flags.split(), *clip.sound_flags.split()]
    return " · ".join([*facts, *(t("flags." + code) for code in flags if t.has("flags." + code))])


def _turns(t: Translator, page: int, count: int) -> str:
    if count <= PER_PAGE:
        return ""
    last = min(count, (page + 1) * PER_PAGE)
    place = t("review.list_where", range=f"{t.number(page * PER_PAGE + 1)}–{t.number(last)}", count=t.number(count))
    back, on = (
        f'<button type="submit" class="vw-btn" name="pressed" value="{name}"{" disabled" if is_off else ""}>'
        f"{html.e(t(f'pages.{label}'))}</button>"
        for name, label, is_off in (("back", "back", page == 0), ("next", "forward", last == count))
    )
    return f'<nav class="vw-row vw-pages">{back}<span class="vw-dim">{html.e(place)}</span>{on}</nav>'


def _do(t: Translator, is_approval: bool) -> str:
    label = t("review.approve_ticked" if is_approval else "review.reject_ticked")
    style = "primary" if is_approval else "danger"
    return (
        f'<button type="submit" class="vw-btn {style}" name="pressed" value="do" id="decide-many">'
        f"{html.e(label)}</button>"
    )
