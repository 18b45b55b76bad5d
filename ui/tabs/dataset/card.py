"""The report card: what is used, how good it looks, and pictures of lengths, sound and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.dataset.coverage import ENOUGH, Coverage
from core.dataset.freeze import DatasetInfo
from core.dataset.grades import ENDS, Grade, ending, letters_per_s, loudness, opening
from core.dataset.report import Report
from core.project.records import Clip
from ui import html, plots
from ui.i18n import Translator

TONES = {"good": "good", "fair": "fair", "poor": "bad"}
# Edges of the pictures' bars, in the unit of their titles.
_EDGES: dict[str, Sequence[float]] = {
    "lengths": range(0, 13),
    "loudness": range(-38, -11, 2),
    "noise": range(0, 71, 10),
    "bandwidth": range(0, 13),
    "rate": range(0, 31, 3),
}
# Where one goes to make a light greener: a tab, and the place in it.
_REMEDIES = {
    "amount": ("sources", ""),
    "sure": ("review", "filter=low&clip="),
    "noise": ("sources", ""),
    "loudness": ("sources", ""),
}
_OPENINGS_SHOWN = 5


def card(t: Translator, now: Report, frozen: list[DatasetInfo], fresh: bool) -> str:
    """The numbers and the one next click: freeze, or train if what is frozen is what there is."""
    figures = html.numbers(
        html.number(t.minutes(now.seconds), t("dataset.material")),
        html.number(t.number(len(now.clips)), t("dataset.used")),
        html.number(t.number(now.train), t("dataset.train")),
        html.number(t.number(now.val), t("dataset.val")),
        html.number(t.number(len(now.exclusions)), t("dataset.dropped"), "warn" if now.exclusions else ""),
        html.number(t.number(now.waiting), t("dataset.waiting")),
    )
    return f'<section class="vw-card">{figures}{_action(t, now, frozen, fresh)}</section>'


def quality(t: Translator, now: Report, lacking: int) -> str:
    """The lights, each with what to do, and the pictures under them."""
    if not now.clips:
        return ""
    worst_first = sorted(now.grades, key=lambda grade: ("poor", "fair", "good").index(grade.level))
    lights = "".join(_light(t, grade) for grade in worst_first)
    measure = ""
    if lacking:
        button = html.action(t("dataset.measure", count=t.number(lacking)), "measure", elem_id="measure-dataset")
        measure = html.notice(t("dataset.unmeasured", count=t.number(lacking)), "info", button)
    return (
        f'<section><h3>{html.e(t("dataset.quality"))}</h3>{measure}<ul class="vw-lights vw-grades">{lights}</ul>'
        f"{_sound(t, now.clips)}{_texts(t, now.clips)}</section>"
    )


def grade_line(t: Translator, grade: Grade) -> str:
    """A grade's sentence."""
    digits = {"minutes": 1 if grade.values.get("minutes", 0) < 10 else 0, "spread": 1}
    values = {key: t.number(value, digits.get(key, 0)) for key, value in grade.values.items()}
    return t(f"dataset.light_{grade.key}_{grade.level}", **values)


def letters(t: Translator, present: Coverage) -> str:
    """Each letter of the language with how often it occurs; a sign as well as a colour for those that lack."""
    cells = ""
    for letter, count in sorted(present.letters.items()):
        tone = "good" if count >= ENOUGH else "fair" if count else "bad"
        label = t("dataset.letter", letter=letter, count=t.number(count))
        cells += (
            f'<li class="{tone}" title="{html.e(label)}"><b>{html.e(letter)}</b><span>{t.number(count)}</span></li>'
        )
    return f'<ul class="vw-letters" aria-label="{html.e(t("dataset.letters"))}">{cells}</ul>'


def _action(t: Translator, now: Report, frozen: list[DatasetInfo], fresh: bool) -> str:
    if fresh:
        notice = html.notice(t("dataset.is_current", id=frozen[0].name), "good")
        return notice + f'<div class="vw-row">{html.go(t("dataset.to_train"), "train")}</div>'
    off = "" if now.clips else t("dataset.nothing_usable")
    notice = html.notice(t("dataset.changed"), "info") if frozen else ""
    button = html.action(t("dataset.freeze"), "freeze", style="primary wide", off_reason=off, elem_id="freeze-dataset")
    review = html.go(t("dataset.more_review"), "review", style="") if now.waiting else ""
    row = f'<div class="vw-row">{button}{review}</div>{html.reason(off)}'
    return f'{notice}<p class="vw-dim">{html.e(t("dataset.freeze_help"))}</p>{row}'


def _light(t: Translator, grade: Grade) -> str:
    remedy = ""
    if grade.level != "good" and grade.key in _REMEDIES:
        tab, place = _REMEDIES[grade.key]
        remedy = html.go(t("common.go_to", tab=t(f"tabs.{tab}")), tab, style="quiet", view=place)
    return f"<li>{html.light(TONES[grade.level], grade_line(t, grade))}{remedy}</li>"


def _sound(t: Translator, clips: Sequence[Clip]) -> str:
    values: dict[str, list[float]] = {
        "lengths": [clip.seconds for clip in clips],
        "loudness": [level for clip in clips if (level := loudness(clip)) is not None],
        "noise": [clip.snr_db for clip in clips if clip.snr_db is not None],
        "bandwidth": [clip.bandwidth_hz / 1000 for clip in clips if clip.bandwidth_hz is not None],
        "rate": letters_per_s(clips),
    }
    return _pictures([_picture(t, name, numbers) for name, numbers in values.items() if numbers])


def _picture(t: Translator, name: str, values: Sequence[float]) -> str:
    edges = _EDGES[name]
    inside = [min(max(value, edges[0]), edges[-1]) for value in values]
    # The unit stands in the title: under a picture this small there is no room for it.
    svg = plots.histogram(inside, edges, "", t("dataset.clips_axis"), write=t.plain)
    return f'<div data-key="{name}"><h4>{html.e(t(f"dataset.{name}_title"))}</h4>{svg}</div>'


def _texts(t: Translator, clips: Sequence[Clip]) -> str:
    ends = Counter(ending(clip.text) for clip in clips)
    rows = [(t(f"dataset.ends_{name}"), ends[name]) for name in (*ENDS, "none")]
    endings = f"<div><h4>{html.e(t('dataset.endings_title'))}</h4>{_bars(t, rows, len(clips))}</div>"
    first = Counter(opening(clip.text) for clip in clips)
    rows = [(f"{word} …", count) for word, count in first.most_common(_OPENINGS_SHOWN)]
    openings = f"<div><h4>{html.e(t('dataset.openings_title'))}</h4>{_bars(t, rows, len(clips))}</div>"
    return _pictures([endings, openings])


def _bars(t: Translator, rows: Sequence[tuple[str, int]], total: int) -> str:
    lines = "".join(
        f'<tr><th scope="row">{html.e(label)}</th><td><i style="width:{round(100 * count / total)}%"></i></td>'
        f"<td>{t.number(count)}</td></tr>"
        for label, count in rows
    )
    return f'<table class="vw-bars">{lines}</table>'


def _pictures(pictures: Sequence[str]) -> str:
    return f'<div class="vw-halves vw-thirds">{"".join(pictures)}</div>'
