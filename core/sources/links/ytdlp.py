"""yt-dlp as a library: no settings or plugins of the account, no private address, no other program on the network.

Only workers import this module, and only when a link is fetched: it imports yt-dlp.
"""

from __future__ import annotations

import functools
import http.client
import ipaddress
import os
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

os.environ["YTDLP_NO_PLUGINS"] = "1"  # plugins of the account are none of ours; read when yt-dlp is imported, and again
import yt_dlp
from yt_dlp.networking import _urllib as networking

from core.sources.links.url_guard import is_private_name

errors = yt_dlp.utils
# Never the generic extractor: it fetches any address, those of the own network among them.
EXTRACTORS = ("default", "-generic")
# For tests alone: “127.0.0.1:port” of a server that answers, without encryption, for every host there is.
TEST_SITE = "VOICEWRIGHT_TEST_SITE"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_NETWORK = {
    "allowed_extractors": list(EXTRACTORS),
    "quiet": True,
    "noprogress": True,
    "cachedir": False,
    "usenetrc": False,
    "hls_prefer_native": True,
    "external_downloader": {"default": "native"},
    # A folder without FFmpeg: on an address it would follow it wherever it leads.
    "ffmpeg_location": str(Path(__file__).parent),
    "postprocessors": [],
    "fixup": "never",
}


class PrivateAddress(OSError):
    """An address of the own network was about to be asked."""


def is_public(address: str) -> bool:
    """Whether an address in numbers is one of the internet at large; what is no such address is not."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = ip
    if isinstance(ip, ipaddress.IPv6Address):  # one of version 4 may be wrapped in it
        ipv4 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
        inner = ip.ipv4_mapped or ip.sixtofour or ipv4 or ip
    return bool(inner.is_global and not inner.is_multicast)


class Loader(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """`yt_dlp.YoutubeDL` that asks nobody but public addresses; ``options`` are added to what is fixed here."""

    def __init__(self, options: dict[str, Any]) -> None:
        proxy = {"proxy": ""} if os.environ.get(TEST_SITE) else {}
        os.environ["YTDLP_NO_PLUGINS"] = "1"  # a forked job's environment is another than when this was imported
        super().__init__({**options, **_NETWORK, **proxy})

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """One way to the network, the one that looks where it goes."""
        return super().build_request_director([GuardedRH], None)


class GuardedRH(networking.UrllibRH):  # type: ignore[misc]
    """yt-dlp's way to the network by Python's own library, looked at before each request and each connection."""

    _SUPPORTED_URL_SCHEMES = ("http", "https", "data")

    def _create_instance(self, *args: Any, **kwargs: Any) -> Any:
        opener = super()._create_instance(*args, **kwargs)
        for way in (opener.handle_open["http"], opener.handle_open["https"]):
            for at, handler in enumerate(way):
                if isinstance(handler, networking.HTTPHandler):
                    way[at] = _GuardedHandler(context=handler._context, source_address=handler._source_address)
        opener.handle_open.pop("ftp", None)
        opener.add_handler(_Gate())
        return opener


class _Gate(urllib.request.BaseHandler):
    """Looks at every address before it is asked: the first one, and where redirects lead."""

    handler_order = 1

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        parts = urlsplit(request.full_url)
        host = parts.hostname or ""
        # Some sites hand out sound from servers without a name: those are looked at as numbers.
        if parts.scheme not in ("http", "https") or (is_private_name(host) and not is_public(host)):
            raise PrivateAddress(f"private address: {host}")
        return request

    https_request = http_request


class _GuardedHandler(networking.HTTPHandler):  # type: ignore[misc]
    """Connects to public addresses only, whatever a name stands for; a proxy that was set up may be a private one."""

    def https_open(self, request: Any) -> Any:
        if os.environ.get(TEST_SITE):
            return self.http_open(request)
        return super().https_open(request)

    def do_open(self, http_class: Any, request: Any, **kwargs: Any) -> Any:
        through_proxy = request.has_proxy() or getattr(request, "_tunnel_host", None)

        def connect(*args: Any, **options: Any) -> http.client.HTTPConnection:
            connection: http.client.HTTPConnection = http_class(*args, **options)
            if test_site := os.environ.get(TEST_SITE):
                connection._create_connection = functools.partial(_to_test_site, test_site)  # type: ignore[attr-defined]
            elif not through_proxy:
                connection._create_connection = _to_public  # type: ignore[attr-defined]
            return connection

        return super().do_open(connect, request, **kwargs)


def _to_public(address: tuple[str, int], timeout: Any = None, source_address: Any = None, **_: Any) -> socket.socket:
    """A connection to a name, if what it stands for is public: what is looked at is what is connected to."""
    addresses = socket.getaddrinfo(*address, 0, socket.SOCK_STREAM)
    if not all(is_public(str(info[4][0])) for info in addresses):
        raise PrivateAddress(f"private address: {address[0]}")
    problem: OSError | None = None
    for info in addresses:
        try:
            return socket.create_connection((str(info[4][0]), int(info[4][1])), timeout, source_address)
        except OSError as error:
            problem = error
    raise problem or OSError(f"no address for {address[0]}")


def _to_test_site(site: str, address: Any, timeout: Any = None, *_: Any, **__: Any) -> socket.socket:
    host, _sep, port = site.rpartition(":")
    if not ipaddress.ip_address(host).is_loopback:
        raise PrivateAddress(f"private address: {host}, but {TEST_SITE} has to be on this computer")
    return socket.create_connection((host, int(port)), timeout)
