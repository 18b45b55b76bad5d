"""The blind pair: two big players of one sentence, the vote, and the names once it is given."""

from __future__ import annotations

from core.listening.pairs import Pair, Reveal
from core.listening.ranking import Ranking
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
    """The table of wins; empty before the first vote."""
    if not ranking.votes:
        return ""
    names = ("voice", "wins", "losses", "ties", "share")
    head = "".join(f"<th>{html.e(t(f'listen.col_{name}'))}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{html.e(voice_name(t, row.title, row.checkpoint))}</td><td>{t.number(row.wins)}</td>"
        f"<td>{t.number(row.losses)}</td><td>{t.number(row.ties)}</td><td>{_share(t, row.share)}</td></tr>"
        for row in ranking.rows
    )
    progress = t("listen.compared", count=t.number(ranking.compared_pairs), total=t.number(ranking.pairs))
    far = ranking.compared_pairs / ranking.pairs if ranking.pairs else 0.0
    return (
        f"<h3>{html.e(t('listen.table'))}</h3><p class='vw-dim'>{html.e(progress)}</p>{html.bar(far, progress)}"
        f'<div class="vw-scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _share(t: Translator, share: float | None) -> str:
    if share is None:
        return "–"
    return f'<div class="vw-share">{html.bar(share, t("listen.col_share"))}<span>{t.number(100 * share)}%</span></div>'
