"""Security middleware: Host, Origin and path prefix of a request, and the headers of its response."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import UserError
from core.settings import Settings
from ui.http.proxy_headers import connection_of
from ui.i18n import Translator
from ui.language import choose

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Nothing of the page comes from another machine; Gradio's own scripts need inline code, blobs and data addresses.
_CONTENT_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach an address to listen on."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings) -> None:
    """Refuse to be reachable from other computers without a password.

    Raises:
        UserError: ``server.no_password``.
    """
    password = settings.password.get_secret_value() if settings.password else ""
    if not is_loopback(settings.host) and not password:
        raise UserError(
            "server.no_password",
            "Other computers could reach {host}, so a password is needed.",
            "Set VOICEWRIGHT_PASSWORD, or listen on 127.0.0.1.",
            host=settings.host,
        )


def prefix(settings: Settings) -> str:
    """The path prefix behind a reverse proxy as ``/voice``, or an empty string."""
    path = "/".join(part for part in settings.root_path.split("/") if part)
    return f"/{path}" if path else ""


def host_name(value: str) -> str:
    """The name in a Host header: lower case, without port, brackets and trailing dot; empty if it is malformed."""
    try:
        parts = urlsplit(f"//{value.strip()}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return ""
    return (parts.hostname or "").rstrip(".")


class Prefix:
    """Takes the prefix off a path, so that a proxy may strip it or keep it, and localhost may use either."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        path: str = scope.get("path", "")
        if self.prefix and scope["type"] in ("http", "websocket") and f"{path}/".startswith(f"{self.prefix}/"):
            inner_path = path[len(self.prefix) :] or "/"
            scope = {**scope, "path": inner_path, "raw_path": inner_path.encode("utf-8")}
        await self.app(scope, receive, send)


class Guard:
    """Refuses foreign hosts and requests that another site makes; adds the security headers.

    Against a name that an attacker points at this computer (DNS rebinding) the Host header must be one we expect.
    Against other sites, browsers tell where a request comes from: Sec-Fetch-Site where the page is trustworthy
    (https or localhost), else Origin on everything but plain reads.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        extra = [host_name(name) for name in settings.allowed_hosts.split(",")]
        self.names = {
            name
            for name in (*_LOOPBACK_NAMES, host_name(_in_brackets(settings.host)), *extra)
            if name not in ("", "0.0.0.0", "::")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._host_refusal(scope)
        if not refusal and _from_elsewhere(scope, headers):
            facts = {"origin": headers.get("origin") or headers.get("sec-fetch-site"), "host": headers.get("host")}
            refusal = self._say(scope, "server.other_site", **facts)
        if refusal:
            response = PlainTextResponse(refusal, status_code=403)
            await response(scope, receive, _with_headers(scope, send))
            return
        await self.app(scope, receive, _with_headers(scope, send))

    def _host_refusal(self, scope: Scope) -> str:
        """Why no page is given under this name. The name that arrived has to be ours as well as a forwarded one.

        (A page of an attacker's name on this computer could send X-Forwarded-Host itself.)
        """
        connection = connection_of(scope)
        if len(connection.hosts) != 1:
            return self._say(scope, "server.host_missing")
        for value in (*connection.hosts, *connection.forwarded_hosts):
            if not self._is_known(host_name(value), scope):
                return self._say(scope, "server.host_unknown", host=value)
        return ""

    def _say(self, scope: Scope, key: str, **values: str | None) -> str:
        printable = {
            name: re.sub(r"[^\w.:/\[\]-]", "?", value or "-", flags=re.ASCII)[:100] for name, value in values.items()
        }
        return Translator(choose(HTTPConnection(scope), self.settings))(key, **printable)

    def _is_known(self, name: str, scope: Scope) -> bool:
        # The address that the connection came in on cannot be rebound: a browser asked for that very number.
        server = scope.get("server")
        return name in self.names or (server is not None and name != "" and name == str(server[0]).lower())


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _from_elsewhere(scope: Scope, headers: Headers) -> bool:
    """Whether another site makes this request; links that lead to a page here are welcome."""
    site = headers.get("sec-fetch-site")
    method = scope["method"]
    if site is not None and site not in ("same-origin", "none"):
        is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return not (method == "GET" and is_link and _is_page(scope["path"]))
    origin = headers.get("origin")
    if origin is None or (site is not None and method in _SAFE_METHODS):
        return False
    return not _same_origin(origin, headers)


def _is_page(path: str) -> bool:
    return path.count("/") <= 2 and not path.startswith(("/audio", "/download", "/gradio_api"))


def _same_origin(origin: str, headers: Headers) -> bool:
    own_host = headers.get("host", "").lower()
    scheme, _, place = origin.lower().partition("://")
    if scheme not in ("http", "https") or not place:
        return False
    default = ":443" if scheme == "https" else ":80"
    return own_host in (place, f"{place}{default}")


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "same-origin"
            headers["X-Frame-Options"] = "SAMEORIGIN"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            if headers.get("content-type", "").startswith("text/html"):
                headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)  # a report has a stricter one
            if headers.get("content-type", "").startswith("text/event-stream"):
                # nginx would otherwise hold every event back until the stream ends.
                headers["X-Accel-Buffering"] = "no"
        await send(message)

    return sender
