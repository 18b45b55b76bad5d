"""The system tab: lights with fixes, base models, disk, settings, about."""

from __future__ import annotations

import gradio as gr
from starlette.datastructures import Headers

from core.damage import DamagedFile
from core.engines.bases import BaseState
from core.engines.registry import bases, engines
from core.project.usage import discard_features, models_usage, project_usage
from core.project.workspace import Project
from core.system import connection, doctor
from core.system.doctor import Finding
from ui import html
from ui.http import visitor
from ui.http.api_keys import ApiKey, ApiKeys
from ui.http.login import SESSION, SESSIONS
from ui.http.proxy_headers import CONNECTION
from ui.http.sessions import Session
from ui.i18n import Translator
from ui.page import Page, Tab, Updates
from ui.parts import Panel
from ui.parts.trash_list import act_on_trash, trash_list
from ui.tabs.system.batches import act_on_batches, batches_card, is_trying
from ui.tabs.system.explanations import act_on_explanations, explanations_card
from ui.tabs.system.notifications import act_on_notifications, notifications_card
from ui.tabs.train.base_model import license_note

_WORTH_DELETING = 1_000_000  # bytes


def build(page: Page) -> Tab:
    """Lay the tab out."""
    t = page.t
    panel = Panel()
    batches = Panel()
    with gr.Column(elem_classes=["vw-card"]):
        about_keys, new_key = Panel(), Panel()
        key_name = gr.Textbox(
            label=t("keys.name"), placeholder=t("keys.name_example"), max_length=80, elem_id="key-name",
            elem_classes=["vw-draft"],
        )  # fmt: skip
        make = Panel()
    bin_ = Panel()
    keys = ApiKeys(page.settings)

    def refresh(project: Project | None) -> Updates:
        parts = [
            html.heading(t("tabs.system"), t("system.purpose")),
            _health(t, [*doctor.examine(page.workspace.path), *_connection_findings(page)]),
            _models(page),
            _usage(page),
            notifications_card(page),
            explanations_card(page),
            _settings(page),
            _logins(t),
            _about(t),
        ]
        return {
            panel: "".join(parts),
            batches: batches_card(page, project),
            about_keys: _keys(page, keys),
            make: f'<div class="vw-row">{html.action(t("keys.make"), "make-key", elem_id="make-key")}</div>',
            bin_: trash_list(t, page.workspace),
        }

    def on_key(_: Project | None, evt: gr.EventData, name: str) -> Updates:
        if evt.do == "revoke-key":
            keys.revoke(evt.id)
            return {new_key: ""}
        # The one time that it is shown: it is kept nowhere.
        return {new_key: _new_key(t, keys.create(name)), key_name: ""}

    def tick(project: Project | None, _query: str) -> Updates:
        return {batches: batches_card(page, project)} if is_trying(project) else {}

    def act(project: Project | None, evt: gr.EventData) -> None:
        sessions = visitor.scope().get(SESSIONS)
        if sessions and evt.do == "end-session":
            sessions.end(evt.id)
        elif evt.do == "discard-features":
            discard_features(page.workspace.project(evt.id))
        elif not (
            act_on_notifications(page, evt) or act_on_explanations(page, evt) or act_on_batches(page, project, evt)
        ):
            act_on_trash(page.workspace, evt)

    for area in (panel, batches, bin_):
        page.on(area.act, act)
    for area in (about_keys, make):
        page.on(area.act, on_key, [key_name], [new_key, key_name])
    return Tab("system", [panel, batches, about_keys, make, bin_], refresh, tick)


def _connection_findings(page: Page) -> list[Finding]:
    """How this very request came here."""
    scope = visitor.scope()
    if CONNECTION not in scope:
        return []
    origin = Headers(scope=scope).get("origin", "")
    return connection.examine(scope[CONNECTION], origin, page.settings.trusted_proxies)


