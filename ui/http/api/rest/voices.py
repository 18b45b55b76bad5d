"""Voices, what they said, and their exports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from core.errors import UserError
from core.evaluation.scorecard import recommended
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.project.workspace import Project, Workspace
from core.report.adapter import adapter_files
from core.settings import Settings
from core.sources.voice_import import Arrival, bring_in_zip
from core.synthesis.exports import exports
from core.synthesis.saved_voices import change_voice, discard_voice, save_voice, saved_voice, saved_voices
from core.synthesis.start import remove_take, start_export, start_speak, takes
from core.synthesis.voice_picture import jpeg_of, start_picture
from core.synthesis.voices import NamedVoice, named_voice, named_voices, speakers, unknown_voice
from ui.http.api import in_threads
from ui.http.api.rest.materials import received, sound
from ui.http.api.rest.route import Route
from ui.http.api.rest.shape import (
    Fact,
    Limit,
    Offset,
    Page,
    export_fact,
    job_fact,
    page,
    saved_voice_fact,
    take_fact,
    voice_fact,
)
from ui.http.api.rest.uploads import UploadId
from ui.http.audio_routes import zip_files, zip_stream, zipped


class Speech(BaseModel):
    """A text to be kept as a take. ``voice`` as `/voices` lists it, the project's newest if it is empty."""

    text: str = Field(max_length=20_000)
    voice: str = Field("", max_length=300)
    language: str = Field("", max_length=20)
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    settings: dict[str, float] = Field({}, description="The engine's own, such as temperature and speed.")


class VoiceChange(BaseModel):
    """What of a saved voice is changed. ``speaker`` is a checkpoint (``RUN:STEP``), ``voice:ID`` or ``base:BASE``."""

    name: str | None = Field(None, max_length=200)
    speaker: str | None = Field(None, max_length=200)
    colour: str | None = Field(None, max_length=7)
    reference_clip_ids: tuple[str, ...] | None = Field(None, max_length=40, description="Empty: chosen by itself.")
    settings: dict[str, float] | None = None
    language: str | None = Field(None, max_length=20)
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    rights: str | None = Field(None, max_length=2000)


class NewVoice(VoiceChange):
    """A voice to be saved under a name; what speaks is the project's recommended checkpoint, else its newest."""

    name: str = Field(max_length=200)


