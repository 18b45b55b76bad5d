"""What all tabs share: the open project, the translator, and how handlers are tied to events."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from core.damage import DamagedFile
from core.errors import UserError, described_bug
from core.jobs.args.sources import ImportArgs
from core.project.workspace import Project, Workspace
from core.reasons import failure_of
from core.settings import Settings
from ui import html
from ui.i18n import Translator

log = logging.getLogger("voicewright")
Updates = dict[Any, Any]


@dataclass(frozen=True)
class Tab:
    """One tab as the shell sees it.

    ``outputs`` are all components that ``refresh`` or ``tick`` may set. ``refresh`` takes the open project (or None),
    then the values of ``inputs``, and returns ``{component: value}``; it runs when the tab is opened and after every
    action. ``tick`` takes the project and the query of the address and returns ``{panel: HTML}``; it runs every second
    while the tab is open and can be seen, so it must be cheap. What it cannot show (what is visible, a form) is shown
    by a refresh whenever ``turn``, a word for it, has changed. A tab that keeps its place in the address (chosen
    recording, page, filter) has ``page.view`` among its inputs and reads it with `view_of`.
    """

    key: str
    outputs: list[Any]
    refresh: Callable[..., Updates]
    tick: Callable[[Project | None, str], Updates] | None = None
    inputs: Sequence[Any] = ()
    turn: Callable[[Project | None], str] | None = None


def view_of(query: str) -> dict[str, str]:
    """What the address says besides project and tab: ``?filter=new&clip=…`` by name."""
    return dict(parse_qsl(query.lstrip("?")))


@dataclass
class Page:
    """One language's page while it is being built."""

    settings: Settings
    workspace: Workspace
    t: Translator
    slug: gr.Textbox  # hidden: the open project's folder name
    tab_key: gr.Textbox  # hidden: the open tab
    view: gr.Textbox  # hidden: the query of the address, where a tab keeps its place

    def project(self, slug: str) -> Project | None:
        """The open project, or None if none is open or it is gone."""
        try:
            return self.workspace.project(slug) if slug else None
        except UserError:
            return None

    def wish(self, rights: str) -> ImportArgs:
        """What holds of all recordings that are added here: the person's note on their rights, the settings' limits."""
        limits = self.settings
        return ImportArgs(rights=rights or "", max_hours=limits.max_source_hours, max_mb=limits.max_upload_mb)

    def say(self, error: UserError) -> str:
        """An error in the page's language."""
        if isinstance(error, DamagedFile):
            error.within(self.workspace.path)
        return self.t.error(error.code, error.text, error.hint, error.values)

    def guard(self, fn: Callable[[], Updates | None], outputs: list[Any]) -> Any:
        """Run ``fn`` and spread its updates over ``outputs``; what goes wrong becomes a notice in the page."""
        updates: Updates | None = None
        try:
            updates = fn()
        except UserError as error:
            gr.Warning(html.e(self.say(error)), title=self.t("common.not_done"), duration=12)
        except Exception as error:
            log.exception("a handler failed")
            failure = failure_of(error)
            text = self.say(failure) if failure else self.t("common.bug", error=described_bug(error))
            gr.Warning(html.e(text), title=self.t("common.not_done"), duration=12)
        values = [(updates or {}).get(component, gr.skip()) for component in outputs]
        return values[0] if len(values) == 1 else (values or None)

    def on(
        self,
        event: Callable[..., Any],
        fn: Callable[..., Updates | None],
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        *,
        refresh: bool = True,
        **options: Any,
    ) -> Any:
        """Tie a handler to an event, such as ``button.click`` or ``panel.act``.

        ``fn(project, *inputs)`` returns ``{component: value}`` or None. For an ``act`` event of a `Panel` it is
        ``fn(project, evt, *inputs)``, with ``evt.do``, ``evt.id``, ``evt.value`` and ``evt.view`` (see `view_of`).
        A `UserError` becomes a notice; any other exception is logged in full and named. Then the header and the open
        tab are shown anew, unless ``refresh=False``.
        """
        outputs = list(outputs)

        def plain(slug: str, *values: Any) -> Any:
            return self.guard(lambda: fn(self.project(slug), *values), outputs)

        def with_event(evt: gr.EventData, slug: str, *values: Any) -> Any:
            return self.guard(lambda: fn(self.project(slug), evt, *values), outputs)

        handler: Callable[..., Any] = plain
        if list(inspect.signature(fn).parameters)[1:2] == ["evt"]:
            handler = with_event
            # A field that is left by clicking a button sends two events: Gradio would drop the second.
            options.setdefault("trigger_mode", "multiple")
        options.setdefault("show_progress", "hidden")
        # Nothing shows it, yet a browser would tell each output of each event's progress, at every step of any event.
        options.setdefault("show_progress_on", self.slug)
        options.setdefault("api_visibility", "private")
        dependency = event(handler, [self.slug, *inputs], outputs, **options)
        if refresh:
            dependency = dependency.then(None, js="() => window.vw.refresh()")
        return dependency
