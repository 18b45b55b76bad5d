"""Login sessions, kept on the server by the hash of their token, so that one that is ended is ended."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from core.files import write_private
from core.settings import Settings

log = logging.getLogger("voicewright")
SESSION_S = 30 * 24 * 3600
MOST_SESSIONS = 100
_NOTE_EVERY_S = 15 * 60  # how far "last seen" on disk may lag behind
_BROWSERS = (
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\bOPR/|\bOpera/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Headless)?Chrom(e|ium)/|\bCriOS/"),
    ("Safari", r"\bVersion/[\d.]+.*\bSafari/"),
    ("curl", r"^curl/"),
    ("Python", r"^python-|^Python/"),
)
_SYSTEMS = (
    ("Android", r"\bAndroid\b"),
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b"),
)


@dataclass
class Session:
    """One browser that is logged in.

    Attributes:
        id: SHA-256 of its token, in hex; the token itself is nowhere but in the browser.
        since, seen: Unix times of the login and of the last request.
        address: of the last request.
        browser, system: by what the browser calls itself, such as ``Firefox`` and ``Windows``; empty if unknown.
    """

    id: str
    since: float
    seen: float
    address: str
    browser: str = ""
    system: str = ""

    def has_ended(self, now_s: float) -> bool:
        """Whether its 30 days are over."""
        return now_s >= self.since + SESSION_S


class Sessions:
    """The sessions of a workspace, in one small private file; a changed user name or password ends all of them.

    The file is read again when it was changed by another server. What cannot be written (a full disk) is still true
    in this process.
    """

    def __init__(self, settings: Settings) -> None:
        self._user = settings.user
        self._password = settings.password.get_secret_value() if settings.password else ""
        self.is_required = bool(self._password)
        self._path = settings.workspace_folder() / "private" / "sessions.json"
        # Version 0.1 signed its sessions with this key.
        (settings.workspace_folder() / "session.key").unlink(missing_ok=True)
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._sessions: dict[str, Session] = {}
        self._last_saved: dict[str, float] = {}
        self._salt = secrets.token_hex(16)
        self._fingerprints: dict[str, str] = {}
        with self._lock:
            # Sessions of another password (none is another, too) must not come back together with it.
            if not self._load():
                self._path.unlink(missing_ok=True)

    def right(self, user: str, password: str) -> bool:
        """Whether both are right, in a time that does not depend on how much of them is."""
        same_user = hmac.compare_digest(_digest(user), _digest(self._user))
        same_password = hmac.compare_digest(_digest(password), _digest(self._password))
        return same_user and same_password

    def begin(self, address: str, agent: str = "", now: float | None = None) -> str:
        """Start a session; gives its token, which is kept nowhere. The one unseen for longest makes room."""
        now = time.time() if now is None else now
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._load()
            self._drop_ended(now)
            while len(self._sessions) >= MOST_SESSIONS:
                del self._sessions[min(self._sessions.values(), key=lambda session: session.seen).id]
            session = Session(_id(token), now, now, address, _match(_BROWSERS, agent), _match(_SYSTEMS, agent))
            self._sessions[session.id] = session
            self._save()
        return token

    def find(self, token: str, address: str = "", now: float | None = None) -> Session | None:
        """The session with this token if it has not ended; noted as seen."""
        if not token or not self.is_required:
            return None
        now = time.time() if now is None else now
        with self._lock:
            self._load()
            session = self._sessions.get(_id(token))
            if session is None or session.has_ended(now):
                return None
            session.seen, session.address = now, address or session.address
            return session

    def note_due(self, session: Session) -> bool:
        """Whether the file is far behind on when a session was seen; then `save` is worth its writing."""
        return session.seen - self._last_saved.get(session.id, 0.0) > _NOTE_EVERY_S

    def save(self) -> None:
        """Write what is known now."""
        with self._lock:
            self._load()
            self._drop_ended(time.time())
            self._save()

    def active(self, now: float | None = None) -> list[Session]:
        """All sessions that have not ended, the last seen first."""
        now = time.time() if now is None else now
        with self._lock:
            self._load()
            alive = [session for session in self._sessions.values() if not session.has_ended(now)]
        return sorted(alive, key=lambda session: -session.seen)

    def end(self, id_: str) -> None:
        """End one session by its id; nothing happens if there is none."""
        with self._lock:
            self._load()
            if self._sessions.pop(id_, None):
                self._save(ending=True)

    def end_all(self) -> None:
        """End every session."""
        with self._lock:
            self._sessions = {}
            self._save(ending=True)

    def _drop_ended(self, now: float) -> None:
        self._sessions = {id_: session for id_, session in self._sessions.items() if not session.has_ended(now)}

    def _load(self) -> bool:
        """Read the file if it is another than the one read last; False if it is not of this password, or damaged."""
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return True
        read = self._read() if stamp else []
        self._stamp = stamp
        self._sessions = {session.id: session for session in read or []}
        self._last_saved = {session.id: session.seen for session in read or []}
        return read is not None

    def _file_stamp(self) -> tuple[int, ...] | None:
        try:
            facts = self._path.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_ino, facts.st_size

    def _read(self) -> list[Session] | None:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if not hmac.compare_digest(str(content["fingerprint"]), self._fingerprint(str(content["salt"]))):
                return None
            self._salt = str(content["salt"])
            return [_session(row) for row in content["sessions"]][-MOST_SESSIONS:]
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            log.warning("The list of sessions cannot be read, so all have to log in again: %s", type(error).__name__)
            return None

    def _save(self, ending: bool = False) -> None:
        content = {
            "fingerprint": self._fingerprint(self._salt),
            "salt": self._salt,
            "sessions": [asdict(session) for session in self._sessions.values()],
        }
        try:
            write_private(self._path, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            log.warning("Sessions cannot be saved (%s); they last until Voicewright is started again.", error.strerror)
            if ending:
                # Better all log in again after the next start than that one which was ended comes back.
                self._path.unlink(missing_ok=True)
        self._stamp = self._file_stamp()
        self._last_saved = {session.id: session.seen for session in self._sessions.values()}

    def _fingerprint(self, salt: str) -> str:
        """What tells whether the file is of this user and password; slow, so that it is of no use for guessing."""
        if salt not in self._fingerprints:
            account = f"{len(self._user)}:{self._user}{self._password}".encode("utf-8", "surrogatepass")
            self._fingerprints = {salt: hashlib.scrypt(account, salt=salt.encode(), n=2**14, r=8, p=1).hex()}
        return self._fingerprints[salt]


def _session(row: Any) -> Session:
    """A session as the file holds it.

    Raises:
        TypeError, ValueError, KeyError: it is damaged.
    """
    texts = {name: str(row[name])[:100] for name in ("id", "address", "browser", "system")}
    return Session(since=float(row["since"]), seen=float(row["seen"]), **texts)


def _id(token: str) -> str:
    return _digest(token).hex()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _match(patterns: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in patterns if re.search(pattern, agent[:1000])), "")
