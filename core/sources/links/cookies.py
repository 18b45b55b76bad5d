"""The cookies of a signed-in browser, kept for links whose site wants to know who asks. Never logged, never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files import read_text, write_private
from core.project.workspace import Workspace

MOST_LETTERS = 1_000_000
_HEADER = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"
_EXPIRY = re.compile(r"(\d+(\.\d+)?)?")


@dataclass(frozen=True)
class Cookies:
    """What may be said of them: how many there are and since when (Unix time)."""

    count: int
    kept_at: float


def cookies_file(workspace: Workspace) -> Path:
    """Where they lie; readable by the account alone."""
    return workspace.path / "private" / "cookies.txt"


def keep_cookies(workspace: Workspace, content: str, name: str = "cookies.txt") -> Cookies:
    """Keep the content of a cookies.txt.

    Args:
        workspace: where; all its projects use them.
        content: of the file.
        name: what the person calls it, for the error.

    Raises:
        UserError: ``cookies.not_cookies``: it is no Netscape cookie file, or holds no cookie.
    """
    lines = [line for line in content.splitlines() if line.strip()]
    read = [_cookie(line) for line in lines if not line.startswith("#") or line.startswith(_HTTP_ONLY)]
    cookies = [line for line in read if line]
    if len(content) > MOST_LETTERS or not cookies or len(cookies) < len(read):
        raise UserError(
            "cookies.not_cookies",
            "“{name}” is not a cookies.txt file.",
            "Export it from the browser in the Netscape format, with an extension made for that. JSON does not work.",
            name=name[:100],
        )
    target = cookies_file(workspace)
    write_private(target, _HEADER + "\n".join(cookies) + "\n")
    return Cookies(len(cookies), target.stat().st_mtime)


def cookies_kept(workspace: Workspace) -> Cookies | None:
    """Whether there are any."""
    path = cookies_file(workspace)
    try:
        count = sum(not line.startswith("# ") for line in read_text(path, 4 * MOST_LETTERS).splitlines())
        return Cookies(count, path.stat().st_mtime)
    except (OSError, ValueError):
        return None  # not there, or not to be read


def forget_cookies(workspace: Workspace) -> None:
    """Remove them; not to the trash."""
    cookies_file(workspace).unlink(missing_ok=True)


def _cookie(line: str) -> str:
    """A line as it is kept; empty if it is none. A program that reads one it does not understand may print it.

    Domain, whether it holds for subdomains, path, whether only over https, expiry, name, value; tabs between.
    """
    parts = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(parts) != 7 or "." not in parts[0] or not parts[2].startswith("/") or not (parts[5] or parts[6]):
        return ""
    if not {parts[1].upper(), parts[3].upper()} <= {"TRUE", "FALSE"} or not _EXPIRY.fullmatch(parts[4]):
        return ""
    parts[1] = "TRUE" if parts[0].startswith(".") else "FALSE"  # what does not go together is refused by its reader
    parts[3] = parts[3].upper()
    return (_HTTP_ONLY if line.startswith(_HTTP_ONLY) else "") + "\t".join(parts)
