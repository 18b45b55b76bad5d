"""Request context: whose request a handler is running for, how it came here, and its session."""

from __future__ import annotations

from gradio.context import LocalContext
from starlette.types import Scope

from ui.http.login import SESSION
from ui.http.sessions import Session


def scope() -> Scope:
    """The ASGI scope of the request behind the running handler; empty outside of one."""
    request = LocalContext.request.get(None)
    # Gradio wraps the request, and keeps only some fields of it where a handler was called by a program.
    return getattr(getattr(request, "request", request), "scope", None) or {}


def login_name() -> str:
    """A short name of the login behind the running handler, the same for as long as that lasts; empty without one."""
    session: Session | None = scope().get(SESSION)
    return session.id[:12] if session else ""
