"""Messages between who wants something said and the process that says it: a JSON object and bytes, over a socket."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.engines.voice import ReferenceClip

_LENGTHS = struct.Struct("!II")  # of the JSON, of the bytes after it
_MOST_HEADER = 4 << 20
_MOST_BYTES = 64 << 20
_LONGEST_ADDRESS = 100  # of a socket; Linux takes 107 bytes


class SpeechRequest(BaseModel):
    """What is to be said, and by whom; complete: nothing of it is looked up again.

    Args:
        engine, base: names of the engine and of the base model.
        voice: folder of a voice that was brought in, which speaks in the base's place.
        checkpoint: its folder; None is the base itself.
        references: recordings of the speaker; without any the voice's own.
        text, language, seed, settings: as of `core.engines.voice.Voice.speak`.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str
    base: str
    voice: Path | None = None
    checkpoint: Path | None = None
    references: tuple[ReferenceClip, ...]
    text: str
    language: str
    seed: int = 0
    settings: dict[str, float] = {}
    device: str = "auto"


def send(connection: socket.socket, header: dict[str, Any], content: bytes = b"") -> None:
    """Send one message; raises OSError if the other side is gone."""
    head = json.dumps(header).encode()
    connection.sendall(_LENGTHS.pack(len(head), len(content)) + head + content)


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Wait for one message.

    Raises:
        ConnectionError: the other side is gone, or does not speak as we do. OSError: as of sockets.
    """
    head_length, length = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size))
    if head_length > _MOST_HEADER or length > _MOST_BYTES:
        raise ConnectionError("too long a message")
    try:
        header = json.loads(_exactly(connection, head_length))
    except ValueError as error:
        raise ConnectionError("no JSON") from error
    if not isinstance(header, dict):
        raise ConnectionError("no object")
    return header, _exactly(connection, length)


def can_receive(connection: socket.socket, wait_s: float) -> bool:
    """Whether something has come, or the other side is gone, waiting so long for it at most."""
    poll = select.poll()  # not `select`, which takes no descriptor from 1024 on: a busy server has thousands
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(1000 * wait_s))


def _exactly(connection: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        block = connection.recv(min(1 << 20, length - len(content)))
        if not block:
            raise ConnectionResetError("the other side is gone")
        content += block
    return bytes(content)


@contextmanager
def address(path: Path) -> Iterator[str]:
    """What a socket at ``path`` is called within this block: its path, or where that is too long a shorter one."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
