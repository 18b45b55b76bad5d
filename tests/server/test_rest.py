"""The examples of docs/api.md walk the whole road by REST alone, and every call of it stands there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import re
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openai
import pytest
from fastapi.testclient import TestClient

from core.errors import Busy, UserError
from core.jobs.job import Job
from core.project.workspace import Workspace
from core.settings import Settings
from core.studio import documents
from core.synthesis import speaking
from core.transcription.single_file import FileTranscript
from tests.audio.sounds import silence, tone, write
from tests.server.conftest import HERE
from tests.synthesis.conftest import toy as toy
from ui.http.api import openai_transcriptions
from ui.http.api.rest import app as rest
from ui.http.api.rest.idempotency import Answers
from ui.http.api_keys import ApiKeys
from ui.server import create_app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
CLIPS = 6


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("rest")
    return Settings(_env_file=None, workspace=folder / "workspace", password="a good password", device="cpu")  # type: ignore


@pytest.fixture(scope="module")
def api(settings: Settings, toy: None) -> Iterator[TestClient]:
    """REST with a key."""
    from tests.server.stand_in import build

    with TestClient(create_app(settings, build), base_url=f"{HERE}/api/v1/", follow_redirects=False) as client:
        client.workspace = settings.workspace_folder()  # type: ignore[attr-defined]
        client.headers["X-API-Key"] = ApiKeys(settings).create("Tests")
        yield client


def test_every_example_of_the_document_runs_and_together_they_walk_the_road(
    api: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sounds = [part for n in range(CLIPS) for part in (tone(1.0 + 0.1 * n, 44_100, 220.0), silence(1.0, 44_100))]
    write(tmp_path / "recording.wav", np.concatenate(sounds), 44_100)
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as file:
        file.write(tmp_path / "recording.wav", "wavs/a.wav")
        file.writestr("metadata.csv", "a|Hum la la.\n")
    speech, transcription, *rest_examples = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.M | re.S)
    names: dict[str, Any] = {"httpx": SimpleNamespace(Client=lambda **_: api)}
    for example in rest_examples:
        # A voice of sine tones learns in moments; tones are no speech.
        example = example.replace("import httpx\n", "").replace("xtts", "toy").replace("Sentence ", "Hum ")
        example = example.replace('"only_speech": True', '"only_speech": False, "min_clip_s": 0.5, "max_clip_s": 4.0')
        exec(example, names)
    assert len(names["clips"]["items"]) == CLIPS and names["run"]["id"] == "first"
    assert (tmp_path / "take.wav").read_bytes()[:4] == b"RIFF" == names["sounds"][0][:4]
    assert names["voice"]["name"] == "Ana, calm" and api.get("voices").json()["items"][0]["defaults"]["seed"] == 3
    assert [export["name"] for export in api.get("projects/ana/exports").json()["items"]] == ["Ana"]

    client = openai.OpenAI(base_url=f"{HERE}/v1", api_key=api.headers["X-API-Key"], http_client=api)
    of_openai = {"openai": SimpleNamespace(OpenAI=lambda **_: client)}
    exec(speech.replace("import openai\n", ""), of_openai)
    assert (tmp_path / "evening.wav").read_bytes()[:4] == b"RIFF"
    heard = FileTranscript("Good evening.", "en", 2.0)
    monkeypatch.setattr(openai_transcriptions, "transcribe_file", lambda wish, _: heard)
    exec(transcription, of_openai)
    kinds = [job["kind"] for job in api.get("projects/ana/jobs", params={"limit": 1000}).json()["items"]]
    assert kinds.count("finetune") == 1 and names["job"]["project"] == "ana-of-a-data-set"
    speaking.dismiss(Workspace(settings.workspace_folder()))


def test_every_call_stands_in_the_document(workspace: Workspace, settings: Settings) -> None:
    described = rest.create(workspace, settings).openapi()
    calls = {f"{method.upper()} {path}" for path, calls in described["paths"].items() for method in calls}
    listed = set(re.findall(r"^\| `([A-Z]+ /\S+)` \| \S", DOCUMENT, re.M))
    assert listed == {call.replace("{slug}", "{project}") for call in calls} and len(calls) > 40


def test_lists_come_in_pages(api: TestClient) -> None:
    made = [api.post("projects", json={"name": f"Page {n}", "engine": "toy"}).json()["id"] for n in range(3)]
    pages = [api.get("projects", params={"limit": 2, "offset": offset}).json() for offset in (0, 2)]
    ids = [project["id"] for page in pages for project in page["items"]]
    assert set(made) <= {*ids, *(p["id"] for p in api.get("projects").json()["items"])}
    assert len(pages[0]["items"]) == 2 and pages[0]["total"] == pages[1]["total"] and len(set(ids)) == len(ids)
    assert api.get("projects", params={"limit": 0}).json()["code"] == "api.bad_request"
    assert api.patch(f"projects/{made[0]}", json={"rights": "Mine."}).json()["rights"] == "Mine."
    for slug in made:
        assert api.delete(f"projects/{slug}").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "nowhere", None, 404, "api.missing"),
        ("GET", "projects/..%2F..%2Fetc", None, 404, "api.missing"),
        ("GET", "projects/nobody", None, 404, "project.missing"),
        ("POST", "projects", {"name": " "}, 422, "project.no_name"),
        ("POST", "projects", {"name": "A", "language": "xx"}, 422, "engine.language"),
        ("POST", "projects", {"name": "A", "engine": "none"}, 422, "engine.unknown"),
        ("POST", "projects", {"nome": "A"}, 422, "api.bad_request"),
        ("POST", "projects/here/cut", {"options": {"depth": 3}}, 422, "api.bad_request"),
        ("POST", "projects/here/cut", {}, 422, "segment.no_sources"),
        ("POST", "projects/here/sources/links", {"url": "http://127.0.0.1/x"}, 422, ""),
        ("POST", "projects/here/datasets", {}, 422, "dataset.nothing_approved"),
        ("POST", "projects/here/runs", {"dataset": "none"}, 422, "train.no_dataset"),
        ("POST", "projects/here/runs", {"dataset": "../../x"}, 422, "train.no_dataset"),
        ("POST", "projects/here/runs/none/stop", None, 404, "job.missing"),
        ("POST", "projects/here/runs/none/explode", None, 422, "api.bad_request"),
        ("POST", "projects/here/takes", {"text": "Hum."}, 422, "speak.no_reference"),
        ("POST", "projects/here/takes", {"text": "Hum.", "voice": "other"}, 404, "speak.unknown_voice"),
        ("GET", "projects/here/takes/none/audio", None, 404, "api.sound_missing"),
        ("GET", "projects/here/clips/none", None, 404, "clip.missing"),
        ("GET", "projects/here/runs/none/scores", None, 404, "job.missing"),
        ("POST", "projects/here/runs/none/scores", None, 404, ""),
        ("POST", "projects/here/voices", {"name": "Ana", "speaker": "none:3"}, 404, "speak.unknown_voice"),
        ("POST", "projects/here/voices", {"name": " "}, 422, "voice.no_name"),
        ("PATCH", "projects/here/voices/none", {"name": "A"}, 404, "voice.gone"),
        ("POST", "projects/here/texts", {"text": "Hum.", "settings": {"depth": 3}}, 422, "speak.setting"),
        ("POST", "projects/here/texts", {"text": "Hum.", "language": "xx"}, 422, "engine.language"),
        ("POST", "projects/here/texts", {"text": "Hum.", "settings": {"speed": math.nan}}, 422, "speak.setting_range"),
        ("POST", "finetune/toy", {"project": "none"}, 404, "project.missing"),
        ("POST", "finetune/toy", {"dataset": 3}, 422, "api.bad_request"),
        ("POST", "finetune/xtts", {"project": "here"}, 422, "api.other_engine"),
    ],
)
def test_errors_are_problems_with_a_code_and_what_to_do(
    api: TestClient, method: str, path: str, body: Any, status: int, code: str
) -> None:
    if not any(project["id"] == "here" for project in api.get("projects").json()["items"]):
        api.post("projects", json={"name": "Here", "engine": "toy"})
    content = None if body is None else json.dumps(body)  # which writes NaN, as some programs do
    answer = api.request(method, path, content=content, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == problem["status"] == status, problem
    assert code in ("", problem["code"]) and problem["title"] and problem["hint"], problem


def test_a_change_of_a_text_that_is_refused_changes_nothing(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    api.post("projects", json={"name": "Whole", "engine": "toy"})
    text = api.post("projects/whole/texts", json={"text": "Hum la."}).json()
    monkeypatch.setattr(documents, "MOST_LINES", 2)
    for path, wish in (("", {"name": "New", "seed": 7}), ("/lines/1", {"settings": {"speed": 0.9}})):
        answer = api.patch(f"projects/whole/texts/{text['id']}{path}", json={"text": "Hum. " * 3, **wish})
        assert (answer.status_code, answer.json()["code"]) == (422, "studio.too_many_lines")
    assert api.get(f"projects/whole/texts/{text['id']}").json() == {**text, "text": "Hum la."}


def test_a_post_with_a_key_is_done_once(api: TestClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = (api.post("projects", json={"name": "Once", "engine": "toy"}, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 201 and first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    other = api.post("projects", json={"name": "Twice", "engine": "toy"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "api.key_reused")
    for name, status in ((" ", 422), ("Right", 201)):  # what was refused may be sent again, put right
        answer = api.post("projects", json={"name": name, "engine": "toy"}, headers={"Idempotency-Key": "wrong"})
        assert answer.status_code == status
    names = [project["name"] for project in api.get("projects").json()["items"]]
    assert names.count("Once") == 1 and "Twice" not in names


def test_of_two_at_once_with_one_key_one_is_told_to_wait_and_all_hold_across_a_restart(tmp_path: Path) -> None:
    answers, outcomes = Answers(tmp_path / "answers.db"), []

    def begin() -> None:
        try:
            outcomes.append(Answers(tmp_path / "answers.db").begin("k", "w"))
        except Busy as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=begin) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None"] + ["api.key_busy"] * 4
    answers.end("k", 201, b"{}")
    assert Answers(tmp_path / "answers.db").begin("k", "w") == (201, b"{}")
    with pytest.raises(UserError):
        answers.begin("k", "another")
    answers.begin("failed", "w")
    answers.end("failed", 0, b"")
    assert answers.begin("failed", "w") is None


@pytest.mark.parametrize("content", [b"no database at all" * 500, b"", "another table"])
def test_answers_that_are_damaged_are_forgotten_and_the_next_ones_kept(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "answers.db"
    if isinstance(content, str):
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE answers (key TEXT, said TEXT)")
    else:
        path.write_bytes(content)
    answers = Answers(path)
    assert answers.begin("k", "w") is None
    answers.end("k", 201, b"{}")
    assert answers.begin("k", "w") == (201, b"{}")
    path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 5000)  # amid the day
    assert answers.begin("k", "w") is None


def test_of_two_servers_one_waits_for_the_other_and_brings_no_revoked_key_back(tmp_path: Path) -> None:
    keys = ApiKeys(Settings(_env_file=None, workspace=tmp_path))  # type: ignore[call-arg]
    token, used = keys.create("Kitchen"), keys.create("Cellar")
    with open(tmp_path / "private" / "api_keys.lock", "r+b") as other_server:
        fcntl.flock(other_server, fcntl.LOCK_EX)
        noting = threading.Thread(target=keys.find, args=[used])
        noting.start()
        noting.join(0.3)
        assert noting.is_alive()
        keys._save([key for key in keys.all() if key.name != "Kitchen"])  # what the other revokes meanwhile
    noting.join(10)
    assert [(key.name, key.used > 0) for key in keys.all()] == [("Cellar", True)] and keys.find(token) is None


@pytest.mark.parametrize("name", ["../a\x00b.\x00wav", "\x00"])
def test_no_name_of_an_upload_fails_the_server(api: TestClient, name: str) -> None:
    if not any(project["id"] == "names" for project in api.get("projects").json()["items"]):
        api.post("projects", json={"name": "Names", "engine": "toy"})
    answer = api.post("projects/names/sources", params={"name": name}, content=b"no sound")
    assert answer.status_code == 202, answer.json()
    Job(Workspace(api.workspace).project("names").path / "jobs" / answer.json()["id"]).wait(30)  # type: ignore


@pytest.mark.parametrize(
    "path", ["projects/{}", "projects/here/jobs/{}", "projects/here/clips/{}", "projects/here/datasets/{}",
             "projects/here/runs/{}", "projects/here/runs/{}/metrics", "projects/here/takes/{}/audio",
             "projects/here/pairs/sounds/{}", "projects/here/clips/{}/audio"],
)  # fmt: skip
def test_ids_that_no_file_can_have_are_not_there(api: TestClient, path: str) -> None:
    for id in ("%00", "a%00b", "a" * 300, "..%00"):
        assert api.get(path.format(id)).status_code in (404, 422)


def test_a_broken_off_or_too_large_upload_leaves_nothing(api: TestClient, settings: Settings) -> None:
    api.post("projects", json={"name": "Room", "engine": "toy"})
    answer = api.post("projects/room/sources", headers={"Content-Length": str(1 << 40)}, content=b"x")
    assert answer.status_code == 413
    temporary = settings.workspace_folder() / "tmp"
    assert [path for path in temporary.iterdir() if path.is_file()] == []
