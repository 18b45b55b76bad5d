"""Freezing: what is used, what is dropped and why, the folder's form, and that it never changes."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import soundfile

from core.dataset.freeze import dataset, datasets, freeze, is_current, latest, read_report
from core.dataset.report import report
from core.engines.xtts.bases import FILES
from core.errors import UserError
from core.files import sha256_file
from core.project.schema import connect
from core.project.workspace import Project
from tests.dataset.conftest import MakeClips


def _rows(path):
    return [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_frozen_dataset_is_ljspeech_with_about_a_tenth_held_out(project: Project, make_clips: MakeClips) -> None:
    make_clips("a", 100)
    info = freeze(project)

    everything, train, val = (_rows(info.path / f"metadata{part}.csv") for part in ("", "_train", "_val"))
    assert (len(everything), len(train), len(val)) == (info.clips, info.train, info.val) and info.clips == 100
    assert 5 <= info.val <= 15
    assert sorted(train + val) == sorted(everything)
    assert everything[0] == ["a-0001", "Sentence 1 of a.", "Sentence 1 of a."]
    for clip_id, _, _ in everything:
        facts = soundfile.info(str(info.path / "wavs" / f"{clip_id}.wav"))
        assert (facts.samplerate, facts.channels, facts.subtype) == (22_050, 1, "PCM_16")
    assert info.seconds == pytest.approx(500.0)


def test_each_reason_to_drop_a_clip_is_named_and_the_rest_is_used(project: Project, make_clips: MakeClips) -> None:
    clips = make_clips("a", 14)
    store = project.store
    store.edit_clip(clips[0].id, text="   ")
    store.edit_clip(clips[1].id, text="... ?!")
    store.edit_clip(clips[2].id, end_s=clips[2].start_s + 0.3)
    store.edit_clip(clips[3].id, end_s=clips[3].start_s + 12.5)
    project.clip_file(clips[4].id).unlink()
    project.clip_file(clips[5].id).write_bytes(b"RIFF this is no wave file, only its first letters " * 4)
    soundfile.write(project.clip_file(clips[6].id), np.zeros(100, np.float32), 16_000)
    store.edit_clip(clips[7].id, status="rejected")
    store.edit_clip(clips[8].id, status="new")

    info = freeze(project)

    why = {drop["clip_id"]: drop["code"] for drop in read_report(info)["dropped"]}
    assert why == {
        clips[0].id: "dataset.no_text",
        clips[1].id: "dataset.no_words",
        clips[2].id: "dataset.too_short",
        clips[3].id: "dataset.too_long",
        clips[4].id: "dataset.no_audio",
        clips[5].id: "dataset.bad_audio",
        clips[6].id: "dataset.wrong_audio",
    }
    assert {row[0] for row in _rows(info.path / "metadata.csv")} == {clip.id for clip in clips[9:]}
    now = report(project)
    assert (now.waiting, now.rejects) == (1, 1)


def test_texts_lose_what_would_break_a_row_and_nothing_else(project: Project, make_clips: MakeClips) -> None:
    clips = make_clips("a", 5)
    project.store.edit_clip(clips[0].id, text=" 3rd St.|at 10:30,\n“São\tPaulo”\r\ncafe\u0301 ")
    rows = {row[0]: row[1:] for row in _rows(freeze(project).path / "metadata.csv")}
    assert rows[clips[0].id] == ["3rd St. at 10:30, “São Paulo” café"] * 2


def test_a_text_that_an_older_version_kept_is_cleaned_when_it_is_frozen(
    project: Project, make_clips: MakeClips
) -> None:
    clips = make_clips("a", 5)
    with connect(project.store.path) as db:
        db.execute("UPDATE clips SET text='Zero\u200bwidth\u00a0and \ufeffmore.' WHERE id=?", (clips[0].id,))
    rows = {row[0]: row[1] for row in _rows(freeze(project).path / "metadata.csv")}
    assert rows[clips[0].id] == "Zerowidth and more."


def test_the_same_content_is_the_same_dataset_and_any_change_is_another(
    project: Project, make_clips: MakeClips
) -> None:
    clips = make_clips("a", 10)
    first = freeze(project)
    assert freeze(project).id == first.id
    assert is_current(first, report(project))

    project.store.edit_clip(clips[3].id, text="Something else was said.")
    assert not is_current(first, report(project))
    second = freeze(project)
    soundfile_noise = np.full(2205, 0.25, np.float32)
    replacement = project.clips / "new.wav"
    soundfile.write(replacement, soundfile_noise, 22_050, subtype="PCM_16")
    replacement.rename(project.clip_file(clips[4].id))
    third = freeze(project)

    assert len({first.id, second.id, third.id}) == 3
    assert [info.id for info in datasets(project)][0] == third.id == latest(project).id
    assert len(datasets(project)) == 3


def test_freezing_earlier_content_again_makes_it_the_latest(project: Project, make_clips: MakeClips) -> None:
    clips = make_clips("a", 6)
    first = freeze(project)
    project.store.edit_clip(clips[0].id, text="Another text.")
    freeze(project)
    project.store.undo_last()
    assert freeze(project).id == first.id == latest(project).id


def test_a_frozen_dataset_keeps_its_audio_when_clips_are_cut_anew(project: Project, make_clips: MakeClips) -> None:
    clips = make_clips("a", 6)
    info = freeze(project)
    frozen = info.path / "wavs" / f"{clips[0].id}.wav"
    before = sha256_file(frozen)

    fresh = project.clips / "fresh.wav"
    soundfile.write(fresh, np.zeros(50, np.float32), 22_050)
    fresh.rename(project.clip_file(clips[0].id))
    project.clip_file(clips[1].id).unlink()

    assert sha256_file(frozen) == before
    assert (info.path / "wavs" / f"{clips[1].id}.wav").exists()


def test_a_double_click_freezes_once_and_leaves_no_rubbish(project: Project, make_clips: MakeClips) -> None:
    make_clips("a", 30)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(freeze(project).id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert [path.name for path in project.datasets.iterdir()] == [found[0]]


def test_too_little_is_refused_in_words(project: Project, make_clips: MakeClips) -> None:
    with pytest.raises(UserError) as nothing:
        freeze(project)
    assert nothing.value.code == "dataset.nothing_approved"
    make_clips("a", 3)
    with pytest.raises(UserError) as few:
        freeze(project)
    assert few.value.code == "dataset.too_few" and few.value.values["count"] == 3
    assert not project.datasets.exists() or not list(project.datasets.iterdir())


def test_a_dataset_id_from_outside_never_leaves_the_folder(project: Project, make_clips: MakeClips) -> None:
    make_clips("a", 5)
    freeze(project)
    for bad in ("../../etc", "nope", "", "/etc"):
        with pytest.raises(UserError) as missing:
            dataset(project, bad)
        assert missing.value.code == "dataset.missing"


def test_the_report_card_tells_amount_and_mix(project: Project, make_clips: MakeClips) -> None:
    make_clips("a", 20)
    lights = {light.key: light for light in report(project).grades}
    assert lights["amount"].level == "poor" and lights["amount"].values["minutes"] == pytest.approx(100 / 60)
    assert lights["mix"].level == "poor"  # all of one length
    assert lights["sure"].level == "good" and lights["endings"].level == "good"
    assert json.dumps([light.values for light in lights.values()])


NASTY = {
    "spoken": ["Dr. Smith paid $5.50 on 3/4/2024 at 10:30 p.m.", "“Curly” quotes ’ it’s ‘fine’…", "LOUD CAPITALS."],
    "cleaned": ["Zero\u200bwidth and soft\u00adhyphen and no\u00a0break and bom\ufeff here.", " Tabs\tand\u2028lines."],
    "written out": [
        "3,5 km, 50 %, 20 €, C#, § 5, 2 + 2 = 4",
        "a\u0303 combining and \ufb01 ligature \uff01",
        "a|b [en] [STOP]",
    ],
    "dropped": ["Smile 😀 today.", "Left → right.", "\u202bمرحبا\u202c ꙮ", "…!", "\u200b", "word " * 300, "bad \ufffd"],
}


def test_what_is_counted_as_used_is_exactly_what_will_be_trained_on(project: Project, make_clips: MakeClips) -> None:
    from core.engines.xtts.features import extract as features
    from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary

    clips = make_clips("a", 8 + sum(map(len, NASTY.values())))
    texts = [text for kind in NASTY.values() for text in kind]
    with connect(project.store.path) as db:  # as a version before cleaning kept them
        db.executemany("UPDATE clips SET text=? WHERE id=?", [(t, c.id) for t, c in zip(texts, clips, strict=False)])
    for clip, frames in zip(clips[-4:], (11_003, 11_000, 255_802, 255_850), strict=True):  # about both limits
        soundfile.write(project.clip_file(clip.id), np.full(frames, 0.1, np.float32), 22_050, subtype="PCM_16")

    info = freeze(project)
    base = project.workspace.models / "base"
    base.mkdir(parents=True)
    starter_vocabulary().save(str(base / "vocab.json"))
    trained = features.check(info.path, base)
    frozen = read_report(info)
    assert set(trained.used) == {row[0] for row in _rows(info.path / "metadata.csv")} and not trained.dropped
    assert info.clips == len(trained.used) == info.train + info.val

    reasons = {drop["clip_id"]: drop["code"] for drop in frozen["dropped"]}
    nasty = dict(zip((clip.id for clip in clips), texts, strict=False))
    assert [nasty[clip_id] for clip_id in sorted(reasons) if clip_id in nasty] == NASTY["dropped"]
    assert {reasons.pop(clip.id) for clip in clips[-4:] if clip.id in reasons} == {
        "dataset.too_short",
        "dataset.too_long",
    }
    assert set(reasons.values()) == {
        *("dataset.unknown_characters", "dataset.no_words", "dataset.no_text", "dataset.too_many_tokens"),
    }
    smile = next(drop for drop in frozen["dropped"] if drop["clip_id"] == clips[texts.index("Smile 😀 today.")].id)
    assert "“😀” (U+1F600 GRINNING FACE)" in smile["text"]


def test_the_verdict_on_texts_is_that_of_the_base_the_project_is_trained_on(
    project: Project, make_clips: MakeClips
) -> None:
    from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary

    clips = make_clips("a", 6)
    project.store.edit_clip(clips[0].id, text="Șase țări.")
    assert [exclusion.clip_id for exclusion in report(project).exclusions] == []
    small = json.loads(starter_vocabulary().to_str())
    del small["model"]["vocab"]["ș"]
    folder = project.workspace.models / "xtts-v2"
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(json.dumps(small) if name == "vocab.json" else "")
    dropped = report(project).exclusions
    assert [(drop.clip_id, drop.code) for drop in dropped] == [(clips[0].id, "dataset.unknown_characters")]
    assert "U+0219" in dropped[0].text
