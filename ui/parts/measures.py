"""How clips sound, for people: the lights of one clip, the picture of all, and the voices among them."""

from __future__ import annotations

from core.jobs.job import JobView
from core.measures.flags import MeasureLight, lights
from core.measures.voices import Speaker, has_several_voices, speakers, voices_stamp
from core.project.records import Clip, ClipFilter, Totals
from core.project.workspace import Project
from ui import html, plots
from ui.http.audio_routes import audio_url
from ui.i18n import Translator
from ui.job_panel import is_live, job_panel

_EDGES: dict[str, list[float]] = {
    "snr_db": [0, 10, 20, 30, 40, 50, 60, 70],
    "speaker_similarity": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    "naturalness": [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5],
}
_WORDS = {"snr_db": "snr", "speaker_similarity": "likeness", "naturalness": "naturalness"}


def clip_lights(t: Translator, clip: Clip) -> str:
    """A clip's lights; each opens to its number and unit, which also show when the pointer rests on it."""
    tips = "".join(_light(t, light) for light in lights(clip))
    return f'<div class="vw-row vw-soundlights" role="group" aria-label="{html.e(t("review.lights"))}">{tips}</div>'


def _light(t: Translator, light: MeasureLight) -> str:
    name = light.measure.light
    label = t(f"review.light_{name}")
    text = t("review.light_none")
    if light.value is not None:
        number = t.number(light.value / light.measure.shown_per, light.measure.digits)
        text = t(f"review.light_{name}_value", value=number)
    return (
        f'<details class="vw-tip" data-key="light-{name}" title="{html.e(label)}: {html.e(text)}">'
        f'<summary><span class="vw-light {light.tone}"><i aria-hidden="true">{html.LIGHTS[light.tone]}</i>'
        f"{html.e(label)}</span></summary><span>{html.e(text)}</span></details>"
    )


def sound_of_clips(t: Translator, project: Project, totals: Totals) -> str:
    """The section under the review: the job, histograms, and the question about a second voice.

    Its buttons send ``measure``, ``keep_voice`` with a voice's number, and what a job's panel sends.
    """
    if not totals.clips:
        return ""
    job = project.latest("measure")
    remaining = project.store.count(ClipFilter("unmeasured"))
    total = totals.clips - totals.rejected
    how_far = t("job.of", count=t.number(max(0, total - remaining)), total=t.number(total))
    numbers = html.numbers(html.number(how_far, t("review.measured")))
    busy = t("review.measure_busy") if job and job.alive() else ""
    label = t("review.measure_rest", count=t.number(remaining)) if 0 < remaining < total else t("review.measure")
    button = html.action(label, "measure", off_reason=busy, elem_id="measure-clips") if remaining or busy else ""
    panel = ""
    if job and (is_live(job) or job.read().status != "done"):
        panel = job_panel(t, job, done_text=_closing_sentence(t, job.read()), next_step=_to_flagged(t, project))
    return (
        f'<section><h3>{html.e(t("review.sound"))}</h3><p class="vw-dim">{html.e(t("review.sound_about"))}</p>'
        f'<div class="vw-spread">{numbers}<div>{button}{html.reason(busy)}</div></div>{panel}'
        f"{_voices(t, project)}{_histograms(t, project)}</section>"
    )


def _closing_sentence(t: Translator, view: JobView) -> str:
    """The closing sentence of the job."""
    count, flag_count, failures = (int(view.count(name)) for name in ("measured", "flagged", "failed"))
    sentences = [t("review.measure_done", count=t.number(count), flags=t.number(flag_count))]
    if failures:
        sentences.append(t("review.measure_failed", count=t.number(failures)))
    return " ".join(sentences)


def _to_flagged(t: Translator, project: Project) -> str:
    if not project.store.count(ClipFilter("flagged")):
        return ""
    return html.place(t("review.to_flagged"), "filter=flagged&flag=&clip=")


def _histograms(t: Translator, project: Project) -> str:
    pictures = []
    for measure, edges in _EDGES.items():
        values = [min(max(value, edges[0]), edges[-1]) for value in project.figures.measure_values(measure)]
        if values:
            # The scale stands in the title: under a picture this small there is no room for it.
            title = html.e(t(f"review.{_WORDS[measure]}_title"))
            picture = plots.histogram(values, edges, "", t("transcripts.clips_axis"), write=t.plain)
            pictures.append(f'<div data-key="{measure}"><h4>{title}</h4>{picture}</div>')
    return f'<div class="vw-halves vw-thirds">{"".join(pictures)}</div>' if pictures else ""


def _voices(t: Translator, project: Project) -> str:
    """The question about a second voice, where one was found and its clips are not rejected yet."""
    groups = speakers(project) if has_several_voices(project) else []
    if len(groups) < 2:
        return ""
    total = sum(len(voice.clips) for voice in groups)
    rows = "".join(_voice(t, project, voice, place, total) for place, voice in enumerate(groups))
    about = html.e(t("review.voices_about", count=t.number(len(groups))))
    return (
        f'<div class="vw-card vw-gap" data-key="voices"><h3>{html.e(t("review.voices"))}</h3><p>{about}</p>'
        f'<div class="vw-cards">{rows}</div></div>'
    )


def voice_name(t: Translator, place: int) -> str:
    """What a voice is called: ``Voice A`` is that with most speech."""
    return t("review.voice", letter=chr(ord("A") + place) if place < 26 else str(place + 1))


def _voice(t: Translator, project: Project, voice: Speaker, place: int, total: int) -> str:
    name = voice_name(t, place)
    facts = t("review.voice_facts", minutes=t.minutes(voice.seconds), count=t.number(len(voice.clips)))
    players = "".join(
        html.player(audio_url(project.slug, "clip", clip_id), f"{name} · {number}")
        for number, clip_id in enumerate(voice.examples, 1)
    )
    question = t("review.voice_question", count=t.number(total - len(voice.clips)))
    keep = html.action(t("review.voice_keep"), "keep_voice", str(voice.number), style="wide", confirm=question)
    return (
        f'<div class="vw-side vw-voice" data-key="voice-{voice.number}"><b>{html.e(name)}</b>'
        f'<p class="vw-dim">{html.e(facts)}</p>{players}{html.standing_on(voices_stamp(project), keep)}</div>'
    )
