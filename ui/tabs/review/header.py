"""What stands above the card: how far the review is and how fast, and which clips are walked in which order."""

from __future__ import annotations

from core.clips import review
from core.measures.voices import voice_counts
from core.pipeline import steps
from core.project.records import NO_VOICE, ClipFilter, Totals
from core.project.workspace import Project
from core.sources import recordings
from ui import html
from ui.i18n import Translator
from ui.parts.lead import lead_on
from ui.parts.measures import voice_name

WITH_FLAGS = ("flagged", "approved")  # the lists that can be narrowed to a kind of flag


def list_of(view: dict[str, str]) -> dict[str, str]:
    """Which clips the address means, as `review.spot`, `review.decide` and `review.list_filter` take it."""
    state = view.get("filter", "new")
    names = ("search", "source", "voice", *(("flag",) if state in WITH_FLAGS else ()))
    return {"state": state, "sort": view.get("sort", "time"), **{name: view.get(name, "") for name in names}}


def progress(t: Translator, project: Project, totals: Totals, counts: dict[str, int]) -> str:
    """How many clips are decided and minutes approved, the speed, the time left, and how much is still wanted."""
    decisions = counts["approved"] + counts["rejected"]
    line = t(
        "review.progress",
        count=t.number(decisions),
        total=t.number(counts["all"]),
        minutes=t.minutes(totals.approved_s),
        all_minutes=t.minutes(totals.clip_s),
    )
    pace = review.pace(project, counts["new"])
    facts = [line]
    if pace.rest_s is not None and counts["new"]:
        speed, rest = t.number(pace.per_minute, 0 if pace.per_minute >= 10 else 1), t.length(pace.rest_s)
        facts.append(t("review.pace", speed=speed, left=t.number(counts["new"]), time=rest))
    facts.append(_goal(t, totals))
    lead = lead_on(t, steps(project), "review", style="" if counts["new"] else "primary") if decisions else ""
    sentences = "".join(f"<span>{html.e(fact)}</span>" for fact in facts if fact)
    return (
        f'<div class="vw-spread vw-progress"><div class="vw-row">{sentences}</div>{lead}</div>'
        f"{html.bar(decisions / counts['all'], t('review.title'))}"
    )


def _goal(t: Translator, totals: Totals) -> str:
    """How many more minutes the next level of `recordings.NEEDED_MINUTES` wants; nothing once there is plenty."""
    next_minutes = recordings.amount(totals.approved_s).next_minutes
    if next_minutes is None:
        return ""
    missing_s = 60 * next_minutes - totals.approved_s
    return t(f"review.goal_{next_minutes:g}", minutes=t.minutes(missing_s))


def filters(t: Translator, project: Project, counts: dict[str, int], state: str, view: dict[str, str]) -> str:
    """The states with their counts, the search, the order, and of which recording."""
    states = [key for key in review.STATES if key != "silent" or counts["silent"] or state == "silent"]
    buttons = "".join(
        html.place(
            f"{t('review.filter_' + key)} {t.number(counts[key])}",
            f"filter={key}&clip=&flag=&turn=",
            is_pressed=key == state,
        )
        for key in states
    )
    search = (
        f'<input type="text" id="review-search" data-view="clip=&turn=&search" value="{html.e(view.get("search", ""))}"'
        f' placeholder="{html.e(t("review.search"))}" aria-label="{html.e(t("review.search"))}">'
    )
    label = html.e(t("review.filters"))
    return (
        f'<div class="vw-row vw-filters"><div class="vw-row vw-swipe" role="group" aria-label="{label}">{buttons}</div>'
        f'<div class="vw-row vw-narrow">{search}{_order(t, view)}'
        f"{_sources(t, project, view)}{_voices(t, project, view)}</div></div>"
    )


def _order(t: Translator, view: dict[str, str]) -> str:
    choices = [(order, t("review.sort_" + order)) for order in review.ORDERS]
    return _small_select(t("review.sort"), "sort", choices, view.get("sort", "time"))


def _sources(t: Translator, project: Project, view: dict[str, str]) -> str:
    sources = project.store.sources()
    if len(sources) < 2:
        return ""
    choices = [("", t("review.all_sources")), *((source.id, source.title) for source in sources)]
    return _small_select(t("review.source"), "source", choices, view.get("source", ""))


def _voices(t: Translator, project: Project, view: dict[str, str]) -> str:
    """Which voice, with how many clips of the list have it; nothing where all of the list sound alike."""
    current = view.get("voice", "")
    voices = voice_counts(project, review.list_filter(**{**list_of(view), "voice": ""}))
    rest = voices[1:]
    if not current and not sum(voice.count for voice in rest):
        return ""
    choices = [("", t("review.all_voices"), 0)]
    if rest:
        choices.append((f"!{voices[0].number}", t("review.other_voices"), sum(voice.count for voice in rest)))
    for place, voice in enumerate(voices):
        name = t("review.no_voice") if voice.number == NO_VOICE else voice_name(t, place)
        choices.append((str(voice.number), name, voice.count))
    names = [
        (value, f"{name} ({t.number(count)})" if value else name)
        for value, name, count in choices
        if count or value in ("", current)
    ]
    return _small_select(t("review.of_voice"), "voice", names, current)


def _small_select(label: str, name: str, choices: list[tuple[str, str]], current: str) -> str:
    options = "".join(
        f'<option value="{html.e(value)}"{" selected" if value == current else ""}>{html.e(text)}</option>'
        for value, text in choices
    )
    return f'<select data-view="clip=&amp;turn=&amp;{name}" aria-label="{html.e(label)}">{options}</select>'


def kinds(t: Translator, project: Project, state: str, view: dict[str, str]) -> str:
    """The kinds of flags among the clips of a state with their counts; what the chosen one means, and rejecting it.

    Its buttons send ``list_flagged`` with the flag, and ``list_silent``.
    """
    if state == "silent":
        return _reject_silent(t, project)
    counts = review.flag_counts(project, state) if state in WITH_FLAGS else {}
    active = view.get("flag", "")
    if not counts and not active:
        return ""
    buttons = html.place(t("review.all_flags"), "flag=&clip=&turn=", is_pressed=not active)
    buttons += "".join(
        html.place(
            f"{t.get('flags.' + code, code)} {t.number(count)}", f"flag={code}&clip=&turn=", is_pressed=code == active
        )
        for code, count in counts.items()
    )
    label = html.e(t("review.flags"))
    row = f'<div class="vw-row vw-swipe" role="group" aria-label="{label}">{buttons}</div>'
    if state != "flagged" or active not in counts or not t.has(f"flags.{active}"):
        return f'<div class="vw-gap">{row}</div>'
    label = t("review.reject_all", count=t.number(counts[active]))
    reject = html.action(label, "list_flagged", active, elem_id="reject-flagged")
    about = html.e(t(f"flags.{active}_about"))
    return f'<div class="vw-gap">{row}<div class="vw-spread vw-kind"><p class="vw-dim">{about}</p>{reject}</div></div>'


def _reject_silent(t: Translator, project: Project) -> str:
    count = t.number(project.figures.count(ClipFilter("silent")))
    reject = html.action(t("review.reject_silent", count=count), "list_silent", elem_id="reject-silent")
    about = html.e(t("review.silent_about"))
    return f'<div class="vw-spread vw-kind vw-gap"><p class="vw-dim">{about}</p>{reject}</div>'
