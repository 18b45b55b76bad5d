"""Notifications: whom a word goes to when a job is done, and a test of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr
from starlette.datastructures import Headers

from core.errors import UserError
from core.notifications import config as notify
from core.notifications.outbox import last_delivery
from core.notifications.start import send_test
from ui import html
from ui.http import visitor
from ui.page import Page

_FIELDS = ("quiet_from", "quiet_to", "after_minutes")


def notifications_card(page: Page) -> str:
    """HTML of the card; `act_on_notifications` answers its buttons and forms."""
    t = page.t
    config = notify.load(page.workspace)
    rows = "".join(
        f'<li class="vw-spread"><code>{html.e(notify.address_label(address))}</code>'
        f"{html.action(t('notify.remove'), 'notify-remove', notify.address_id(address), style='quiet')}</li>"
        for address in config.addresses
    )
    add = (
        f'<form data-do="notify-add" data-key="notify{len(config.addresses)}">'
        f'<label class="vw-field"><span>{html.e(t("notify.address"))}</span>'
        f'<input type="password" name="address" required autocomplete="off" spellcheck="false" placeholder="ntfy://…">'
        f'</label><button type="submit" class="vw-btn">{html.e(t("notify.add"))}</button></form>'
    )
    listing = f"<ul>{rows}</ul>" if rows else ""
    test = f'<div class="vw-row">{html.action(t("notify.test"), "notify-test")}</div>' if rows else ""
    delivery = last_delivery(page.workspace)
    state = ""
    if delivery and delivery.failed:
        state = html.notice(t("notify.failed", when=t.moment(delivery.at), which=", ".join(delivery.failed)), "warn")
    body = (
        f'<p class="vw-dim">{html.e(t("notify.help"))}</p>{state}{_browser(page)}{listing}{test}'
        f'<p class="vw-dim">{html.e(t("notify.examples"))}</p>{add}{_times(page, config) if rows else ""}'
    )
    return f'<section class="vw-card"><h3>{html.e(t("notify.title"))}</h3>{body}</section>'


def act_on_notifications(page: Page, evt: Any) -> bool:
    """Answer the card's buttons; False if ``evt.do`` is not one of them.

    Raises:
        UserError: an address or an hour that cannot be, or a test that did not arrive.
    """
    if evt.do == "notify-add":
        if not notify.load(page.workspace).addresses:
            config = notify.load(page.workspace)
            notify.save(page.workspace, replace(config, language=page.t.language, page=_own_address(page)))
        notify.add_address(page.workspace, str(json.loads(evt.value).get("address", "")))
    elif evt.do == "notify-remove":
        notify.remove_address(page.workspace, evt.id)
    elif evt.do == "notify-times":
        _save_times(page, json.loads(evt.value))
    elif evt.do == "notify-test":
        failures = send_test(page.workspace)
        if failures:
            raise UserError(
                "notify.not_sent",
                "The test did not get to {which}.",
                "Look at the address once more: remove it and add it anew. Is this computer on the network?",
                which=", ".join(map(notify.address_label, failures)),
            )
        gr.Info(page.t("notify.test_sent"), title=page.t("notify.title"), duration=6)
    else:
        return False
    return True


def _browser(page: Page) -> str:
    """The switch for this browser's own notifications; the page's script knows whether they are on, and labels it."""
    t = page.t
    words = {"on": "browser_on", "off": "browser_off", "off-note": "browser_help", "on-note": "browser_is_on"}
    words |= {"insecure-note": "browser_insecure", "denied-note": "browser_denied"}
    facts = "".join(f' data-{name}="{html.e(t(f"notify.{key}"))}"' for name, key in words.items())
    return (
        f'<div data-notify{facts}><div class="vw-row"><button type="button" class="vw-btn" id="notify-browser">'
        f'{html.e(t("notify.browser_on"))}</button></div><p class="vw-dim" role="status"></p></div>'
    )


def _times(page: Page, config: notify.NotificationConfig) -> str:
    t = page.t
    fields = "".join(
        f'<label class="vw-field"><span>{html.e(t(f"notify.{name}"))}</span><input type="number" name="{name}" min="0"'
        f' max="{999 if name == "after_minutes" else 23}" step="1" required value="{getattr(config, name)}"></label>'
        for name in _FIELDS
    )
    address = (
        f'<label class="vw-field"><span>{html.e(t("notify.page"))}</span>'
        f'<input type="url" name="page" maxlength="300" value="{html.e(config.page)}"></label>'
    )
    save = f'<button type="submit" class="vw-btn">{html.e(t("notify.save"))}</button>'
    about = f'<p class="vw-dim">{html.e(t("notify.times_help"))}</p>'
    form = f'<form data-do="notify-times"><div class="vw-fields">{fields}{address}</div>{save}</form>'
    return html.details(t("notify.times"), about + form)


def _save_times(page: Page, fields: dict[str, Any]) -> None:
    texts = {name: str(fields.get(name, "")).strip() for name in _FIELDS}
    wrong = next((text for text in texts.values() if not (text.isascii() and text.isdigit())), None)
    if wrong is not None:
        raise UserError(
            "notify.no_number", "“{given}” is not a whole number.", "Write digits only.", given=wrong[:40] or " "
        )
    link = str(fields.get("page", "")).strip()[:300]
    if link and not link.startswith(("http://", "https://")):
        raise UserError("notify.page", "The page's address begins with https:// or http://.", "Write it like that.")
    quiet_from, quiet_to, after_minutes = (int(texts[name]) for name in _FIELDS)
    config = replace(
        notify.load(page.workspace),
        quiet_from=quiet_from,
        quiet_to=quiet_to,
        after_minutes=after_minutes,
        page=link,
        language=page.t.language,
    )
    notify.save(page.workspace, config)


def _own_address(page: Page) -> str:
    """Where this page was reached, as the browser told."""
    origin = Headers(scope=visitor.scope()).get("origin", "") if visitor.scope() else ""
    return f"{origin}{page.settings.root_path.rstrip('/')}" if origin.startswith("http") else ""
