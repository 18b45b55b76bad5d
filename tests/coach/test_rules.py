"""Rules of the coach: which facts give which findings, in which order, and which give none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.coach.language import likely_language
from core.coach.rules import Facts, Light, judge
from core.engines.options import TrainConfig
from core.evaluation.scorecard import Row, Scorecard
from core.evaluation.statistics import Estimate
from core.evaluation.verdict import Verdict
from core.training.diagnosis import Remark

NO_SCORES = Scorecard((), None, Verdict("few"), "")
SOUND = Facts(
    config=TrainConfig(max_steps=600, batch_size=4, accumulation=4, eval_every=50, learning_rate=2e-4),
    usual_rate=2e-4,
    is_active=True,
    has_ended=False,
    checkpoints=2,
    train=300,
    val=12,
    lights=(Light("noise", "good", {"noisy": 0, "count": 300, "db": 30}),),
    language="en",
    likely_language="en",
    card=NO_SCORES,
    memory_gb=None,
    card_gb=None,
    card_busy=None,
    on_processor=False,
    free_bytes=100 << 30,
    required_bytes=1 << 30,
)


def test_of_a_run_that_is_as_it_should_be_nothing_is_said() -> None:
    assert judge(SOUND, ()) == ()


def _config(**changes: Any) -> dict[str, Any]:
    return {"config": SOUND.config.model_copy(update=changes)}


def _scored(verdict: Verdict, **estimates: tuple[float, float]) -> dict[str, Any]:
    """Scores of the base and of update 300: each measure's mean before and now."""
    rows = tuple(
        Row(step, 20, {name: Estimate(means[place], 0, 1, 20) for name, means in estimates.items()})
        for place, step in enumerate((0, 300))
    )
    return {"card": Scorecard(rows, None, verdict, "tiny")}


CASES: list[tuple[dict[str, Any], str, str, dict[str, float]]] = [
    (_config(max_steps=30, eval_every=5), "few_times", "warn", {"times": 1.6, "updates": 375}),
    (_config(max_steps=6000), "many_times", "info", {"times": 320.0}),
    (_config(learning_rate=2e-3), "rate_high", "warn", {"times": 10.0}),
    (_config(eval_every=300), "few_checks", "info", {"checks": 2, "every": 60}),
    ({"val": 2}, "few_held_out", "info", {"count": 2}),
    ({"likely_language": "pt"}, "wrong_language", "warn", {}),
    ({"lights": (Light("noise", "poor", {"noisy": 90}),)}, "noise", "warn", {"noisy": 90}),
    ({"lights": (Light("questions", "fair", {"questions": 3}),)}, "questions", "info", {"questions": 3}),
    ({"is_active": False, "has_ended": True}, "unscored", "info", {"count": 2}),
    (_scored(Verdict("keep", 300)), "better", "good", {"step": 300}),
    (_scored(Verdict("votes", 300)), "chosen", "good", {"step": 300}),
    (_scored(Verdict("base", 300)), "none_better", "warn", {"step": 300}),
    (_scored(Verdict("few"), faulty=(0.0, 0.35)), "ends_bad", "warn", {"step": 300, "percent": 35.0}),
    (_scored(Verdict("few"), likeness=(0.7, 0.6)), "less_like", "warn", {"step": 300, "now": 0.6, "before": 0.7}),
    ({"free_bytes": 2 << 30}, "disk_tight", "warn", {"free": 2.0, "wanted": 1.0}),
    ({"on_processor": True, "card_gb": 24.0}, "card_unused", "warn", {"card": 24.0}),
    ({"card_busy": 0.12, "card_gb": 24.0}, "card_idle", "info", {"percent": 12.0}),
    ({"memory_gb": 6.0, "card_gb": 24.0}, "card_roomy", "info", {"used": 6.0, "card": 24.0, "clips": 8}),
]


@pytest.mark.parametrize(("change", "key", "level", "values"), CASES, ids=[case[1] for case in CASES])
def test_each_rule_sees_its_fact_and_nothing_else(
    change: dict[str, Any], key: str, level: str, values: dict[str, float]
) -> None:
    (finding,) = judge(replace(SOUND, **change), ())
    assert (finding.key, finding.level) == (key, level)
    assert dict(finding.values) == pytest.approx(values)


def test_what_was_asked_of_the_card_is_no_room_to_spare() -> None:
    config = SOUND.config.model_copy(update={"accumulation": 1, "batch_size": 16})
    assert judge(replace(SOUND, config=config, memory_gb=6.0, card_gb=24.0), ()) == ()


