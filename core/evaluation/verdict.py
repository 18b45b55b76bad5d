"""Verdict on a run: which checkpoint to keep, or that none is better than the base, with the reasons. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.evaluation.scores import Score, recogniser_of
from core.evaluation.statistics import Estimate, estimate
from core.measures.noticed import ALIKE, NOTICED

MEASURES: dict[str, Callable[[Score], float | None]] = {
    "cer": lambda score: 1.0 if score.failed else score.cer,
    "wer": lambda score: 1.0 if score.failed else score.wer,
    "likeness": lambda score: score.likeness,
    "own_likeness": lambda score: score.own_likeness,
    "naturalness": lambda score: score.naturalness,
    "faulty": lambda score: float(not score.clean),
    "failed": lambda score: float(score.failed),
    "letters_per_s": lambda score: score.letters_per_s,
    "pitch_hz": lambda score: score.pitch_hz,
    "pitch_spread": lambda score: score.pitch_spread,
    "bandwidth_hz": lambda score: score.bandwidth_hz,
    "real_time": lambda score: score.took_s / score.seconds if score.took_s and score.seconds else None,
}
_LEAST_SENTENCES = 5
_BY_HEARING = ("cer", "wer")

Kind = Literal["keep", "base", "votes", "few"]


@dataclass(frozen=True)
class Reason:
    """A half-sentence by its key, with the values it names."""

    key: str
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What to keep and why.

    ``keep`` names the ``step``; ``base`` says that none is better, ``step`` being the nearest; ``votes`` that people's
    votes have decided for ``step``; ``few`` that there is too little to tell.
    """

    kind: Kind
    step: int = 0
    reasons: tuple[Reason, ...] = ()
    help: str = ""


def values_by_text(scores: Sequence[Score], measure: str) -> dict[str, list[float]]:
    """A measure of each sentence, once for each seed; what could not be measured is left out."""
    values: dict[str, list[float]] = defaultdict(list)
    if measure in _BY_HEARING and any(score.measured for score in scores) and not any(map(recogniser_of, scores)):
        return {}  # nobody listened: of failures alone, which count as misheard, the mean would be 100 %
    for score in scores:
        value = MEASURES[measure](score)
        if value is not None:
            values[score.text].append(value)
    return dict(values)


def difference(scores: Sequence[Score], base: Sequence[Score], measure: str) -> Estimate | None:
    """How far a checkpoint is above the base, sentence by sentence and seed by seed."""
    of = MEASURES[measure]
    return estimate(_paired(scores, base, lambda score, counterpart: _minus(of(score), of(counterpart))))


def overall(scores: Sequence[Score], base: Sequence[Score]) -> Estimate | None:
    """How much better than the base, in steps a listener notices (`NOTICED`), all measures together."""
    return estimate(gains_by_text(scores, base))


def gains_by_text(scores: Sequence[Score], base: Sequence[Score]) -> dict[str, list[float]]:
    """The same of each sentence, once for each seed."""
    return _paired(scores, base, _noticed)


def decide(by_step: Mapping[int, Sequence[Score]]) -> Verdict:
    """The verdict by numbers.

    Of the checkpoints that are better than the base with 95 % the earliest is taken that is not surely worse than the
    best of them: what more training doesn't surely bring isn't worth its risks.

    Args:
        by_step: scores of the base (step 0) and of the checkpoints that can still be had.
    """
    base = by_step.get(0, ())
    gains = {step: overall(scores, base) for step, scores in sorted(by_step.items()) if step > 0}
    clear = {step: gain for step, gain in gains.items() if gain is not None and gain.count >= _LEAST_SENTENCES}
    if not base or not clear:
        return Verdict("few")
    best = max(clear, key=lambda step: clear[step].mean)
    better = better_than_base(clear)
    if best not in better:
        return _none_better(best, by_step[best], base)
    step = next(step for step in better if _as_good(by_step[step], by_step[best]))
    successors = [by_step[number] for number in sorted(clear) if number > step]
    return Verdict("keep", step, (*_reasons(by_step[step], base), *_later(by_step[step], successors)))


