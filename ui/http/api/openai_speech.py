"""OpenAI's speech API: ``/v1/audio/speech``, and the lists that its clients ask for."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field

from core.audio.encode import TYPES, encode
from core.engines.registry import engines
from core.errors import Cancelled, UserError
from core.jobs.args.speech import SynthesizeArgs
from core.project.workspace import Workspace
from core.settings import Settings
from core.synthesis import speaking
from core.synthesis.start import complete, speech_request
from core.synthesis.voices import NamedVoice, language_of, named_voice, named_voices
from core.synthesis.wire import SpeechRequest
from ui.http.api import in_threads
from ui.http.api.problem import problem_of

MOST_CHARACTERS = 4096
# What clients ask for by default; the voice decides which engine speaks.
_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
NO_STORE = {"Cache-Control": "no-store"}


def _id_of(voice: Any) -> Any:
    return voice.get("id") if isinstance(voice, dict) else voice


class SpeechBody(BaseModel):
    """What OpenAI's API takes, and beside it ``language`` and ``seed``; ``instructions`` are passed over."""

    input: str = Field(min_length=1, max_length=MOST_CHARACTERS)
    model: str = Field("tts-1", max_length=100)
    voice: Annotated[str, BeforeValidator(_id_of), Field(max_length=300)]
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float | None = Field(None, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] = "audio"
    language: str = Field("", max_length=20)
    seed: int | None = Field(None, ge=0, le=2**31 - 1)


class OpenAIRoute(APIRoute):
    """Answers every error as OpenAI's API does."""

    def get_route_handler(self) -> Any:
        """The handler, with its errors caught."""
        handler = super().get_route_handler()

        async def caught(request: Request) -> Response:
            try:
                answer: Response = await handler(request)
                return answer
            except RequestValidationError as error:
                first = error.errors()[0]
                name = str(first["loc"][-1])
                return _error(400, f"{name}: {first['msg']}", str(first["type"]), name)
            except Exception as error:
                status, problem = problem_of(error)
                return _error(400 if status == 422 else status, problem["detail"], problem["code"])

        return caught


def _error(status: int, message: str, code: str, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": body}, status, NO_STORE)


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/v1/…``."""
    router = APIRouter(prefix="/v1", route_class=OpenAIRoute, tags=["speech"])

    @router.get("/models")
    def models() -> dict[str, Any]:
        names = [*_MODELS, *(engine.name for engine in engines())]
        entries = [{"id": name, "object": "model", "created": 0, "owned_by": "voicewright"} for name in names]
        return {"object": "list", "data": entries}

    @router.get("/audio/models")
    def audio_models() -> dict[str, Any]:
        return {"models": [{"id": name, "name": name} for name in (*_MODELS, *(engine.name for engine in engines()))]}

    @router.get("/audio/voices")
    def voices() -> dict[str, Any]:
        return {"voices": [_described(voice) for voice in named_voices(workspace)]}

    @router.post("/audio/speech")
    async def speech(request: Request, body: SpeechBody) -> Response:
        wish = await in_threads.run(lambda: _request(workspace, settings, body))
        stop = threading.Event()
        sound = _until_stopped(
            encode(speaking.stream(workspace, wish, should_stop=stop.is_set), body.response_format), stop
        )
        first = await in_threads.first(request, sound, stop)
        if stop.is_set():
            return Response(status_code=499)  # nobody is there to read it
        content = in_threads.iterate(sound, stop.set, first=first)
        if body.stream_format == "sse":
            return StreamingResponse(
                _events(content, len(body.input)), media_type="text/event-stream", headers=NO_STORE
            )
        return StreamingResponse(content, media_type=TYPES[body.response_format], headers=NO_STORE)

    return router


def _request(workspace: Workspace, settings: Settings, body: SpeechBody) -> SpeechRequest:
    names = (*_MODELS, *(engine.name for engine in engines()))
    if body.model not in names:
        raise UserError(
            "speak.unknown_model",
            "There is no model “{model}”.",
            "Ask for one of: {known}.",
            model=body.model,
            known=", ".join(names),
        )
    voice = named_voice(workspace, body.voice)
    args = voice.choice.wish(
        SynthesizeArgs,
        text=body.input,
        language=body.language,
        seed=body.seed,
        device=settings.device,
        settings={} if body.speed is None else {"speed": body.speed},
    )
    return speech_request(voice.project, complete(voice.project, args))


def _described(voice: NamedVoice) -> dict[str, Any]:
    info = voice.project.info
    checkpoint = voice.choice.checkpoint
    step = f", {checkpoint.step}" if checkpoint and not voice.choice.saved else ""
    name = f"{info.name} ({voice.choice.title}{step})"
    return {"id": voice.id, "name": name, "object": "voice", "language": language_of(voice), "model": info.engine}


def _until_stopped(sound: Iterator[bytes], stop: threading.Event) -> Iterator[bytes]:
    try:
        yield from sound
    except Cancelled:
        if not stop.is_set():
            raise


async def _events(content: AsyncIterator[bytes], characters: int) -> AsyncIterator[str]:
    size = 0
    try:
        async for block in content:
            size += len(block)
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(block).decode()})
    except Exception as error:
        yield _event({"type": "error", "error": {"message": problem_of(error)[1]["detail"]}})
        return
    usage = {"input_tokens": characters, "output_tokens": size, "total_tokens": characters + size}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"
