"""A picture of a voice is made anew from an upload's pixels, refused in words otherwise, and travels with the voice."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image, PngImagePlugin

from core.errors import UserError
from core.files import write_json
from core.jobs.args.speech import ExportArgs, SynthesizeArgs
from core.project.workspace import Project
from core.settings import Settings
from core.synthesis import voice_picture
from core.synthesis.exports import brought, imported_voice
from core.synthesis.saved_voices import SavedVoice, change_voice, discard_voice, save_voice, saved_voice
from core.synthesis.voice_picture import remade_picture, small_picture, start_picture
from core.synthesis.voices import speakers, voice
from ui import html
from ui.http.voice_routes import picture_url, routes
from ui.i18n import Translator
from ui.parts.voice_face import choice_face, imported_face, saved_face
from ui.tabs.speak.imported import voice_card as imported_card
from ui.tabs.voices.editor import editor


@pytest.fixture
def ana(humming: Project) -> Iterator[SavedVoice]:
    made = save_voice(humming, "Ana", "base:tuning-fork")
    yield made
    discard_voice(humming, made.id)


def image(kind: str, size: tuple[int, int] = (640, 320), mode: str = "RGB", **options: object) -> bytes:
    """Red on the left, blue in the middle, green on the right."""
    width, height = size
    picture = Image.new(mode, size, "blue")
    picture.paste("red", (0, 0, width // 4, height))
    picture.paste("green", (width - width // 4, 0, width, height))
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def png_that_says(width: int, height: int) -> bytes:
    """A few bytes that pose as an image of any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_becomes_a_small_square_of_its_middle_without_what_it_tells_of_itself(kind: str) -> None:
    options: dict[str, object] = {"exif": b"Exif\x00\x00SECRET"} if kind != "PNG" else {}
    if kind == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", "SECRET")
        options["pnginfo"] = notes
    if kind == "JPEG":
        options["comment"] = b"SECRET"
    sent = image(kind, **options)
    assert b"SECRET" in sent
    made = small_picture(io.BytesIO(sent), "me")
    small = opened(made)
    assert (small.format, small.size) == ("JPEG", (256, 256)) and b"SECRET" not in base64.b64decode(made)
    red, green, blue = small.convert("RGB").getpixel((128, 128))  # type: ignore[misc]
    assert blue > 200 and red < 60 and green < 60


def test_what_is_seen_through_is_white_and_a_photo_stands_upright() -> None:
    clear = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(clear, "PNG")
    assert opened(small_picture(clear, "x")).convert("RGB").getpixel((9, 9)) == (255, 255, 255)
    turned = Image.Exif()
    turned[0x0112] = 6  # its top is on the right
    lying = Image.new("RGB", (400, 400), "blue")
    lying.paste("red", (0, 0, 100, 400))
    content = io.BytesIO()
    lying.save(content, "JPEG", exif=turned)
    upright = opened(small_picture(content, "x")).convert("RGB")
    assert upright.getpixel((128, 20))[0] > 200 and upright.getpixel((20, 128))[2] > 200  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (png_that_says(100_000, 100_000), "picture.too_large"),
        (png_that_says(0, 10), "picture.broken"),
        (png_that_says(600, 600), "picture.broken"),
        (image("PNG")[:200], "picture.broken"),
        (image("JPEG")[:500], "picture.broken"),
        (image("WEBP")[:60], "picture.broken"),
        (image("GIF"), "picture.broken"),
        (image("TIFF"), "picture.broken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "picture.broken"),
        (b"%!PS\n(x) show", "picture.broken"),
        (b"", "picture.broken"),
    ],
    ids=range(11),
)
def test_hostile_and_broken_images_are_refused_in_words(content: bytes, code: str) -> None:
    with pytest.raises(UserError) as caught:
        small_picture(io.BytesIO(content), "x")
    assert caught.value.code == code and caught.value.hint
    assert Translator("pt-BR").error(code, "-", "-", caught.value.values) != "- -"


def test_a_file_that_is_too_large_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_picture, "_MOST_BYTES", 100)
    with pytest.raises(UserError) as caught:
        small_picture(io.BytesIO(image("PNG")), "x")
    assert caught.value.code == "picture.too_large"


