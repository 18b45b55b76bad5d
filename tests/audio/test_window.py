"""What a stretch of a recording shows: bounded in size, whole in time, and true about what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.audio.levels import frames_file
from core.audio.options import SegmentOptions
from core.clips import edit
from core.clips.cut import cut_clip, preview
from core.clips.timeline import (
    COLUMNS,
    MAX_CLIPS_SHOWN,
    Part,
    cached_preview,
    left_out_parts,
    marks_of,
    summary,
    window,
)
from core.project.records import Clip, Source, Word
from core.project.workspace import Project
from core.sources.upload import add_file
from tests.audio.sounds import silence, tone, write


@pytest.fixture
def source(project: Project, tmp_path: Path) -> Source:
    """A minute: three stretches of sound, pauses, and one sound too short to be a clip, cut with the defaults."""
    sound = [silence(3), tone(5), silence(8), tone(6), silence(6), tone(0.5), silence(6), tone(7), silence(4)]
    options = SegmentOptions(only_speech=False)
    file = write(tmp_path / "in.wav", np.concatenate(sound))
    source = add_file(project, file, title="Tones")
    spans = preview(project, source.id, options).spans
    clips = [Clip(f"{source.id}-{n:04d}", source.id, span.start_s, span.end_s) for n, span in enumerate(spans, 1)]
    project.store.replace_clips(source.id, [cut_clip(project, source, clip, options) for clip in clips])
    return source


def covered(parts: list[Part]) -> list[tuple[float, float]]:
    """Runs of parts that touch each other."""
    found: list[tuple[float, float]] = []
    for part in sorted(parts, key=lambda entry: entry.start_s):
        if found and part.start_s == pytest.approx(found[-1][1], abs=2e-3):
            found[-1] = (found[-1][0], part.end_s)
        else:
            found.append((part.start_s, part.end_s))
    return found


def test_clips_and_what_is_left_out_are_the_whole_recording(project: Project, source: Source) -> None:
    whole = window(project, source, 0, source.seconds, 500)
    assert covered(whole.parts) == [(0.0, pytest.approx(source.seconds, abs=2e-3))]
    assert [part.clip for part in whole.parts if part.kind == "clip"] == project.store.clips()
    assert {part.kind for part in whole.parts} == {"clip", "pause", "short"}
    (short,) = [part for part in whole.parts if part.kind == "short"]
    assert short.start_s < 28 < 28.5 < short.end_s
    assert whole.outline.shape == (500, 2) and np.abs(whole.outline).max() > 0.2


def test_a_part_is_given_whole_where_the_stretch_shows_a_piece_of_it(project: Project, source: Source) -> None:
    first = project.store.clips()[0]
    seen = window(project, source, first.end_s + 1, first.end_s + 2, 100)
    assert [(part.kind, part.start_s) for part in seen.parts] == [("pause", pytest.approx(first.end_s))]
    assert seen.parts[0].end_s == pytest.approx(project.store.clips()[1].start_s)


def test_what_a_person_left_out_says_so_and_may_be_brought_back_as_it_was(project: Project, source: Source) -> None:
    second = project.store.clips()[1]
    edit.remove(project, second.id)
    (gone,) = [part for part in left_out_parts(project, source) if part.kind == "removed"]
    assert (gone.start_s, gone.end_s) == (pytest.approx(second.start_s), pytest.approx(second.end_s))
    edit.bring_back(project, source.id, gone.start_s, gone.end_s)
    found = summary(project, source)
    assert not [part for part in found.left_out if part.kind == "removed"]
    assert found.kept_s + found.lost_s == pytest.approx(source.seconds, abs=1e-2) and len(found.lengths) == 3


def test_a_preview_shows_what_other_settings_would_give_and_changes_nothing(project: Project, source: Source) -> None:
    before = project.store.clips()
    longer = SegmentOptions(only_speech=False, min_clip_s=5.5)
    seen = window(project, source, 0, source.seconds, 100, longer)
    assert sum(part.kind == "clip" for part in seen.parts) == 2
    assert all(part.clip is None for part in seen.parts)
    assert covered(seen.parts) == [(0.0, pytest.approx(source.seconds, abs=2e-3))]
    assert summary(project, source, longer).lengths == [part.seconds for part in seen.parts if part.kind == "clip"]
    assert project.store.clips() == before


def test_a_preview_is_kept_until_words_or_files_of_the_recording_change(project: Project, source: Source) -> None:
    options = SegmentOptions(only_speech=False)
    first = cached_preview(project, source.id, options)
    assert cached_preview(project, source.id, options) is first
    project.store.replace_words(source.id, 0, 1e9, [Word(3.2, 3.6, "one")])
    second = cached_preview(project, source.id, options)
    assert second is not first
    frames_file(project.source_file(source.id)).touch()
    assert cached_preview(project, source.id, options) is not second


def test_a_short_stretch_is_drawn_from_its_samples(project: Project, source: Source) -> None:
    period = window(project, source, 4.0, 4.0 + 1 / 440, 36)
    assert len(period.outline) == 36 and np.count_nonzero(np.diff(np.sign(period.outline[:, 0]))) <= 3
    empty = window(project, source, 5, 5, 100)
    assert empty.outline.shape == (0, 2)


def test_marks_name_ends_without_a_pause_and_lengths_an_engine_does_not_take() -> None:
    clip = Clip("a-1", "a", 0.0, 5.0, forced="end")
    assert marks_of(clip, (0.5, 11.6)) == ("forced_end",)
    assert marks_of(replace(clip, end_s=12.0, forced="both"), (0.5, 11.6)) == ("forced_start", "forced_end", "too_long")
    assert marks_of(replace(clip, end_s=0.4, forced=""), (0.5, 11.6)) == ("too_short",)


def test_more_clips_than_can_be_told_apart_are_given_as_shares(project: Project, source: Source) -> None:
    count = MAX_CLIPS_SHOWN + 100
    step = source.seconds / count
    clips = [Clip(f"{source.id}-{n + 10:04d}", source.id, n * step, (n + 0.5) * step) for n in range(count)]
    project.store.replace_clips(source.id, clips)
    seen = window(project, source, 0, source.seconds, 100)
    assert not seen.parts and seen.shares is not None and seen.shares.shape == (COLUMNS,)
    assert seen.shares.sum() / COLUMNS == pytest.approx(0.5, abs=0.01)
    assert {round(float(share), 2) for share in seen.shares} <= {0.5, *(round(n / 100, 2) for n in range(101))}
    near = window(project, source, 10, 20, 100)
    assert near.shares is None and 0 < sum(part.kind == "clip" for part in near.parts) <= MAX_CLIPS_SHOWN
