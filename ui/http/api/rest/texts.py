"""Long texts: their lines and takes, spoken line by line, and written as files."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from core.errors import UserError
from core.files import inside
from core.project.workspace import Project, Workspace
from core.settings import Settings
from core.studio import changes, documents, start
from core.studio.document import MOST_TRIES, Document
from core.studio.documents import redo, undo
from core.studio.files import written_files
from core.studio.marks import line_text
from core.studio.state import LineState, overview, states
from core.studio.takes import take_file
from core.synthesis.voices import named_voice
from ui.http.api.rest.materials import sound
from ui.http.api.rest.route import Route
from ui.http.api.rest.shape import Fact, Limit, Offset, Page, job_fact, page

MOST_CHARACTERS = 900_000  # a request holds a megabyte


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewText(_Body):
    """A long text. ``voice`` as `/voices` lists it, the project's newest if it is empty."""

    text: str = Field(max_length=MOST_CHARACTERS, description="With marks: `[pause 1.5s]`, `[voice Ana]`, `# heading`.")
    name: str = Field("", max_length=200)
    voice: str = Field("", max_length=300)
    language: str = Field("", max_length=20)
    settings: dict[str, float] = Field({}, description="Such as temperature and speed; else as each voice speaks.")
    seed: int | None = Field(None, ge=0, le=2**31 - 1, description="Of all lines; null: each voice's own.")
    proofread: bool | None = Field(None, description="Whether lines are listened to; null: where it can be done.")
    tries: int = Field(3, ge=0, le=MOST_TRIES)


class TextChange(_Body):
    """What of a text is to be changed; what is left out stays."""

    text: str | None = Field(None, max_length=MOST_CHARACTERS)
    name: str | None = Field(None, max_length=200)
    voice: str | None = Field(None, max_length=300)
    language: str | None = Field(None, max_length=20)
    settings: dict[str, float] | None = None
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    proofread: bool | None = None
    tries: int | None = Field(None, ge=0, le=MOST_TRIES)


class LineChange(_Body):
    """What of a line is to be changed. ``take`` is the id of the one that stands for it, "" the best by the check;
    ``settings`` and ``seed`` come before the text's, which come before its voice's."""

    text: str | None = Field(None, max_length=20_000)
    voice: str | None = Field(None, max_length=80)
    take: str | None = Field(None, max_length=60)
    settings: dict[str, float] | None = None
    seed: int | None = Field(None, ge=0, le=2**31 - 1)


class Speaking(_Body):
    """Which lines are spoken, all that lack a take if none are named; ``again`` with another seed."""

    lines: list[int] = Field([], max_length=10_000)
    again: bool = False


class Files(_Body):
    """Which are written: wav, flac, mp3, opus, m4b, srt, vtt, zip; ``incomplete`` leaves out what has no sound."""

    formats: list[str] = Field(max_length=20)
    incomplete: bool = False


def text_fact(project: Project, document: Document) -> Fact:
    """A long text without its lines."""
    total = overview(states(project, document))
    names = ("id", "name", "created", "at", "voice", "language", "seed", "settings", "proofread", "tries")
    return {
        **{name: getattr(document, name) for name in names},
        "lines": len(document.lines),
        "spoken": total.spoken,
        "to_speak": total.to_speak,
        "doubtful": total.doubtful,
        "seconds": round(total.seconds, 3),
    }


def line_fact(row: LineState) -> Fact:
    """A line and its takes."""
    takes = [
        {**take.model_dump(exclude={"key"}), "id": take.id, "doubtful": take.proof.is_doubtful} for take in row.takes
    ]
    return {
        "id": row.line.id,
        "text": line_text(row.line),
        "voice": row.line.voice,
        "heading": row.line.heading,
        "state": row.state,
        "pause_s": row.pause_s,
        "take": row.chosen.id if row.chosen else None,
        "takes": takes,
        "error": {"code": row.failure.code, "title": row.failure.text} if row.failure else None,
    }


