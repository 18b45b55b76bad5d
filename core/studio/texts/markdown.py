"""Markdown as a text to be said: headings and paragraphs by markdown-it, without links, code and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.text import clean_text

_SAID = ("text", "code_inline", "softbreak", "hardbreak", "text_special")


def plain_text(markdown: str) -> str:
    """Headings as ``# …`` and paragraphs, in order; front matter, code blocks, HTML, pictures and addresses go."""
    # Marks of ours look like links to nowhere and stay as they stand.
    return "\n\n".join(_blocks(MarkdownIt("commonmark").enable("table").parse(_without_front_matter(markdown))))


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    heading = ""
    for token in tokens:
        if token.type == "heading_open":
            heading = "#" * int(token.tag[1:]) + " "
        elif token.type == "inline":
            if text := _said(token):
                yield f"{heading}{text}"
            heading = ""


def _said(inline: Token) -> str:
    parts, is_address = [], False
    for token in inline.children or ():
        if token.type.startswith("link_") and token.markup == "autolink":
            is_address = token.type == "link_open"
        if is_address:
            continue
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type in _SAID:
            parts.append(token.content)
    return clean_text("".join(parts))


def _without_front_matter(markdown: str) -> str:
    """Without the YAML that some programs put in front."""
    lines = markdown.lstrip("\ufeff").splitlines(keepends=True)
    if lines and lines[0].strip() == "---":
        for place, line in enumerate(lines[1:200], 1):
            if line.strip() in ("---", "..."):
                return "".join(lines[place + 1 :])
    return markdown
