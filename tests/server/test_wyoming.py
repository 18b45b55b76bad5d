"""Wyoming's own client has the voice speak; what is no Wyoming ends a connection and nothing else."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from core.errors import Cancelled
from core.project.workspace import Project
from core.settings import Settings
from core.synthesis import speaking
from tests.server.conftest import finish
from tests.server.test_speech_api import expected
from tests.synthesis.conftest import humming as humming
from tests.synthesis.conftest import toy as toy
from ui.http.api.wyoming_server import serving, whole_sentences

Talk = Callable[[AsyncTcpClient], Coroutine[Any, Any, Any]]


def talk(project: Project, conversation: Talk) -> Any:
    """What a client makes of a server that runs for it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(_env_file=None, workspace=project.workspace.path, wyoming_port=port)  # type: ignore

    async def run() -> Any:
        async with serving(project.workspace, settings), AsyncTcpClient("127.0.0.1", port) as client:
            return await asyncio.wait_for(conversation(client), 30)

    return finish(run())


async def heard(client: AsyncTcpClient, until: Callable[[str], bool]) -> list[Event]:
    """Events up to one of that type."""
    events: list[Event] = []
    while not events or not until(events[-1].type):
        event = await client.read_event()
        assert event is not None
        events.append(event)
    return events


def sound(events: list[Event]) -> np.ndarray:
    chunks = [AudioChunk.from_event(event).audio for event in events if AudioChunk.is_type(event.type)]
    return np.frombuffer(b"".join(chunks), dtype="<i2") / 32767


def test_it_is_off_unless_a_port_is_named(humming: Project) -> None:
    assert Settings(_env_file=None).wyoming_port == 0  # type: ignore[call-arg]
    assert Settings(_env_file=None).wyoming_host == "127.0.0.1"  # type: ignore[call-arg]


def test_a_client_learns_the_voices_and_hears_one(humming: Project) -> None:
    async def conversation(client: AsyncTcpClient) -> tuple[Info, str | None, list[Event]]:
        await client.write_event(Describe().event())
        described = Info.from_event((await heard(client, Info.is_type))[-1])
        await client.write_event(Ping(text="there?").event())
        pong = Pong.from_event((await heard(client, Pong.is_type))[-1])
        await client.write_event(Synthesize("Hum a line.", voice=SynthesizeVoice(name="hum")).event())
        return described, pong.text, await heard(client, AudioStop.is_type)

    described, text, events = talk(humming, conversation)
    [program] = described.tts
    assert [voice.name for voice in program.voices] == ["hum", "hum/base:tuning-fork"] and text == "there?"
    assert AudioStart.from_event(events[0]).rate == 16_000 and len(events) > 5
    np.testing.assert_allclose(sound(events), expected(humming), atol=1e-4)


def test_sentences_are_found_at_once_in_whatever_is_sent() -> None:
    assert whole_sentences("One. “Two!” Three") == (["One.", "“Two!”"], " Three")
    assert whole_sentences("3.5 is more... \nthan 3.") == (["3.5 is more..."], " \nthan 3.")
    assert whole_sentences("! Hum. ") == (["! Hum."], " ")
    began = time.process_time()
    for hostile in ("!" * 50_000 + "a", "." * 50_000 + ")" * 50_000, "a. " * 10_000, "! " * 50_000):
        whole_sentences(hostile)
    assert time.process_time() - began < 2


def test_a_text_in_pieces_is_said_sentence_by_sentence_as_they_come(humming: Project) -> None:
    async def conversation(client: AsyncTcpClient) -> tuple[list[Event], list[Event]]:
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(language="en_GB")).event())
        await client.write_event(SynthesizeChunk("Hum a li").event())
        await client.write_event(SynthesizeChunk("ne. And th").event())
        first = await heard(client, AudioStop.is_type)
        await client.write_event(SynthesizeChunk("at").event())
        await client.write_event(Synthesize("Hum a line. And that").event())
        await client.write_event(SynthesizeStop().event())
        return first, await heard(client, SynthesizeStopped.is_type)

    first, rest = talk(humming, conversation)
    np.testing.assert_allclose(sound(first), expected(humming), atol=1e-4)
    np.testing.assert_allclose(sound(rest), expected(humming, "And that"), atol=1e-4)


@pytest.mark.parametrize(
    ("text", "voice", "code"),
    [("Hum.", "nobody", "speak.unknown_voice"), (" ", "hum", "speak.empty"), ("a" * 30_000, "hum", "speak.too_long")],
)
def test_what_cannot_be_said_is_told(humming: Project, text: str, voice: str, code: str) -> None:
    async def conversation(client: AsyncTcpClient) -> tuple[Error, list[Event]]:
        await client.write_event(Synthesize(text, voice=SynthesizeVoice(name=voice)).event())
        error = Error.from_event((await heard(client, Error.is_type))[-1])
        await client.write_event(Synthesize("Hum.").event())
        return error, await heard(client, AudioStop.is_type)

    error, events = talk(humming, conversation)
    assert error.code == code and error.text and len(sound(events))


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\n", b"[]\n", b'{"type": "synthesize"}\n', b"x" * 200_000]
)
def test_noise_ends_its_connection_alone(humming: Project, noise: bytes) -> None:
    async def conversation(client: AsyncTcpClient) -> int:
        host, port = client.host, client.port
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(noise)
        with suppress(ConnectionResetError):  # where it had not read all of it
            assert await reader.read() == b""
        writer.close()
        _, huge = await asyncio.open_connection(host, port)
        huge.write(b'{"type": "synthesize", "payload_length": 99999999999}\n')
        await client.write_event(Synthesize("Hum.").event())
        return len(sound(await heard(client, AudioStop.is_type)))

    assert talk(humming, conversation)


def test_who_goes_away_before_the_first_sound_has_its_turn_ended(
    humming: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def wait(*_: object, should_stop: Callable[[], bool], **__: object) -> Iterator[object]:
        while not should_stop():
            time.sleep(0.01)
        ended.set()
        raise Cancelled
        yield

    monkeypatch.setattr(speaking, "stream", wait)

    async def conversation(client: AsyncTcpClient) -> bool:
        await client.write_event(Synthesize("Hum.").event())
        await asyncio.sleep(0.1)
        await client.disconnect()
        return await asyncio.to_thread(ended.wait, 10)

    assert talk(humming, conversation)
