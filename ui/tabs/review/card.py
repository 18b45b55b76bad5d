"""The card of the clip under review: why it is flagged, picture, player, words, text, what was heard, the decision."""

from __future__ import annotations

from core.clips import history
from core.clips.review import REASONS, Spot
from core.project.conflicts import stamp
from core.project.records import Clip
from core.project.workspace import Project
from ui import html
from ui.http.audio_routes import audio_url
from ui.http.clip_routes import reading_url
from ui.i18n import Translator
from ui.parts.measures import clip_lights
from ui.parts.model_reads import model_reads_all
from ui.tabs.review.picture import clip_picture
from ui.tabs.review.readings import reading_lines
from ui.tabs.review.words import TextWord, doubts_as_json, text_words, words_row
from ui.tabs.segments.clip_list import editor_link

_SAID_LETTERS = 60


def review_card(t: Translator, project: Project, spot: Spot, *, plays: bool = False, draft: str = "") -> str:
    """HTML of the card for a `Panel`.

    Its buttons send ``approved``, ``rejected``, ``because_CODE`` (all with the text as it stands), ``undo``, ``redo``,
    ``split`` (with seconds), ``join``, ``move`` (both ends as JSON) and those of `reading_lines`; its text field sends
    ``text`` when it is left.

    Args:
        t: of the page.
        project: whose clip.
        spot: where the review stands.
        plays: whether a clip begins to play when one comes to it.
        draft: what was typed and refused because the clip was changed elsewhere: offered to be used all the same.
    """
    clip = spot.clip
    words = text_words(clip, spot.words)
    name = html.e(said_line(t, spot))
    facts = f'data-clip="{html.e(clip.id)}" data-seen="{html.e(stamp(clip))}" data-plays="{"yes" if plays else "no"}"'
    return (
        f'<article class="vw-card vw-review" id="review-card" tabindex="-1" aria-label="{name}" {facts}>'
        f"{_head(t, spot)}{_flags(t, clip)}{_sound(t, project, spot, words)}{_text(t, project, spot, words)}"
        f"{_draft(t, clip, draft)}{_buttons(t, spot)}{_more_buttons(t, project, spot)}{clip_lights(t, clip)}</article>"
    )


def said_line(t: Translator, spot: Spot) -> str:
    """Where one is, for who does not see it: ``13 of 60: the text, 2 words doubtful``."""
    clip = spot.clip
    doubt_count = sum(word.is_doubtful for word in text_words(clip, spot.words))
    text = clip.text or t("review.no_text")
    if len(text) > _SAID_LETTERS:
        text = text[:_SAID_LETTERS].rsplit(" ", 1)[0] + " …"
    line = _position(t, spot) + ": " if spot.place else ""
    doubts = t("review.doubt_one") if doubt_count == 1 else t("review.doubts", count=t.number(doubt_count))
    return f"{line}{text}{', ' + doubts if doubt_count else ''}"


def _position(t: Translator, spot: Spot) -> str:
    """How far one has come: what was decided of the list counts as well."""
    if not spot.place:
        return ""
    return t("review.place", place=t.number(spot.decided + spot.place), count=t.number(spot.decided + spot.count))


def _head(t: Translator, spot: Spot) -> str:
    clip = spot.clip
    facts = f"{spot.source.title} · {t.clock(clip.start_s)} · {t.number(clip.seconds, 1)} s"
    if clip.confidence is not None and not clip.given and clip.text == clip.raw_text:
        facts += " · " + t("review.sure", percent=f"{clip.confidence:.0%}")
    tone = {"approved": "good", "rejected": "bad"}.get(clip.status, "")
    status_text = t("review.status_" + clip.status)
    if clip.status == "rejected" and t.has(f"flags.{clip.reason}"):
        status_text += f" · {t('flags.' + clip.reason)}"
    status = f'<span class="vw-chip {tone}">{html.e(status_text)}</span>'
    return (
        f'<div class="vw-spread"><span class="vw-dim">{html.e(facts)}</span>'
        f'<span class="vw-row">{html.e(_position(t, spot))} {status}</span></div>'
        f'<p class="vw-dim vw-touch">{html.e(t("review.swipe_hint"))}</p>{_untranscribed(t, clip)}'
    )


