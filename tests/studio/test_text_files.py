"""Texts from files: what they say comes in with its headings, and hostile files are refused with a message."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.errors import UserError
from core.jobs.args.studio import ImportTextArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources.collections import archive
from core.studio import changes, documents, start
from core.studio.texts import docx as docx_file
from core.studio.texts import epub as epub_file
from core.studio.texts.file import TextFile
from core.studio.texts.reader import read_text_file
from core.tasks import import_text

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>The  Sea</dc:title></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="a" href="a%20one.xhtml" media-type="application/xhtml+xml"/>
<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>
<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>
<item id="p" href="p.png" media-type="image/png"/></manifest>
<spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/><itemref idref="p"/>
<itemref idref="c" linear="no"/></spine></package>"""
PAGE = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title>No</title><style>p{}</style></head>
<body><h1>One &amp; <i>only</i></h1><p>It was <b>late</b>.<br/>Very&nbsp;late.</p><script>x()</script>
<div>He said:<p>“Go.”</p></div><ul><li>First.</li><li>Second.</li></ul><img src="http://127.0.0.1/x.png"/></body></html>"""
BOOK = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/nav.xhtml": "<p>Contents</p>",
    "OEBPS/a one.xhtml": "<h2>Two</h2><p>The end.</p>",
    "OEBPS/b.xhtml": PAGE,
    "OEBPS/c.xhtml": "<p>Not in order.</p>",
    "OEBPS/p.png": "no text",
}


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


def epub(path: Path, **changes: str | bytes) -> Path:
    names = {"container": "META-INF/container.xml", "package": "OEBPS/book.opf", "page": "OEBPS/b.xhtml"}
    return zipped(path, {**BOOK, **{names.get(name, name): content for name, content in changes.items()}})


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits far below what they are, so that bombs are small."""
    monkeypatch.setattr(archive, "_MOST_RATIO", 20)
    monkeypatch.setattr(epub_file, "_MOST_PART_BYTES", epub_file._MOST_PART_BYTES // 100)
    monkeypatch.setattr(docx_file, "_MOST_XML_BYTES", docx_file._MOST_XML_BYTES // 50)


def refused(path: Path, name: str) -> UserError:
    with pytest.raises(UserError) as caught:
        read_text_file(path, name, "en")
    assert caught.value.text and caught.value.hint
    return caught.value


def test_a_book_comes_in_with_its_chapters_in_the_order_they_are_read(tmp_path: Path) -> None:
    book = read_text_file(epub(tmp_path / "x"), "book.EPUB", "en")
    assert book == TextFile(
        "The Sea",
        "# One & only\n\nIt was late.\n\nVery late.\n\nHe said:\n\n“Go.”\n\nFirst.\n\nSecond.\n\n## Two\n\nThe end.",
    )


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>T</title><body><p>Não há “fim”.".encode("utf-16"),
        '<?xml version="1.0" encoding="UTF-16"?><html><head/><body><p>Não há “fim”.</p></body>'.encode("utf-16-be"),
        '<html><head><meta charset="windows-1252"/><title>T</title><p>Não há “fim”.'.encode("cp1252"),
        "<html><head><title>T</title><p>Não há “fim”.</p></html>".encode("cp1252"),
        '<?xml version="1.0" encoding="utf-16"?><html><head><title/><script src="x"/></head><p>Não há “fim”.',
        "\ufeff<head><link href='x'><style>p {}</style>\n<div><p>Não há “fim”.",
        "<!DOCTYPE html [<!ENTITY a 'b'>]><p>Não há “fim”.</p>",
    ],
    ids=(
        "utf-16",
        "utf-16 without a mark",
        "declared",
        "undeclared",
        "declared wrongly",
        "no end of its head",
        "entity",
    ),
)
def test_a_page_is_read_in_its_own_letters_and_whatever_it_does_not_end(tmp_path: Path, page: str | bytes) -> None:
    text = read_text_file(epub(tmp_path / "x", page=page), "x.epub", "pt-BR").text
    assert text == "Não há “fim”.\n\n## Two\n\nThe end."


def test_a_book_whose_lists_are_utf_16_comes_in_and_no_table_of_contents_is_read_out(tmp_path: Path) -> None:
    contents = (
        '<nav epub:type="toc"><ol><li><a href="b.xhtml">One</a><ol><li><a href="b.xhtml#x">Deeper</a><ol><li>'
        '<a href="a%20one.xhtml">Two</a></li></ol></li></ol></li></ol></nav>'
    )
    ncx = "<ncx><navMap><navPoint><navLabel><text>Outer</text></navLabel><navPoint/></navPoint></navMap></ncx>"
    package = PACKAGE.replace(
        "</manifest>", '<item id="t" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
    )
    package = package.replace('<itemref idref="n"/>', '<itemref idref="n"/><itemref idref="t"/>')
    wide = {
        name: f'<?xml version="1.0" encoding="UTF-16"?>{content}'.encode("utf-16")
        for name, content in (("container", CONTAINER), ("package", package))
    }
    files = {"OEBPS/nav.xhtml": contents, "OEBPS/toc.ncx": ncx, "page": f"{contents}<h1>One</h1><p>It was late.</p>"}
    book = read_text_file(epub(tmp_path / "x", **wide, **files), "x.epub", "en")
    assert book == TextFile("The Sea", "# One\n\nIt was late.\n\n## Two\n\nThe end.")


