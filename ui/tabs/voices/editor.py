"""The open voice: what speaks and how, its references to hear and change, its scores, licence, card and exports."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from core.engines.registry import engines, info, language_code, speaking_options
from core.errors import UserError
from core.jobs.args.speech import VoiceArgs
from core.project.records import Clip
from core.project.workspace import Project
from core.report.adapter import check_base
from core.report.model_card import license_of, model_card, scores_of
from core.synthesis.exports import exports
from core.synthesis.saved_voices import COLOURS, SavedVoice
from core.synthesis.start import best_references, run_references
from core.synthesis.voice_picture import jpeg_of
from core.synthesis.voices import VoiceChoice, reference_clips
from core.training.run import Run
from ui import html
from ui.http.audio_routes import audio_url
from ui.http.voice_routes import adapter_url, card_url
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.parts.voice_face import saved_face
from ui.tabs.speak.takes import download, export_cards
from ui.tabs.train.base_model import license_note
from ui.tabs.voices.card import speaker_options

OFFERED = 24  # clips to choose references from
_SHOWN = ("cer", "likeness", "naturalness", "faulty")


def editor(t: Translator, project: Project, voice: SavedVoice, speakers: Sequence[VoiceChoice]) -> str:
    """HTML of the open voice; what its jobs say stands in `voice_jobs`."""
    choice = next((choice for choice in speakers if choice.id == voice.speaker), None)
    drop = html.action(t("voices.picture_drop"), "drop-picture", voice.id, style="quiet") if voice.picture else ""
    is_broken = bool(voice.picture) and not jpeg_of(voice.picture)
    broken = html.notice(t("voices.picture_broken"), "warn") if is_broken else ""
    head = f'<div class="vw-row vw-voice-name">{saved_face(project, voice)}<h2>{html.e(voice.name)}</h2>{drop}</div>'
    return (
        f'<section class="vw-card vw-gap" id="voice-editor" data-reveal="{html.e(voice.id)}">{head}{broken}'
        f"{_settings(t, project, voice, speakers)}{_references(t, project, voice, choice)}"
        f"{_about(t, project, voice, choice)}"
        "</section>"
    )


def voice_jobs(t: Translator, project: Project) -> str:
    """What is being drawn, spoken or exported, or why that failed."""
    newest = [project.latest(kind) for kind in ("voice_picture", "synthesize", "export")]
    return "".join(job_panel(t, job) for job in newest if job and job.read().status != "done")


def voice_exports(t: Translator, project: Project, voice: SavedVoice) -> str:
    """What was exported under its name."""
    own = [export for export in exports(project) if export.name == voice.name]
    title = f"<h3>{html.e(t('voices.exported'))}</h3>" if own else ""
    return title + export_cards(t, project, own)


def fields_of(project: Project, form: dict[str, Any]) -> dict[str, Any]:
    """What the form says, as fields of a `SavedVoice`; an empty number is the engine's own.

    Raises:
        UserError: ``voice.number``: something else stands where a number should.
    """
    settings: dict[str, float] = {}
    for name in speaking_options(project.info.engine).model_fields:
        text = str(form.get(f"setting-{name}", "")).strip().replace(",", ".")
        if text:
            settings[name] = _number(text)
    seed = _number(str(form.get("seed", "")).strip() or "0")
    fields: dict[str, Any] = {
        name: str(form[name]) for name in ("speaker", "language", "rights", "colour") if name in form
    }
    return {**fields, "settings": settings, "seed": max(0, int(seed)) % 2**31}


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError("voice.number", "“{value}” is no number.", "Type one, or leave it empty.", value=text[:40])
    return int(value) if value == int(value) else value


def _settings(t: Translator, project: Project, voice: SavedVoice, speakers: Sequence[VoiceChoice]) -> str:
    engine = info(project.info.engine)
    own = t("voices.language_own", language=t.get(f"languages.{_own_language(project)}", _own_language(project)))
    languages = f'<option value="">{html.e(own)}</option>' + "".join(
        f'<option value="{code}"{" selected" if code == voice.language else ""}>'
        f"{html.e(t.get(f'languages.{code}', code))}</option>"
        for code in engine.languages
    )
    numbers = "".join(_setting(t, project, voice, name) for name in speaking_options(engine.name).model_fields)
    colours = "".join(
        f'<label class="vw-swatch" style="--vw-dot:{colour}"><input type="radio" name="colour" value="{colour}"'
        f"{' checked' if colour == voice.colour else ''}"
        f' aria-label="{html.e(t("voices.colour_number", number=number))}"></label>'
        for number, colour in enumerate(COLOURS, 1)
    )
    seed = _field(t("speak.seed"), f'<input type="number" name="seed" min="0" step="1" value="{voice.seed}">', "")
    rights = html.e(project.info.rights or t("voices.rights_example"))
    return (
        f'<form data-do="change-voice" data-id="{html.e(voice.id)}" data-key="form-{html.e(voice.id)}">'
        f'<div class="vw-fields">'
        + _field(
            t("voices.speaker"),
            f'<select name="speaker">{speaker_options(t, project, speakers, voice.speaker)}</select>',
            t("voices.speaker_help"),
        )
        + _field(t("speak.language"), f'<select name="language">{languages}</select>', "")
        + f'</div><fieldset class="vw-swatches"><legend>{html.e(t("voices.colour"))}</legend>{colours}</fieldset>'
        + _field(
            t("voices.rights"),
            f'<textarea name="rights" rows="2" maxlength="2000" placeholder="{rights}">'
            f"{html.e(voice.rights)}</textarea>",
            t("voices.rights_help"),
        )
        + html.details(
            t("voices.manner"),
            f'<p class="vw-dim">{html.e(t("voices.manner_help"))}</p><div class="vw-fields">{numbers}{seed}</div>',
        )
        + f'<div class="vw-row"><button type="submit" class="vw-btn primary">{html.e(t("voices.keep"))}</button>'
        f"{html.action(t('voices.hear'), 'hear-voice', voice.id)}</div></form>"
    )


def _setting(t: Translator, project: Project, voice: SavedVoice, name: str) -> str:
    options = speaking_options(project.info.engine)
    rules = options.model_fields[name].metadata
    lowest, highest = (next((getattr(rule, end) for rule in rules if hasattr(rule, end)), "") for end in ("ge", "le"))
    usual = options().model_dump()[name]
    value = voice.settings.get(name, "")
    field = (
        f'<input type="number" step="any" name="setting-{html.e(name)}" min="{lowest}" max="{highest}" value="{value}"'
        f' placeholder="{usual}">'
    )
    return _field(t.get(f"speaking.{name}", name), field, t.get(f"speaking.{name}_help", ""))


def _field(label: str, field: str, help_: str) -> str:
    small = f'<small class="vw-dim">{html.e(help_)}</small>' if help_ else ""
    return f'<label class="vw-field"><span>{html.e(label)}</span>{field}{small}</label>'


def _own_language(project: Project) -> str:
    try:
        return language_code(project.info.language, project.info.engine)
    except UserError:
        return project.info.language


def _references(t: Translator, project: Project, voice: SavedVoice, choice: VoiceChoice | None) -> str:
    if choice and choice.imported:
        return f"<h3>{html.e(t('voices.references'))}</h3><p class='vw-dim'>{html.e(t('voices.references_own'))}</p>"
    automatic = not voice.reference_clip_ids
    reference_ids = usual_references(project, voice) if automatic else list(voice.reference_clip_ids)
    offer = list(dict.fromkeys([*reference_ids, *best_references(project, OFFERED)]))
    rows = "".join(_reference(t, project, clip, clip.id in reference_ids) for clip in reference_clips(project, offer))
    reset = "" if automatic else html.action(t("voices.references_best"), "best-references", voice.id)
    note = t("voices.references_auto" if automatic else "voices.references_chosen", count=t.number(len(reference_ids)))
    return (
        f'<h3>{html.e(t("voices.references"))}</h3><p class="vw-dim">{html.e(t("voices.references_help"))}</p>'
        f'<div class="vw-row"><span>{html.e(note)}</span>{reset}</div><div class="vw-references" data-row>{rows}</div>'
    )


def usual_references(project: Project, voice: SavedVoice) -> list[str]:
    """The references that are taken where none was chosen: its run's, or the best there are once that is gone."""
    if voice.checkpoint:
        with contextlib.suppress(UserError):
            if ids := run_references(Run(project, voice.checkpoint.run_id)):
                return ids
    return best_references(project)