def _untranscribed(t: Translator, clip: Clip) -> str:
    """The way back to where a clip gets its text, if nothing has heard it yet and nobody typed one."""
    if clip.text or clip.confidence is not None or clip.status == "rejected":
        return ""
    lead = html.go(t("review.to_transcripts"), "transcripts", style="")
    return html.notice(t("review.untranscribed"), "info", lead)


def _sound(t: Translator, project: Project, spot: Spot, words: list[TextWord]) -> str:
    clip = spot.clip
    if not project.clip_file(clip.id).exists():
        return html.notice(t("review.missing"), "bad")
    row = words_row(t, clip, words) if spot.words else ""
    return (
        f"<div data-wave>{clip_picture(t, project, spot)}"
        f'<div class="vw-row vw-sounds">{_players(t, project, spot)}{_player_tools(t)}</div>{row}</div>'
    )


def _players(t: Translator, project: Project, spot: Spot) -> str:
    """The clip's player and, loading already, the next clip's: by its key it becomes the player when it is its turn."""
    label = html.e(t("review.listen"))
    players = (
        f'<audio controls preload="auto" data-key="sound-{html.e(spot.clip.id)}" data-key-press="Space"'
        f' src="{html.e(audio_url(project.slug, "clip", spot.clip.id))}" aria-label="{label}"></audio>'
    )
    if spot.next_id and spot.next_id != spot.clip.id:
        url = html.e(audio_url(project.slug, "clip", spot.next_id))
        players += f'<audio preload="auto" hidden data-key="sound-{html.e(spot.next_id)}" src="{url}"></audio>'
    return players


def _player_tools(t: Translator) -> str:
    """Speed and repetition; the page's script keeps and shows them."""
    slower, faster, loop = (html.e(t(f"review.{name}")) for name in ("slower", "faster", "loop"))
    return (
        f'<span class="vw-row vw-rate" data-key="rate" role="group" aria-label="{html.e(t("review.speed"))}">'
        f'{_rate(-1, "−", slower)}<output id="review-rate" aria-live="off">1×</output>{_rate(1, "+", faster)}'
        f'<button type="button" class="vw-btn quiet" data-loop aria-pressed="false" aria-label="{loop}"'
        f' title="{loop} (L)">⟲</button></span>'
    )


def _rate(step: int, sign: str, label: str) -> str:
    return (
        f'<button type="button" class="vw-btn quiet" data-rate="{step}" aria-label="{label}" title="{label} ({sign})">'
        f"{sign}</button>"
    )


def _flags(t: Translator, clip: Clip) -> str:
    """Why a clip is worth a second look, in plain words."""
    codes = [code for code in (*clip.text_flags.split(), *clip.sound_flags.split()) if t.has(f"flags.{code}")]
    items = "".join(
        f'<li data-key="{code}"><b>{html.e(t("flags." + code))}</b> {html.e(t(f"flags.{code}_about"))}</li>'
        for code in codes
    )
    return f'<ul class="vw-flags" aria-label="{html.e(t("review.flags"))}">{items}</ul>' if items else ""


def _text(t: Translator, project: Project, spot: Spot, words: list[TextWord]) -> str:
    clip, label = spot.clip, html.e(t("review.text"))
    url = html.e(reading_url(project.slug, t.language))
    return (
        f'<div data-key="text-{html.e(clip.id)}"><label class="vw-field"><span>{label}</span>'
        f'<textarea id="review-text" rows="2" data-do="text" data-id="{html.e(clip.id)}" dir="auto"'
        f' data-doubts="{html.e(doubts_as_json(words))}" lang="{html.e(clip.language)}" spellcheck="true">'
        f"{html.e(clip.text)}</textarea></label>"
        f'<div id="review-reads" data-url="{url}">{model_reads_all(t, project, clip.text)}</div>'
        f"{reading_lines(t, clip, spot.words)}</div>"
    )


def _draft(t: Translator, clip: Clip, text: str) -> str:
    """The text that was typed on what the clip no longer is, with a button that takes it."""
    if not text or text == clip.text:
        return ""
    use = html.action(t("review.use_typed"), "text", clip.id, style="quiet", elem_id="use-typed")
    return (
        f'<div class="vw-notice warn vw-spread" data-key="unsaved" data-value-of="#review-typed">'
        f'<p><span class="vw-dim">{html.e(t("review.typed"))}</span> {html.e(text)}</p>'
        f'<textarea id="review-typed" hidden>{html.e(text)}</textarea>{use}</div>'
    )


