"""The settings of speaking: a form of the engine's own, what is changed in it, and kept over reloads."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import gradio as gr

from core.engines.registry import speaking_options
from core.project.workspace import Project
from core.synthesis.settings import changed_settings, keep_settings
from ui.page import Page, Updates
from ui.parts import Panel
from ui.parts.engine_forms import EngineForms, changes_list


class SpeakingForm:
    """Lays the form out where it is made. ``inputs`` go to `shown` and `settings`; ``outputs`` are what it may set."""

    def __init__(self, page: Page) -> None:
        self.t = page.t
        self.marks = Panel()
        self.forms = EngineForms(page.t, speaking_options, "speaking")
        self.inputs = self.forms.inputs
        self.outputs: list[Any] = [self.marks, *self.forms.outputs]
        on_edit = functools.partial(gr.on, [field.input for field in self.inputs])
        page.on(on_edit, self._edit, self.inputs, [self.marks], refresh=False)
        page.on(self.marks.act, self._reset, self.inputs, [self.marks, *self.inputs], refresh=False)

    def shown(self, project: Project, all_values: Sequence[Any]) -> Updates:
        """Updates that show the project's engine, with what was kept of it."""
        form, values = self.forms.own(project.info.engine, all_values)
        saved_values = changed_settings(project)
        updates = form.differing(form.fill(dict(saved_values)), values)
        return {**self.forms.shown(project.info.engine), **updates, **self._marked(project, saved_values)}

    def settings(self, project: Project, all_values: Sequence[Any]) -> dict[str, float]:
        """What differs from the usual, for `SynthesizeArgs`.

        Raises:
            UserError: as of `Form.parse`.
        """
        form, values = self.forms.own(project.info.engine, all_values)
        form.parse(values)
        return form.changes(values, {})

    def _edit(self, project: Project | None, *all_values: Any) -> Updates:
        if project is None:
            return {}
        form, values = self.forms.own(project.info.engine, all_values)
        changes = form.changes(values, {})
        keep_settings(project, changes)
        return self._marked(project, changes)

    def _reset(self, project: Project | None, evt: Any, *all_values: Any) -> Updates:
        if project is None:
            return {}
        form, values = self.forms.own(project.info.engine, all_values)
        changes = form.changes(values, {})
        changes = {name: value for name, value in changes.items() if evt.id and name != evt.id}
        keep_settings(project, changes)
        return {**form.fill(changes), **self._marked(project, changes)}

    def _marked(self, project: Project, changes: dict[str, float]) -> Updates:
        usual = speaking_options(project.info.engine)().model_dump()
        return {self.marks: changes_list(self.t, self.forms.forms[project.info.engine], usual, changes)}