def _health(t: Translator, findings: list[Finding]) -> str:
    tones = {finding.tone for finding in findings}
    verdict = (
        ("some_bad", "bad") if "bad" in tones else ("some_fair", "info") if "fair" in tones else ("all_good", "good")
    )
    lines = "".join(f"<li>{html.light(finding.tone, _line(t, finding))}{_fix(t, finding)}</li>" for finding in findings)
    return (
        f'<section class="vw-card"><h3>{html.e(t("system.health"))}</h3>'
        f'{html.notice(t(f"system.{verdict[0]}"), verdict[1])}<ul class="vw-lights">{lines}</ul></section>'
    )


def _line(t: Translator, finding: Finding) -> str:
    values = {name: t.number(value, 1) if isinstance(value, float) else value for name, value in finding.values.items()}
    return t(f"system.{finding.key}", **t.with_reasons(values))


def _fix(t: Translator, finding: Finding) -> str:
    return f'<p class="vw-fix">{html.e(t(f"system.fix_{finding.fix}", **finding.values))}</p>' if finding.fix else ""


def _models(page: Page) -> str:
    t = page.t
    lines = []
    for engine in engines():
        models = bases(engine.name)
        states = [models.state(page.workspace.models, id_) for id_ in models.catalog]
        lines += [f"<li>{_model(t, engine.label, state)}</li>" for state in states]
    lead = html.go(t("system.to_train"), "train", style="")
    return (
        f'<section class="vw-card"><h3>{html.e(t("system.models"))}</h3>'
        f'<ul class="vw-lights">{"".join(lines)}</ul><div class="vw-row">{lead}</div></section>'
    )


def _model(t: Translator, engine: str, state: BaseState) -> str:
    label = f"{state.base.label} ({engine})" if state.base.is_made else state.base.label  # each engine has a starter
    size, total = t.megabytes(state.done_bytes), t.megabytes(state.total_bytes)
    if state.status == "ready":
        return html.light("good", t("system.model_ready", label=label, size=total))
    if state.status == "partial":
        return html.light("fair", t("system.model_partial", label=label, size=size, total=total))
    if not state.base.is_made:
        return html.light("none", t("system.model_missing", label=label))
    return html.light("none", t("system.model_small" if state.is_trained else "system.model_starter", label=label))