def test_the_course_comes_first_then_what_is_pressing() -> None:
    changed = replace(SOUND, val=2, likely_language="pt", **_scored(Verdict("keep", 300)))
    found = judge(changed, [Remark("learning", "good", {"percent": 20})])
    assert [finding.key for finding in found] == ["learning", "wrong_language", "better", "few_held_out"]


def _keys(course: list[Remark], **changes: Any) -> list[str]:
    return [finding.key for finding in judge(replace(SOUND, **changes), course)]


HEARD_FEW = _config(max_steps=30, eval_every=5)
QUICK = _config(learning_rate=2e-3)


@pytest.mark.parametrize(
    ("course", "changes", "said"),
    [
        (["unstable", "too_slow"], {}, ["unstable"]),
        (["settled", "too_slow"], QUICK, ["too_slow"]),
        (["learnt_by_heart"], HEARD_FEW, ["learnt_by_heart"]),
        (["settled"], HEARD_FEW, ["settled", "all_well"]),
        (["more"], _config(max_steps=6000), ["more", "all_well"]),
        (["learning", "smaller"], {"card_busy": 0.12, "memory_gb": 6.0, "card_gb": 24.0}, ["learning", "smaller"]),
        (["settled", "best"], _scored(Verdict("keep", 300)), ["settled", "better"]),
        (["settled", "best"], _scored(Verdict("votes", 300)), ["settled", "chosen"]),
        (["learning"], HEARD_FEW, ["learning", "few_times"]),
        (["learning"], QUICK, ["learning", "rate_high"]),
    ],
)
def test_of_findings_that_contradict_each_other_the_weightier_one_is_told(
    course: list[str], changes: dict[str, Any], said: list[str]
) -> None:
    tones = {"unstable": "warn", "too_slow": "warn", "learnt_by_heart": "warn", "smaller": "warn"}
    assert _keys([Remark(key, tones.get(key, "good")) for key in course], **changes) == said


@pytest.mark.parametrize("key", ["learning", "slowly", "settled", "more"])
def test_a_run_that_goes_well_in_all_says_so_once(key: str) -> None:
    assert _keys([Remark(key, "good")]) == [key, "all_well"]


@pytest.mark.parametrize(
    ("course", "changes"), [(["just_begun"], {}), (["preparing"], {}), (["learning"], {"val": 2}), (["by_heart"], {})]
)
def test_of_a_run_that_has_just_begun_or_of_which_something_is_said_it_is_not(
    course: list[str], changes: dict[str, Any]
) -> None:
    assert "all_well" not in _keys([Remark(key) for key in course], **changes)


def test_the_same_facts_give_the_same_findings() -> None:
    changed = replace(SOUND, val=2, on_processor=True, card_gb=8.0)
    assert judge(changed, ()) == judge(changed, ())


TEXTS = {
    "en": "The bus to the station is late, and we have to wait for the next one. It is cold and dark. ",
    "pt": "O ônibus para a estação está atrasado, e nós temos que esperar pelo próximo. Não é longe da praça. ",
    "es": "El autobús para la estación llega tarde y tenemos que esperar el próximo. Los niños están en la plaza. ",
    "de": "Der Bus zum Bahnhof ist zu spät, und wir warten auf den nächsten. Es ist kalt und auch dunkel. ",
    "fr": "Le bus pour la gare est en retard et nous attendons le suivant. Il fait froid dans la rue. ",
    "it": "Il treno per la città non è ancora qui e noi aspettiamo nella piazza. Sono anche un po' stanco. ",
    "ru": "Автобус на вокзал опаздывает, и мы ждём следующего. На улице холодно и темно. ",
    "ja": "駅へ行くバスはおくれています。つぎのバスをまちましょう。そとはさむくてくらいです。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_is_told_by_its_small_words(language: str) -> None:
    assert likely_language(TEXTS[language] * 6) == language


@pytest.mark.parametrize("text", ["", "The bus is late.", "Lorem ipsum dolor sit amet " * 30, "1 2 3 " * 100])
def test_what_is_short_or_none_of_them_is_no_language(text: str) -> None:
    assert likely_language(text) == ""


def test_half_of_each_is_no_language() -> None:
    assert likely_language(TEXTS["en"] * 6 + TEXTS["de"] * 6) == ""
