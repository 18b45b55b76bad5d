"""Base models: the download survives a bad line and distrusts what arrives; the licence is a person's to accept."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.engines.download import download
from core.engines.manifest import partial_folder
from core.engines.xtts.bases import FILES, XTTS_V2, XttsBases
from core.errors import Cancelled, DiskFull, UserError
from core.files import read_json
from core.jobs.args.bases import DownloadBaseArgs, FetchBaseArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.engine import start_download
from core.project.workspace import Project, Workspace
from core.tasks import fetch_base

MODELS = XttsBases()
SMALL = ("config.json", "vocab.json")
REVISION = "0123abcd"


class Hub:
    """A hub on the loopback: lists and serves files, with ranges, and misbehaves when told to."""

    def __init__(self) -> None:
        self.files = {name: hashlib.sha256(name.encode()).digest() * 3000 for name in FILES}
        self.files["config.json"] = b'{"model": "xtts"}'
        self.listed = dict(self.files)  # what the hub says; differs where something is damaged on the way
        self.cut: dict[str, list[int]] = {}  # per file: bytes after which the line drops, one entry a request
        self.ranges = True
        self.asked: list[tuple[str, str]] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def tree(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = [{"type": "directory", "path": "samples", "size": 0, "oid": "x"}]
        for name, content in self.listed.items():
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            entry = {"type": "file", "path": name, "size": len(content), "oid": git}
            if name not in SMALL:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
            entries.append(entry)
        return entries


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None: ...

    def do_GET(self) -> None:
        hub, name = self.hub, self.path.rsplit("/", 1)[-1]
        if self.path == "/api/models/coqui/XTTS-v2/revision/main":
            self._send(200, json.dumps({"sha": REVISION}).encode())
        elif self.path == f"/api/models/coqui/XTTS-v2/tree/{REVISION}":
            self._send(200, json.dumps(hub.tree()).encode())
        elif self.path == f"/coqui/XTTS-v2/resolve/{REVISION}/{name}" and name in hub.files:
            self._file(name, hub.files[name])
        else:
            self._send(404, b"{}")

    def _file(self, name: str, content: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.hub.asked.append((name, self.headers.get("Range", "")))
        start = int(wanted[1]) if wanted and self.hub.ranges else 0
        extra = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        cuts = self.hub.cut.get(name, [])
        self._send(206 if start else 200, content[start:], extra, cuts.pop(0) if cuts else None)

    def _send(self, status: int, body: bytes, extra: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


@pytest.fixture
def reporter(project: Project) -> Reporter:
    return Reporter(Job.create(project.jobs, DownloadBaseArgs(base_id=XTTS_V2, hub="")))


def fetch(workspace: Workspace, hub: Hub, reporter: Reporter) -> Path:
    return download(workspace.models, MODELS.catalog[XTTS_V2], reporter, hub=hub.url, pause_s=0.0)


def assert_whole(folder: Path, hub: Hub) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, "manifest.json"}
    assert all((folder / name).read_bytes() == content for name, content in hub.listed.items())


def test_all_files_arrive_with_a_manifest_to_check_them_by(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    assert MODELS.state(workspace.models, XTTS_V2).status == "missing"
    folder = fetch(workspace, hub, reporter)
    assert_whole(folder, hub)
    files = read_json(folder / "manifest.json")["files"]
    assert {(file["repository"], file["revision"]) for file in files} == {("coqui/XTTS-v2", REVISION)}
    state = MODELS.state(workspace.models, XTTS_V2)
    assert state.status == "ready" and state.done_bytes == state.total_bytes == sum(map(len, hub.files.values()))
    assert MODELS.folder(workspace.models, XTTS_V2) == folder
    hashes = {file["name"]: file["sha256"] for file in read_json(folder / "manifest.json")["files"]}
    assert hashes == {name: hashlib.sha256(content).hexdigest() for name, content in hub.listed.items()}


def test_progress_counts_all_bytes_and_names_the_file(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    fetch(workspace, hub, reporter)
    lines = [json.loads(line) for line in reporter.job.events_path.read_text().splitlines()]
    told = [line for line in lines if line["type"] == "progress" and line["stage"] == "base_download"]
    assert told[-1]["done"] == told[-1]["total"] == sum(map(len, hub.files.values()))
    assert told[0]["item"] in FILES


def test_a_dropped_line_is_taken_up_where_it_dropped(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    hub.cut = {"model.pth": [40_000, 20_000]}
    assert_whole(fetch(workspace, hub, reporter), hub)
    assert [asked for name, asked in hub.asked if name == "model.pth"] == ["", "bytes=40000-", "bytes=60000-"]


def test_a_download_broken_off_goes_on_later_with_the_same_revision(
    workspace: Workspace, hub: Hub, reporter: Reporter
) -> None:
    hub.cut = {"dvae.pth": [50_000, 0, 0, 0, 0, 0, 0]}
    with pytest.raises(UserError) as caught:
        fetch(workspace, hub, reporter)
    assert caught.value.code == "download.no_network"
    state = MODELS.state(workspace.models, XTTS_V2)
    assert state.status == "partial" and 50_000 < state.done_bytes < state.total_bytes
    hub.cut, hub.asked = {}, []
    assert_whole(fetch(workspace, hub, reporter), hub)
    assert hub.asked[0] == ("dvae.pth", "bytes=50000-")
    assert {name for name, _ in hub.asked} == {"dvae.pth", "model.pth"}


def test_a_server_without_ranges_sends_the_file_again(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    hub.ranges, hub.cut = False, {"model.pth": [40_000]}
    assert_whole(fetch(workspace, hub, reporter), hub)


@pytest.mark.parametrize("name", ["model.pth", "vocab.json"])
def test_a_damaged_file_is_refused_and_only_it_is_fetched_anew(
    workspace: Workspace, hub: Hub, reporter: Reporter, name: str
) -> None:
    good = hub.files[name]
    hub.files[name] = b"?" + good[1:]
    with pytest.raises(UserError, match=re.escape(name)) as caught:
        fetch(workspace, hub, reporter)
    assert caught.value.code == "download.damaged"
    assert MODELS.state(workspace.models, XTTS_V2).status == "partial" and not (workspace.models / XTTS_V2).exists()
    kept = {path.name for path in partial_folder(workspace.models, XTTS_V2).iterdir()} - {"plan.json"}
    assert name not in kept
    hub.files[name], hub.asked = good, []
    assert_whole(fetch(workspace, hub, reporter), hub)
    assert not kept & {asked for asked, _ in hub.asked}


def test_stop_keeps_what_has_come(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    reporter.job.stop()
    with pytest.raises(Cancelled):
        fetch(workspace, hub, reporter)
    assert MODELS.state(workspace.models, XTTS_V2).status == "partial"


def test_without_a_network_the_host_is_named(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    hub.server.shutdown()
    hub.server.server_close()
    with pytest.raises(UserError, match=r"127\.0\.0\.1") as caught:
        fetch(workspace, hub, reporter)
    assert caught.value.code == "download.no_network"


def test_a_refusing_hub_is_named(workspace: Workspace, hub: Hub, reporter: Reporter) -> None:
    del hub.listed["dvae.pth"]
    with pytest.raises(UserError, match=r"dvae\.pth") as caught:
        fetch(workspace, hub, reporter)
    assert caught.value.code == "download.refused"


def test_a_full_disk_is_seen_before_the_download(
    workspace: Workspace, hub: Hub, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000})())
    with pytest.raises(DiskFull):
        fetch(workspace, hub, reporter)
    assert hub.asked == []


def test_nothing_is_fetched_before_a_person_agreed_to_the_licence(project: Project, hub: Hub) -> None:
    with pytest.raises(UserError) as caught:
        start_download(project, XTTS_V2, hub=hub.url)
    assert caught.value.code == "base.license" and "coqui.ai/cpml" in caught.value.hint
    assert hub.asked == [] and project.all_jobs() == []
    assert not MODELS.license_accepted(project.workspace.models, XTTS_V2)

    MODELS.accept_license(project.workspace.models, XTTS_V2)
    assert MODELS.license_accepted(project.workspace.models, XTTS_V2)
    view = start_download(project, XTTS_V2, hub=hub.url).wait(60)
    assert view.status == "done", view
    assert_whole(project.workspace.models / XTTS_V2, hub)


def test_the_task_itself_asks_for_the_licence_too(project: Project, hub: Hub) -> None:
    view = _wait(project.start_job(DownloadBaseArgs(base_id=XTTS_V2, hub=hub.url)))
    assert (view.status, view.code) == ("failed", "base.license") and hub.asked == []


def _wait(job: Job) -> Any:
    return job.wait(60)


def test_a_local_folder_is_as_good_as_a_download(starter: Path, workspace: Workspace, tmp_path: Path) -> None:
    base_id = MODELS.local(starter)
    assert MODELS.folder(workspace.models, base_id) == starter
    with pytest.raises(UserError) as caught:
        MODELS.local(tmp_path)
    assert caught.value.code == "base.missing_file"
    for path in starter.iterdir():
        (tmp_path / path.name).write_bytes(b'{"model": "vits"}' if path.name == "config.json" else b"")
    with pytest.raises(UserError) as caught:
        MODELS.local(tmp_path)
    assert caught.value.code == "base.broken"


@pytest.mark.parametrize("base_id", ["no-such", "../../etc", ""])
def test_unknown_bases_are_refused(workspace: Workspace, base_id: str) -> None:
    with pytest.raises(UserError) as caught:
        MODELS.folder(workspace.models, base_id)
    assert caught.value.code == "base.unknown"


def test_what_a_page_asks_imports_no_model_library() -> None:
    code = (
        "import sys, core.synthesis.start\n"
        "from core.engines import registry as r; r.bases('xtts').catalog; r.missing_packages('xtts')\n"
        "print([name for name in ('torch', 'TTS', 'transformers', 'peft', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_base_that_somebody_has_published_is_fetched_as_a_local_folder(project: Project, hub: Hub) -> None:
    address = "https://huggingface.co/coqui/XTTS-v2/tree/main"
    args = FetchBaseArgs(address=address, paths={}, hub=hub.url)
    job = Job.create(project.jobs, args)
    facts = fetch_base.run(job, project, args, Reporter(job))
    folder = Path(facts["folder"])
    assert facts["base"] == "coqui/XTTS-v2" and MODELS.folder(project.workspace.models, MODELS.local(folder)) == folder
    assert {path.name for path in folder.iterdir()} == {*MODELS.required_files, "manifest.json"}
    asked = len(hub.asked)
    assert fetch_base.run(job, project, args, Reporter(job)) == facts and len(hub.asked) == asked
    assert MODELS.sha256(folder) in {hashlib.sha256(content).hexdigest() for content in hub.files.values()}