def _usage(page: Page) -> str:
    """What takes the disk's room: a row a project, a column a kind."""
    t = page.t
    projects = page.workspace.projects()
    rows = [(project.info.name, project_usage(project)) for project in projects]
    kinds = [kind for kind in next(iter(rows), ("", {}))[1] if any(usage[kind] for _, usage in rows)]
    head = "".join(f"<th>{html.e(t(f'usage.{name}'))}</th>" for name in ("project", *kinds, "total"))
    body = "".join(
        f"<tr><td>{html.e(name)}</td>"
        + "".join(f"<td>{html.e(t.megabytes(usage[kind]) if usage[kind] else '–')}</td>" for kind in kinds)
        + f"<td><b>{html.e(t.megabytes(sum(usage.values())))}</b></td></tr>"
        for name, usage in rows
    )
    table = (
        f'<div class="vw-scroll vw-usage" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    models = f"<p>{html.e(t('usage.models'))}: {html.e(t.megabytes(models_usage(page.workspace)))}</p>"
    about = f'<p class="vw-dim">{html.e(t("usage.help"))}</p>'
    buttons = "".join(
        html.action(
            t("usage.discard_features", project=name, size=t.megabytes(usage["features"])),
            "discard-features",
            project.slug,
            confirm=t("usage.discard_features_question", project=name),
        )
        for project, (name, usage) in zip(projects, rows, strict=True)
        if usage["features"] >= _WORTH_DELETING
    )
    safe = f'<p class="vw-dim">{html.e(t("usage.can_go"))}</p><div class="vw-row">{buttons}</div>' if buttons else ""
    below = about + table + safe if rows else ""
    return f'<section class="vw-card"><h3>{html.e(t("usage.title"))}</h3>{models}{below}</section>'


def _settings(page: Page) -> str:
    t = page.t
    rows = "".join(
        f"<tr><td><code>{html.e(line.variable)}</code></td><td>{html.e(line.value or t('system.empty_value'))}</td>"
        f'<td class="vw-dim">{html.e(t(f"setting.{line.name}"))}</td></tr>'
        for line in doctor.setting_lines(page.settings)
    )
    head = "".join(f"<th>{html.e(t(f'system.col_{name}'))}</th>" for name in ("setting", "value", "what"))
    table = f'<div class="vw-scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return html.details(t("system.settings"), f'<p class="vw-dim">{html.e(t("system.settings_help"))}</p>{table}')


def _logins(t: Translator) -> str:
    """Who is logged in, and a plain form: it ends the session and shows the page that asks for the password."""
    scope = visitor.scope()
    if SESSION not in scope:
        return ""
    session_id = scope[SESSION].id
    rows = "".join(f"<li>{_login(t, session, session.id == session_id)}</li>" for session in scope[SESSIONS].active())
    buttons = (
        f'<button type="submit" class="vw-btn" id="log-out">{html.e(t("system.log_out"))}</button>'
        f'<button type="submit" class="vw-btn" name="everywhere" id="log-out-everywhere">'
        f"{html.e(t('system.log_out_everywhere'))}</button>"
    )
    return (
        f'<section class="vw-card"><h3>{html.e(t("system.sessions"))}</h3><p class="vw-dim">'
        f'{html.e(t("system.sessions_help"))}</p><ul class="vw-logins">{rows}</ul>'
        f'<form method="post" action="../logout"><div class="vw-row">{buttons}</div></form></section>'
    )


def _login(t: Translator, session: Session, is_own: bool) -> str:
    name = session.browser or t("system.session_unknown")
    if session.browser and session.system:
        name = t("system.session_browser", browser=session.browser, system=session.system)
    times = {"since": t.moment(session.since), "seen": t.moment(session.seen), "address": session.address or "–"}
    end = f'<span class="vw-chip">{html.e(t("system.session_this"))}</span>'
    if not is_own:
        end = html.action(t("system.session_end"), "end-session", session.id)
    return f"<p><b>{html.e(name)}</b><span>{html.e(t('system.session_times', **times))}</span></p>{end}"


def _keys(page: Page, keys: ApiKeys) -> str:
    """What programs may come in by."""
    t = page.t
    try:
        rows = "".join(f"<li>{_key(t, key)}</li>" for key in keys.all())
    except DamagedFile as error:
        return f"<h3>{html.e(t('keys.title'))}</h3>{html.notice(page.say(error), 'bad')}"
    content = f'<ul class="vw-logins">{rows}</ul>' if rows else f'<p class="vw-dim">{html.e(t("keys.none"))}</p>'
    open_ = "" if page.settings.password else html.notice(t("keys.not_needed"))
    help_ = f'<p class="vw-dim">{html.e(t("keys.help"))}</p>'
    return f"<h3>{html.e(t('keys.title'))}</h3>{help_}{open_}{content}"


def _key(t: Translator, key: ApiKey) -> str:
    times = t("keys.times", made=t.moment(key.made), used=t.moment(key.used)) if key.used else ""
    times = times or t("keys.never_used", made=t.moment(key.made))
    label, question = t("keys.revoke"), t("keys.revoke_sure", name=key.name)
    revoke = html.action(label, "revoke-key", key.id, confirm=question, title=f"{label}: {key.name}")
    return f"<p><b>{html.e(key.name)}</b><span>{html.e(times)}</span></p>{revoke}"


def _new_key(t: Translator, token: str) -> str:
    return html.notice(t("keys.shown_once")) + f'<pre class="vw-log" tabindex="0" id="new-key">{html.e(token)}</pre>'


def _about(t: Translator) -> str:
    licenses = (f"{engine.label}: {license_note(t, engine)}" for engine in engines())
    lines = [t("system.about_text", version=doctor.version()), *licenses]
    lines += [t("system.about_consent"), t("system.about_demo")]
    text = "".join(f"<p>{html.e(line)}</p>" for line in lines)
    return f'<section class="vw-card"><h3>{html.e(t("system.about"))}</h3>{text}</section>'
