"""Reverse-proxy diagnosis: which proxies are believed, whose browser a request comes from, what is amiss."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from core.errors import UserError
from core.system.doctor import Finding

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# A proxy on this computer needs no setting.
_LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.1/32"), ip_network("::1/128"))
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")
_MAPPED_BITS = 96  # ::ffff:0:0/96 holds the addresses of IPv4 as a socket for both sees them


@dataclass(frozen=True)
class Connection:
    """What is known of a request once the headers of trusted proxies are read.

    Attributes:
        peer: address the connection itself comes from: a proxy's, or the browser's.
        client: address of the browser, as far as believed proxies tell.
        scheme: ``http`` or ``https``, as the browser uses it.
        host: the Host header as the browser sent it; empty if none came.
        hosts: every Host header that arrived, before a forwarded one took its place.
        forwarded_hosts: what X-Forwarded-Host named, believed or not.
        forwarded: lower-case names of the forwarding headers that arrived.
        trusted: whether the peer is a proxy that is believed.
    """

    peer: str
    client: str
    scheme: str
    host: str
    hosts: tuple[str, ...] = ()
    forwarded_hosts: tuple[str, ...] = ()
    forwarding_headers: frozenset[str] = frozenset()
    via_proxy: bool = False


def parse_address(text: str) -> Address | None:
    """An address as proxies write it (``10.0.0.5``, ``10.0.0.5:123``, ``[::1]:123``), or None.

    An IPv4 address that is written as an IPv6 one comes out as IPv4; the zone of a link-local one is left out.
    """
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match.group(1) or match.group(2) or ""
    try:
        address = ip_address(text.split("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_trusted_proxies(text: str) -> tuple[Network, ...]:
    """The networks a setting names, loopback among them.

    Args:
        text: addresses and networks, with commas or blanks between.

    Raises:
        UserError: ``server.trusted_proxy``, ``server.trusted_network``, ``server.trusted_everyone``.
    """
    return (*_LOOPBACK, *(_network(entry) for entry in re.split(r"[\s,;]+", text) if entry))


def _network(entry: str) -> Network:
    host, slash, bits = entry.strip("[]").partition("/")
    try:
        network: Network = ip_network(f"{host.strip('[]').split('%')[0]}{slash}{bits}", strict=False)
    except ValueError:
        raise UserError(
            "server.trusted_proxy",
            "“{entry}” in VOICEWRIGHT_TRUSTED_PROXIES is neither an address nor a network.",
            "Write the proxy's address in numbers, such as 10.0.0.5 or fd00::5, or a network such as 10.0.0.0/24.",
            entry=entry[:100],
        ) from None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= _MAPPED_BITS:
        network = IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - _MAPPED_BITS))
    if network.prefixlen == 0:
        raise UserError(
            "server.trusted_everyone",
            "“{entry}” in VOICEWRIGHT_TRUSTED_PROXIES would let every computer claim to be another.",
            "Write only the proxy's own address.",
            entry=entry,
        )
    if slash and parse_address(host) not in (None, network.network_address):
        raise UserError(
            "server.trusted_network",
            "“{entry}” in VOICEWRIGHT_TRUSTED_PROXIES may mean one computer or its whole network.",
            "Write {host} for the computer, or {network} for the network.",
            entry=entry,
            host=host,
            network=str(network),
        )
    return network


def is_trusted(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether a proxy with this address is believed."""
    return address is not None and any(address in network for network in networks)


def is_forwarding(name: str) -> bool:
    """Whether a header (lower case) is one by which proxies tell what they saw."""
    return name.startswith("x-forwarded-") or name in ("forwarded", "x-real-ip")


def resolve(peer: str, scheme: str, headers: Mapping[str, Sequence[str]], networks: Sequence[Network]) -> Connection:
    """Who asks, and how, by the forwarding headers as far as trusted proxies wrote them.

    Each proxy adds the address it was asked from at the right end of X-Forwarded-For. Read from there, the first
    that is no trusted proxy is the browser; whatever stands further left a browser may have made up. Scheme and
    host are taken from the same place of their own lists.

    Args:
        peer: address the connection comes from.
        scheme: of the connection.
        headers: all values of each header, by lower-case name.
        networks: from `parse_trusted_proxies`.
    """
    hosts = tuple(headers.get("host", ()))
    forwarded_hosts = tuple(_parts(headers.get("x-forwarded-host", ())))
    forwarding_headers = frozenset(filter(is_forwarding, headers))
    address = parse_address(peer)
    client = str(address or peer)
    host = hosts[0] if hosts else ""
    via_proxy = is_trusted(address, networks)
    if via_proxy:
        hops = 0
        for entry in reversed(_parts(headers.get("x-forwarded-for", ()))):
            address = parse_address(entry)
            if address is None:
                break
            client, hops = str(address), hops + 1
            if not is_trusted(address, networks):
                break
        proto = _nth_from_right(_parts(headers.get("x-forwarded-proto", ())), hops).lower()
        scheme = proto if proto in ("http", "https") else scheme
        host = _nth_from_right(forwarded_hosts, hops) or host
    return Connection(peer, client, scheme, host, hosts, forwarded_hosts, forwarding_headers, via_proxy)


def _parts(values: Sequence[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _nth_from_right(parts: Sequence[str], hops: int) -> str:
    """What the proxy next to the browser said; a list may be shorter, because many proxies replace it by their own."""
    return parts[-min(max(hops, 1), len(parts))] if parts else ""


def examine(connection: Connection, origin: str, trusted_proxies: str) -> list[Finding]:
    """What the System page says about the way the page is reached.

    Args:
        connection: of a request that the page's own script made.
        origin: its Origin header, in which a browser tells its address bar's scheme and host.
        trusted_proxies: the setting as it is, to which a proxy may have to be added.
    """
    page_scheme, peer = origin.partition("://")[0].lower(), connection.peer
    values = {"peer": peer, "client": connection.client, "host": connection.host}
    if connection.forwarding_headers and not connection.via_proxy:
        line = ",".join(filter(None, (trusted_proxies.strip(" ,"), str(parse_address(peer) or peer))))
        return [Finding("proxy_untrusted", "bad", {**values, "line": line}, "proxy_untrusted")]
    findings = []
    if page_scheme == "https" and connection.scheme != "https":
        findings.append(Finding("https_unseen", "bad", values, "https_unseen"))
    if connection.via_proxy and _is_proxied(connection) and "x-forwarded-for" not in connection.forwarding_headers:
        findings.append(Finding("client_unseen", "bad", values, "client_unseen"))
    if findings:
        return findings
    if not _is_proxied(connection):
        return [Finding("direct", "good", values)]
    return [Finding("proxied_https" if connection.scheme == "https" else "proxied", "good", values)]


def _is_proxied(connection: Connection) -> bool:
    """Whether a proxy stands between; one that tells nothing is known by a name that isn't this computer's."""
    if connection.forwarding_headers:
        return True
    name = urlsplit(f"//{connection.host}").hostname or ""
    address = parse_address(connection.peer)
    return address is not None and address.is_loopback and name not in _LOCAL_NAMES
