"""The self test: its button, and its table of ways with what each measure says."""

from __future__ import annotations

from core.project.workspace import Project
from core.synthesis.self_test import WayRow, has_self_test, newest_table
from core.synthesis.self_test import verdict as as_verdict
from ui import html
from ui.i18n import Translator
from ui.job_panel import job_panel


def self_test_panel(t: Translator, project: Project) -> str:
    """Nothing where the project's engine has no self test."""
    if not has_self_test(project.info.engine):
        return ""
    job, rows = newest_table(project) or (None, [])
    reason = t("self_test.running") if job and job.alive() and job.spec().kind == "self_test" else ""
    button = html.action(t("self_test.start"), "self-test", off_reason=reason, elem_id="self-test")
    about = f"{t('self_test.about')} {t('self_test.by_itself')}"
    head = f'<h3>{html.e(t("self_test.title"))}</h3><p class="vw-dim">{html.e(about)}</p>'
    parts = [head, f'<div class="vw-row">{button}</div>', html.reason(reason)]
    if job:
        verdict = str(job.read().result.get("verdict", ""))
        if job.spec().kind == "export":
            parts.append(f'<p class="vw-dim">{html.e(t("self_test.of_export"))}</p>')
            verdict = verdict or as_verdict([vars(row) for row in rows])
        if job.spec().kind == "self_test" and job.read().status != "done":
            parts.append(job_panel(t, job))
        elif verdict:
            tone = "good" if verdict == "good" else "warn"
            parts.append(html.notice(t(f"self_test.verdict_{verdict}"), tone))
        parts.append(_table(t, rows))
    return "".join(parts)


def _table(t: Translator, rows: list[WayRow]) -> str:
    if not rows:
        return ""
    columns = ("way", "likeness", "errors", "mel")
    head = "".join(f'<th scope="col">{html.e(t(f"self_test.{column}"))}</th>' for column in columns)
    body = "".join(_row(t, row) for row in rows)
    notes = "".join(f"<p>{html.light('bad', _problem(t, row))}</p>" for row in rows if row.problem)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="vw-scroll" tabindex="0">{table}</div>{notes}'


def _problem(t: Translator, row: WayRow) -> str:
    if row.way == "vocabulary":
        return t("self_test.letters", letters=row.problem)
    return t.error(**row.error) if row.error else row.problem


def _row(t: Translator, row: WayRow) -> str:
    name = html.e(t(f"self_test.way_{row.way}"))
    if row.equals and not row.problem:
        way = t(f"self_test.way_{row.equals}")
        name += " " + html.light(
            "good" if row.is_equal else "bad", t("self_test.same" if row.is_equal else "self_test.other", way=way)
        )
    if row.way == "vocabulary" and not row.problem:
        name += " " + html.light("good", t("self_test.letters_all"))
    cells = (
        "–" if row.likeness is None else t.number(row.likeness, 2),
        "–" if row.errors is None else f"{t.number(100 * row.errors)}%",
        "–" if row.mel_distance is None else t.number(row.mel_distance, 1),
    )
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{html.e(cell)}</td>" for cell in cells)}</tr>'
