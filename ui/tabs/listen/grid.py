"""The grid of sentences and voices: any cell plays, two are shown and heard side by side."""

from __future__ import annotations

from collections.abc import Sequence

from core.checkpoint_ref import CheckpointRef
from core.listening.candidates import REAL, Candidate, Sentence
from core.listening.grid import Grid
from ui import html
from ui.http.audio_routes import audio_url, cell_url
from ui.i18n import Translator
from ui.parts.select import select
from ui.tabs.train.view import step_name, voice_name


def grid_view(
    t: Translator, slug: str, table: Grid | None, runs: Sequence[tuple[str, str]], best: CheckpointRef | None = None
) -> str:
    """The table and what two of its cells look like.

    Args:
        t: of the page.
        slug: of the project.
        table: what is shown.
        runs: ``(id, title)`` to choose from.
        best: the checkpoint that is recommended: where the keys begin.
    """
    if table is None:
        return ""
    chooser = select(t("listen.grid_run"), "grid", runs, table.run_id) if len(runs) > 1 else ""
    head = "".join(
        f'<th scope="col">{html.e(_column(t, table, voice))}{_mark(t, voice, best)}</th>' for voice in table.voices
    )
    first = next((column for column, voice in enumerate(table.voices) if voice.checkpoint == best), 0)
    if table.sentences and table.sentences[0] not in table.voices[first].samples:
        first = 0
    rows = "".join(_row(t, slug, table, sentence, line, first) for line, sentence in enumerate(table.sentences))
    return (
        f'<section class="vw-card vw-gap" aria-label="{html.e(t("listen.grid"))}"><h3>{html.e(t("listen.grid"))}</h3>'
        f'<p class="vw-dim">{html.e(t("listen.grid_about"))}</p>{chooser}'
        f'<div class="vw-grid"><table role="grid" aria-label="{html.e(t("listen.grid"))}"><thead><tr>'
        f'<th scope="col">{html.e(t("listen.sentence"))}</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{_comparison(t)}{_references(t, slug, table)}</section>"
    )


def _mark(t: Translator, voice: Candidate, best: CheckpointRef | None) -> str:
    is_best = best is not None and voice.checkpoint == best
    return f' <span class="vw-chip good">{html.e(t("scores.recommended"))}</span>' if is_best else ""


def _column(t: Translator, table: Grid, voice: Candidate) -> str:
    if voice.checkpoint == REAL:
        return t("listen.real")
    own = voice.checkpoint.run_id == table.run_id
    return step_name(t, voice.checkpoint.step) if own else voice_name(t, voice.run_title, voice.checkpoint)


def _row(t: Translator, slug: str, table: Grid, sentence: Sentence, line: int, first: int) -> str:
    cells = "".join(
        _cell(t, slug, table, voice, sentence, line, column, is_first=(line, column) == (0, first))
        for column, voice in enumerate(table.voices)
    )
    return f'<tr><th scope="row"><span>{line + 1}. {html.e(sentence.text)}</span></th>{cells}</tr>'


def _cell(
    t: Translator,
    slug: str,
    table: Grid,
    voice: Candidate,
    sentence: Sentence,
    line: int,
    column: int,
    *,
    is_first: bool,
) -> str:
    name = f"{_column(t, table, voice)} · {line + 1}"
    if sentence not in voice.samples:
        return f'<td><span class="vw-dim" aria-label="{html.e(t("listen.grid_none", name=name))}">–</span></td>'
    ref = voice.checkpoint
    sound, drawing = (
        cell_url(slug, kind, ref.run_id, ref.step, sentence.spoken_with, sentence.number)
        for kind in ("sound", "picture")
    )
    return (
        f'<td><button type="button" class="vw-cell" data-cell="{line} {column}" data-sound="{html.e(sound)}"'
        f' data-picture="{html.e(drawing)}" data-name="{html.e(name)}" tabindex="{0 if is_first else -1}"'
        f' aria-label="{html.e(t("listen.grid_play", name=name))}">▶</button></td>'
    )


def _comparison(t: Translator) -> str:
    """Where the page's script draws the last two cells that were played."""
    sides = "".join(
        f'<div class="vw-picture" data-side="{side}"><b></b><canvas data-draw="wave" aria-hidden="true"></canvas>'
        f'<canvas data-draw="mel" aria-hidden="true"></canvas></div>'
        for side in ("A", "B")
    )
    words = {"silent": t("listen.grid_silent"), "broken": t("listen.grid_broken"), "seconds": t("listen.grid_seconds")}
    data = " ".join(f'data-{name}="{html.e(text)}"' for name, text in words.items())
    return (
        f'<div class="vw-compare" data-compare hidden {data}><div class="vw-row">'
        f'<button type="button" class="vw-btn" data-grid-switch data-key-press="x X">{html.e(t("listen.grid_switch"))}'
        f' <kbd>X</kbd></button><span class="vw-dim" role="status" data-grid-told></span></div>'
        f'<div class="vw-pictures">{sides}</div>'
        f'<div class="vw-picture" data-difference><b>{html.e(t("listen.grid_difference"))}</b>'
        f'<canvas data-draw="difference" aria-hidden="true"></canvas>'
        f'<p class="vw-dim">{html.e(t("listen.grid_difference_about"))}</p></div></div>'
    )


def _references(t: Translator, slug: str, table: Grid) -> str:
    players = "".join(
        html.player(audio_url(slug, "reference", table.run_id, number), f"{t('listen.reference')} {number + 1}")
        for number in range(len(table.references))
    )
    if not players:
        return ""
    title, about = html.e(t("listen.reference")), html.e(t("listen.reference_about"))
    row = f'<p class="vw-dim">{about}</p><div class="vw-row">{players}</div>'
    return f'<div class="vw-took-from"><b>{title}</b>{row}</div>'
