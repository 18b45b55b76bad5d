"""A refused request's answer: one plain sentence in the language of the page that made it, a problem for programs."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from core.errors import UserError
from ui.http.api.problem import API_PATHS, NO_STORE, PROBLEM, body_of
from ui.i18n import Translator
from ui.language import LANGUAGES


def language_of(scope: Scope) -> str:
    """The language of the page that a path belongs to; the first one for all other paths."""
    name = scope.get("path", "").split("/")[1:2]
    return next((language for language in LANGUAGES if [language] == name), LANGUAGES[0])


async def refuse(error: UserError, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with an error's sentence, or as REST says errors."""
    if scope.get("path", "").startswith(API_PATHS):
        body = body_of(error, status)
        body["error"] = {"message": body["detail"], "type": "invalid_request_error", "code": error.code}  # as OpenAI's
        await JSONResponse(body, status, NO_STORE, PROBLEM)(scope, receive, send)
        return
    text = Translator(language_of(scope)).error(error.code, error.text, error.hint, error.values)
    await PlainTextResponse(text, status, {"Cache-Control": "no-store"})(scope, receive, send)
