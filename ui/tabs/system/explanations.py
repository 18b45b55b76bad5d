"""Explanations: which language model explains runs, what it is told and what it may cost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr

from core.coach import config as coach
from core.coach.service import ask
from core.errors import UserError
from ui import html
from ui.page import Page
from ui.tabs.train.coach import host_of

_NUMBERS = ("every_minutes", "most_tokens")
_SWITCHES = ("enabled", "share_texts", "at_end")
_MOST_ANSWER = 200  # letters that a test shows


def explanations_card(page: Page) -> str:
    """HTML of the card; `act_on_explanations` answers its buttons and its form."""
    t, config = page.t, coach.load(page.workspace)
    state = t("coach.settings_state_off")
    if config.is_ready:
        state = t("coach.settings_state_on", model=config.model, host=host_of(config))
    test = html.action(t("coach.test"), "coach-test") if config.is_ready else ""
    forget = html.action(t("coach.forget_key"), "coach-forget", style="quiet") if config.key else ""
    row = f'<div class="vw-row">{test}{forget}</div>' if test or forget else ""
    body = (
        f'<p class="vw-dim">{html.e(t("coach.settings_help"))}</p><p>{html.e(state)}</p>{row}'
        f"{html.details(t('coach.settings_open'), _form(page, config))}"
    )
    return f'<section class="vw-card"><h3>{html.e(t("coach.settings_title"))}</h3>{body}</section>'


def act_on_explanations(page: Page, evt: Any) -> bool:
    """Answer the card's buttons and form; False if ``evt.do`` is not one of them.

    Raises:
        UserError: what was written cannot be, or a test has failed.
    """
    if evt.do == "coach-save":
        _save(page, json.loads(evt.value))
    elif evt.do == "coach-forget":
        coach.save(page.workspace, replace(coach.load(page.workspace), key=""))
    elif evt.do == "coach-test":
        question = f"Say in one short sentence, in the language with the code {page.t.language}, that you are there."
        answer = ask(coach.load(page.workspace), [{"role": "user", "content": question}])
        text = html.e(page.t("coach.test_done", answer=answer.text[:_MOST_ANSWER]))
        gr.Info(text, title=page.t("coach.settings_title"), duration=10)
    else:
        return False
    return True


def _form(page: Page, config: coach.CoachConfig) -> str:
    t = page.t
    examples = "; ".join(f"{t(f'coach.preset_{name}')} {address}" for name, address in coach.ADDRESSES.items())
    note = f'<p class="vw-dim">{html.e(t("coach.key_kept"))}</p>' if config.key else ""
    texts = (
        f'<label class="vw-field"><span>{html.e(t("coach.address"))}</span><input type="url" name="address"'
        f' maxlength="300" value="{html.e(config.address)}" placeholder="{coach.ADDRESSES["ollama"]}"></label>'
        f'<label class="vw-field"><span>{html.e(t("coach.model_name"))}</span><input type="text" name="model"'
        f' maxlength="300" value="{html.e(config.model)}" placeholder="{coach.MODEL_EXAMPLE}"'
        f' spellcheck="false"></label>'
        f'<label class="vw-field"><span>{html.e(t("coach.key"))}</span><input type="password" name="key"'
        f' maxlength="300" autocomplete="off" spellcheck="false"></label>{note}'
    )
    switches = "".join(
        f'<label class="vw-tick"><input type="checkbox" name="{name}"{" checked" if getattr(config, name) else ""}>'
        f" {html.e(t(f'coach.{name}'))}</label>"
        for name in _SWITCHES
    )
    numbers = "".join(
        f'<label class="vw-field"><span>{html.e(t(f"coach.{name}"))}</span><input type="number" name="{name}" min="0"'
        f' step="1" required value="{getattr(config, name)}"></label>'
        for name in _NUMBERS
    )
    about = f'<p class="vw-dim">{html.e(t("coach.presets", list=examples))}</p>'
    save = f'<button type="submit" class="vw-btn">{html.e(t("coach.save"))}</button>'
    return f'{about}<form data-do="coach-save">{texts}{switches}<div class="vw-fields">{numbers}</div>{save}</form>'


def _save(page: Page, fields: dict[str, Any]) -> None:
    values = {name: str(fields.get(name, "")).strip() for name in ("address", "model", "key", *_NUMBERS)}
    wrong = next((values[name] for name in _NUMBERS if not (values[name].isascii() and values[name].isdigit())), None)
    if wrong is not None:
        raise UserError(
            "coach.number", "“{given}” is not a whole number.", "Write digits only.", given=wrong[:40] or " "
        )
    config = coach.load(page.workspace)
    same_place = values["address"] == config.address
    coach.save(
        page.workspace,
        replace(
            config,
            address=values["address"],
            model=values["model"],
            # A key is for one service: it never goes along to another address.
            key=values["key"] or (config.key if same_place else ""),
            language=page.t.language,
            enabled=bool(fields.get("enabled")),
            share_texts=bool(fields.get("share_texts")),
            at_end=bool(fields.get("at_end")),
            every_minutes=int(values["every_minutes"]),
            most_tokens=int(values["most_tokens"]),
        ),
    )
