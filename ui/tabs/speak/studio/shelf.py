"""All long texts of a project, the last changed first, and the form for a new one."""

from __future__ import annotations

from core.jobs.args.studio import ImportTextArgs, SpeakDocumentArgs
from core.project.workspace import Project
from core.studio.document import Document
from core.studio.documents import documents
from core.studio.state import overview, states
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel
from ui.tabs.speak.studio.place import MODE, MOST_BYTES, too_long

EXAMPLE_LINES = 6


def new_text(t: Translator, setup: str) -> str:
    """The form for a new text; ``setup`` is HTML of the lists of voices and languages."""
    return (
        f'<form data-key="new-text" data-do="new-text" class="vw-card" data-most-bytes="{MOST_BYTES}">'
        f"<h3>{html.e(t('studio.new'))}</h3>"
        f'<label class="vw-field"><span>{html.e(t("studio.name"))}</span>'
        f'<span class="vw-draft" id="studio-new-name"><input type="text" name="name" maxlength="80" autocomplete="off"'
        f' placeholder="{html.e(t("studio.name_example"))}"></span></label>'
        f'<label class="vw-field"><span>{html.e(t("studio.text"))}</span>'
        f'<span class="vw-draft" id="studio-new-text"><textarea name="text" rows="{EXAMPLE_LINES}" dir="auto"'
        f' placeholder="{html.e(t("studio.text_example"))}"></textarea></span></label>'
        f"{too_long(t)}{setup}"
        f'<div class="vw-row"><button type="submit" class="vw-btn primary">{html.e(t("studio.make"))}</button></div>'
        f"{_marks_help(t)}</form>"
    )


def import_panel(t: Translator, project: Project) -> str:
    """How the reading of a file goes, and the way to what came of it."""
    job = project.latest(ImportTextArgs.kind)
    if job is None:
        return ""
    result = job.read().result
    document_id = str(result.get("document", ""))
    is_there = any(text.id == document_id for text in documents(project))
    if job.read().status == "done" and not is_there:
        return ""
    line = t("studio.import_done", name=result.get("name", ""), count=t.number(job.read().count("lines")))
    return job_panel(
        t, job, done_text=line, next_step=html.place(t("studio.open"), f"{MODE}&doc={document_id}&page=&lines=")
    )


def shelf(t: Translator, project: Project) -> str:
    """A card for each text."""
    texts = documents(project)
    if not texts:
        return f'<div class="vw-empty"><p>{html.e(t("studio.none"))}</p></div>'
    return f"<h3>{html.e(t('studio.texts'))}</h3>" + "".join(_card(t, project, text) for text in texts)


def _card(t: Translator, project: Project, text: Document) -> str:
    total = overview(states(project, text))
    words = sum(line.has_words for line in text.lines)
    facts = [t("studio.lines", count=t.number(words)), t("studio.spoken_of", count=t.number(total.spoken))]
    if total.seconds:
        facts.append(t.length(total.seconds))
    facts.append(t("studio.changed", at=t.moment(text.at)))
    state = ""
    if _is_speaking(project, text):
        state = html.light("fair", t("studio.speaking_now"))
    elif total.doubtful:
        state = html.light("bad", t("studio.to_look_at", count=t.number(total.doubtful)))
    elif words and not total.to_speak:
        state = html.light("good", t("studio.all_spoken"))
    open_ = html.place(t("studio.open"), f"{MODE}&doc={text.id}&page=&lines=")
    delete = html.action(
        t("speak.delete"), "delete-text", text.id, style="quiet", title=f"{t('speak.delete')}: {text.name}",
        confirm=t("studio.delete_sure", name=text.name),
    )  # fmt: skip
    return (
        f'<article class="vw-card vw-take" data-key="{html.e(text.id)}">'
        f'<div class="vw-spread"><b>{html.e(text.name)}</b>{state}</div>'
        f'<p class="vw-dim">{html.e(" · ".join(facts))}</p><div class="vw-row">{open_}{delete}</div></article>'
    )


def _is_speaking(project: Project, text: Document) -> bool:
    job = project.latest(SpeakDocumentArgs.kind)
    return bool(job and job.alive() and getattr(job.spec().args, "document", "") == text.id)


def _marks_help(t: Translator) -> str:
    rows = "".join(
        f"<li><code>{html.e(mark)}</code> {html.e(t(f'studio.mark_{name}'))}</li>"
        for mark, name in ((t("studio.pause_mark"), "pause"), (t("studio.voice_mark"), "voice"), ("# …", "heading"))
    )
    return html.details(t("studio.marks"), f'<ul class="vw-bullets">{rows}</ul>')
