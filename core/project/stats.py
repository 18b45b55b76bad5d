"""Statistics of a project for its pages: totals, counts and the values of histograms. Only reads."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from core.project import filters
from core.project.records import MEASURES, ClipFilter, Totals
from core.project.schema import check, connect

_T = TypeVar("_T")
# A file's time tells two changes apart only if there is this much between them.
_SETTLES_S = 0.1
_MOST_KEPT = 256
_cache: OrderedDict[tuple[Path, str], tuple[Hashable, object]] = OrderedDict()


class Figures:
    """Opens the project's database for each call, as `Store` does; what each page asks every second is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def totals(self) -> Totals:
        """Counts and seconds of the whole project."""
        return self.kept_while_unchanged("totals", self._totals)

    def vote_count(self) -> int:
        """How many votes there are."""
        return self.kept_while_unchanged("vote_count", self._vote_count)

    def check(self) -> None:
        """Make sure that the records can be read; looked at again only when they have changed.

        Raises:
            DamagedFile: they cannot.
            UserError: ``records.newer``.
        """
        self.kept_while_unchanged("check", lambda: check(self.path))

    def kept_while_unchanged(self, name: str, read: Callable[[], _T], also: Hashable = ()) -> _T:
        """What ``read`` returns, read again only when the database has changed, or what it ``also`` depends on.

        ``name`` says what it is.
        """
        database = _state(self.path)
        if database is None:
            return read()
        state = (database, also)
        last = _cache.get((self.path, name))
        if last is not None and last[0] == state:
            return cast(_T, last[1])
        value = read()
        _cache[self.path, name] = (state, value)
        while len(_cache) > _MOST_KEPT:
            _cache.popitem(last=False)
        return value

    def _vote_count(self) -> int:
        with connect(self.path) as db:
            return int(db.execute("SELECT count(*) FROM votes").fetchone()[0])

    def _totals(self) -> Totals:
        with connect(self.path) as db:
            sources = db.execute("SELECT count(*), coalesce(sum(seconds), 0) FROM sources").fetchone()
            clips = db.execute(
                "SELECT count(*), coalesce(sum(end_s - start_s), 0), coalesce(sum(text != ''), 0), "
                "coalesce(sum(status = 'approved'), 0), "
                "coalesce(sum(CASE WHEN status = 'approved' THEN end_s - start_s END), 0), "
                "coalesce(sum(status = 'rejected'), 0), count(DISTINCT source_id), "
                "max(coalesce(max(edited_at), 0), (SELECT coalesce(max(changed_at), 0) FROM clip_numbers)) FROM clips"
            ).fetchone()
        return Totals(*sources, *clips)

    def sure_counts(self, levels: Sequence[float], *, without_flags: bool = False) -> dict[float, int]:
        """How many new clips have a text and at least each of these confidences, in one query."""
        key = f"sure {levels} {without_flags}"
        return self.kept_while_unchanged(key, lambda: self._sure_counts(levels, without_flags=without_flags))

    def _sure_counts(self, levels: Sequence[float], *, without_flags: bool) -> dict[float, int]:
        sums = ", ".join("coalesce(sum(confidence >= ?), 0)" for _ in levels)
        from_clause, values = filters.from_clause(ClipFilter("new", without_flags=without_flags))
        with connect(self.path) as db:
            row = db.execute(f"SELECT {sums} FROM {from_clause} AND text != ''", (*levels, *values)).fetchone()
        return dict(zip(levels, row, strict=True))

    def agreement_counts(self, levels: Sequence[float]) -> dict[float, int]:
        """How many new clips without a flag have a text on which two models differ by at most each of these."""
        return self.kept_while_unchanged(f"agreement {levels}", lambda: self._agreement_counts(levels))

    def _agreement_counts(self, levels: Sequence[float]) -> dict[float, int]:
        sums = ", ".join("coalesce(sum(mismatch <= ?), 0)" for _ in levels)
        from_clause, values = filters.from_clause(ClipFilter("new", without_flags=True, most_mismatch=1.0))
        with connect(self.path) as db:
            row = db.execute(f"SELECT {sums} FROM {from_clause}", (*levels, *values)).fetchone()
        return dict(zip(levels, row, strict=True))

    def flag_counts(self, state: str = "flagged") -> dict[str, int]:
        """How many clips of a state (see `ClipFilter`) have each flag."""
        return dict(self.kept_while_unchanged(f"flags {state}", lambda: self._flag_counts(state)))

    def count(self, clip_filter: ClipFilter) -> int:
        """How many clips the filter leaves; asked again only when something has changed."""
        return self.kept_while_unchanged(f"count {clip_filter}", lambda: self._count(clip_filter))

    def stamp(self, clip_filter: ClipFilter) -> str:
        """`core.project.filters.stamp_of` the filter; asked again only when something has changed."""
        return self.kept_while_unchanged(f"stamp {clip_filter}", lambda: self._stamp(clip_filter))

    def _count(self, clip_filter: ClipFilter) -> int:
        with connect(self.path) as db:
            return filters.count_of(db, clip_filter)

    def _stamp(self, clip_filter: ClipFilter) -> str:
        with connect(self.path) as db:
            return filters.stamp_of(db, clip_filter)

    def _flag_counts(self, state: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        from_clause, values = filters.from_clause(ClipFilter(state))
        sql = f"SELECT text_flags, sound_flags, count(*) FROM {from_clause} GROUP BY 1, 2"
        with connect(self.path) as db:
            for text_flags, sound_flags, count in db.execute(sql, values):
                for code in (*text_flags.split(), *sound_flags.split()):
                    counts[code] = counts.get(code, 0) + count
        return counts

    def voice_counts(self, clip_filter: ClipFilter) -> dict[int, int]:
        """How many clips the filter leaves of each voice (`Clip.voice`)."""
        return dict(self.kept_while_unchanged(f"voices {clip_filter}", lambda: self._voice_counts(clip_filter)))

    def _voice_counts(self, clip_filter: ClipFilter) -> dict[int, int]:
        from_clause, values = filters.from_clause(clip_filter)
        sql = f"SELECT voice, count(*) FROM {from_clause} AND voice IS NOT NULL GROUP BY voice"
        with connect(self.path) as db:
            return dict(db.execute(sql, values).fetchall())

    def voice_seconds(self) -> dict[int, float]:
        """Seconds of speech of each voice in the clips that are not rejected."""
        return dict(self.kept_while_unchanged("voice_seconds", self._voice_seconds))

    def _voice_seconds(self) -> dict[int, float]:
        sql = f"SELECT voice, sum(end_s - start_s) FROM clips WHERE voice >= 0 AND {filters.SPOKEN} GROUP BY voice"
        with connect(self.path) as db:
            return dict(db.execute(sql).fetchall())

    def measure_values(self, name: str) -> list[float]:
        """One measure of all clips that are not rejected, for its histogram."""
        if name not in MEASURES:
            raise ValueError(f"no measure: {name}; there are {', '.join(sorted(MEASURES))}")
        with connect(self.path) as db:
            sql = f"SELECT {name} FROM clips WHERE {name} IS NOT NULL AND status != 'rejected'"
            return [row[0] for row in db.execute(sql)]

    def confidences(self) -> list[float]:
        """How sure recognition was of each clip it heard, 0 to 1, for the histogram."""
        with connect(self.path) as db:
            return [row[0] for row in db.execute("SELECT confidence FROM clips WHERE confidence IS NOT NULL")]

    def clip_seconds(self) -> dict[str, float]:
        """Length in seconds of each clip that is not rejected, by id."""
        with connect(self.path) as db:
            return dict(db.execute("SELECT id, end_s - start_s FROM clips WHERE status != 'rejected'").fetchall())


def _state(path: Path) -> Hashable | None:
    """What tells a changed database from an unchanged one; None if it is missing or has changed too lately to tell."""
    marks: list[tuple[int, ...] | None] = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            status = file.stat()
        except OSError:
            marks.append(None)
            continue
        if time.time() - status.st_mtime < _SETTLES_S:
            return None
        marks.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(marks) if marks[0] else None
