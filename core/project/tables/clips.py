"""The table of clips, as it is read: those a filter leaves, by id, or by where they lie in their recording."""

from __future__ import annotations

import json
from collections.abc import Collection

from core.project import change_log, filters
from core.project.records import Clip, ClipFilter
from core.project.schema import connect, record
from core.project.tables.database import Database

# Clips are shorter than this, so that the index on where they begin also finds those that reach into a stretch.
_LONGEST_S = 120.0
_REACHING_INTO = "source_id=? AND start_s > ? AND start_s < ? AND end_s > ?"


class ClipTable(Database):
    """Clips as they are; nothing here changes one."""

    # Clips that a filter leaves

    def clips(self, clip_filter: ClipFilter = ClipFilter(), offset: int = 0, limit: int = -1) -> list[Clip]:
        """A page of clips; a negative limit means all."""
        source_sql, values = filters.from_clause(clip_filter)
        order = filters.ORDER[clip_filter.sort]
        # Rows are chosen by what the indexes hold; only those of the page are read whole.
        page = f"SELECT rowid FROM {source_sql} ORDER BY {order} LIMIT ? OFFSET ?"
        sql = f"SELECT * FROM clips WHERE rowid IN ({page}) ORDER BY {order}"
        with connect(self.path) as db:
            return [record(Clip, row) for row in db.execute(sql, (*values, limit, offset))]

    def count(self, clip_filter: ClipFilter = ClipFilter()) -> int:
        """How many clips the filter leaves."""
        with connect(self.path) as db:
            return filters.count_of(db, clip_filter)

    def holds(self, clip_filter: ClipFilter, clip_id: str) -> bool:
        """Whether the filter leaves this clip."""
        source_sql, values = filters.from_clause(clip_filter)
        with connect(self.path) as db:
            return db.execute(f"SELECT 1 FROM {source_sql} AND id=?", (*values, clip_id)).fetchone() is not None

    def ids_among(self, clip_filter: ClipFilter, ids: Collection[str]) -> set[str]:
        """Which of these ids are of clips that the filter leaves."""
        source_sql, values = filters.from_clause(clip_filter)
        sql = f"SELECT id FROM {source_sql} AND id IN (SELECT value FROM json_each(?))"
        with connect(self.path) as db:
            return {row[0] for row in db.execute(sql, (*values, json.dumps(list(ids))))}

    def walk(self, clip_filter: ClipFilter, clip: Clip, *, forward: bool = True, limit: int = 1) -> list[Clip]:
        """The clips the filter leaves after (or before) this one in the filter's order, the nearest first."""
        source_sql, values = filters.from_clause(clip_filter)
        place = filters.PLACE[clip_filter.sort]
        sign, order = (">", ", ".join(place)) if forward else ("<", ", ".join(f"{column} DESC" for column in place))
        place_sql, place_values = filters.place_of(clip_filter, clip)
        near = f"SELECT rowid FROM {source_sql} AND ({', '.join(place)}) {sign} {place_sql}"
        sql = f"SELECT * FROM clips WHERE rowid IN ({near} ORDER BY {order} LIMIT ?) ORDER BY {order}"
        with connect(self.path) as db:
            return [record(Clip, row) for row in db.execute(sql, (*values, *place_values, limit))]

    def count_before(self, clip_filter: ClipFilter, clip: Clip) -> int:
        """How many clips the filter leaves before this one in the filter's order."""
        source_sql, values = filters.from_clause(clip_filter)
        place_sql, place_values = filters.place_of(clip_filter, clip)
        sql = f"SELECT count(*) FROM {source_sql} AND ({', '.join(filters.PLACE[clip_filter.sort])}) < {place_sql}"
        with connect(self.path) as db:
            return int(db.execute(sql, (*values, *place_values)).fetchone()[0])

    # Clips by id, or by where they lie in their recording

    def clip(self, clip_id: str) -> Clip:
        """One clip.

        Raises:
            UserError: ``clip.missing``.
        """
        with connect(self.path) as db:
            return change_log.clip_row(db, clip_id)

    def clips_by_id(self, ids: Collection[str]) -> dict[str, Clip]:
        """The clips of these ids; those that are gone are left out."""
        sql = "SELECT * FROM clips WHERE id IN (SELECT value FROM json_each(?))"
        with connect(self.path) as db:
            return {row["id"]: record(Clip, row) for row in db.execute(sql, (json.dumps(list(ids)),))}

    def clips_between(self, source_id: str, start_s: float, end_s: float, limit: int = -1) -> list[Clip]:
        """The clips of a recording that reach into a stretch of it, in order; a negative limit means all."""
        sql = f"SELECT * FROM clips WHERE {_REACHING_INTO} ORDER BY start_s LIMIT ?"
        with connect(self.path) as db:
            return [
                record(Clip, row) for row in db.execute(sql, (source_id, start_s - _LONGEST_S, end_s, start_s, limit))
            ]

    def bounds(self, source_id: str, start_s: float = 0.0, end_s: float = 1e9) -> list[tuple[float, float]]:
        """Where the clips that reach into a stretch of a recording begin and end, in order."""
        sql = f"SELECT start_s, end_s FROM clips WHERE {_REACHING_INTO} ORDER BY start_s"
        with connect(self.path) as db:
            return [(row[0], row[1]) for row in db.execute(sql, (source_id, start_s - _LONGEST_S, end_s, start_s))]

    def neighbour_bounds(self, source_id: str, start_s: float, end_s: float) -> tuple[float, float]:
        """Where the last clip before a stretch ends (0 if there is none), and where the next after it begins."""
        before = "SELECT end_s FROM clips WHERE source_id=? AND start_s <= ? ORDER BY start_s DESC LIMIT 1"
        after = "SELECT start_s FROM clips WHERE source_id=? AND start_s >= ? ORDER BY start_s LIMIT 1"
        with connect(self.path) as db:
            last = db.execute(before, (source_id, start_s)).fetchone()
            following = db.execute(after, (source_id, end_s)).fetchone()
        return (last[0] if last else 0.0), (following[0] if following else float("inf"))
