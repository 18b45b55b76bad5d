"""Lists of texts as people have them: the text is found by what stands in a column, and nothing is dropped unsaid."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.jobs.args.sources import ImportArgs
from core.project.workspace import Project
from core.sources import recordings
from core.sources.collections import pending
from core.sources.collections.archive import Zip
from core.sources.collections.scan import look, refuse_unagreed
from core.sources.collections.sound_index import SoundIndex
from core.sources.lists.texts import NOT_USED
from tests.audio.sounds import convert, tone, write
from tests.sources.test_datasets import bring, looked_through, zipped
from ui.i18n import Translator
from ui.tabs.sources.collection_card import collection_cards

CASES = Path(__file__).resolve().parents[1] / "data" / "lists"
TEXTS = [
    "The harbour was quiet in the early morning.",
    "Seven small boats waited beside the wall.",
    "Nobody spoke for a long while.",
    "A narrow path climbs the hill.",
    "In winter the children carry lanterns.",
]
PORTUGUESE = ["O porto estava calmo.", "Sete barcos esperavam.", "Ninguém falou.", "Um caminho sobe o morro.", "Fim."]
PHONEMES = "ðə hˈɑːɹbɚ wʌz kwˈaɪət"
WAVS = [f"wavs/a{number}.wav" for number in range(5)]
EMPTY_WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0"


def folder_of(folder: Path, name: str, content: str | bytes, sounds: list[str], encoding: str = "utf-8") -> Path:
    """A folder with a list and files that are called as sounds are."""
    for sound in (*sounds, name):
        (folder / sound).parent.mkdir(parents=True, exist_ok=True)
    for sound in sounds:
        (folder / sound).write_bytes(EMPTY_WAV)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return folder


def rows(template: str, texts: list[str] = TEXTS) -> str:
    """A line for each text; ``{i}`` is its number, ``{t}`` the text."""
    return "\n".join(template.format(i=number, t=text) for number, text in enumerate(texts))


@pytest.mark.parametrize(
    ("case", "sounds", "texts"),
    [
        ("comma_unquoted", WAVS, [f"Well, {text}" for text in TEXTS]),
        ("coqui_pandas_quotes", WAVS, [
            '"The harbour was quiet," he said.', TEXTS[1], "Nobody spoke | for a long while.", TEXTS[3],
        ]),
        ("excel_zeros", [f"wavs/{number:04}.wav" for number in range(5)], TEXTS),
        ("filelist", WAVS, TEXTS),
        ("jsonl", WAVS, TEXTS),
        ("list_txt", WAVS, TEXTS),
        ("nfd_names", [unicodedata.normalize("NFD", f"wavs/gravação_{number}.wav") for number in range(5)], TEXTS),
        ("pipe_in_text", WAVS, ["Either one | or two.", *TEXTS[1:]]),
        ("sovits", WAVS, TEXTS),
        ("sovits_as_csv", WAVS, TEXTS),
        ("unmatched_quote_pipe", WAVS, ['"' + TEXTS[0], TEXTS[1], 'He said "no.', *TEXTS[3:]]),
        ("vits_sid", WAVS, TEXTS),
    ],
)  # fmt: skip
def test_a_known_kind_of_list_brings_its_texts(tmp_path: Path, case: str, sounds: list[str], texts: list[str]) -> None:
    folder = Path(shutil.copytree(CASES / case, tmp_path / "set"))
    name = min(path.name for path in folder.iterdir())
    reading = look(folder_of(folder, name, (folder / name).read_bytes(), sounds))
    assert [item.text for item in reading.items] == texts and reading.kind == "list"
    assert {report.state for report in reading.lists} == {"used"} and not reading.without_sound


# (name of the list, content, language of the project, encoding)
GOOD: dict[str, tuple[Any, ...]] = {
    "coqui": ("metadata.csv", rows("a{i}|{t}|{t}")),
    "copy in small letters": ("metadata.csv", "id|raw_text|normalized_text\n" + rows("a{i}|{t}|x {t}")),
    "portuguese head": ("metadata.csv", "arquivo;texto\n" + rows("a{i}.wav;{t}")),
    "text first": ("metadata.csv", "text,file_name\n" + rows('"{t}",a{i}.wav')),
    "any order": ("lista.csv", "idioma,hablante,texto,archivo\n" + rows("es,Ana Maria,{t},wavs/a{i}.wav")),
    "head nobody knows": ("metadata.csv", "foo|bar|baz\n" + rows("a{i}|{t}|x{i}")),
    "quoted all over": ("metadata.csv", '"file_name","text"\n' + rows('"a{i}.wav","{t}"')),
    "index of pandas": ("metadata.csv", ",file,text\n" + rows('{i},a{i}.wav,"{t}"')),
    "common voice": ("validated.tsv", "client_id\tpath\tsentence\tup_votes\n" + rows("00ff\ta{i}.mp3\t{t}\t2")),
    "nemo": ("manifest.json", rows('{{"audio_filepath": "/data/a{i}.wav", "duration": 1.0, "text": "{t}"}}')),
    "json": ("metadata.json", json.dumps([{"file": f"a{i}", "who": "m", "sentence": t} for i, t in enumerate(TEXTS)])),
    "json by name": ("data.json", json.dumps({f"a{i}.wav": text for i, text in enumerate(TEXTS)})),
    "json by record": ("data.json", json.dumps({f"a{i}": {"text": t, "lang": "en"} for i, t in enumerate(TEXTS)})),
    "inside": ("data.json", json.dumps({"d": [{"audio": {"path": f"a{i}"}, "t": t} for i, t in enumerate(TEXTS)]})),
    "kaldi": ("text", rows("a{i} {t}")),
    "name2text": ("2-name2text.txt", rows("a{i}.wav\tHH AH0 L OW1\t[2, 2]\t{t}")),
    "phonemes last": ("metadata.csv", rows(f"a{{i}}|{{t}}|{PHONEMES}")),
    "phonemes first": ("metadata.csv", rows(f"a{{i}}|{PHONEMES} {{i}}|{{t}}")),
    "speakers of two words": ("metadata.csv", rows("a{i}|Maria Silva {i}|{t}")),
    "feeling and language": ("metadata.csv", rows("a{i}.wav|happy|female|{t}|en-US|3.2")),
    "several speakers": ("filelist.txt", rows("DUMMY/a{i}.wav|{i}|{t}")),
    "tabs, pipes in text": ("list.tsv", rows("a{i}.wav\t{t}")),
    "spaces after marks": ("metadata.csv", rows("a{i}.wav, {t}")),
    "old Mac": ("metadata.csv", rows("a{i}|{t}").replace("\n", "\r")),
    "windows": ("metadata.csv", rows("a{i}|{t}").replace("\n", "\r\n")),
    "utf-16": ("metadata.csv", rows("a{i}|{t}"), "en", "utf-16"),
    "utf-16 without mark": ("metadata.csv", rows("a{i}|{t}"), "en", "utf-16-le"),
    "byte order mark": ("metadata.csv", "\ufefffile,text\n" + rows('a{i},"{t}"')),
    "byte order mark, no head": ("metadata.csv", "\ufeff" + rows("a{i}|{t}")),
    "comments and blank lines": ("metadata.csv", "# mine\n\n" + rows("a{i}|{t}\n") + "\n# end\n"),
    "text over two lines": ("metadata.csv", "file,text\n" + rows('a{i}.wav,"{t}"').replace(" in", "\nin", 1)),
    "prefix of another computer": ("metadata.csv", rows("/content/drive/My Drive/voz/wavs/a{i}.wav|{t}")),
    "windows paths, capitals": ("metadata.csv", rows("D:\\Voz\\WAVS\\A{i}.WAV|{t}")),
    "another ending": ("metadata.csv", rows("wavs/a{i}.flac|{t}")),
    "two equals signs": ("texts.csv", rows("wavs/a{i}.wav=={t}")),
    "colon": ("transcript_utf8.txt", rows("a{i}:{t}")),
    "dash": ("list.txt", rows("a{i}.wav - {t}")),
    "wide bar": ("metadata.csv", rows("a{i}｜{t}")),
    "festival": ("etc/txt.done.data", rows('( a{i} "{t}" )')),
    "json by column": ("data.json", json.dumps({"file": [f"a{i}.wav" for i in range(5)], "text": TEXTS})),
    "json of pandas": (
        "data.json",
        json.dumps({"file": {i: f"a{i}.wav" for i in range(5)}, "text": dict(enumerate(TEXTS))}),
    ),
    "label studio": (
        "project.json",
        json.dumps(
            [
                {"annotations": [{"result": [{"value": {"text": [t]}}]}], "data": {"audio": f"/data/upload/1/a{i}.wav"}}
                for i, t in enumerate(TEXTS)
            ]
        ),
    ),
    "address": ("metadata.csv", rows("file://wavs/%61{i}.wav|{t}")),
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_the_text_column_is_found_by_what_stands_in_it(tmp_path: Path, kind: str) -> None:
    name, content, language, encoding = (*GOOD[kind], "en", "utf-8")[:4]
    reading = look(folder_of(tmp_path, name, content, WAVS, encoding), language=language)
    assert [item.text for item in reading.items] == TEXTS
    assert [report.state for report in reading.lists] == ["used"]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (rows("a{i}.wav,maria,Well, {t}"), [f"Well, {text}" for text in TEXTS]),
        (rows("a{i}.wav,Well, {t},en"), [f"Well, {text}" for text in TEXTS]),
        ("file,transcript,speaker\n" + rows("a{i}.wav,Oh, {t},maria"), [f"Oh, {text}" for text in TEXTS]),
        ("text,file\n" + rows("Oh, {t},a{i}.wav"), [f"Oh, {text}" for text in TEXTS]),
        ("file,text\n" + rows('a{i}.wav,"{t}"').replace('."', ".", 1), [f'"{TEXTS[0]}', *TEXTS[1:]]),
        ("audio_file|text|speaker_name\n" + rows("a{i}.wav|{t}|me").replace("wall.", "wall. | yes"), None),
        (rows("a{i}|{t}|{t}").replace("wall.", "wall.|yes"), None),
    ],
)
def test_marks_and_odd_quotes_within_a_text_stay_there(tmp_path: Path, content: str, texts: list[str] | None) -> None:
    reading = look(folder_of(tmp_path, "metadata.csv", content, WAVS))
    if texts is None:
        texts = [TEXTS[0], TEXTS[1] + (" | yes" if " | " in content else "|yes"), *TEXTS[2:]]
        assert reading.lists[0].merged.names == ["a1.wav"]
    assert [item.text for item in reading.items] == texts


ASK = {
    "only a speaker": ("metadata.csv", rows("a{i}|maria")),
    "only speakers": ("metadata.csv", rows("a{i}|{t}", ["maria", "joao", "ana", "rui", "eva"])),
    "two languages": ("metadata.csv", "\n".join(f"a{i}|{text}|{PORTUGUESE[i]}" for i, text in enumerate(TEXTS))),
    "phonemes alone": ("my_filelist.txt.cleaned", rows(f"wavs/a{{i}}.wav|{PHONEMES} {{i}}")),
    "numbers": ("metadata.csv", rows("a{i}.wav,{i},3.5")),
    "characters with pinyin": ("content.txt", rows("a{i}.wav\t广 guang3 州 zhou1 女 nv{i}")),
}  # fmt: skip


@pytest.mark.parametrize("kind", ASK)
def test_where_no_column_is_sure_to_be_the_text_a_person_is_asked(tmp_path: Path, kind: str) -> None:
    name, content = ASK[kind]
    reading = look(folder_of(tmp_path, name, content, WAVS))
    (report,) = reading.lists
    assert (reading.kind, reading.items, report.state, report.matched) == ("list", [], "ask", 5)
    with pytest.raises(UserError) as refused:
        refuse_unagreed(reading)
    assert refused.value.code == "collection.ask_column"
    chosen = look(tmp_path, choices={name: 1})
    assert len(chosen.items) == 5 and chosen.lists[0].texts == [1]
    without = look(tmp_path, choices={name: NOT_USED})
    assert without.kind == "sounds" and without.idle_lists == []


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("metadata.csv", rows("other_{i}.wav|{t}"), "collection.no_match"),
        ("names of mine.txt", rows("other_{i}.wav|{t}"), "collection.no_match"),
        ("metadata.csv", "\n".join(TEXTS), "collection.no_match"),
        ("metadata.xlsx", b"PK", "collection.unreadable_list"),
        ("transcript.docx", b"PK", "collection.unreadable_list"),
        ("metadata.csv", rows("a{i}|Сегодня утром гавань была {i}.").encode("cp1251"), "text.encoding"),
    ],
)
def test_a_list_that_brings_nothing_is_never_passed_over(
    tmp_path: Path, name: str, content: str | bytes, code: str
) -> None:
    reading = look(folder_of(tmp_path, name, content, WAVS))
    assert reading.kind == "sounds" and [report.name for report in reading.idle_lists] == [name]
    with pytest.raises(UserError) as refused:
        refuse_unagreed(reading)
    assert refused.value.code == code and str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("README.txt", rows("a{i} | {t}")), ("notes.txt", "So, what\nnow?"), ("config.json", '{"audio": {"rate": 1}}')],
)
def test_what_is_no_list_is_not_taken_for_one(tmp_path: Path, name: str, content: str) -> None:
    reading = look(folder_of(tmp_path, name, content, WAVS))
    assert (reading.kind, reading.lists) == ("sounds", [])


def test_names_of_kaldi_mean_the_sounds_that_its_list_gives_them(tmp_path: Path) -> None:
    folder_of(tmp_path, "wav.scp", rows("utt{i} /data/wavs/a{i}.wav"), WAVS)
    reading = look(folder_of(tmp_path, "text", rows("utt{i} {t}"), []))
    assert [item.text for item in reading.items] == TEXTS


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        ("txt", "0.000000\t1.500000\t{t}\n"),
        ("txt", "[00:00.000 --> 00:02.000]  {t}\n"),
        ("json", '{{"text": " {t}", "segments": [{{"start": 0, "text": "x"}}], "language": "en"}}'),
    ],
)
def test_texts_beside_sounds_may_be_labels_or_what_recognition_wrote(tmp_path: Path, ending: str, content: str) -> None:
    for number, text in enumerate(TEXTS):
        folder_of(tmp_path, f"wavs/a{number}.{ending}", content.format(t=text), [WAVS[number]])
    assert [item.text for item in look(tmp_path).items] == TEXTS


def test_texts_of_which_none_belongs_to_a_sound_are_told(tmp_path: Path) -> None:
    folder_of(tmp_path, "README.txt", "About this.", WAVS)
    reading = look(folder_of(tmp_path, "txt/b0.txt", TEXTS[0], []))
    assert (reading.kind, reading.without_sound.names) == ("sounds", ["txt/b0.txt"])


def test_lists_of_one_set_are_joined_and_what_differs_between_them_is_told(tmp_path: Path) -> None:
    folder_of(tmp_path, "train.csv", "a0|One is here.\na1|Two are here.\na2|Three are here.", WAVS)
    folder_of(tmp_path, "val.csv", "a2|Three are here.\na1|Another text.\na3|Four are here.\nb9|Nobody.", [])
    folder_of(tmp_path, "invalidated.tsv", "a4|Wrong it is.", [])
    reading = look(tmp_path)
    assert [item.text for item in reading.items] == [
        "One is here.",
        "Two are here.",
        "Three are here.",
        "Four are here.",
    ]
    states = {report.name: report for report in reading.lists}
    assert states["val.csv"].repeated.names == ["a2.wav"] and states["val.csv"].differing.names == ["a1.wav"]
    assert states["invalidated.tsv"].state == "set_aside"
    assert reading.without_text == ["wavs/a4.wav"] and reading.without_sound.names == ["b9"]


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("a", "set/wavs/a.wav"), ("./wavs/a.WAV", "set/wavs/a.wav"), ("x/y/wavs/a.flac", "set/wavs/a.wav"),
        ("1", "set/wavs/0001.wav"), ("1.0", "set/wavs/0001.wav"), ("0001.wav", "set/wavs/0001.wav"),
        ("p225_001", "vctk/p225_001_mic1.flac"), ("a.wav:", None),
        ("7", None), ("spk1/same", "spk1/same.wav"), ("data/spk2/same.wav", "spk2/same.wav"), ("same", None),
        ("Big", "set/Big.wav"), ("BIG", "set/BIG.wav"), ("big", None), ("both", "set/both.wav"), ("", None),
        ("ação", "set/ac\u0327a\u0303o.wav"), ("talk.2", "set/talk.2.wav"), ("../a.wav", "set/wavs/a.wav"),
    ],
)  # fmt: skip
def test_a_name_means_one_sound_or_none(name: str, sound: str | None) -> None:
    sounds = [
        "set/wavs/a.wav", "set/wavs/0001.wav", "set/7.wav", "other/07.wav", "spk1/same.wav", "spk2/same.wav",
        "set/Big.wav", "set/BIG.wav", "set/both.flac", "set/both.wav", "set/ac\u0327a\u0303o.wav", "set/talk.2.wav",
        "vctk/p225_001_mic1.flac", "vctk/p225_001_mic2.flac",
    ]  # fmt: skip
    if name == "7":
        sounds[2] = "set/007.wav"
    assert SoundIndex(sounds).find(name, "set") == sound


def _zip(path: Path, members: dict[bytes, bytes], flag: int = 0) -> Path:
    """A zip whose names are these bytes, as programs write them that do not mark UTF-8."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(members.values()):
            archive.writestr(f"{number:04}".ljust(len(list(members)[number]), "#"), content)
    data = path.read_bytes()
    for number, raw in enumerate(members):
        data = data.replace(f"{number:04}".ljust(len(raw), "#").encode(), raw)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "language", "normal"),
    [
        ("utf-8", "pt", "NFD"), ("utf-8", "pt", "NFC"), ("cp850", "pt", "NFC"), ("cp1252", "pt", "NFC"),
        ("cp866", "ru", "NFC"), ("cp932", "ja", "NFC"),
    ],
)  # fmt: skip
def test_names_in_a_zip_that_does_not_say_their_encoding_are_read(
    tmp_path: Path, encoding: str, language: str, normal: Any
) -> None:
    names = {"pt": "gravação", "ru": "запись", "ja": "録音データ"}
    names = [f"{names[language]}_{number}" for number in range(3)]
    members = {unicodedata.normalize(normal, f"wavs\\{name}.wav").encode(encoding): EMPTY_WAV for name in names}
    members[b"metadata.csv"] = rows("{t}|A sentence of some words, number {i}.", names).encode()
    reading = look(_zip(tmp_path / "set.zip", members), language=language)
    assert [unicodedata.normalize("NFC", item.sound) for item in reading.items] == [
        f"wavs/{name}.wav" for name in names
    ]


