"""Reading a file of text: which kind it is, how large it may be, and what it holds as a text with headings."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError
from core.files import TooLarge, read_bounded
from core.sources.encodings import decode_text
from core.studio.document import MOST_CHARACTERS
from core.studio.texts.file import KINDS, TextFile, too_large

_MOST_BYTES = 4 * MOST_CHARACTERS  # of a plain file: no character takes more


def read_text_file(path: Path, name: str, language: str) -> TextFile:
    """The text of a file.

    Args:
        path: the file.
        name: what the person calls it; its ending says what it is.
        language: of the project, for old encodings.

    Raises:
        UserError: ``text.unknown_kind``, ``text.too_large``, ``text.broken``, ``text.locked``, ``text.unsafe``,
            ``text.encoding``, ``archive.*``.
    """
    kind = Path(name).suffix.lower()
    if kind not in KINDS:
        raise UserError(
            "text.unknown_kind",
            "“{name}” is no file of text that is read here.",
            "Choose one of these: {known}. Save other documents as DOCX or plain text.",
            name=name[:120],
            known=", ".join(ending.lstrip(".").upper() for ending in KINDS if ending != ".markdown"),
        )
    if kind == ".epub":
        from core.studio.texts.epub import read_epub

        return read_epub(path, name, language)
    if kind == ".docx":
        from core.studio.texts.docx import read_docx

        return read_docx(path, name)
    text = decode_text(_bytes(path, name), language, name)
    if kind == ".txt":
        return TextFile("", text)
    from core.studio.texts.markdown import plain_text

    return TextFile("", plain_text(text))


def _bytes(path: Path, name: str) -> bytes:
    try:
        return read_bounded(path, _MOST_BYTES)
    except TooLarge:
        raise too_large(name) from None
