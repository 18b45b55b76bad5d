"""Login: the password page, the session's cookie, the way back to where one wanted to go, and the log of refusals."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections import deque
from html import escape
from string import Template
from urllib.parse import parse_qs, quote, unquote, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import Settings
from ui import ASSETS
from ui.http import address_check
from ui.http.api.problem import API_PATHS, NO_STORE, PROBLEM
from ui.http.api_keys import ApiKey, ApiKeys, token_of
from ui.http.security import prefix
from ui.http.sessions import SESSION_S, Session, Sessions
from ui.http.throttle import Throttle
from ui.i18n import Translator
from ui.language import LANGUAGES, choose

log = logging.getLogger("voicewright.login")
OPEN_PATHS = frozenset({"/health", "/login"})
SESSION = "voicewright.session"
SESSIONS = "voicewright.sessions"
_LARGEST_FORM = 4096
_LOOK_S = 2.0  # between two looks at whether the key of a long answer is still there
_LONGEST_WAY_BACK = 2000
_MOST_LINES_A_MINUTE = 600
_PAGE = Template((ASSETS / "login.html").read_text(encoding="utf-8"))
_KEY_TEXT, _KEY_HINT = (
    "This needs an API key.",
    "Make one on the System page; send it as Authorization: Bearer, or X-API-Key.",
)
# As `ui.http.api.problem` says errors, and as clients of OpenAI's API read them.
_KEY_NEEDED = {
    "type": "urn:voicewright:login.needed",
    "title": _KEY_TEXT,
    "status": 401,
    "code": "login.needed",
    "detail": f"{_KEY_TEXT} {_KEY_HINT}",
    "hint": _KEY_HINT,
    "error": {"message": f"{_KEY_TEXT} {_KEY_HINT}", "type": "invalid_request_error", "code": "invalid_api_key"},
}
_WORDS = ("title", "lead", "user", "password", "go")


def cookie_name(request: HTTPConnection, root: str) -> str:
    """The name of the session's cookie at the address a browser uses.

    Browsers keep one jar for all ports of a host, and for all paths below a path; so port and prefix are in the name.
    Over https the name has the prefix by which a browser refuses a cookie that another host or plain http has set.
    """
    secure = request.url.scheme == "https"
    prefix = ("__Secure-" if root else "__Host-") if secure else ""
    path = f"-{hashlib.sha256(root.encode()).hexdigest()[:8]}" if root else ""
    return f"{prefix}voicewright-{request.url.port or (443 if secure else 80)}{path}"


class LoginGuard:
    """Lets nobody past without a session, except to the login page and the health check.

    What programs ask (`API_PATHS`) an API key opens as well, and nothing else.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, keys: ApiKeys, root: str) -> None:
        self.app, self.sessions, self.keys, self.root = app, sessions, keys, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not self.sessions.is_required or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        session = _session(request, self.sessions, self.root)
        if session:
            if self.sessions.note_due(session):
                await run_in_threadpool(self.sessions.save)
            await self.app({**scope, SESSION: session, SESSIONS: self.sessions}, receive, send)
            return
        headers = Headers(scope=scope)
        is_api = scope["path"].startswith(API_PATHS)
        if is_api and (token := token_of(headers)) and (key := await run_in_threadpool(self.keys.find, token)):
            await self._answer_program(key, scope, receive, send)
            return
        refusal = _key_needed() if is_api else JSONResponse({"detail": "Log in first."}, status_code=401)
        if not is_api and "text/html" in headers.get("accept", ""):
            refusal = RedirectResponse(f"{self.root}/login{_asking(scope, self.root)}", status_code=303)
        refusal.headers["Cache-Control"] = "no-store"
        await refusal(scope, receive, send)

    async def _answer_program(self, key: ApiKey, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as long as the key is there: what comes for hours (events, speech) ends once it is revoked, and what
        had not begun by then is refused as if it had never been there."""
        looked_at, is_revoked, has_begun = time.monotonic(), False, False

        async def send_if_valid(message: Message) -> None:
            nonlocal looked_at, is_revoked, has_begun
            if time.monotonic() - looked_at >= _LOOK_S:
                looked_at = time.monotonic()
                is_revoked = is_revoked or not await run_in_threadpool(self.keys.has, key.id)
            if is_revoked:
                raise ConnectionResetError("the API key was revoked")
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_if_valid)
        except Exception:
            if not is_revoked:
                raise
        if is_revoked and not has_begun:
            await _key_needed()(scope, receive, send)


def _key_needed() -> Response:
    return JSONResponse(_KEY_NEEDED, 401, NO_STORE, PROBLEM)


def _session(request: HTTPConnection, sessions: Sessions, root: str) -> Session | None:
    return sessions.find(request.cookies.get(cookie_name(request, root), ""), _client(request))


def _client(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""


def _asking(scope: Scope, root: str) -> str:
    """The query by which the login page knows where a browser wanted to go; empty for the start page."""
    query = scope.get("query_string", b"").decode("latin-1")
    if scope["method"] != "GET" or (scope["path"] == "/" and not query):
        return ""
    place = f"{root}{quote(scope['path'])}{'?' if query else ''}{query}"
    return f"?next={quote(place, safe='')}" if way_back(place, root) == place else ""


def way_back(place: str, root: str) -> str:
    """``place`` if it is a page of ours, else the start page: a login must not lead to another site.

    Only a path below our own, written plainly, is one: no scheme, host or dots, no control characters, backslashes or
    second slashes, not even encoded (browsers and proxies read those in more ways than one).
    """
    start = f"{root}/"
    path, _, query = place.partition("?")
    plain = unquote(path)
    if (
        len(place) > _LONGEST_WAY_BACK
        or not re.fullmatch(r"/[\w.~!$&'()*+,;=:@%/-]*", path, re.ASCII)
        or not re.fullmatch(r"[!\"$-\[\]-~]*", query)
        or re.search(r"[\x00-\x20\x7f\\%]|//|(^|/)\.{1,2}(/|$)", plain)
        or not plain.startswith(start)
        or plain.removeprefix(root).rstrip("/") in ("/login", "/logout")
    ):
        return start
    return place


class RefusalLog:
    """Writes a line of the log for each refused login; a flood of them is cut off, since each costs room on disk."""

    def __init__(self) -> None:
        self._lines: deque[float] = deque(maxlen=_MOST_LINES_A_MINUTE)

    def add(self, client: str, reason: str) -> None:
        """Log one. The client is an address we read ourselves; nothing that was typed is in the line."""
        now = time.time()
        if len(self._lines) == _MOST_LINES_A_MINUTE and self._lines[0] > now - 60:
            return
        self._lines.append(now)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(now))
        printable = re.sub(r"[^\w.:%-]", "?", client, flags=re.ASCII)[:60] or "unknown"
        log.warning("%s voicewright: login refused for %s (%s)", stamp, printable, reason)


def routes(settings: Settings, sessions: Sessions) -> APIRouter:
    """``/login`` and ``/logout``."""
    router = APIRouter()
    throttle = Throttle(familiar=[session.address for session in sessions.active()])
    refusals = RefusalLog()
    root = prefix(settings)

    @router.get("/login")
    def form(request: Request) -> Response:
        if not sessions.is_required or _session(request, sessions, root):
            return RedirectResponse(way_back(request.query_params.get("next", ""), root), status_code=303)
        return _page(request, settings)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        place = way_back(request.query_params.get("next", ""), root)
        if not sessions.is_required:
            return RedirectResponse(place, status_code=303)
        client = _client(request)
        body = await _small_body(request)
        if body is None:
            refusals.add(client, "form too large")
            return _page(request, settings, "wrong", status=413)
        wait_s = throttle.wait_s(client)
        if wait_s > 0:
            refusals.add(client, "too many attempts")
            return _page(request, settings, "wait", status=429, headers={"Retry-After": str(int(wait_s) + 1)})
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        if not sessions.right(fields.get("user", [""])[0], fields.get("password", [""])[0]):
            refusals.add(client, "wrong user name or password")
            return _page(request, settings, "wrong", status=401)
        throttle.welcome(client)
        former = _session(request, sessions, root)
        token = await run_in_threadpool(_begin, sessions, former, client, request.headers.get("user-agent", ""))
        answer = RedirectResponse(place, status_code=303, headers={"Cache-Control": "no-store"})
        _set_cookie(answer, request, root, token, SESSION_S)
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        body = await _small_body(request)
        session: Session | None = request.scope.get(SESSION)
        if body is not None and "everywhere" in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True):
            await run_in_threadpool(sessions.end_all)
        elif session:
            await run_in_threadpool(sessions.end, session.id)
        answer = RedirectResponse(f"{root}/login", status_code=303, headers={"Cache-Control": "no-store"})
        _set_cookie(answer, request, root, "", 0)
        return answer

    return router


def _begin(sessions: Sessions, former: Session | None, client: str, agent: str) -> str:
    if former:
        sessions.end(former.id)
    return sessions.begin(client, agent)


def _set_cookie(answer: Response, request: Request, root: str, value: str, max_age: int) -> None:
    answer.set_cookie(
        cookie_name(request, root),
        value,
        max_age=max_age,
        path=root or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


async def _small_body(request: Request) -> bytes | None:
    """The body of a form; None if it is larger than any of ours."""
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > _LARGEST_FORM:
            return None
    return body


def _page(
    request: Request, settings: Settings, problem: str = "", *, status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    lang = _language(request, settings)
    t = Translator(lang)
    words = {word: escape(t(f"login.{word}")) for word in _WORDS}
    alert = f'<p role="alert">{escape(t(f"login.{problem}"))}</p>' if problem else ""
    return HTMLResponse(
        _PAGE.substitute(lang=lang, alert=alert, check=address_check.script(request.scope, lang), **words),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _language(request: Request, settings: Settings) -> str:
    """That of the page one wants to go to, else as everywhere."""
    path = urlsplit(way_back(request.query_params.get("next", ""), prefix(settings))).path
    first = path.removeprefix(prefix(settings)).split("/")[1]
    return first if first in LANGUAGES else choose(request, settings)
