"""Rules of the coach: from facts of a run to findings, the same facts always giving the same ones. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.engines.options import TrainConfig
from core.evaluation.scorecard import Row, Scorecard
from core.training.diagnosis import Remark

About = Literal["course", "scores", "dataset", "settings", "machine"]

_FEW_TIMES, _MANY_TIMES = 3, 200  # how often each clip is heard in a run
_WANTED_TIMES = 20
_MANY_RATES = 4.0  # times the preset's learning rate
_FEW_CHECKS = 5  # measurements in a whole run
_FEW_HELD_OUT = 3  # clips
_OFTEN_FAULTY = 0.2  # share of sentences with a start or an end that is not clean
_LESS_LIKE = -0.05  # a loss of likeness that is heard
_ROOMY = 0.45  # of the card's memory
_IDLE = 0.3  # of the time that a card is busy
_TIGHT_DISK = 3  # times what a run takes
_ORDER = ("warn", "good", "info")
_COURSES = frozenset({"learning", "slowly", "settled", "more"})  # of a run that goes well, or did
# Which findings are left unsaid beside which: what was seen counts more than what a setting lets expect, and nobody is
# told two things that cannot both be done. In this order, as one that is left unsaid silences none.
_OUTWEIGHS: Mapping[str, frozenset[str]] = {
    "unstable": frozenset({"too_slow"}),
    "too_slow": frozenset({"settled", "slowly", "more", "rate_high"}),
    **{key: frozenset({"few_times"}) for key in ("by_heart", "learnt_by_heart", "settled", "enough")},
    "more": frozenset({"many_times"}),
    "more_anew": frozenset({"many_times"}),
    "smaller": frozenset({"card_idle", "card_roomy"}),
    "better": frozenset({"best"}),
    "chosen": frozenset({"best"}),
}


@dataclass(frozen=True)
class Finding:
    """What is seen, by its ``key`` and ``values``; the page says what it means and what to do about it.

    Attributes:
        key: of its sentences.
        level: good, info or warn.
        values: numbers that the sentences name; ``words`` what else they name: codes of languages.
        about: which part of the run it is about.
        tab: where to act; "" for here.
        offer: a button beside it: "keep" stops and keeps the checkpoint ``values["step"]``, "score" has all scored.
        light: the level of a dataset's light, whose sentence is then what is seen.
    """

    key: str
    level: str = "info"
    values: Mapping[str, float] = field(default_factory=dict)
    about: About = "course"
    tab: str = ""
    offer: str = ""
    light: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Light:
    """A traffic light of a frozen dataset (`core.dataset.grades.Grade`)."""

    key: str
    level: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Facts:
    """What the rules look at: ``train`` and ``val`` clips; ``card_gb`` None without one."""

    config: TrainConfig
    usual_rate: float
    is_active: bool
    has_ended: bool
    checkpoints: int
    train: int
    val: int
    lights: Sequence[Light]
    language: str
    likely_language: str
    card: Scorecard
    memory_gb: float | None
    card_gb: float | None
    card_busy: float | None
    on_processor: bool
    free_bytes: int
    required_bytes: int


def judge(facts: Facts, course: Sequence[Remark]) -> tuple[Finding, ...]:
    """All findings: the course of the run first, for which one comes; then warnings, good news, the rest.

    Of those that contradict each other the weightier one; where nothing else stands out in a run that goes well, that.
    """
    first = [_of_remark(remark) for remark in course]
    rest = [*_of_machine(facts), *_of_language(facts), *_of_scores(facts), *_of_settings(facts), *_of_dataset(facts)]
    keys = {finding.key for finding in (*first, *rest) if not finding.light}
    for key, lesser in _OUTWEIGHS.items():
        if key in keys:
            keys -= lesser
    first, rest = ([entry for entry in part if entry.light or entry.key in keys] for part in (first, rest))
    goes_well = bool(_COURSES & keys) and not any(finding.level == "warn" for finding in first)
    if goes_well and not rest:
        rest.append(Finding("all_well", "good", about="settings"))
    return (*first, *sorted(rest, key=lambda finding: _ORDER.index(finding.level)))


def _of_remark(remark: Remark) -> Finding:
    tab = "review" if remark.key == "spike" else ""  # to Listen leads the run's own button
    return Finding(remark.key, remark.tone, remark.values, "course", tab, remark.offer)


def _of_settings(facts: Facts) -> Iterator[Finding]:
    config = facts.config
    clips = config.clips_per_update
    if facts.train:
        times = config.max_steps * clips / facts.train
        if times < _FEW_TIMES:
            updates = -(-_WANTED_TIMES * facts.train // clips)
            yield Finding("few_times", "warn", {"times": times, "updates": updates}, "settings")
        elif times > _MANY_TIMES:
            yield Finding("many_times", "info", {"times": times}, "settings")
    if facts.usual_rate and config.learning_rate >= _MANY_RATES * facts.usual_rate:
        yield Finding("rate_high", "warn", {"times": config.learning_rate / facts.usual_rate}, "settings")
    checks = config.max_steps // config.eval_every
    if facts.val and checks < _FEW_CHECKS:
        values = {"checks": checks, "every": max(1, config.max_steps // (2 * _FEW_CHECKS))}
        yield Finding("few_checks", "info", values, "settings")


def _of_dataset(facts: Facts) -> Iterator[Finding]:
    if 0 < facts.val < _FEW_HELD_OUT:
        yield Finding("few_held_out", "info", {"count": facts.val}, "dataset", "dataset")
    for light in facts.lights:
        if light.level in ("poor", "fair"):
            level = "warn" if light.level == "poor" else "info"
            yield Finding(light.key, level, light.values, "dataset", "dataset", light=light.level)


def _of_language(facts: Facts) -> Iterator[Finding]:
    own, likely = facts.language.split("-")[0], facts.likely_language
    if own and likely and likely != own:
        words = {"own": own, "likely": likely}
        yield Finding("wrong_language", "warn", {}, "dataset", "home", words=words)


def _of_scores(facts: Facts) -> Iterator[Finding]:
    card, verdict = facts.card, facts.card.verdict
    if not card.rows:
        if facts.has_ended and facts.checkpoints:
            yield Finding("unscored", "info", {"count": facts.checkpoints}, "scores", "listen", "score")
        return
    if verdict.kind == "keep":
        yield Finding("better", "good", {"step": verdict.step}, "scores", "listen")
    elif verdict.kind == "votes":
        yield Finding("chosen", "good", {"step": verdict.step}, "scores", "speak")
    elif verdict.kind == "base":
        yield Finding("none_better", "warn", {"step": verdict.step}, "scores", "listen")
    row = _told_row(card)
    if row is None:
        return
    faulty = row.estimates.get("faulty")
    if faulty is not None and faulty.mean >= _OFTEN_FAULTY:
        values = {"step": row.step or 0, "percent": 100 * faulty.mean}
        yield Finding("ends_bad", "warn", values, "scores", "listen")
    before = next((base.estimates.get("likeness") for base in card.rows if base.step == 0), None)
    now = row.estimates.get("likeness")
    if before and now and now.mean - before.mean <= _LESS_LIKE:
        values = {"step": row.step or 0, "now": now.mean, "before": before.mean}
        yield Finding("less_like", "warn", values, "scores", "dataset")


def _told_row(card: Scorecard) -> Row | None:
    """The checkpoint to judge the run by: the one to keep, else the last that is scored."""
    checkpoints = [row for row in card.rows if row.step]
    return next((row for row in checkpoints if row.step == card.verdict.step), checkpoints[-1] if checkpoints else None)


def _of_machine(facts: Facts) -> Iterator[Finding]:
    if facts.is_active and facts.free_bytes < _TIGHT_DISK * facts.required_bytes:
        values = {"free": facts.free_bytes / 2**30, "wanted": facts.required_bytes / 2**30}
        yield Finding("disk_tight", "warn", values, "machine", "system")
    if facts.on_processor and facts.card_gb:
        yield Finding("card_unused", "warn", {"card": facts.card_gb}, "machine")
    if facts.is_active and not facts.on_processor and facts.card_busy is not None and facts.card_busy < _IDLE:
        yield Finding("card_idle", "info", {"percent": 100 * facts.card_busy}, "machine")
    roomy = facts.memory_gb and facts.card_gb and facts.memory_gb < _ROOMY * facts.card_gb
    if roomy and not facts.on_processor and (facts.config.accumulation > 1 or facts.config.gradient_checkpointing):
        values = {"used": facts.memory_gb or 0.0, "card": facts.card_gb or 0.0, "clips": 2 * facts.config.batch_size}
        yield Finding("card_roomy", "info", values, "machine")
