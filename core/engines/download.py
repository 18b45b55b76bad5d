"""Download of a base model from the hub: every file is verified, and nothing half done is shown."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from core.engines.bases import HUB, Base, partial_folder, read_plan
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
    revision, files = _plan(downloader, base, hub, partial)
    total = sum(file.size for file in files)
    check_room(base.label, partial, total - sum(path.stat().st_size for path in partial.iterdir()))
    before = 0
    for file in files:

        def on_bytes(byte_count: int, size: int, before: int = before, name: str = file.name) -> None:
            reporter.progress("base_download", before + byte_count, total, item=name)

        downloader.fetch(file, partial / file.name, on_bytes)
        before += file.size
    reporter.progress("check_files", 0, 1)
    manifest = [{"name": f.name, "size": f.size, "sha256": sha256_file(partial / f.name)} for f in files]
    facts = {"repository": base.repository, "revision": revision, "license": base.license, "at": time.time()}
    write_json(partial / "manifest.json", {**facts, "files": manifest})
    (partial / "plan.json").unlink()
    if target.exists():
        shutil.rmtree(target)
    os.replace(partial, target)
    return target


def _plan(downloader: Downloader, base: Base, hub: str, partial: Path) -> tuple[str, list[RemoteFile]]:
    """The exact revision and its files; kept beside the files, so that a resumed download fetches the same ones."""
    plan = read_plan(partial, base)
    if plan is None:
        place = f"{hub}/api/models/{base.repository}"
        revision = str(downloader.get_json(f"{place}/revision/{base.revision}")["sha"])
        listing = downloader.get_json(f"{place}/tree/{revision}")
        entries = {entry["path"]: entry for entry in listing if entry.get("type") == "file"}
        if missing := [name for name in base.files if name not in entries]:
            raise downloader.refusal(base.repository, f"no {missing[0]}")
        plan = revision, [(name, int(entries[name]["size"]), _digest(entries[name])) for name in base.files]
        plan_files = [{"name": name, "size": size, "digest": digest} for name, size, digest in plan[1]]
        write_json(partial / "plan.json", {"revision": revision, "files": plan_files})
    place = f"{hub}/{base.repository}/resolve/{plan[0]}"
    return plan[0], [RemoteFile(f"{place}/{name}", name, size, digest) for name, size, digest in plan[1]]


def _digest(entry: dict[str, Any]) -> str:
    return f"sha256:{entry['lfs']['oid']}" if entry.get("lfs") else f"git:{entry['oid']}"
