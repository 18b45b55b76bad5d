"""API keys: by which programs come in without a password; kept by their hash, so that each is seen once only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from starlette.datastructures import Headers

from core.damage import DamagedFile, read_record
from core.errors import UserError
from core.files import write_private
from core.settings import Settings
from core.text import as_title

log = logging.getLogger("voicewright")
MOST_KEYS = 100
PREFIX = "vw-"
_NOTE_EVERY_S = 3600  # how far "last used" may lag behind


@dataclass(frozen=True)
class ApiKey:
    """One key. ``id`` begins the SHA-256 of it, which is ``hash`` in hex; ``used`` is 0 if it never was. Unix times."""

    id: str
    name: str
    hash: str
    made: float
    used: float = 0.0


@dataclass(frozen=True)
class _File:
    keys: list[ApiKey]


class ApiKeys:
    """The keys of a workspace, in one small private file.

    It is changed under a lock, also of other servers: else one that notes a use would bring back what another revoked.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.workspace_folder() / "private" / "api_keys.json"

    def all(self) -> list[ApiKey]:
        """Every key, the newest first.

        Raises:
            DamagedFile: the file cannot be read.
        """
        return read_record(self._path, _File).keys if self._path.exists() else []

    def create(self, name: str) -> str:
        """A new key; it is kept nowhere.

        Raises:
            UserError: ``keys.no_name``, ``keys.too_many``.
        """
        if not (name := as_title(name)):
            raise UserError("keys.no_name", "The key has no name.", "Type what will use it, such as Kitchen.")
        token = PREFIX + secrets.token_urlsafe(32)
        digest = _hash(token)
        with self._locked():
            keys = self.all()
            if len(keys) >= MOST_KEYS:
                raise UserError(
                    "keys.too_many", "There are {count} keys already.", "Revoke one first.", count=len(keys)
                )
            self._save([ApiKey(digest[:12], name, digest, time.time()), *keys])
        return token

    def revoke(self, id: str) -> None:
        """From now on nobody comes in by this key."""
        with self._locked():
            self._save([key for key in self.all() if key.id != id])

    def find(self, token: str) -> ApiKey | None:
        """The key that this is; None if there is none. Noted as used."""
        if not token.startswith(PREFIX):
            return None
        digest = _hash(token)
        try:
            key = next((key for key in self.all() if secrets.compare_digest(key.hash, digest)), None)
        except DamagedFile as error:
            log.warning("No API key is let in: %s", error)
            return None
        if key and time.time() - key.used > _NOTE_EVERY_S:
            self._note(key)
        return key

    def has(self, id: str) -> bool:
        """Whether a key is still there."""
        try:
            return any(key.id == id for key in self.all())
        except DamagedFile:
            return False

    def _note(self, used: ApiKey) -> None:
        now = time.time()
        try:
            with self._locked():
                self._save([ApiKey(**{**asdict(key), "used": now}) if key.id == used.id else key for key in self.all()])
        except (OSError, DamagedFile) as error:
            log.warning("It cannot be noted that an API key was used: %s", error)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _save(self, keys: list[ApiKey]) -> None:
        write_private(self._path, json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n")


def token_of(headers: Headers) -> str:
    """The key that a request brings; proxies that eat ``Authorization`` leave ``X-API-Key``."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key", "").strip() or (token.strip() if scheme.lower() == "bearer" else "")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
