"""One decision on many new clips: approving what looks right, rejecting what is flagged or silent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.project.records import ClipFilter
from core.project.workspace import Project

THRESHOLDS = (0.95, 0.9, 0.85, 0.8, 0.7)  # how sure recognition must be, as offered for approving many at once
LOOKS_RIGHT = 0.85  # the one that is offered first
AGREEMENTS = (0.0, 0.02, 0.05, 0.1)  # by how much two models may differ, as offered for approving many at once


def sure_counts(project: Project, *, with_flags: bool = False) -> dict[float, int]:
    """How many new clips each of the thresholds would approve; see `approve_sure`."""
    return project.figures.sure_counts(THRESHOLDS, without_flags=not with_flags)


def agreement_counts(project: Project) -> dict[float, int]:
    """How many new clips `approve_agreed` would approve at each of the levels."""
    return project.figures.agreement_counts(AGREEMENTS)


@dataclass(frozen=True)
class BulkDecision:
    """One decision on many clips at once: on which, and what becomes of them."""

    clip_filter: ClipFilter
    status: str
    reason: str = ""


def approve_sure(threshold: float = LOOKS_RIGHT, *, with_flags: bool = False) -> BulkDecision:
    """Approve every new clip with a text of at least this confidence, the least sure first.

    Those worth a second look are left out, unless ``with_flags``.
    """
    clip_filter = ClipFilter("new", sort="confidence", sure=max(0.01, threshold), without_flags=not with_flags)
    return BulkDecision(clip_filter, "approved")


def approve_agreed(most_mismatch: float) -> BulkDecision:
    """Approve every new clip without a flag on whose text two models agree but for this much, the furthest first."""
    clip_filter = ClipFilter("new", sort="mismatch", without_flags=True, most_mismatch=most_mismatch)
    return BulkDecision(clip_filter, "approved")


def reject_flagged(flag: str) -> BulkDecision:
    """Reject every new clip with this flag, which is then the reason."""
    if not flag:
        raise ValueError("which flag?")
    return BulkDecision(ClipFilter("flagged", flag=flag), "rejected", flag)


def reject_silent() -> BulkDecision:
    """Reject every new clip without speech."""
    return BulkDecision(ClipFilter("silent"), "rejected", "silence")


def apply(project: Project, decision: BulkDecision, *, without: Collection[str] = (), stamp: str | None = None) -> int:
    """Make a decision on many clips; returns on how many. It is undone as one.

    Args:
        project: whose clips.
        decision: which, and what.
        without: ids of those that are left as they are.
        stamp: of the decision's clips as the person was shown them (`core.project.stats.Figures.stamp`).

    Raises:
        UserError: ``clips.changed``.
    """
    changes = {"status": decision.status} | ({"reason": decision.reason} if decision.reason else {})
    return project.store.edit_clips(decision.clip_filter, without=without, stamp=stamp, **changes)
