"""Clips: what is said in them, decisions on them, and transcripts of recordings."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.clips import history, review
from core.clips.history import Change
from core.clips.review import RejectionReason
from core.clips.transcripts import Format, recording_transcript, transcript
from core.jobs.args.clips import TranscribeArgs
from core.project.records import ClipFilter
from core.project.workspace import Workspace
from core.settings import Settings
from core.transcription.start import start_transcribe
from ui.http.api.rest.materials import sound
from ui.http.api.rest.route import Route
from ui.http.api.rest.shape import Fact, Limit, Offset, Page, clip_fact, job_fact, transcript_fact

State = Literal["all", "new", "approved", "rejected", "usable", "low", "untranscribed", "flagged"]
_MEDIA_TYPES: dict[Format, str] = {"srt": "application/x-subrip", "vtt": "text/vtt", "txt": "text/plain"}


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str | None = Field(None, max_length=2000)
    status: Literal["new", "approved", "rejected"] | None = None


class ClipChange(_Change):
    """What of a clip is changed."""

    reason: RejectionReason | None = Field(None, description="Why it is rejected.")
    stamp: str | None = Field(
        None, max_length=100, description="The clip's as it was read: if it was changed since, nothing is done (409)."
    )

    @model_validator(mode="after")
    def _check_reason(self) -> ClipChange:
        if self.reason and self.status != "rejected":
            raise ValueError("a reason goes with the status “rejected”")
        return self


class ClipsChange(_Change):
    """The same for several clips."""

    ids: list[str] = Field(max_length=50_000)


def routes(workspace: Workspace, _: Settings) -> APIRouter:
    """``/projects/{slug}/clips`` and ``transcripts``, and the job that makes these."""
    router = APIRouter(route_class=Route, tags=["clips"])

    @router.get("/projects/{slug}/clips")
    def list_clips(
        slug: str,
        state: State = "all",
        source_id: str = "",
        search: str = "",
        sort: Literal["time", "confidence", "length", "mismatch", "edited"] = "time",
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Page:
        """Clips of a project."""
        store, clips = workspace.project(slug).store, ClipFilter(state, source_id, search, sort)
        matches = store.clips(clips, offset, limit)
        return Page(items=[clip_fact(clip) for clip in matches], offset=offset, total=store.count(clips))

    @router.get("/projects/{slug}/clips/{clip}")
    def read_clip(slug: str, clip: str) -> Fact:
        """One clip."""
        return clip_fact(workspace.project(slug).store.clip(clip))

    @router.get("/projects/{slug}/clips/{clip}/audio", response_class=FileResponse)
    def clip_audio(slug: str, clip: str) -> FileResponse:
        """A clip's sound, WAV."""
        project = workspace.project(slug)
        return sound(project.clip_file(project.store.clip(clip).id))

    @router.patch("/projects/{slug}/clips/{clip}")
    def change_clip(slug: str, clip: str, body: ClipChange) -> Fact:
        """Correct a clip's text, approve or reject it."""
        return clip_fact(review.change(workspace.project(slug), clip, **body.model_dump(exclude_none=True)))

    @router.patch("/projects/{slug}/clips")
    def change_clips(slug: str, body: ClipsChange) -> Fact:
        """The same change on several clips, undone as one."""
        project, changes = workspace.project(slug), body.model_dump(exclude_none=True, exclude={"ids"})
        changed, textless = review.change_all(project, body.ids, **changes)
        return {"changed": changed, "without_text": textless}

    @router.post("/projects/{slug}/clips/undo")
    def undo_change(slug: str) -> Fact:
        """Take the last change of clips back, whoever made it."""
        return _told(history.undo(workspace.project(slug)))

    @router.post("/projects/{slug}/clips/redo")
    def redo_change(slug: str) -> Fact:
        """Make the change of clips again that was taken back last."""
        return _told(history.redo(workspace.project(slug)))

    @router.post("/projects/{slug}/transcribe", status_code=202)
    def transcribe(slug: str, body: TranscribeArgs) -> Fact:
        """Have a model write down what is said in the clips. Gives the job."""
        project = workspace.project(slug)
        return job_fact(project, start_transcribe(project, body))

    @router.get("/projects/{slug}/transcripts")
    def list_transcripts(
        slug: str,
        state: State = "all",
        source_id: str = "",
        search: str = "",
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Page:
        """What is said in each clip, what recognition heard there, and when each word is said."""
        project, clips = workspace.project(slug), ClipFilter(state, source_id, search)
        matches = project.store.clips(clips, offset, limit)
        items = [transcript_fact(transcript(project, clip)) for clip in matches]
        return Page(items=items, offset=offset, total=project.store.count(clips))

    @router.get("/projects/{slug}/transcripts/{clip}")
    def read_transcript(slug: str, clip: str) -> Fact:
        """What is said in one clip. Its text is corrected by `PATCH` of the clip."""
        project = workspace.project(slug)
        return transcript_fact(transcript(project, project.store.clip(clip)))

    @router.get("/projects/{slug}/sources/{source}/transcript", response_class=PlainTextResponse)
    def source_transcript(
        slug: str, source: str, format: Annotated[Format, Query()] = "srt", state: State = "usable"
    ) -> PlainTextResponse:
        """What is said in a recording: `srt`, `vtt`, or `txt` with a line for each clip."""
        text = recording_transcript(workspace.project(slug), source, format, state)
        return PlainTextResponse(text, media_type=_MEDIA_TYPES[format])

    return router


def _told(change: Change) -> Fact:
    return {"change": change.kind, "clip": change.clip_id, "count": change.count}
