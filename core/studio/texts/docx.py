"""DOCX by python-docx, after the zip was looked at: its paragraphs and tables in order, headings by their styles."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.sources.collections.archive import Zip
from core.studio.start import MOST_CHARACTERS
from core.studio.texts.file import TextFile, broken, too_large, unsafe
from core.text import clean_text

_MOST_BYTES = 200_000_000  # of all, unpacked: the library opens every part, pictures too
_MOST_XML_BYTES = 40_000_000
_MOST_FILES = 5_000
_DOCUMENT = "word/document.xml"
_HEADING = re.compile(r"heading ([1-6])$")


def read_docx(path: Path, name: str) -> TextFile:
    """The text of a document of Word, LibreOffice and others.

    Raises:
        UserError: ``archive.*``, ``text.broken``, ``text.unsafe``, ``text.too_large``.
    """
    _look_through(path, name)
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError
    from lxml import etree

    try:
        document = Document(str(path))
        texts: list[str] = []
        length = 0
        for text in _paragraphs(document):
            length += len(text)
            if length > MOST_CHARACTERS:
                raise too_large(name)
            texts.append(text)
        title = clean_text(document.core_properties.title or "")
    except (PackageNotFoundError, etree.LxmlError, zipfile.BadZipFile, KeyError, ValueError, AttributeError) as error:
        raise broken(name, str(error)) from None
    return TextFile(title, "\n\n".join(texts))


def _look_through(path: Path, name: str) -> None:
    """Refuse what is no document, and what would be too much for the library, which opens all of it."""
    archive = Zip(path, name=name, max_bytes=_MOST_BYTES, most_members=_MOST_FILES)
    try:
        names = archive.names()
        if _DOCUMENT not in names:
            raise broken(name, f"{_DOCUMENT} is missing")
        for part in names:
            if not part.lower().endswith((".xml", ".rels")):
                continue
            if archive.bytes_of(part) > _MOST_XML_BYTES:
                raise too_large(name)
            with archive.stream(part) as file:
                # In front of everything, where it has to stand: no part of a document declares one.
                if b"<!DOCTYPE" in file.read(4096).replace(b"\0", b"").upper():
                    raise unsafe(name, f"a document type in {part[:80]}")
    finally:
        archive.close()


def _paragraphs(document: Any) -> Iterator[str]:
    from docx.table import Table

    for block in document.iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                # A cell that goes over several places is told at each of them.
                cells = dict.fromkeys(clean_text(cell.text) for cell in row.cells)
                if text := ", ".join(filter(None, cells)):
                    yield text
            continue
        text = clean_text(block.text)
        if not text:
            continue
        style = (block.style.name or "").lower() if block.style is not None else ""
        match = _HEADING.match(style)
        yield f"{'#' * int(match[1])} {text}" if match else f"# {text}" if style == "title" else text
