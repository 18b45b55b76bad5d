"""URL guard: whether what somebody pasted is the address of a public page."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from core.errors import UserError

_LONGEST = 2048
_LOCAL_ENDINGS = ("localhost", "local", "internal", "lan", "home", "intranet", "corp", "home.arpa")
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def check_url(url: str) -> str:
    """The address, trimmed, with ``https://`` before it where no scheme was given.

    Only http and https to a public host by name pass. An address in numbers is refused, because no video site is
    reached that way and the machine's own network is. Whether there is a video is asked later, by the download.

    Raises:
        UserError: ``url.not_web``, ``url.private``.
    """
    text = url.strip()
    excerpt = text[:200]
    if "://" not in text and re.match(r"[\w-]+(\.[\w-]+)+([/?#]|$)", text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
        port = parts.port
    except ValueError:
        raise _not_web(excerpt) from None
    if len(text) > _LONGEST or re.search(r"[\s\x00-\x1f\x7f\\]", text) or parts.scheme.lower() not in ("http", "https"):
        raise _not_web(excerpt)
    if not host:
        raise _not_web(excerpt)
    if is_private_name(host) or parts.username is not None or parts.password is not None or port not in (None, 80, 443):
        raise UserError(
            "url.private",
            "“{url}” is not the address of a public page.",
            "Paste the link as the browser shows it, such as https://www.youtube.com/watch?v=….",
            url=excerpt,
        )
    return text


def is_private_name(host: str) -> bool:
    """Whether a host is given in numbers, or by a name of the own network."""
    try:
        ipaddress.ip_address(host)
        return True
    except ValueError:
        pass
    # 127.1, 0x7f.1 and the like are numbers too: the last label of a name never begins with a digit.
    return host.endswith(tuple(f".{ending}" for ending in _LOCAL_ENDINGS)) or not _HOST.fullmatch(host)


def _not_web(url: str) -> UserError:
    return UserError(
        "url.not_web",
        "“{url}” is not a web address.",
        "Paste a link that begins with https://, or add the recording as a file.",
        url=url,
    )
