"""Real nginx and Caddy before a real server: the page loads, events run and stream, audio plays in parts."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import REPOSITORY, running, serving, wait_until_up

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CADDY = shutil.which("caddy")
DEPLOY = REPOSITORY / "deploy"

NGINX_AROUND = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; {inside} }}
}}
"""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that lives under /voice, with one clip in its workspace."""
    workspace = tmp_path_factory.mktemp("proxied") / "workspace"
    clips = workspace / "projects" / "anna" / "clips"
    clips.mkdir(parents=True)
    (clips / "c1.wav").write_bytes(bytes(range(256)) * 1000)
    facts = {"name": "Anna", "language": "en", "engine": "xtts", "created": 1.0}
    (clips.parent / "project.json").write_text(json.dumps(facts))
    with running(workspace, root_path="/voice", allowed_hosts="voice.example.org") as port:
        yield port


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx(folder: Path, port: int, behind: int, strip: bool) -> list[str]:
    """The command for an nginx with the shipped configuration, the ports changed and the prefix stripped or kept."""
    shipped = (DEPLOY / "nginx.conf").read_text()
    assert "proxy_pass http://127.0.0.1:7860;" in shipped
    inside = shipped.replace("http://127.0.0.1:7860;", f"http://127.0.0.1:{behind}{'/' if strip else ''};")
    (folder / "nginx.conf").write_text(NGINX_AROUND.format(folder=folder, port=port, inside=inside))
    return [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def plain_nginx(folder: Path, port: int, behind: int, strip: bool) -> list[str]:
    """An nginx as most guides have it: HTTP/1.0 to the server behind, where it holds back what it is not told to."""
    command = nginx(folder, port, behind, strip)
    config = folder / "nginx.conf"
    config.write_text(
        config.read_text().replace("proxy_http_version 1.1;", "").replace("proxy_request_buffering off;", "")
    )
    return command


def caddy(folder: Path, port: int, behind: int, strip: bool) -> list[str]:
    """The same for Caddy; without https, since a test has no certificate."""
    text = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:7860", f"127.0.0.1:{behind}")
    text = re.sub(r"(?m)^home\.example\.org \{", f"http://:{port} {{", text)
    if strip:
        text = re.sub(r"(?m)^\thandle /", "\thandle_path /", text)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    return [str(CADDY), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES = [
    pytest.param(
        (which, strip),
        id=f"{which.__name__}-{'stripped' if strip else 'kept'}",
        marks=pytest.mark.skipif(not program, reason=f"{which.__name__} is not installed"),
    )
    for which, program in ((nginx, NGINX), (plain_nginx, NGINX), (caddy, CADDY))
    for strip in (True, False)
]


@pytest.fixture(scope="module")
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, behind: int) -> Iterator[str]:
    """A proxy before the server; gives the address people would type."""
    which, strip = request.param
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    command = which(folder, port, behind, strip)
    with open(folder / "proxy.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})
    try:
        wait_until_up(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def run(client: httpx.Client, root: str, name: str, data: list[str]) -> list[tuple[float, list[str]]]:
    """Run an event as the page does; gives (seconds since the start, outputs) as each came in."""
    config = client.get(f"{root}/config").json()
    number = next(dependency["id"] for dependency in config["dependencies"] if dependency["api_name"] == name)
    session = f"session-{name}"
    job = {"data": data, "fn_index": number, "session_hash": session}
    origin = str(httpx.URL(root).copy_with(path="/")).rstrip("/")
    joined = client.post(f"{root}/gradio_api/queue/join", json=job, headers={"Origin": origin})
    assert joined.status_code == 200, joined.text
    began, came = time.monotonic(), []
    with client.stream("GET", f"{root}/gradio_api/queue/data", params={"session_hash": session}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            message = json.loads(line[6:]) if line.startswith("data: ") else {}
            if message.get("msg") in ("process_generating", "process_completed"):
                came.append((time.monotonic() - began, message["output"].get("data", [])))
            if message.get("msg") == "process_completed":
                return came
    raise AssertionError("the stream ended before the event")


def check(address: str, path: str) -> None:
    """What a person's browser does: open, follow, load a script, run events, play a part of a clip."""
    with httpx.Client(follow_redirects=True, timeout=20) as client:
        page = client.get(f"{address}{path}/")
        assert page.status_code == 200
        assert str(page.url) == f"{address}/voice/en/"
        root = re.findall(r'"root":"([^"]*)"', page.text)[0]
        assert root == f"{address}/voice/en"
        script = re.findall(r'src="(\./assets/[^"]+\.js)"', page.text)[0]
        assert "javascript" in client.get(page.url.join(script)).headers["content-type"]
        assert client.get(f"{root}/theme.css").status_code == 200

        assert run(client, root, "say", ["hello"])[-1][1] == ["HELLO"]
        times = [seconds for seconds, _ in run(client, root, "count", [])]
        assert len(times) >= 3
        assert times[-1] - times[0] > 0.4, f"the stream was held back: {times}"

        sound = client.get(page.url.join("../audio/anna/clip/c1"), headers={"Range": "bytes=1000-1009"})
        assert (sound.status_code, sound.content) == (206, (bytes(range(256)) * 4)[1000:1010])
        foreign = client.post(f"{root}/gradio_api/queue/join", json={}, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403


@pytest.mark.slow
@pytest.mark.parametrize("proxy", PROXIES, indirect=True)
def test_the_page_works_behind_a_proxy(proxy: str) -> None:
    check(proxy, "/voice")
    assert httpx.get(f"{proxy}/voice", follow_redirects=True).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("proxy", PROXIES, indirect=True)
def test_behind_a_proxy_only_its_own_name_is_answered(proxy: str) -> None:
    assert httpx.get(f"{proxy}/voice/health", headers={"Host": "voice.example.org"}).status_code == 200
    assert httpx.get(f"{proxy}/voice/health", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.slow
def test_with_a_prefix_it_still_works_directly_on_localhost(behind: int) -> None:
    check(f"http://127.0.0.1:{behind}", "")
    check(f"http://127.0.0.1:{behind}", "/voice")


@pytest.mark.slow
@pytest.mark.parametrize("proxy", PROXIES, indirect=True)
def test_a_large_upload_goes_through(proxy: str) -> None:
    upload = {"files": ("a.wav", bytes(30 << 20))}
    assert httpx.post(f"{proxy}/voice/en/gradio_api/upload", files=upload, timeout=60).status_code == 200


@pytest.fixture
def bare_nginx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An nginx that passes requests on and no header, before a server of its own with or without a password."""
    with serving(tmp_path / "workspace", password=request.param) as behind:
        port = free_port()
        inside = f"location / {{ proxy_pass http://127.0.0.1:{behind}; }}"
        (tmp_path / "nginx.conf").write_text(NGINX_AROUND.format(folder=tmp_path, port=port, inside=inside))
        process = subprocess.Popen([str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
        try:
            wait_until_up(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
@pytest.mark.parametrize("bare_nginx", ["", "a password"], indirect=True, ids=["page", "login"])
def test_a_proxy_that_loses_the_host_gets_a_sentence_in_place_of_an_empty_page(bare_nginx: str, chromium: Any) -> None:
    for language, word in (("en", "Your browser is at"), ("pt-BR", "Seu navegador está em")):
        page = chromium.new_page(locale=language)
        broken: list[str] = []
        page.on("pageerror", lambda error, broken=broken: broken.append(str(error)))
        page.goto(f"{bare_nginx}/", wait_until="commit")
        page.wait_for_selector("h1")
        text = page.inner_text("body")
        assert word in text
        assert bare_nginx.removeprefix("http://") in text
        assert "proxy_set_header Host $http_host;" in text
        assert not broken
        page.close()


# ---- a proxy on another computer -------------------------------------------------------------------------------------

ELSEWHERE = "127.0.0.2"  # an address of this computer that is not believed unless the setting names it


def proxy_elsewhere(folder: Path, port: int, behind: int) -> list[str]:
    """The command for an nginx with the shipped configuration, which asks from another address, and has https."""
    command = nginx(folder, port, behind, strip=False)
    config = folder / "nginx.conf"
    text = config.read_text().replace("location /voice/ {", f"location /voice/ {{ proxy_bind {ELSEWHERE};")
    config.write_text(text.replace("X-Forwarded-Proto $scheme", "X-Forwarded-Proto https"))
    return command


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a page behind a proxy on another computer that is named in the setting, or is not."""
    settings = {"password": "pw", "root_path": "/voice", "trusted_proxies": request.param}
    with serving(tmp_path / "workspace", real_page=True, **settings) as behind:
        port = free_port()
        process = subprocess.Popen(proxy_elsewhere(tmp_path, port, behind))
        try:
            wait_until_up(f"http://127.0.0.1:{port}/voice/", process)
            yield f"http://127.0.0.1:{port}/voice"
        finally:
            process.terminate()
            process.wait(10)


def guess(address: str, browser: str, password: str) -> httpx.Response:
    """A login from a browser at an address of its own, which claims to be many."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=browser)) as client:
        claim = {"X-Forwarded-For": f"198.51.100.{os.urandom(1)[0]}"}
        return client.post(f"{address}/login", data={"user": "voicewright", "password": password}, headers=claim)


@pytest.mark.slow
@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
@pytest.mark.parametrize("elsewhere", ["", f"10.0.0.5, {ELSEWHERE}"], indirect=True, ids=["unnamed", "named"])
def test_of_a_proxy_on_another_computer_the_setting_decides(elsewhere: str, request: pytest.FixtureRequest) -> None:
    named = "unnamed" not in request.node.callspec.id
    assert [guess(elsewhere, "127.0.0.3", "wrong").status_code for _ in range(12)] == [401] * 10 + [429] * 2
    other = guess(elsewhere, "127.0.0.4", "pw")
    assert other.status_code == (303 if named else 429)
    if named:
        assert other.headers["set-cookie"].startswith("__Secure-voicewright-")
        assert "; secure" in other.headers["set-cookie"].lower()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
@pytest.mark.parametrize("elsewhere", [""], indirect=True, ids=["unnamed"])
def test_the_system_page_says_which_line_makes_a_proxy_trusted(elsewhere: str, chromium: Any) -> None:
    page = chromium.new_page()
    page.goto(f"{elsewhere}/en/?tab=system")
    page.fill("#user", "voicewright")
    page.fill("#password", "pw")
    page.click("button")
    page.wait_for_selector(".vw-logins")
    text = page.inner_text("#page-system")
    assert f"VOICEWRIGHT_TRUSTED_PROXIES={ELSEWHERE}" in text
    assert "Something needs fixing first." in text
