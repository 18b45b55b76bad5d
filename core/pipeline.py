"""Pipeline status: the steps of a project and its card on Home, derived from what is on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core import inspection
from core.checkpoint_ref import step_of
from core.damage import read_all
from core.dataset.freeze import latest
from core.errors import UserError
from core.jobs.job import JobView
from core.jobs.locks import is_locked
from core.project.records import Totals
from core.project.workspace import Project, Workspace

KEYS = ("sources", "segments", "transcripts", "review", "dataset", "train", "listen", "speak")


@dataclass(frozen=True)
class StepState:
    """One step. ``state`` is empty, partial or done; ``count`` of ``total`` items; ``seconds`` of material.

    Items are recordings, clips, clips with text, reviewed clips, clips in the newest dataset, runs, votes, and takes
    with exports.
    """

    key: str
    state: str
    count: int = 0
    total: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class ProjectCard:
    """A project as a card. ``furthest`` is the furthest step begun (empty if none), ``next`` as `onward` says.

    ``seconds`` is the length of its recordings, ``created`` Unix time.
    """

    slug: str
    name: str
    language: str
    engine: str
    demo: bool
    created: float
    seconds: float
    steps: tuple[StepState, ...]
    furthest: str
    next: str
    running: JobView | None
    problem: UserError | None = None
    """Why its records cannot be read."""


def steps(project: Project) -> list[StepState]:
    """All steps in order. Cheap enough for every tick of a page. Where the records cannot be read, all are empty."""
    try:
        totals = project.figures.totals()
        votes = project.figures.vote_count()
    except UserError:
        return [StepState(key, "empty") for key in KEYS]
    speech_count = _count(project.takes, "*.json") + _count(project.exports, "*/manifest.json")
    return [
        StepState("sources", "done" if totals.sources else "empty", totals.sources, totals.sources, totals.source_s),
        StepState("segments", _segments(totals), totals.clips, totals.clips, totals.clip_s),
        _of("transcripts", totals.transcribed, totals.clips, totals.clip_s),
        _of("review", totals.approved + totals.rejected, totals.clips, totals.approved_s),
        _dataset(project, totals),
        _train(project),
        StepState("listen", "done" if votes else "empty", votes, votes),
        StepState("speak", "done" if speech_count else "empty", speech_count, speech_count),
    ]


def onward(states: list[StepState]) -> str:
    """The step to go on with: the furthest that was begun until it is done, then the one after it.

    What is open further back (a new recording, clips not reviewed) holds nobody up who has gone on without it.
    """
    furthest = next((at for at in reversed(range(len(states))) if states[at].state != "empty"), -1)
    if furthest >= 0 and states[furthest].state != "done":
        return states[furthest].key
    return states[min(furthest + 1, len(states) - 1)].key


def onward_from(key: str, states: list[StepState]) -> str:
    """Where the page of a step leads on to: to the one after it until that is done, then as `onward` says."""
    following = min(KEYS.index(key) + 1, len(KEYS) - 1)
    if states[following].state != "done":
        return KEYS[following]
    return KEYS[max(following, KEYS.index(onward(states)))]


def project_cards(workspace: Workspace) -> list[ProjectCard]:
    """A card for each project, newest first."""
    return read_all(workspace.projects(), _card)


def _card(project: Project) -> ProjectCard:
    info, states, job = project.info, steps(project), project.running()
    problem = inspection.records_error(project)
    return ProjectCard(
        slug=project.slug,
        name=info.name,
        language=info.language,
        engine=info.engine,
        demo=info.demo,
        created=info.created,
        seconds=states[0].seconds,
        steps=tuple(states),
        furthest=next((step.key for step in reversed(states) if step.state != "empty"), ""),
        next=onward(states),
        problem=problem,
        running=job.read() if job else None,
    )


def _of(key: str, count: int, total: int, seconds: float) -> StepState:
    state = "empty" if not count else "done" if count >= total else "partial"
    return StepState(key, state, count, total, seconds if count else 0.0)


def _segments(totals: Totals) -> str:
    if not totals.clips:
        return "empty"
    return "done" if totals.segmented >= totals.sources else "partial"


def _dataset(project: Project, totals: Totals) -> StepState:
    newest = latest(project)
    if newest is None:
        return StepState("dataset", "empty")
    # What was corrected or approved since then is not in it.
    state = "partial" if totals.edited_at > newest.at else "done"
    return StepState("dataset", state, newest.clips, newest.clips, newest.seconds)


def _train(project: Project) -> StepState:
    runs = [path.parent for path in project.runs.glob("*/job.json")]
    # Step 0 is the base voice; only what comes after it was learnt.
    learnt = any(step_of(path.name) for run in runs for path in (run / "checkpoints").glob("*"))
    at_work = any(is_locked(run / "lock") for run in runs)
    state = "done" if learnt and not at_work else "partial" if runs else "empty"
    return StepState("train", state, len(runs), len(runs))


def _count(folder: Path, pattern: str) -> int:
    return len(list(folder.glob(pattern)))
