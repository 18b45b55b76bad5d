"""Settings as inputs, and what is said of a value that cannot be."""

from __future__ import annotations

from typing import Literal, cast, get_args, get_origin

import gradio as gr
import pytest

from core.audio.options import SegmentOptions
from core.engines.options import TrainConfig
from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from ui.form import Form
from ui.i18n import Translator

T = Translator("pt-BR")


def _said(model: type[SegmentOptions] | type[TrainConfig], section: str, **values: object) -> str:
    with gr.Blocks():
        form = Form(T, model, section)
    with pytest.raises(UserError) as caught:
        form.parse(list((model().model_dump() | values).values()))
    error = caught.value
    return T.error(error.code, error.text, error.hint, error.values)


def test_a_value_out_of_its_range_is_told_with_the_range_in_the_pages_language() -> None:
    said = _said(SegmentOptions, "cut_options", min_clip_s=99)
    assert T("cut_options.min_clip_s") in said
    assert T("form.between", low="0,5", high="30") in said
    assert T("form.whole") in _said(TrainConfig, "training", max_steps=2.5)
    assert "Input should" not in _said(TrainConfig, "training", max_steps=None)


def test_a_shortest_above_its_longest_is_told_as_such() -> None:
    said = _said(SegmentOptions, "cut_options", min_clip_s=12, max_clip_s=11)
    assert said == T.error("settings.crossed", "", "", {})
    assert "curta" in said


def test_an_answer_fills_in_only_what_is_not_there_already() -> None:
    with gr.Blocks():
        form = Form(T, SegmentOptions, "cut_options")
    shown = list(form.fill({}).values())
    wanted = form.fill({"min_clip_s": 4.0})
    shortest = form.inputs[form.names.index("min_clip_s")]
    assert form.differing(wanted, shown) == {shortest: 4.0}
    assert form.differing(wanted, [wanted[field] for field in form.inputs]) == {}


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_units_and_choices_of_training_settings_have_words(language: str) -> None:
    t = Translator(language)
    fields = XttsTrainConfig.model_fields
    units = {str(cast("dict[str, object]", field.json_schema_extra).get("unit", "")) for field in fields.values()}
    assert not [unit for unit in units - {"", "s", "min"} if not t.has(f"units.{unit}")]
    spelled_alike = ("float32", "bfloat16", "float16")
    for name, field in fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        assert not [c for c in choices if c not in spelled_alike and not t.has(f"training.{name}_{c}")], name
