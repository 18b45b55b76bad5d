"""The table of votes on blind pairs."""

from __future__ import annotations

import functools

from core.checkpoint_ref import CheckpointRef
from core.project.records import Vote
from core.project.schema import connect
from core.project.tables.database import Database

_VOTE = "pair, left_name, right_name, choice, at, sentence, listener"  # the fields of a `Vote`, in order


class VoteTable(Database):
    """Votes, each on one pair."""

    def add_vote(self, vote: Vote) -> None:
        """Keep a vote; a second one on the same pair (a double click) is ignored."""
        with connect(self.path) as db:
            row = (vote.pair, vote.left.name, vote.right.name, vote.choice, vote.at, vote.sentence, vote.listener)
            db.execute(f"INSERT OR IGNORE INTO votes ({_VOTE}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def undo_vote(self, pair: str) -> None:
        """Take the vote on a pair back."""
        with connect(self.path) as db:
            db.execute("DELETE FROM votes WHERE pair = ?", (pair,))

    def voted_pairs(self) -> set[str]:
        """Ids of the pairs that have a vote."""
        with connect(self.path) as db:
            return {row[0] for row in db.execute("SELECT pair FROM votes")}

    def votes(self) -> list[Vote]:
        """All votes, oldest first."""
        ref = functools.cache(CheckpointRef.parse)  # many votes are on few checkpoints
        with connect(self.path) as db:
            return [
                Vote(pair, ref(left), ref(right), *rest)
                for pair, left, right, *rest in db.execute(f"SELECT {_VOTE} FROM votes ORDER BY number")
            ]
