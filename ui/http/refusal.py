"""A refused request's answer: one plain sentence in the language of the page that made it."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from core.errors import UserError
from ui.i18n import Translator
from ui.language import LANGUAGES


def language_of(scope: Scope) -> str:
    """The language of the page that a path belongs to; the first one for all other paths."""
    name = scope.get("path", "").split("/")[1:2]
    return next((language for language in LANGUAGES if [language] == name), LANGUAGES[0])


async def refuse(error: UserError, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with an error's sentence."""
    text = Translator(language_of(scope)).error(error.code, error.text, error.hint, error.values)
    await PlainTextResponse(text, status, {"Cache-Control": "no-store"})(scope, receive, send)
