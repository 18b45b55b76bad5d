"""Forms of settings that each engine has its own of: the project's is seen, and what is changed in it is listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from pydantic import BaseModel

from core.engines.registry import DEFAULT, engines
from ui import html
from ui.form import Form
from ui.i18n import Translator
from ui.page import Updates

Groups = Callable[[type[BaseModel]], Mapping[str, Sequence[str]]]


class EngineForms:
    """Inputs for a model of settings that each engine has its own of.

    ``outputs`` are all components that `shown` and `filled` may set; ``inputs`` those whose values `own` takes.
    """

    def __init__(
        self, t: Translator, model_of: Callable[[str], type[BaseModel]], section: str, groups: Groups | None = None
    ) -> None:
        self.columns: dict[str, gr.Column] = {}
        self.forms: dict[str, Form] = {}
        for engine in engines():
            with gr.Column(visible=engine.name == DEFAULT) as self.columns[engine.name]:
                model = model_of(engine.name)
                parts = groups(model) if groups else None
                self.forms[engine.name] = Form(t, model, section, numeric=True, groups=parts)
        self.inputs = [field for form in self.forms.values() for field in form.inputs]
        self.outputs: list[Any] = [*self.columns.values(), *self.inputs]

    def own(self, engine: str, all_values: Sequence[Any]) -> tuple[Form, Sequence[Any]]:
        """The form of an engine, and what stands in it."""
        form = self.forms[engine]
        fields = set(form.inputs)
        return form, [value for field, value in zip(self.inputs, all_values, strict=True) if field in fields]

    def shown(self, engine: str) -> Updates:
        """Updates that show one engine's column."""
        return {column: gr.update(visible=name == engine) for name, column in self.columns.items()}


def changes_list(t: Translator, form: Form, usual: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """What differs from the usual, each with its button ``reset``, and one for all; empty where nothing does."""
    if not changes:
        return ""

    def instead_of(name: str) -> str:
        return t("form.instead_of", value=form.value_name(name, usual[name]))

    lines = "".join(
        f'<li class="vw-spread"><span><b>{html.e(form.label(name))}</b>: {html.e(form.value_name(name, value))} '
        f'<span class="vw-dim">{html.e(instead_of(name))}</span></span>'
        f"{html.action(t('form.reset_one'), 'reset', name)}</li>"
        for name, value in changes.items()
    )
    reset_all = html.action(t("form.reset_all"), "reset", elem_id=f"reset-{form.section}")
    return f'<ul class="vw-changes" aria-label="{html.e(t("form.changed"))}">{lines}</ul>{reset_all}'
