"""The settings of speaking in the page: the project's engine's own, kept over reloads, and said where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
import pytest

from core.errors import UserError
from core.project.workspace import Workspace
from core.settings import Settings
from core.synthesis.settings import changed_settings
from ui.i18n import Translator
from ui.page import Page
from ui.parts.speaking_form import SpeakingForm


@dataclass
class Click:
    """What the list of changes sends."""

    id: str = ""
    do: str = "reset"


@pytest.fixture
def made(workspace: Workspace) -> SpeakingForm:
    """The form as a page lays it out."""
    with gr.Blocks():
        hidden = [gr.Textbox() for _ in range(3)]
        return SpeakingForm(Page(Settings(), workspace, Translator("en"), *hidden))


def _values(form: SpeakingForm, engine: str, **changes: float) -> list[Any]:
    """What stands in all inputs, with some of an engine's changed."""
    own = form.forms.forms[engine]
    changed = {field: changes[name] for name, field in zip(own.names, own.inputs, strict=True) if name in changes}
    return [changed.get(field, field.value) for field in form.inputs]


def test_each_engine_has_its_own_settings_and_only_what_differs_is_handed_on(
    made: SpeakingForm, workspace: Workspace
) -> None:
    xtts, f5 = workspace.create("Ana", "en", "xtts"), workspace.create("Bia", "en", "f5")
    assert made.settings(f5, _values(made, "f5")) == {}
    assert made.settings(f5, _values(made, "f5", steps=16, sway=0)) == {"steps": 16, "sway": 0}
    assert made.settings(xtts, _values(made, "xtts", temperature=0.4)) == {"temperature": 0.4}
    assert made.settings(xtts, _values(made, "f5", steps=16)) == {}
    with pytest.raises(UserError) as refusal:
        made.settings(f5, _values(made, "f5", steps=0))
    assert refusal.value.code == "settings.invalid" and refusal.value.values["name"] == "Steps"
    seen = {name: made.shown(f5, _values(made, "f5"))[column]["visible"] for name, column in made.forms.columns.items()}
    assert seen["f5"] and not seen["xtts"]


def test_a_change_is_kept_over_a_reload_marked_and_taken_back(made: SpeakingForm, workspace: Workspace) -> None:
    f5 = workspace.create("Bia", "en", "f5")
    values = _values(made, "f5", steps=16, speed=1.2)
    assert "instead of 32" in made._edit(f5, *values)[made.marks]
    made._edit(f5, *_values(made, "f5", steps=400))  # half typed
    assert changed_settings(f5) == {"steps": 16, "speed": 1.2}
    own = made.forms.forms["f5"]
    steps = own.inputs[own.names.index("steps")]
    assert made.shown(f5, _values(made, "f5"))[steps] == 16
    assert made._reset(f5, Click("steps"), *values)[steps] == 32 and changed_settings(f5) == {"speed": 1.2}
    assert made._reset(f5, Click(), *values)[made.marks] == "" and changed_settings(f5) == {}
