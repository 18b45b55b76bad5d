"""Polling: what an open page asks for every second, the panels whose content changed. Gradio has no part in it."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.project.workspace import Project
from ui.page import Page, Tab, Updates
from ui.parts.damage import is_blocked

PATH = "/live"
_LARGEST_BODY = 32 * 1024
_MOST_COMPLAINTS = 100
log = logging.getLogger("voicewright")
Frame = Callable[[Project | None, str, str], str]


class LiveRequest(BaseModel):
    """Where a page is, and the marks of what it shows by panel."""

    project: str = Field("", max_length=200)
    tab: str = Field("home", max_length=40)
    view: str = Field("", max_length=8_000)
    seen: dict[str, str] = Field(default_factory=dict, max_length=100)


class Live:
    """Answers for one language's page.

    Args:
        frame: header and steps of a page by its panel, made from the project, the open tab's key, and what the rest
            of that tab turns on (see `Tab.turn`).
    """

    def __init__(self, page: Page, tabs: dict[str, Tab], frame: dict[gr.HTML, Frame]) -> None:
        self.page, self.tabs, self.frame = page, tabs, frame
        self._names = {panel: f"frame-{number}" for number, panel in enumerate(frame)}
        for tab in tabs.values():
            panels = [output for output in tab.outputs if isinstance(output, gr.HTML)]
            self._names |= {panel: f"{tab.key}-{number}" for number, panel in enumerate(panels)}
        for panel, name in self._names.items():
            panel.props["live"] = name
        # Of the page that is served: one that was opened at another has to be loaded anew.
        self.version = ""
        self._complaints: set[str] = set()

    def answer(self, request_: LiveRequest) -> dict[str, Any]:
        """``panels``: HTML and mark of those that differ from what was seen; ``turn``: see `Tab.turn`; ``version``."""
        project, tab = self.page.project(request_.project), self.tabs.get(request_.tab)
        if is_blocked(project, request_.tab):
            tab = None
        turn = ""
        if tab and tab.turn:
            turn = str(self._try(request_.tab, functools.partial(tab.turn, project)) or "")
        content_of: Updates = {}
        for panel, make in self.frame.items():
            content_of |= self._try("frame", functools.partial(_update, panel, make, project, request_.tab, turn)) or {}
        if tab and tab.tick:
            content_of |= self._try(request_.tab, functools.partial(tab.tick, project, request_.view)) or {}
        panels = {}
        for panel, content in content_of.items():
            name, mark = self._names[panel], _mark(content)
            if request_.seen.get(name) != mark:
                panels[name] = [mark, content]
        return {"version": self.version, "turn": turn, "panels": panels}

    async def respond(self, request: Request) -> Response:
        """The answer to a POST of `LiveRequest` as JSON."""
        body = bytearray()
        async for block in request.stream():
            body += block
            if len(body) > _LARGEST_BODY:
                return JSONResponse({"detail": "too large"}, status_code=413)
        try:
            request_ = LiveRequest.model_validate_json(bytes(body))
        except ValueError:
            return JSONResponse({"detail": "not understood"}, status_code=422)
        answer = await run_in_threadpool(self.answer, request_)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _try(self, source: str, make: Callable[[], Any]) -> Any:
        """What it makes. What goes wrong is logged once and shown nowhere: each second would show it again."""
        try:
            return make()
        except Exception as error:
            complaint = f"{source}: {type(error).__name__}: {error}"
            if complaint not in self._complaints and len(self._complaints) < _MOST_COMPLAINTS:
                self._complaints.add(complaint)
                log.exception("a page could not be kept live: %s", complaint)
            return None


def version_of(config: Any) -> str:
    """A mark of a page's components and events, the same after a restart of the same program."""
    parts = json.dumps([config["components"], config["dependencies"]], default=str, sort_keys=True)
    return _mark(parts)


def _mark(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()


def _update(panel: gr.HTML, make: Frame, project: Project | None, tab: str, turn: str) -> Updates:
    return {panel: make(project, tab, turn)}
