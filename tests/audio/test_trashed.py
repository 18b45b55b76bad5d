"""Clips a person had worked on, cut differently now: kept in the trash, and brought back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.audio.options import SegmentOptions
from core.clips import trash as trashed
from core.clips.edit import split
from core.clips.trash import restore_trashed_clips, trashed_clips
from core.clips.undo_edit import undo_edit
from core.errors import Cancelled, UserError
from core.files import read_json, write_json
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source
from core.project.workspace import Project
from core.sources.upload import add_file
from core.tasks import segment
from tests.audio.sounds import cut_tones, silence, tone, write


def test_what_a_person_worked_on_goes_to_the_trash_and_its_number_stays_its_own(
    project: Project, tmp_path: Path
) -> None:
    parts = [tone(5), silence(1), tone(2), silence(0.7), tone(2)]
    source = add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    cut_tones(project).wait()
    _, second = project.store.clips()
    project.store.edit_clip(second.id, text="Good night.")
    sound = project.clip_file(second.id).read_bytes()
    # A clip shorter than 5 s is none: the second goes. Then it comes back, cut anew.
    view = cut_tones(project, min_clip_s=4.8, max_join_pause_ms=0).wait()
    assert (view.status, view.result["trashed"]) == ("done", 1)
    assert [(w.code, w.values["count"]) for w in view.warnings] == [("segment.trashed", 1)]
    folder = project.path / "trash" / f"{source.id}-clips"
    kept = read_json(folder / "clips.json")
    assert [(clip["id"], clip["text"]) for clip in kept["clips"]] == [(second.id, "Good night.")]
    assert [revision["new"] for revision in kept["revisions"]] == ["Good night."]
    assert (folder / f"{second.id}.wav").read_bytes() == sound and not project.clip_file(second.id).exists()
    assert cut_tones(project).wait().result["trashed"] == 0
    assert [clip.id[-4:] for clip in project.store.clips()] == ["0001", "0003"]


def _worked_on(project: Project, tmp_path: Path) -> tuple[Source, Clip, bytes]:
    """A recording of which a clip with a person's text went to the trash by a second cut."""
    parts = [tone(5), silence(1), tone(2), silence(0.7), tone(2)]
    source = add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)), title="Talk")
    cut_tones(project).wait()
    second = project.store.clips()[1]
    clip = project.store.edit_clip(second.id, text="Good night.", status="approved")
    sound = project.clip_file(clip.id).read_bytes()
    assert cut_tones(project, min_clip_s=1.5, max_join_pause_ms=0).wait().result["trashed"] == 1
    return source, clip, sound


def test_clips_in_the_trash_come_back_as_they_were(project: Project, tmp_path: Path) -> None:
    source, clip, sound = _worked_on(project, tmp_path)
    first, *fresh = project.store.clips()
    assert len(fresh) == 2
    (found,) = trashed_clips(project)
    assert (found.source_id, found.title, found.count, found.texts) == (source.id, "Talk", 1, ("Good night.",))
    assert restore_trashed_clips(project, found.folder) == [clip]
    assert project.store.clips() == [first, clip] and project.clip_file(clip.id).read_bytes() == sound
    assert sorted(path.stem for path in project.clips.iterdir()) == [first.id, clip.id]
    assert [revision.new for revision in project.store.revisions(clip.id)] == ["Good night.", "approved"]
    assert trashed_clips(project) == []
    # Taken back like any other change of the clips.
    assert undo_edit(project, source.id) == "restore"
    assert project.store.clips() == [first, *fresh] and all(project.clip_file(clip.id).exists() for clip in fresh)


def test_clips_that_came_back_are_in_the_trash_again_once_that_is_undone(project: Project, tmp_path: Path) -> None:
    source, clip, sound = _worked_on(project, tmp_path)
    restore_trashed_clips(project, trashed_clips(project)[0].folder)
    undo_edit(project, source.id)
    (found,) = trashed_clips(project)
    assert found.texts == ("Good night.",)
    restore_trashed_clips(project, found.folder)
    assert project.store.clip(clip.id) == clip and project.clip_file(clip.id).read_bytes() == sound


