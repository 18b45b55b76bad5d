"""The studio's place on the Speak page: its panels, what they show at each place, and their events."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import UserError
from core.project.workspace import Project
from core.studio import start
from core.studio.state import overview, states
from core.studio.texts.file import KINDS
from core.synthesis.voices import VoiceChoice, voices
from ui import html
from ui.job_panel import act_on_job
from ui.page import Page, Updates
from ui.parts import Panel, script
from ui.parts.queue_strip import say_place
from ui.tabs.speak.studio import desk
from ui.tabs.speak.studio.actions import act_on_text, new_text
from ui.tabs.speak.studio.lines import filters, line_rows
from ui.tabs.speak.studio.outputs import outputs
from ui.tabs.speak.studio.place import Place
from ui.tabs.speak.studio.shelf import import_panel, shelf
from ui.tabs.speak.studio.shelf import new_text as new_text_form

NameOf = Callable[[VoiceChoice], str]
VoiceOf = Callable[[Project, str], tuple[str, str]]


class Studio:
    """Lays the panels out where it is made.

    Args:
        page: whose.
        setup: HTML of the lists of voices and languages for a new text, of a project and the address.
        voice_of: id of the voice and code of the language that stand in them.
        name_of: what a person calls a voice.
    """

    def __init__(self, page: Page, setup: Callable[[Project, str], str], voice_of: VoiceOf, name_of: NameOf) -> None:
        self.page, self.setup, self.voice_of, self.name_of = page, setup, voice_of, name_of
        size = script("text_size.js", __file__)
        self.head, self.work, self.tools = Panel(more_script=size), Panel(), Panel()
        self.player = Panel(more_script=script("player.js", __file__), elem_classes=["vw-stick"])
        t = page.t
        with gr.Row(visible=False, elem_classes=["vw-drop"]) as self.drop:
            self.files = gr.File(
                label=t("studio.import_files"), file_count="single", height=120, elem_id="text-file",
                file_types=list(KINDS),
            )  # fmt: skip
        self.rows = Panel(more_script=script("lines.js", __file__) + size)
        self.panels = [self.head, self.work, self.tools, self.player, self.rows]
        self.outputs: list[Any] = [*self.panels, self.drop]
        page.on(self.files.upload, self._upload, [self.files, page.view], [self.files, self.rows])
        for panel in self.panels:
            page.on(panel.act, self._act, [page.view], [self.head])

    def shown(self, project: Project | None, query: str) -> Updates:
        """What the panels show at this place; nothing where the studio is not open."""
        place = Place.of(query)
        empty: Updates = {**dict.fromkeys(self.panels, ""), self.drop: gr.update(visible=False)}
        if project is None or not place.is_studio:
            return empty
        t, document = self.page.t, place.document(project)
        if document is None:
            notice = html.notice(t("studio.gone"), "warn") if place.doc else ""
            return {
                **empty,
                self.head: notice + new_text_form(t, self.setup(project, query)),
                self.drop: gr.update(visible=True),
                self.rows: import_panel(t, project) + shelf(t, project),
            }
        rows = states(project, document)
        total, choices = overview(rows), voices(project)
        lines = filters(t, total, place) + line_rows(t, project, document, rows, place, desk.names_in_marks(choices))
        lines += desk.tidying(t, project, document)
        names = [(choice.id, self.name_of(choice)) for choice in choices]
        if document.voice not in [id_ for id_, _ in names]:
            names.insert(0, (document.voice, t("studio.voice_gone" if document.voice else "studio.voice_usual")))
        return {
            self.drop: gr.update(visible=False),
            self.head: desk.head(t, document, place),
            self.work: desk.work(t, project, document, rows),
            self.player: desk.player(t, project, document, total),
            self.rows: desk.whole_text(t, document) if place.is_whole else lines,
            self.tools: desk.settings(t, project, document, names)
            + desk.pronunciation_list(t, project, document)
            + outputs(t, project, document, total),
        }

    def ticked(self, project: Project, query: str) -> Updates:
        """What of `shown` changes by itself: the panels."""
        return {panel: value for panel, value in self.shown(project, query).items() if panel is not self.drop}

    def _upload(self, project: Project | None, path: str | None, query: str) -> Updates:
        if project is None or not path:
            return {}
        try:
            file, place = Path(path), self.voice_of(project, query)
            say_place(self.page, start.start_import(project, file, file.name, *place))
        except UserError as error:
            # Said here, so that the file does not stay in the field as if it had been taken.
            gr.Warning(html.e(self.page.say(error)), title=self.page.t("common.not_done"), duration=12)
        return {self.files: None}

    def _act(self, project: Project | None, evt: Any, query: str) -> Updates | None:
        if project is None or (evt.do != "resume" and act_on_job(project, evt.do, evt.id)):
            return None
        if evt.do == "new-text":
            fields = json.loads(evt.value)
            text, name = str(fields.get("text", "")), str(fields.get("name", ""))
            return {self.head: new_text(project, text, name, *self.voice_of(project, query))}
        if evt.do == "delete-text":
            start.remove(project, evt.id)
        else:
            act_on_text(self.page, project, evt)
        return None
