"""Download of a base model from the hub: every file is verified, and nothing half done is shown."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.engines.bases import Base
from core.engines.hub import HUB
from core.engines.manifest import MANIFEST, PLAN, PlannedFile, partial_folder, read_plan
from core.errors import UserError
from core.files import sha256_file, write_json
from core.jobs.reporter import Reporter
from core.system.download import PAUSE_S, Downloader, RemoteFile, check_room


def download(models: Path, base: Base, reporter: Reporter, *, hub: str = HUB, pause_s: float = PAUSE_S) -> Path:
    """Fetch all files of ``base`` and put the folder in place; returns it.

    ``manifest.json`` keeps size and SHA-256 of each, so that a later check needs no network.

    Raises:
        UserError: see `core.system.download.Downloader`. DiskFull: ``download.no_room``.
        Cancelled: Stop was pressed; what has come stays.
    """
    target, partial = models / base.id, partial_folder(models, base.id)
    partial.mkdir(parents=True, exist_ok=True)
    downloader = Downloader(base.label, reporter.check_stop, pause_s)
    reporter.progress("contacting_hub", 0, 1)
    plan = _plan(downloader, base, hub, partial)
    files = [_remote(hub, base, file) for file in plan]
    total = sum(file.size for file in files)
    check_room(base.label, partial, total - sum(path.stat().st_size for path in partial.iterdir()))
    before = 0
    for file in files:

        def on_bytes(byte_count: int, size: int, before: int = before, name: str = file.name) -> None:
            reporter.progress("base_download", before + byte_count, total, item=name)

        downloader.fetch(file, partial / file.name, on_bytes)
        before += file.size
    reporter.progress("check_files", 0, 1)
    manifest = [
        {
            "name": file.name,
            "size": file.size,
            "sha256": sha256_file(partial / file.name),
            "repository": base.origin(file.name).repository,
            "revision": file.revision,
        }
        for file in plan
    ]
    write_json(partial / MANIFEST, {"license": base.license, "at": time.time(), "files": manifest})
    (partial / PLAN).unlink()
    if target.exists():
        shutil.rmtree(target)
    os.replace(partial, target)
    return target


def _plan(downloader: Downloader, base: Base, hub: str, partial: Path) -> list[PlannedFile]:
    """Its files at exact revisions; kept beside the files, so that a resumed download fetches the same ones."""
    plan = read_plan(partial, base.files)
    if plan is None:
        listings: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {}
        plan = []
        for name in base.files:
            origin = base.origin(name)
            place = origin.repository, origin.revision, origin.path.rpartition("/")[0]
            if place not in listings:
                listings[place] = _listing(downloader, hub, *place)
            revision, entries = listings[place]
            entry = entries.get(origin.path)
            if entry is None:
                raise downloader.refusal(
                    origin.repository, UserError("download.no_file", "it has no {file}", file=origin.path)
                )
            digest = f"sha256:{entry['lfs']['oid']}" if entry.get("lfs") else f"git:{entry['oid']}"
            if origin.sha256 and digest != f"sha256:{origin.sha256}":
                raise downloader.refusal(
                    origin.repository,
                    UserError("download.other_file", "{file} is not the file that is known", file=origin.path),
                )
            plan.append(PlannedFile(name, int(entry["size"]), digest, revision))
        write_json(partial / PLAN, {"files": [asdict(file) for file in plan]})
    return plan


def _listing(
    downloader: Downloader, hub: str, repository: str, revision: str, folder: str
) -> tuple[str, dict[str, Any]]:
    """A repository's exact revision, and the files of one folder of it by their paths."""
    place = f"{hub}/api/models/{repository}"
    exact = str(downloader.get_json(f"{place}/revision/{revision}")["sha"])
    listing = downloader.get_json(f"{place}/tree/{exact}" + (f"/{folder}" if folder else ""))
    return exact, {entry["path"]: entry for entry in listing if entry.get("type") == "file"}


def _remote(hub: str, base: Base, file: PlannedFile) -> RemoteFile:
    origin = base.origin(file.name)
    return RemoteFile(
        f"{hub}/{origin.repository}/resolve/{file.revision}/{origin.path}", file.name, file.size, file.digest
    )
