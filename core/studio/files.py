"""Files of a spoken text: sound in several formats with chapters, subtitles, a zip of its lines; streamed to FFmpeg."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from core.audio.ffmpeg import FULL, no_ffmpeg
from core.audio.synthetic import COMMENT, SOFTWARE, write_speech
from core.errors import UserError
from core.files import TEMP_PREFIX, disk_full, replacing, slug, write_atomic
from core.project.workspace import Project
from core.studio import documents
from core.studio.document import Document
from core.studio.join import Piece, raw, samples_of
from core.studio.subtitles import chapters, srt, table, vtt

FOLDER = "files"
_ENCODERS = {
    "wav": ("-c:a", "pcm_s16le", "-f", "wav"),
    "flac": ("-c:a", "flac", "-f", "flac"),
    "mp3": ("-c:a", "libmp3lame", "-q:a", "2", "-id3v2_version", "3", "-f", "mp3"),
    "opus": ("-c:a", "libopus", "-b:a", "64k", "-f", "ogg"),
    # An MP4 that players know as an audiobook; its list of contents in front, so that it plays while it comes.
    "m4b": ("-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart", "-f", "ipod"),
}
FORMATS = (*_ENCODERS, "srt", "vtt", "zip")
_COMPLAINTS = 2_000  # the last characters of them
OnPiece = Callable[[int], object]


def written_files(project: Project, id: str) -> list[Path]:
    """The files that were made of a document, by name."""
    folder = documents.folder(project, id) / FOLDER
    names = {f".{name}" for name in FORMATS}
    return sorted(path for path in folder.glob("[!.]*") if path.suffix in names and path.is_file())


def remove_file(project: Project, id: str, name: str) -> None:
    """Delete a file that was made of a document: it can be made again. Nothing if it is not there."""
    for path in written_files(project, id):
        if path.name == name:
            path.unlink(missing_ok=True)


def write_file(
    folder: Path, document: Document, pieces: Sequence[Piece], rate: int, format: str, on_piece: OnPiece
) -> Path:
    """Make one file of a document; one of the same format takes the place of the earlier.

    Args:
        folder: the document's.
        document: whose name and voices the file tells.
        pieces: from `core.studio.join.plan`.
        rate: of the samples, in Hz.
        format: one of `FORMATS`.
        on_piece: told how many lines are written; may raise to break off.

    Raises:
        UserError: ``audio.no_ffmpeg``, ``studio.no_encoder``. DiskFull: there is no room. DamagedFile: of a take.
    """
    path = folder / FOLDER / f"{slug(document.name, 'text')}.{format}"
    path.parent.mkdir(exist_ok=True)
    if format in ("srt", "vtt"):
        write_atomic(path, srt(pieces) if format == "srt" else vtt(pieces))
    elif format == "zip":
        with replacing(path) as temporary:
            _zip(temporary, pieces, rate, on_piece)
    else:
        with replacing(path) as temporary:
            _encode(temporary, document, pieces, rate, format, on_piece)
    for earlier in path.parent.glob(f"*.{format}"):  # of another name; it stays until the new one is there
        if earlier != path and not earlier.name.startswith(TEMP_PREFIX):
            earlier.unlink(missing_ok=True)
    return path


def _zip(target: Path, pieces: Sequence[Piece], rate: int, on_piece: OnPiece) -> None:
    names = [_line_name(piece) for piece in pieces]
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive,
        tempfile.TemporaryDirectory(dir=target.parent, prefix=TEMP_PREFIX) as folder,
    ):
        for number, (piece, name) in enumerate(zip(pieces, names, strict=True)):
            on_piece(number)
            if name:
                sound = Path(folder) / "line.wav"
                write_speech(sound, samples_of(piece, rate), rate)
                archive.write(sound, name)
        # With a mark of the byte order: without, spreadsheets take it for something else than UTF-8.
        archive.writestr("lines.csv", "\ufeff" + table(pieces, names))
        archive.writestr("README.txt", f"{COMMENT}\n{SOFTWARE}\n")


def _line_name(piece: Piece) -> str:
    """What a line's file is called; empty where it has no sound."""
    return f"{piece.row.number:05}-{slug(piece.row.line.text[:40], 'line')}.wav" if piece.file else ""


def _encode(
    target: Path, document: Document, pieces: Sequence[Piece], rate: int, format: str, on_piece: OnPiece
) -> None:
    with (
        tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as facts,
        tempfile.TemporaryFile() as complaints,
    ):
        facts.write(_metadata(document, pieces))
        facts.flush()
        command = [
            *("ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0"),
            *("-f", "ffmetadata", "-i", facts.name, "-map", "0:a", "-map_metadata", "1", "-map_chapters", "1"),
            *(*_ENCODERS[format], str(target)),
        ]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints)
        except FileNotFoundError:
            raise no_ffmpeg() from None
        assert process.stdin is not None
        try:
            # A pipe that breaks has its reason in what FFmpeg complains of.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                for number, (_, block) in enumerate(raw(pieces, rate)):
                    on_piece(number)
                    process.stdin.write(block)
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        complaints.seek(0)
        message = complaints.read().decode(errors="replace")[-_COMPLAINTS:]
    if any(words in message for words in FULL):
        raise disk_full()
    if code:
        raise UserError(
            "studio.no_encoder",
            "FFmpeg could not write {format} ({what}).",
            "Choose another format, or install an FFmpeg that can (such as by: sudo apt install ffmpeg).",
            format=format,
            what=" ".join(message.split())[-200:] or "?",
        )


def _metadata(document: Document, pieces: Sequence[Piece]) -> str:
    """What the file tells of itself, as FFmpeg reads it; that it is a synthetic voice first of all."""
    names = dict.fromkeys(piece.row.line.voice for piece in pieces if piece.file)
    titles = dict.fromkeys(voice.title for name in names if (voice := document.speaker(name)))
    tags = {
        "title": document.name,
        "artist": ", ".join(titles),
        "comment": COMMENT,
        "encoded_by": SOFTWARE,
        "language": document.language,
        "genre": "Speech",
    }
    lines = [";FFMETADATA1", *(f"{name}={_escaped(value)}" for name, value in tags.items() if value)]
    for start_s, end_s, title in chapters(pieces):
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={round(1000 * start_s)}", f"END={round(1000 * end_s)}"]
        lines.append(f"title={_escaped(title)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "=;#\\\n" else sign for sign in text)


def unspoken(count: int) -> UserError:
    """Lines have no sound, so a file of the whole would have gaps."""
    return UserError(
        "studio.unspoken",
        "{count} lines have no sound yet.",
        "Have them spoken first, or choose to leave them out.",
        count=count,
    )
