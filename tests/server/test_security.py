"""Only expected hosts are answered, and other sites can neither read nor do anything."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import UserError
from core.settings import Settings
from tests.server.conftest import REPOSITORY, Client
from ui.http.security import check_exposure, host_name, is_loopback, prefix

FOREIGN = (
    "https://evil.example",
    "http://127.0.0.1:9999",
    "http://localhost",
    "null",
    "http://127.0.0.1:7860.evil.example",
)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860", "voice.lan", "Voice.Lan.:80"],
)
def test_expected_hosts_are_answered(client: Client, host: str) -> None:
    assert client(allowed_hosts="voice.lan, other.lan").get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:7860",
        "0.0.0.0:7860",
        "",
        "localhost@evil.example",
        "localhost/evil",
        "[::1",
        "192.168.1.7:7860",
    ],
)
def test_other_hosts_get_403_on_every_route(client: Client, host: str) -> None:
    http = client()
    for path in ("/", "/health", "/en/", "/en/config", "/audio/p/clip/c"):
        assert http.get(path, headers={"Host": host}).status_code == 403, path


def test_a_forwarded_host_must_be_expected_too(client: Client) -> None:
    http = client(allowed_hosts="voice.example.org")
    assert http.get("/health", headers={"X-Forwarded-Host": "voice.example.org"}).status_code == 200
    assert http.get("/health", headers={"X-Forwarded-Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_cannot_run_upload_or_read(client: Client, origin: str) -> None:
    http = client()
    headers = {"Origin": origin}
    job = {"data": ["x"], "fn_index": 0, "session_hash": "s"}
    answers = [
        http.post("/en/gradio_api/queue/join", json=job, headers=headers),
        http.post("/en/gradio_api/run/say", json={"data": ["x"]}, headers=headers),
        http.post("/en/gradio_api/upload", files={"files": ("a.wav", b"x")}, headers=headers),
        http.post("/login", content="user=a&password=b", headers=headers),
        http.get("/en/config", headers=headers),
        http.options("/en/gradio_api/queue/join", headers={**headers, "Access-Control-Request-Method": "POST"}),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_the_browsers_word_on_where_a_request_comes_from_is_believed(client: Client, site: str) -> None:
    http = client()
    from_there = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "audio"}
    assert http.post("/en/gradio_api/queue/join", json={}, headers=from_there).status_code == 403
    assert http.get("/audio/p/clip/c", headers=from_there).status_code == 403
    assert http.get("/en/config", headers=from_there).status_code == 403
    assert http.get("/en/gradio_api/queue/data?session_hash=s", headers=from_there).status_code == 403
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert http.get("/en/", headers=link).status_code == 200
    assert http.post("/login", headers=link).status_code == 403
    assert http.get("/en/", headers={**link, "Sec-Fetch-Dest": "iframe"}).status_code == 403


def test_the_page_itself_and_programs_may_run_things(client: Client) -> None:
    http = client()
    for headers in (
        {"Origin": "http://127.0.0.1:7860"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:7860"},
        {},
    ):
        answer = http.post("/en/gradio_api/run/say", json={"data": ["hello"]}, headers=headers)
        assert answer.json()["data"] == ["HELLO"]


def test_gradios_own_cross_origin_headers_are_gone_behind_a_real_host_name(client: Client) -> None:
    http = client(allowed_hosts="voice.example.org")
    answer = http.get("/en/config", headers={"Host": "voice.example.org", "Origin": "https://voice.example.org"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]


def test_every_answer_carries_the_security_headers(client: Client) -> None:
    http = client()
    for path in ("/en/", "/health", "/nothing"):
        headers = http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "default-src 'self'" in http.get("/en/").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "monitoring",
        "monitoring/summary",
        "gradio_api/proxy=https://a.hf.space/x",
        "gradio_api/file=http://127.0.0.1:1/x",
        "gradio_api/file=HTTP://127.0.0.1:1/x",
        "gradio_api/deep_link?session_hash=s",
        "gradio_api/runs",
        "gradio_api/vibe-code",
        "token",
        "gradio_api/token",
        "gradio_api/openapi.json",
        "gradio_api/dev/reload",
        "gradio_api/custom_component/1/client/component/index.js",
        "login",
        "logout",
        "docs",
        "openapi.json",
        "gradio_api/call/say",
        "gradio_api/mcp",
    ],
)
def test_gradios_routes_that_the_page_does_not_need_are_closed(client: Client, path: str) -> None:
    http = client()
    assert http.get(f"/en/{path}").status_code == 404
    assert http.post(f"/en/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "{repository}/webui.py",
        "{workspace}/private/sessions.json",
        "file:///etc/passwd",
        "/proc/self/environ",
        "{workspace}/projects/p/project.json",
    ],
)
def test_gradios_file_route_gives_nothing_but_its_own_uploads(client: Client, tmp_path: Path, path: str) -> None:
    workspace = tmp_path / "workspace"
    http = client(password="a long password")
    http.post("/login", content="user=voicewright&password=a long password")
    (workspace / "projects" / "p").mkdir(parents=True)
    (workspace / "projects" / "p" / "project.json").write_text("{}")
    assert (workspace / "private" / "sessions.json").exists()
    answer = http.get(f"/en/gradio_api/file={path.format(repository=REPOSITORY, workspace=workspace)}")
    assert answer.status_code in (403, 404)


def test_an_upload_over_the_limit_is_refused_and_nothing_stays(client: Client, tmp_path: Path) -> None:
    http = client(max_upload_mb=1)
    assert http.post("/en/gradio_api/upload", files={"files": ("a.wav", b"x" * 900_000)}).status_code == 200
    assert http.post("/en/gradio_api/upload", files={"files": ("b.wav", b"x" * 3_000_000)}).status_code == 413
    left = [file.stat().st_size for file in (tmp_path / "workspace" / "tmp" / "gradio").rglob("*") if file.is_file()]
    assert left == [900_000]


def test_uploads_lie_in_a_private_folder(client: Client, tmp_path: Path) -> None:
    client()
    assert (tmp_path / "workspace" / "tmp").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_an_address_others_can_reach_needs_a_password(host: str) -> None:
    with pytest.raises(UserError, match="password is needed"):
        check_exposure(Settings(_env_file=None, host=host))  # type: ignore[call-arg]
    with pytest.raises(UserError):
        check_exposure(Settings(_env_file=None, host=host, password=""))  # type: ignore[call-arg, arg-type]
    check_exposure(Settings(_env_file=None, host=host, password="a long password"))  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_none(host: str) -> None:
    assert is_loopback(host)


def test_the_refusal_is_one_plain_sentence_and_exit_code_2(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, REPOSITORY / "webui.py", "--host", "0.0.0.0", "--workspace", tmp_path / "w"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "VOICEWRIGHT_PASSWORD" in done.stderr
    assert not (tmp_path / "w").exists()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("given", "name"), [("A.B:80", "a.b"), ("[::1]:7", "::1"), ("a:b", ""), ("a/b", ""), ("u@a", "")]
)
def test_host_names_are_read_strictly(given: str, name: str) -> None:
    assert host_name(given) == name


@pytest.mark.parametrize(
    ("given", "is_"), [("", ""), ("/", ""), ("voice", "/voice"), ("/voice/", "/voice"), ("//a//b/", "/a/b")]
)
def test_the_prefix_is_brought_into_one_form(given: str, is_: str) -> None:
    assert prefix(Settings(_env_file=None, root_path=given)) == is_  # type: ignore[call-arg]
