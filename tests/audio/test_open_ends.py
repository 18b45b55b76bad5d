"""Clips cut inside a word are found, extended together to quiet, and are as they were after one Undo."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from core.audio.options import SegmentOptions
from core.audio.samples import read
from core.clips import edit, ends, history, searches
from core.clips.cut import cut_clip
from core.clips.doubles import doubles, search
from core.errors import Cancelled, UserError
from core.jobs.args.clips import FindCutWordsArgs, FindDoublesArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source, Word
from core.project.workspace import Project
from core.sources.upload import add_file
from core.tasks import find_cut_words, find_doubles
from tests.conftest import Prompts
from ui.i18n import Translator
from ui.tabs.dataset.checks import act_on_check, checks

EN = Translator("en")
_SPOKEN = 4


def _add(project: Project, prompts: Prompts, folder: Path, name: str, gain: float = 1.0) -> Source:
    samples, rate = read(prompts.recording, 0, prompts.spoken[_SPOKEN][0])
    soundfile.write(folder / f"{name}.wav", samples * gain, rate)
    source = add_file(project, folder / f"{name}.wav", title=name)
    clips = [
        Clip(f"{source.id}-{n:04d}", source.id, start_s, end_s, text=text, language="en", status="approved")
        for n, (start_s, end_s, text) in enumerate(prompts.spoken[:_SPOKEN], 1)
    ]
    project.store.replace_clips(source.id, [cut_clip(project, source, clip, SegmentOptions()) for clip in clips])
    return source


@pytest.fixture
def source(project: Project, prompts: Prompts, tmp_path: Path) -> Source:
    """The first prompts of the bundled recording, each an approved clip."""
    return _add(project, prompts, tmp_path, "Prompts")


def _facts(project: Project) -> list[tuple[str, float, float, str, str]]:
    return [(clip.id, clip.start_s, clip.end_s, clip.text, clip.status) for clip in project.store.clips()]


def test_a_clip_that_ends_too_early_is_extended_and_stays_approved(project: Project, source: Source) -> None:
    assert ends.open_clips(project) == []
    first = project.store.clips()[0]
    project.store.edit_clip(
        edit.move_border(project, first.id, first.start_s, first.end_s - 0.15).id, status="approved"
    )
    before = _facts(project)
    (found,) = ends.open_clips(project)
    assert found.cut.end and not found.cut.start and first.end_s - 0.1 < found.end_s < first.end_s + 0.1
    assert ends.extend(project, [found.clip.id]) == 1
    now = project.store.clips()[0]
    assert (now.text, now.status) == (first.text, "approved") and now.end_s == pytest.approx(found.end_s)
    assert "cut_word" not in now.sound_flags and ends.open_clips(project) == []
    with pytest.raises(UserError):
        ends.extend(project, [now.id])
    ends.undo(project, ends.undoable(project))
    assert _facts(project) == before


def test_two_halves_of_a_word_find_together_and_all_of_it_is_one_undo(
    project: Project, source: Source, prompts: Prompts, tmp_path: Path
) -> None:
    _add(project, prompts, tmp_path, "Again", gain=0.5)
    for clip in [clip for clip in project.store.clips() if clip.seconds > 5][:3]:
        words = clip.text.split()
        step = clip.seconds / len(words)
        times = [Word(clip.start_s + n * step, clip.start_s + (n + 1) * step, w, 0.9) for n, w in enumerate(words)]
        project.store.replace_words(clip.source_id, clip.start_s, clip.end_s, times)
        for half in edit.split(project, clip.id, clip.start_s + 0.3 * clip.seconds):
            project.store.edit_clip(half.id, status="approved")
    before = _facts(project)
    found = ends.open_clips(project)
    assert len({match.clip.source_id for match in found}) == 2
    count = ends.extend(project, [match.clip.id for match in found])
    assert count and len(ends.open_clips(project)) < len(found)
    clips = project.store.clips()
    assert all(a.source_id != b.source_id or a.end_s <= b.start_s for a, b in zip(clips, clips[1:], strict=False))
    assert " ".join(clip.text for clip in clips).split() == " ".join(text for *_, text, _ in before).split()
    assert ends.undo(project, ends.undoable(project)) == 2
    assert _facts(project) == before and not ends.undoable(project)


def test_the_page_lists_doubles_and_rejects_them_with_one_undo(
    project: Project, source: Source, prompts: Prompts, tmp_path: Path
) -> None:
    assert doubles(project) == []
    _add(project, prompts, tmp_path, "Copy", gain=0.4)
    found = doubles(project)
    assert all(project.store.clip(match.first_id).text == project.store.clip(match.clip_id).text for match in found)
    assert len(found) == sum(end_s - start_s >= 1 for start_s, end_s, _ in prompts.spoken[:_SPOKEN])
    page = checks(Translator("en"), project, 4)
    assert 'data-do="reject_doubles"' in page and found[0].clip_id in page
    with pytest.raises(UserError) as stale:  # a window that shows others than there are now
        act_on_check(project, "reject_doubles", "", "what it showed")
    assert stale.value.code == "clips.changed" and len(doubles(project)) == len(found)
    assert act_on_check(project, "reject_doubles", "")
    assert doubles(project) == []
    stamp = history.last_stamp(project)
    assert f'data-do="undo_rejection" data-id="{stamp}"' in checks(Translator("pt-BR"), project, 4)
    history.undo(project)
    assert len(doubles(project)) == len(found) and "undo_rejection" not in checks(Translator("en"), project, 4)


def test_doubles_among_very_many_clips_are_found_by_a_job_that_tells_how_far_it_is_and_can_be_stopped(
    project: Project, source: Source, prompts: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(project, prompts, tmp_path, "Copy", gain=0.4)
    found = doubles(project)
    monkeypatch.setattr(searches, "AT_ONCE", 2)
    assert doubles(project) == [] and 'data-do="find_doubles"' in checks(EN, project, 3)  # not while a page is made
    stages: list[tuple[str, int, int]] = []
    (tmp_path / "job").mkdir()
    job = Job(tmp_path / "job")
    monkeypatch.setattr(searches, "last", lambda _project, args: job if args is FindDoublesArgs else None)
    assert search(project, job, lambda *stage: stages.append(stage)) == len(found)
    assert doubles(project) == found and "reject_doubles" in checks(EN, project, 3)
    assert list(dict.fromkeys(name for name, _, _ in stages)) == ["doubles_read", "doubles_near", "doubles_compare"]
    assert all(done <= total for _, done, total in stages)
    project.store.edit_clip(found[0].clip_id, status="rejected")
    assert doubles(project) == found[1:]  # what is decided since is not told again
    assert find_doubles.run(job, project, FindDoublesArgs(), Reporter(job)) == {"doubles": len(found) - 1}
    (job.path / "stop").touch()
    with pytest.raises(Cancelled):
        find_doubles.run(job, project, FindDoublesArgs(), Reporter(job))


def test_cut_words_among_very_many_clips_are_found_by_a_job_that_can_be_stopped(
    project: Project, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for clip in project.store.clips()[:2]:
        moved = edit.move_border(project, clip.id, clip.start_s, clip.end_s - 0.15)
        project.store.edit_clip(moved.id, status="approved")
    found = ends.open_clips(project)
    monkeypatch.setattr(searches, "AT_ONCE", 2)
    assert ends.open_clips(project) == [] and 'data-do="find_cut_words"' in checks(EN, project, 3)
    (tmp_path / "job").mkdir()
    job = Job(tmp_path / "job")
    monkeypatch.setattr(searches, "last", lambda _project, args: job if args is FindCutWordsArgs else None)
    assert find_cut_words.run(job, project, FindCutWordsArgs(), Reporter(job)) == {"cut_words": len(found)}
    assert ends.open_clips(project) == found and len(found) == 2
    assert "extend_all" in checks(EN, project, 3)
    assert ends.extend(project, [found[0].clip.id]) == 1
    assert ends.open_clips(project) == found[1:]  # what was extended since is not told again
    project.store.edit_clip(found[1].clip.id, status="rejected")
    assert ends.open_clips(project) == []
    (job.path / "stop").touch()
    with pytest.raises(Cancelled):
        find_cut_words.run(job, project, FindCutWordsArgs(), Reporter(job))
