"""With a password, nothing but the login page and the health check is open, and guessing is slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from core.settings import Settings
from tests.server.conftest import Client
from ui.login import SESSION_S, Sessions, Throttle

PASSWORD = "ein gutes Passwort €"
OPEN = {"/health", "/login"}


def log_in(one: TestClient, password: str = PASSWORD, user: str = "voicewright") -> int:
    return int(one.post("/login", data={"user": user, "password": password}).status_code)


def all_routes(one: TestClient) -> set[tuple[str, str]]:
    """Every route of the application and of both Gradio apps, closed ones too, as (method, path)."""
    app = one.app
    assert isinstance(app, FastAPI)
    found: set[tuple[str, str]] = set()

    def walk(routes: list[object], before: str) -> None:
        for route in routes:
            if isinstance(route, Mount):
                page = getattr(route.app, "build_now", None)
                walk(list(page().routes if page else route.routes), before + route.path)
            elif hasattr(route, "original_router"):
                walk(list(route.original_router.routes), before)
            else:
                methods = getattr(route, "methods", None) or {"GET"}
                found.update((method, before + str(getattr(route, "path", ""))) for method in methods)

    walk(list(app.routes), "")
    return found


def test_no_route_answers_without_login(client: Client) -> None:
    one = client(password=PASSWORD)
    routes = all_routes(one)
    assert {
        ("POST", "/en/gradio_api/queue/join"),
        ("GET", "/pt-BR/config"),
        ("GET", "/audio/{slug}/clip/{id}"),
    } <= routes
    assert len(routes) > 100
    for method, path in sorted(routes):
        if path in OPEN:
            continue
        answer = one.request(method, path.replace("{", "").replace("}", "").replace(":path", ""))
        assert answer.status_code == 401, f"{method} {path}"


def test_a_browser_is_led_to_the_login_page(client: Client) -> None:
    one = client(password=PASSWORD, root_path="/voice")
    answer = one.get("/voice/en/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/voice/login")
    assert "Password" in one.get("/voice/login").text
    assert "Senha" in one.get("/login", headers={"Accept-Language": "pt-BR,en;q=0.5"}).text


def test_the_login_page_needs_nothing_from_elsewhere(client: Client) -> None:
    text = client(password=PASSWORD).get("/login").text
    assert "http" not in text.replace("http-equiv", "")
    assert "src=" not in text


def test_logging_in_opens_the_page_and_logging_out_closes_it(client: Client) -> None:
    one = client(password=PASSWORD)
    assert log_in(one, "wrong") == 401
    assert one.get("/en/").status_code == 401
    assert log_in(one, user="someone") == 401
    assert log_in(one) == 303
    assert one.get("/en/").status_code == 200
    assert one.get("/login").status_code == 303
    assert one.post("/logout").status_code == 303
    assert one.get("/en/").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client) -> None:
    one = client(password=PASSWORD)
    cookie = one.post("/login", data={"user": "voicewright", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "; secure" not in cookie
    one.base_url = "https://127.0.0.1:7860"  # type: ignore[assignment]
    one.cookies.clear()
    secure = one.post("/login", data={"user": "voicewright", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "; secure" in secure


def test_of_a_hundred_guesses_ten_are_looked_at(client: Client) -> None:
    one = client(password=PASSWORD)
    answers = [log_in(one, f"guess {number}") for number in range(99)]
    assert answers == [401] * 10 + [429] * 89
    last = one.post("/login", data={"user": "voicewright", "password": PASSWORD})
    assert last.status_code == 429, "the right password is not looked at either"
    assert 1 <= int(last.headers["retry-after"]) <= 61


def test_an_open_session_is_not_locked_out_by_someone_elses_guesses(client: Client) -> None:
    one = client(password=PASSWORD)
    assert log_in(one) == 303
    for number in range(20):
        assert log_in(one, f"guess {number}") in (401, 429)
    assert one.get("/en/").status_code == 200


def test_the_throttle_bounds_each_client_and_all_together() -> None:
    throttle = Throttle(per_client=10, in_all=25, window_s=60)
    allowed = [throttle.wait_s(f"client {number % 50}", now=number / 1000) == 0 for number in range(500)]
    assert sum(allowed) == 25
    assert throttle.wait_s("client 1", now=59.0) > 0
    assert throttle.wait_s("client 1", now=60.5) == 0
    assert len(throttle._clients) <= 25, "what is refused must not fill the memory"


def test_forged_old_and_other_peoples_sessions_are_worth_nothing(tmp_path: Path) -> None:
    def sessions(password: str, user: str = "voicewright", folder: str = "a") -> Sessions:
        return Sessions(Settings(_env_file=None, workspace=tmp_path / folder, user=user, password=password))  # type: ignore

    ours = sessions("one")
    good = ours.issue()
    assert ours.valid(good)
    assert sessions("one").valid(good), "a restart must not log anyone out"
    assert not sessions("two").valid(good), "a changed password must"
    assert not sessions("one", user="other").valid(good)
    assert not sessions("one", folder="b").valid(good)
    assert not ours.valid(ours.issue(now=1_000_000_000 - SESSION_S))
    until, nonce, signature = good.split(".")
    for bad in (
        "",
        ".",
        "..",
        f"{int(until) + 1}.{nonce}.{signature}",
        f"{until}.{nonce}.",
        f"{until}.{signature}",
        f"{until}.{nonce}.{signature}x",
        "9" * 5000,
        f"é.{nonce}.{signature}",
    ):
        assert not ours.valid(bad), bad


def test_user_and_password_are_compared_whole(tmp_path: Path) -> None:
    sessions = Sessions(Settings(_env_file=None, workspace=tmp_path, user="ana", password=PASSWORD))  # type: ignore
    assert sessions.right("ana", PASSWORD)
    for user, password in (("ana", PASSWORD[:-1]), ("ana", PASSWORD + " "), ("an", PASSWORD), ("", ""), ("ana", "")):
        assert not sessions.right(user, password)


def test_the_signing_key_is_private(tmp_path: Path) -> None:
    Sessions(Settings(_env_file=None, workspace=tmp_path, password="x"))  # type: ignore
    key = tmp_path / "session.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32


def test_without_a_password_there_is_no_login(client: Client) -> None:
    one = client()
    assert one.get("/en/").status_code == 200
    assert one.get("/login").headers["location"] == "/"


@pytest.mark.parametrize("size", [5_000, 5_000_000])
def test_a_huge_login_form_is_refused(client: Client, size: int) -> None:
    assert client(password=PASSWORD).post("/login", content=b"x" * size).status_code == 413
