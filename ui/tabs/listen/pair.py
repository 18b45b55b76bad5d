"""The blind pair: two big players of one sentence, the vote, and the names once it is given."""

from __future__ import annotations

from core.listening.pairs import Pair, Reveal
from core.listening.ranking import Ranking, Row
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.tabs.train.view import voice_name

SIDES = (("left", "A", "1"), ("right", "B", "2"))


def pair_view(t: Translator, slug: str, pair: Pair, names: Reveal | None) -> str:
    """A and B; with their names and what comes next if the vote was given, else with the three answers."""
    players = "".join(_player(t, slug, pair, side, letter, key, names) for side, letter, key in SIDES)
    answers = _after(t) if names else _answers(t, pair)
    return (
        f'<section class="vw-card" aria-label="{html.e(t("listen.pair"))}">'
        f'<p class="vw-sentence">“{html.e(pair.text)}”</p>'
        f'<div class="vw-ab">{players}</div><div class="vw-row vw-answers" aria-live="polite">{answers}</div></section>'
    )


def _player(t: Translator, slug: str, pair: Pair, side: str, letter: str, key: str, names: Reveal | None) -> str:
    sound = pair.left if side == "left" else pair.right
    name, style = "", ""
    if names is not None:
        is_left = side == "left"
        label = voice_name(t, *((names.left_title, names.left) if is_left else (names.right_title, names.right)))
        name = f'<div class="vw-name">{html.e(label)}</div>'
        style = " won" if names.winner == side else ""
    url = audio_url(slug, "pair", sound)
    title = html.e(t("listen.player", letter=letter))
    return (
        f'<div class="vw-side{style}" data-key="{html.e(sound)}"><div class="vw-letter">{letter} <kbd>{key}</kbd></div>'
        f'<audio controls preload="auto" src="{html.e(url)}" aria-label="{title}" data-key-press="{key}"></audio>{name}'
        "</div>"
    )


def _answers(t: Translator, pair: Pair) -> str:
    return (
        html.action(t("listen.left"), "left", pair.id, style="primary", keys="ArrowLeft", elem_id="vote-left")
        + html.action(t("listen.same"), "same", pair.id, keys="= 0", elem_id="vote-same")
        + html.action(t("listen.right"), "right", pair.id, style="primary", keys="ArrowRight", elem_id="vote-right")
        + html.action(t("listen.skip"), "skip", style="quiet", keys="s S", elem_id="skip-pair")
    )


def _after(t: Translator) -> str:
    return html.action(t("listen.next"), "next", style="primary", keys="n N", elem_id="next-pair") + html.action(
        t("listen.undo"), "undo", elem_id="undo-vote"
    )


def ranking_view(t: Translator, ranking: Ranking) -> str:
    """How good each voice is by the votes, and whether that decides it; empty before the first vote."""
    if not ranking.votes:
        return ""
    names = ("voice", "share", "best", "wins", "losses", "ties")
    head = "".join(f"<th>{html.e(t(f'listen.col_{name}'))}</th>" for name in names)
    progress = t("listen.compared", count=t.number(ranking.compared_pairs), total=t.number(ranking.pairs))
    return (
        f"<h3>{html.e(t('listen.table'))}</h3>{_verdict(t, ranking)}"
        f'<div class="vw-scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_row(t, row) for row in ranking.rows)}</tbody></table></div>"
        f"<p class='vw-dim'>{html.e(progress)} {html.e(t('listen.table_about'))}</p>"
    )


def _verdict(t: Translator, ranking: Ranking) -> str:
    if ranking.winner is not None:
        row = next(row for row in ranking.rows if row.checkpoint == ranking.winner)
        name = voice_name(t, row.title, row.checkpoint)
        return html.notice(t("listen.decided", name=name, percent=_percent(t, row.best)), "good")
    if ranking.votes_left is None:
        return html.notice(t("listen.alike"))
    return html.notice(t("listen.undecided", count=t.number(ranking.votes_left)))


def _row(t: Translator, row: Row) -> str:
    interval = t("listen.interval", low=_percent(t, row.low), high=_percent(t, row.high))
    share = (
        f'<div class="vw-share" title="{html.e(interval)}">{_interval_bar(row)}'
        f"<span>{html.e(_percent(t, row.share))}</span></div>"
        f'<span class="vw-dim">{html.e(interval)}</span>'
    )
    counts = "".join(f"<td>{t.number(count)}</td>" for count in (row.wins, row.losses, row.ties))
    name = html.e(voice_name(t, row.title, row.checkpoint))
    return f"<tr><td>{name}</td><td>{share}</td><td>{html.e(_percent(t, row.best))}</td>{counts}</tr>"


def _interval_bar(row: Row) -> str:
    """Where the share lies with 95 %, and a mark at the most likely; told in words beside it."""
    left, width = 100 * row.low, 100 * (row.high - row.low)
    return (
        f'<span class="vw-interval" aria-hidden="true"><i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        f'<b style="left:{100 * row.share:.1f}%"></b></span>'
    )


def _percent(t: Translator, share: float) -> str:
    return f"{t.number(round(100 * share))}%"
