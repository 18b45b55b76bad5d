"""Audio and exports by id: nothing else of the disk can be asked for, and no path ever comes from outside."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from zipstream import ZipStream

from core.checkpoint_ref import step_folder
from core.dataset.freeze import DatasetInfo, dataset
from core.dataset.layouts import LAYOUTS, layout_files
from core.errors import Busy, UserError
from core.files import inside
from core.listening import grid, notes
from core.listening.export import votes_csv
from core.project.contents import OPTIONS
from core.project.workspace import Project, Workspace
from core.report.document import HTML, PDF
from core.studio.files import FORMATS
from core.studio.playback import next_line
from core.transfer import SUFFIX, packed

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".m4a": "audio/mp4"}
_REPORT_TYPES = {HTML: "text/html; charset=utf-8", PDF: "application/pdf"}
_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
_EXPORT_AUDIO = ("sample.wav", "reference.wav")


def audio_url(project: str, kind: str, *ids: str | int) -> str:
    """Where a page gets a recording from.

    Args:
        project: the project's folder name.
        kind: source, cleaned (copy of one), clip, take, try (of a base: job, n), sample (run, step, n), pair (a side's
            sound id) or export (name, file).
        ids: what the kind asks for.

    Returns:
        An address relative to a page (``/en/``), so that it holds behind any prefix.
    """
    return "../audio/" + "/".join(quote(str(part), safe="") for part in (project, kind, *ids))


def line_url(project: str, text: str, take: str) -> str:
    """Where a page gets a take of a line from."""
    return audio_url(project, "text", text, "take", take)


def next_line_url(project: str, text: str) -> str:
    """Where a page asks which line of a text is heard next: after that of the id ``?after=``, or from ``?number=``."""
    return audio_url(project, "text", text, "next")


def text_file_url(project: str, text: str, name: str) -> str:
    """Where a page gets a file of a spoken text from."""
    return "../download/" + "/".join(quote(part, safe="") for part in (project, "text", text, name))


def download_url(project: str, export: str) -> str:
    """Where a page gets an exported voice from, as one zip file."""
    return f"../download/{quote(project, safe='')}/export/{quote(export, safe='')}"


def voice_url(voice: str, part: str) -> str:
    """Where a page gets a voice that was brought in from: its ``sample.wav``, or as ``download`` all of it as a zip."""
    return f"../voices/{quote(voice, safe='')}/{part}"


def dataset_url(project: str, dataset: str, layout: str) -> str:
    """Where a page gets a frozen dataset from, as one zip file in one of `core.dataset.layouts.LAYOUTS`."""
    return f"../download/{quote(project, safe='')}/dataset/{quote(dataset, safe='')}/{layout}"


def cell_url(project: str, kind: str, run: str, step: int, spoken_with: str, number: int) -> str:
    """Where a page gets a cell of the grid from: its ``sound``, or its ``picture`` as JSON."""
    return audio_url(project, "cell", kind, run, step, spoken_with, number)


def project_url(project: str) -> str:
    """Where a page gets a whole project from, as one file; what of `core.project.contents` is optional as ``with``."""
    return f"../download/{quote(project, safe='')}/project"


def report_url(project: str, run: str, file: str) -> str:
    """Where a page gets a run's report from: ``report.html`` or ``report.pdf``."""
    return f"../download/{quote(project, safe='')}/report/{quote(run, safe='')}/{file}"


def votes_url(project: str) -> str:
    """Where a page gets all votes of a project from, as CSV."""
    return f"../download/{quote(project, safe='')}/votes.csv"


