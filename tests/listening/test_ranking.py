"""The ranking: wins, losses, ties, and the pair that is suggested next."""

from __future__ import annotations

import pytest

from core.checkpoint_ref import CheckpointRef
from core.listening.ranking import wins
from core.project.records import Vote


def test_wins_losses_ties_and_share_best_first() -> None:
    votes = [
        Vote("1", CheckpointRef("a", 1), CheckpointRef("b", 1), "left", 1.0),
        Vote("2", CheckpointRef("b", 1), CheckpointRef("a", 1), "right", 2.0),
        Vote("3", CheckpointRef("a", 1), CheckpointRef("c", 1), "same", 3.0),
        Vote("4", CheckpointRef("b", 1), CheckpointRef("c", 1), "right", 4.0),
    ]
    rows = wins(votes, {CheckpointRef(name, 1): name.upper() for name in "abcd"})
    assert [(row.title, row.wins, row.losses, row.ties) for row in rows] == [
        ("A", 2, 0, 1),
        ("C", 1, 0, 1),
        ("B", 0, 3, 0),
        ("D", 0, 0, 0),
    ]
    assert [row.share for row in rows] == [pytest.approx(2.5 / 3), 0.75, 0.0, None]


def test_without_votes_there_is_no_share() -> None:
    assert wins([], {}) == []
    assert [row.share for row in wins([], {CheckpointRef("a", 1): "A"})] == [None]
