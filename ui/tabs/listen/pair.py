"""The blind pair: two sounds of one sentence to switch between, the vote, and the names once it is given."""

from __future__ import annotations

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import REAL
from core.listening.pairs import Pair, Reveal
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.tabs.train.view import voice_name

SIDES = (("left", "A", "1"), ("right", "B", "2"))


def pair_view(t: Translator, slug: str, pair: Pair, names: Reveal | None, following: Pair | None = None) -> str:
    """A and B; with their names and what comes next if the vote was given, else with the three answers.

    ``following`` is the pair after this one: its sounds are fetched while this one is heard.
    """
    left, right = (audio_url(slug, "pair", sound) for sound in (pair.left, pair.right))
    ahead = " ".join(
        audio_url(slug, "pair", sound) for sound in ((following.left, following.right) if following else ())
    )
    facts = {
        "data-pair": pair.id,
        "data-left": left,
        "data-right": right,
        "data-next": ahead,
        "data-enough": f"{pair.enough_s[0]:.2f} {pair.enough_s[1]:.2f}",
    }
    attributes = " ".join(f'{name}="{html.e(value)}"' for name, value in facts.items())
    sides = "".join(_side(t, *side, names) for side in SIDES)
    play = (
        '<button type="button" class="vw-btn" id="play-pair" data-key-press="Space">'
        f'<span data-play="{html.e(t("listen.play"))}" data-pause="{html.e(t("listen.pause"))}">'
        f"{html.e(t('listen.play'))}</span> <kbd>{html.e(t('listen.space'))}</kbd></button>"
    )
    answers = _after(t, names) if names else _answers(t, pair)
    notices = "".join(html.notice(t("listen.left_out_sample", name=name), "warn") for name in pair.left_out)
    return (
        f'<section class="vw-card" aria-label="{html.e(t("listen.pair"))}" data-ab {attributes}>'
        f'<p class="vw-sentence">“{html.e(pair.text)}”</p>'
        f'<div class="vw-ab">{sides}</div>'
        f'<div class="vw-row vw-playrow">{play}<div class="vw-place" aria-hidden="true"><i></i></div></div>'
        f"{answers}{notices}</section>"
    )


def _side(t: Translator, side: str, letter: str, key: str, names: Reveal | None) -> str:
    name, style = "", ""
    if names is not None:
        is_left = side == "left"
        label = heard_name(t, *((names.left_title, names.left) if is_left else (names.right_title, names.right)))
        name = f'<span class="vw-name">{html.e(label)}</span>'
        style = " won" if names.winner == side else ""
    title = html.e(t("listen.player", letter=letter))
    return (
        f'<button type="button" class="vw-side{style}" data-side="{letter}" data-key-press="{key}"'
        f' aria-label="{title}" aria-pressed="false"><span class="vw-letter">{letter} <kbd>{key}</kbd></span>'
        f'<span class="vw-heardbar" aria-hidden="true"><i></i></span>{name}</button>'
    )


def _answers(t: Translator, pair: Pair) -> str:
    buttons = "".join(
        f'<button type="button" class="vw-btn {style}" data-vote="{choice}" data-key-press="{keys}"'
        f' id="vote-{choice}" disabled>{html.e(t(f"listen.{choice}"))}</button>'
        for choice, style, keys in (
            ("left", "primary", "ArrowLeft"),
            ("same", "", "= 0"),
            ("right", "primary", "ArrowRight"),
        )
    )
    skip = html.action(t("listen.skip"), "skip", pair.id, style="quiet", keys="s S", elem_id="skip-pair")
    words = {name: t(f"listen.hear_{name}") for name in ("more", "ready", "loading", "broken")} | {
        "and": t("listen.and")
    }
    data = " ".join(f'data-{name}="{html.e(text)}"' for name, text in words.items())
    return (
        f'<p class="vw-dim vw-hear" role="status" {data}>{html.e(words["loading"])}</p>'
        f'<div class="vw-row vw-answers">{buttons}{skip}</div>'
    )


def _after(t: Translator, names: Reveal) -> str:
    line = f'<p class="vw-told">{html.e(t(f"listen.check_{names.check}"))}</p>' if names.check else ""
    return (
        f'{line}<div class="vw-row vw-answers" aria-live="polite">'
        + html.action(t("listen.next"), "next", style="primary", keys="n N", elem_id="next-pair")
        + html.action(t("listen.undo"), "undo", keys="u U", elem_id="undo-vote")
        + "</div>"
    )


def heard_name(t: Translator, title: str, ref: CheckpointRef) -> str:
    """What was heard: a checkpoint, the base, or the real recording."""
    return t("listen.real") if ref == REAL else voice_name(t, title, ref)
