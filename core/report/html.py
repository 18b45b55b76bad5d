"""A report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from html import escape

from core.report.document import Document, Section, Table
from core.report.figures import svg

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #0f172a; background: #fff; max-width: 800px; margin: 32px auto; padding: 0 16px; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 18px; margin: 28px 0 8px; } .dim { color: #526077; } p { margin: 0 0 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: 6px 8px; border-bottom: 1px solid #dbe2ea; overflow-wrap: break-word; } th { color: #526077; font-weight: 600; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 4px 24px; margin: 8px 0; }
dl div { border-bottom: 1px solid #dbe2ea; padding: 4px 0; } dt { color: #526077; font-size: 13px; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 8px 0; } figcaption { font-weight: 600; font-size: 14px; } svg { width: 100%; min-width: 520px; height: auto; }
@media print { svg { min-width: 0; } body { margin: 0; max-width: none; font-size: 11px; } h2, svg, tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""  # noqa: E501


def page(document: Document) -> str:
    """The file's content."""
    body = "".join(_section(section) for section in document.sections)
    title = escape(document.title)
    return (
        f'<!doctype html><html lang="{escape(document.language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<style>{_STYLE}</style></head><body><h1>{title}</h1><p class="dim">{escape(document.subtitle)}</p>'
        f"{body}</body></html>\n"
    )


def _section(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(text)}</p>" for text in section.paragraphs]
    if section.facts:
        facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in section.facts)
        parts.append(f"<dl>{facts}</dl>")
    if section.table:
        parts.append(_table(section.table))
    for figure in section.figures:
        caption = f"<figcaption>{escape(figure.title)}</figcaption>" if figure.title else ""
        parts.append(f'<figure>{caption}<div class="scroll" tabindex="0">{svg(figure)}</div></figure>')
    return "".join(parts) + "</section>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