def _reference(t: Translator, project: Project, clip: Clip, is_chosen: bool) -> str:
    facts = [f"{t.number(clip.seconds, 1)} s"]
    if clip.speaker_similarity is not None:
        facts.append(t("voices.alike", value=t.number(clip.speaker_similarity, 2)))
    if clip.confidence is not None:
        facts.append(t("voices.understood", percent=t.number(100 * clip.confidence)))
    toggle = html.action(
        t("voices.reference_out" if is_chosen else "voices.reference_in"), "toggle-reference", clip.id,
        style="chosen" if is_chosen else "", title=clip.text[:80],
    )  # fmt: skip
    return (
        f'<div class="vw-reference{" chosen" if is_chosen else ""}" data-key="{html.e(clip.id)}">'
        f"<p>{html.e(clip.text)}</p>{html.player(audio_url(project.slug, 'clip', clip.id), clip.text)}"
        f'<div class="vw-spread"><span class="vw-dim">{html.e(" · ".join(facts))}</span>{toggle}</div></div>'
    )


def _about(t: Translator, project: Project, voice: SavedVoice, choice: VoiceChoice | None) -> str:
    if choice is None:
        return ""
    args = choice.wish(VoiceArgs, reference_clip_ids=voice.reference_clip_ids, language=voice.language)
    row = scores_of(project, voice.checkpoint)
    scores = f'<p class="vw-dim">{html.e(t("voices.no_scores"))}</p>'
    if row and row.estimates:
        cells = [
            html.number(_score(t, name, row.estimates[name].mean), t(f"scores.col_{name}"))
            for name in _SHOWN
            if name in row.estimates
        ]
        scores = html.numbers(*cells)
    license_ = license_of(project, args)
    for engine in engines():  # in the page's words, where it is that of an engine's model
        if license_ == engine.license_note:
            license_ = license_note(t, engine)
    text = html.e(model_card(project, voice.name, args, voice.rights))
    save = download(card_url(project.slug, voice.id), f"{voice.id}.md", t("speak.download"))
    card = html.details(
        t("voices.card"), f'<pre class="vw-log" tabindex="0">{text}</pre><div class="vw-row">{save}</div>'
    )
    adapter = lacking = ""
    if voice.checkpoint:
        try:
            check_base(project, voice.checkpoint)
            adapter = download(adapter_url(project.slug, voice.id), f"{voice.id}-adapter.zip", t("voices.adapter"))
        except UserError as error:
            lacking = html.notice(t.error(error.code, error.text, error.hint, error.values), "warn")
    job = project.latest("export")
    reason = t("speak.exporting") if job and job.alive() else t("speak.export_imported") if choice.imported else ""
    export = html.action(t("voices.export"), "export-voice", voice.id, off_reason=reason)
    help_ = html.e(t("speak.export_help", package=info(project.info.engine).export_package))
    return (
        f"<h3>{html.e(t('voices.scores'))}</h3>{scores}"
        f'<h3>{html.e(t("voices.take_along"))}</h3><p class="vw-dim">{help_}</p>'
        f'<div class="vw-row">{export}{adapter}</div>{html.reason(reason)}{lacking}'
        f'<p class="vw-dim">{html.e(t("speak.imported_license", license=license_))}</p>{card}'
    )


def _score(t: Translator, name: str, value: float) -> str:
    if name in ("cer", "faulty"):
        return f"{t.number(100 * (1 - value if name == 'faulty' else value), 1)} %"
    return t.number(value, 2)
