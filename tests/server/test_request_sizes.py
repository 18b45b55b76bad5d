"""No request brings more than it needs or than the disk holds, and what was broken off leaves nothing behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from core.project.workspace import Workspace
from tests.conftest import Mount
from tests.server.conftest import Client, running, wait_for
from ui.http import body_limit, upload_parser, upload_room

UPLOAD = "/en/gradio_api/upload"
EVENT = "/en/gradio_api/run/say"
BOUNDARY = "vw"
_BEFORE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n'
_AFTER = f"\r\n--{BOUNDARY}--\r\n".encode()
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server that takes 8 MB at once: its address, and where uploads lie."""
    workspace = tmp_path_factory.mktemp("sizes") / "workspace"
    with running(workspace, max_upload_mb="8") as port:
        yield f"http://127.0.0.1:{port}", workspace / "tmp" / "gradio"


def endless(head: bytes = b"", block: bytes = b"1" * 65536) -> Iterator[bytes]:
    """A body without an end, and so without a Content-Length."""
    yield head
    for _ in range(5000):  # 300 MB
        yield block


def sizes(folder: Path) -> list[int]:
    """The sizes of all files below a folder."""
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # what goes just then
            about = path.stat()
            sizes += [about.st_size] if stat.S_ISREG(about.st_mode) else []
    return sorted(sizes)


