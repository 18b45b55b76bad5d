"""What leaves comes back: every layout is read by the programs it is for, and by this one, with the same texts."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
import soundfile
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.dataset.compare import compare
from core.dataset.freeze import DatasetInfo, freeze
from core.dataset.layouts import LAYOUTS
from core.project.workspace import Project
from core.sources.collections.scan import look
from tests.dataset.conftest import MakeClips
from ui.http.audio_routes import dataset_url, routes, zip_dataset

TEXTS = [
    '"Stop!" she said, and left.',
    '"Never closed, he wrote.',
    "Commas, commas; and more.",
    "Água | à parte?",
    "It's 5.",
]


@pytest.fixture
def info(project: Project, make_clips: MakeClips) -> DatasetInfo:
    clips = make_clips("a", 30)
    for clip, text in zip(clips, TEXTS, strict=False):
        project.store.edit_clip(clip.id, text=text)
    return freeze(project)


def _texts(info: DatasetInfo) -> dict[str, str]:
    lines = (info.path / "metadata.csv").read_text(encoding="utf-8").splitlines()
    return {line.split("|")[0]: line.split("|")[1] for line in lines}


def _unzip(info: DatasetInfo, layout: str, folder: Path) -> Path:
    content = b"".join(zip_dataset(info, layout, "speaker"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_comes_in_again_with_all_sounds_and_texts(info: DatasetInfo, layout: str, tmp_path: Path) -> None:
    content = b"".join(zip_dataset(info, layout, "speaker"))
    (tmp_path / "set.zip").write_bytes(content)
    found = look(tmp_path / "set.zip")
    assert {Path(item.sound).stem: item.text for item in found.items} == _texts(info)
    assert not found.without_text and not found.without_sound.count and not found.idle_lists
    assert not any(report.differing for report in found.lists)


@pytest.mark.parametrize(
    ("layout", "formatter", "train", "val"),
    [
        ("ljspeech", "ljspeech", "metadata_train.csv", "metadata_val.csv"),
        ("headed", "coqui", "metadata_train.csv", "metadata_eval.csv"),
    ],
)
def test_coquis_own_loader_reads_ours(
    info: DatasetInfo, layout: str, formatter: str, train: str, val: str, tmp_path: Path
) -> None:
    from TTS.config.shared_configs import BaseDatasetConfig
    from TTS.tts.configs.shared_configs import BaseTTSConfig
    from TTS.tts.datasets import load_tts_samples

    folder = _unzip(info, layout, tmp_path)
    data = BaseDatasetConfig(
        formatter=formatter, path=str(folder), meta_file_train=train, meta_file_val=val, language="en"
    )
    learnt, held_out = load_tts_samples(BaseTTSConfig(datasets=[data]))
    assert (len(learnt), len(held_out)) == (info.train, info.val)
    texts = {Path(row["audio_file"]).stem: row["text"].rstrip("\n") for row in [*learnt, *held_out]}
    assert texts == _texts(info)
    assert all(soundfile.info(row["audio_file"]).samplerate == 22_050 for row in [*learnt, *held_out])


def test_piper_and_audiofolder_are_as_their_readers_want_them(info: DatasetInfo, tmp_path: Path) -> None:
    piper = _unzip(info, "piper", tmp_path / "piper")
    with open(piper / "metadata.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="|"))
    assert {Path(name).stem: text for name, text in rows} == _texts(info)
    assert all((piper / "wav" / name).is_file() for name, _ in rows)
    folder = _unzip(info, "audiofolder", tmp_path / "hf")
    counts = {}
    for part in ("train", "validation"):
        with open(folder / part / "metadata.csv", newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
        assert all((folder / part / record["file_name"]).is_file() for record in records)
        assert all(record["transcription"] == _texts(info)[Path(record["file_name"]).stem] for record in records)
        counts[part] = len(records)
    assert counts == {"train": info.train, "validation": info.val}


def test_a_dataset_is_downloaded_by_its_id_and_nothing_else_is(project: Project, info: DatasetInfo) -> None:
    app = FastAPI()
    app.include_router(routes(project.workspace))
    page = TestClient(app)
    answer = page.get(dataset_url(project.slug, info.id, "piper").removeprefix(".."))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    assert len(answer.content) == int(answer.headers["content-length"])
    assert "metadata.csv" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    for id_, layout in ((info.id, "other"), ("nothing", "piper"), ("..", "piper"), ("../..", "ljspeech")):
        assert page.get(dataset_url(project.slug, id_, layout).removeprefix("..")).status_code == 404


def test_two_datasets_are_compared_by_what_came_went_and_changed(
    project: Project, info: DatasetInfo, make_clips: MakeClips
) -> None:
    clips = project.store.clips()
    project.store.edit_clip(clips[0].id, text="Other words.")
    project.store.edit_clip(clips[1].id, status="rejected")
    make_clips("b", 3)
    now = freeze(project)
    found = compare(info, now)
    assert [(change.now_id, change.before_text, change.now_text, change.sound) for change in found.changed] == [
        (clips[0].id, TEXTS[0], "Other words.", False)
    ]
    assert [change.before_id for change in found.went] == [clips[1].id]
    assert {change.now_id for change in found.came} == {f"b-000{n}" for n in (1, 2, 3)}
    assert (found.same, found.moved) == (28, 0)
    back = compare(now, info)
    assert ([change.now_id for change in back.came], len(back.went)) == ([clips[1].id], 3)
    assert compare(now, now).same == now.clips


def test_a_clip_that_was_cut_anew_is_the_same_clip_changed(
    project: Project, info: DatasetInfo, make_clips: MakeClips
) -> None:
    from dataclasses import replace

    clips = project.store.clips()
    fresh = [replace(clips[0], id="a-0099", end_s=clips[0].end_s + 0.2), *clips[1:]]
    project.clip_file("a-0099").write_bytes(project.clip_file(clips[7].id).read_bytes())
    project.store.replace_clips("a", fresh)
    found = compare(info, freeze(project))
    assert [(change.before_id, change.now_id, change.sound) for change in found.changed] == [
        (clips[0].id, "a-0099", True)
    ]
    assert not found.came and not found.went and found.moved == 0