@pytest.mark.parametrize(
    "name", [b"..\\..\\a.wav", b"C:\\a.wav", b"\\a.wav", b"\\\\server\\a.wav", b"x\\..\\..\\a.wav"]
)
def test_other_slashes_lead_nowhere_else(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(UserError) as refused:
        look(_zip(tmp_path / "set.zip", {name: EMPTY_WAV}))
    assert refused.value.code == "archive.unsafe"


def _of_many(path: Path) -> Path:
    """A zip that lists 300,000 files."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.wav", b"")
    data = path.read_bytes()
    start = data.index(b"PK\1\2")
    listing = data[start : data.index(b"PK\5\6")] * 300_000
    path.write_bytes(data[:start] + listing + b"PK\5\6\0\0\0\0\1\0\1\0" + struct.pack("<IIH", len(listing), start, 0))
    return path


def _hostile(folder: Path) -> list[tuple[Path, str]]:
    """Zips of some kilobytes that would take gigabytes, each with what refuses it."""

    def pack(name: str, content: bytes, times: int = 1, method: int = zipfile.ZIP_DEFLATED) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.zip"
        with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
            archive.writestr("a.wav", os.urandom(200_000), zipfile.ZIP_STORED)
            with archive.open(name, "w") as file:
                for _ in range(times):
                    file.write(content)
        return path

    return [
        (_of_many(folder / "many.zip"), "archive.too_many"),
        (pack("metadata.csv", b"x" * 1_000_000, 129), "list.too_large"),
        (pack("metadata.csv", b"x" * 1_000_000, 60), "list.long_line"),
        (pack("metadata.csv", b"a|b\n" * 1_000_000, 10), "list.too_many_rows"),
        (pack("metadata.csv", b"|" * 60_000 + b"\n", 1_000), "collection.no_match"),
        (pack("metadata.csv", b'"\n' * 100_000, 4), "collection.no_match"),
        (pack("metadata.json", b"[" * 100_000), "list.json"),
        (pack("metadata.jsonl", b'{"a":' * 12_000 + b"\n", 4), "list.json"),
        (pack("metadata.json", b"[" + b"[]," * 2_000_000), "list.json"),
        (pack("metadata.json", b"[" + b"[]," * 8_000_000), "list.too_large"),
        (pack("metadata.csv", b"x" * 100_000, 5, zipfile.ZIP_BZIP2), "archive.method"),
    ]  # fmt: skip


def test_a_list_that_would_fill_the_memory_is_refused_by_name_in_little_of_it(tmp_path: Path) -> None:
    program = """
import json, resource, sys
from pathlib import Path
from core.errors import UserError
from core.sources.collections.scan import look, refuse_unagreed
from core.tasks.scan_collection import limit_memory
limit_memory(1_500_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
codes = []
for path in sys.argv[1:]:
    try:
        refuse_unagreed(look(Path(path)))
        codes.append("")
    except UserError as error:
        codes.append(error.code)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([codes, grown // 1024]))
"""
    hostile = _hostile(tmp_path)
    command = [sys.executable, "-c", program, *(str(path) for path, _ in hostile)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    codes, grown_mb = json.loads(done.stdout)
    assert codes == [code for _, code in hostile]
    assert grown_mb < 300


def test_a_zip_lists_its_files_before_python_makes_an_object_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _of_many(tmp_path / "many.zip")
    monkeypatch.setattr("zipfile.ZipFile", None)
    with pytest.raises(UserError) as refused:
        Zip(path)
    assert refused.value.code == "archive.too_many"


def test_the_page_never_looks_into_what_is_dropped(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "set", "metadata.csv", rows("a{i}|{t}"), WAVS)
    path = zipped(folder, tmp_path / "set.zip")
    started: list[str] = []
    monkeypatch.setattr(Project, "start_job", lambda _, args, **__: started.append(args.kind))
    monkeypatch.setattr("core.sources.collections.pending.look", None)
    monkeypatch.setattr("core.sources.collections.scan.open_place", None)
    assert pending.receive(project, [path]) == []
    pending.hold_folder(project, folder)
    assert started == ["scan_collection"] * 2


def test_a_person_chooses_the_column_and_that_one_comes_in(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(5):
        write(folder / f"a{number}.wav", tone(1, hz=300 + 100 * number))
    folder_of(folder, "metadata.csv", ASK["two languages"][1], [])
    pending.hold_folder(project, folder)
    (waiting,) = looked_through(project)
    assert waiting.facts and waiting.facts.question and waiting.facts.question.texts == [1]
    with pytest.raises(UserError) as early:
        pending.bring_in(project, waiting.id)
    assert early.value.code == "collection.not_ready" and len(pending.pending_datasets(project)) == 1
    pending.choose(project, waiting.id, 0, 2)
    (waiting,) = looked_through(project)
    assert waiting.facts and waiting.facts.examples[0] == ["a0.wav", PORTUGUESE[0]]
    view = pending.bring_in(project, waiting.id).wait()
    assert view.status == "done", view.text
    assert [clip.text for clip in project.store.clips()] == PORTUGUESE and folder.exists()
    # Without anybody's word the same folder brings nothing.
    again = bring(project, folder)
    assert (again.status, again.code) == ("failed", "collection.ask_column")


def test_a_look_that_was_broken_off_is_told_and_can_be_taken_up_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "set", "metadata.csv", rows("a{i}|{t}"), WAVS)
    start = Project.start_job
    monkeypatch.setattr(Project, "start_job", lambda *_, **__: None)  # killed before it did anything
    waiting = pending.hold_folder(project, folder)
    assert waiting.state == "interrupted"
    card = collection_cards(Translator("en"), project)
    assert "look-again" in card and "bring-in" not in card
    monkeypatch.setattr(Project, "start_job", start)
    pending.look_again(project, waiting.id)
    (waiting,) = looked_through(project)
    assert waiting.state == "ready" and all(
        text in collection_cards(Translator("pt-BR"), project) for text in TEXTS[:4]
    )
    pending.discard_pending(project, waiting.id)
    pending.find_facts(project, waiting.id)  # of a job whose turn comes only now
    assert not list(project.uploads.iterdir()) and folder.exists()


def test_a_list_dropped_together_with_its_sounds_is_a_data_set(project: Project, tmp_path: Path) -> None:
    files = [write(tmp_path / f"a{number}.wav", tone(1, hz=300 + 100 * number)) for number in range(5)]
    (tmp_path / "my list.list").write_text(rows("D:\\out\\a{i}.wav|me|EN|{t}"))
    assert pending.receive(project, [*files, tmp_path / "my list.list"]) == []
    (waiting,) = looked_through(project)
    assert waiting.name == "my list" and waiting.facts and waiting.facts.count == 5
    view = pending.bring_in(project, waiting.id).wait()
    assert view.status == "done" and [clip.text for clip in project.store.clips()] == TEXTS, view.text
    assert not list(project.uploads.iterdir())


def _with_size(path: Path, size: int) -> Path:
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    data[4:8] = data[at + 4 : at + 8] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("as_zip", [True, False])
def test_members_with_wrong_endings_and_headers_come_in_as_singly(
    project: Project, tmp_path: Path, as_zip: bool
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    plain = [write(tmp_path / f"{number}.wav", tone(1, hz=300 + 100 * number)) for number in range(7)]
    convert(plain[0], tmp_path / "0.m4a").rename(folder / "a0.wav")
    convert(plain[1], tmp_path / "1.webm").rename(folder / "a1.ogg")
    convert(plain[2], tmp_path / "2.mp3").rename(folder / "a2.flac")
    _with_size(plain[3], 0).rename(folder / "a3.wav")
    _with_size(plain[4], 0xFFFFFFFF).rename(folder / "a4.wav")
    (folder / "a5.wav").write_bytes(plain[5].read_bytes()[:20_000])  # of 32,044
    (folder / "a6.wav").write_text("#EXTM3U\n#EXTINF:5.0,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    (folder / "metadata.csv").write_text(rows("a{i}|{t}", [*TEXTS, "Cut short it is.", "A playlist it is."]))
    view = bring(project, zipped(folder, tmp_path / "set.zip") if as_zip else folder)
    assert view.status == "done", view.text
    assert [clip.text for clip in project.store.clips()] == [*TEXTS, "Cut short it is."]
    assert [(warning.code, warning.values.get("member") or warning.values["name"]) for warning in view.warnings] == [
        ("collection.partly", "a5.wav"), ("collection.bad_sound", "a6.wav"),
    ]  # fmt: skip
    said = " ".join(f"{warning.text} {warning.hint} {warning.values}" for warning in view.warnings)
    assert str(tmp_path) not in said and str(project.path) not in said


def test_sounds_whose_list_names_others_come_in_only_when_that_is_agreed(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(2):
        write(folder / f"a{number}.wav", tone(1, hz=300 + 100 * number))
    (folder / "metadata.csv").write_text(rows("other_{i}|{t}"))
    alone = recordings.add(project, ImportArgs(folders=[folder])).wait()
    assert (alone.status, alone.code) == ("failed", "collection.no_match") and not project.store.sources()
    pending.hold_folder(project, folder)
    (waiting,) = looked_through(project)
    assert waiting.facts and waiting.facts.lists[0].unmatched == {"count": 5, "names": [f"other_{i}" for i in range(5)]}
    view = pending.bring_in(project, waiting.id).wait()
    assert (view.status, view.result["added"]) == ("done", 2)
    assert [warning.code for warning in view.warnings] == ["collection.list_not_used"]
