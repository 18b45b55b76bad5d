"""What the clip editor fetches (a stretch of a recording as JSON, the sound of a piece), and how a text is read."""

from __future__ import annotations

import io
import math
import re
from typing import Any
from urllib.parse import quote, urlencode

import soundfile
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError

from core.audio.options import SegmentOptions
from core.audio.samples import read
from core.clips.timeline import Part, Window, window
from core.errors import UserError
from core.project.conflicts import stamp
from core.project.records import Source
from core.project.workspace import Project, Workspace
from core.text import clean_text
from ui.i18n import LANGUAGES, Translator

LONGEST_PIECE_S = 60.0
_MOST_COLUMNS = 2000
_DECIMALS = 4
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def window_url(project: str, source: str) -> str:
    """Where the editor fetches a stretch from; ``start``, ``end``, ``columns`` and ``options`` are added to it."""
    return f"../clips/{quote(project, safe='')}/{quote(source, safe='')}/window"


def piece_url(project: str, source: str, start_s: float | None = None, end_s: float = 0.0) -> str:
    """Where the sound of a piece comes from; without times, what they are added to."""
    address = f"../clips/{quote(project, safe='')}/{quote(source, safe='')}/piece.wav"
    return (
        address if start_s is None else f"{address}?{urlencode({'start': round(start_s, 3), 'end': round(end_s, 3)})}"
    )


def reading_url(project: str, language: str) -> str:
    """Where a text is sent that is being typed, and what of it the model will read comes from, in a page's language."""
    return f"../clips/{quote(project, safe='')}/reading?{urlencode({'language': language})}"


class TypedText(BaseModel):
    """A text that is being typed."""

    text: str = Field("", max_length=20_000)


def routes(workspace: Workspace) -> APIRouter:
    """``/clips/…``."""
    router = APIRouter()

    @router.get("/clips/{slug}/{id}/window")
    def stretch(slug: str, id: str, start: float, end: float, columns: int = 1000, options: str = "") -> Response:
        project, source = _source(workspace, slug, id)
        if not (math.isfinite(start) and math.isfinite(end)):
            raise HTTPException(422, "These are no times.")
        try:
            segment_options = SegmentOptions.model_validate_json(options) if options else None
            content = window(project, source, start, end, max(1, min(columns, _MOST_COLUMNS)), segment_options)
        except ValidationError:
            raise HTTPException(422, "These are no settings for cutting.") from None
        except (OSError, RuntimeError):
            raise _missing() from None
        return JSONResponse(as_json(content), headers=_HEADERS)

    @router.get("/clips/{slug}/{id}/piece.wav")
    def piece(request: Request, slug: str, id: str, start: float, end: float) -> Response:
        project, source = _source(workspace, slug, id)
        if not (math.isfinite(start) and math.isfinite(end)):
            raise HTTPException(422, "These are no times.")
        begin = max(0.0, start)
        try:
            samples, rate = read(project.sound_file(source), begin, min(end, begin + LONGEST_PIECE_S))
        except (OSError, RuntimeError, ValueError):
            raise _missing() from None
        sound = io.BytesIO()
        soundfile.write(sound, samples, rate, subtype="PCM_16", format="WAV")
        return _partial(request, sound.getvalue())

    @router.post("/clips/{slug}/reading")
    def reading(slug: str, body: TypedText, language: str = "en") -> Response:
        try:
            project = workspace.project(slug)
        except (UserError, ValueError):
            raise _missing() from None
        from ui.parts.model_reads import model_reads_all  # Gradio comes along, which a start has to set up first

        translator = Translator(language if language in LANGUAGES else "en")
        return HTMLResponse(model_reads_all(translator, project, clean_text(body.text)), headers=_HEADERS)

    return router


def as_json(content: Window) -> dict[str, Any]:
    """A window in few bytes: the outline in hundredths, a part as a list."""
    outline = (content.outline * 100).round().astype(int)
    return {
        "start": content.start_s,
        "end": content.end_s,
        "low": outline[:, 0].tolist(),
        "high": outline[:, 1].tolist(),
        "parts": [_part(part) for part in content.parts],
        "shares": None if content.shares is None else (content.shares * 100).round().astype(int).tolist(),
    }


def _part(part: Part) -> dict[str, Any]:
    clip = part.clip
    about = {"id": clip.id, "text": clip.text, "status": clip.status, "seen": stamp(clip)} if clip else {}
    return {
        "start": round(part.start_s, _DECIMALS),
        "end": round(part.end_s, _DECIMALS),
        "kind": part.kind,
        "marks": list(part.marks),
        **about,
    }


def _partial(request: Request, content: bytes) -> Response:
    """The sound, or the part of it that is asked for: some browsers play nothing without."""
    headers = {**_HEADERS, "Accept-Ranges": "bytes"}
    byte_range = _RANGE.fullmatch(request.headers.get("range", ""))
    if byte_range is None:
        return Response(content, media_type="audio/wav", headers=headers)
    first = int(byte_range[1])
    last = min(int(byte_range[2]) if byte_range[2] else len(content) - 1, len(content) - 1)
    if first > last:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, "audio/wav")


def _source(workspace: Workspace, slug: str, source_id: str) -> tuple[Project, Source]:
    try:
        project = workspace.project(slug)
        return project, project.store.source(source_id)
    except (UserError, ValueError):
        raise _missing() from None


def _missing() -> HTTPException:
    # The same answer for forbidden and absent, so that nobody learns what exists.
    return HTTPException(404, "There is no such recording.")
