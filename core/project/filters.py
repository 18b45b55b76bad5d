"""SQL of a `ClipFilter`: conditions and order over the table ``clips``."""

from __future__ import annotations

import sqlite3
from typing import Any

from core.folding import fold_accents
from core.project.conflicts import digest
from core.project.records import LOW_CONFIDENCE, Clip, ClipFilter
from core.project.schema import IS_FLAGGED, SEARCH_TEXT
from core.text import clean_text

_FLAGGED_CLIPS = "clips INDEXED BY clips_flagged"  # left to itself, SQLite would go through all new clips
# Recognition found no words, or the sound says that nobody speaks; a clip that is decided is a person's affair.
_NO_SPEECH = (
    "((text = '' AND confidence IS NOT NULL) OR coalesce(peak_dbfs, 0) < -50 "
    "OR ' ' || text_flags || ' ' LIKE '% silence %')"
)
_SILENT = f"status = 'new' AND {_NO_SPEECH}"
_DECIDED = "status IN ('approved', 'rejected')"
SPOKEN = f"status != 'rejected' AND NOT ({_SILENT})"
_STATES = {
    "new": "status = 'new'",
    "approved": "status = 'approved'",
    "rejected": "status = 'rejected'",
    "usable": "status != 'rejected'",
    "low": f"confidence < {LOW_CONFIDENCE}",
    "untranscribed": "text = '' AND status != 'rejected'",
    "unheard": "confidence IS NULL AND status != 'rejected'",
    "unmeasured": "snr_db IS NULL AND status != 'rejected'",
    "flagged": IS_FLAGGED,
    "silent": _SILENT,
    "decided": _DECIDED,
    "decided_flagged": f"{_DECIDED} AND (text_flags != '' OR sound_flags != '')",
    "decided_silent": f"{_DECIDED} AND {_NO_SPEECH}",
}
# Words are what stands between spaces; of a writing without any, the length of the text decides.
_WORDS = "length(text) - length(replace(text, ' ', ''))"
ORDER = {
    "time": "source_id, start_s",
    "confidence": "confidence IS NULL, confidence, source_id, start_s",
    "length": "end_s - start_s, source_id, start_s",
    "words": f"{_WORDS}, length(text), source_id, start_s",
    "mismatch": "mismatch IS NULL, mismatch DESC, source_id, start_s",
    "likeness": "speaker_similarity IS NULL, speaker_similarity, source_id, start_s",
    "edited": "edited_at IS NULL, edited_at DESC, source_id, start_s",
}
# The same orders as one ascending row of values each, so that a clip's place among the others can be compared.
PLACE = {
    "time": ("source_id", "start_s", "id"),
    "confidence": ("coalesce(confidence, 2.0)", "source_id", "start_s", "id"),
    "length": ("end_s - start_s", "source_id", "start_s", "id"),
    "words": (_WORDS, "length(text)", "source_id", "start_s", "id"),
    "mismatch": ("-coalesce(mismatch, -1.0)", "source_id", "start_s", "id"),
    "likeness": ("coalesce(speaker_similarity, 2.0)", "source_id", "start_s", "id"),
    "edited": ("-coalesce(edited_at, -1.0)", "source_id", "start_s", "id"),
}


def from_clause(clip_filter: ClipFilter) -> tuple[str, list[Any]]:
    """The clips the filter leaves: what follows FROM, conditions and all, and what fills it."""
    parts = [_STATES.get(clip_filter.state, "1=1")]
    values: list[Any] = []
    if clip_filter.without_flags:
        parts.append("text_flags = '' AND sound_flags = ''")
    if clip_filter.flag:
        parts.append("' ' || text_flags || ' ' || sound_flags || ' ' LIKE ?")
        values.append(f"% {clip_filter.flag} %")
    if clip_filter.source_id:
        parts.append("source_id=?")
        values.append(clip_filter.source_id)
    if clip_filter.sure:
        parts.append("confidence >= ? AND text != ''")
        values.append(clip_filter.sure)
    if clip_filter.most_mismatch is not None:
        parts.append("mismatch <= ? AND checked = 1 AND text != ''")
        values.append(clip_filter.most_mismatch)
    if clip_filter.voice is not None:
        parts.append("voice = ?")
        values.append(clip_filter.voice)
    if clip_filter.besides_voice is not None:
        parts.append("voice != ?")
        values.append(clip_filter.besides_voice)
    if clip_filter.search:
        parts.append(f"{SEARCH_TEXT} LIKE ? ESCAPE '\\'")
        pattern = (
            fold_accents(clean_text(clip_filter.search)).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        )
        values.append(f"%{pattern}%")
    table = _FLAGGED_CLIPS if clip_filter.state == "flagged" else "clips"
    return f"{table} WHERE {' AND '.join(parts)}", values


def count_of(db: sqlite3.Connection, clip_filter: ClipFilter) -> int:
    """How many clips the filter leaves."""
    source_sql, values = from_clause(clip_filter)
    return int(db.execute(f"SELECT count(*) FROM {source_sql}", values).fetchone()[0])


def stamp_of(db: sqlite3.Connection, clip_filter: ClipFilter) -> str:
    """Changes whenever other clips are left by the filter, or one of them is changed."""
    source_sql, values = from_clause(clip_filter)
    facts = "count(*), total(rowid), max(edited_at), total(length(text)), count(nullif(status, 'new'))"
    return digest(*db.execute(f"SELECT {facts} FROM {source_sql}", values).fetchone())


def place_of(clip_filter: ClipFilter, clip: Clip) -> tuple[str, list[Any]]:
    """A clip's place in the filter's order as a row of SQL values, and what fills it."""
    last = [clip.source_id, clip.start_s, clip.id]
    first: dict[str, list[Any]] = {
        "time": [],
        "confidence": [clip.confidence if clip.confidence is not None else 2.0],
        "length": [clip.end_s - clip.start_s],
        "words": [clip.text.count(" "), len(clip.text)],
        "mismatch": [-clip.mismatch if clip.mismatch is not None else 1.0],
        "likeness": [clip.speaker_similarity if clip.speaker_similarity is not None else 2.0],
        "edited": [-clip.edited_at if clip.edited_at is not None else 1.0],
    }
    place = [*first[clip_filter.sort], *last]
    return f"({', '.join('?' for _ in place)})", place
