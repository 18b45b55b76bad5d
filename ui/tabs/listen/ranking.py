"""The ranking, who voted, and what of it was left out."""

from __future__ import annotations

from collections.abc import Sequence

from core.listening.listeners import Listener
from core.listening.ranking import Ranking, Row
from ui import html
from ui.http.audio_routes import votes_url
from ui.i18n import Translator
from ui.tabs.train.view import voice_name


def ranking_view(t: Translator, slug: str, ranking: Ranking, people: Sequence[Listener]) -> str:
    """How good each voice is by the votes, whether that decides it, and who voted; empty before the first vote."""
    if not people:
        return ""
    names = ("voice", "share", "best", "wins", "losses", "ties")
    head = "".join(f"<th>{html.e(t(f'listen.col_{name}'))}</th>" for name in names)
    progress = t("listen.compared", count=t.number(ranking.compared_pairs), total=t.number(ranking.pairs))
    download = f'<a class="vw-btn vw-link" href="{html.e(votes_url(slug))}" download>{html.e(t("listen.csv"))}</a>'
    return (
        f"<h3>{html.e(t('listen.table'))}</h3>{verdict(t, ranking)}{_left_out(t, people)}"
        f'<div class="vw-scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_row(t, row) for row in ranking.rows)}</tbody></table></div>"
        f"<p class='vw-dim'>{html.e(progress)} {html.e(t('listen.table_about'))}</p>"
        f"{_people(t, people)}<p>{download}</p>"
    )


def verdict(t: Translator, ranking: Ranking) -> str:
    """Whether the votes decide it, and how many more it will take."""
    return html.notice(verdict_text(t, ranking), "info" if ranking.winner is None else "good")


def verdict_text(t: Translator, ranking: Ranking) -> str:
    """The same in words alone."""
    if ranking.winner is not None:
        row = next(row for row in ranking.rows if row.checkpoint == ranking.winner)
        return t("listen.decided", name=voice_name(t, row.title, row.checkpoint), percent=percent(t, row.best))
    if ranking.votes_left is None:
        return t("listen.alike")
    return t("listen.undecided", count=t.number(ranking.votes_left))


def listener_name(t: Translator, name: str) -> str:
    """A listener as the page calls them."""
    return name or t("listen.nameless")


def _left_out(t: Translator, people: Sequence[Listener]) -> str:
    """Listeners whose checks failed, with the reason and a way to count their votes all the same."""
    cards = []
    for person in people:
        if person.is_left_out:
            text = t(
                "listen.left_out", name=listener_name(t, person.name), votes=t.number(person.votes),
                same=t.number(person.same - person.same_passed), of_same=t.number(person.same),
                real=t.number(person.real - person.real_passed), of_real=t.number(person.real),
            )  # fmt: skip
            cards.append(html.notice(text, "warn", html.action(t("listen.count_all_the_same"), "trust", person.name)))
        elif person.trusted:
            text = t("listen.trusted", name=listener_name(t, person.name))
            cards.append(html.notice(text, "info", html.action(t("listen.trust_no_more"), "distrust", person.name)))
    return "".join(cards)


def _people(t: Translator, people: Sequence[Listener]) -> str:
    rows = "".join(
        f"<tr><td>{html.e(listener_name(t, person.name))}</td><td>{t.number(person.votes)}</td>"
        f"<td>{_passed(t, person.same_passed, person.same)}</td>"
        f"<td>{_passed(t, person.real_passed, person.real)}</td></tr>"
        for person in people
    )
    names = ("listener", "votes", "check_same_title", "check_real_title")
    head = "".join(f"<th>{html.e(t(f'listen.{name}'))}</th>" for name in names)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    table = f'<div class="vw-scroll" tabindex="0">{table}</div>'
    about = f'<p class="vw-dim">{html.e(t("listen.checks_about"))}</p>'
    return html.details(t("listen.people", count=t.number(len(people))), about + table)


def _passed(t: Translator, passes: int, count: int) -> str:
    return html.e(t("job.of", count=t.number(passes), total=t.number(count))) if count else "–"


def _row(t: Translator, row: Row) -> str:
    interval = t("listen.interval", low=percent(t, row.low), high=percent(t, row.high))
    share = (
        f'<div class="vw-share" title="{html.e(interval)}">{_interval_bar(row)}'
        f"<span>{html.e(percent(t, row.share))}</span></div>"
        f'<span class="vw-dim">{html.e(interval)}</span>'
    )
    counts = "".join(f"<td>{t.number(count)}</td>" for count in (row.wins, row.losses, row.ties))
    name = html.e(voice_name(t, row.title, row.checkpoint))
    return f"<tr><td>{name}</td><td>{share}</td><td>{html.e(percent(t, row.best))}</td>{counts}</tr>"


def _interval_bar(row: Row) -> str:
    """Where the share lies with 95 %, and a mark at the most likely; told in words beside it."""
    left, width = 100 * row.low, 100 * (row.high - row.low)
    return (
        f'<span class="vw-interval" aria-hidden="true"><i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        f'<b style="left:{100 * row.share:.1f}%"></b></span>'
    )


def percent(t: Translator, share: float) -> str:
    """A share in whole percent."""
    return f"{t.number(round(100 * share))}%"
