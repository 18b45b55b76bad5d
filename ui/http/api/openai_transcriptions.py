"""OpenAI's transcription API: ``/v1/audio/transcriptions``, by the recognisers that are here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from core.errors import Cancelled, UserError
from core.project.workspace import Workspace
from core.transcription.captions import Caption, captions, srt, vtt
from core.transcription.registry import choose, models
from core.transcription.single_file import FileTranscript, Wish, transcribe_file
from ui.http.api import in_threads
from ui.http.api.openai_speech import NO_STORE, OpenAIRoute
from ui.http.api.rest.materials import kept
from ui.http.file_names import plain_name

# What clients ask for by default: the recogniser that comes along.
_MODELS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")


def routes(workspace: Workspace) -> APIRouter:
    """``/v1/audio/transcriptions``."""
    router = APIRouter(prefix="/v1", route_class=OpenAIRoute, tags=["speech"])

    @router.post("/audio/transcriptions")
    async def transcriptions(
        request: Request,
        file: Annotated[UploadFile, File()],
        model: Annotated[str, Form(max_length=200)] = "whisper-1",
        language: Annotated[str, Form(max_length=20)] = "",
        prompt: Annotated[str, Form(max_length=2000)] = "",
        response_format: Annotated[Literal["json", "text", "srt", "vtt", "verbose_json"], Form()] = "json",
    ) -> Response:
        name = plain_name(file.filename or "recording")
        stop = threading.Event()
        async with kept(file, workspace, name) as path:
            wish = Wish(
                workspace=str(workspace.path),
                path=str(path),
                name=name,
                model=_model(workspace, model, language),
                language=language,
                prompt=prompt,
                words=response_format not in ("json", "text"),
            )
            transcript = await in_threads.first(request, _once(wish, stop), stop)
        if transcript is None:
            return Response(status_code=499)  # nobody is there to read it
        if response_format in ("json", "verbose_json"):
            fact = _verbose(transcript) if response_format == "verbose_json" else {"text": transcript.text}
            return JSONResponse(fact, headers=NO_STORE)
        texts = {
            "text": lambda: transcript.text + "\n",
            "srt": lambda: srt(_captions(transcript)),
            "vtt": lambda: vtt(_captions(transcript)),
        }
        return PlainTextResponse(texts[response_format](), headers=NO_STORE)

    return router


def _once(wish: Wish, stop: threading.Event) -> Iterator[FileTranscript]:
    try:
        yield transcribe_file(wish, stop.is_set)
    except Cancelled:
        return


def _model(workspace: Workspace, name: str, language: str) -> str:
    if name in _MODELS:
        return choose("fast", language)
    ids = [model.id for model in models(workspace) if model.is_downloaded]
    if name not in ids:
        raise UserError(
            "speak.unknown_model",
            "There is no model “{model}”.",
            "Ask for one of: {known}.",
            model=name,
            known=", ".join([*_MODELS, *ids]),
        )
    return name


def _captions(transcript: FileTranscript) -> list[Caption]:
    if transcript.words or not transcript.text:
        return captions(transcript.words, transcript.language)
    return [Caption(0.0, transcript.seconds, transcript.text)]  # a recogniser that tells no times


def _verbose(transcript: FileTranscript) -> dict[str, Any]:
    words = [{"word": text, "start": start, "end": end} for text, start, end in transcript.words]
    segments = [
        {"id": number, "start": caption.start_s, "end": caption.end_s, "text": caption.text}
        for number, caption in enumerate(_captions(transcript))
    ]
    return {
        "task": "transcribe",
        "language": transcript.language,
        "duration": transcript.seconds,
        "text": transcript.text,
        "segments": segments,
        "words": words,
    }
