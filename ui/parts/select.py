"""A labelled list to choose from whose choice stands in the address, so that a reload and Back keep it."""

from __future__ import annotations

from collections.abc import Sequence

from ui import html


def select(
    label: str, name: str, choices: Sequence[tuple[str, str]], current: str, *, help: str = "", clears: str = ""
) -> str:
    """A select that puts ``name=value`` into the address; ``choices`` are ``(value, text)``.

    Args:
        clears: a name that is taken out of the address when another choice is made.
    """
    # The key makes a list whose choices changed a new one, else the browser keeps the old place in it.
    key = f"{name}:{current}:{hash(tuple(choices)) & 0xFFFFFF:x}"
    options = "".join(
        f'<option value="{html.e(value)}"{" selected" if value == current else ""}>{html.e(text)}</option>'
        for value, text in choices
    )
    place = f"{clears}=&{name}" if clears else name
    hint = f'<span class="vw-dim">{html.e(help)}</span>' if help else ""
    return (
        f'<label class="vw-pick" data-key="{html.e(key)}"><span>{html.e(label)}</span>'
        f'<select data-view="{html.e(place)}" aria-label="{html.e(label)}">{options}</select>{hint}</label>'
    )
