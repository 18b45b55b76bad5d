"""Large files come in pieces: what broke off goes on, what is not asked for is refused, what is whole is an upload."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from core.project.incoming import IncomingFile
from tests.server.conftest import running, wait_for

SIZE = 300_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """A server that takes 8 MB at most, and its temporary folder."""
    workspace = tmp_path_factory.mktemp("incoming") / "workspace"
    with running(workspace, max_upload_mb="8") as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client, workspace / "tmp"


def begin(client: httpx.Client, name: str, size: int = SIZE, language: str = "en") -> httpx.Response:
    """Say what comes."""
    return client.post(f"/{language}/incoming", json={"name": name, "bytes": size, "mark": "1"})


def test_a_file_that_broke_off_goes_on_where_it_was_and_is_an_upload_when_it_is_whole(
    server: tuple[httpx.Client, Path],
) -> None:
    client, folder = server
    data = os.urandom(SIZE)
    id_ = begin(client, "ana.voicewright").json()["id"]
    assert client.patch(f"/en/incoming/{id_}?offset=0", content=data[:100_000]).json() == {"offset": 100_000}
    # The line breaks in the middle of a piece.
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as line:
        head = f"PATCH /en/incoming/{id_}?offset=100000 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000\r\n\r\n"
        line.sendall(head.encode() + data[100_000:150_000])
        wait_for(lambda: begin(client, "ana.voicewright").json()["offset"] > 100_000, 10)
    wait_for(lambda: client.patch(f"/en/incoming/{id_}?offset=7", content=b"x").status_code == 409, 10)
    found = begin(client, "ana.voicewright").json()
    assert found["id"] == id_ and 100_000 < found["offset"] <= 150_000

    def rest() -> httpx.Response:
        offset = begin(client, "ana.voicewright").json()["offset"]
        return client.patch(f"/en/incoming/{id_}?offset={offset}", content=data[offset:])

    answers: list[httpx.Response] = []
    wait_for(lambda: answers.append(rest()) or answers[-1].status_code == 200, 10)
    path = Path(answers[-1].json()["path"])
    assert path.read_bytes() == data and path.name == "ana.voicewright" and path.is_relative_to(folder / "gradio")
    assert not list((folder / "incoming").iterdir())


def test_what_is_too_large_unknown_or_not_understood_is_refused_in_the_pages_language(
    server: tuple[httpx.Client, Path],
) -> None:
    client, folder = server
    answer = begin(client, "huge.voicewright", 100 << 20, "pt-BR")
    assert answer.status_code == 413 and "8 MB" in answer.text and "arquivos" in answer.text
    assert client.patch(f"/en/incoming/{'0' * 32}?offset=0", content=b"x").status_code == 404
    assert client.post("/en/incoming", content=b"{}").status_code == 422
    assert client.get("/en/incoming").status_code in (404, 405)
    id_ = begin(client, "short.bin", 10).json()["id"]
    assert client.patch(f"/en/incoming/{id_}?offset=0", content=b"x" * 11).status_code == 409
    name = Path(client.patch(f"/en/incoming/{begin(client, '../../up.bin', 1).json()['id']}?offset=0", content=b"x")
                .json()["path"])  # fmt: skip
    assert name.name == "up.bin" and name.is_relative_to(folder / "gradio")


def test_another_site_cannot_send_pieces(server: tuple[httpx.Client, Path]) -> None:
    client, _ = server
    assert client.post("/en/incoming", json={}, headers={"Origin": "https://elsewhere.example"}).status_code == 403


def test_two_files_of_one_name_are_told_apart_and_the_same_one_is_found_again(tmp_path: Path) -> None:
    first = IncomingFile.begin(tmp_path, "a.zip", 10, "1")
    first.append(b"12345")
    assert IncomingFile.begin(tmp_path, "a.zip", 10, "1").offset == 5
    assert IncomingFile.begin(tmp_path, "a.zip", 10, "2").offset == 0
    assert IncomingFile.open(tmp_path, first.id).name == "a.zip"