def test_an_upload_is_made_small_by_a_process_of_its_own_and_is_gone(
    humming: Project, ana: SavedVoice, tmp_path: Path
) -> None:
    upload = tmp_path / "me.png"
    upload.write_bytes(image("PNG"))
    view = start_picture(humming, ana.id, upload, "me.png").wait(60)
    assert view.status == "done", view.text
    kept = saved_voice(humming, ana.id)
    assert opened(kept.picture).size == (256, 256) and not upload.exists() and not list(humming.uploads.iterdir())
    upload.write_bytes(b"no image")
    view = start_picture(humming, ana.id, upload, "me.png").wait(60)
    assert (view.status, view.code) == ("failed", "picture.broken") and not list(humming.uploads.iterdir())
    assert saved_voice(humming, ana.id).picture == kept.picture


def test_it_is_shown_wherever_the_voice_is_and_travels_with_it(
    humming: Project, ana: SavedVoice, tmp_path: Path
) -> None:
    assert "<i " in saved_face(humming, ana) and ">A</i>" in saved_face(humming, ana)
    picture = small_picture(io.BytesIO(image("JPEG")), "x")
    ana = change_voice(humming, ana.id, picture=picture)
    choice = voice(humming, ana.id)
    assert choice and "<img " in saved_face(humming, ana) and "<img " in choice_face(humming, choice)
    assert choice.wish(ExportArgs).picture == picture and "picture" not in choice.wish(SynthesizeArgs).model_dump()
    app = FastAPI()
    app.include_router(routes(humming.workspace, Settings(_env_file=None)))  # type: ignore
    answer = TestClient(app).get(picture_url(humming.slug, ana.id).removeprefix(".."))
    assert answer.content == base64.b64decode(picture) and answer.headers["content-type"] == "image/jpeg"
    # Brought in elsewhere: made anew, whatever stands there.
    manifest = tmp_path / "manifest.json"
    write_json(manifest, {"picture": picture})
    again = brought(manifest, "toy").picture
    assert opened(again).size == (256, 256)
    large = base64.b64encode(image("PNG", (2000, 1000))).decode()  # few bytes that would take much memory
    for nothing in ("", "PHN2Zz4=", "javascript:x", 7, "A" * 200_000, large):
        write_json(manifest, {"picture": nothing})
        assert brought(manifest, "toy").picture == "" and remade_picture(nothing, "Ana") == ""
    folder = humming.workspace.voices / "bea"
    folder.mkdir(parents=True)
    write_json(folder / "manifest.json", {"name": "Bea", "engine": "toy", "exported_at": 1, "picture": again})
    assert "<img " in imported_face(imported_voice(humming.workspace, "bea"))
    assert TestClient(app).get("/voices/bea/picture").content == base64.b64decode(again)
    assert TestClient(app).get("/voices/nobody/picture").status_code == 404


@pytest.mark.parametrize("written", ["abc", "QUJD", "/9j/4A=", 7, "é" * 9])
def test_a_picture_written_by_hand_that_is_none_is_told_and_its_colour_shown(
    humming: Project, ana: SavedVoice, written: object
) -> None:
    folder = humming.workspace.voices / "cid"
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"name": "Cid", "engine": "toy", "exported_at": 1, "picture": written}
    write_json(folder / "manifest.json", manifest)
    cid = imported_voice(humming.workspace, "cid")
    told = html.e(Translator("en")("voices.picture_broken"))
    app = FastAPI()
    app.include_router(routes(humming.workspace, Settings(_env_file=None)))  # type: ignore
    with TestClient(app) as client:
        assert client.get("/voices/cid/picture").status_code == 404
        assert cid.is_picture_broken and "<i " in imported_face(cid) and told in imported_card(Translator("en"), cid)
        assert brought(folder / "manifest.json", "toy").is_picture_broken
        if written in ("abc", "QUJD", "/9j/4A="):  # as a voice's own file may have it
            kept = {"name": "Ana", "speaker": "base:tuning-fork", "picture": written}
            write_json(humming.voices / f"{ana.id}.json", kept)
            voice_ana = saved_voice(humming, ana.id)
            assert client.get(picture_url(humming.slug, ana.id).removeprefix("..")).status_code == 404
            assert "<i " in saved_face(humming, voice_ana)
            assert told in editor(Translator("en"), humming, voice_ana, speakers(humming))


def test_a_picture_that_is_none_is_refused_by_the_voice_itself(humming: Project, ana: SavedVoice) -> None:
    path = humming.voices / f"{ana.id}.json"
    write_json(path, {"name": "Ana", "speaker": "base:tuning-fork", "picture": "<script>"})
    with pytest.raises(UserError):
        saved_voice(humming, ana.id)
    write_json(path, {"name": "Ana", "speaker": "base:tuning-fork"})