def test_a_document_of_word_comes_in_with_its_headings_and_tables(tmp_path: Path) -> None:
    from docx import Document

    made = Document()
    made.core_properties.title = "A letter"
    made.add_heading("Dear Maria", 0)
    made.add_heading("Then", 2)
    made.add_paragraph("It rained ").add_run("all day.").bold = True
    made.add_paragraph("")
    table = made.add_table(rows=1, cols=3)
    for cell, text in zip(table.rows[0].cells, ("One", "two", ""), strict=True):
        cell.text = text
    made.add_paragraph("Yours.")
    made.save(str(tmp_path / "x"))
    file = read_text_file(tmp_path / "x", "letter.docx", "en")
    assert file == TextFile("A letter", "# Dear Maria\n\n## Then\n\nIt rained all day.\n\nOne, two\n\nYours.")


def test_of_a_document_of_word_notes_contents_and_deletions_are_left_out_and_nothing_else(tmp_path: Path) -> None:
    from docx import Document
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    made = Document()
    body = made.element.body

    def add(xml: str) -> None:
        body.insert(len(body) - 1, parse_xml(xml.replace(">", f" {nsdecls('w')}>", 1)))

    gallery = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="{}"/></w:docPartObj></w:sdtPr>'
    block = "<w:sdt>{}<w:sdtContent><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    add(block.format(gallery.format("Table of Contents"), "One 1"))
    add(block.format(gallery.format("Cover Pages"), "A cover."))
    contents = block.format(gallery.format("Table of Contents"), "Two 2")
    add(f"<w:sdt><w:sdtContent>{contents}<w:p><w:r><w:t>Locked.</w:t></w:r></w:p></w:sdtContent></w:sdt>")
    add(
        "<w:p><w:r><w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby></w:r></w:p>"
    )
    add(
        '<w:p><w:r><w:t xml:space="preserve">He came</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>'
        '<w:ins w:id="1" w:author="x"><w:r><w:t xml:space="preserve"> back</w:t></w:r></w:ins>'
        '<w:del w:id="2" w:author="x"><w:r><w:delText>never</w:delText></w:r></w:del>'
        "<w:hyperlink><w:r><w:tab/><w:t>home</w:t></w:r></w:hyperlink><w:r><w:t>.</w:t></w:r></w:p>"
    )
    table = made.add_table(rows=1, cols=3)
    for cell, text in zip(table.rows[0].cells, ("7", "7", ""), strict=True):
        cell.text = text
    inner = table.rows[0].cells[2].add_table(rows=1, cols=1)
    inner.rows[0].cells[0].text = "within"
    made.save(str(tmp_path / "x"))
    assert read_text_file(tmp_path / "x", "x.docx", "en").text == (
        "A cover.\n\nLocked.\n\n漢\n\nHe came back home.\n\n7, 7, within"
    )


def test_markdown_is_said_without_what_nobody_says(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(
        "---\ntitle: x\n---\n# A *title*\n\nSee [the sea](http://x.y) and ![a boat](b.png)\nnow <http://x.y>. "
        "[pause 1s] `Go`.\n\n```\ncode\n```\n\n    indented\n\n- First\n- Second\n\n<script>x</script>\n\n"
        "Setext\n------\n\n"
        "| a | b |\n|---|---|\n| c | d |\n"
    )
    assert read_text_file(path, "x.md", "en").text == (
        "# A title\n\nSee the sea and now . [pause 1s] Go.\n\nFirst\n\nSecond\n\n## Setext\n\na\n\nb\n\nc\n\nd"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_plain_text_comes_in_in_whatever_encoding_its_language_has(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x"
    path.write_bytes("Amanhã às dez. São João não é só emoção.".encode(encoding))
    assert read_text_file(path, "x.txt", "pt-BR").text.startswith("Amanhã às dez. São João")


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"container": ENTITIES + CONTAINER.replace("book", "&b;")}, "text.unsafe"),
        ({"package": ENTITIES + PACKAGE.replace("The", "&f;")}, "text.unsafe"),
        ({"package": ENTITIES.encode("utf-16")}, "text.unsafe"),
        ({"package": "<package"}, "text.broken"),
        ({"package": "<package/>"}, "text.broken"),
        ({"container": CONTAINER.replace("OEBPS/book.opf", "../../etc/passwd")}, "text.broken"),
        ({"page": b"<p>" + b"a " * 110_000}, "text.too_large"),
        ({"META-INF/encryption.xml": '<e><CipherReference URI="OEBPS/b.xhtml"/></e>'}, "text.locked"),
        ({"../out.txt": "x"}, "archive.unsafe"),
        ({"/etc/passwd": "x"}, "archive.unsafe"),
        ({"OEBPS/bomb": bytes(2_500_000)}, "archive.too_large"),
    ],
    ids=range(11),
)
def test_hostile_books_are_refused(
    tmp_path: Path, low_limits: None, changes: dict[str, str | bytes], code: str
) -> None:
    assert refused(epub(tmp_path / "x", **changes), "x.epub").code == code


