"""Fetching recognition models: where each lies, and which of its files are needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from core.errors import Cancelled
from core.system.download import Downloader, RemoteFile, check_room

# Where a model does not lie in Systran/faster-whisper-<name>.
_REPOSITORIES = {
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}
_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json", "preprocessor_config.json")

OnProgress = Callable[[int, int], None]  # bytes done, bytes in all (0: unknown)
ShouldStop = Callable[[], bool]


def fetch_faster_whisper(name: str, folder: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Path:
    """Fetch a CTranslate2 model into ``folder`` and return it.

    Raises:
        UserError: see `core.system.download.Downloader`. DiskFull: ``download.no_room``.
        Cancelled: ``should_stop`` said so; what has come so far is kept and taken up next time.
    """
    repository = _REPOSITORIES.get(name, f"Systran/faster-whisper-{name}")
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    downloader = _downloader(name, should_stop)
    files = []
    for entry in downloader.get_json(f"{host}/api/models/{repository}/tree/main"):
        path = entry["path"]
        if path in _MODEL_FILES or (path.startswith("vocabulary.") and "/" not in path):
            digest = f"sha256:{entry['lfs']['oid']}" if entry.get("lfs") else ""
            url = f"{host}/{repository}/resolve/main/{path}"
            files.append(RemoteFile(url, path, int(entry.get("size", 0)), digest))
    # The model itself comes last: a folder is whole once it is there.
    files.sort(key=lambda file: file.name == "model.bin")
    fetch_all(files, folder, downloader, on_progress)
    return folder


def fetch_openai_whisper(name: str, folder: Path, on_progress: OnProgress, should_stop: ShouldStop) -> Path:
    """Fetch an openai-whisper checkpoint and return the ``.pt`` file; errors as `fetch_faster_whisper`."""
    import whisper

    # The library's own list of addresses; each holds the file's SHA-256 as its last folder.
    url = str(whisper._MODELS[name])
    file = RemoteFile(url, f"{name}.pt", 0, f"sha256:{url.split('/')[-2]}")
    fetch_all([file], folder, _downloader(name, should_stop), on_progress)
    return folder / file.name


def fetch_all(files: list[RemoteFile], folder: Path, downloader: Downloader, on_progress: OnProgress) -> None:
    """Fetch what is not in the folder yet; what has come of a file stays as ``<name>.part`` and is taken up there."""
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.size for file in files)
    check_room(downloader.label, folder, total)
    before = 0
    for file in files:
        target = folder / file.name
        if not target.exists():

            def report(so_far: int, size: int, before: int = before) -> None:
                on_progress(before + so_far, total or size)

            part = target.with_name(target.name + ".part")
            downloader.fetch(file, part, report)
            part.replace(target)
        before += target.stat().st_size
        on_progress(before, total or before)


def _downloader(model: str, should_stop: ShouldStop) -> Downloader:
    def check_stop() -> None:
        if should_stop():
            raise Cancelled

    return Downloader(model, check_stop)
