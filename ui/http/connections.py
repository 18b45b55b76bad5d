"""Connection limits: silent and slow connections are closed, and too many make room or are told so."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import resource
from collections import Counter
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0  # for the head of a request, from the connection's start or the end of the answer before
BODY_S = 30.0  # between two looks at a body; in each of these times at least so much of it must have come:
BODY_BYTES = 8192
LINGER_S = 10.0  # for a client that still sends what is not wanted, so that it can read the answer
KEEP_ALIVE_S = 5  # a connection without a new request
BACKLOG = 128  # connections that are accepted at one go
# Descriptors for everything else: files that are sent, databases, children's pipes, and one backlog of connections.
_RESERVED_DESCRIPTORS = 256
_MOST_DESCRIPTORS = 16_384
_TOO_SLOW = b"408 Request Timeout", b"This request did not arrive in time."
_TOO_MANY = b"503 Service Unavailable", b"There are too many connections to this page. Try again in a moment."


def raise_descriptor_limit(limit: int = _MOST_DESCRIPTORS) -> int:
    """Let this process open as many files and connections as it may, up to ``limit``; returns how many that are.

    Many systems start programs with 1,024 although they allow far more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = limit if hard == resource.RLIM_INFINITY else min(hard, limit)
    if soft == resource.RLIM_INFINITY or soft >= target:
        return limit if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        return target
    return soft


class ConnectionLimit:
    """How many connections there may be, in all and from one address (half of them), and which ones make room."""

    def __init__(self, limit_in_all: int) -> None:
        self.limit_in_all = max(2, limit_in_all)
        self.limit_per_client = self.limit_in_all // 2
        self._counts: Counter[str] = Counter()
        self._clients: dict[BudgetedProtocol, str] = {}
        self._waiting: dict[BudgetedProtocol, None] = {}  # those without a request, the longest first

    @classmethod
    def for_descriptors(cls, descriptors: int) -> ConnectionLimit:
        """As many as fit beside what else the server opens."""
        return cls(max(descriptors - _RESERVED_DESCRIPTORS, descriptors // 2))

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, connection: BudgetedProtocol, client: str) -> bool:
        """Count a new connection in; False where it must be refused because all others are at work."""
        if self._counts[client] >= self.limit_per_client and not self._evict(client):
            return False
        if len(self._clients) >= self.limit_in_all and not self._evict():
            return False
        self._clients[connection] = client
        self._counts[client] += 1
        return True

    def remove(self, connection: BudgetedProtocol) -> None:
        """It is gone, or refused; nothing happens if it was not counted."""
        self._waiting.pop(connection, None)
        client = self._clients.pop(connection, None)
        if client is not None:
            self._counts[client] -= 1
            self._counts += Counter()  # forgets those at zero

    def note(self, connection: BudgetedProtocol, waiting: bool) -> None:
        """Whether a connection waits for its next request, and may be closed where room is needed."""
        if not waiting:
            self._waiting.pop(connection, None)
        elif connection in self._clients:
            self._waiting.setdefault(connection)

    def _evict(self, client: str | None = None) -> bool:
        """Close the connection that waits longest, of one client or of all; False if none waits."""
        for connection in self._waiting:
            if client is None or self._clients[connection] == client:
                self.remove(connection)
                connection.transport.abort()
                return True
        return False


class BudgetedProtocol(H11Protocol):
    """One connection. Ends when no request comes, when one comes too slowly, or when there are too many.

    uvicorn itself closes only connections that are silent after an answer: one that never asked anything, or sends a
    byte an hour, stays as long as its client likes.
    """

    def __init__(self, *arguments: Any, limit: ConnectionLimit, **kwargs: Any) -> None:
        super().__init__(*arguments, **kwargs)
        self.limit = limit
        self._timer: asyncio.TimerHandle | None = None
        self._phase = ""  # head, body, linger or answer
        self._bytes_in = 0  # bytes, in all
        self._received_before = 0  # at the last look

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        if self.limit.add(self, _share_of(self.client)):
            self._follow()
        else:
            self._end(*_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self.limit.remove(self)
        self._set_timer("", 0.0, self._end)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        self._bytes_in += len(data)
        if not self.transport.is_closing():
            super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        """An answer is out."""
        super().on_response_complete()
        self._follow()

    def _follow(self) -> None:
        """Give the phase that the connection is in its time; one that goes on keeps the time it has."""
        phase = self._phase_now()
        self.limit.note(self, phase == "head")
        if phase == self._phase:
            return
        self._received_before = self._bytes_in
        if phase == "head":
            self._set_timer(phase, HEAD_S, lambda: self._end(*_TOO_SLOW))
        elif phase == "body":
            self._set_timer(phase, BODY_S, self._look_at_body)
        elif phase == "linger":
            self._set_timer(phase, LINGER_S, self.transport.close)
        else:
            self._set_timer(phase, 0.0, self._end)

    def _phase_now(self) -> str:
        if self.transport.is_closing():
            return ""
        if self.conn.their_state is h11.IDLE:
            return "head"
        if self.conn.their_state is not h11.SEND_BODY:
            return "answer"
        return "linger" if self.cycle is not None and self.cycle.response_complete else "body"

    def _look_at_body(self) -> None:
        came = self._bytes_in - self._received_before
        # Where reading is paused it is the application that takes its time.
        if came < BODY_BYTES and not self.flow.read_paused:
            self._end(*_TOO_SLOW)
            return
        self._received_before = self._bytes_in
        self._set_timer("body", BODY_S, self._look_at_body)

    def _set_timer(self, phase: str, seconds: float, then: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._phase = phase
        self._timer = self.loop.call_later(seconds, then) if seconds else None

    def _end(self, status: bytes = b"", text: bytes = b"") -> None:
        """Close the connection; with a word to the client if no answer has begun."""
        if self.transport.is_closing():
            return
        if status and (self.cycle is None or self.cycle.response_complete or not self.cycle.response_started):
            head = b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nRetry-After: 5\r\n"
            length = b"Content-Length: %d\r\n" % len(text)
            self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + head + length + b"\r\n" + text)
        self.transport.close()


def _share_of(client: tuple[str, int] | None) -> str:
    """Whose share of the connections one counts to: an IPv4 address, or the /64 that a household has of IPv6."""
    host = client[0] if client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host
