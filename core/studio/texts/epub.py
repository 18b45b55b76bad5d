"""ePub: the chapters of a book in their order. A zip of XHTML, read by Python's own parsers, which fetch nothing.

Of libraries for it, ebooklib is under the AGPL; what is needed here is a list of files and their paragraphs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from core.errors import UserError
from core.sources.collections.archive import Zip
from core.studio.start import MOST_CHARACTERS
from core.studio.texts.file import TextFile, broken, too_large, unsafe
from core.text import clean_text

_MOST_BYTES = 500_000_000  # of all, unpacked: pictures are never read
_MOST_FILES = 20_000
_MOST_PART_BYTES = 20_000_000  # of one chapter
_MOST_LIST_BYTES = 4_000_000
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PARTS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_BLOCKS = {
    *("p", "div", "li", "blockquote", "section", "article", "header", "footer", "tr", "dt", "dd", "figcaption", "body"),
    *("br", "hr", "table", "ul", "ol", "dl", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "title", "aside", "main"),
}
_UNREAD = {"script", "style", "head", "nav", "svg", "math", "template", "rt", "rp", "noscript"}


def read_epub(path: Path, name: str) -> TextFile:
    """The text of a book, its chapters in the order in which they are read.

    Raises:
        UserError: ``archive.*``, ``text.broken``, ``text.locked``, ``text.unsafe``, ``text.too_large``.
    """
    book = Zip(path, name=name, max_bytes=_MOST_BYTES, most_members=_MOST_FILES)
    try:
        return _read(book, name)
    finally:
        book.close()


def _read(book: Zip, name: str) -> TextFile:
    names = set(book.names())
    container = _tree(book, _CONTAINER, names, name)
    root = next((element.get("full-path", "") for element in container.iter() if _tag(element) == "rootfile"), "")
    package = _tree(book, root, names, name)
    folder = posixpath.dirname(root)
    hrefs = {
        item.get("id", ""): posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "").split("#")[0])))
        for item in package.iter()
        if _tag(item) == "item" and item.get("media-type", "") in _PARTS and not _is_contents(item)
    }
    order = [
        hrefs.get(entry.get("idref", ""), "")
        for entry in package.iter()
        if _tag(entry) == "itemref" and entry.get("linear", "yes") != "no"
    ]
    parts = [href for href in dict.fromkeys(order) if href in names]
    if not parts:
        raise broken(name, "no chapters")
    _refuse_locked(book, names, parts, name)
    title = next((element.text or "" for element in package.iter() if _tag(element) == "title"), "")
    texts: list[str] = []
    length = 0
    for part in parts:
        text = _chapter(book, part, name)
        length += len(text)
        if length > MOST_CHARACTERS:
            raise too_large(name)
        texts.append(text)
    return TextFile(clean_text(title), "\n\n".join(filter(None, texts)))


def _refuse_locked(book: Zip, names: set[str], parts: list[str], name: str) -> None:
    """Fonts may be scrambled; a chapter that is, is locked to a shop's reader."""
    if _ENCRYPTION not in names:
        return
    locked = {
        unquote(element.get("URI", ""))
        for element in _tree(book, _ENCRYPTION, names, name).iter()
        if _tag(element) == "CipherReference"
    }
    if locked & {*parts}:
        raise UserError(
            "text.locked",
            "“{name}” is locked: its chapters can be read by its shop's reader alone.",
            "Use a copy without a lock, or paste the text.",
            name=name[:120],
        )


def _chapter(book: Zip, part: str, name: str) -> str:
    content = _content(book, part, name, _MOST_PART_BYTES)
    match = re.match(rb"<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9._-]{1,40})[\"']", content)
    try:
        text = content.decode(match[1].decode() if match else "utf-8-sig", errors="replace")
    except (LookupError, UnicodeError):  # no such encoding, or one that is none of texts
        text = content.decode("utf-8", errors="replace")
    parser = _Paragraphs()
    parser.feed(text)
    parser.close()
    return "\n\n".join(parser.finished())


def _tree(book: Zip, part: str, names: set[str], name: str) -> ElementTree.Element:
    if part not in names:
        raise broken(name, f"{part[:80] or 'its list of contents'} is missing")
    content = _content(book, part, name, _MOST_LIST_BYTES)
    # What declares entities may be made to fill the memory, or to fetch something: a book's lists have none.
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise unsafe(name, f"entities in {part[:80]}")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise broken(name, f"{part[:60]}: {error}") from None


def _content(book: Zip, part: str, name: str, most_bytes: int) -> bytes:
    if book.bytes_of(part) > most_bytes:
        raise too_large(name)
    with book.stream(part) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:  # more than its list of contents says
        raise too_large(name)
    return content


def _is_contents(item: ElementTree.Element) -> bool:
    return "nav" in item.get("properties", "").split()


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


class _Paragraphs(HTMLParser):
    """Headings and paragraphs of a page; what is no text (scripts, lists of contents, ruby) is passed over."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._texts: list[str] = []
        self._now: list[str] = []
        self._heading = 0
        self._unread: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNREAD:
            self._unread.append(tag)
        if tag in _BLOCKS:
            self._end_paragraph()
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._heading = int(tag[1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._end_paragraph()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unread:
            del self._unread[self._unread.index(tag) :]
        if tag in _BLOCKS:
            self._end_paragraph()

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self._now.append(data)

    def finished(self) -> Iterator[str]:
        """The paragraphs, in order."""
        self._end_paragraph()
        return iter(self._texts)

    def _end_paragraph(self) -> None:
        text = clean_text("".join(self._now))
        if text:
            self._texts.append("#" * self._heading + " " + text if self._heading else text)
        self._now, self._heading = [], 0
