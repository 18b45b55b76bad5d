"""Whom notifications go to, and when they may: kept readable by the account alone, as addresses hold passwords."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from json import dumps
from pathlib import Path

from core.damage import read_record
from core.errors import UserError
from core.files import write_private
from core.project.workspace import Workspace

MOST_ADDRESSES = 10
_MOST_LETTERS = 2_000
# What shows something on the screen of the server itself, runs a program or reads a file of it.
_LOCAL_SCHEMES = frozenset(
    ("blink1", "dbus", "fcm", "file", "glib", "gnome", "kde", "macosx", "qt", "sendmail", "syslog", "vapid", "windows")
)


@dataclass(frozen=True)
class NotificationConfig:
    """Who is told, how, and when.

    Attributes:
        addresses: in apprise's form, such as ``ntfy://topic``.
        language: of the words, ``en`` or ``pt-BR``.
        page: where the page is reached, for links; empty for none.
        quiet_from, quiet_to: hours of the server's clock between which nothing is sent; equal for never.
        after_minutes: jobs that took less are not told of.
    """

    addresses: tuple[str, ...] = ()
    language: str = "en"
    page: str = ""
    quiet_from: int = 0
    quiet_to: int = 0
    after_minutes: int = 5

    def is_quiet(self, now: float) -> bool:
        """Whether nothing may be sent at this Unix time."""
        hour = time.localtime(now).tm_hour
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= hour < self.quiet_to
        return hour >= self.quiet_from or hour < self.quiet_to


def folder(workspace: Workspace) -> Path:
    """Where configuration and unsent messages lie."""
    return workspace.path / "private" / "notifications"


def load(workspace: Workspace) -> NotificationConfig:
    """What is configured.

    Raises:
        DamagedFile: it cannot be read.
    """
    path = folder(workspace) / "config.json"
    return read_record(path, NotificationConfig) if path.exists() else NotificationConfig()


def save(workspace: Workspace, config: NotificationConfig) -> None:
    """Keep the configuration.

    Raises:
        UserError: ``notify.hour``.
    """
    if not all(0 <= hour <= 23 for hour in (config.quiet_from, config.quiet_to)):
        raise UserError("notify.hour", "Quiet hours go from 0 to 23.", "Write whole hours, such as 22 and 7.")
    write_private(folder(workspace) / "config.json", dumps(asdict(config), ensure_ascii=False, indent=2) + "\n")


def add_address(workspace: Workspace, address: str) -> None:
    """Add an address.

    Raises:
        UserError: ``notify.address`` or ``notify.most``.
    """
    address, config = address.strip(), load(workspace)
    scheme, colon, rest = address.partition("://")
    if not colon or not rest or len(address) > _MOST_LETTERS or not scheme.isalnum() or not _is_supported(address):
        raise UserError(
            "notify.address",
            "That is no address messages can be sent to.",
            "It begins with the service, such as ntfy://my-topic, tgram://token/chat, discord://id/token or "
            "mailtos://name:password@gmail.com. Those that work on this computer alone are not taken.",
        )
    if len(config.addresses) >= MOST_ADDRESSES:
        raise UserError(
            "notify.most", "There are {count} addresses already.", "Remove one first.", count=MOST_ADDRESSES
        )
    if address not in config.addresses:
        save(workspace, replace(config, addresses=(*config.addresses, address)))


def remove_address(workspace: Workspace, id_: str) -> None:
    """Remove the address with this `address_id`; gone already is fine."""
    config = load(workspace)
    rest = tuple(address for address in config.addresses if address_id(address) != id_)
    save(workspace, replace(config, addresses=rest))


def address_id(address: str) -> str:
    """What tells addresses apart without telling one."""
    return hashlib.blake2b(address.encode(), digest_size=8).hexdigest()


def address_label(address: str) -> str:
    """An address as it may be shown: the service and the last letters, no password."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://…{rest.rstrip('/')[-4:]}" if len(rest) > 8 else f"{scheme}://…"


def _is_supported(address: str) -> bool:
    if address.split("://", 1)[0].lower() in _LOCAL_SCHEMES:
        return False
    from apprise import Apprise  # half a second to import

    return Apprise.instantiate(address, suppress_exceptions=True) is not None
