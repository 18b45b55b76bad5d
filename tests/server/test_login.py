"""With a password, nothing but the login page and the health check is open, and guessing is slow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from core.settings import Settings
from tests.server.conftest import Client, finish
from ui.http import login
from ui.http.api_keys import ApiKeys
from ui.http.login import RefusalLog, way_back
from ui.http.sessions import Sessions
from ui.http.throttle import Throttle

PASSWORD = "ein gutes Passwort €"
OPEN = {"/health", "/login"}


def log_in(http: TestClient, password: str = PASSWORD, user: str = "voicewright") -> int:
    return int(http.post("/login", data={"user": user, "password": password}).status_code)


def test_a_long_answer_is_broken_off_once_its_key_is_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_LOOK_S", 0.0)
    settings = Settings(_env_file=None, workspace=tmp_path, password=PASSWORD)  # type: ignore[call-arg]
    keys = ApiKeys(settings)
    token = keys.create("Kitchen")
    sent: list[bytes] = []

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for body in (b"one", b"two", b"three"):
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if body == b"two":
                keys.revoke(keys.all()[0].id)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": "/api/v1/projects/a/jobs/b/events", "query_string": b"",
             "headers": [(b"x-api-key", token.encode())], "client": ("127.0.0.1", 1)}  # fmt: skip
    finish(login.LoginGuard(events, Sessions(settings), keys, "")(scope, receive, send))
    assert sent == [b"", b"one", b"two"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_key_revoked_before_a_slow_answer_begins_gives_401(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(login, "_LOOK_S", 0.0)
    settings = Settings(_env_file=None, workspace=tmp_path, password=PASSWORD)  # type: ignore[call-arg]
    keys = ApiKeys(settings)
    token = keys.create("Kitchen")

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        keys.revoke(keys.all()[0].id)
        try:
            await PlainTextResponse("late")(scope, receive, send)
        except ConnectionResetError:
            if fails:  # as what catches every error within the application answers
                await PlainTextResponse("bug", 500)(scope, receive, send)
            raise

    client = TestClient(login.LoginGuard(slow, Sessions(settings), keys, ""))
    answer = client.get("/api/v1/voices", headers={"X-API-Key": token})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.json()["code"] == "login.needed"


def all_routes(http: TestClient) -> set[tuple[str, str]]:
    """Every route of the application and of both Gradio apps, closed ones too, as (method, path)."""
    app = http.app
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
    http = client(password=PASSWORD)
    routes = all_routes(http)
    assert {
        ("POST", "/en/gradio_api/queue/join"),
        ("GET", "/pt-BR/config"),
        ("GET", "/audio/{slug}/clip/{id}"),
        ("POST", "/api/v1/projects/{slug}/clips/undo"),
    } <= routes
    assert len(routes) > 100
    for method, path in sorted(routes):
        if path in OPEN:
            continue
        answer = http.request(method, path.replace("{", "").replace("}", "").replace(":path", ""))
        assert answer.status_code == 401, f"{method} {path}"


def test_a_browser_is_led_to_the_login_page(client: Client) -> None:
    http = client(password=PASSWORD, root_path="/voice")
    answer = http.get("/voice/en/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/voice/login?next=%2Fvoice%2Fen%2F")
    assert "Password" in http.get("/voice/login").text
    assert "Senha" in http.get("/login", headers={"Accept-Language": "pt-BR,en;q=0.5"}).text


def test_the_login_page_needs_nothing_from_elsewhere(client: Client) -> None:
    text = client(password=PASSWORD).get("/login").text
    assert not re.search(r"https?://|[\"'(]//", text)
    assert "src=" not in text


def test_logging_in_opens_the_page_and_logging_out_closes_it(client: Client) -> None:
    http = client(password=PASSWORD)
    assert log_in(http, "wrong") == 401
    assert http.get("/en/").status_code == 401
    assert log_in(http, user="someone") == 401
    assert log_in(http) == 303
    assert http.get("/en/").status_code == 200
    assert http.get("/login").status_code == 303
    assert http.post("/logout").status_code == 303
    assert http.get("/en/").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client) -> None:
    http = client(password=PASSWORD)
    cookie = http.post("/login", data={"user": "voicewright", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "; secure" not in cookie
    http.base_url = "https://127.0.0.1:7860"  # type: ignore[assignment]
    http.cookies.clear()
    secure = http.post("/login", data={"user": "voicewright", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "; secure" in secure


def test_of_a_hundred_guesses_ten_are_looked_at(client: Client) -> None:
    http = client(password=PASSWORD)
    answers = [log_in(http, f"guess {number}") for number in range(99)]
    assert answers == [401] * 10 + [429] * 89
    last = http.post("/login", data={"user": "voicewright", "password": PASSWORD})
    assert last.status_code == 429, "the right password is not looked at either"
    assert 1 <= int(last.headers["retry-after"]) <= 61


def test_an_open_session_is_not_locked_out_by_someone_elses_guesses(client: Client) -> None:
    http = client(password=PASSWORD)
    assert log_in(http) == 303
    for number in range(20):
        assert log_in(http, f"guess {number}") in (401, 429)
    assert http.get("/en/").status_code == 200


def test_user_and_password_are_compared_whole(tmp_path: Path) -> None:
    sessions = Sessions(Settings(_env_file=None, workspace=tmp_path, user="ana", password=PASSWORD))  # type: ignore
    assert sessions.right("ana", PASSWORD)
    for user, password in (("ana", PASSWORD[:-1]), ("ana", PASSWORD + " "), ("an", PASSWORD), ("", ""), ("ana", "")):
        assert not sessions.right(user, password)


def test_without_a_password_there_is_no_login(client: Client) -> None:
    http = client()
    assert http.get("/en/").status_code == 200
    assert http.get("/login").headers["location"] == "/"


@pytest.mark.parametrize("size", [5_000, 5_000_000])
def test_a_huge_login_form_is_refused(client: Client, size: int) -> None:
    assert client(password=PASSWORD).post("/login", content=b"x" * size).status_code == 413


# ---- guessing --------------------------------------------------------------------------------------------------------


def allowed(throttle: Throttle, addresses: list[str], now: float = 0.0) -> int:
    """How many guesses of these addresses, one after the other, are looked at."""
    return sum(throttle.wait_s(address, now=now + number / 1000) == 0 for number, address in enumerate(addresses))


def test_the_throttle_bounds_each_client_and_all_strangers_together() -> None:
    throttle = Throttle(per_client=10, in_all=25, window_s=60)
    assert allowed(throttle, [f"10.0.0.{number % 50}" for number in range(500)]) == 25
    assert throttle.wait_s("10.0.0.1", now=59.0) > 0
    assert throttle.wait_s("10.0.0.1", now=60.5) == 0
    assert len(throttle._clients) <= 25, "what is refused must not fill the memory"


def test_strangers_of_many_addresses_do_not_lock_out_an_address_that_logged_in_before() -> None:
    throttle = Throttle(per_client=10, in_all=25, familiar=["10.0.0.1"])
    throttle.welcome("2001:db8:1:2::7")
    assert allowed(throttle, [f"198.51.100.{number}" for number in range(250)]) == 25
    assert throttle.wait_s("203.0.113.9", now=1.0) > 0
    assert allowed(throttle, ["10.0.0.1"] * 50, now=1.0) == 10, "its own share, and no more"
    assert allowed(throttle, ["2001:db8:1:2:ffff::1"] * 50, now=1.0) == 10, "all of its /64"


def test_a_whole_64_of_ipv6_counts_as_one_client() -> None:
    assert allowed(Throttle(), [f"2001:db8:5:6::{number:x}" for number in range(50)]) == 10
    assert allowed(Throttle(), [f"2001:db8:5:{number:x}::1" for number in range(50)]) == 50


def test_addresses_that_logged_in_are_bounded_too() -> None:
    throttle = Throttle(familiar=[f"10.0.{number // 250}.{number % 250}" for number in range(5000)])
    assert len(throttle._familiar) <= 256


def test_each_refused_login_is_one_line_without_anything_that_was_typed(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    http = client(password=PASSWORD, peer="203.0.113.7")
    forged = {"X-Forwarded-For": "1.2.3.4", "User-Agent": "x\tlogin refused for 9.9.9.9"}
    for number in range(11):
        log_in(http, f"guess {number}\n2026-01-01 login refused for 9.9.9.9", user="ana\r\nevil")
    http.post("/login", data={"user": "voicewright", "password": "geheim"}, headers=forged)
    http.post("/login", content=b"x" * 5000)
    lines = [record.getMessage() for record in caplog.records if record.name == "voicewright.login"]
    line = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} voicewright: login refused for 203\.0\.113\.7 \(([\w ]+)\)"
    reasons = [re.fullmatch(line, text).group(1) for text in lines]  # type: ignore[union-attr]
    assert reasons == ["wrong user name or password"] * 10 + ["too many attempts"] * 2 + ["form too large"]


def test_a_flood_of_refusals_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refusals = RefusalLog()
    for number in range(5000):
        refusals.add(f"198.51.100.{number % 250}", "too many attempts")
    assert len(caplog.records) == 600


# ---- the way back ----------------------------------------------------------------------------------------------------

PLACES = [
    "/en/?project=anna&tab=review&q=%C3%A1gua+fria",
    "/pt-BR/?tab=system",
    "/?project=a",
    "/en",
    "/audio/p/clip/c",
]


@pytest.mark.parametrize("root", ["", "/voice"])
@pytest.mark.parametrize("place", PLACES)
def test_a_deep_link_survives_the_login(client: Client, place: str, root: str) -> None:
    http = client(password=PASSWORD, root_path=root)
    led = http.get(f"{root}{place}", headers={"Accept": "text/html"})
    assert led.status_code == 303
    form = http.get(led.headers["location"])
    assert 'method="post"' in form.text
    assert "action=" not in form.text, "the form goes to where it stands, the way back with it"
    wrong = http.post(led.headers["location"], data={"user": "voicewright", "password": "wrong"})
    assert wrong.status_code == 401
    done = http.post(led.headers["location"], data={"user": "voicewright", "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, f"{root}{place}")
    again = http.get(led.headers["location"])
    assert (again.status_code, again.headers["location"]) == (303, f"{root}{place}")


def test_the_login_page_speaks_the_language_of_the_page_behind_it(client: Client) -> None:
    http = client(password=PASSWORD)
    assert "Senha" in http.get("/login?next=%2Fpt-BR%2F", headers={"Accept-Language": "en"}).text
    assert "Password" in http.get("/login?next=%2Fen%2F", headers={"Accept-Language": "pt-BR"}).text


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "///evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2F%2Fevil.example",
        "/%252f/evil.example",
        "/en/..//evil.example",
        "/en/%2e%2e//evil.example",
        "/./en/",
        "/en//evil.example",
        "https://evil.example/",
        "https:evil.example",
        "https:/evil.example",
        "HTTPS:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "en/",
        "@evil.example",
        ".evil.example",
        " //evil.example",
        "\t//evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie:%20a=b",
        "/%09/evil.example",
        "/%00",
        "/\x00//evil.example",
        "/en/?a=b\r\nX: y",
        "/en/?a=b\\c",
        "/en/#x",
        "/\u2044/evil.example",
        "/\uff0f/evil.example",
        "/login",
        "/login/",
        "/log%69n",
        "/logout",
        "",
        "/" + "a" * 3000,
    ],
)
@pytest.mark.parametrize("root", ["", "/voice"])
def test_the_way_back_leads_to_no_other_site(place: str, root: str) -> None:
    assert way_back(place, root) == f"{root}/"
    assert way_back(f"{root}{place}" if place.startswith("/") else place, root) == f"{root}/"


@pytest.mark.parametrize("root", ["", "/voice"])
def test_a_login_leads_to_no_other_site(client: Client, root: str) -> None:
    http = client(password=PASSWORD, root_path=root)
    places = [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "/\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie:%20a=b",
    ]
    for place in [*places, "/\x00//evil.example", "/log%69n", "", "/" + "a" * 3000]:
        done = http.post("/login", params={"next": place}, data={"user": "voicewright", "password": PASSWORD})
        assert (done.status_code, done.headers["location"]) == (303, f"{root}/"), place


@pytest.mark.parametrize("place", ["/", "/en/", "/voicewright/", "/voice", "/voice/../en/", "/VOICE/en/"])
def test_with_a_prefix_the_way_back_stays_below_it(place: str) -> None:
    assert way_back(place, "/voice") == "/voice/"
