"""Which checkpoints of a run go when there are too many; never one that somebody or something still needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.speech import exports
from core.training.commentary import best_checkpoint
from core.training.control import kept_steps
from core.training.run import Run


def crowded(steps: Sequence[int], most: int, needed: Collection[int]) -> list[int]:
    """Steps to remove so that ``most`` are left, those that lie closest between their neighbours first.

    What is left so stays spread over the whole run, and the ears have something to compare. The base (0), the first
    and the last never go, nor what is ``needed``; 0 keeps all.
    """
    left = sorted(step for step in steps if step > 0)
    gone: list[int] = []
    while most and len(left) > most:
        gaps = [(left[n + 1] - left[n - 1], left[n]) for n in range(1, len(left) - 1) if left[n] not in needed]
        if not gaps:
            break
        gone.append(min(gaps)[1])
        left.remove(gone[-1])
    return gone


def needed(run: Run) -> set[int]:
    """Steps that must stay: to resume from, the best, voted on, exported, asked to keep, wanted by a live job."""
    project = run.project
    names = {name for vote in project.store.votes() for name in (vote.left, vote.right)}
    names |= {f"{one.manifest.get('run_id')}:{one.manifest.get('step')}" for one in exports(project)}
    for job in project.all_jobs():
        if job.id != run.id and job.alive():
            asked = job.spec()["arguments"]
            names.add(f"{asked.get('run_id')}:{asked.get('step')}")
    found = {step for step in run.checkpoints.steps() if f"{run.id}:{step}" in names} | kept_steps(run.path)
    found |= set(run.checkpoints.resumable())
    best = best_checkpoint(run.read())
    return found | ({best} if best is not None else set())


def prune(run: Run) -> list[int]:
    """Remove what is too many; returns the steps. What they said stays on the disk and on the Train page."""
    gone = crowded(run.checkpoints.steps(), run.read().config.keep_checkpoints, needed(run))
    for step in gone:
        run.checkpoints.remove(step)
    return gone