def announced(address: str, path: str, length: int, headers: dict[str, str]) -> tuple[int, str]:
    """Status and text of the answer to the head of a request alone: what it announces is never sent."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", path)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("path", [EVENT, "/en/gradio_api/queue/join", "/en/gradio_api/component_server", "/login"])
def test_an_event_that_announces_300_mb_is_refused_by_its_head(server: tuple[str, Path], path: str) -> None:
    status, text = announced(server[0], path, 300_000_000, {"Content-Type": "application/json"})
    assert (status, "more than 1 MB" in text) == (413, True)


@pytest.mark.parametrize("path", [EVENT, "/en/gradio_api/queue/join"])
def test_an_event_that_announces_nothing_is_refused_as_it_comes(server: tuple[str, Path], path: str) -> None:
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        answer = httpx.post(f"{server[0]}{path}", content=endless(b'{"data": ["'), timeout=60)
        assert answer.status_code == 413
        assert "more than 1 MB" in answer.text


def test_tensorboard_reads_nothing_of_what_announces_nothing(server: tuple[str, Path]) -> None:
    Workspace(server[1].parents[1]).create("p")
    path = "/tensorboard/p/data/plugin/hparams/experiment"
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        # A body without a length is none to it.
        assert httpx.post(f"{server[0]}{path}", content=endless(b'{"data": ["'), timeout=60).status_code == 400


def test_the_sentence_is_in_the_pages_language(server: tuple[str, Path]) -> None:
    assert "mais de 1 MB" in announced(server[0], "/pt-BR/gradio_api/queue/join", 300_000_000, {})[1]


def test_an_upload_that_announces_too_much_is_refused_by_its_head(server: tuple[str, Path]) -> None:
    status, text = announced(server[0], UPLOAD, 300_000_000, FORM)
    assert (status, "more than 8 MB" in text, "MAX_UPLOAD_MB" in text) == (413, True, True)


def test_an_upload_that_announces_nothing_is_ended_at_the_limit_and_deleted(server: tuple[str, Path]) -> None:
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        head = (_BEFORE % "a.wav").encode()
        answer = httpx.post(f"{server[0]}{UPLOAD}", content=endless(head), headers=FORM, timeout=60)
        assert (answer.status_code, "more than 8 MB" in answer.text) == (413, True)
    wait_for(lambda: sizes(server[1]) == [])


def test_an_upload_that_is_broken_off_leaves_nothing(server: tuple[str, Path]) -> None:
    host, _, port = server[0].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"POST {UPLOAD}?upload_id=x HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 5000000\r\n"
        connection.sendall(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode())
        connection.sendall((_BEFORE % "a.wav").encode() + b"1" * 2_000_000)
        wait_for(lambda: sum(sizes(server[1])) > 1_000_000)
    wait_for(lambda: sizes(server[1]) == [])


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "...",
        "/",
        "a/../..",
        "..\\..\\a.wav",
        "/etc/passwd",
        "x" * 300 + ".wav",
        "ã" * 300 + ".wav",
        "a." + "b" * 300,
        "a\x01\x1f\x7fb.wav",
        "a\x00b.wav",
        " ",
        "CON",
        ".hidden",
        "a.wav ",
        "%2e%2e",
    ],
)
@pytest.mark.parametrize("watched", [True, False])
def test_any_file_name_is_taken(server: tuple[str, Path], name: str, watched: bool) -> None:
    body = (_BEFORE % name).encode() + b"sound" + _AFTER
    query = "?upload_id=u" if watched else ""
    answer = httpx.post(f"{server[0]}{UPLOAD}{query}", content=body, headers=FORM)
    assert answer.status_code == 200, answer.text
    file = Path(answer.json()[0])
    assert file.read_bytes() == b"sound" and file.parent.parent == server[1]
    assert file.name.strip(" .") and file.name.isprintable() and len(file.name.encode()) < 220
    shutil.rmtree(file.parent)


@pytest.mark.parametrize(
    "body",
    [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"\r\n\r\nsound'.encode() + _AFTER,
        (_BEFORE % "a.wav").encode() + b"sound, and no end",
        (_BEFORE % "a.wav").encode().replace(b"files", b"other") + b"sound" + _AFTER,
        b"no form at all",
        b"",
        f"--{BOUNDARY}\r\n\r\nno head".encode() + _AFTER,
        (_BEFORE % "a.wav").encode() + b"sound\r\n--" + BOUNDARY.encode() + b"\r\nX: " + b"y" * 20_000 + _AFTER,
    ],
    ids=["no name", "no end", "another field", "no form", "nothing", "no head", "a long head"],
)
@pytest.mark.parametrize("watched", [True, False])
def test_a_damaged_form_is_no_crash_and_leaves_nothing(server: tuple[str, Path], body: bytes, watched: bool) -> None:
    query = "?upload_id=u" if watched else ""
    answer = httpx.post(f"{server[0]}{UPLOAD}{query}", content=body, headers=FORM)
    assert answer.status_code in (200, 400, 413), answer.text
    wait_for(lambda: sizes(server[1]) == [])


# ---- room ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(mount: Mount, tmp_path: Path) -> Path:
    """A file system of 32 MB."""
    return mount(tmp_path / "disk", 32 << 20)


def test_an_upload_is_refused_by_its_head_where_there_is_no_room(small_disk: Path) -> None:
    with running(small_disk / "workspace") as port:
        address = f"http://127.0.0.1:{port}"
        status, text = announced(address, UPLOAD, 40_000_000, FORM)
        assert (status, "not enough room" in text) == (507, True)
        assert "espaço em disco" in announced(address, UPLOAD.replace("en", "pt-BR", 1), 40_000_000, FORM)[1]
        # What is announced by one is not promised to another.
        with contextlib.ExitStack() as stack:
            host, _, number = address.removeprefix("http://").partition(":")
            other = stack.enter_context(socket.create_connection((host, int(number)), timeout=30))
            head = f"POST {UPLOAD} HTTP/1.1\r\nHost: {host}:{number}\r\nContent-Length: 20000000\r\n"
            other.sendall(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode())
            wait_for(lambda: announced(address, UPLOAD, 20_000_000, FORM)[0] == 507)
        with httpx.Client(timeout=60) as client:
            with contextlib.suppress(httpx.WriteError, httpx.ReadError):
                endless_form = endless((_BEFORE % "a.wav").encode())
                answered = client.post(f"{address}{UPLOAD}", content=endless_form, headers=FORM)
                assert (answered.status_code, "not enough room" in answered.text) == (507, True)
            wait_for(lambda: shutil.disk_usage(small_disk).free > 30 << 20)
            ok = client.post(f"{address}{UPLOAD}", files={"files": ("a.wav", b"1" * 5_000_000)})
            assert ok.status_code == 200


def test_a_disk_that_fills_up_meanwhile_is_called_by_its_name_and_nothing_stays(
    small_disk: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page: TestClient = client(workspace=small_disk / "workspace")
    monkeypatch.setattr(upload_room, "usable_bytes", lambda folder: 1 << 40)  # as where a quota counts, which none sees
    answer = page.post(UPLOAD, files={"files": ("a.wav", b"1" * (34 << 20))})
    assert (answer.status_code, "not enough room" in answer.text) == (507, True)
    assert sizes(small_disk / "workspace" / "tmp" / "gradio") == []


@pytest.mark.parametrize(("length", "is_"), [("12", 12), ("", None), ("-1", None), ("x", None), ("²", None)])
def test_the_announced_length_is_read_strictly(length: str, is_: int | None) -> None:
    scope = {"type": "http", "headers": [(b"content-length", length.encode("latin-1"))]}
    assert upload_room.announced_bytes(scope) == is_


def test_a_reserve_is_kept_that_fits_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil._ntuple_diskusage  # type: ignore[attr-defined]
    for total, free, usable in ((1 << 40, 1 << 40, (1 << 40) - (512 << 20)), (100, 50, 45), (100, 3, 0)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, given=(total, total - free, free): usage(*given))
        assert upload_room.usable_bytes(tmp_path) == usable


def test_gradio_still_reads_uploads_the_way_ours_builds_on(client: Client) -> None:
    client().get("/en/config")  # builds the page
    from gradio import route_utils, routes

    assert route_utils.GradioMultiPartParser is routes.GradioMultiPartParser is upload_parser.UploadParser
    assert body_limit.MOST_BYTES == 1 << 20 and os.name == "posix"