class NewExport(BaseModel):
    """A voice to be exported."""

    voice: str = Field("", max_length=300)
    name: str = Field("", max_length=200)


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/voices``, ``/projects/{slug}/voices``, ``takes`` and ``exports``."""
    router = APIRouter(route_class=Route, tags=["voices"])

    def voice_of(slug: str, id: str) -> NamedVoice:
        workspace.project(slug)
        voice = named_voice(workspace, id or slug)
        if voice.project.slug != slug:
            raise UserError(
                "api.other_project",
                "The voice “{id}” belongs to another project.",
                "Ask its own project.",
                id=id,
            )
        return voice

    @router.get("/voices")
    def list_voices(offset: Offset = 0, limit: Limit = 100) -> Page:
        """Every voice that can speak. `/v1/audio/speech` has it speak at once."""
        return page(named_voices(workspace), voice_fact, offset, limit)

    @router.get("/projects/{slug}/voices")
    def list_saved_voices(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Voices that were saved under a name, the newest first."""
        return page(saved_voices(workspace.project(slug)), saved_voice_fact, offset, limit)

    @router.post("/projects/{slug}/voices", status_code=201)
    def save(slug: str, body: NewVoice) -> Fact:
        """Save a voice under a name; it then comes first where voices are listed."""
        project = workspace.project(slug)
        fields = body.model_dump(exclude_none=True)
        speaker = fields.pop("speaker", "") or _usual_speaker(project)
        return saved_voice_fact(save_voice(project, fields.pop("name"), _speaker(project, speaker), **fields))

    @router.patch("/projects/{slug}/voices/{voice}")
    def change(slug: str, voice: str, body: VoiceChange) -> Fact:
        """Change a saved voice."""
        project, fields = workspace.project(slug), body.model_dump(exclude_none=True)
        if "speaker" in fields:
            fields["speaker"] = _speaker(project, fields["speaker"])
        return saved_voice_fact(change_voice(project, voice, **fields))

    @router.delete("/projects/{slug}/voices/{voice}", status_code=204)
    def delete_voice(slug: str, voice: str) -> Response:
        """Move a saved voice to the trash; what speaks stays."""
        discard_voice(workspace.project(slug), voice)
        return Response(status_code=204)

    @router.get("/projects/{slug}/voices/{voice}/picture", response_class=Response)
    def picture(slug: str, voice: str) -> Response:
        """A saved voice's picture, JPEG."""
        image = jpeg_of(saved_voice(workspace.project(slug), voice).picture)
        if not image:
            raise UserError("voice.picture_missing", "This voice has no picture.", "Send one.")
        return Response(image, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})

    @router.post("/projects/{slug}/voices/{voice}/picture", status_code=202)
    async def set_picture(
        request: Request,
        slug: str,
        voice: str,
        name: Annotated[str, Query(max_length=200)] = "picture",
        upload: UploadId = "",
    ) -> Fact:
        """Give a saved voice a picture: the image is the body of the request, or an `upload`. Gives the job."""
        project = await in_threads.run(lambda: workspace.project(slug))
        async with received(request, workspace, name, upload) as (path, plain):
            return await in_threads.run(lambda: job_fact(project, start_picture(project, voice, path, plain)))

    @router.delete("/projects/{slug}/voices/{voice}/picture", status_code=204)
    def delete_picture(slug: str, voice: str) -> Response:
        """Take a saved voice's picture away."""
        change_voice(workspace.project(slug), voice, picture="")
        return Response(status_code=204)

    @router.get("/projects/{slug}/voices/{voice}/adapter", response_class=Response)
    def adapter(slug: str, voice: str) -> Response:
        """What a saved voice has learnt, without its base, ZIP."""
        project = workspace.project(slug)
        saved = saved_voice(project, voice)
        if saved.checkpoint is None:
            raise UserError(
                "voice.no_adapter",
                "“{name}” speaks with a base model alone, or was brought in: it has no adapter.",
                "Export it whole.",
                name=saved.name,
            )
        return zipped(zip_files(adapter_files(project, saved)), f"{saved.id}-adapter")

    @router.post("/projects/{slug}/imports", status_code=202)
    async def bring_in(
        request: Request, slug: str, name: Annotated[str, Query(max_length=200)] = "voice.zip", upload: UploadId = ""
    ) -> Fact:
        """Bring in a voice or an adapter: its zip is the body of the request, or an `upload`. Gives the job."""
        project = await in_threads.run(lambda: workspace.project(slug))
        arrival = Arrival(workspace, project, device=settings.device)
        async with received(request, workspace, name, upload) as (path, plain):
            return await in_threads.run(lambda: job_fact(project, bring_in_zip(arrival, path, plain)))

    @router.get("/projects/{slug}/takes")
    def list_takes(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """What was spoken and kept, the newest first."""
        return page(takes(workspace.project(slug)), take_fact, offset, limit)

    @router.post("/projects/{slug}/takes", status_code=202)
    def speak(slug: str, body: Speech) -> Fact:
        """Have a text spoken and kept, in its turn. Gives the job; the take has its id."""
        voice = voice_of(slug, body.voice)
        args = voice.choice.wish(
            SynthesizeArgs,
            text=body.text,
            language=body.language,
            seed=body.seed,
            settings=body.settings,
            device=settings.device,
        )
        return job_fact(voice.project, start_speak(voice.project, args))

    @router.get("/projects/{slug}/takes/{take}/audio", response_class=FileResponse)
    def take_audio(slug: str, take: str) -> FileResponse:
        """A take's sound, WAV."""
        for kept in takes(workspace.project(slug)):
            if kept.id == take:
                return sound(kept.path)
        raise UserError("api.sound_missing", "This sound is no longer there.", "List what there is again.")

    @router.delete("/projects/{slug}/takes/{take}", status_code=204)
    def delete_take(slug: str, take: str) -> Response:
        """Move a take to the trash."""
        remove_take(workspace.project(slug), take)
        return Response(status_code=204)

    @router.get("/projects/{slug}/exports")
    def list_exports(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Exported voices, the newest first."""
        return page(exports(workspace.project(slug)), export_fact, offset, limit)

    @router.get("/projects/{slug}/exports/{export}", response_class=Response)
    def download(slug: str, export: str) -> Response:
        """An exported voice, ZIP."""
        for folder in (entry.folder for entry in exports(workspace.project(slug)) if entry.id == export):
            return zipped(zip_stream(folder), export)
        raise UserError("voice.export_missing", "This export is no longer there.", "List what there is again.")

    @router.post("/projects/{slug}/exports", status_code=202)
    def export(slug: str, body: NewExport) -> Fact:
        """Export a voice. Gives the job."""
        voice = voice_of(slug, body.voice)
        voice_file = voice.choice.saved
        name = body.name or (voice_file.name if voice_file else "")
        args = voice.choice.wish(ExportArgs, name=name, device=settings.device)
        return job_fact(voice.project, start_export(voice.project, args))

    return router


def _usual_speaker(project: Project) -> str:
    if best := recommended(project):
        return best.name
    return next((choice.id for choice in speakers(project)), "")


def _speaker(project: Project, id: str) -> str:
    """The id, if something of that name can speak.

    Raises:
        UserError: ``speak.unknown_voice``.
    """
    if all(choice.id != id for choice in speakers(project)):
        raise unknown_voice(id)
    return id
