"""Words and sound share one clock: late sound, holes, damaged stamps, several tracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.audio.tracks import choose_track
from core.jobs.args.sources import ImportArgs
from core.jobs.events import Warning
from core.project.workspace import Project
from core.sources import recordings
from core.sources.decoding_notes import HOLES, jump_of
from tests.audio.sounds import convert, silence, tone, write
from tests.audio.test_container_clock import PICTURE, run

# Three sentences of a second each, a second apart, with a pause at either end.
SENTENCES = np.concatenate([silence(1), *(part for _ in range(3) for part in (tone(1), silence(1)))])
STARTS = [1.0, 3.0, 5.0]
NAMES = ("alpha", "bravo", "carlo")


def srt(path: Path, starts: Sequence[float]) -> Path:
    """A word for each sentence three times over, shown while it is spoken."""
    cues = (f"{number}\n{_time(start)} --> {_time(start + 1)}\n{' '.join([name] * 3)}\n" for number, (name, start) in
            enumerate(zip(NAMES, starts, strict=True), 1))  # fmt: skip
    path.write_text("\n".join(cues), encoding="utf-8")
    return path


def _time(seconds: float) -> str:
    return f"00:00:{seconds:06.3f}".replace(".", ",")


def words_of(project: Project, title: str) -> dict[str, list[tuple[float, float]]]:
    source = next(source for source in project.store.sources() if source.title == title)
    times: dict[str, list[tuple[float, float]]] = {}
    for word in project.store.words(source.id):
        times.setdefault(word.text, []).append((word.start_s, word.end_s))
    return times


def spoken(project: Project, title: str, starts: Sequence[float]) -> None:
    """Every word lies where its sentence is spoken."""
    times = words_of(project, title)
    assert list(times) == list(NAMES[: len(starts)])
    for name, start in zip(NAMES, starts, strict=False):
        assert len(times[name]) == 3
        assert start - 0.15 <= times[name][0][0] and times[name][-1][1] <= start + 1.15


def test_words_and_sound_share_one_clock_and_what_was_done_is_told(project: Project, tmp_path: Path) -> None:
    wav = write(tmp_path / "in.wav", SENTENCES)
    video = ["-map", "0:a", "-map", "1:v", "-c:v", "mpeg4"]
    files: list[tuple[Path, str]] = []

    def drop(path: Path, starts: Sequence[float]) -> None:
        files.extend([(path, path.name), (srt(path.with_suffix(".srt"), starts), f"{path.stem}.srt")])

    for name, late in (("late", "4"), ("late from sound", "3")):
        run("-itsoffset", late, "-i", wav, *PICTURE, *video, tmp_path / f"{name}.mp4")
    drop(tmp_path / "late.mp4", [start + 4 for start in STARTS])
    drop(tmp_path / "late from sound.mp4", STARTS)  # as a program wrote that listened to the decoded sound
    for number, (begin, offset) in enumerate([(0.0, 0.0), (2.0, 10.0), (4.0, 12.0)]):
        cut = ["-ss", str(begin), "-t", "2", "-i", str(wav), "-output_ts_offset", str(offset)]
        run(*cut, "-f", "mpegts", tmp_path / f"hole{number}.ts")
        cut[-1] = str(offset and offset + 9_000)
        run(*cut, "-f", "mpegts", tmp_path / f"jump{number}.ts")
    for name, starts in (("hole", [1.0, 11.0, 13.0]), ("jump", [1.0, 3.0, 5.0])):
        joined = b"".join((tmp_path / f"{name}{number}.ts").read_bytes() for number in range(3))
        (tmp_path / f"{name}.ts").write_bytes(joined)
        drop(tmp_path / f"{name}.ts", starts)
    view = recordings.add(project, ImportArgs(files=files)).wait()
    assert view.status == "done" and view.result["added"] == 4, view
    spoken(project, "late", [5.0, 7.0, 9.0])
    spoken(project, "late from sound", [4.0, 6.0, 8.0])
    spoken(project, "hole", [1.0, 11.0, 13.0])
    spoken(project, "jump", [1.0])  # the rest is not used
    told = {(warning.code, warning.values["name"]) for warning in view.warnings}
    assert told == {
        ("subtitles.moved", "late from sound.srt"), ("audio.holes", "hole.ts"), ("audio.jumps", "jump.ts"),
        ("subtitles.after_jump", "jump.srt"),
    }  # fmt: skip
    notes = {source.title: source.note for source in project.store.sources()}
    assert notes["hole"] == HOLES and notes["late"] == "audio.late:3.94"
    jumped = next(source for source in project.store.sources() if source.title == "jump")
    assert jump_of(jumped) == pytest.approx(2, abs=0.1) and jumped.seconds == pytest.approx(6, abs=0.2)


def test_the_default_track_is_taken_and_the_others_are_told(project: Project, tmp_path: Path) -> None:
    voice, aside = write(tmp_path / "voice.wav", tone(2)), write(tmp_path / "aside.wav", tone(3))
    film = tmp_path / "film.mkv"
    tags = ["-metadata:s:a:0", "title=Commentary", "-metadata:s:a:1", "language=por"]
    marks = ["-disposition:a:0", "0", "-disposition:a:1", "default"]
    convert(aside, film, "-i", str(voice), "-map", "0", "-map", "1", *tags, *marks)
    inverted = write(tmp_path / "inverted.wav", np.stack([tone(2, hz=300), -tone(2, hz=300)], axis=1))
    view = recordings.add(project, ImportArgs(files=[(film, "film.mkv"), (inverted, "inverted.wav")])).wait()
    assert view.status == "done"
    assert {source.title: round(source.seconds) for source in project.store.sources()} == {"film": 2, "inverted": 2}
    warnings: list[Warning] = list(view.warnings)
    assert [warning.code for warning in warnings] == ["audio.tracks", "audio.inverted"]
    assert warnings[0].values["which"] == "2 (por)" and "2 sound tracks" in warnings[0].text


def _track(**facts: object) -> dict[str, object]:
    marks = dict.fromkeys(str(facts.get("marks", "")).split(), 1)
    tags = {name: facts[name] for name in ("language", "title") if name in facts}
    return {"sample_rate": facts.get("rate", "48000"), "disposition": marks, "tags": tags}


@pytest.mark.parametrize(
    ("tracks", "index"),
    [
        ([_track(), _track()], 0), ([_track(), _track(marks="default")], 1),
        ([_track(language="eng"), _track(language="por")], 1), ([_track(language="eng"), _track(language="pt-BR")], 1),
        ([_track(language="eng", marks="default"), _track(language="por", marks="default")], 1),
        ([_track(language="eng", marks="default"), _track(language="por")], 0),
        ([_track(language="por", marks="default comment"), _track(language="eng")], 1),
        ([_track(language="por", title="Audiodescrição"), _track(language="por")], 1),
        ([_track(marks="visual_impaired default"), _track(marks="hearing_impaired"), _track()], 2),
        ([_track(marks="default comment")], 0), ([_track(marks="comment"), _track(marks="comment default")], 1),
        ([_track(marks="default", rate="0"), _track()], 1),
    ],
)  # fmt: skip
def test_a_commentary_is_never_taken_if_there_is_another_track(tracks: list[dict[str, object]], index: int) -> None:
    assert choose_track(tracks, lambda tag: tag.lower()[:2] in ("po", "pt")) == index
