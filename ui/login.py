"""The password: its page, its session cookie, and the brake on guessing."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import os
import secrets
import tempfile
import time
from collections import deque
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from core.settings import Settings
from ui.i18n import Translator
from ui.language import choose
from ui.security import prefix

COOKIE = "voicewright_session"
SESSION_S = 30 * 24 * 3600
OPEN_PATHS = frozenset({"/health", "/login"})
_LARGEST_FORM = 4096
_PAGE = Template((Path(__file__).parent / "assets" / "login.html").read_text(encoding="utf-8"))
_WORDS = ("title", "lead", "user", "password", "go")


class Throttle:
    """Counts the guesses that were looked at in the last minute, of each client and of all together."""

    def __init__(self, per_client: int = 10, in_all: int = 60, window_s: float = 60.0) -> None:
        self.per_client, self.in_all, self.window_s = per_client, in_all, window_s
        self._all: deque[float] = deque()
        self._clients: dict[str, deque[float]] = {}

    def wait_s(self, client: str, now: float | None = None) -> float:
        """Take a turn: 0 if this guess may be looked at, else the seconds until the next one may be."""
        now = time.monotonic() if now is None else now
        self._forget(now)
        own = self._clients.get(client, deque())
        waits = [
            turns[0] + self.window_s - now
            for turns, most in ((own, self.per_client), (self._all, self.in_all))
            if len(turns) >= most
        ]
        if waits:
            return max(waits)
        self._clients.setdefault(client, deque()).append(now)
        self._all.append(now)
        return 0.0

    def _forget(self, now: float) -> None:
        for client, turns in list(self._clients.items()):
            _drop_old(turns, now - self.window_s)
            if not turns:
                del self._clients[client]
        _drop_old(self._all, now - self.window_s)


def _drop_old(turns: deque[float], before: float) -> None:
    while turns and turns[0] <= before:
        turns.popleft()


def _key(folder: Path) -> bytes:
    """The workspace's own signing key, made at first use and readable by its owner alone."""
    path = folder / "session.key"
    if not path.exists():
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        # Whoever links first wins, so two starts at once end with the same key.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        os.unlink(name)
    return path.read_bytes()


class Sessions:
    """Signs sessions and checks them; a changed user name or password ends every session."""

    def __init__(self, settings: Settings) -> None:
        password = settings.password.get_secret_value() if settings.password else ""
        self.needed = bool(password)
        self._user, self._password = settings.user, password
        if self.needed:
            folder = settings.workspace_folder()
            folder.mkdir(parents=True, exist_ok=True)
            said = f"{len(settings.user)}:{settings.user}{password}".encode()
            self._signing = hmac.new(_key(folder), said, hashlib.sha256).digest()

    def right(self, user: str, password: str) -> bool:
        """Whether both are right, in a time that does not depend on how much of them is."""
        same_user = hmac.compare_digest(_digest(user), _digest(self._user))
        same_password = hmac.compare_digest(_digest(password), _digest(self._password))
        return same_user and same_password

    def issue(self, now: float | None = None) -> str:
        """A session that ends ``SESSION_S`` from now."""
        until = int((time.time() if now is None else now) + SESSION_S)
        said = f"{until}.{secrets.token_urlsafe(8)}"
        return f"{said}.{self._signature(said)}"

    def valid(self, session: str) -> bool:
        """Whether we issued it and it has not ended."""
        said, _, signature = session.rpartition(".")
        until = said.partition(".")[0]
        if not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            return False
        return until.isascii() and until.isdigit() and int(until) > time.time()

    def _signature(self, said: str) -> str:
        raw = hmac.new(self._signing, said.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class LoginNeeded:
    """Lets nobody past without a session, except to the login page and the health check."""

    def __init__(self, app: ASGIApp, sessions: Sessions, root: str) -> None:
        self.app, self.sessions, self.root = app, sessions, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not self.sessions.needed or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        if self.sessions.valid(HTTPConnection(scope).cookies.get(COOKIE, "")):
            await self.app(scope, receive, send)
            return
        wants_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
        refusal: Response = JSONResponse({"detail": "Log in first."}, status_code=401)
        if wants_page:
            refusal = RedirectResponse(f"{self.root}/login", status_code=303)
        refusal.headers["Cache-Control"] = "no-store"
        await refusal(scope, receive, send)


def _client(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    # One household or attacker owns a whole /64 of IPv6.
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def routes(settings: Settings, sessions: Sessions) -> APIRouter:
    """``/login`` and ``/logout``."""
    router = APIRouter()
    throttle = Throttle()
    root = prefix(settings)

    @router.get("/login")
    def form(request: Request) -> Response:
        if not sessions.needed or sessions.valid(request.cookies.get(COOKIE, "")):
            return RedirectResponse(f"{root}/", status_code=303)
        return _page(choose(request, settings))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        if not sessions.needed:
            return RedirectResponse(f"{root}/", status_code=303)
        lang = choose(request, settings)
        body = b""
        async for block in request.stream():
            body += block
            if len(body) > _LARGEST_FORM:
                return _page(lang, "wrong", status=413)
        wait_s = throttle.wait_s(_client(request))
        if wait_s > 0:
            return _page(lang, "wait", status=429, headers={"Retry-After": str(int(wait_s) + 1)})
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        if not sessions.right(fields.get("user", [""])[0], fields.get("password", [""])[0]):
            return _page(lang, "wrong", status=401)
        answer = RedirectResponse(f"{root}/", status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, sessions.issue(), max_age=SESSION_S, path="/", httponly=True, samesite="lax", secure=secure
        )
        return answer

    @router.post("/logout")
    def log_out() -> Response:
        answer = RedirectResponse(f"{root}/login", status_code=303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
        return answer

    return router


def _page(lang: str, problem: str = "", *, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    t = Translator(lang)
    words = {word: escape(t(f"login.{word}")) for word in _WORDS}
    alert = f'<p role="alert">{escape(t(f"login.{problem}"))}</p>' if problem else ""
    return HTMLResponse(
        _PAGE.substitute(lang=lang, alert=alert, **words),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
