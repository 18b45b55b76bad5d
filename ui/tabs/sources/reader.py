"""Reading aloud: one sentence large, back and next, a microphone, and a list of one's own."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from core.damage import DamagedFile
from core.errors import UserError
from core.project.workspace import Project
from core.sources import reading
from ui import html
from ui.page import Page, Updates
from ui.parts import Panel
from ui.parts.microphone import Microphone

_PLACE_ON_SCREEN = "() => document.querySelector('#reader .vw-sentence')?.dataset.place ?? ''"


class Reader:
    """The part as a tab lays it out: ``outputs`` for the tab, `refresh` for its content."""

    def __init__(self, page: Page, rights: gr.Textbox) -> None:
        t = page.t
        self.page = page
        with gr.Accordion(t("reading.title"), open=False, visible=False, elem_id="reader") as self.box:
            self.panel = Panel()
            self.sound = Microphone(page, t("reading.record"), elem_id="reader-sound")
            self.place = gr.Textbox(visible=False, elem_id="reader-place")
        self.outputs = [self.box, self.panel, self.sound]
        # What was on the screen when the recording began: the list may have moved on meanwhile, here or elsewhere.
        self.sound.start_recording(None, None, [self.place], js=_PLACE_ON_SCREEN, api_visibility="private")
        page.on(self.sound.stop_recording, self._save, [self.sound, rights, self.place], [self.sound, self.panel])
        page.on(self.panel.act, self._act, [], [self.panel])

    def refresh(self, project: Project | None, busy: bool) -> Updates:
        """What to show; ``busy`` says that recordings are being added."""
        sentence = _sentence(project) if project else None
        if project is None or sentence is None:
            return {self.box: gr.update(visible=False), self.panel: ""}
        # A list that was only just chosen, as on the page Dataset, is there to be read.
        waiting = _is_unread_list(project)
        return {
            self.box: gr.update(visible=True, open=True) if waiting else gr.update(visible=True),
            self.panel: reader_html(self.page, project, busy),
            self.sound: gr.update(visible=not busy and bool(sentence)),
        }

    def live(self, project: Project, busy: bool) -> Updates:
        """What of it moves by itself."""
        return {self.panel: reader_html(self.page, project, busy)}

    def _save(self, project: Project | None, path: str | None, note: str, place: str) -> Updates:
        if project and path:
            hours, at = self.page.settings.max_source_hours, int(place) if place.isdecimal() else None
            try:
                reading.save(project, Path(path), note, place=at, max_hours=hours, on_warning=self._warn)
            except UserError as error:
                # Said here, so that the field is emptied all the same.
                gr.Warning(html.e(self.page.say(error)), title=self.page.t("common.not_done"), duration=12)
        return {self.sound: None, self.panel: reader_html(self.page, project, False) if project else ""}

    def _warn(self, error: UserError) -> None:
        gr.Warning(html.e(self.page.say(error)), title=self.page.t("reading.title"), duration=12)

    def _act(self, project: Project | None, evt: gr.EventData) -> Updates | None:
        if project is None:
            return None
        if evt.do in ("back", "next"):
            reading.move(project, 1 if evt.do == "next" else -1)
        elif evt.do == "own-sentences":
            reading.use_own(project, evt.value)
        return {self.panel: reader_html(self.page, project, False)}


def _sentence(project: Project) -> str | None:
    """What to read now; None where the place cannot be read, which is told above the tab."""
    try:
        return reading.progress(project).sentence
    except DamagedFile:
        return None


def _is_unread_list(project: Project) -> bool:
    now = reading.progress(project)
    return now.own and not now.spoken and not now.place


def reader_html(page: Page, project: Project, busy: bool) -> str:
    """The sentence, how far it is, the ways to others. Its buttons send ``back``, ``next`` and ``own-sentences``."""
    t = page.t
    try:
        now = reading.progress(project)
    except DamagedFile:  # told above the tab
        return ""
    parts = [f'<p class="vw-dim">{html.e(t("reading.help"))}</p>']
    if now.sentence:
        place = t("reading.place", number=t.number(now.place + 1), count=t.number(len(now.sentences)))
        progress_text = t("reading.done", count=t.number(now.count))
        chip = f'<span class="vw-chip good">{html.e(t("reading.spoken"))}</span>' if _is_spoken(now) else ""
        language = html.e(project.info.language)
        parts.append(
            f'<div class="vw-spread"><span class="vw-dim">{html.e(place)} · {html.e(progress_text)}</span>{chip}</div>'
            f'{html.bar(now.count / len(now.sentences), progress_text)}<p class="vw-sentence" lang="{language}"'
            f' data-place="{now.place}" aria-live="polite">{html.e(now.sentence)}</p><div class="vw-row">'
            f"{_step(t('reading.back'), 'back', now.place == 0)}"
            f"{_step(t('reading.next'), 'next', now.place == len(now.sentences) - 1)}</div>"
        )
    else:
        parts.append(html.notice(t("reading.none"), "info"))
    if busy:
        parts.append(html.reason(t("sources.busy")))
    text = "\n".join(now.sentences) if now.own else ""
    editor = (
        f'<label class="vw-field"><span>{html.e(t("reading.own_help"))}</span><textarea id="own-sentences" rows="6"'
        f' lang="{html.e(project.info.language)}">{html.e(text)}</textarea></label>'
        f'<button type="button" class="vw-btn" data-do="own-sentences" data-id="" data-value-of="#own-sentences">'
        f"{html.e(t('reading.own_use'))}</button>"
    )
    parts.append(editor if not now.sentence else html.details(t("reading.own"), editor))
    return "".join(parts)


def _is_spoken(now: reading.Progress) -> bool:
    return str(now.place) in now.spoken


def _step(label: str, do: str, at_end: bool) -> str:
    off = " disabled" if at_end else ""
    return f'<button type="button" class="vw-btn" data-do="{do}" data-id=""{off}>{html.e(label)}</button>'
