"""The card of the clip under review: why it is flagged, picture, player, text, what was heard, the decision."""

from __future__ import annotations

from core.audio.waveform import peaks
from core.clips.review import Spot
from core.project.conflicts import stamp
from core.project.records import Clip
from core.project.workspace import Project
from ui import html, plots
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.parts.measures import clip_lights
from ui.parts.model_reads import model_reads
from ui.tabs.review.readings import reading_lines

_BUCKETS = 400


def review_card(t: Translator, project: Project, spot: Spot, *, play: bool = False, draft: str = "") -> str:
    """HTML of the card for a `Panel`.

    Its buttons send ``approved``, ``rejected`` (both with the text as it stands), ``undo`` and those of
    `reading_lines`; its text field sends ``text`` when it is left.

    Args:
        play: whether the clip begins to play as it is shown.
        unsaved: what was typed and refused because the clip was changed elsewhere: offered to be used all the same.
    """
    clip = spot.clip
    facts = f'data-key="{html.e(clip.id)}" data-seen="{html.e(stamp(clip))}"'
    return (
        f'<article class="vw-card vw-review" {facts}>{_head(t, spot)}{_flags(t, clip)}{_sound(t, project, spot, play)}'
        f"{clip_lights(t, clip)}{_text(t, project, spot)}{_draft(t, clip, draft)}"
        f"{_buttons(t, project, spot)}</article>"
    )


def _head(t: Translator, spot: Spot) -> str:
    clip = spot.clip
    position = t("review.place", place=t.number(spot.place), count=t.number(spot.count)) if spot.place else ""
    facts = f"{spot.source.title} · {t.clock(clip.start_s)} · {t.number(clip.seconds, 1)} s"
    if clip.confidence is not None:
        facts += " · " + t("review.sure", percent=f"{clip.confidence:.0%}")
    tone = {"approved": "good", "rejected": "bad"}.get(clip.status, "")
    status_text = t("review.status_" + clip.status)
    if clip.status == "rejected" and t.has(f"flags.{clip.reason}"):
        status_text += f" · {t('flags.' + clip.reason)}"
    status = f'<span class="vw-chip {tone}">{html.e(status_text)}</span>'
    return (
        f'<div class="vw-spread"><span class="vw-dim">{html.e(facts)}</span>'
        f'<span class="vw-row">{html.e(position)} {status}</span></div>{_untranscribed(t, clip)}'
    )


def _untranscribed(t: Translator, clip: Clip) -> str:
    """The way back to where a clip gets its text, if nothing has heard it yet and nobody typed one."""
    if clip.text or clip.confidence is not None or clip.status == "rejected":
        return ""
    lead = html.go(t("review.to_transcripts"), "transcripts", style="")
    return html.notice(t("review.untranscribed"), "info", lead)


def _sound(t: Translator, project: Project, spot: Spot, play: bool) -> str:
    clip = spot.clip
    try:
        lows_and_highs = peaks(project.sound_file(spot.source), _BUCKETS, clip.start_s, clip.end_s)
        outline = [(float(low), float(high)) for low, high in lows_and_highs]
    except (OSError, RuntimeError):  # the recording is gone from the disk; the clip may still be heard
        outline = []
    if not project.clip_file(clip.id).exists():
        return html.notice(t("review.missing"), "bad")
    wave = plots.waveform(outline, clip.seconds, (), t("review.wave"))
    url = html.e(audio_url(project.slug, "clip", clip.id))
    return (
        f'<div data-wave><div class="vw-wavebox">{wave}<i class="vw-at"></i></div>'
        f'<audio controls preload="auto" src="{url}" data-key-press="Space" aria-label="{html.e(t("review.listen"))}"'
        f"{' autoplay' if play else ''}></audio></div>"
    )


def _flags(t: Translator, clip: Clip) -> str:
    """Why a clip is worth a second look, in plain words."""
    codes = [code for code in (*clip.text_flags.split(), *clip.sound_flags.split()) if t.has(f"flags.{code}")]
    items = "".join(
        f'<li data-key="{code}"><b>{html.e(t("flags." + code))}</b> {html.e(t(f"flags.{code}_about"))}</li>'
        for code in codes
    )
    return f'<ul class="vw-flags" aria-label="{html.e(t("review.flags"))}">{items}</ul>' if items else ""


def _text(t: Translator, project: Project, spot: Spot) -> str:
    clip, label = spot.clip, html.e(t("review.text"))
    return (
        f'<div><label class="vw-field"><span>{label}</span><textarea id="review-text" rows="3" data-do="text"'
        f' data-id="{html.e(clip.id)}" lang="{html.e(clip.language)}" spellcheck="true">{html.e(clip.text)}</textarea>'
        f"</label>{model_reads(t, project, clip.text)}{reading_lines(t, clip, spot.words)}</div>"
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
    button = html.action(t("review.undo"), "undo", clip_id, style="quiet", keys="z Z", title="Z")
    return html.standing_on(project.store.last_change()[0], button)


def _buttons(t: Translator, project: Project, spot: Spot) -> str:
    clip = spot.clip
    approve = _decision(t("review.approve"), "approved", clip.id, "a A", "A", "primary")
    reject = _decision(t("review.reject"), "rejected", clip.id, "r R", "R", "danger")
    back = _move("←", t("review.back"), spot.previous_id, "ArrowLeft")
    forward = _move("→", t("review.forward"), spot.next_id, "ArrowRight")
    undo = undo_button(t, project, clip.id)
    return f'<div class="vw-row vw-decide">{back}{approve}{reject}{forward}<span class="grow"></span>{undo}</div>'


def _decision(label: str, do: str, clip_id: str, keys: str, key_label: str, style: str) -> str:
    return (
        f'<button type="button" class="vw-btn {style}" id="review-{do}" data-do="{do}" data-id="{html.e(clip_id)}"'
        f' data-key-press="{keys}" data-value-of="#review-text">{html.e(label)} <kbd>{key_label}</kbd></button>'
    )


def _move(sign: str, label: str, clip_id: str, key: str) -> str:
    off = "" if clip_id else " disabled"
    return (
        f'<button type="button" class="vw-btn" data-view="clip={html.e(clip_id)}" data-key-press="{key}"'
        f' aria-label="{html.e(label)}" title="{html.e(label)}"{off}>{sign}</button>'
    )
