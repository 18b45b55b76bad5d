"""What a saved voice is made of, to be taken along: its model card, and its adapter alone as a zip."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import PlainTextResponse, Response

from core.errors import UserError
from core.jobs.args.speech import VoiceArgs
from core.project.workspace import Project, Workspace
from core.report.adapter import adapter_files
from core.report.model_card import model_card
from core.settings import Settings
from core.synthesis.exports import imported_voice
from core.synthesis.saved_voices import saved_voice
from core.synthesis.voice_picture import jpeg_of
from core.synthesis.voices import VoiceChoice, voices
from ui import language
from ui.http.audio_routes import zip_files, zipped
from ui.i18n import Translator


def card_url(project: str, voice: str) -> str:
    """Where a page gets a saved voice's model card from."""
    return f"../download/{quote(project, safe='')}/voice/{quote(voice, safe='')}/card"


def adapter_url(project: str, voice: str) -> str:
    """Where a page gets the adapter of a saved voice from, with what it takes to use it, as one zip file."""
    return f"../download/{quote(project, safe='')}/voice/{quote(voice, safe='')}/adapter"


def picture_url(project: str, voice: str) -> str:
    """Where a page gets the picture of a saved voice from."""
    return f"../download/{quote(project, safe='')}/voice/{quote(voice, safe='')}/picture"


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/download/{project}/voice/{voice}/…``, and the picture of a voice that was brought in."""
    router = APIRouter()

    def voice_of(slug: str, id: str) -> tuple[Project, VoiceChoice]:
        try:
            project = workspace.project(slug)
            return project, next(choice for choice in voices(project) if choice.saved and choice.id == id)
        except (UserError, StopIteration):
            raise _missing() from None

    @router.get("/download/{slug}/voice/{id}/card")
    def download_card(slug: str, id: str) -> Response:
        project, choice = voice_of(slug, id)
        headers = {
            "Content-Disposition": f'attachment; filename="{choice.id}.md"',
            "Cache-Control": "private, no-store",
        }
        card = model_card(project, choice.title, choice.wish(VoiceArgs), choice.saved.rights if choice.saved else "")
        return PlainTextResponse(card, media_type="text/markdown; charset=utf-8", headers=headers)

    @router.get("/download/{slug}/voice/{id}/adapter")
    def download_adapter(request: Request, slug: str, id: str) -> Response:
        project, choice = voice_of(slug, id)
        if choice.saved is None or choice.checkpoint is None:
            raise _missing()
        try:
            files = adapter_files(project, choice.saved)
        except UserError as error:
            message = Translator(language.choose(request, settings)).error(
                error.code, error.text, error.hint, error.values
            )
            return PlainTextResponse(message, status_code=409)
        return zipped(zip_files(files), f"{choice.id}-adapter")

    @router.get("/download/{slug}/voice/{id}/picture")
    def saved_picture(slug: str, id: str) -> Response:
        try:
            return _picture(saved_voice(workspace.project(slug), id).picture)
        except UserError:
            raise _missing() from None

    @router.get("/voices/{id}/picture")
    def imported_picture(id: str) -> Response:
        try:
            return _picture(imported_voice(workspace, id).picture)
        except UserError:
            raise _missing() from None

    return router


def _picture(content: str) -> Response:
    """A picture as it is kept; its address changes with it, so a browser may keep it."""
    image = jpeg_of(content)
    if not image:
        raise HTTPException(404, "This voice has no picture, or a damaged one.")
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(image, media_type="image/jpeg", headers=headers)


def _missing() -> HTTPException:
    return HTTPException(404, "There is no such voice.")
