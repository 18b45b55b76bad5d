"""Forwarded headers of trusted proxies: everything behind sees the browser's address, scheme and host."""

from __future__ import annotations

import logging
from collections import defaultdict

from starlette.types import ASGIApp, Receive, Scope, Send

from core.system.connection import Connection, is_forwarding, parse_trusted_proxies, resolve

log = logging.getLogger("voicewright")
CONNECTION = "voicewright.connection"
_MOST_PEERS_NAMED = 20


class ProxyHeaders:
    """Applies the forwarding headers of trusted proxies and takes all of them off, so that nothing else believes them.

    What was found out stands in the scope (see `connection_of`).
    """

    def __init__(self, app: ASGIApp, trusted_proxies: str) -> None:
        self.app = app
        self.networks = parse_trusted_proxies(trusted_proxies)
        self._reported_peers: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] in ("http", "websocket"):
            scope = self._with_client(scope)
        await self.app(scope, receive, send)

    def _with_client(self, scope: Scope) -> Scope:
        headers: dict[str, list[str]] = defaultdict(list)
        for name, value in scope["headers"]:
            headers[name.decode("latin-1").lower()].append(value.decode("latin-1"))
        peer, port = scope.get("client") or ("", 0)
        connection = resolve(peer, scope.get("scheme", "http"), headers, self.networks)
        if connection.forwarding_headers and not connection.via_proxy:
            self._name(connection.peer)
        remaining = [pair for pair in scope["headers"] if not is_forwarding(pair[0].decode("latin-1").lower())]
        if connection.hosts != (connection.host,) and connection.forwarded_hosts:
            remaining = [pair for pair in remaining if pair[0].lower() != b"host"]
            remaining.append((b"host", connection.host.encode("latin-1")))
        return {
            **scope,
            "client": (connection.client, port if connection.client == peer else 0),
            "scheme": connection.scheme,
            "headers": remaining,
            CONNECTION: connection,
        }

    def _name(self, peer: str) -> None:
        """Say once of each peer that it isn't believed; anybody can send such headers, so only of some."""
        if peer not in self._reported_peers and len(self._reported_peers) < _MOST_PEERS_NAMED:
            self._reported_peers.add(peer)
            log.warning(
                "%s sends X-Forwarded headers, which are ignored. If it is your proxy, write %s into .env.",
                peer,
                f"VOICEWRIGHT_TRUSTED_PROXIES={peer}",
            )


def connection_of(scope: Scope) -> Connection:
    """How the request of this scope came here."""
    connection: Connection = scope[CONNECTION]
    return connection
