"""HEAD is answered wherever GET is: the same status and headers, no body, and nothing is begun for it."""

from __future__ import annotations

import pytest

from core.project.workspace import Project
from tests.server.conftest import Client

OWN = {"date", "set-cookie"}
PATHS = (
    "/",
    "/health",
    "/favicon.ico",
    "/login",
    "/en",
    "/en/",
    "/en/config",
    "/en/theme.css",
    "/en/static/img/logo.svg",
    "/en/gradio_api/info",
    "/en/gradio_api/nothing",
    "/nothing",
    "/audio/{p}/clip/c1",
    "/audio/{p}/clip/none",
    "/download/{p}/export/voice",
    "/tensorboard/{p}",
)


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_says(client: Client, project: Project, path: str) -> None:
    project.clips.mkdir()
    (project.clips / "c1.wav").write_bytes(b"RIFF" + b"1" * 5000)
    voice = project.exports / "voice"
    voice.mkdir(parents=True)
    (voice / "manifest.json").write_text("{}")
    page = client(workspace=project.workspace.path)
    path = path.format(p=project.slug)
    got, head = page.get(path), page.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    left_out = OWN if path != "/en/config" else OWN | {"content-length"}  # it names each session
    assert {name: value for name, value in head.headers.items() if name not in left_out} == {
        name: value for name, value in got.headers.items() if name not in left_out
    }


def test_a_part_of_a_sound_and_what_the_browser_has_are_answered_too(client: Client, project: Project) -> None:
    project.clips.mkdir()
    (project.clips / "c1.wav").write_bytes(b"RIFF" + b"1" * 5000)
    page, path = client(workspace=project.workspace.path), f"/audio/{project.slug}/clip/c1"
    part = page.head(path, headers={"Range": "bytes=0-99"})
    assert (part.status_code, part.headers["content-range"], part.content) == (206, "bytes 0-99/5004", b"")
    etag = page.head(path).headers["etag"]
    assert page.head(path, headers={"If-None-Match": etag}).status_code == 304


def test_head_needs_the_password_as_get_does_and_is_refused_where_only_post_is_answered(client: Client) -> None:
    page = client(password="a long password")
    assert page.head("/en/config").status_code == 401
    assert (
        page.head("/en/", headers={"Accept": "text/html"}).status_code
        == page.get("/en/", headers={"Accept": "text/html"}).status_code
        == 303
    )
    assert page.head("/logout").status_code == page.get("/logout").status_code


def test_a_stream_is_not_begun_for_its_head(client: Client) -> None:
    answer = client().head("/en/gradio_api/queue/data?session_hash=none")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
