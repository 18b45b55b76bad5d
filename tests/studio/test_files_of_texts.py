"""A spoken text becomes files: lines in order at one loudness with their pauses, chapters, times and an honest tag."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.loudness import loudness_lufs
from core.audio.synthetic import COMMENT, write_speech
from core.errors import Cancelled, UserError
from core.jobs.args.studio import WriteDocumentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.workspace import Project
from core.studio import changes, documents, files, join, start
from core.studio.document import Document
from core.studio.keys import Keys
from core.studio.state import states
from core.studio.takes import read_takes, take_file
from core.tasks import write_document
from tests.studio.conftest import Speak

TEXT = "# One; the first\n\nHum a line. [pause 2s] Hum another,\n\n# Two\n\nAnd <la> & so on."
RATE = 16_000


@pytest.fixture
def text(humming: Project, warm: list[str], speak: Speak) -> Document:
    """A text whose lines were spoken, each another time as loud as the others, with quiet around."""
    made = start.create(humming, TEXT, "A = story; of # signs")
    speak(made)
    document = documents.document(humming, made.id)
    folder, keys = documents.folder(humming, made.id), Keys(humming, document)
    for number, line in enumerate(document.lines):
        [take] = read_takes(folder).of(keys.key(line))
        at = np.arange(RATE) / RATE
        sound = 0.02 * 2**number * np.sin(2 * np.pi * 300 * at)
        quiet = np.zeros(RATE // 2)
        write_speech(take_file(folder, take.id), np.concatenate([quiet, sound, quiet]).astype(np.float32), RATE)
    return document


def write(project: Project, document: Document, *formats: str, incomplete: bool = False) -> list[Path]:
    args = WriteDocumentArgs(document=document.id, formats=formats, incomplete=incomplete)
    job = Job.create(project.jobs, args)
    result = write_document.run(job, project, args, Reporter(job))
    return [documents.folder(project, document.id) / files.FOLDER / name for name in result["files"]]


def probe(path: Path) -> dict[str, object]:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def planned(project: Project, document: Document) -> list[join.Piece]:
    folder = documents.folder(project, document.id)
    return join.plan(folder, states(project, document), lambda number: None)[0]


def test_lines_are_trimmed_equally_loud_and_apart_as_their_ends_ask_for(humming: Project, text: Document) -> None:
    pieces = planned(humming, text)
    for piece in pieces:
        assert piece.seconds == pytest.approx(1.06, abs=0.025)  # the sound and the edges that stay
        samples = join.samples_of(piece, RATE)
        assert loudness_lufs(samples, RATE) == pytest.approx(join.TARGET_LUFS, abs=0.5)
        assert abs(samples[0]) < 0.01 and abs(samples[-1]) < 0.01
    pauses = text.pauses
    gaps = [round(later.start_s - piece.end_s, 2) for piece, later in zip(pieces, pieces[1:], strict=False)]
    assert gaps == [pauses.heading_s, 2.0, pauses.paragraph_s, pauses.heading_s]


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "opus", "m4b"])
def test_each_format_is_as_long_as_the_lines_and_says_that_the_voice_is_synthetic(
    humming: Project, text: Document, format: str
) -> None:
    [path] = write(humming, text, format)
    pieces = planned(humming, text)
    about = probe(path)
    tags = {**about["format"].get("tags", {}), **about["streams"][0].get("tags", {})}  # type: ignore[attr-defined,index]
    tags = {name.lower(): value for name, value in tags.items()}
    assert float(about["format"]["duration"]) == pytest.approx(pieces[-1].end_s, abs=0.1)  # type: ignore[index]
    assert tags["comment"] == COMMENT and tags["title"] == "A = story; of # signs" and tags["artist"] == "Tuning fork"
    if format == "m4b":
        chapters = [(float(c["start_time"]), c["tags"]["title"]) for c in about["chapters"]]  # type: ignore[union-attr]
        assert chapters == [(0.0, "One; the first"), (pytest.approx(pieces[3].start_s, abs=0.01), "Two")]
    if format == "wav":
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE and len(samples) == round(pieces[-1].end_s * RATE)
        first, last = pieces[1], pieces[2]
        between = samples[round((first.end_s + 0.02) * RATE) : round((last.start_s - 0.02) * RATE)]
        assert not between.any(), "the pause that the mark asks for is silence"


def test_subtitles_show_each_line_while_it_is_heard(humming: Project, text: Document) -> None:
    srt, vtt = write(humming, text, "srt", "vtt")
    pieces = planned(humming, text)
    blocks = srt.read_text().split("\n\n")
    assert len(blocks) == 5 and blocks[0].splitlines()[0] == "1" and "One; the first" in blocks[0]
    assert blocks[0].splitlines()[1].startswith("00:00:00,000 --> 00:00:01,0")
    assert f"--> 00:00:{pieces[-1].end_s:06.3f}".replace(".", ",") in blocks[-1]
    assert vtt.read_text().startswith("WEBVTT\n") and "And &lt;la&gt; &amp; so on." in vtt.read_text()


def test_a_zip_holds_a_file_for_each_line_and_a_table(humming: Project, text: Document) -> None:
    [path] = write(humming, text, "zip")
    with zipfile.ZipFile(path) as archive:
        sounds = [name for name in archive.namelist() if name.endswith(".wav")]
        assert len(sounds) == 5 and sounds[1] == "00002-hum-a-line.wav"
        with archive.open(sounds[1]) as file:
            content = io.BytesIO(file.read())
        with soundfile.SoundFile(content) as sound:
            assert sound.comment == COMMENT and sound.samplerate == RATE
        rows = list(csv.DictReader(io.StringIO(archive.read("lines.csv").decode("utf-8-sig"))))
    assert [row["file"] for row in rows] == sounds and rows[4]["chapter"] == "Two"
    assert float(rows[2]["start_s"]) == pytest.approx(planned(humming, text)[2].start_s, abs=0.001)


def test_a_text_that_is_not_spoken_to_its_end_is_written_only_if_one_says_so(humming: Project, text: Document) -> None:
    changes.set_line_text(humming, text.id, text.lines[1].id, "Hum this is new.")
    document = documents.document(humming, text.id)
    for attempt in (lambda: write(humming, document, "flac"), lambda: start.start_writing(humming, text.id, ["flac"])):
        with pytest.raises(UserError) as caught:
            attempt()
        assert caught.value.code == "studio.unspoken" and caught.value.values["count"] == 1
    [path] = write(humming, document, "flac", incomplete=True)
    assert float(probe(path)["format"]["duration"]) == pytest.approx(planned(humming, document)[-1].end_s, abs=0.05)  # type: ignore[index]
    with pytest.raises(UserError) as caught:
        start.start_writing(humming, text.id, ["exe"])
    assert caught.value.code == "studio.no_format"


def test_another_name_leaves_no_second_file_and_files_are_deleted(humming: Project, text: Document) -> None:
    write(humming, text, "srt")
    changes.rename(humming, text.id, "Other")
    [path] = write(humming, documents.document(humming, text.id), "srt")
    assert files.written_files(humming, text.id) == [path] and path.name == "other.srt"
    files.remove_file(humming, text.id, "../document.json")
    files.remove_file(humming, text.id, "other.srt")
    assert not files.written_files(humming, text.id)
    assert documents.document(humming, text.id).name == "Other"


def test_a_file_of_another_name_stays_until_the_new_one_is_there(humming: Project, text: Document) -> None:
    [path] = write(humming, text, "mp3")

    def stop(number: int) -> None:
        raise Cancelled

    renamed = text.model_copy(update={"name": "Other"})
    with pytest.raises(Cancelled):
        files.write_file(path.parent.parent, renamed, planned(humming, text), RATE, "mp3", stop)
    assert files.written_files(humming, text.id) == [path]


def test_stopped_or_without_room_no_half_a_file_stays(
    humming: Project, text: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = documents.folder(humming, text.id)
    pieces = planned(humming, text)

    def stop(number: int) -> None:
        if number == 2:
            raise Cancelled

    for format in ("mp3", "zip"):
        with pytest.raises(Cancelled):
            files.write_file(folder, text, pieces, RATE, format, stop)
    monkeypatch.setitem(files._ENCODERS, "wav", ("-c:a", "pcm_s16le", "-f", "no-such-format"))
    with pytest.raises(UserError) as caught:
        files.write_file(folder, text, pieces, RATE, "wav", lambda number: None)
    assert caught.value.code == "studio.no_encoder"
    assert not list((folder / files.FOLDER).iterdir())


def test_a_damaged_take_is_named(humming: Project, text: Document) -> None:
    from core.damage import DamagedFile

    row = states(humming, text)[2]
    assert row.chosen
    take_file(documents.folder(humming, text.id), row.chosen.id).write_bytes(b"RIFF no sound")
    with pytest.raises(DamagedFile) as caught:
        write(humming, text, "flac")
    assert row.chosen.id in str(caught.value.path)
