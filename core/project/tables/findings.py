"""What models hear and measure of a clip."""

from __future__ import annotations

from collections.abc import Mapping

from core.project.records import MEASURES, Clip
from core.project.schema import connect, record
from core.project.tables.database import Database
from core.text import clean_text


class FindingTable(Database):
    """The columns of a clip that recognition and measures fill."""

    def store_transcript(
        self,
        clip_id: str,
        transcript: str,
        confidence: float,
        language: str,
        *,
        avg_logprob: float | None = None,
        no_speech_prob: float | None = None,
        compression_ratio: float | None = None,
        text_flags: str = "",
    ) -> Clip | None:
        """Store what recognition heard, in one statement, so that it cannot race with a person's edit.

        ``raw_text`` is always set; ``text`` only where it is empty, or is what a model heard before and a person has
        neither changed nor approved: a given text stays, even where a model heard just that. A second opinion on what
        was heard before goes. Returns the clip as it is now, or None if it is no longer there.
        """
        sql = (
            "UPDATE clips SET raw_text=:transcript, confidence=:confidence, language=:language, "
            "avg_logprob=:avg_logprob, no_speech_prob=:no_speech_prob, compression_ratio=:compression_ratio, "
            "text_flags=:text_flags, second_text='', mismatch=NULL, checked=0, "
            "given=CASE WHEN text='' THEN 0 ELSE given END, "
            "text=CASE WHEN text='' OR (given=0 AND text=raw_text AND status!='approved' "
            "AND NOT (edited_at IS NOT NULL AND EXISTS (SELECT 1 FROM revisions WHERE clip_id=:id AND field='text'))) "
            "THEN :transcript ELSE text END "
            "WHERE id=:id RETURNING *"
        )
        values = {
            "id": clip_id,
            "transcript": clean_text(transcript),
            "confidence": confidence,
            "language": language,
            "avg_logprob": avg_logprob,
            "no_speech_prob": no_speech_prob,
            "compression_ratio": compression_ratio,
            "text_flags": text_flags,
        }
        with connect(self.path) as db:
            row = db.execute(sql, values).fetchone()
            return None if row is None else record(Clip, row)

    def second_opinion(
        self,
        clip_id: str,
        second_text: str,
        mismatch: float,
        text_flags: str,
        *,
        text: str | None = None,
        checked: bool = True,
    ) -> None:
        """Store what a second model heard in a clip, and how far it differs.

        Args:
            text: what it was compared with; if the clip's text is another by now, the difference is not stored.
            checked: whether a second model heard it; false for the difference between a given text and the first.
        """
        same = "text=coalesce(:text, text)"
        sql = (
            f"UPDATE clips SET second_text=:second_text, checked=:checked, "
            f"mismatch=CASE WHEN {same} THEN :mismatch ELSE mismatch END, "
            f"text_flags=CASE WHEN {same} THEN :text_flags ELSE text_flags END WHERE id=:id"
        )
        values = {"id": clip_id, "second_text": clean_text(second_text), "mismatch": mismatch, "text_flags": text_flags}
        with connect(self.path) as db:
            db.execute(sql, {**values, "text": text, "checked": int(checked)})

    def flag_texts(self, flags: Mapping[str, str]) -> None:
        """Set the flags of clips' texts by id, all at once."""
        with connect(self.path) as db:
            rows = [(codes, clip_id) for clip_id, codes in flags.items()]
            db.executemany("UPDATE clips SET text_flags=? WHERE id=?", rows)

    def measure_clip(self, clip_id: str, **measures: float | str | None) -> None:
        """Store what was measured of a clip's sound; names are those of `Clip`."""
        self.measure_clips({clip_id: measures})

    def measure_clips(self, measures: Mapping[str, Mapping[str, float | str | None]]) -> None:
        """Store what was measured of several clips, by id, in one transaction."""
        with connect(self.path) as db:
            for clip_id, values in measures.items():
                if unknown := values.keys() - MEASURES:
                    raise ValueError(f"no measures: {', '.join(sorted(unknown))}; there are {sorted(MEASURES)}")
                sets = ", ".join(f"{name}=:{name}" for name in values)
                db.execute(f"UPDATE clips SET {sets} WHERE id=:id", {**values, "id": clip_id})