def routes(workspace: Workspace) -> APIRouter:
    """``/audio/…``, ``/download/…`` and ``/voices/…``."""
    router = APIRouter()

    def give(request: Request, slug: str, folder: str, *parts: str) -> Response:
        """A file below one folder of a project; `parts` are ids, the last one with its suffix."""
        project = _project(workspace, slug)
        return _audio(request, _file(project.path / folder, *parts))

    @router.get("/audio/{slug}/source/{id}")
    def source(request: Request, slug: str, id: str) -> Response:
        return give(request, slug, "sources", f"{id}.flac")

    @router.get("/audio/{slug}/cleaned/{id}")
    def denoised_copy(request: Request, slug: str, id: str) -> Response:
        return give(request, slug, "sources", f"{id}.cleaned.flac")

    @router.get("/audio/{slug}/clip/{id}")
    def clip(request: Request, slug: str, id: str) -> Response:
        return give(request, slug, "clips", f"{id}.wav")

    @router.get("/audio/{slug}/take/{id}")
    def take(request: Request, slug: str, id: str) -> Response:
        return give(request, slug, "takes", f"{id}.wav")

    @router.get("/audio/{slug}/text/{id}/take/{take}")
    def line_take(request: Request, slug: str, id: str, take: str) -> Response:
        return give(request, slug, "documents", id, "takes", f"{take}.wav")

    @router.get("/audio/{slug}/text/{id}/next")
    def next_of_text(slug: str, id: str, after: int = 0, number: int = 1) -> Response:
        project = _project(workspace, slug)
        if not _ID.fullmatch(id):
            raise _missing()
        try:
            follows = next_line(project, id, after=after, number=number)
        except UserError:
            raise _missing() from None
        row, item = follows.row, None
        if row and row.chosen:
            url = line_url(slug, id, row.chosen.id)
            item = {"line": row.line.id, "number": row.number, "url": url, "pause_s": row.pause_s}
        answer = {"item": item, "waits": follows.is_coming, "skipped": follows.skipped}
        return JSONResponse(answer, headers={"Cache-Control": "private, no-store"})

    @router.get("/audio/{slug}/try/{job}/{n}")
    def base_try(request: Request, slug: str, job: str, n: int) -> Response:
        return give(request, slug, "jobs", job, f"try-{n}.wav")

    @router.get("/audio/{slug}/sample/{run}/{step}/{n}")
    def sample(request: Request, slug: str, run: str, step: int, n: int) -> Response:
        return give(request, slug, "runs", run, "samples", step_folder(step), f"{n}.wav")

    @router.get("/audio/{slug}/export/{name}/{file}")
    def export(request: Request, slug: str, name: str, file: str) -> Response:
        if file not in _EXPORT_AUDIO:
            raise _missing()
        return give(request, slug, "exports", name, file)

    @router.get("/voices/{id}/sample.wav")
    def voice_sample(request: Request, id: str) -> Response:
        return _audio(request, _file(workspace.voices, id, "sample.wav"))

    @router.get("/voices/{id}/download")
    def download_voice(id: str) -> Response:
        return zipped(zip_stream(_file(workspace.voices, id, "manifest.json").parent), id)

    @router.get("/audio/{slug}/pair/{id}")
    def pair(request: Request, slug: str, id: str) -> Response:
        if not _ID.fullmatch(id):
            raise _missing()
        return _audio(request, _pair_file(_project(workspace, slug), id))

    @router.get("/audio/{slug}/cell/sound/{run}/{step}/{spoken_with}/{n}")
    def cell(request: Request, slug: str, run: str, step: int, spoken_with: str, n: int) -> Response:
        return _audio(request, _cell_file(_project(workspace, slug), run, step, spoken_with, n))

    @router.get("/audio/{slug}/cell/picture/{run}/{step}/{spoken_with}/{n}")
    def cell_picture(slug: str, run: str, step: int, spoken_with: str, n: int) -> Response:
        drawing = grid.picture(_cell_file(_project(workspace, slug), run, step, spoken_with, n))
        if drawing is None:
            raise _missing()
        return JSONResponse(drawing, headers={"Cache-Control": "private, no-cache"})

    @router.get("/audio/{slug}/reference/{run}/{n}")
    def reference(request: Request, slug: str, run: str, n: int) -> Response:
        project = _project(workspace, slug)
        try:
            file = grid.reference_file(project, run, n)
            return _audio(request, inside(project.path, str(file.relative_to(project.path))))
        except (UserError, ValueError, OSError):
            raise _missing() from None

    @router.get("/download/{slug}/text/{id}/{name}")
    def download_text(slug: str, id: str, name: str) -> Response:
        path = _file(_project(workspace, slug).documents, id, "files", name)
        if path.suffix.lstrip(".") not in FORMATS:
            raise _missing()
        headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
        return FileResponse(path, media_type="application/octet-stream", headers=headers, filename=name)

    @router.get("/download/{slug}/export/{name}")
    def download(slug: str, name: str) -> Response:
        return zipped(zip_stream(_export_folder(_project(workspace, slug), name)), name)

    @router.get("/download/{slug}/project")
    def download_project(request: Request, slug: str) -> Response:
        project = _project(workspace, slug)
        options = [option for option in request.query_params.getlist("with") if option in OPTIONS]
        sending = contextlib.ExitStack()
        try:
            files = sending.enter_context(packed(project, options))
            archive = zip_files(files)
        except Busy as error:
            return PlainTextResponse(f"{error.text} {error.hint}", status_code=409)
        except BaseException:
            sending.close()
            raise
        return zipped(archive, project.slug, SUFFIX, sending)

    @router.get("/download/{slug}/votes.csv")
    def download_votes(slug: str) -> Response:
        try:
            table = votes_csv(_project(workspace, slug))
        except UserError:
            raise _missing() from None
        headers = {
            "Content-Disposition": f'attachment; filename="{slug}-votes.csv"',
            "Cache-Control": "private, no-store",
        }
        # With a mark of the byte order: without, spreadsheets take it for something else than UTF-8.
        return Response("\ufeff" + table, media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/download/{slug}/report/{run}/{file}")
    def download_report(slug: str, run: str, file: str) -> Response:
        project = _project(workspace, slug)
        if file not in _REPORT_TYPES:
            raise _missing()
        path = _file(project.reports, run, file)
        # A page is looked at, a PDF saved; the page runs nothing and asks for nothing.
        headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": _REPORT_POLICY}
        name = None if file == HTML else f"{slug}-{run}.pdf"
        return FileResponse(path, media_type=_REPORT_TYPES[file], headers=headers, filename=name)

    @router.get("/download/{slug}/dataset/{id}/{layout}")
    def download_dataset(slug: str, id: str, layout: str) -> Response:
        project = _project(workspace, slug)
        if layout not in LAYOUTS:
            raise _missing()
        try:
            archive = zip_dataset(dataset(project, id), layout, project.slug)
        except (UserError, OSError):
            raise _missing() from None
        return zipped(archive, f"{project.slug}-{id[:6]}-{layout}")

    return router


def zipped(
    archive: ZipStream, name: str, suffix: str = ".zip", sending: AbstractContextManager[object] | None = None
) -> Response:
    """An archive as it is made; ``sending`` is left when all is sent, or the line breaks."""

    def blocks() -> Iterator[bytes]:
        with sending or contextlib.nullcontext():
            yield from archive

    return StreamingResponse(
        blocks(),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}{suffix}"',
            "Content-Length": str(len(archive)),
            "Cache-Control": "private, no-store",
        },
    )