def test_what_a_page_asks_for_is_not_fetched_and_what_it_declares_not_expanded(tmp_path: Path) -> None:
    page = ENTITIES + "<html><body><p>A &a; &f; &lt;b&gt;</p><iframe src='http://127.0.0.1:9/'>x</iframe></body></html>"
    text = read_text_file(epub(tmp_path / "x", page=page), "x.epub", "en").text
    assert "root:" not in text and "aaaa" not in text and "<b>" in text


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "hex", "none"])
def test_a_chapter_that_names_a_strange_encoding_is_read_as_unicode(tmp_path: Path, encoding: str) -> None:
    page = f'<?xml version="1.0" encoding="{encoding}"?><html><body><p>São João.</p></body></html>'
    assert "São João." in read_text_file(epub(tmp_path / "x", page=page), "x.epub", "pt").text
    page = f'<?xml version="1.0" encoding="{encoding}"?>One well-known'
    assert "One well-known" in read_text_file(epub(tmp_path / "x", page=page), "x.epub", "en").text


def test_fonts_alone_may_be_scrambled(tmp_path: Path) -> None:
    fonts = {"META-INF/encryption.xml": '<e><CipherReference URI="OEBPS/font.otf"/></e>'}
    assert read_text_file(epub(tmp_path / "x", **fonts), "x.epub", "en").text


@pytest.mark.parametrize(
    ("part", "content", "code"),
    [
        ("word/document.xml", ENTITIES + "<w:document/>", "text.unsafe"),
        ("word/document.xml", "<w:document", "text.broken"),
        ("[Content_Types].xml", "<x/>", "text.broken"),
        ("word/document.xml", bytes(1_000_000), "text.too_large"),
        ("word/media/bomb.png", bytes(5_000_000), "archive.too_large"),
        ("word/document.xml", None, "text.broken"),
    ],
)
def test_hostile_documents_are_refused(
    tmp_path: Path, low_limits: None, part: str, content: str | bytes | None, code: str
) -> None:
    from docx import Document

    whole = io.BytesIO()
    made = Document()
    made.add_paragraph("Hum.")
    made.save(whole)
    with zipfile.ZipFile(whole) as source:
        files: dict[str, str | bytes] = {name: source.read(name) for name in source.namelist()}
    if content is None:
        del files[part]
    else:
        files[part] = content
    assert refused(zipped(tmp_path / "x", files), "x.docx").code == code


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"x" * 5_000_000, "x.txt", "text.too_large"),
        (b"MZ\x00\x01" * 100, "x.txt", "text.encoding"),
        (b"PK\x03\x04", "x.epub", "archive.broken"),
        (b"no zip", "x.docx", "archive.broken"),
        (b"%PDF-1.4", "x.pdf", "text.unknown_kind"),
        (b"Hum.", "noending", "text.unknown_kind"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, name: str, code: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert refused(path, name).code == code


def test_the_job_makes_a_text_of_a_file_and_leaves_no_upload(
    humming: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_text, "limit_memory", lambda more_bytes: None)  # it would hold for the tests to come

    def read(path: Path, name: str) -> dict[str, object]:
        humming.uploads.mkdir(exist_ok=True)
        path.rename(humming.uploads / "text-1")
        args = ImportTextArgs(file="text-1", name=name, voice="base:tuning-fork", language="en")
        job = Job.create(humming.jobs, args)
        return import_text.run(job, humming, args, Reporter(job))

    made = documents.document(humming, str(read(epub(tmp_path / "x"), "sea.epub")["document"]))
    assert (made.name, made.voice) == ("The Sea", "base:tuning-fork") and made.lines[0].heading == 1
    assert changes.text(made).endswith("## Two\n\nThe end.")
    (tmp_path / "y").write_text("Hum la. La hum.")
    assert read(tmp_path / "y", "My song.txt")["name"] == "My song"
    (tmp_path / "z").write_text(" ")
    with pytest.raises(UserError) as caught:
        read(tmp_path / "z", "empty.txt")
    assert caught.value.code == "studio.empty"
    assert not list(humming.uploads.iterdir())


def test_an_upload_is_read_in_a_process_of_its_own(humming: Project, tmp_path: Path) -> None:
    path = epub(tmp_path / "sea.epub")
    job = start.start_import(humming, path, "sea.epub", "base:tuning-fork", "en")
    view = job.wait(60)
    assert view.status == "done" and view.result["name"] == "The Sea", view.text
    assert not path.exists() and not list(humming.uploads.iterdir())