def test_what_a_person_wrote_into_the_halves_of_a_clip_outlives_the_undo_of_the_split(
    project: Project, tmp_path: Path
) -> None:
    source = add_file(project, write(tmp_path / "in.wav", tone(5)))
    cut_tones(project).wait()
    whole = project.store.clips()[0]
    one, two = split(project, whole.id, 2)
    halves = [
        project.store.edit_clip(one.id, text="First half.", status="approved"),
        project.store.edit_clip(two.id, text="Second half.", status="approved"),
    ]
    assert undo_edit(project, source.id) == "split" and project.store.clips() == [whole]
    (found,) = trashed_clips(project)
    assert found.texts == ("First half.", "Second half.")
    restore_trashed_clips(project, found.folder)
    assert project.store.clips() == halves and all(project.clip_file(half.id).exists() for half in halves)
    # What nobody touched leaves nothing behind.
    undo_edit(project, source.id)
    split(project, whole.id, 2)
    before = len(trashed_clips(project))
    undo_edit(project, source.id)
    assert len(trashed_clips(project)) == before


def test_a_list_of_put_away_clips_is_read_once_as_long_as_it_stays(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _worked_on(project, tmp_path)
    read: list[Path] = []
    monkeypatch.setattr(trashed, "read_json", lambda path: read.append(path) or read_json(path))
    first = trashed_clips(project)
    assert trashed_clips(project) == first and len(read) == 1
    write_json(read[0], {**read_json(read[0]), "clips": []})
    assert [entry.count for entry in trashed_clips(project)] == [0] and len(read) == 2


def test_stop_after_the_clips_were_replaced_still_says_what_went_to_the_trash(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [tone(5), silence(1), tone(2), silence(0.7), tone(2)]
    add_file(project, write(tmp_path / "in.wav", np.concatenate(parts)))
    cut_tones(project).wait()
    first, second = project.store.clips()
    project.store.edit_clip(second.id, text="Good night.")

    def stopped(_: Project, __: Source, clip: Clip, options: SegmentOptions) -> Clip:
        assert clip.id == first.id and [clip.id for clip in project.store.clips()] == [first.id]
        raise Cancelled

    monkeypatch.setattr(segment, "cut_clip", stopped)
    options = SegmentOptions(only_speech=False, min_clip_s=4.8, max_join_pause_ms=0)
    args = SegmentArgs(options=options)
    job = Job.create(project.jobs, args)
    with pytest.raises(Cancelled) as cancelled:
        segment.run(job, project, args, Reporter(job))
    (so_far,) = cancelled.value.args
    assert (so_far["clips"], so_far["trashed"]) == (1, 1)
    assert [warning.code for warning in job.read().warnings] == ["segment.trashed"]


def test_only_what_lies_in_the_way_goes_when_clips_come_back(project: Project, tmp_path: Path) -> None:
    _, clip, _ = _worked_on(project, tmp_path)
    project.store.edit_clip(project.store.clips()[0].id, text="First.")
    folder = trashed_clips(project)[0].folder
    (project.path / "trash" / folder / f"{clip.id}.wav").unlink()  # without its sound it is cut anew
    restore_trashed_clips(project, folder)
    assert [clip.text for clip in project.store.clips()] == ["First.", "Good night."]
    assert project.clip_file(clip.id).exists()


@pytest.mark.parametrize("name", ["", "nothing", "../clips", "..", "edits"])
def test_what_is_not_in_the_trash_cannot_come_back(name: str, project: Project) -> None:
    with pytest.raises(UserError) as error:
        restore_trashed_clips(project, name)
    assert error.value.code == "segment.not_in_trash"


def test_clips_of_a_recording_that_is_gone_are_not_offered(project: Project, tmp_path: Path) -> None:
    source, _, _ = _worked_on(project, tmp_path)
    project.store.remove_source(source.id)
    assert trashed_clips(project) == []
