"""The examples of docs/api.md walk the whole road by REST alone, and every call of it stands there."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
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
from PIL import Image

from core.clips import review
from core.engines.registry import get_engine
from core.errors import Busy, UserError
from core.files import disk_full
from core.jobs import events, locks
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source, Word
from core.project.workspace import Project, Workspace
from core.reasons import reason_of
from core.settings import Settings
from core.studio import documents
from core.synthesis import speaking
from core.transcription.single_file import FileTranscript
from tests.audio.sounds import silence, tone, write
from tests.server.conftest import HERE, finish
from tests.synthesis.conftest import toy as toy
from ui.http.api import openai_transcriptions
from ui.http.api.problem import problem_of
from ui.http.api.rest import app as rest
from ui.http.api.rest import projects
from ui.http.api.rest.idempotency import Answers
from ui.http.api.rest.shape import job_fact
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
    Image.new("RGB", (640, 320), "green").save(tmp_path / "ana.png")
    speech, transcription, *rest_examples = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.M | re.S)
    names: dict[str, Any] = {"httpx": SimpleNamespace(Client=lambda **_: api)}
    for example in rest_examples:
        # A voice of sine tones learns in moments; tones are no speech.
        example = example.replace("import httpx\n", "").replace("xtts", "toy").replace("Sentence ", "Hum ")
        example = example.replace('"only_speech": True', '"only_speech": False, "min_clip_s": 0.5, "max_clip_s": 4.0')
        exec(example, names)
    assert len(names["clips"]["items"]) == CLIPS and names["run"]["id"] == "first"
    assert (tmp_path / "recording.srt").read_text().count(" --> ") == CLIPS
    assert (tmp_path / "take.wav").read_bytes()[:4] == b"RIFF" == names["sounds"][0][:4]
    assert names["voice"]["name"] == "Ana, calm" and api.get("voices").json()["items"][0]["defaults"]["seed"] == 3
    assert [export["name"] for export in api.get("projects/ana/exports").json()["items"]] == ["Ana"]
    assert Image.open(tmp_path / "small.jpg").size == (256, 256)
    with zipfile.ZipFile(tmp_path / "voice.zip") as file:
        assert "ana/manifest.json" in file.namelist()
    adapter = api.get(f"projects/ana/voices/{names['voice']['id']}/adapter").content
    with zipfile.ZipFile(io.BytesIO(adapter)) as file:
        assert "ana-calm-adapter/base.toy.json" in file.namelist()

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
        ("PATCH", "projects/here/clips/none", {"reason": "noisy"}, 422, "api.bad_request"),
        ("GET", "projects/here/transcripts/none", None, 404, "clip.missing"),
        ("GET", "projects/here/sources/none/transcript", None, 404, "source.missing"),
        ("GET", "projects/here/sources/none/transcript?format=doc", None, 422, "api.bad_request"),
        ("GET", "projects/here/runs/none/scores", None, 404, "job.missing"),
        ("POST", "projects/here/runs/none/scores", None, 404, ""),
        ("POST", "projects/here/voices", {"name": "Ana", "speaker": "none:3"}, 404, "speak.unknown_voice"),
        ("POST", "projects/here/voices", {"name": " "}, 422, "voice.no_name"),
        ("PATCH", "projects/here/voices/none", {"name": "A"}, 404, "voice.gone"),
        ("POST", "projects/here/voices/none/picture", {}, 404, "voice.gone"),
        ("GET", "projects/here/voices/none/picture", None, 404, "voice.gone"),
        ("GET", "projects/here/voices/none/adapter", None, 404, "voice.gone"),
        ("GET", "projects/here/exports/none", None, 404, "voice.export_missing"),
        ("POST", "projects/here/imports", {}, 422, "archive.broken"),
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
    engine = get_engine("toy")
    place = engine.bases.place(Workspace(api.workspace).models, "tuning-fork")  # type: ignore[attr-defined]
    if not place.exists():
        engine.make_base("tuning-fork", place)  # without one there is no voice to refuse anything of
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


def test_a_transcript_tells_what_was_heard_and_when_and_a_correction_is_one_of_the_review_page(
    api: TestClient, settings: Settings
) -> None:
    api.post("projects", json={"name": "Heard", "engine": "toy"})
    project = Workspace(settings.workspace_folder()).project("heard")
    words = [Word(0.5, 1.0, "one", 0.9), Word(1.0, 1.5, "too", 0.3), Word(2.5, 3.0, "three.", 0.9)]
    project.store.add_source(Source("s", "Talk", seconds=20), words)
    heard = Clip("s-0", "s", 0, 6, "one too three.", "one too three.", "en", confidence=0.7, given=0, checked=1,
                 second_text="one two three.", mismatch=0.1)  # fmt: skip
    project.store.replace_clips(
        "s", [heard, Clip("s-1", "s", 8, 12), Clip("s-2", "s", 14, 16, "Hm", status="rejected")]
    )

    first = api.get("projects/heard/transcripts", params={"limit": 1}).json()
    assert first["total"] == 3 and len(first["items"]) == 1
    transcript = first["items"][0]
    assert [reading["text"] for reading in transcript["heard"]] == ["one too three.", "one two three."]
    assert [(word["text"], word["start_s"], word["probability"]) for word in transcript["words"]] == [
        ("one", 0.5, 0.9), ("too", 1.0, 0.3), ("three.", 2.5, 0.9)
    ]  # fmt: skip
    wish = {"text": "one two three.", "status": "approved", "stamp": transcript["stamp"]}
    assert api.patch("projects/heard/clips/s-0", json=wish).json()["status"] == "approved"
    assert api.patch("projects/heard/clips/s-0", json=wish).status_code == 200  # sent twice, it has come already
    stale = api.patch("projects/heard/clips/s-0", json={**wish, "text": "other"})
    assert (stale.status_code, stale.json()["code"]) == (409, "clip.changed")
    corrected = api.get("projects/heard/transcripts/s-0").json()
    assert corrected["heard"] == transcript["heard"] and corrected["text"] == "one two three."
    assert corrected["words"][1] == {"start_s": 1.0, "end_s": 1.5, "text": "two", "probability": None}

    for format, content in (
        ("srt", "1\n00:00:00,500 --> 00:00:01,500\none two\n\n2\n00:00:02,500 --> 00:00:03,000\nthree.\n"),
        ("vtt", "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\none two\n\n00:00:02.500 --> 00:00:03.000\nthree.\n"),
        ("txt", "one two three.\n"),
    ):
        assert api.get("projects/heard/sources/s/transcript", params={"format": format}).text == content
    every = api.get("projects/heard/sources/s/transcript", params={"state": "all"}).text
    assert every.endswith("3\n00:00:14,000 --> 00:00:16,000\nHm\n")

    assert api.patch("projects/heard/clips/s-1", json={"status": "approved"}).json()["code"] == "review.no_text"
    many = api.patch("projects/heard/clips", json={"ids": ["s-1", "s-2"], "status": "approved"}).json()
    assert many == {"changed": 1, "without_text": ["s-1"]}
    assert api.post("projects/heard/clips/undo").json() == {"change": "approval", "clip": "s-2", "count": 1}
    assert api.post("projects/heard/clips/undo").json()["clip"] == "s-0"
    again = api.get("projects/heard/clips/s-0").json()
    assert (again["text"], again["status"], again["stamp"]) == ("one too three.", "new", transcript["stamp"])
    assert api.post("projects/heard/clips/redo").json()["clip"] == "s-0"
    assert review.spot(project, "approved", "s-0").clip.text == "one two three."  # type: ignore[union-attr]

    api.patch("projects/heard/clips/s-2", json={"status": "rejected", "reason": "noisy"})
    api.patch("projects/heard/clips", json={"ids": ["s-1", "s-2"], "status": "rejected"})
    assert api.get("projects/heard/clips/s-2").json()["reason"] == "noisy", "what is not given stays"
    assert api.patch("projects/heard/clips/s-2", json={"status": "new"}).json()["reason"] == ""


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


def test_an_answer_that_cannot_be_kept_for_its_key_is_given_all_the_same(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Answers, "end", full)
    answer = api.post("projects", json={"name": "Kept", "engine": "toy"}, headers={"Idempotency-Key": "full"})
    assert answer.status_code == 201 and answer.json()["name"] == "Kept"


def test_who_follows_a_job_that_says_nothing_hears_that_it_is_still_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "_SILENCE_S", 0.0)
    monkeypatch.setattr(projects, "_LOOK_S", 0.0)
    job = Job.create(project.jobs, SegmentArgs())
    events.append(job.events_path, events.Launched())
    at_work = locks.try_lock(job.path / "lock", {})
    assert at_work is not None

    async def follow() -> list[str]:
        lines = projects._events(job, 0)
        heard = [await anext(lines) for _ in range(3)]
        locks.release([at_work])
        return [*heard, *[line async for line in lines]]

    said = finish(follow())
    assert said[0].startswith("id: 1\nevent: launched\n") and set(said[1:]) == {": still here\n\n"}


def test_what_a_program_said_itself_stands_beside_our_sentence(project: Project) -> None:
    status, body = problem_of(FileNotFoundError(errno.ENOENT, "No such file or directory", "/home/ana/voice.wav"))
    assert (status, body["code"]) == (500, "reason.failure") and "there is no “voice.wav”" in body["title"]
    said = "FileNotFoundError: [Errno 2] No such file or directory: “voice.wav”"
    assert body["values"]["words"] == said
    full = disk_full()
    assert problem_of(full)[0] == problem_of(UserError(full.code, full.text))[0] == 507, "also where a process tells it"
    job = Job.create(project.jobs, SegmentArgs())
    broken = reason_of(MemoryError("1 GiB"))
    Reporter(job).warning("transcribe.clip_failed", "“{clip}” ({what}).", "Listen to it.", clip="Hum.", what=broken)
    [warning] = job_fact(project, job)["warnings"]
    assert warning["title"] == "“Hum.” (this computer has too little free memory)."
    assert warning["words"] == ["MemoryError: 1 GiB"]


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
             "projects/here/pairs/sounds/{}", "projects/here/clips/{}/audio", "projects/here/runs/{}/scores",
             "projects/here/texts/{}", "projects/here/texts/{}/lines", "uploads/{}"],
)  # fmt: skip
def test_ids_that_no_file_can_have_are_not_there(api: TestClient, settings: Settings, path: str) -> None:
    api.post("projects", json={"name": "Here", "engine": "toy"})
    project = Workspace(settings.workspace_folder()).project("here")
    # Where a folder is there at all, a name that is too long is an error of its own.
    for folder in (project.jobs, project.runs, project.datasets, project.documents, project.takes, project.clips):
        folder.mkdir(parents=True, exist_ok=True)
    for id in ("%00", "a%00b", "a" * 300, "..%00"):
        assert api.get(path.format(id)).status_code in (404, 422)


def test_a_voice_is_brought_in_from_a_body_and_an_upload_and_a_refused_one_leaves_nothing(
    api: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packed(*names: str) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as file:
            for name in names:
                file.writestr(f"ana/{name}", b"{}")
        return content.getvalue()

    project = api.post("projects", json={"name": "Arrivals", "engine": "xtts"}).json()["id"]
    folder = Workspace(settings.workspace_folder()).project(project).uploads
    answer = api.post(f"projects/{project}/imports", params={"name": "notes.zip"}, content=packed("notes.txt"))
    assert (answer.status_code, answer.json()["code"]) == (422, "voice.none") and "notes.zip" in answer.json()["title"]
    assert not folder.is_dir() or not list(folder.iterdir())
    start, whole = Project.start_job, packed("config.json", "vocab.json", "model.pth")
    monkeypatch.setattr(Project, "start_job", lambda self, args, **_: Job.create(self.jobs, args, title=args.source))
    upload = api.post("uploads", json={"name": "ana.zip", "bytes": len(whole)}).json()
    api.patch(f"uploads/{upload['id']}", params={"offset": 0}, content=whole)
    for wish in ({"params": {"name": "ana.zip"}, "content": whole}, {"params": {"upload": upload["id"]}}):
        job = api.post(f"projects/{project}/imports", **wish).json()
        assert (job["kind"], job["title"]) == ("import_voice", "ana.zip"), job
    assert [path.read_bytes() for path in folder.iterdir()] == [whole, whole]
    monkeypatch.setattr(Project, "start_job", start)


def test_what_is_refused_before_any_route_is_a_problem_too(api: TestClient) -> None:
    answer = api.post("projects", content=b"x" * (2 << 20))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["code"] == "server.body_too_large" == answer.json()["error"]["code"] and answer.json()["hint"]


def test_a_file_in_pieces_goes_on_where_it_broke_off_and_is_used_once(api: TestClient, settings: Settings) -> None:
    api.post("projects", json={"name": "Pieces", "engine": "toy"})
    said = {"name": "../a.wav", "bytes": 6, "mark": "x"}
    upload = api.post("uploads", json=said).json()
    here = f"uploads/{upload['id']}"
    assert (upload["name"], upload["offset"], upload["complete"]) == ("a.wav", 0, False)
    assert api.patch(here, params={"offset": 0}, content=b"abc").json()["offset"] == 3
    for offset in (0, 4):
        answer = api.patch(here, params={"offset": offset}, content=b"d")
        assert answer.status_code == 409 and answer.json()["values"] == {"name": "a.wav", "offset": 3}
    early = api.post("projects/pieces/sources", params={"upload": upload["id"]})
    assert (early.status_code, early.json()["code"]) == (409, "incoming.incomplete")
    assert api.post("uploads", json=said).json() == api.get(here).json() == {**upload, "offset": 3}
    assert api.patch(here, params={"offset": 3}, content=b"defg").json()["code"] == "incoming.too_long"
    assert api.patch(here, params={"offset": 3}, content=b"def").json()["complete"]
    # Refused where it would be used, it waits as before.
    assert api.post("finetune/toy", params={"upload": upload["id"], "project": "none"}).status_code == 404
    assert api.get(here).json()["complete"]
    answer = api.post("projects/pieces/sources", params={"upload": upload["id"]})
    assert answer.status_code == 202, answer.json()
    job = Job(Workspace(settings.workspace_folder()).project("pieces").path / "jobs" / answer.json()["id"])
    assert job.spec().args.files[0][1] == "a.wav" and job.wait(30).status == "failed"  # type: ignore[attr-defined]
    assert api.get(here).status_code == 404 and not list((settings.workspace_folder() / "tmp" / "incoming").iterdir())
    other = api.post("uploads", json=said).json()["id"]
    assert api.delete(f"uploads/{other}").status_code == 204 and api.delete(f"uploads/{other}").status_code == 404
    assert api.post("uploads", json={**said, "bytes": 1 << 50}).status_code == 413


def test_a_broken_off_or_too_large_upload_leaves_nothing(api: TestClient, settings: Settings) -> None:
    api.post("projects", json={"name": "Room", "engine": "toy"})
    answer = api.post("projects/room/sources", headers={"Content-Length": str(1 << 40)}, content=b"x")
    assert answer.status_code == 413
    temporary = settings.workspace_folder() / "tmp"
    assert [path for path in temporary.iterdir() if path.is_file()] == []
