"""Wyoming: speech for home assistants, over a port of its own. The protocol knows no login, so it is off by default."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import AsyncIterator

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

import core
from core.audio.samples import as_16_bit
from core.errors import Cancelled
from core.jobs.args.speech import SynthesizeArgs
from core.project.workspace import Workspace
from core.settings import Settings
from core.synthesis import speaking
from core.synthesis.start import MOST_CHARACTERS, complete, speech_request
from core.synthesis.voices import DEFAULT, NamedVoice, language_of, named_voice, named_voices
from core.synthesis.wire import SpeechRequest
from ui.http.api import in_threads
from ui.http.api.problem import problem_of

log = logging.getLogger("voicewright.wyoming")
_MOST_CONNECTIONS = 32
_LOOK_S = 0.25
_MOST_BYTES = 1 << 20  # of a message
_ATTRIBUTION = Attribution(name="Voicewright", url="")
# Found in one pass, whatever is sent: a run of signs is looked at once, from where it begins.
_SENTENCE_END = re.compile(r"(?<![.!?…。！？])[.!?…。！？]++[\"'”’)»]*+(?=\s)")


class _BoundedReader:
    """A stream of which nobody reads more at once than a message may have."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readline(self) -> bytes:
        """A line; too long a one raises ValueError."""
        return await self._reader.readline()

    async def readexactly(self, length: int) -> bytes:
        """So many bytes."""
        if length > _MOST_BYTES:
            raise ValueError("too long a message")
        return await self._reader.readexactly(length)


class _Client:
    """One connection."""

    def __init__(
        self, workspace: Workspace, device: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.workspace, self.device, self.reader, self.writer = workspace, device, reader, writer
        self.voice: SynthesizeVoice | None = None
        self.is_streaming = False  # between the start and the stop of a text that comes in pieces
        self.text = ""  # of it, what is not said yet

    async def handle(self, event: Event) -> None:
        """Answer an event; what is not for a voice is passed over."""
        if Describe.is_type(event.type):
            voices = await in_threads.run(lambda: named_voices(self.workspace))
            await self._write(_info(voices).event())
        elif Ping.is_type(event.type):
            await self._write(Pong(text=Ping.from_event(event).text).event())
        elif Synthesize.is_type(event.type):
            if not self.is_streaming:  # who streams a text sends the whole as well, for those who cannot
                wish = Synthesize.from_event(event)
                await self._say(wish.text, wish.voice)
        elif SynthesizeStart.is_type(event.type):
            self.voice, self.is_streaming, self.text = SynthesizeStart.from_event(event).voice, True, ""
        elif SynthesizeChunk.is_type(event.type) and self.is_streaming:
            await self._add(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(event.type) and self.is_streaming:
            if self.text.strip():
                await self._say(self.text, self.voice)
            self.is_streaming, self.text = False, ""
            await self._write(SynthesizeStopped().event())

    async def _add(self, text: str) -> None:
        """Say the sentences that are whole by now."""
        self.text += text
        sentences, self.text = whole_sentences(self.text)
        for sentence in sentences:
            await self._say(sentence, self.voice)
        if len(self.text) > MOST_CHARACTERS:
            await self._say(self.text, self.voice)
            self.text = ""

    async def _say(self, text: str, wish: SynthesizeVoice | None) -> None:
        stop, rate = threading.Event(), 0
        watch = asyncio.create_task(self._watch(stop))
        try:
            request = await in_threads.run(lambda: _request(self.workspace, self.device, text, wish))
            pieces = speaking.stream(self.workspace, request, should_stop=stop.is_set)
            async for samples, rate_hz in in_threads.iterate(pieces, stop.set):
                if not rate:
                    rate = rate_hz
                    await self._write(AudioStart(rate=rate, width=2, channels=1).event())
                await self._write(AudioChunk(rate=rate, width=2, channels=1, audio=as_16_bit(samples)).event())
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Cancelled:
            raise ConnectionResetError("the other side is gone") from None
        except Exception as error:
            _, problem = problem_of(error)
            await self._write(Error(text=problem["detail"], code=problem["code"]).event())
        finally:
            watch.cancel()
            stop.set()
        if rate:
            await self._write(AudioStop().event())

    async def _watch(self, stop: threading.Event) -> None:
        """Give up what is being said once the other side is gone, be it before the first sound."""
        while not self.reader.at_eof():
            await asyncio.sleep(_LOOK_S)
        stop.set()

    async def _write(self, event: Event) -> None:
        await async_write_event(event, self.writer)


def whole_sentences(text: str) -> tuple[list[str], str]:
    """The sentences of a text that goes on, without those that may go on themselves, which are the rest."""
    sentences, begin, looked_at, has_letters = [], 0, 0, False
    for match in _SENTENCE_END.finditer(text):
        has_letters = has_letters or any(map(str.isalnum, text[looked_at : match.start()]))
        looked_at = match.end()
        if has_letters:
            sentences.append(text[begin:looked_at].strip())
            begin, has_letters = looked_at, False
    return sentences, text[begin:]


@contextlib.asynccontextmanager
async def serving(workspace: Workspace, settings: Settings) -> AsyncIterator[None]:
    """Within, whoever connects is answered; nothing happens where the setting leaves it off."""
    if not settings.wyoming_port:
        yield
        return
    connections: set[asyncio.Task[None]] = set()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.closing(writer):
            if len(connections) >= _MOST_CONNECTIONS:
                return
            connections.add(task)
            try:
                await _serve(_Client(workspace, settings.device, reader, writer))
            finally:
                connections.discard(task)

    try:
        server = await asyncio.start_server(on_connect, settings.wyoming_host, settings.wyoming_port)
    except OSError as error:
        log.error("Wyoming is off: port %s cannot be used (%s).", settings.wyoming_port, error.strerror or error)
        yield
        return
    try:
        yield
    finally:
        server.close()
        for task in connections:
            task.cancel()


async def _serve(client: _Client) -> None:
    reader = _BoundedReader(client.reader)
    try:
        while (event := await async_read_event(reader)) is not None:  # type: ignore[arg-type]
            await client.handle(event)
    # What is no event of the protocol ends the connection, as its end does.
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        log.info("a connection ended: %s", type(error).__name__)


def _request(workspace: Workspace, device: str, text: str, wish: SynthesizeVoice | None) -> SpeechRequest:
    voice = _voice(workspace, wish)
    args = voice.choice.wish(SynthesizeArgs, text=text, device=device)
    return speech_request(voice.project, complete(voice.project, args))


def _voice(workspace: Workspace, wish: SynthesizeVoice | None) -> NamedVoice:
    """The voice of that name; else the first that speaks the language; else the first.

    Raises:
        UserError: ``speak.unknown_voice``.
    """
    if wish and wish.name:
        return named_voice(workspace, str(wish.name))
    language = str(wish.language or "").lower() if wish else ""
    for voice in named_voices(workspace) if language else ():
        if language_of(voice).lower().split("-")[0] == language.replace("_", "-").split("-")[0]:
            return voice
    return named_voice(workspace, DEFAULT)


def _info(voices: list[NamedVoice]) -> Info:
    descriptions = [
        TtsVoice(
            name=voice.id,
            description=f"{voice.project.info.name} ({voice.choice.title})",
            attribution=_ATTRIBUTION,
            installed=True,
            version=core.__version__,
            languages=[language_of(voice)],
        )
        for voice in voices
    ]
    program = TtsProgram(
        name="voicewright",
        description="Voicewright",
        attribution=_ATTRIBUTION,
        installed=True,
        version=core.__version__,
        voices=descriptions,
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])
