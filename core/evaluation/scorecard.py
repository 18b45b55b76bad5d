"""Scorecard of a run: each checkpoint, the base and the real voice in numbers with intervals, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.evaluation.scores import Score, read_scores, recogniser_of
from core.evaluation.statistics import Estimate, estimate
from core.evaluation.verdict import MEASURES, Verdict, decide, overall, values_by_text
from core.listening.candidates import candidates, same_voice
from core.listening.listeners import trusted_names
from core.listening.ranking import table
from core.project.workspace import Project
from core.synthesis.voices import VoiceChoice, voice
from core.training.checkpoints import HASHES, SCORES, Checkpoints, fingerprint
from core.training.run import Run, runs


@dataclass(frozen=True)
class Row:
    """One voice: ``step`` of the checkpoint, 0 for the base, None for the real recordings.

    ``estimates`` are by measure, those that could be taken; ``gain`` is how much better it is than the base in all, in
    steps that a listener notices; None of the base and the real voice.
    """

    step: int | None
    count: int
    estimates: Mapping[str, Estimate]
    gain: Estimate | None = None


@dataclass(frozen=True)
class Scorecard:
    """All rows (the base first, then by step), the real voice, the verdict, and who listened ("" if nobody)."""

    rows: tuple[Row, ...]
    real: Row | None
    verdict: Verdict
    recogniser: str

    @property
    def points(self) -> dict[str, list[tuple[int, Estimate]]]:
        """Each measure over the updates."""
        return {
            measure: [(row.step, row.estimates[measure]) for row in self.rows if row.step and measure in row.estimates]
            for measure in MEASURES
        }


def scorecard(project: Project, run: Run) -> Scorecard:
    """The scorecard of a run as far as it is scored; checkpoints that are gone are left out.

    Votes outweigh numbers once they have decided for one of its checkpoints, or for its base.
    """
    return _outweighed(run, _winners(project))


def _outweighed(run: Run, winners: Sequence[CheckpointRef]) -> Scorecard:
    steps = tuple(run.checkpoints.steps())
    card = _by_numbers(run.path, run.base_id, steps, _stamp(run, steps))
    winner = next((winner for winner in winners if winner.run_id == run.id and winner.step in (0, *steps)), None)
    if winner is not None:
        verdict = Verdict("votes", winner.step, card.verdict.reasons if card.verdict.step == winner.step else ())
        return Scorecard(card.rows, card.real, verdict, card.recogniser)
    return card


def real_voice(run: Run) -> Mapping[str, Estimate]:
    """The measures of the real voice beside a run, those that could be taken; empty before it was measured."""
    scores = _judged(read_scores(run.path, None))
    return _row(None, scores, None).estimates if scores else {}


def recommended_step(project: Project, run: Run) -> int | None:
    """The checkpoint of a run to keep: by votes or by numbers; None where neither tells, or the base is as good."""
    return _step_to_keep(scorecard(project, run).verdict)


def recommended(project: Project) -> CheckpointRef | None:
    """The checkpoint to go on with: that which votes have decided for, else that of the newest run that has one.

    None where neither tells, or votes have decided for a base voice: of all that can be heard, that is the best.
    """
    if winners := _winners(project):
        return winners[0] if winners[0].step > 0 else None
    for run in runs(project):
        step = _step_to_keep(_outweighed(run, ()).verdict)
        if step is not None:
            return CheckpointRef(run.id, step)
    return None


def usual_voice(project: Project) -> VoiceChoice | None:
    """What speaks where nobody chose: the newest saved voice, else the recommended checkpoint, else the newest one."""
    first = voice(project, "")
    best = recommended(project) if first and not first.saved else None
    return voice(project, best.name) if best else first


def _step_to_keep(verdict: Verdict) -> int | None:
    return verdict.step if verdict.kind in ("keep", "votes") and verdict.step > 0 else None


def _winners(project: Project) -> tuple[CheckpointRef, ...]:
    """What votes have decided for: a checkpoint, or a base voice by its name in each run; none while undecided.

    Found out anew only after a vote, or when there is another voice to hear.
    """
    if not project.figures.vote_count():
        return ()
    pool, listeners = candidates(project), tuple(trusted_names(project))

    def find() -> tuple[CheckpointRef, ...]:
        winner = table(project, pool).winner
        return () if winner is None else same_voice(pool, winner)

    depends = (tuple(candidate.checkpoint for candidate in pool), listeners)
    return project.figures.kept_while_unchanged("winner", find, depends)


def _stamp(run: Run, steps: tuple[int, ...]) -> tuple[tuple[str, int, int], ...]:
    """Changes with any score of the run, and with the weights of any checkpoint."""
    files = [run.checkpoints.folder(step) / HASHES for step in steps]
    return tuple(_version(path) for path in (*sorted((run.path / SCORES).glob("*.json")), *files))


def _version(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except FileNotFoundError:  # the base has no weights, and a checkpoint may go meanwhile
        return str(path), 0, 0
    return str(path), about.st_mtime_ns, about.st_size


@lru_cache(maxsize=32)
def _by_numbers(run: Path, base_id: str, steps: tuple[int, ...], _stamp: object) -> Scorecard:
    by_step: dict[int, tuple[Score, ...]] = {}
    for step in (0, *(step for step in steps if step > 0)):
        checkpoint = Checkpoints(run).folder(step) if step else None
        scores = _judged(read_scores(run, step, fingerprint(base_id, checkpoint)))
        if scores:
            by_step[step] = scores
    base = by_step.get(0, ())
    rows = [_row(step, scores, overall(scores, base) if step and base else None) for step, scores in by_step.items()]
    real = _judged(read_scores(run, None))
    listeners = {recogniser_of(score) for scores in by_step.values() for score in scores} - {""}
    return Scorecard(
        tuple(rows), _row(None, real, None) if real else None, decide(by_step), ", ".join(sorted(listeners))
    )


def _judged(scores: tuple[Score, ...]) -> tuple[Score, ...]:
    """Those that are measured, or that failed."""
    return tuple(score for score in scores if score.measured or score.failure)


def _row(step: int | None, scores: tuple[Score, ...], gain: Estimate | None) -> Row:
    estimates = {measure: estimate(values_by_text(scores, measure)) for measure in MEASURES}
    return Row(step, len(scores), {name: value for name, value in estimates.items() if value is not None}, gain)
