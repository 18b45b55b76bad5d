"""A proxy on another computer: what it forwards is believed if the setting names it, and never from anybody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.server.conftest import REPOSITORY, Client

PASSWORD = "ein gutes Passwort"
PROXY = "10.0.0.5"
OUTSIDE = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "voice.example.org", "Host": "voice.example.org"}


def log_in(http: TestClient, password: str = PASSWORD, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post("/login", data={"user": "voicewright", "password": password}, headers=named)


def through(client: Client, trusted: bool, **settings: str) -> TestClient:
    """The application as a proxy on another computer asks it."""
    more = {"trusted_proxies": f"192.0.2.1,{PROXY}"} if trusted else {}
    return client(peer=PROXY, password=PASSWORD, allowed_hosts="voice.example.org", **more, **settings)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_cookie_is_kept_to_https_if_the_proxy_is_trusted(client: Client, trusted: bool) -> None:
    http = through(client, trusted)
    cookie = http.post("/login", data={"user": "voicewright", "password": PASSWORD}, headers=OUTSIDE)
    assert ("; secure" in cookie.headers["set-cookie"].lower()) is trusted
    assert cookie.headers["set-cookie"].startswith("__Host-voicewright-443=" if trusted else "voicewright-80=")


@pytest.mark.parametrize("trusted", [True, False])
def test_the_page_finds_its_own_address_as_the_browser_has_it(client: Client, trusted: bool) -> None:
    http = through(client, trusted)
    inside = {**OUTSIDE, "Host": "voice.example.org:7860"}
    token = http.post("/login", data={"user": "voicewright", "password": PASSWORD}, headers=inside).headers[
        "set-cookie"
    ]
    page = http.get("/en/", headers={**inside, "Cookie": token.split(";")[0]})
    root = re.findall(r'"root":"([^"]*)"', page.text)[0]
    assert root == ("https://voice.example.org/en" if trusted else "http://voice.example.org:7860/en")


def test_ten_wrong_guesses_behind_a_trusted_proxy_lock_out_nobody_else(client: Client) -> None:
    http = through(client, trusted=True)
    for number in range(12):
        # What stands further left was made up by the one who guesses.
        answer = log_in(http, "wrong", X_Forwarded_For=f"198.51.100.{number}, 203.0.113.66")
        assert answer.status_code == (401 if number < 10 else 429)
    assert log_in(http, X_Forwarded_For="203.0.113.7").status_code == 303


def test_nobody_gets_more_guesses_by_headers_of_their_own(client: Client) -> None:
    http = client(peer="198.51.100.9", password=PASSWORD, trusted_proxies=PROXY)
    answers = [log_in(http, "wrong", X_Forwarded_For=f"198.51.100.{number}").status_code for number in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_a_peer_that_is_ignored_is_named_once_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    http = through(client, trusted=False)
    for _ in range(3):
        http.get("/health", headers={"X-Forwarded-For": "203.0.113.7"})
    lines = [record.getMessage() for record in caplog.records if "VOICEWRIGHT_TRUSTED_PROXIES" in record.getMessage()]
    assert len(lines) == 1
    assert f"VOICEWRIGHT_TRUSTED_PROXIES={PROXY}" in lines[0]


def test_a_forwarded_name_does_not_open_the_door_to_another_name(client: Client) -> None:
    """A page of an attacker's name that points at this computer may send X-Forwarded-Host itself."""
    http = client(peer="127.0.0.1")
    assert http.get("/en/config", headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"}).status_code == 403
    assert http.get("/en/config", headers={"Host": "localhost", "X-Forwarded-Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_a_name_that_is_not_answered_is_told_with_what_to_do(client: Client, language: str) -> None:
    http = client()
    text = http.get("/en/", headers={"Host": "voicewright_upstream", "Accept-Language": language}).text
    assert "voicewright_upstream" in text
    assert "VOICEWRIGHT_ALLOWED_HOSTS" in text
    assert "proxy_set_header Host $http_host;" in text
    assert ("navegador" in text) is (language == "pt-BR")
    missing = http.get("/en/", headers=[("Host", "localhost"), ("Host", "127.0.0.1")])  # type: ignore[arg-type]
    assert missing.status_code == 403
    assert "proxy_set_header Host $http_host;" in missing.text


def test_a_form_sent_through_a_proxy_that_loses_the_host_is_told_so(client: Client) -> None:
    answer = client(password=PASSWORD).post("/login", headers={"Origin": "http://home.example"})
    assert answer.status_code == 403
    assert "http://home.example" in answer.text
    assert "proxy_set_header Host $http_host;" in answer.text


def test_no_header_breaks_out_of_the_script_that_compares_addresses(client: Client) -> None:
    http = client(peer=PROXY, password=PASSWORD, allowed_hosts="a.example")
    text = http.get("/login", headers={"Host": "a.example:80</script><b>"}).text
    assert "</script><b>" not in text
    text = http.get("/login", headers={"Host": "a.example", "X-Forwarded-Host": "a.example"}).text
    assert text.count("</script>") == 1
    assert f"VOICEWRIGHT_TRUSTED_PROXIES={PROXY}" in text


def test_a_setting_that_names_no_proxy_does_not_start_and_says_so_in_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "VOICEWRIGHT_TRUSTED_PROXIES": "10.0.0.5/24"}
    command = [sys.executable, REPOSITORY / "webui.py", "--workspace", tmp_path / "w", "--port", "65000"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Write 10.0.0.5 for the computer, or 10.0.0.0/24 for the network." in done.stderr
    assert not (tmp_path / "w").exists()
