"""Forms from settings models and back: label, help, range and unit come from the field and its strings."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from core.errors import UserError
from ui.i18n import Translator

_NO_LIMIT = 1e6  # a bound from here on is none that anybody meets


class Form:
    """Inputs for chosen fields of a pydantic model.

    Strings: ``<section>.<field>`` is the label, ``<section>.<field>_help`` the sentence under it,
    ``<section>.<field>_<value>`` a value that is chosen from a list.
    A field's unit is ``json_schema_extra={"unit": …}``, its word ``units.<unit>``; its range is ``ge``/``le``. With
    ``numeric``, numbers are typed and their range stands in the sentence under them, for ranges too wide to slide over.
    ``groups`` has the fields by the title of the part they stand in, the first of them open, in place of ``fields``.
    """

    def __init__(
        self,
        t: Translator,
        model: type[BaseModel],
        section: str,
        fields: Sequence[str] = (),
        *,
        numeric: bool = False,
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.model, self.t, self.section, self.numeric = model, t, section, numeric
        self.names = [name for group in (groups or {}).values() for name in group] or [*fields] or [*model.model_fields]
        self.inputs: list[Any] = []
        for place, (label, names) in enumerate((groups or {"": self.names}).items()):
            with gr.Accordion(label, open=place == 0) if label else contextlib.nullcontext():
                self.inputs += [self._input(name, model.model_fields[name]) for name in names]

    def _input(self, name: str, field: FieldInfo) -> Any:
        extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        unit = str(extra.get("unit", ""))
        unit, label = self.t.get(f"units.{unit}", unit), self.label(name)
        if unit and unit.lower() not in label.lower():
            label += f" ({unit})"
        common: dict[str, Any] = {
            "label": label,
            "info": self.t.get(f"{self.section}.{name}_help", field.description or "") or None,
        }
        value = field.get_default(call_default_factory=True)
        low, high = _bounds(field)
        if self.numeric and field.annotation in (int, float):
            # A range as wide as all whole numbers tells nobody anything.
            span = (
                self.t("form.range", low=self.t.plain(low), high=self.t.plain(high))
                if low is not None and high is not None and high < _NO_LIMIT
                else ""
            )
            common["info"] = " · ".join(part for part in (common["info"], span) if part) or None
            return gr.Number(value=value, step=float(extra.get("step", 1)), **common)
        if get_origin(field.annotation) is Literal:
            choices = [(self.value_name(name, option), option) for option in get_args(field.annotation)]
            return gr.Dropdown(choices, value=value, **common)
        if field.annotation is bool:
            return gr.Checkbox(value=value, **common)
        if field.annotation in (int, float) and low is not None and high is not None and "log" not in extra:
            step = extra.get("step", 1 if field.annotation is int else (high - low) / 100)
            return gr.Slider(low, high, value=value, step=step, **common)
        if field.annotation == float | None:
            # A gr.Number cannot be empty: it shows 0.
            return gr.Textbox(value=_to_text(value), max_lines=1, placeholder=self.t("form.automatic"), **common)
        if field.annotation in (int, float):
            return gr.Number(value=value, minimum=low, maximum=high, **common)
        return gr.Textbox(value=str(value), **common)

    def values(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """The inputs' values by field name."""
        optional = {name for name in self.names if self.model.model_fields[name].annotation == float | None}
        pairs = zip(self.names, inputs, strict=True)
        return {name: _from_text(value) if name in optional else value for name, value in pairs}

    def parse(self, inputs: Sequence[Any]) -> BaseModel:
        """A checked model made from the inputs.

        Raises:
            UserError: ``settings.invalid``, naming the field; ``settings.crossed`` if a shortest is above its longest.
        """
        try:
            return self.model(**self.values(inputs))
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:  # each is fine by itself
                raise UserError(
                    "settings.crossed",
                    "The shortest length is not below the longest one.",
                    "Lower the shortest, or raise the longest.",
                ) from None
            name = str(first["loc"][0])
            raise UserError(
                "settings.invalid",
                "“{name}” cannot have this value ({why}).",
                "Choose another value, or reset it.",
                name=self.t.get(f"{self.section}.{name}", name),
                why=self._requirement(first["type"], self.model.model_fields.get(name)),
            ) from None

    def _requirement(self, kind: str, field: FieldInfo | None) -> str:
        """What a value would have to be, in the page's language."""
        low, high = _bounds(field) if field else (None, None)
        if kind == "int_from_float":
            return self.t("form.whole")
        if low is not None and high is not None and high < _NO_LIMIT:
            return self.t("form.between", low=self.t.plain(low), high=self.t.plain(high))
        if low is not None:
            return self.t("form.at_least", low=self.t.plain(low))
        return self.t("form.another")

    def changes(self, inputs: Sequence[Any], base: dict[str, Any]) -> dict[str, Any]:
        """Those of the inputs' values that differ from ``base`` (a preset), or from the defaults where it is silent."""
        fields = self.model.model_fields
        return {
            name: value
            for name, value in self.values(inputs).items()
            if value is not None and value != base.get(name, fields[name].get_default(call_default_factory=True))
        }

    def label(self, name: str) -> str:
        """What a person calls a field."""
        return self.t.get(f"{self.section}.{name}", name)

    def value_name(self, name: str, value: Any) -> str:
        """What a person calls a value of a field."""
        return value_name(self.t, self.section, name, value)

    def fill(self, values: dict[str, Any]) -> dict[Any, Any]:
        """Updates that put these values, or the defaults, into the inputs (a preset, a reset)."""
        fields = self.model.model_fields
        by_name = {name: values.get(name, fields[name].get_default(call_default_factory=True)) for name in self.names}
        return {
            component: _to_text(by_name[name]) if fields[name].annotation == float | None else by_name[name]
            for name, component in zip(self.names, self.inputs, strict=True)
        }

    def differing(self, updates: dict[Any, Any], values: Sequence[Any]) -> dict[Any, Any]:
        """Those updates of `fill` that change an input. The rest would undo what is typed before the answer comes."""
        return {field: updates[field] for field, now in zip(self.inputs, values, strict=True) if updates[field] != now}


def value_name(t: Translator, section: str, name: str, value: Any) -> str:
    """What a person calls a value of a field."""
    if isinstance(value, bool):
        return t("form.on" if value else "form.off")
    return t.plain(value) if isinstance(value, float) else t.get(f"{section}.{name}_{value}", str(value))


def _to_text(value: float | None) -> str:
    """A number that may be left out, as it is typed."""
    return "" if value is None else f"{value:g}"


def _from_text(value: Any) -> Any:
    """What was typed as a number, with a comma or a true minus too; nothing is None, and what is no number stays."""
    return str(value).strip().replace(",", ".").replace("\u2212", "-") or None if value is not None else None


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    low = high = None
    for rule in field.metadata:
        low = getattr(rule, "ge", getattr(rule, "gt", low)) if low is None else low
        high = getattr(rule, "le", getattr(rule, "lt", high)) if high is None else high
    return low, high