def routes(workspace: Workspace, settings: Settings) -> APIRouter:
    """``/projects/{slug}/texts``."""
    router = APIRouter(route_class=Route, tags=["texts"])
    base = "/projects/{slug}/texts"

    def voice_id(slug: str, name: str) -> str:
        """The id that a text keeps of a voice as `/voices` calls it."""
        if not name:
            return ""
        voice = named_voice(workspace, name)
        if voice.project.slug != slug:
            raise UserError(
                "api.other_project", "The voice “{id}” belongs to another project.", "Ask its own project.", id=name
            )
        return voice.choice.id

    def rows(slug: str, text: str) -> tuple[Project, list[LineState]]:
        project = workspace.project(slug)
        return project, states(project, documents.document(project, text))

    @router.get(base)
    def list_texts(slug: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Long texts, the last changed first."""
        project = workspace.project(slug)
        return page(documents.documents(project), lambda document: text_fact(project, document), offset, limit)

    @router.post(base, status_code=201)
    def make_text(slug: str, body: NewText) -> Fact:
        """Make a long text; each sentence becomes a line."""
        project = workspace.project(slug)
        fields: dict[str, Any] = body.model_dump(exclude={"text", "name", "voice"})
        document = start.create(project, body.text, body.name, voice=voice_id(slug, body.voice), **fields)
        return text_fact(project, document)

    @router.get(base + "/{text}")
    def get_text(slug: str, text: str) -> Fact:
        """One long text, with its marks."""
        project = workspace.project(slug)
        document = documents.document(project, text)
        return {**text_fact(project, document), "text": changes.text(document)}

    @router.patch(base + "/{text}")
    def change_text(slug: str, text: str, body: TextChange) -> Fact:
        """Change a text, its name or how it is spoken, all of it or nothing; paragraphs that stay keep their takes."""
        project = workspace.project(slug)
        fields = body.model_dump(exclude_unset=True, exclude={"text", "name"})
        if "voice" in fields:
            fields["voice"] = voice_id(slug, fields["voice"] or "")
        return text_fact(project, changes.change(project, text, text=body.text, name=body.name or "", **fields))

    @router.delete(base + "/{text}", status_code=204)
    def delete_text(slug: str, text: str) -> Response:
        """Move a long text with its takes to the trash."""
        start.remove(workspace.project(slug), text)
        return Response(status_code=204)

    @router.post(base + "/{text}/undo")
    def undo_change(slug: str, text: str) -> Fact:
        """Take the last change of a text back."""
        project = workspace.project(slug)
        return text_fact(project, undo(project, text))

    @router.post(base + "/{text}/redo")
    def redo_change(slug: str, text: str) -> Fact:
        """Make the change again that was taken back last."""
        project = workspace.project(slug)
        return text_fact(project, redo(project, text))

    @router.get(base + "/{text}/lines")
    def list_lines(slug: str, text: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """The lines of a text, how each stands, and its takes."""
        return page(rows(slug, text)[1], line_fact, offset, limit)

    @router.patch(base + "/{text}/lines/{line}")
    def change_line(slug: str, text: str, line: int, body: LineChange) -> Fact:
        """Change a line, or choose the take that stands for it. Several sentences make several lines of it."""
        project = workspace.project(slug)
        fields = body.model_dump(exclude_unset=True, exclude={"text"})
        rows = states(project, changes.change_line(project, text, line, text=body.text, **fields))
        return next((line_fact(row) for row in rows if row.line.id == line), {})

    @router.post(base + "/{text}/speak", status_code=202)
    def speak_text(slug: str, text: str, body: Speaking) -> Fact:
        """Have lines spoken, in their turn. Gives the job, which tells how far it is."""
        project = workspace.project(slug)
        job = start.start_speaking(project, text, lines=body.lines, again=body.again, device=settings.device)
        return job_fact(project, job)

    @router.get(base + "/{text}/takes/{take}/audio", response_class=FileResponse)
    def line_audio(slug: str, text: str, take: str) -> FileResponse:
        """A take of a line, WAV."""
        project, lines = rows(slug, text)
        if any(take == own.id for row in lines for own in row.takes):
            return sound(take_file(documents.folder(project, text), take))
        raise UserError("api.sound_missing", "This sound is no longer there.", "List what there is again.")

    @router.post(base + "/{text}/files", status_code=202)
    def write_files(slug: str, text: str, body: Files) -> Fact:
        """Join the lines and write files. Gives the job."""
        project = workspace.project(slug)
        return job_fact(project, start.start_writing(project, text, body.formats, incomplete=body.incomplete))

    @router.get(base + "/{text}/files")
    def list_files(slug: str, text: str, offset: Offset = 0, limit: Limit = 100) -> Page:
        """Files that were written of a text."""
        files = written_files(workspace.project(slug), text)
        return page(files, lambda path: {"name": path.name, "bytes": path.stat().st_size}, offset, limit)

    @router.get(base + "/{text}/files/{name}", response_class=FileResponse)
    def get_file(slug: str, text: str, name: str) -> FileResponse:
        """One of the files."""
        for path in written_files(workspace.project(slug), text):
            if path.name == name:
                return FileResponse(inside(path.parent, name), filename=name, media_type="application/octet-stream")
        raise UserError("api.sound_missing", "This sound is no longer there.", "List what there is again.")

    return router
