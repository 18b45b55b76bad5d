"""OpenAI's own client speaks with the voice, by an API key; what it asks wrongly it is told as OpenAI tells it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import openai
import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from core.engines import registry
from core.engines.voice import ReferenceClip
from core.errors import Cancelled
from core.project.workspace import Project
from core.settings import Settings
from core.synthesis import speaking
from core.synthesis.wire import SpeechRequest
from core.transcription.single_file import FileTranscript, Wish
from tests.server.conftest import HERE, serving
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import process_id
from tests.synthesis.conftest import toy as toy
from ui.http.api import openai_transcriptions
from ui.http.api_keys import ApiKeys
from ui.server import create_app

PASSWORD = "a good password"
TEXT = "Hum a line."


@pytest.fixture(scope="module")
def server(humming: Project) -> Iterator[TestClient]:
    """The application over the humming project, with a password."""
    from tests.server.stand_in import build

    settings = Settings(_env_file=None, workspace=humming.workspace.path, password=PASSWORD)  # type: ignore
    with TestClient(create_app(settings, build), base_url=HERE, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def keys(humming: Project) -> ApiKeys:
    return ApiKeys(Settings(_env_file=None, workspace=humming.workspace.path))  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def key(keys: ApiKeys) -> str:
    return keys.create("Kitchen")


@pytest.fixture(scope="module")
def client(server: TestClient, key: str) -> openai.OpenAI:
    """The official client."""
    return openai.OpenAI(api_key=key, base_url=f"{HERE}/v1", http_client=server, max_retries=0)


def expected(project: Project, text: str = TEXT, seed: int = 0) -> np.ndarray:
    engine = registry.get_engine("toy")
    voice = engine.load_voice(engine.base_folder(project.workspace.models, "tuning-fork"), None)
    return voice.speak(text, "en", voice.condition([ReferenceClip(project.clip_file("s1-0000"), "Hum")]), seed)[0]


def decoded(content: bytes) -> np.ndarray:
    """Samples at 16 kHz, as a player makes them of a stream that does not tell its length."""
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "f32le", "-ac", "1", "-ar", "16000", "pipe:1"]
    return np.frombuffer(subprocess.run(command, input=content, capture_output=True, check=True).stdout, np.float32)


def test_without_a_key_it_is_shut_and_a_key_opens_nothing_else(server: TestClient, key: str, keys: ApiKeys) -> None:
    assert server.get("/v1/models").status_code == 401
    body = server.get("/v1/models", headers={"Accept": "text/html"}).json()
    assert (
        body["error"]["code"] == "invalid_api_key" and body["code"] == "login.needed" and "System page" in body["hint"]
    )
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"authorization": f"bearer  {key}"}):
        assert server.get("/v1/models", headers=headers).status_code == 200
    assert server.get("/audio/hum/clip/s1-0000", headers={"X-API-Key": key}).status_code == 401
    assert server.get("/en/", headers={"X-API-Key": key}).status_code == 401
    for wrong in (key[:-1], key + "x", "vw-", "x", "vw-\udcff"):
        assert (
            server.get("/v1/models", headers={"X-API-Key": wrong.encode("utf-8", "replace").decode()}).status_code
            == 401
        )
    second = keys.create("Hall")
    assert server.get("/v1/models", headers={"X-API-Key": second}).status_code == 200
    keys.revoke(keys.all()[0].id)
    assert server.get("/v1/models", headers={"X-API-Key": second}).status_code == 401


def test_a_key_is_nowhere_on_the_disk_and_its_file_is_private(humming: Project, keys: ApiKeys, key: str) -> None:
    path = humming.workspace.path / "private" / "api_keys.json"
    assert key not in path.read_text() and key[3:] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert [(entry.name, len(entry.hash)) for entry in keys.all()] == [("Kitchen", 64)]


def test_what_clients_list_is_there(client: openai.OpenAI, server: TestClient, key: str) -> None:
    assert "tts-1" in [model.id for model in client.models.list()]
    headers = {"Authorization": f"Bearer {key}"}
    assert {"id": "tts-1", "name": "tts-1"} in server.get("/v1/audio/models", headers=headers).json()["models"]
    voices = server.get("/v1/audio/voices", headers=headers).json()["voices"]
    assert [voice["id"] for voice in voices] == ["hum", "hum/base:tuning-fork"]
    assert voices[0]["language"] == "en" and voices[0]["name"].startswith("Hum")


@pytest.mark.parametrize(
    ("format", "kind", "begins"),
    [
        ("mp3", "audio/mpeg", (b"ID3", b"\xff\xfb", b"\xff\xf3")),
        ("opus", "audio/ogg", (b"OggS",)),
        ("aac", "audio/aac", (b"ID3",)),
        ("flac", "audio/flac", (b"fLaC",)),
        ("wav", "audio/wav", (b"RIFF",)),
    ],
)
def test_each_format_holds_the_sound(
    client: openai.OpenAI, humming: Project, format: str, kind: str, begins: tuple[bytes, ...]
) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="hum", input=TEXT, response_format=format)  # type: ignore
    assert answer.response.headers["content-type"] == kind
    assert answer.content.startswith(begins)
    samples = decoded(answer.content)
    if format in ("flac", "wav"):
        np.testing.assert_allclose(samples, expected(humming), atol=1e-4)
    else:
        assert len(samples) / 16_000 == pytest.approx(len(TEXT) * 0.05, abs=0.15)


def test_raw_samples_come_at_the_rate_that_clients_expect(client: openai.OpenAI) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="default", input=TEXT, response_format="pcm")
    assert len(answer.content) / 2 == pytest.approx(len(TEXT) * 0.05 * 24_000, abs=2)


def test_events_bring_the_same_bytes(client: openai.OpenAI) -> None:
    import base64
    import json

    wish = {"model": "tts-1", "voice": "hum", "input": TEXT, "response_format": "wav"}
    whole = client.audio.speech.create(**wish).content  # type: ignore[arg-type]
    with client.audio.speech.with_streaming_response.create(**wish, stream_format="sse") as answer:  # type: ignore
        lines = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert {line["type"] for line in lines[:-1]} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(line["audio"]) for line in lines[:-1]) == whole
    assert lines[-1]["type"] == "speech.audio.done"


@pytest.mark.parametrize("format", ["pcm", "mp3"])
def test_sound_is_sent_while_it_is_made_at_the_speed_that_was_asked_for(
    humming: Project, key: str, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    has_come, speeds = threading.Event(), []

    def stream(_: object, request: SpeechRequest, **__: object) -> Iterator[tuple[np.ndarray, int]]:
        speeds.append(request.settings["speed"])
        yield 0.1 * np.random.default_rng(1).standard_normal(24_000).astype(np.float32), 24_000
        assert has_come.wait(30), "the rest is made once the first has come"
        yield np.zeros(24_000, np.float32), 24_000

    monkeypatch.setattr(speaking, "stream", stream)
    wish = {"model": "tts-1", "voice": "hum", "input": TEXT, "response_format": format, "speed": 2.0}
    with serving(humming.workspace.path, password=PASSWORD) as port:
        client = openai.OpenAI(api_key=key, base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
        with client.audio.speech.with_streaming_response.create(**wish) as answer:  # type: ignore[arg-type]
            blocks = answer.iter_bytes(2048)
            first = next(blocks)
            has_come.set()
            rest = b"".join(blocks)
    assert len(first) == 2048 and len(rest) > 2048 and speeds == [2.0]


@pytest.mark.parametrize(
    ("wish", "kind", "code"),
    [
        ({"input": "a" * 4097}, openai.BadRequestError, "string_too_long"),
        ({"input": ""}, openai.BadRequestError, "string_too_short"),
        ({"input": "\u200b \n"}, openai.BadRequestError, "speak.empty"),
        ({"voice": "alloy"}, openai.NotFoundError, "speak.unknown_voice"),
        ({"voice": "../../etc"}, openai.NotFoundError, "speak.unknown_voice"),
        ({"voice": "hum/no-run:3"}, openai.NotFoundError, "speak.unknown_voice"),
        ({"model": "whisper-9"}, openai.NotFoundError, "speak.unknown_model"),
        ({"speed": 9}, openai.BadRequestError, "less_than_equal"),
        ({"response_format": "exe"}, openai.BadRequestError, "literal_error"),
        ({"extra_body": {"language": "xx"}}, openai.BadRequestError, "engine.language"),
    ],
)
def test_what_is_asked_wrongly_is_named(
    client: openai.OpenAI, wish: dict[str, object], kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        client.audio.speech.create(**{"model": "tts-1", "voice": "hum", "input": TEXT, **wish})  # type: ignore
    assert caught.value.code == code and caught.value.message


def test_ten_megabytes_are_not_even_read(server: TestClient, key: str) -> None:
    body = {"model": "tts-1", "voice": "hum", "input": "a" * 10_000_000}
    assert server.post("/v1/audio/speech", json=body, headers={"X-API-Key": key}).status_code == 413


@pytest.mark.parametrize("text", ["<speak>Hum <break/></speak>", "🎵🎶", "שלום עולם", "Olá, então?", "a\x00b\u202e"])
def test_strange_texts_are_said_or_refused_in_words(client: openai.OpenAI, text: str) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="hum", input=text, response_format="wav")
    assert len(answer.content) > 1000


def test_many_at_once_are_all_answered(client: openai.OpenAI, humming: Project) -> None:
    answers: dict[int, bytes] = {}

    def ask(seed: int) -> None:
        wish = {"model": "tts-1", "voice": "hum", "input": "la", "response_format": "wav"}
        answers[seed] = client.audio.speech.create(**wish, extra_body={"seed": seed}).content  # type: ignore

    threads = [threading.Thread(target=ask, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 8 and len(set(answers.values())) == 8
    np.testing.assert_allclose(decoded(answers[5]), expected(humming, "la", 5), atol=1e-4)


def test_who_goes_away_before_the_first_sound_is_answered_by_nobody(
    server: TestClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(*_: object, should_stop: Callable[[], bool]) -> Iterator[tuple[np.ndarray, int]]:
        while not should_stop():
            time.sleep(0.01)
        time.sleep(0.2)  # it takes a moment until that is noticed
        raise Cancelled
        yield

    async def is_disconnected(_: Request) -> bool:
        return True

    monkeypatch.setattr(speaking, "stream", stream)
    monkeypatch.setattr(Request, "is_disconnected", is_disconnected)
    wish = {"voice": "hum", "input": TEXT, "response_format": "pcm"}
    assert server.post("/v1/audio/speech", json=wish, headers={"X-API-Key": key}).status_code == 499


def test_the_page_holds_no_model_library(client: openai.OpenAI, humming: Project) -> None:
    client.audio.speech.create(model="tts-1", voice="hum", input=TEXT)
    assert process_id(humming) != 0


@pytest.mark.parametrize("format", ["json", "text", "srt", "vtt", "verbose_json"])
def test_what_a_file_says_is_written_down_in_each_format(
    client: openai.OpenAI, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (("Good", 0.1, 0.4), ("evening.", 0.4, 0.9), ("Welcome!", 1.5, 2.0))
    wishes = []

    def transcribe(wish: Wish, _: object) -> FileTranscript:
        wishes.append(wish)
        return FileTranscript("Good evening. Welcome!", "en", 2.5, words if wish.words else ())

    monkeypatch.setattr(openai_transcriptions, "transcribe_file", transcribe)
    answer = client.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", b"RIFF"), language="en", response_format=format
    )  # type: ignore[call-overload]
    assert wishes[0].words == (format not in ("json", "text")), "the times of words cost time"
    if format == "json":
        assert answer.text == "Good evening. Welcome!"
    elif format == "verbose_json":
        assert [(segment.start, segment.end, segment.text) for segment in answer.segments] == [
            (0.1, 0.9, "Good evening."),
            (1.5, 2.0, "Welcome!"),
        ]
        assert [(word.word, word.start, word.end) for word in answer.words] == list(words)
        assert (answer.duration, answer.language) == (2.5, "en")
    else:
        times = [("0.100", "0.900", "Good evening."), ("1.500", "2.000", "Welcome!")]
        cues = [f"00:00:0{start} --> 00:00:0{end}\n{text}\n" for start, end, text in times]
        numbered = [f"{number}\n{cue.replace('.', ',', 2)}" for number, cue in enumerate(cues, 1)]
        expected = {
            "text": "Good evening. Welcome!\n",
            "srt": "\n".join(numbered),
            "vtt": "\n".join(["WEBVTT\n", *cues]),
        }
        assert answer == expected[format]
