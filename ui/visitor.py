"""Whose request a handler is running for: how it came here, and its session."""

from __future__ import annotations

from gradio.context import LocalContext
from starlette.types import Scope


def scope() -> Scope:
    """The ASGI scope of the request behind the running handler; empty outside of one."""
    request = LocalContext.request.get(None)
    # Gradio wraps the request, and keeps only some fields of it where a handler was called by a program.
    return getattr(getattr(request, "request", request), "scope", None) or {}
