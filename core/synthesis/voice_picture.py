"""Pictures of voices: what somebody sends becomes a small square of new pixels, and nothing else of it is kept.

An image is decoded in a process of its own, never in the page's: an upload with bounded memory (job ``voice_picture``),
one that comes with a voice if it is small (job ``import_voice``).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import secrets
import shutil
import struct
from pathlib import Path
from typing import BinaryIO

from core.errors import UserError
from core.jobs.args.speech import VoicePictureArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.reasons import reason_of
from core.synthesis.saved_voices import MOST_PICTURE, saved_voice

KINDS = (".png", ".jpg", ".jpeg", ".webp")
SIDE = 256  # pixels
_FORMATS = ("PNG", "JPEG", "WEBP")
_MOST_BYTES = 30_000_000
_MOST_PIXELS = 60_000_000  # of an image as it comes: what a good camera takes
_MOST_PIXELS_KEPT = 1_000_000  # of one that comes with a voice, where it is small already
_QUALITY = 85
_JPEG = b"\xff\xd8\xff"
_FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, struct.error)


def start_picture(project: Project, voice_id: str, path: Path, name: str) -> Job:
    """Make an image the picture of a saved voice, in a job.

    Args:
        project: whose.
        voice_id: the voice's.
        path: an upload, which is moved away from there.
        name: what the person calls it.

    Raises:
        UserError: ``voice.gone``. Busy: another picture is being made.
    """
    saved_voice(project, voice_id)
    project.uploads.mkdir(parents=True, exist_ok=True)
    file = f"picture-{secrets.token_hex(8)}"
    shutil.move(path, project.uploads / file)
    try:
        return project.start_job(VoicePictureArgs(file=file, name=name[:120], voice=voice_id), title=name[:60])
    except BaseException:
        (project.uploads / file).unlink(missing_ok=True)
        raise


def small_picture(image: BinaryIO, name: str, most_pixels: int = _MOST_PIXELS) -> str:
    """An image as a JPEG of `SIDE` times `SIDE` pixels, cut to a square, in base64.

    Args:
        image: a PNG, JPEG or WebP; of several frames the first.
        name: what the person calls it, for the error.
        most_pixels: that it may have.

    Raises:
        UserError: ``picture.broken``, ``picture.too_large``.
    """
    from PIL import Image, ImageOps

    if image.seek(0, io.SEEK_END) > _MOST_BYTES:
        raise _too_large(name)
    image.seek(0)
    try:
        with Image.open(image, formats=_FORMATS) as picture:
            if picture.width * picture.height > most_pixels:  # told by its first bytes, before any of it is decoded
                raise _too_large(name)
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # a JPEG is decoded at a fraction of its size
            with contextlib.suppress(*_FAULTS):  # what it tells of itself is broken, not the image
                ImageOps.exif_transpose(picture, in_place=True)
            square = ImageOps.fit(picture.convert("RGBA"), (SIDE, SIDE))
    except (Image.DecompressionBombError, MemoryError):
        raise _too_large(name) from None
    except _FAULTS as error:
        raise UserError(
            "picture.broken",
            "“{name}” is no picture that is read here ({what}).",
            "Choose a PNG, a JPEG or a WebP, or save it as one of these with another program.",
            name=name[:120],
            what=reason_of(error),
        ) from None
    # New pixels without what came along: place, time, camera, comments, a profile of colours.
    plain = Image.new("RGB", square.size, "white")
    plain.paste(square, mask=square.getchannel("A"))
    content = io.BytesIO()
    plain.save(content, "JPEG", quality=_QUALITY)
    return base64.b64encode(content.getvalue()).decode()


def jpeg_of(picture: str) -> bytes:
    """The JPEG that is kept in base64; empty where what stands there is none, as somebody may have written by hand."""
    try:
        content = base64.b64decode(picture, validate=True) if len(picture) <= MOST_PICTURE else b""
    except ValueError:
        return b""
    return content if content.startswith(_JPEG) else b""


def remade_picture(picture: object, name: str) -> str:
    """A picture that came with a voice from anywhere, made anew; "" if it is none."""
    if not isinstance(picture, str) or len(picture) > MOST_PICTURE:
        return ""
    try:
        image = io.BytesIO(base64.b64decode(picture, validate=True))
        return small_picture(image, name, _MOST_PIXELS_KEPT)
    except (UserError, binascii.Error, ValueError):
        return ""


def _too_large(name: str) -> UserError:
    return UserError(
        "picture.too_large",
        "“{name}” is too large for a picture of a voice (at most {pixels} million pixels and {megabytes} MB).",
        "Make it smaller with another program; {side} × {side} pixels are shown.",
        name=name[:120],
        pixels=_MOST_PIXELS // 1_000_000,
        megabytes=_MOST_BYTES // 1_000_000,
        side=SIDE,
    )
