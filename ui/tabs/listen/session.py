"""A short session of ten pairs: how far it is, and what it ends in."""

from __future__ import annotations

from core.listening.ranking import Ranking
from ui import html
from ui.i18n import Translator
from ui.tabs.listen.ranking import verdict
from ui.tabs.train.view import NEW_SESSION

PAIRS = 10


def progress_view(t: Translator, done: int) -> str:
    """How many of the session's pairs have been voted on."""
    text = t("listen.session_progress", count=t.number(min(done + 1, PAIRS)), total=t.number(PAIRS))
    stop = html.place(t("listen.session_end"), "session=&judged=")
    return (
        f'<div class="vw-card vw-gap" id="listen-session"><div class="vw-spread"><b>{html.e(text)}</b>{stop}</div>'
        f"{html.bar(done / PAIRS, text)}</div>"
    )


def end_view(t: Translator, ranking: Ranking, scores: str = "") -> str:
    """What the votes say by now, what the scorecard does (``scores``, in words), and the ways on."""
    link = html.place(t("listen.session_more", count=t.number(PAIRS)), f"session={NEW_SESSION}&judged=", keys="n N")
    table = html.place(t("listen.session_close"), "session=&judged=")
    speak = html.go(t("common.go_to", tab=t("tabs.speak")), "speak", style="")
    title = f"<h3>{html.e(t('listen.session_done'))}</h3>"
    notice = html.notice(scores) if scores else ""
    return (
        f'<section class="vw-card vw-gap" id="session-end">{title}{verdict(t, ranking)}{notice}'
        f'<div class="vw-row">{link}{table}{speak}</div></section>'
    )
