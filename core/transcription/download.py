"""Fetching recognition models: with progress, stoppable, taken up where it broke off, checked by size and hash."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import Cancelled, DiskFull, UserError
from core.files import sha256_file

# Where a model does not lie in Systran/faster-whisper-<name>.
_REPOSITORIES = {
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}
_WANTED = ("model.bin", "config.json", "tokenizer.json", "preprocessor_config.json")
_BLOCK = 1 << 18
_TIMEOUT_S = 20

OnProgress = Callable[[int, int], None]  # bytes done, bytes in all (0: unknown)
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Remote:
    """A file to fetch. ``size`` 0 and ``sha256`` empty: not known before."""

    url: str
    name: str
    size: int = 0
    sha256: str = ""


def fetch_faster_whisper(name: str, folder: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Path:
    """Fetch a CTranslate2 model into ``folder`` and return it.

    Raises:
        UserError: ``asr.no_network``, ``asr.broken_download``.
        DiskFull: ``asr.disk_short``.
        Cancelled: ``should_stop`` said so; what has come so far is kept and taken up next time.
    """
    repository = _REPOSITORIES.get(name, f"Systran/faster-whisper-{name}")
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    listing = json.loads(_get(f"{host}/api/models/{repository}/tree/main", name))
    files = []
    for entry in listing:
        path = entry["path"]
        if path in _WANTED or (path.startswith("vocabulary.") and "/" not in path):
            digest = str(entry.get("lfs", {}).get("oid", ""))
            url = f"{host}/{repository}/resolve/main/{path}"
            files.append(Remote(url, path, int(entry.get("size", 0)), digest))
    # The model itself comes last: a folder is whole once it is there.
    files.sort(key=lambda file: file.name == "model.bin")
    _fetch_all(files, folder, name, on_progress, should_stop)
    return folder


def fetch_openai_whisper(name: str, folder: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Path:
    """Fetch an openai-whisper checkpoint and return the ``.pt`` file; errors as `fetch_faster_whisper`."""
    import whisper

    # The library's own list of addresses; each holds the file's SHA-256 as its last folder.
    url = str(whisper._MODELS[name])
    _fetch_all([Remote(url, f"{name}.pt", 0, url.split("/")[-2])], folder, name, on_progress, should_stop)
    return folder / f"{name}.pt"


def _fetch_all(files: list[Remote], folder: Path, model: str, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.size for file in files)
    _check_room(folder, total, model)
    before = 0
    for file in files:
        target = folder / file.name
        if not target.exists():

            def report(done: int, size: int, before: int = before) -> None:
                on_progress(before + done, total or size)

            fetch(file, target, model, report, should_stop)
        before += target.stat().st_size
        on_progress(before, total or before)


def fetch(file: Remote, target: Path, model: str, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    """Fetch one file; a broken one stays as ``<name>.part`` and is taken up from there."""
    part = target.with_name(target.name + ".part")
    have, size = part.stat().st_size if part.exists() else 0, file.size
    request = urllib.request.Request(file.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            have = have if answer.status == 206 else 0
            size = file.size or have + int(answer.headers.get("Content-Length", 0))
            _check_room(target.parent, size - have, model)
            with open(part, "ab" if have else "wb") as written:
                while block := answer.read(_BLOCK):
                    written.write(block)
                    have += len(block)
                    on_progress(have, size)
                    if should_stop():
                        raise Cancelled
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: the part is whole already
            raise _no_network(model, file.url, error) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _no_network(model, file.url, error) from error
    _check(part, file, size, model)
    with open(part, "rb") as whole:
        os.fsync(whole.fileno())
    part.replace(target)


def _check(part: Path, file: Remote, size: int, model: str) -> None:
    # ``size`` is the answer's own where the list of files tells none: what came too short is kept and taken up.
    if part.stat().st_size < size:
        raise _no_network(model, file.url, ConnectionError("the connection ended early"))
    if (file.size and part.stat().st_size != file.size) or (file.sha256 and sha256_file(part) != file.sha256):
        part.unlink()
        raise UserError(
            "asr.broken_download",
            "{file} of the model “{model}” did not arrive as it was sent, and was thrown away.",
            "Try again; if it happens twice, something between here and {host} changes files.",
            file=file.name,
            model=model,
            host=urlsplit(file.url).netloc,
        )


def _get(url: str, model: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise _no_network(model, url, error) from error


def _check_room(folder: Path, needed: int, model: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed + (64 << 20) > free:
        raise DiskFull(
            "asr.disk_short",
            "The model “{model}” needs {needed_mb} MB, but only {free_mb} MB are free in {path}.",
            "Free some space, or choose a smaller model.",
            model=model,
            needed_mb=needed >> 20,
            free_mb=free >> 20,
            path=str(folder),
        )


def _no_network(model: str, url: str, error: Exception) -> UserError:
    return UserError(
        "asr.no_network",
        "The model “{model}” could not be downloaded from {host} ({what}).",
        "Check the internet connection and try again (what has come so far is kept), choose the built-in model, "
        "or give the full path of a model folder.",
        model=model,
        host=urlsplit(url).netloc,
        what=str(getattr(error, "reason", "") or error)[:200],
    )
