"""Findings in words: each is told once in either language, with its numbers and with no others."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.coach.claims import unsupported
from core.coach.rules import Facts, Finding, Light, judge
from core.dataset import grades
from core.training import diagnosis
from core.training.diagnosis import Remark
from tests.coach.test_rules import CASES, SOUND
from ui import html
from ui.i18n import LANGUAGES, Translator
from ui.tabs.train.coach import course, others, texts

# What each finding on the course names; the rest name nothing.
COURSE: dict[str, dict[str, float]] = {
    **{key: {"percent": 37} for key in ("learning", "slowly", "more", "more_anew")},
    "best": {"step": 1250},
    "enough": {"step": 1250, "checks": 7},
    "spike": {"step": 1250},
    **{key: {"count": 3} for key in ("went_back", "skipped", "smaller")},
    **{
        key: {}
        for key in (
            *("preparing", "just_begun", "no_validation", "unstable", "by_heart", "learnt_by_heart", "settled"),
            *("noisy", "too_slow", "state_lost"),
        )
    },
}
LIGHTS: dict[str, dict[str, float]] = {
    "amount": {"minutes": 7.5, "wanted": 30},
    "mix": {"short": 3, "long": 90, "count": 300},
    "sure": {"unsure": 44, "count": 300},
    "endings": {"unended": 60, "count": 300},
    "questions": {"questions": 2, "count": 300},
    "numbers": {"numbers": 1, "count": 300},
    "openings": {"same": 130, "count": 300},
    "coverage": {"percent": 81, "rare": 12, "count": 400},
    "noise": {"noisy": 90, "count": 300, "db": 17},
    "loudness": {"spread": 7.2},
    "bandwidth": {"narrow": 40, "count": 300},
    "rate": {"odd": 35, "count": 300},
}


def findings_of(facts: Facts) -> list[tuple[str, Finding]]:
    """One finding of each rule, by its name."""
    told = [(key, judge(facts, [Remark(key, values=dict(values))])[0]) for key, values in COURSE.items()]
    told += [(key, judge(replace(facts, **change), ())[0]) for change, key, *_ in CASES if "lights" not in change]
    for key, values in LIGHTS.items():
        for level in ("fair", "poor"):
            told.append((f"{key} {level}", judge(replace(facts, lights=(Light(key, level, values),)), ())[0]))
    told.append(("all_well", Finding("all_well", "good", about="settings")))
    return told


FINDINGS = findings_of(SOUND)


def test_there_is_an_example_of_every_rule() -> None:
    core = Path(diagnosis.__file__).parents[1]
    keys = set(re.findall(r'Remark\("(\w+)"', Path(diagnosis.__file__).read_text()))
    keys |= set(re.findall(r'Finding\("(\w+)"', (core / "coach" / "rules.py").read_text()))
    lights = set(re.findall(r'Grade\("(\w+)"', Path(grades.__file__).read_text()))
    assert keys <= {finding.key for _, finding in FINDINGS} and lights == LIGHTS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "finding"), FINDINGS, ids=[name for name, _ in FINDINGS])
def test_a_finding_is_told_once_with_its_numbers_and_no_others(name: str, finding: Finding, language: str) -> None:
    t = Translator(language)
    sentences = texts(t, finding)
    told = " ".join(sentences)
    assert "{" not in told and all(sentence.strip() for sentence in sentences)
    numbers = [t.number(value, digits) for value in finding.values.values() for digits in (0, 1, 2)]
    assert unsupported(told, numbers, 0) == [], "a number that no rule has found"
    assert re.search(r"\d", sentences[0]) or not finding.values or name.startswith(("amount", "enough"))
    view: Any = SimpleNamespace(job=SimpleNamespace(id="run"))
    run: Any = SimpleNamespace(id="run")
    page = course(t, view, [finding]) + others(t, run, [finding])
    assert re.sub(r"<[^>]+>", " ", page).count(html.e(sentences[0])) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_that_goes_well_says_so_in_one_line(language: str) -> None:
    t, run = Translator(language), SimpleNamespace(id="run")
    page = others(t, run, judge(SOUND, [Remark("learning", "good", {"percent": 20})]))  # type: ignore[arg-type]
    assert re.sub(r"<[^>]+>", "", page) == f"●{t('finding.all_well')}"
