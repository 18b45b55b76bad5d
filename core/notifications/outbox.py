"""Unsent messages, a file each: written first and deleted once sent, so that a broken line or a restart loses none."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core import REPOSITORY
from core.damage import DamagedFile, read_record
from core.files import write_private
from core.jobs import locks
from core.notifications.config import NotificationConfig, address_id, address_label, folder, load
from core.project.workspace import Workspace

FORGOTTEN_S = 2 * 24 * 3600  # older news is none
log = logging.getLogger("voicewright")


@dataclass(frozen=True)
class Message:
    """What is sent once to each address; ``at`` is Unix time, ``sent`` the `address_id`\\ s that have it."""

    text: str
    at: float
    urgent: bool = False
    sent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """How the last attempt went; ``failed`` are the labels of addresses that took nothing."""

    at: float
    failed: tuple[str, ...] = ()


def post(workspace: Workspace, event: str, text: str, *, urgent: bool = False) -> None:
    """Queue a message and have it sent by a process of its own. Of one ``event`` there is one message, ever.

    An urgent one is sent in quiet hours as well.
    """
    name = hashlib.blake2b(event.encode(), digest_size=12).hexdigest()
    mark = folder(workspace) / "told" / name
    mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    message = Message(text, time.time(), urgent)
    try:
        write_private(folder(workspace) / "outbox" / f"{name}.json", json.dumps(asdict(message), ensure_ascii=False))
    except BaseException:
        mark.unlink(missing_ok=True)  # no room for it now: it is to be told of when there is
        raise
    launch_delivery(workspace)


def launch_delivery(workspace: Workspace) -> None:
    """Send what is due in a process that nobody waits for; nothing is started if there is nothing to send."""
    if any((folder(workspace) / "outbox").glob("*.json")):
        subprocess.Popen(
            [sys.executable, "-m", "core.notifications.outbox", str(workspace.path)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def last_delivery(workspace: Workspace) -> Delivery | None:
    """How the last attempt went; None before the first."""
    path = folder(workspace) / "delivery.json"
    try:
        return read_record(path, Delivery) if path.exists() else None
    except DamagedFile:
        return None


def deliver(workspace: Workspace, now: float | None = None) -> None:
    """Send what is due to every address that has not got it; what could not be sent stays for the next attempt."""
    now = time.time() if now is None else now
    handle = locks.try_lock(folder(workspace) / "lock", {})
    if handle is None:
        return  # another process is at it
    try:
        config = load(workspace)
        failures: set[str] = set()
        attempts, names = 0, set[Path]()
        # Services may take a minute; whoever posts meanwhile finds the lock held, and leaves its message to this loop.
        while fresh := set((folder(workspace) / "outbox").glob("*.json")) - names:
            for path in sorted(fresh, key=lambda path: path.stat().st_mtime):
                attempts += _deliver(path, config, now, failures)
            names |= fresh
        if attempts:
            state = Delivery(now, tuple(sorted(failures)))
            write_private(folder(workspace) / "delivery.json", json.dumps(asdict(state)))
        for mark in (folder(workspace) / "told").glob("*"):
            if now - mark.stat().st_mtime > 30 * 24 * 3600:
                mark.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _deliver(path: Path, config: NotificationConfig, now: float, failures: set[str]) -> int:
    """Send one message; returns to how many addresses that was tried."""
    try:
        message = read_record(path, Message)
    except DamagedFile:
        path.unlink(missing_ok=True)
        return 0
    if now - message.at > FORGOTTEN_S:
        path.unlink(missing_ok=True)
        return 0
    if config.is_quiet(now) and not message.urgent:
        return 0
    receivers = set(message.sent)
    missing = [address for address in config.addresses if address_id(address) not in receivers]
    for address in missing:
        if send(address, message.text):
            receivers.add(address_id(address))
        else:
            failures.add(address_label(address))
    if receivers.issuperset(map(address_id, config.addresses)):
        path.unlink(missing_ok=True)
    else:
        unsent = replace(message, sent=tuple(sorted(receivers)))
        write_private(path, json.dumps(asdict(unsent), ensure_ascii=False))
    return len(missing)


def send(address: str, text: str) -> bool:
    """Send a text to one address; whether its service took it."""
    from apprise import Apprise  # half a second to import

    service = Apprise.instantiate(address, suppress_exceptions=True)
    return bool(service and service.notify(body=text, title="Voicewright"))


if __name__ == "__main__":
    logging.disable()  # apprise would write addresses
    deliver(Workspace(Path(sys.argv[1])))
