"""ePub: the chapters of a book in their order. A zip of lists, read as XML, and of pages, read as a browser reads them:
by lxml, which ends what a page does not, and fetches nothing.

Of libraries for it, ebooklib is under the AGPL; what is needed here is a list of files and their paragraphs.
"""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from lxml import etree

from core.errors import UserError
from core.reasons import reason_of
from core.sources.collections.archive import Zip
from core.sources.encodings import decode_text
from core.studio.document import MOST_CHARACTERS
from core.studio.texts.file import TextFile, broken, part_missing, too_large, unsafe
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
_DECLARED = re.compile(
    rb"^\s*<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9._-]{1,40})|<meta[^>]{0,200}charset=[\"']?([A-Za-z0-9._-]{1,40})"
)
_BOM = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARED_WITHIN = 2_000  # bytes
_OF_ADDRESSES = ("punycode", "idna")  # encodings of no page, whose time grows with the square of its length
_UNREAD = {
    "script",
    "style",
    "head",
    "nav",
    "svg",
    "math",
    "template",
    "rt",
    "rp",
    "noscript",
    "iframe",
    "audio",
    "video",
}


def read_epub(path: Path, name: str, language: str) -> TextFile:
    """The text of a book, its chapters in the order in which they are read; ``language`` is for old encodings.

    Raises:
        UserError: ``archive.*``, ``text.broken``, ``text.locked``, ``text.unsafe``, ``text.too_large``.
    """
    book = Zip(path, name=name, max_bytes=_MOST_BYTES, most_members=_MOST_FILES)
    try:
        return _read(book, name, language)
    finally:
        book.close()


def _read(book: Zip, name: str, language: str) -> TextFile:
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
        raise broken(name, UserError("text.no_chapters", "it has no chapters"))
    _refuse_locked(book, names, parts, name)
    title = next((element.text or "" for element in package.iter() if _tag(element) == "title"), "")
    texts: list[str] = []
    length = 0
    for part in parts:
        text = _chapter(book, part, name, language)
        length += len(text)
        if length > MOST_CHARACTERS:
            raise too_large(name)
        texts.append(text)
    return TextFile(clean_text(title), "\n\n".join(filter(None, texts)))


def _refuse_locked(book: Zip, names: set[str], parts: list[str], name: str) -> None:
    """Fonts may be scrambled; a chapter that is, is locked to a shop's reader."""
    if _ENCRYPTION not in names:
        return
    ciphers = {
        unquote(element.get("URI", ""))
        for element in _tree(book, _ENCRYPTION, names, name).iter()
        if _tag(element) == "CipherReference"
    }
    if ciphers & {*parts}:
        raise UserError(
            "text.locked",
            "“{name}” is locked: its chapters can be read by its shop's reader alone.",
            "Use a copy without a lock, or paste the text.",
            name=name[:120],
        )


def _chapter(book: Zip, part: str, name: str, language: str) -> str:
    text = _decoded(_content(book, part, name, _MOST_PART_BYTES), language)
    parser = etree.HTMLParser(target=_Paragraphs(), encoding="utf-8", no_network=True)
    parser.feed(text.encode("utf-8", "replace"))
    return "\n\n".join(parser.close())


def _decoded(content: bytes, language: str) -> str:
    """A page's letters: by the mark of its byte order, by what it declares, else by how it looks."""
    match = _DECLARED.search(content[:_DECLARED_WITHIN])
    charset = (match[1] or match[2]).decode() if match else ""
    # What can be read in bytes declares in vain that each letter has two.
    if charset and not charset.lower().startswith(("utf-16", "utf-32", "ucs")) and not content.startswith(_BOM):
        try:
            if codecs.lookup(charset).name not in _OF_ADDRESSES:
                return content.decode(charset)
        except (LookupError, UnicodeError):  # no such encoding, one that is none of texts, or not that of this page
            pass
    try:
        return decode_text(content, language)
    except UserError:
        return content.decode("utf-8", errors="replace")


def _tree(book: Zip, part: str, names: set[str], name: str) -> ElementTree.Element:
    if part not in names:
        raise broken(name, part_missing(part or "content.opf"))
    content = _content(book, part, name, _MOST_LIST_BYTES)
    # What declares entities may be made to fill the memory, or to fetch something: a book's lists have none.
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise unsafe(name, UserError("text.entities", "entities in {part}", part=part[:80]))
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        reason = UserError("reason.in_part", "{part}: {what}", part=part[:60], what=reason_of(error, 60))
        raise broken(name, reason) from None


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


class _Paragraphs:
    """Takes what a parser tells of a page, and makes headings and paragraphs of it; what is no text (scripts, lists of
    contents, ruby) is passed over."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._now: list[str] = []
        self._heading = 0
        self._unread = 0  # elements that are passed over, and not ended yet

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._unread += tag in _UNREAD
        if tag in _BLOCKS:
            self._end_paragraph()
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._heading = int(tag[1])

    def end(self, tag: str) -> None:
        """An element ends, or is ended by another."""
        self._unread -= tag in _UNREAD
        if tag in _BLOCKS:
            self._end_paragraph()

    def data(self, text: str) -> None:
        """Text, or a part of it."""
        if not self._unread:
            self._now.append(text)

    def close(self) -> list[str]:
        """The paragraphs, in order."""
        self._end_paragraph()
        return self._texts

    def _end_paragraph(self) -> None:
        text = clean_text("".join(self._now))
        if text == "]>" and not self._texts:  # the end of what a page declares before it begins
            text = ""
        if text:
            self._texts.append("#" * self._heading + " " + text if self._heading else text)
        self._now, self._heading = [], 0
