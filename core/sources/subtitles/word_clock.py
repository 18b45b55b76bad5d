"""Words with times brought onto the clock of their recording, and left out where that clock is not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.decode import clock
from core.audio.levels import FLOOR_DBFS, Frames, frames
from core.jobs.reporter import Reporter
from core.project.records import Source, Word
from core.sources.decoding_notes import jump_of, lead_of

_LEAST_WORDS = 3  # in the silence before all sound; a title that is shown there has no more
_BETTER = 0.03  # of the words' time, that must lie on sound instead of beside it
_BELOW_LOUD_DB = 30.0


def on_clock(words: list[Word], source: Source, recording: Path, name: str, reporter: Reporter) -> list[Word]:
    """The words of a recording by its own clock.

    A recording has its container's clock: silence stands in it for the time before its sound. Times that some program
    reckoned from the first sound on are moved; those after damaged time stamps are left out. Both are told.

    Args:
        words: in order of time.
        source: the recording.
        recording: its file, with its frames beside it.
        name: what the person calls what the words come from.
        reporter: told what was done.
    """
    lead_s = lead_of(source)
    if words and lead_s and _from_first_sound(words, frames(recording), lead_s):
        words = [replace(word, start_s=word.start_s + lead_s, end_s=word.end_s + lead_s) for word in words]
        reporter.warning(
            "subtitles.moved",
            "The times of “{name}” count from the first sound, which is at {lead} s; they were moved there.",
            "Compare the texts of the first clips with what you hear.",
            name=name,
            lead=f"{lead_s:.1f}",
        )
    jump_s = jump_of(source)
    if jump_s is None or not words or words[-1].end_s <= jump_s:
        return words
    before = [word for word in words if word.end_s <= jump_s]
    reporter.warning(
        "subtitles.after_jump",
        "“{name}” was used up to {at} only: after that the time stamps of its recording are damaged.",
        "Let recognition write the texts of the rest.",
        name=name,
        at=clock(jump_s),
    )
    return before


def _from_first_sound(words: list[Word], levels: Frames, lead_s: float) -> bool:
    """Whether words lie before all sound, and would lie on sound if they were reckoned from there."""
    if sum(word.end_s <= lead_s for word in words) < _LEAST_WORDS:
        return False
    dbfs = levels.dbfs.astype(np.float32)
    loud = float(np.percentile(dbfs[dbfs > FLOOR_DBFS + 1], 90)) - _BELOW_LOUD_DB
    counts = np.concatenate(([0], np.cumsum(dbfs > loud)))
    times = np.array([(word.start_s, word.end_s) for word in words])
    return _on_sound(times + lead_s, counts, levels.frame_s) > _on_sound(times, counts, levels.frame_s) + _BETTER


def _on_sound(times: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], frame_s: float) -> float:
    """The share of words' time that lies on sound; what lies beyond the end does not."""
    edges = np.clip(np.rint(times / frame_s), 0, len(counts) - 1).astype(np.intp)
    sound = (counts[edges[:, 1]] - counts[edges[:, 0]]).sum() * frame_s
    return float(sound / max(1e-9, (times[:, 1] - times[:, 0]).sum()))
