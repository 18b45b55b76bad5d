"""Rate limit of password guesses: one for each client, one for all strangers, a share for who logged in before."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable

_MOST_KNOWN = 256


def client_key(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one household or attacker has of IPv6."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address


class Throttle:
    """Counts the guesses that were looked at in the last minute.

    Args:
        per_client: most of one client.
        in_all: most of all clients together that never logged in; those that did have ``per_client`` of their own, so
            that no number of strangers locks them out.
        window_s: length of the minute.
        known: addresses that logged in before.
    """

    def __init__(
        self, per_client: int = 10, in_all: int = 60, window_s: float = 60.0, familiar: Iterable[str] = ()
    ) -> None:
        self.per_client, self.in_all, self.window_s = per_client, in_all, window_s
        self._strangers: deque[float] = deque()
        self._clients: dict[str, deque[float]] = {}
        self._familiar: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        for address in familiar:
            self.welcome(address)

    def welcome(self, address: str) -> None:
        """Keep a share for an address that has logged in."""
        with self._lock:
            self._familiar[client_key(address)] = None
            self._familiar.move_to_end(client_key(address))
            while len(self._familiar) > _MOST_KNOWN:
                self._familiar.popitem(last=False)

    def wait_s(self, address: str, now: float | None = None) -> float:
        """Take a turn: 0 if this guess may be looked at, else the seconds until the next one may be."""
        now = time.monotonic() if now is None else now
        client = client_key(address)
        with self._lock:
            self._forget(now)
            limits = [(self._clients.get(client, deque()), self.per_client)]
            if client not in self._familiar:
                limits.append((self._strangers, self.in_all))
            waits = [turns[0] + self.window_s - now for turns, limit in limits if len(turns) >= limit]
            if waits:
                return max(waits)
            self._clients.setdefault(client, deque()).append(now)
            if client not in self._familiar:
                self._strangers.append(now)
            return 0.0

    def _forget(self, now: float) -> None:
        for client, turns in list(self._clients.items()):
            _drop_old(turns, now - self.window_s)
            if not turns:
                del self._clients[client]
        _drop_old(self._strangers, now - self.window_s)


def _drop_old(turns: deque[float], before: float) -> None:
    while turns and turns[0] <= before:
        turns.popleft()
