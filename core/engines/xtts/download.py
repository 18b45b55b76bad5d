"""Fetching a base model from the hub: resumes, checks every file by size and hash, and shows nothing half done."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from core.engines.xtts.base_files import FILES, HUB, Base, partial_folder, planned
from core.errors import DiskFull, UserError
from core.files import sha256_file, write_json
from core.jobs.reporter import Reporter
from core.workspace import Workspace

_TRIES = 5  # in a row without a single new byte
_TIMEOUT = httpx.Timeout(15.0, connect=10.0)
_ROOM_BYTES = 500_000_000  # left free beside the files


@dataclass(frozen=True)
class Wanted:
    """One file as the hub lists it. ``digest`` is ``sha256:…``, or ``git:…`` (SHA-1 of a git blob) for small files."""

    name: str
    size: int
    digest: str


def download(workspace: Workspace, base: Base, reporter: Reporter, *, hub: str = HUB, pause_s: float = 2.0) -> Path:
    """Fetch all files of ``base`` and put the folder in place; returns it.

    ``manifest.json`` keeps size and SHA-256 of each, so that a later check needs no network.

    Raises:
        UserError: ``base.no_network``, ``base.download_refused``, ``base.download_damaged``.
        DiskFull: ``base.no_room``. Cancelled: Stop was pressed; what has come stays.
    """
    target, partial = workspace.models / base.id, partial_folder(workspace, base.id)
    partial.mkdir(parents=True, exist_ok=True)
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as client:
        reporter.progress("contacting_hub", 0, 1)
        revision, files = _plan(client, base, hub, partial)
        total = sum(file.size for file in files)
        _check_room(partial, total - _present(partial, files))
        before = 0
        for file in files:
            url = f"{hub}/{base.repository}/resolve/{revision}/{file.name}"

            def on_bytes(done: int, before: int = before, name: str = file.name) -> None:
                reporter.progress("base_download", before + done, total, item=name)

            _Fetch(client, url, partial / file.name, file, reporter.check_stop, pause_s).run(on_bytes)
            before += file.size
    reporter.progress("check_files", 0, 1)
    listed = [{"name": f.name, "size": f.size, "sha256": sha256_file(partial / f.name)} for f in files]
    facts = {"repository": base.repository, "revision": revision, "license": base.license, "at": time.time()}
    write_json(partial / "manifest.json", {**facts, "files": listed})
    (partial / "plan.json").unlink()
    if target.exists():
        shutil.rmtree(target)
    os.replace(partial, target)
    return target


def _plan(client: httpx.Client, base: Base, hub: str, partial: Path) -> tuple[str, list[Wanted]]:
    """The files and the exact revision; kept beside the files, so that a resumed download fetches the same ones."""
    if plan := planned(partial):
        return plan[0], [Wanted(*file) for file in plan[1]]
    revision = str(_json(client, f"{hub}/api/models/{base.repository}/revision/{base.revision}")["sha"])
    listing = _json(client, f"{hub}/api/models/{base.repository}/tree/{revision}")
    found = {entry["path"]: entry for entry in listing if entry.get("type") == "file"}
    files = []
    for name in FILES:
        if name not in found:
            raise _refused(base.repository, f"no {name}")
        lfs = found[name].get("lfs")
        digest = f"sha256:{lfs['oid']}" if lfs else f"git:{found[name]['oid']}"
        files.append(Wanted(name, int(found[name]["size"]), digest))
    write_json(partial / "plan.json", {"revision": revision, "files": [asdict(file) for file in files]})
    return revision, files


def _json(client: httpx.Client, url: str) -> Any:
    try:
        answer = client.get(url)
    except httpx.TransportError as error:
        raise _no_network(url, error) from error
    if answer.status_code != 200:
        raise _refused(url, f"HTTP {answer.status_code}")
    return answer.json()


class _Fetch:
    """One file, taken up where it was left, tried again when the line drops."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        path: Path,
        wanted: Wanted,
        check_stop: Callable[[], None],
        pause_s: float,
    ) -> None:
        self.client, self.url, self.path, self.wanted = client, url, path, wanted
        self.check_stop, self.pause_s = check_stop, pause_s

    def run(self, on_bytes: Callable[[int], None]) -> None:
        """Leave the whole, right file at ``path``."""
        tries = 0
        while (have := self._have()) < self.wanted.size:
            self.check_stop()
            try:
                self._stream(have, on_bytes)
                error: Exception = httpx.ReadError("the connection ended early")
            except httpx.TransportError as dropped:
                error = dropped
            tries = 0 if self._have() > have else tries + 1
            if self._have() < self.wanted.size:
                if tries >= _TRIES:
                    raise _no_network(self.url, error) from error
                time.sleep(self.pause_s if tries else 0)
        on_bytes(self.wanted.size)
        if not _matches(self.path, self.wanted):
            self.path.unlink()
            raise UserError(
                "base.download_damaged",
                "{name} arrived damaged: its checksum is wrong.",
                "Start the download again; only this file is fetched anew.",
                name=self.wanted.name,
            )

    def _have(self) -> int:
        have = self.path.stat().st_size if self.path.exists() else 0
        if have > self.wanted.size:
            self.path.unlink()
            return 0
        return have

    def _stream(self, have: int, on_bytes: Callable[[int], None]) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self.client.stream("GET", self.url, headers=headers) as answer:
            if answer.status_code not in (200, 206):
                raise _refused(self.url, f"HTTP {answer.status_code}")
            resumed = answer.status_code == 206
            if resumed and not answer.headers.get("content-range", "").startswith(f"bytes {have}-"):
                raise _refused(self.url, "a wrong range was sent")
            # A server that knows no ranges sends the whole file again.
            with open(self.path, "ab" if resumed else "wb") as file:
                for block in answer.iter_raw():  # unbuffered: what came before a drop counts
                    file.write(block)
                    on_bytes(min(file.tell(), self.wanted.size))
                    self.check_stop()
                file.flush()
                os.fsync(file.fileno())


def _matches(path: Path, wanted: Wanted) -> bool:
    kind, value = wanted.digest.split(":")
    if path.stat().st_size != wanted.size:
        return False
    if kind == "sha256":
        return sha256_file(path) == value
    # How git names a file's content; SHA-1 guards against damage here, TLS against malice.
    digest = hashlib.sha1(f"blob {wanted.size}\0".encode(), usedforsecurity=False)
    digest.update(path.read_bytes())
    return digest.hexdigest() == value


def _present(partial: Path, files: list[Wanted]) -> int:
    return sum((partial / file.name).stat().st_size for file in files if (partial / file.name).is_file())


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _ROOM_BYTES:
        raise DiskFull(
            "base.no_room",
            "The download needs {needed_mb} MB, but only {free_mb} MB are free in {folder}.",
            "Free some space, or move the workspace to a larger disk.",
            needed_mb=(needed + _ROOM_BYTES) // 1_000_000,
            free_mb=free // 1_000_000,
            folder=str(folder.parent),
        )


def _no_network(url: str, error: Exception) -> UserError:
    return UserError(
        "base.no_network",
        "{host} cannot be reached ({what}).",
        "Look at the internet connection and start again; what has come so far is kept. A local folder works too.",
        host=httpx.URL(url).host,
        what=str(error) or type(error).__name__,
    )


def _refused(url: str, what: str) -> UserError:
    return UserError(
        "base.download_refused",
        "The download was refused ({what}) by {url}.",
        "Try again later, or choose a local folder with the files.",
        url=url,
        what=what,
    )
