"""Downloader of model files: resumes within a file, retries when the line drops, checks size and hash.

Not through huggingface_hub: one of the models lies elsewhere, and with Xet a download cannot be stopped amid a file.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from core.errors import DiskFull, UserError
from core.files import fsync, sha256_file
from core.reasons import reason_of

PAUSE_S = 2.0  # before another try
_TRIES = 5  # in a row without a single new byte
_TIMEOUT = httpx.Timeout(15.0, connect=10.0)
_ROOM_BYTES = 64 << 20  # left free beside the files


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch. ``size`` 0: not known; ``digest`` is ``sha256:…``, ``git:…`` (SHA-1 of a git blob) or empty."""

    url: str
    name: str
    size: int = 0
    digest: str = ""


class Downloader:
    """Fetches the files of one model, as ``label`` names it to a person.

    Args:
        check_stop: called after every block; may raise: what has come stays.
        pause_s: seconds before another try.
    """

    def __init__(self, label: str, check_stop: Callable[[], object], pause_s: float = PAUSE_S) -> None:
        self.label, self.check_stop, self.pause_s = label, check_stop, pause_s
        headers = {"Accept-Encoding": "identity"}
        self.client = httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers=headers)

    def get_json(self, url: str) -> Any:
        """What an address tells.

        Raises:
            UserError: ``download.no_network``, ``download.refused``.
        """
        try:
            answer = self.client.get(url)
        except httpx.TransportError as error:
            raise self._no_network(url, error) from error
        if answer.status_code != 200:
            raise self.refusal(url, f"HTTP {answer.status_code}")
        return answer.json()

    def fetch(self, file: RemoteFile, path: Path, on_bytes: Callable[[int, int], object]) -> None:
        """Leave the whole, right file at ``path``; what an earlier try left there is taken up.

        ``on_bytes`` is told how many have come, of how many (0: unknown).

        Raises:
            UserError: ``download.no_network``, ``download.refused``, ``download.damaged``.
            DiskFull: ``download.no_room``.
        """
        size, tries, error = file.size or None, 0, httpx.ReadError("the connection ended early")
        while (have := _bytes(path, size)) != size:
            problem: Exception = error
            try:
                size = self._stream(file, path, have, on_bytes)
            except httpx.TransportError as dropped:
                problem = dropped
            now = _bytes(path, size)
            if now != size:
                tries = 0 if now > have else tries + 1
                if tries >= _TRIES:
                    raise self._no_network(file.url, problem) from problem
                time.sleep(self.pause_s if tries else 0)
                self.check_stop()
        on_bytes(have, have)
        if not _matches(path, file.digest):
            path.unlink()
            raise UserError(
                "download.damaged",
                "{file} of {label} did not arrive as it was sent, and was thrown away.",
                "Try again: only this file is fetched anew. If it happens twice, something between here and {host} "
                "changes files.",
                file=file.name,
                label=self.label,
                host=httpx.URL(file.url).host,
            )
        fsync(path)

    def _stream(self, file: RemoteFile, path: Path, have: int, on_bytes: Callable[[int, int], object]) -> int:
        """Take in what comes; returns the size of the whole file."""
        with self.client.stream("GET", file.url, headers={"Range": f"bytes={have}-"} if have else {}) as answer:
            if answer.status_code == 416 and not file.size:
                return have  # it had come whole, and nobody knew
            if answer.status_code not in (200, 206):
                raise self.refusal(file.url, f"HTTP {answer.status_code}")
            is_resumed = answer.status_code == 206
            if is_resumed and not answer.headers.get("content-range", "").startswith(f"bytes {have}-"):
                raise self.refusal(file.url, UserError("download.wrong_range", "a wrong range was sent"))
            have = have if is_resumed else 0  # a server that knows no ranges sends the whole file again
            size = file.size or have + int(answer.headers.get("content-length", 0))
            check_room(self.label, path.parent, size - have)
            with open(path, "ab" if is_resumed else "wb") as target:
                for block in answer.iter_raw():  # unbuffered: what came before a drop counts
                    have += target.write(block)
                    on_bytes(min(have, size or have), size)
                    self.check_stop()
        return size or have

    def refusal(self, url: str, reason: UserError | str) -> UserError:
        """The error of an answer that is not what was asked for."""
        return UserError(
            "download.refused",
            "The download of {label} was refused ({what}) by {url}.",
            "Try again later, or choose a local folder with the files.",
            label=self.label,
            url=url,
            what=reason,
        )

    def _no_network(self, url: str, error: Exception) -> UserError:
        return UserError(
            "download.no_network",
            "{label} could not be downloaded: {host} cannot be reached ({what}).",
            "Look at the internet connection and try again; what has come so far is kept. A local folder works too.",
            label=self.label,
            host=httpx.URL(url).host,
            what=reason_of(error),
        )


def check_room(label: str, folder: Path, required_bytes: int) -> None:
    """Refuse what would fill the disk; sizes in bytes.

    Raises:
        DiskFull: ``download.no_room``.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < required_bytes + _ROOM_BYTES:
        raise DiskFull(
            "download.no_room",
            "{label} needs {needed_mb} MB, but only {free_mb} MB are free in {folder}.",
            "Free some space, choose a smaller model, or move the workspace to a larger disk.",
            label=label,
            needed_mb=(required_bytes + _ROOM_BYTES) // 1_000_000,
            free_mb=free_bytes // 1_000_000,
            folder=str(folder.parent),
        )


def _bytes(path: Path, size: int | None) -> int:
    """How many bytes are there; more than there may be are thrown away."""
    have = path.stat().st_size if path.exists() else 0
    if size is not None and have > size:
        path.unlink()
        return 0
    return have


def _matches(path: Path, digest: str) -> bool:
    kind, _, value = digest.partition(":")
    if kind == "git":
        # How git names a file's content; SHA-1 guards against damage here, TLS against malice.
        content = path.read_bytes()
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest() == value
    return not kind or sha256_file(path) == value
