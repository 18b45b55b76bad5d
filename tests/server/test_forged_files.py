"""No event, and no route, of the real page takes or gives a file that was not uploaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio import processing_utils
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError

from core.project.workspace import Workspace
from tests.audio.sounds import tone, write
from tests.server.real_page import RealPage, real_page

SECRET = "what nobody may read"
META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with things in it that are not for the page."""
    made = Workspace(tmp_path_factory.mktemp("forged") / "workspace")
    ana, other = made.create("Ana", "en"), made.create("Other", "en")
    other.sources.mkdir(exist_ok=True)
    write(other.sources / "a.wav", tone(1))
    for path in (made.path / ".env", made.path / "private" / "cookies.txt", ana.path / "subtitles.srt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(SECRET)
    (made.path / "link.txt").symlink_to("/etc/passwd")
    return made


@pytest.fixture(scope="module")
def page(workspace: Workspace) -> Iterator[RealPage]:
    with real_page(workspace.path) as running:
        (workspace.path / "session.key").write_text(SECRET)
        # What the upload folder lets in by a link is not in it.
        (Path(os.environ["GRADIO_TEMP_DIR"]) / "link.srt").symlink_to(workspace.path / ".env")
        yield running


def forged_paths(workspace: Workspace) -> list[str]:
    """Files the account can read, as themselves, by detours, and elsewhere."""
    temporary = Path(os.environ["GRADIO_TEMP_DIR"])
    inside = (".env", "session.key", "private/cookies.txt", "projects/other/sources/a.wav", "link.txt")
    return [
        *(str(workspace.path / name) for name in inside),
        *("/etc/passwd", "/proc/self/environ", "file:///etc/passwd", "../../../.env"),
        *("http://127.0.0.1:1/a.wav", "https://127.0.0.1:1/a.wav", "HTTP://127.0.0.1:1/a.wav"),
        *(str(temporary / "link.srt"), f"{temporary}/../../.env", str(temporary)),
    ]


def forms(path: str) -> list[Any]:
    """A file as an event may name it."""
    whole = {"path": path, "meta": META}
    return [
        whole,
        {**whole, "is_stream": True},
        {**whole, "url": f"http://127.0.0.1:1{path}"},
        {**whole, "orig_name": "a.svg", "mime_type": "image/svg+xml"},
        {"path": path},
        [whole],
        {"value": [{"deep": whole}], "path": None},
    ]


def left_behind(workspace: Workspace) -> list[Path]:
    """What has come into the upload folder, or into a project."""
    temporary = Path(os.environ["GRADIO_TEMP_DIR"])
    jobs = [job.path for project in workspace.projects() for job in project.all_jobs()]
    uploads = [path for project in workspace.projects() for path in project.uploads.glob("*")]
    return jobs + uploads + [path for path in temporary.rglob("*") if path.is_file() and not path.is_symlink()]


def test_a_file_forged_into_any_input_of_any_event_is_refused_and_leaves_nothing(
    page: RealPage, workspace: Workspace
) -> None:
    events = {number: fn for number, fn in page.blocks.fns.items() if fn.fn is not None and fn.inputs}
    assert len(events) > 30 and {type(block).__name__ for fn in events.values() for block in fn.inputs} >= {
        "Audio", "File", "Textbox", "Dropdown", "Number", "Checkbox", "Slider",
    }  # fmt: skip
    payloads = cycle([form for path in forged_paths(workspace) for form in forms(path)])
    components: set[int] = set()
    sent = 0
    for number, fn in events.items():
        session = f"event-{number}"
        plain = ["ana" if not place else None for place in range(len(fn.inputs))]
        for place, block in enumerate(fn.inputs):
            # All forms into a component where it is first met; into those of further events one, first and last.
            at_edge = place in (0, len(fn.inputs) - 1)
            count = int(at_edge) if block._id in components else 7
            components.add(block._id)
            for value in [next(payloads) for _ in range(count)]:
                page.join(number, [*plain[:place], value, *plain[place + 1 :]], session, {"do": "", "id": ""})
                sent += 1
        answers = page.answers(session)
        assert len(answers) > 0 and not any(answer["success"] for answer in answers.values()), fn.targets
        assert SECRET not in str(answers) and str(workspace.path) not in str(answers)
    assert sent > 400
    assert left_behind(workspace) == []


@pytest.mark.parametrize("kind", ["Audio", "File"])
def test_every_path_in_every_form_is_refused_where_files_belong(
    page: RealPage, workspace: Workspace, kind: str
) -> None:
    trigger = {"Audio": "stop_recording", "File": "upload"}[kind]
    events = page.events(kind, trigger)
    assert events
    for number in events:
        inputs = page.blocks.fns[number].inputs
        place = [type(block).__name__ for block in inputs].index(kind)
        for path in forged_paths(workspace):
            session = f"{kind}-{number}-{path}"
            for value in forms(path):
                many = [value] if kind == "File" and isinstance(value, dict) else value
                data = ["ana" if at == 0 else many if at == place else "" for at in range(len(inputs))]
                page.join(number, data, session)
            answers = page.answers(session)
            assert len(answers) == len(forms(path)), path
            assert not any(answer["success"] for answer in answers.values()), path
            assert str(workspace.path) not in str(answers), "an error names a path"
    assert left_behind(workspace) == []


def test_gradios_own_look_at_files_is_on(page: RealPage) -> None:
    # Two locks: this one is Gradio's, and must hold without ours.
    assert page.blocks.has_launched and page.blocks.is_running
    token = LocalContext.blocks.set(page.blocks)
    try:
        for path in ("/etc/passwd", "/proc/self/environ"):
            with pytest.raises(InvalidPathError):
                processing_utils._check_allowed(path, check_in_upload_folder=True)
            with pytest.raises(InvalidPathError):
                processing_utils.move_files_to_cache(
                    {"path": path, "meta": META}, gr.File(render=False), check_in_upload_folder=True
                )
    finally:
        LocalContext.blocks.reset(token)


def test_the_routes_that_would_take_a_file_otherwise_are_closed(page: RealPage, workspace: Workspace) -> None:
    for number in page.blocks.blocks:
        asked = {"data": {"path": "/etc/passwd", "meta": META}, "component_id": number, "fn_name": "ls"}
        assert page.client.post("/en/gradio_api/component_server", json=asked).status_code == 404
    video = {"video": ("a.mp4", b"#EXTM3U\n/etc/passwd\n")}
    assert page.client.post("/en/gradio_api/process_recording", files=video).status_code == 404
    assert page.client.post("/en/gradio_api/stream/one", json={"data": []}).status_code == 404
    assert page.client.get("/en/gradio_api/stream/one/two/3/playlist-file").status_code == 404
    assert left_behind(workspace) == []


def spellings(path: str) -> list[str]:
    """A path or address in a ``file=`` route as it may come over the wire."""
    escaped = "".join(f"%{ord(letter):02x}" for letter in path)
    return [
        path,
        f"/{path}",
        f"//{path}",
        escaped,
        escaped.replace("%", "%25"),
        f"./{path}",
        f"%2F{path}",
        f"{path}%00",
    ]


@pytest.mark.parametrize("route", ["gradio_api/file=", "gradio_api/FILE=", "gradio_api/file/", "file="])
def test_the_file_route_gives_uploads_only_and_leads_nowhere_else(
    page: RealPage, workspace: Workspace, route: str
) -> None:
    addresses = [
        *("http://evil.example/a", "HTTP://evil.example/a", "hTTps:evil.example", "//evil.example/a"),
        *("\\\\evil.example\\a", "/\\evil.example/a", "http:/evil.example", "http:evil.example"),
        *("ftp://evil.example/a", "https:\\\\evil.example", "data:text/html,a", "javascript:alert(1)"),
    ]
    for asked in [*addresses, *forged_paths(workspace)]:
        for spelling in spellings(asked):
            for method in ("GET", "HEAD"):
                answer = page.client.request(method, f"/en/{route}{spelling}")
                assert answer.status_code in (403, 404, 405), spelling
                assert "location" not in answer.headers
                assert SECRET not in answer.text and str(workspace.path) not in answer.text


def _file_counts(page: RealPage, event: int) -> set[str]:
    return {field.file_count for field in page.blocks.fns[event].inputs if isinstance(field, gr.File)}


def test_what_was_uploaded_is_given_and_comes_in(
    page: RealPage, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = page.upload(write(tmp_path / "a b.wav", tone(1)))
    got = page.client.get(f"/en/gradio_api/file={sound['path']}")
    assert got.status_code == 200 and got.content[:4] == b"RIFF"
    started: list[list[Any]] = []
    monkeypatch.setattr("core.project.workspace.Project.start_job", lambda *given, **_: started.append(list(given)))
    add = "core.sources.collections.pending.recordings.add"
    monkeypatch.setattr(add, lambda *given, **_: started.append(list(given)))
    (recorded, _) = sorted(page.events("Audio", "stop_recording"), key=lambda event: len(page.blocks.fns[event].inputs))
    assert page.run(recorded, ["ana", sound, ""])["success"]
    # Of recordings; a project, a voice and a text come in by fields of their own.
    uploads = [event for event in page.events("File", "upload") if len(page.blocks.fns[event].inputs) == 3]
    (upload,) = (event for event in uploads if "multiple" in _file_counts(page, event))
    again = page.upload(write(tmp_path / "c.wav", tone(1)))
    assert page.run(upload, ["ana", [again], ""])["success"]
    assert len(started) == 2
