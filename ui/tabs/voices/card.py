"""Cards of saved voices, and the form that saves one."""

from __future__ import annotations

from collections.abc import Sequence

from core.evaluation.scorecard import recommended
from core.project.workspace import Project
from core.synthesis.saved_voices import SavedVoice
from core.synthesis.start import Take
from core.synthesis.voices import VoiceChoice
from ui import html
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.parts.voice_face import saved_face
from ui.tabs.train.view import step_name


def speaker_name(t: Translator, choice: VoiceChoice) -> str:
    """What speaks, as a person calls it."""
    if choice.imported:
        return f"{choice.title} · {t('speak.imported')}"
    return f"{choice.title} · {step_name(t, choice.checkpoint.step if choice.checkpoint else 0)}"


def speaker_options(t: Translator, project: Project, speakers: Sequence[VoiceChoice], current: str = "") -> str:
    """What may speak, as options of a list; the recommended checkpoint says so, and is chosen if nothing else is."""
    best = recommended(project)
    current = current or (best.name if best else "")
    options = ""
    for choice in speakers:
        name = speaker_name(t, choice)
        if best and choice.checkpoint == best:
            name += f" ({t('scores.recommended')})"
        selected_attribute = " selected" if choice.id == current else ""
        options += f'<option value="{html.e(choice.id)}"{selected_attribute}>{html.e(name)}</option>'
    if current and all(choice.id != current for choice in speakers):
        options = f'<option value="{html.e(current)}" selected>{html.e(t("voices.gone"))}</option>' + options
    return options


def new_voice(t: Translator, project: Project, speakers: Sequence[VoiceChoice], *, is_first: bool) -> str:
    """The form that keeps a voice under a name."""
    style = "primary" if is_first else ""
    return (
        f'<form class="vw-card" data-do="save-voice" data-key="new"><h3>{html.e(t("voices.new"))}</h3>'
        f'<label class="vw-field"><span>{html.e(t("voices.name"))}</span><input type="text" name="name" maxlength="80"'
        f' required autocomplete="off" placeholder="{html.e(t("voices.name_example"))}"></label>'
        f'<label class="vw-field"><span>{html.e(t("voices.speaker"))}</span>'
        f'<select name="speaker">{speaker_options(t, project, speakers)}</select></label>'
        f'<div class="vw-row"><button type="submit" class="vw-btn {style}">{html.e(t("voices.save"))}</button></div>'
        f'<p class="vw-dim">{html.e(t("voices.new_help"))}</p></form>'
    )


def voice_cards(
    t: Translator,
    project: Project,
    voices: Sequence[SavedVoice],
    speakers: Sequence[VoiceChoice],
    takes: Sequence[Take],
    open_id: str,
) -> str:
    """All saved voices, the newest first."""
    by_id = {choice.id: choice for choice in speakers}
    return "".join(_card(t, project, voice, by_id.get(voice.speaker), takes, voice.id == open_id) for voice in voices)


def _card(
    t: Translator,
    project: Project,
    voice: SavedVoice,
    speaker: VoiceChoice | None,
    takes: Sequence[Take],
    is_open: bool,
) -> str:
    sample = next((take for take in takes if take.voice == voice.name), None)
    language = voice.language or project.info.language
    facts = [speaker_name(t, speaker)] if speaker else []
    facts += [t.get(f"languages.{language}", language), t.moment(voice.saved_at)]
    player = html.player(audio_url(project.slug, "take", sample.id), sample.text) if sample else ""
    notice = "" if speaker else html.notice(t("voices.speaker_gone"), "warn")
    use = html.go(t("voices.use"), "speak", style="", view=f"voice={voice.id}") if speaker else ""
    change = html.place(t("voices.change"), f"saved={'-' if is_open else voice.id}", is_pressed=is_open)
    delete = html.action(
        t("speak.delete"), "delete-voice", voice.id, style="quiet", title=f"{t('speak.delete')}: {voice.name}",
        confirm=t("voices.delete_sure", name=voice.name),
    )  # fmt: skip
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(voice.id)}"><div class="vw-row vw-voice-name">'
        f"{saved_face(project, voice)}{html.title_field('rename-voice', voice.id, voice.name, t('voices.name'))}</div>"
        f'<p class="vw-dim">{html.e(" · ".join(facts))}</p>{notice}{player}'
        f'<div class="vw-row">{change}{use}{delete}</div></article>'
    )
