"""What is no recording is named in both languages, and nothing that was there is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from core.errors import Cancelled, DiskFull, UserError
from core.jobs.args.sources import ImportArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.sources import recordings
from core.sources.collections.archive import Folder, Zip
from core.sources.collections.concat import join
from core.sources.collections.scan import look
from core.sources.upload import add_file
from core.tasks import import_sources
from tests.audio.sounds import convert, long_flac, silence, tone, write
from tests.sources.test_datasets import ljspeech
from ui.i18n import Translator

CORE = Path(__file__).resolve().parents[2] / "core"
_CODE = re.compile(r'(?:UserError|Duplicate|DiskFull|Busy|warning)\(\s*"([a-z_]+\.[a-z_]+)"')


@pytest.mark.parametrize("folder", ["sources", "audio"])
def test_every_error_and_warning_has_its_portuguese(folder: str) -> None:
    codes = {code for file in (CORE / folder).glob("*.py") for code in _CODE.findall(file.read_text(encoding="utf-8"))}
    there = yaml.safe_load((CORE.parent / "ui" / "i18n" / "pt-BR.yaml").read_text(encoding="utf-8"))["errors"]
    assert len(codes) > 8 and not codes - there.keys()


def _playlist(path: Path) -> Path:
    secret = write(path.parent / "secret.wav", tone(1))
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\n{secret}\n#EXT-X-ENDLIST\n")
    return path


def _text(path: Path) -> Path:
    path.write_text("no sound, only words\n" * 50)
    return path


def _empty(path: Path) -> Path:
    path.touch()
    return path


def _truncated(path: Path) -> Path:
    whole = convert(write(path.with_suffix(".wav"), tone(5)), path)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return path


MADE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "text.wav": ("audio.not_audio", _text),
    "list.wav": ("audio.not_audio", _playlist),
    "nothing.wav": ("audio.empty", _empty),
    "quiet.wav": ("audio.silent", lambda path: write(path, silence(2))),
    "cut.mp4": ("audio.cut_short", _truncated),
    "hours.flac": ("audio.too_long", lambda path: long_flac(path, 100)),
    "page.zip": ("archive.broken", _text),
    "film.srt": ("subtitles.no_recording", _text),
}


def test_each_bad_file_is_named_with_its_reason_and_the_good_one_comes_in(project: Project, tmp_path: Path) -> None:
    kept = add_file(project, write(tmp_path / "kept.wav", tone(1)))
    files = [(make(tmp_path / name), name) for name, (_, make) in MADE.items()]
    files.append((write(tmp_path / "good.wav", tone(2)), "good.wav"))
    view = recordings.add(project, ImportArgs(files=files)).wait()
    assert view.status == "done" and (view.result["added"], view.result["failed"]) == (1, len(MADE)), view.text
    assert {warning.values["name"]: warning.code for warning in view.warnings} == {
        name: code for name, (code, _) in MADE.items()
    }
    for language in ("en", "pt-BR"):
        t = Translator(language)
        for one in view.warnings:
            said = t.error(one.code, one.text, one.hint, one.values)
            assert f"“{one.values['name']}”" in said and "{" not in said
            assert (one.text in said) == (language == "en")
    assert [source.title for source in project.store.sources()] == [kept.title, "good"]
    assert len(list(project.sources.iterdir())) == 4 and not list(project.uploads.iterdir())


@contextlib.contextmanager
def full(_: Path) -> Iterator[Path]:
    yield Path("/dev/full")  # every write to it fails as on a full disk


def test_a_disk_that_fills_up_loses_nothing_and_the_import_can_go_on(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = add_file(project, write(tmp_path / "kept.wav", tone(1)))
    upload = write(tmp_path / "long.wav", np.tile(tone(1, 48_000), 20), 48_000)
    job = Job.create(project.jobs, ImportArgs(files=[(upload, "long.wav")]))
    with monkeypatch.context() as patch:
        patch.setattr("core.audio.decode.replacing", full)
        with pytest.raises(DiskFull) as error:
            import_sources.run(job, project, job.spec().args, Reporter(job))
    assert error.value.code == "audio.no_room" and "long.wav" in error.value.text
    assert project.store.sources() == [kept] and len(list(project.sources.iterdir())) == 2 and upload.exists()
    result = import_sources.run(job, project, job.spec().args, Reporter(job))
    assert result["added"] == 1 and not upload.exists()


def test_a_disk_that_fills_up_while_a_data_set_is_joined_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ljspeech(tmp_path / "set")
    noise = np.random.default_rng(0).normal(0, 0.1, 22_050 * 20).astype(np.float32)
    write(folder / "wavs" / "LJ-0.wav", noise, 22_050)
    monkeypatch.setattr("core.sources.collections.concat.replacing", full)
    job = Job.create(project.jobs, ImportArgs())
    with pytest.raises(UserError) as error:
        join(Folder(folder), tmp_path / "x.flac", look(folder), Reporter(job), max_hours=1)
    assert error.value.code == "audio.no_room"


@pytest.mark.parametrize(
    "error", [DiskFull("audio.no_room", "Full."), OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))]
)
def test_a_disk_that_fills_up_while_a_member_is_decoded_is_no_fault_of_the_member(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "one.m4a").write_bytes(b"sound")
    (folder / "one.txt").write_text("One.")

    def no_room(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("core.sources.collections.concat.decode_to_flac", no_room)
    reporter = Reporter(Job.create(project.jobs, ImportArgs()))
    with pytest.raises(type(error)):
        join(Folder(folder), tmp_path / "x.flac", look(folder), reporter, max_hours=1)
    assert reporter.job.read().warnings == []


def test_a_disk_that_fills_up_while_a_recording_is_unpacked_ends_the_import(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talks.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(write(tmp_path / "a.wav", tone(1)), "a.wav")

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Zip, "local", no_room)
    job = Job.create(project.jobs, ImportArgs())
    args = ImportArgs(files=[(path, path.name)])
    with pytest.raises(OSError, match="No space left"):
        import_sources.run(job, project, args, Reporter(job))
    assert job.read().warnings == [] and path.exists()


def test_a_damaged_member_of_a_zip_of_recordings_is_named_and_the_others_come_in(
    project: Project, tmp_path: Path
) -> None:
    path = tmp_path / "talks.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, name in enumerate("abc"):
            archive.write(write(tmp_path / f"{name}.wav", tone(1, hz=300 + 100 * number)), f"{name}.wav")
    data = bytearray(path.read_bytes())
    middle = data.index(b"b.wav") + 5_000
    data[middle : middle + 100] = bytes(100)  # its checksum is wrong now
    path.write_bytes(data)
    job = Job.create(project.jobs, ImportArgs())
    args = ImportArgs(files=[(path, path.name)])
    result = import_sources.run(job, project, args, Reporter(job))
    assert (result["added"], result["failed"]) == (2, 1)
    assert [(warning.code, warning.values["member"]) for warning in job.read().warnings] == [
        ("collection.bad_sound", "b.wav")
    ]
    assert [source.title for source in project.store.sources()] == ["a", "c"]
    assert not list(project.uploads.iterdir())


def test_stop_is_seen_while_a_large_member_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("large.mp3", bytes(40_000_000))
    place = Zip(path)
    written: list[int] = []

    def stop() -> None:
        written.append(next(tmp_path.glob(".tmp-*")).stat().st_size)
        raise Cancelled

    with pytest.raises(Cancelled), place.local("large.mp3", tmp_path, stop):
        pass
    place.close()
    assert len(written) == 1 and written[0] <= 1 << 20 and not list(tmp_path.glob(".tmp-*"))
