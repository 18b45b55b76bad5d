"""Downloads against a small server of our own: progress, a broken line, a wrong file, no network."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import Cancelled, UserError
from core.jobs.args.clips import TranscribeArgs
from core.project.workspace import Project, Workspace
from core.system.download import Downloader, RemoteFile
from core.transcription import download, registry
from core.transcription.start import start_transcribe
from tests.transcription.conftest import MakeClips


@dataclass
class Hub:
    """A model hub with one model; ``cut_at`` is where every answer breaks off, ``spoil`` changes a byte."""

    files: dict[str, bytes]
    cut_at: int = 0
    grows: int = 0  # by how much more comes with each answer
    spoil: bool = False
    ranges: list[str] = field(default_factory=list)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, builtin: Path) -> Iterator[Hub]:
    shelf = Hub({file.name: file.read_bytes() for file in builtin.iterdir() if file.is_file()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/api/models/Systran/faster-whisper-tiny.en/"):
                listing = [
                    {"path": name, "size": len(data)}
                    | ({"lfs": {"oid": hashlib.sha256(data).hexdigest()}} if name == "model.bin" else {})
                    for name, data in shelf.files.items()
                ]
                self.answer(200, json.dumps([*listing, {"path": "README.md", "size": 3}]).encode())
            elif (name := self.path.rsplit("/", 1)[1]) in shelf.files and "faster-whisper-tiny.en" in self.path:
                data, begin = shelf.files[name], 0
                if wanted := self.headers.get("Range"):
                    shelf.ranges.append(f"{name} {wanted}")
                    begin = int(wanted.removeprefix("bytes=").rstrip("-"))
                if begin >= len(data):
                    self.send_error(416)
                    return
                if shelf.spoil and name == "model.bin":
                    data = data[:-1] + b"?"
                self.answer(206 if begin else 200, data, begin, shelf.cut_at if name == "model.bin" else 0)
            else:
                self.send_error(404)

        def answer(self, status: int, data: bytes, begin: int = 0, cut_at: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data) - begin))
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            self.wfile.write(data[begin : cut_at or None])
            shelf.cut_at += shelf.grows if cut_at else 0

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("core.system.download.time.sleep", lambda seconds: None)
    yield shelf
    server.shutdown()
    server.server_close()


def fetch(workspace: Workspace, stop_after: int = 1 << 60) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    folder = registry.model_folder(workspace, "faster-whisper") / "tiny.en"
    download.fetch_faster_whisper(
        "tiny.en", folder, lambda done, total: seen.append((done, total)), lambda: seen[-1][0] > stop_after
    )
    return seen


def there(workspace: Workspace) -> Path | None:
    return registry.downloaded_path(workspace, "tiny.en", "faster-whisper")


def test_progress_runs_to_the_whole_size(hub: Hub, workspace: Workspace) -> None:
    seen = fetch(workspace)
    total = sum(map(len, hub.files.values()))
    assert seen[-1] == (total, total) and seen == sorted(seen) and len(seen) > 50
    folder = there(workspace)
    assert folder and (folder / "model.bin").read_bytes() == hub.files["model.bin"]
    assert not (folder / "README.md").exists()


def test_a_stopped_download_goes_on_where_it_was(hub: Hub, workspace: Workspace) -> None:
    with pytest.raises(Cancelled):
        fetch(workspace, stop_after=20_000_000)
    assert there(workspace) is None
    fetch(workspace)
    assert there(workspace)
    assert len(hub.ranges) == 1 and int(hub.ranges[0].split("=")[1].rstrip("-")) > 10_000_000


def test_a_line_that_breaks_is_told_and_taken_up(hub: Hub, workspace: Workspace) -> None:
    hub.cut_at = 5_000_000
    with pytest.raises(UserError) as caught:
        fetch(workspace)
    assert caught.value.code == "download.no_network" and there(workspace) is None
    hub.cut_at = 0
    fetch(workspace)
    assert there(workspace) and set(hub.ranges) == {"model.bin bytes=5000000-"}


def test_a_line_that_breaks_costs_nothing_where_only_the_answer_tells_the_size(hub: Hub, tmp_path: Path) -> None:
    data = hub.files["model.bin"]
    address = f"{os.environ['HF_ENDPOINT']}/faster-whisper-tiny.en/model.bin"
    file = RemoteFile(address, "tiny.pt", 0, f"sha256:{hashlib.sha256(data).hexdigest()}")
    hub.cut_at = 5_000_000
    with pytest.raises(UserError) as caught:
        download.fetch_all([file], tmp_path, Downloader("tiny", lambda: None), lambda done, total: None)
    assert caught.value.code == "download.no_network" and (tmp_path / "tiny.pt.part").stat().st_size == 5_000_000
    hub.cut_at = 0
    download.fetch_all([file], tmp_path, Downloader("tiny", lambda: None), lambda done, total: None)
    assert (tmp_path / "tiny.pt").read_bytes() == data and set(hub.ranges) == {"model.bin bytes=5000000-"}


def test_a_file_that_had_come_whole_before_its_size_was_known_is_taken_as_it_is(hub: Hub, tmp_path: Path) -> None:
    data = hub.files["model.bin"]
    file = RemoteFile(f"{os.environ['HF_ENDPOINT']}/faster-whisper-tiny.en/model.bin", "tiny.pt", 0, "")
    (tmp_path / "tiny.pt.part").write_bytes(data)
    download.fetch_all([file], tmp_path, Downloader("tiny", lambda: None), lambda done, total: None)
    assert (tmp_path / "tiny.pt").read_bytes() == data and hub.ranges == [f"model.bin bytes={len(data)}-"]


def test_a_line_that_breaks_now_and_then_is_taken_up_by_itself(hub: Hub, workspace: Workspace) -> None:
    hub.cut_at = 5_000_000
    hub.grows = 30_000_000
    fetch(workspace)
    assert there(workspace) and hub.ranges[:2] == ["model.bin bytes=5000000-", "model.bin bytes=35000000-"]


def test_a_changed_file_is_thrown_away(hub: Hub, workspace: Workspace) -> None:
    hub.spoil = True
    with pytest.raises(UserError) as caught:
        fetch(workspace)
    assert caught.value.code == "download.damaged" and there(workspace) is None
    hub.spoil = False
    fetch(workspace)
    assert there(workspace)


def test_no_network_is_one_sentence(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(UserError) as caught:
            fetch(workspace)
    assert caught.value.code == "download.no_network" and "tiny.en" in caught.value.text


@pytest.mark.slow
def test_a_model_by_name_is_downloaded_by_the_job_and_used(hub: Hub, project: Project, make_clips: MakeClips) -> None:
    make_clips(1)
    job = start_transcribe(
        project, TranscribeArgs(model="tiny.en", engine="faster-whisper", device="cpu", measure=False)
    )
    view = job.wait()
    assert view.status == "done", job.log_tail()
    assert '"stage":"asr_download"' in job.events_path.read_text()
    assert "echo test" in project.store.clips()[0].text.lower()
    assert there(project.workspace)
