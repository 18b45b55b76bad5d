"""The first visit gets the right language: the switch's cookie, the setting, the browser's wish."""

from __future__ import annotations

import pytest

from tests.server.conftest import Client
from ui.language import best_accepted


@pytest.mark.parametrize(
    ("cookie", "setting", "header", "lang"),
    [
        ("", "", "", "en"),
        ("", "", "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("", "", "de,en;q=0.5,pt;q=0.7", "pt-BR"),
        ("", "", "fr", "en"),
        ("", "en", "pt-BR", "en"),
        ("pt-BR", "en", "en", "pt-BR"),
        ("../../evil", "", "pt", "pt-BR"),
    ],
)
def test_the_first_page(client: Client, cookie: str, setting: str, header: str, lang: str) -> None:
    headers = {"Accept-Language": header} | ({"Cookie": f"voicewright_lang={cookie}"} if cookie else {})
    answer = client(language=setting, root_path="/voice").get("/?project=anna", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/voice/{lang}/?project=anna")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("header", "lang"), [("pt;q=0, en", "en"), ("*", None), (";;,q=", None), ("EN-us;q=x", None)])
def test_strange_wishes(header: str, lang: str | None) -> None:
    assert best_accepted(header) == lang


def test_both_pages_are_there_each_with_its_own_title(client: Client) -> None:
    http = client()
    assert "Stand-in en" in http.get("/en/").text
    assert "Stand-in pt-BR" in http.get("/pt-BR/").text
    assert http.get("/pt-BR").headers["location"] == "/pt-BR/"
    assert http.get("/de/").status_code == 404


@pytest.mark.parametrize("path", ["/en/", "/voice/en/"])
def test_with_a_prefix_the_page_answers_stripped_and_kept(client: Client, path: str) -> None:
    http = client(root_path="voice/")
    assert '"root":"http://127.0.0.1:7860/voice/en"' in http.get(path).text
    assert http.get(f"{path}config").status_code == 200
    assert http.get(path.replace("en/", "health")).json()["checks"]["workspace"] == "ok"
    assert http.get("/voicemail/en/").status_code == 404


def test_a_page_is_built_when_it_is_first_asked_for(client: Client) -> None:
    pages = (http := client()).app.state.pages  # type: ignore[attr-defined]
    http.get("/en/")
    assert [lang for lang, page in pages.items() if page.is_built] == ["en"]