def undo_button(t: Translator, project: Project, clip_id: str = "") -> str:
    """Takes the last change back, if it is still the one that was the last when this was shown."""
    stamp_ = history.last_stamp(project)
    off = "" if stamp_ else t("review.nothing_to_undo")
    button = html.action(t("review.undo"), "undo", clip_id, style="quiet", keys="z", title="Z", off_reason=off)
    return html.standing_on(stamp_, button)


def redo_button(t: Translator, project: Project, *, style: str = "quiet", keys: str = "y") -> str:
    """Makes the change again that was taken back last; without ``keys`` it is pressed by hand alone."""
    stamp_ = history.redo_stamp(project)
    off = "" if stamp_ else t("review.nothing_to_redo")
    button = html.action(t("review.redo"), "redo", style=style, keys=keys, title="Y", off_reason=off)
    return html.standing_on(stamp_, button)


def _buttons(t: Translator, spot: Spot) -> str:
    clip = spot.clip
    approve = _decision(t("review.approve"), "approved", clip.id, "a A", "A", "primary")
    reject = _decision(t("review.reject"), "rejected", clip.id, "r", "R", "danger")
    back = _move("←", t("review.back"), spot.previous_id, "ArrowLeft")
    forward = _move("→", t("review.forward"), spot.next_id, "ArrowRight")
    write = (
        f'<button type="button" class="vw-btn" id="review-write">{html.e(t("review.write"))} <kbd>E</kbd></button>'
        f'<span class="vw-dim vw-writing" aria-hidden="true">{html.e(t("review.writing"))}</span>'
    )
    return f'<div class="vw-row vw-decide">{back}{approve}{reject}{forward}<span class="grow"></span>{write}</div>'


def _more_buttons(t: Translator, project: Project, spot: Spot) -> str:
    """What is wanted less often: a reason, other ends, undo."""
    clip = spot.clip
    reasons = "".join(
        html.action(f"{number} {t('review.reason_' + code)}", f"because_{code}", clip.id, elem_id=f"because-{code}")
        for number, code in enumerate(REASONS, 1)
    )
    reasons = html.action(f"0 {t('review.no_reason')}", "rejected", clip.id, elem_id="because-none") + reasons
    reject = (
        f'<details class="vw-reasons" id="review-reasons" data-key="reasons-{html.e(clip.id)}"><summary>'
        f"{html.e(t('review.because'))} <kbd>⇧R</kbd></summary>"
        f'<div class="vw-row" data-value-of="#review-text">{reasons}</div></details>'
    )
    off = "" if spot.neighbour_id else t("review.nothing_to_join")
    split = html.action(t("review.split"), "split", clip.id, style="quiet", keys="s S", title="S")
    split = f'<span data-value-of="#review-at">{split}</span><input type="hidden" id="review-at" value="0">'
    join = html.action(t("review.join"), "join", clip.id, style="quiet", keys="j J", title="J", off_reason=off)
    ends = html.go(
        t("review.ends"),
        "segments",
        style="quiet",
        view=f"source={spot.source.id}&show=&{editor_link(clip.start_s, clip.end_s)}",
    )
    undo, redo = undo_button(t, project, clip.id), redo_button(t, project)
    return f'<div class="vw-row vw-tools">{undo}{redo}<span class="grow"></span>{split}{join}{ends}</div>{reject}'


def _decision(label: str, do: str, clip_id: str, keys: str, key_label: str, style: str) -> str:
    return (
        f'<button type="button" class="vw-btn {style}" id="review-{do}" data-do="{do}" data-id="{html.e(clip_id)}"'
        f' data-key-press="{keys}" data-value-of="#review-text">{html.e(label)} <kbd>{key_label}</kbd></button>'
    )


def _move(sign: str, label: str, clip_id: str, key: str) -> str:
    off = "" if clip_id else " disabled"
    return (
        f'<button type="button" class="vw-btn" data-view="clip={html.e(clip_id)}&turn=" data-key-press="{key}"'
        f' aria-label="{html.e(label)}" title="{html.e(label)}"{off}>{sign}</button>'
    )