def _missing() -> HTTPException:
    # The same answer for forbidden and absent, so that nobody learns what exists.
    return HTTPException(404, "There is no such recording.")


def _project(workspace: Workspace, slug: str) -> Project:
    if not _ID.fullmatch(slug):
        raise _missing()
    try:
        return workspace.project(slug)
    except UserError:
        raise _missing() from None


def _file(folder: Path, *parts: str) -> Path:
    """A regular file below ``folder``; each part must be a plain id, and no link may lead out of the folder."""
    if not all(_ID.fullmatch(part) for part in parts):
        raise _missing()
    try:
        file = inside(folder, "/".join(parts))
    except (ValueError, OSError):
        raise _missing() from None
    if not file.is_file():
        raise _missing()
    return file


def _pair_file(project: Project, sound_id: str) -> Path:
    try:
        file = notes.audio_file(project, sound_id)
        return inside(project.path, str(file.resolve().relative_to(project.path)))
    except (UserError, ValueError, OSError):
        raise _missing() from None


def _cell_file(project: Project, run: str, step: int, spoken_with: str, number: int) -> Path:
    try:
        file = grid.cell_file(project, run, step, spoken_with, number)
        return inside(project.path, str(file.relative_to(project.path)))
    except (UserError, ValueError, OSError):
        raise _missing() from None


def _export_folder(project: Project, name: str) -> Path:
    # The manifest is written last: an export without one is not complete.
    return _file(project.exports, name, "manifest.json").parent


def _audio(request: Request, file: Path) -> Response:
    """The file with ranges, or "not modified" if the browser has it; ids stay while content may change (recutting)."""
    media_type = _TYPES.get(file.suffix.lower())
    if media_type is None or not file.is_file():
        raise _missing()
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    answer = FileResponse(file, media_type=media_type, headers=headers, stat_result=file.stat())
    etag = answer.headers.get("etag", "")
    if etag and "range" not in request.headers and request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={**headers, "ETag": etag})
    return answer


def zip_dataset(info: DatasetInfo, layout: str, speaker: str) -> ZipStream:
    """A frozen dataset as a zip file in a layout, stored and made while it is sent."""
    return zip_files(layout_files(info, layout, speaker))


def zip_files(files: Iterable[tuple[str, Path | bytes]]) -> ZipStream:
    """Files by their names in a zip, stored and made while it is sent; its length is known before."""
    archive = ZipStream(sized=True)
    for name, content in files:
        if isinstance(content, bytes):
            archive.add(content, name)
        else:
            archive.add_path(content, name)
    return archive


def zip_stream(folder: Path) -> ZipStream:
    """A folder as a zip file, stored and made while it is sent; its length is known before. Links are left out."""
    archive = ZipStream(sized=True)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.resolve().is_relative_to(folder.resolve()):
            archive.add_path(file, f"{folder.name}/{file.relative_to(folder).as_posix()}")
    return archive
