"""Audio is served by id with ranges; nothing else of the disk can be reached."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.project.workspace import Project, Workspace
from tests.server.conftest import HERE, Client
from ui.http.audio_routes import audio_url, download_url, zip_stream

SECRET = b"SECRET that must not leave"


@pytest.fixture
def filled(project: Project) -> Project:
    """A project with one sound of each kind, a secret of each sort, and links that lead out."""
    sound = io.BytesIO()
    soundfile.write(sound, np.zeros(2205, np.float32), 22050, format="WAV", subtype="PCM_16")
    exported = project.exports / "my-voice"
    sounds = [
        project.clips / "s1-0001.wav",
        project.takes / "t1.wav",
        project.runs / "run-1" / "samples" / "step-000020" / "0.wav",
        project.path / "listening" / "abcdefgh1234.wav",
        exported / "sample.wav",
        exported / "reference.wav",
        project.exports / "half" / "sample.wav",
    ]
    for file in sounds:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sound.getvalue())
    project.sources.mkdir()
    soundfile.write(project.sources / "s1.flac", np.zeros(2205, np.float32), 22050)
    (exported / "manifest.json").write_text(json.dumps({"name": "my voice"}))
    (exported / "model.pth").write_bytes(b"weights" * 1000)
    outside = project.workspace.path.parent / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(SECRET)
    (project.path / "secret.wav").write_bytes(SECRET)
    (project.path / "project.db").write_bytes(SECRET)
    (project.workspace.path / "session.key").write_bytes(SECRET)
    (project.clips / "out.wav").symlink_to(outside / "secret.wav")
    (project.clips / "near.wav").symlink_to(project.path / "secret.wav")
    (project.clips / "db.wav").symlink_to(project.path / "project.db")
    (project.clips / "folder.wav").mkdir()
    (project.takes / "linked").symlink_to(outside)
    (project.runs / "out").symlink_to(outside)
    (exported / "link.txt").symlink_to(outside / "secret.wav")
    (project.workspace.projects_folder / "elsewhere").symlink_to(outside)
    return project


@pytest.fixture
def http(client: Client, filled: Project) -> TestClient:
    """The application over that project."""
    return client(workspace=filled.workspace.path)


KINDS = [
    (("source", "s1"), "audio/flac"),
    (("clip", "s1-0001"), "audio/wav"),
    (("take", "t1"), "audio/wav"),
    (("sample", "run-1", 20, 0), "audio/wav"),
    (("export", "my-voice", "sample.wav"), "audio/wav"),
    (("export", "my-voice", "reference.wav"), "audio/wav"),
]


@pytest.mark.parametrize(("what", "media_type"), KINDS, ids=lambda value: str(value[0]))
def test_each_kind_is_served_under_the_address_the_page_uses(
    http: TestClient, filled: Project, what: tuple[str | int, ...], media_type: str
) -> None:
    address = audio_url(filled.slug, str(what[0]), *what[1:])
    answer = http.get(f"{HERE}/en/{address}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["accept-ranges"] == "bytes"
    samples, _ = soundfile.read(io.BytesIO(answer.content))
    assert len(samples) == 2205


def test_a_part_can_be_asked_for(http: TestClient, filled: Project) -> None:
    whole = http.get(f"/audio/{filled.slug}/clip/s1-0001").content
    part = http.get(f"/audio/{filled.slug}/clip/s1-0001", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert part.content == whole[100:200]
    assert http.get(f"/audio/{filled.slug}/clip/s1-0001", headers={"Range": "bytes=999999-"}).status_code == 416


def test_what_the_browser_has_is_not_sent_again_until_it_changes(http: TestClient, filled: Project) -> None:
    path = f"/audio/{filled.slug}/clip/s1-0001"
    etag = http.get(path).headers["etag"]
    assert http.get(path, headers={"If-None-Match": etag}).status_code == 304
    (filled.clips / "s1-0001.wav").write_bytes(b"RIFF, cut anew")
    again = http.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (200, b"RIFF, cut anew")


FORGED = [
    "/audio/{p}/clip/../project",
    "/audio/{p}/clip/..%2fsecret",
    "/audio/{p}/clip/..%252fsecret",
    "/audio/{p}/clip/%2e%2e%2fsecret",
    "/audio/{p}/clip/..%5csecret",
    "/audio/{p}/clip/..",
    "/audio/{p}/clip/.",
    "/audio/{p}/clip/%00",
    "/audio/{p}/clip/s1-0001%00",
    "/audio/{p}/clip/s1-0001%0a",
    "/audio/{p}/clip/s1-0001.wav",
    "/audio/{p}/clip/%2fetc%2fpasswd",
    "/audio/{p}/clip/~root",
    "/audio/{p}/clip/out",
    "/audio/{p}/clip/near",
    "/audio/{p}/clip/db",
    "/audio/{p}/clip/folder",
    "/audio/{p}/clip/*",
    "/audio/{p}/clip/%c3%a9",
    "/audio/{p}/clip/" + "a" * 300,
    "/audio/{p}/source/..%2f..%2f..%2foutside%2fsecret",
    "/audio/{p}/source/..%2fproject.db",
    "/audio/{p}/take/linked%2fsecret",
    "/audio/{p}/take/linked/secret",
    "/audio/{p}/sample/out/0/0",
    "/audio/{p}/sample/../20/0",
    "/audio/{p}/sample/run-1/..%2f20/0",
    "/audio/{p}/sample/run-1/-1/0",
    "/audio/{p}/sample/run-1/20/0.wav",
    "/audio/{p}/sample/run-1%2fsamples/20/0",
    "/audio/{p}/pair/..%2fsecret",
    "/audio/{p}/pair/nosuchsound1234",
    "/audio/{p}/pair/.",
    "/audio/{p}/export/my-voice/manifest.json",
    "/audio/{p}/export/my-voice/model.pth",
    "/audio/{p}/export/my-voice/link.txt",
    "/audio/{p}/export/../sample.wav",
    "/audio/{p}/export/..%2f..%2fsecret/sample.wav",
    "/audio/elsewhere/clip/secret",
    "/audio/../clip/s1-0001",
    "/audio/%2e%2e/clip/s1-0001",
    "/audio/..%2f{p}/clip/s1-0001",
    "/audio/nosuch/clip/s1-0001",
    "/audio/{p}%00/clip/s1-0001",
    "/audio/{p}/uploads/secret",
    "/audio/{p}/secret.wav",
    "/download/{p}/export/..",
    "/download/{p}/export/..%2f..",
    "/download/{p}/export/half",
    "/download/{p}/export/nosuch",
    "/download/elsewhere/export/secret",
]


@pytest.mark.parametrize("path", FORGED)
def test_forged_ids_traversals_and_links_give_nothing(http: TestClient, filled: Project, path: str) -> None:
    # Sent as it stands: a client library would tidy the dots away before they reach the server.
    for raw in (path, path.replace("{p}", filled.slug)):
        request = http.build_request("GET", HERE)
        request.url = request.url.copy_with(raw_path=raw.encode())
        answer = http.send(request)
        assert answer.status_code in (404, 422), raw
        assert SECRET not in answer.content
        assert b"/tmp" not in answer.content


def test_a_missing_and_a_forbidden_sound_look_the_same(http: TestClient, filled: Project) -> None:
    missing, forbidden = (http.get(f"/audio/{filled.slug}/clip/{id_}") for id_ in ("nothing", "out"))
    assert (missing.status_code, missing.content) == (forbidden.status_code, forbidden.content)


def test_an_export_is_downloaded_as_a_zip_without_what_links_lead_to(http: TestClient, filled: Project) -> None:
    answer = http.get(f"{HERE}/en/{download_url(filled.slug, 'my-voice')}")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-voice.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = {"manifest.json", "model.pth", "reference.wav", "sample.wav"}
        assert set(archive.namelist()) == {f"my-voice/{name}" for name in names}
        assert archive.read("my-voice/model.pth") == b"weights" * 1000
    assert int(answer.headers["content-length"]) == len(answer.content), "a browser can show how far the download is"


@pytest.mark.slow
def test_the_length_of_a_download_is_right_past_two_gigabytes(tmp_path: Path) -> None:
    for name, size in (("a.pth", 5), ("b.pth", (1 << 31) + 5), ("c.wav", 7)):
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
    archive = zip_stream(tmp_path)
    assert len(archive) == sum(map(len, archive))


def test_a_large_export_is_never_held_in_memory(tmp_path: Path) -> None:
    with open(tmp_path / "model.pth", "wb") as file:
        file.truncate(40 << 20)
    assert max(len(block) for block in zip_stream(tmp_path)) < 3 << 20


def test_addresses_are_relative_so_that_they_hold_behind_any_prefix(workspace: Workspace) -> None:
    assert audio_url("anna", "sample", "run-1", 20, 0) == "../audio/anna/sample/run-1/20/0"
    assert audio_url("a/b", "clip", "x?y") == "../audio/a%2Fb/clip/x%3Fy"


def test_a_project_is_not_sent_while_a_job_of_it_runs_and_no_copy_of_its_records_stays(
    project: Project, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client(workspace=str(project.workspace.path))
    sent = page.get(f"/download/{project.slug}/project?with=runs&with=nonsense")
    assert sent.status_code == 200 and f'{project.slug}.voicewright"' in sent.headers["content-disposition"]
    assert int(sent.headers["content-length"]) == len(sent.content)
    assert not list(project.path.glob(".tmp-*.db"))
    running = Job.create(project.jobs, SegmentArgs())
    monkeypatch.setattr(Project, "running", lambda _: running)
    refused = page.get(f"/download/{project.slug}/project")
    assert refused.status_code == 409 and not list(project.path.glob(".tmp-*.db"))
