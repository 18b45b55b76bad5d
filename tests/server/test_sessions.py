"""Sessions live on the server: ended is ended, a restart keeps them, another password does not."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from gradio.context import LocalContext

from core.settings import Settings
from tests.server.conftest import Client, serving
from ui.http import sessions as module
from ui.http import visitor
from ui.http.login import SESSION
from ui.http.sessions import MOST_SESSIONS, SESSION_S, Session, Sessions

PASSWORD = "ein gutes Passwort €"
RIGHT = {"user": "voicewright", "password": PASSWORD}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sessions(folder: Path, password: str = PASSWORD, user: str = "voicewright") -> Sessions:
    return Sessions(Settings(_env_file=None, workspace=folder, user=user, password=password))  # type: ignore


def log_in(http: Any, at: str = "/login") -> str:
    """Log in; gives the cookie as ``name=token``."""
    answer = http.post(at, data=RIGHT)
    assert answer.status_code == 303
    return str(answer.headers["set-cookie"].split(";")[0])


def test_a_session_that_was_logged_out_is_worth_nothing(client: Client) -> None:
    http = client(password=PASSWORD)
    copied = log_in(http)
    assert http.post("/logout").status_code == 303
    assert http.get("/en/config", headers={"Cookie": copied}).status_code == 401


def test_logging_out_leaves_other_browsers_in_and_everywhere_means_everywhere(client: Client) -> None:
    http = client(password=PASSWORD)
    first, second, third = (log_in(http) for _ in range(3) if http.cookies.clear() is None)
    http.cookies.clear()

    def reached(cookie: str) -> int:
        return int(http.get("/en/config", headers={"Cookie": cookie}).status_code)

    assert http.post("/logout", headers={"Cookie": first}).status_code == 303
    assert [reached(cookie) for cookie in (first, second, third)] == [401, 200, 200]
    assert http.post("/logout", data={"everywhere": ""}, headers={"Cookie": second}).status_code == 303
    assert [reached(cookie) for cookie in (first, second, third)] == [401, 401, 401]


def test_a_new_login_takes_the_place_of_the_browsers_former_one(client: Client) -> None:
    http = client(password=PASSWORD)
    former = log_in(http)
    assert log_in(http) != former
    http.cookies.clear()
    assert http.get("/en/config", headers={"Cookie": former}).status_code == 401


def test_a_restart_keeps_sessions_and_another_password_ends_them_for_good(tmp_path: Path) -> None:
    token = sessions(tmp_path).begin("10.0.0.1")
    assert sessions(tmp_path).find(token), "a restart logs nobody out"
    assert not sessions(tmp_path, password="another").find(token)
    assert not sessions(tmp_path).find(token), "nor does it come back with the old password"
    token = sessions(tmp_path).begin("10.0.0.1")
    assert not sessions(tmp_path, user="someone").find(token)
    token = sessions(tmp_path).begin("10.0.0.1")
    assert not sessions(tmp_path, password="").is_required
    assert not sessions(tmp_path).find(token), "no password in between is another password"
    assert not sessions(tmp_path / "elsewhere").find(token)


def test_neither_token_nor_password_is_in_the_file_and_only_the_account_may_read_it(tmp_path: Path) -> None:
    token = sessions(tmp_path).begin("10.0.0.1", FIREFOX)
    file = tmp_path / "private" / "sessions.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    text = file.read_text(encoding="utf-8")
    assert token not in text
    assert PASSWORD not in text
    assert [name.name for name in file.parent.iterdir()] == ["sessions.json"]


@pytest.mark.parametrize("token", ["", ".", "x", "9" * 5000, "é", "\udc80", "a.b.c"])
def test_what_was_made_up_is_no_session(tmp_path: Path, token: str) -> None:
    ours = sessions(tmp_path)
    begun = ours.begin("10.0.0.1")
    for bad in (token, begun + token if token else begun[:-1], ours.active()[0].id):
        assert not ours.find(bad)


def test_a_session_ends_after_30_days_however_much_it_is_used(tmp_path: Path) -> None:
    ours = sessions(tmp_path)
    token = ours.begin("10.0.0.1", now=1000.0)
    for day in range(30):
        assert ours.find(token, now=1000.0 + day * 86400)
    assert not ours.find(token, now=1000.0 + SESSION_S)
    assert ours.active(now=1000.0 + SESSION_S) == []


def test_their_number_is_bounded_and_the_one_unseen_for_longest_goes(tmp_path: Path) -> None:
    ours = sessions(tmp_path)
    tokens = [ours.begin("10.0.0.1", now=1000.0 + number) for number in range(MOST_SESSIONS)]
    assert ours.find(tokens[0], now=2000.0)
    ours.begin("10.0.0.1", now=2001.0)
    assert len(ours.active(now=2002.0)) == MOST_SESSIONS
    assert ours.find(tokens[0], now=2002.0)
    assert not ours.find(tokens[1], now=2002.0)


def test_last_seen_is_written_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = sessions(tmp_path)
    token = ours.begin("10.0.0.1")
    began = ours.active()[0].since
    due = [second for second in range(3600) if ours.note_due(ours.find(token, now=began + second)) and not ours.save()]  # type: ignore
    assert 3 <= len(due) <= 4
    assert json.loads((tmp_path / "private" / "sessions.json").read_text())["sessions"][0]["seen"] == began + due[-1]


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", "[]", "{}", "\x00" * 50, '{"fingerprint": 1, "salt": 2, "sessions": 3}', "[" * 100_000],
)
def test_a_damaged_file_asks_everyone_to_log_in_and_nothing_worse(client: Client, tmp_path: Path, content: str) -> None:
    http = client(password=PASSWORD)
    log_in(http)
    (tmp_path / "workspace" / "private" / "sessions.json").write_text(content)
    assert http.get("/en/config").status_code == 401
    log_in(http)
    assert http.get("/en/config").status_code == 200


def test_with_a_damaged_row_the_file_is_not_believed(tmp_path: Path) -> None:
    token = sessions(tmp_path).begin("10.0.0.1")
    file = tmp_path / "private" / "sessions.json"
    content = json.loads(file.read_text())
    del content["sessions"][0]["since"]
    file.write_text(json.dumps(content))
    assert not sessions(tmp_path).find(token)


def test_two_servers_of_one_workspace_know_each_others_sessions(tmp_path: Path) -> None:
    http, other = sessions(tmp_path), sessions(tmp_path)
    token = http.begin("10.0.0.1")
    session = other.find(token)
    assert session
    other.end(session.id)
    assert not http.find(token)


def test_on_a_full_disk_one_can_log_in_and_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = sessions(tmp_path)
    earlier = ours.begin("10.0.0.1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_private", full)
    token = ours.begin("10.0.0.2")
    assert ours.find(token)
    ours.end(ours.find(earlier).id)  # type: ignore[union-attr]
    assert not ours.find(earlier)
    assert ours.find(token)
    assert not sessions(tmp_path).find(earlier), "what was ended does not come back with the next start"


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        (FIREFOX, ("Firefox", "Windows")),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
            ("Chrome", "Linux"),
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
            ("Safari", "iPhone"),
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18 Safari/605",
            ("Safari", "macOS"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
            ("Chrome", "Android"),
        ),
        ("<script>alert(1)</script>", ("", "")),
        ("", ("", "")),
        ("A" * 100_000, ("", "")),
    ],
)
def test_a_browser_is_named_in_words_and_nothing_of_what_it_says_is_kept(
    tmp_path: Path, agent: str, named: tuple[str, str]
) -> None:
    ours = sessions(tmp_path)
    ours.begin("10.0.0.1", agent)
    session = ours.active()[0]
    assert (session.browser, session.system) == named


@pytest.mark.parametrize(
    ("root", "address", "start", "path"),
    [
        ("", "http://127.0.0.1:7860", "voicewright-7860=", "/"),
        ("", "http://127.0.0.1", "voicewright-80=", "/"),
        ("", "https://127.0.0.1", "__Host-voicewright-443=", "/"),
        ("", "https://127.0.0.1:8443", "__Host-voicewright-8443=", "/"),
        ("/voice", "http://127.0.0.1:7860", "voicewright-7860-", "/voice"),
        ("/voice", "https://127.0.0.1", "__Secure-voicewright-443-", "/voice"),
    ],
)
def test_name_and_path_of_the_cookie_follow_port_prefix_and_scheme(
    client: Client, root: str, address: str, start: str, path: str
) -> None:
    http = client(password=PASSWORD, root_path=root)
    http.base_url = address  # type: ignore[assignment]
    begun = http.post(f"{root}/login", data=RIGHT).headers["set-cookie"]
    ended = http.post(f"{root}/logout").headers["set-cookie"]
    for cookie in (begun, ended):
        name, *facts = [part.strip().lower() for part in cookie.split(";")]
        assert name.startswith(start.lower())
        assert {f"path={path}", "httponly", "samesite=lax"} <= set(facts)
        assert ("secure" in facts) is address.startswith("https")
        assert not [fact for fact in facts if fact.startswith("domain")]
    assert "max-age=0" in ended.lower()


def test_two_voicewrights_on_one_host_do_not_log_each_other_out(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "a", password=PASSWORD) as first,
        serving(tmp_path / "b", password=PASSWORD, root_path="/voice") as second,
        serving(tmp_path / "c", password=PASSWORD, root_path="/voice") as third,
        httpx.Client() as browser,
    ):
        pages = [
            f"http://127.0.0.1:{port}{path}" for port, path in ((first, ""), (second, "/voice"), (third, "/voice"))
        ]
        for page in pages:
            log_in(browser, f"{page}/login")

        def inside() -> list[bool]:
            return [browser.get(f"{page}/audio/p/clip/c").status_code == 404 for page in pages]

        assert inside() == [True, True, True]
        assert browser.post(f"{pages[1]}/logout").status_code == 303
        assert inside() == [True, False, True]


def test_behind_one_name_servers_of_different_prefixes_do_not_log_each_other_out(client: Client) -> None:
    """Even where one prefix lies below the other, as with a Voicewright at the root of the name."""
    names = {
        client(password=PASSWORD, root_path=root).post(f"{root}/login", data=RIGHT).headers["set-cookie"].split("=")[0]
        for root in ("", "/voice", "/voice/two", "/voice-two")
    }
    assert len(names) == 4


def test_a_cookie_of_version_0_1_asks_for_a_login(client: Client, tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "session.key").write_bytes(bytes(32))
    http = client(password=PASSWORD)
    old = {"Cookie": "voicewright_session=1900000000.abcdefgh.c2lnbmF0dXJl", "Accept": "text/html"}
    assert http.get("/en/", headers=old).headers["location"].startswith("/login")
    assert not (tmp_path / "workspace" / "session.key").exists()


# ---- in a browser ----------------------------------------------------------------------------------------------------


def enter(page: Any, address: str) -> None:
    """Open an address, and log in where that is asked."""
    page.goto(address)
    page.fill("#user", "voicewright")
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_selector(".vw-logins")


@pytest.mark.slow
@pytest.mark.browser
def test_the_system_page_lists_who_is_logged_in_and_ends_one_or_all(tmp_path: Path, chromium: Any) -> None:
    with serving(tmp_path / "w", real_page=True, password=PASSWORD) as port:
        here, there = (chromium.new_context(user_agent=agent).new_page() for agent in (None, FIREFOX))
        places = [f"http://127.0.0.1:{port}/{language}/?tab=system" for language in ("en", "pt-BR")]
        enter(there, places[1])
        enter(here, places[0])
        assert (here.url, there.url) == (places[0], places[1]), "the deep link survives the login"
        rows = here.locator(".vw-logins li")
        assert rows.count() == 2
        own, other = here.locator(".vw-logins li", has_text="this one"), here.locator(".vw-logins", has_text="Firefox")
        assert "Chrom" in own.inner_text()
        assert "Firefox on Windows" in other.inner_text()
        assert own.locator("button").count() == 0
        here.locator("[data-do=end-session]").click()
        here.wait_for_function("document.querySelectorAll('.vw-logins li').length === 1")
        # What is open elsewhere ends as well, without a word in the wrong language, and comes back to its place.
        there.wait_for_selector("#password", timeout=20_000)
        assert "Senha" in there.inner_text("body")
        enter(there, there.url)
        assert there.url == places[1]
        here.click("#log-out-everywhere")
        here.wait_for_selector("#password")
        there.wait_for_selector("#password", timeout=20_000)


def test_who_listens_is_told_apart_by_login_and_is_nobody_without_one() -> None:
    assert visitor.login_name() == ""
    session = Session("ab" * 32, 1.0, 1.0, "10.0.0.1")
    token = LocalContext.request.set(SimpleNamespace(scope={SESSION: session}))
    try:
        assert visitor.login_name() == "abababababab"
    finally:
        LocalContext.request.reset(token)