def better_than_base(gains: Mapping[int, Estimate]) -> list[int]:
    """The steps, in order, whose `overall` gain is no chance: the best of many is above nothing by that alone.

    Each has to stand out among as many as there are, and by something that is noticed. `benchmarks.verdict` tells how
    often one is named where none is better: in about 5 of 100 runs.
    """
    return [step for step in sorted(gains) if gains[step].stands_out(len(gains)) and gains[step].mean > ALIKE]


def _as_good(scores: Sequence[Score], best: Sequence[Score]) -> bool:
    lag = overall(scores, best)
    return lag is not None and not lag.surely_below and lag.mean > -ALIKE


def _paired(
    scores: Sequence[Score], base: Sequence[Score], compare: Callable[[Score, Score], float | None]
) -> dict[str, list[float]]:
    counterparts = {(score.text, score.seed): score for score in base}
    pairs: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        counterpart = counterparts.get((score.text, score.seed))
        if counterpart is None:
            continue
        value = compare(score, counterpart)
        if value is not None:
            pairs[score.text].append(value)
    return dict(pairs)


def _noticed(score: Score, counterpart: Score) -> float | None:
    steps = []
    for measure, unit in NOTICED.items():
        gain = _minus(MEASURES[measure](score), MEASURES[measure](counterpart))
        if gain is not None:
            steps.append(gain / unit)
    return sum(steps) if steps else None


def _minus(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def _reasons(scores: Sequence[Score], base: Sequence[Score]) -> list[Reason]:
    """How it compares with the base: clear, like the speaker, natural, and how often it ends as it should."""
    reasons = []
    for measure, name in (("cer", "clear"), ("likeness", "like"), ("naturalness", "natural")):
        change = difference(scores, base, measure)
        if change is None:
            continue
        course = _course(change, NOTICED[measure])
        if measure == "naturalness" and course == "same":
            continue
        mean, before = (estimate(values_by_text(part, measure)) for part in (scores, base))
        if mean is not None and before is not None:
            reasons.append(Reason(f"{name}_{course}", {"now": mean.mean, "before": before.mean}))
    clean = sum(score.clean for score in scores)
    return [*reasons, Reason("ends", {"clean": clean, "count": len(scores)})]


def _course(change: Estimate, unit: float) -> str:
    """``more``, ``less`` or ``same``, more being better."""
    better = change.surely_above if unit > 0 else change.surely_below
    worse = change.surely_below if unit > 0 else change.surely_above
    if abs(change.mean) < ALIKE * abs(unit):
        return "same"
    return "more" if better else "less" if worse else "same"


def _later(scores: Sequence[Score], successors: Sequence[Sequence[Score]]) -> list[Reason]:
    """What more training brought, where there was more."""
    if not successors:
        return []
    last = successors[-1]
    reasons = []
    for measure, name in (("likeness", "like"), ("cer", "clear"), ("faulty", "ends")):
        change = difference(last, scores, measure)
        if change is None:
            continue
        course = _course(change, NOTICED[measure])
        if course == "less":
            reasons.append(Reason(f"later_{name}_less"))
        elif measure == "likeness" and course == "same":
            reasons.append(Reason("later_like_same"))
    return reasons


def _none_better(step: int, scores: Sequence[Score], base: Sequence[Score]) -> Verdict:
    """The nearest checkpoint, how it compares, and what usually helps against what is worst about it."""
    worst, highest = "like", 0.0
    for measure, name in (("cer", "clear"), ("faulty", "ends"), ("naturalness", "natural")):
        change = difference(scores, base, measure)
        if change is not None and change.mean / NOTICED[measure] < highest:
            worst, highest = name, change.mean / NOTICED[measure]
    return Verdict("base", step, tuple(_reasons(scores, base)), f"help_{worst}")
