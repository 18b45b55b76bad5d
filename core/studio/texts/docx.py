"""DOCX by python-docx, after the zip was looked at: paragraphs and tables in order, headings by their styles.

The library gives the styles; of texts it leaves out what was inserted under supervision, or stands in a form's field.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.sources.collections.archive import Zip
from core.studio.document import MOST_CHARACTERS
from core.studio.texts.file import TextFile, broken, part_missing, too_large, unsafe
from core.text import clean_text

_MOST_BYTES = 200_000_000  # of all, unpacked: the library opens every part, pictures too
_MOST_XML_BYTES = 40_000_000
_MOST_FILES = 5_000
_DOCUMENT = "word/document.xml"
_UNREAD = {"del", "moveFrom", "txbxContent", "AlternateContent", "pPr", "rPr", "instrText", "delText", "rt"}
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
        raise broken(name, error) from None
    return TextFile(title, "\n\n".join(texts))


def _look_through(path: Path, name: str) -> None:
    """Refuse what is no document, and what would be too much for the library, which opens all of it."""
    archive = Zip(path, name=name, max_bytes=_MOST_BYTES, most_members=_MOST_FILES)
    try:
        names = archive.names()
        if _DOCUMENT not in names:
            raise broken(name, part_missing(_DOCUMENT))
        for part in names:
            if not part.lower().endswith((".xml", ".rels")):
                continue
            if archive.bytes_of(part) > _MOST_XML_BYTES:
                raise too_large(name)
            with archive.stream(part) as file:
                # In front of everything, where it has to stand: no part of a document declares one.
                if b"<!DOCTYPE" in file.read(4096).replace(b"\0", b"").upper():
                    raise unsafe(name, UserError("text.document_type", "a document type in {part}", part=part[:80]))
    finally:
        archive.close()


def _paragraphs(document: Any) -> Iterator[str]:
    yield from _blocks(document.element.body, document)


def _blocks(parent: Any, document: Any) -> Iterator[str]:
    """Paragraphs and tables of an element; its table of contents is none of its text."""
    for block in parent.iterchildren():
        tag = _tag(block)
        if tag == "p":
            yield from _paragraph(block, document)
        elif tag == "tbl":
            yield from _rows(block, document)
        elif tag == "sdt" and not _is_contents(block):
            for content in block.iterchildren():
                if _tag(content) == "sdtContent":
                    yield from _blocks(content, document)
        elif tag in ("ins", "customXml"):
            yield from _blocks(block, document)


def _paragraph(element: Any, document: Any) -> Iterator[str]:
    from docx.text.paragraph import Paragraph

    paragraph = Paragraph(element, document)
    style = (paragraph.style.name or "").lower() if paragraph.style is not None else ""
    text = "" if style.startswith("toc ") else clean_text("".join(_texts(element)))
    if text:
        match = _HEADING.match(style)
        yield f"{'#' * int(match[1])} {text}" if match else f"# {text}" if style == "title" else text


def _rows(table: Any, document: Any) -> Iterator[str]:
    for row in table.iterchildren():
        if _tag(row) == "tr":
            # A cell below one that goes over several rows is empty.
            cells = (" ".join(_blocks(cell, document)) for cell in row.iterchildren() if _tag(cell) == "tc")
            if text := ", ".join(filter(None, cells)):
                yield text


def _texts(element: Any) -> Iterator[str]:
    """What is read of a paragraph: not what was deleted, nor marks of notes, nor ruby, nor boxes beside it."""
    for part in element.iterchildren():
        tag = _tag(part)
        if tag == "t":
            yield part.text or ""
        elif tag in ("tab", "br", "cr"):
            yield " "
        elif tag == "noBreakHyphen":
            yield "-"
        elif tag not in _UNREAD:
            yield from _texts(part)


def _is_contents(block: Any) -> bool:
    # Of its own properties: one that holds the whole text may hold a table of contents, too.
    own = (part for part in block.iterchildren() if _tag(part) == "sdtPr")
    galleries = (part for properties in own for part in properties.iter() if _tag(part) == "docPartGallery")
    return any("contents" in name.lower() for part in galleries for name in part.attrib.values())


def _tag(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
