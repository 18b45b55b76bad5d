"""What people already have: LJSpeech folders and the like, sounds with a text file each; what would come in."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import soundfile

from core.errors import UserError
from core.sources.archive import Folder, Zip
from core.sources.subtitles import ENDINGS, decoded

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".webm", ".mp4", ".mka")
_TEXTS = (".txt", ".lab")
_LISTS = (".csv", ".tsv", ".txt")
_LIST_NAMES = ("metadata", "transcript", "transcripts", "transcription", "transcriptions", "train", "validated")
_SOUND_COLUMNS = ("audio_file", "file_name", "filename", "audio", "path", "wav", "file", "id")
_TEXT_COLUMNS = ("text", "transcription", "transcript", "sentence", "normalized_text", "normalized")
_MOST_TEXT_BYTES = 200_000_000
_HEAD_BYTES = 65_536
_MOST_HEADS = 1_000


@dataclass(frozen=True, slots=True)
class Item:
    """One sound with what is said in it; ``sound`` is its name in the folder or zip."""

    sound: str
    text: str


@dataclass(frozen=True)
class Reading:
    """What a folder or zip would bring in.

    ``kind`` is ``list`` (a table of texts, as LJSpeech has it), ``pairs`` (a text file beside each sound) or ``sounds``
    (nothing but recordings). ``seconds`` is of the sounds whose headers say their length, ``rate`` the commonest of
    theirs (0: none says). ``without_text`` and ``without_sound`` are names of what has no other half.
    """

    name: str
    kind: str
    items: list[Item]
    without_text: list[str]
    without_sound: list[str]
    seconds: float
    rate: int
    files: list[str] = field(default_factory=list)  # of kind ``sounds``: recordings and their subtitles


def opened(path: Path, name: str = "") -> Folder | Zip:
    """A folder or a zip file, looked through for what does not belong there.

    Raises:
        UserError: ``archive.*``, ``collection.missing``.
    """
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise UserError("collection.missing", "There is nothing at {path}.", "Check the path.", path=str(path))
    return Zip(path, name=name)


def look(path: Path, name: str = "") -> Reading:
    """What a folder or zip would bring in; reads lists and headers, writes nothing.

    Raises:
        UserError: ``archive.*``, ``collection.missing``, ``collection.nothing``.
    """
    place = opened(path, name)
    try:
        return read(place, name or path.name)
    finally:
        place.close()


def read(place: Folder | Zip, name: str) -> Reading:
    """`look` at what is open already."""
    names = place.names()
    sounds = [one for one in names if one.lower().endswith(SOUNDS)]
    if not sounds:
        raise UserError(
            "collection.nothing",
            "There are no recordings in “{name}”.",
            "It should hold sound files with their texts: a metadata.csv, or a text file beside each sound.",
            name=name,
        )
    kind, texts, without_sound = _texts(place, names, sounds)
    if kind == "sounds":
        subtitles = [one for one in names if one.lower().endswith(ENDINGS)]
        return Reading(name, kind, [], [], [], *_measured(place, sounds), files=[*sounds, *subtitles])
    items = [Item(sound, texts[sound]) for sound in sounds if texts.get(sound)]
    without_text = [sound for sound in sounds if not texts.get(sound)]
    return Reading(name, kind, items, without_text, without_sound, *_measured(place, [one.sound for one in items]))


def _texts(place: Folder | Zip, names: list[str], sounds: list[str]) -> tuple[str, dict[str, str], list[str]]:
    """The kind, the text of each sound, and the texts that have none."""
    found: dict[str, str] = {}
    lost: list[str] = []
    finder = _Finder(sounds)
    stems = {one.rpartition(".")[0]: one for one in sounds}
    # What bears the name of a sound is that sound's text, though it may be called as lists are.
    lists = [one for one in names if _is_list(one) and one.rpartition(".")[0] not in stems]
    for one in lists:
        for said, text in _rows(_text(place, one)):
            if sound := finder.find(said, str(PurePosixPath(one).parent)):
                found.setdefault(sound, text)
            else:
                lost.append(said)
    if found:
        return "list", found, lost
    for one in names:
        if one.lower().endswith(_TEXTS) and one not in lists:
            if sound := stems.get(one.rpartition(".")[0]):
                found[sound] = " ".join(_text(place, one).split())
            else:
                lost.append(one)
    return ("pairs", found, lost) if any(found.values()) else ("sounds", {}, [])


def _is_list(name: str) -> bool:
    path = PurePosixPath(name)
    stem = path.stem.lower()
    return path.suffix.lower() in _LISTS and any(stem == one or stem.startswith(f"{one}_") for one in _LIST_NAMES)


def _text(place: Folder | Zip, name: str) -> str:
    return decoded(place.head(name, _MOST_TEXT_BYTES))


class _Finder:
    """Finds the sound a list means: by path, or by name with or without its ending."""

    def __init__(self, sounds: Sequence[str]) -> None:
        self.paths = {one.casefold(): one for one in sounds}
        self.stems = {one.rpartition(".")[0].casefold(): one for one in sounds}
        counts = Counter(PurePosixPath(one).stem.casefold() for one in sounds)
        self.alone = {
            stem: one for one in sounds if counts[stem := PurePosixPath(one).stem.casefold()] == 1
        }  # fmt: skip

    def find(self, said: str, folder: str) -> str | None:
        said = said.strip().replace("\\", "/").removeprefix("./").casefold()
        base = "" if folder == "." else f"{folder.casefold()}/"
        for wanted in (f"{base}{said}", f"{base}wavs/{said}", f"{base}clips/{said}", said):
            if sound := self.paths.get(wanted) or self.stems.get(wanted):
                return sound
        last = PurePosixPath(said).name
        return self.alone.get(last) or self.alone.get(last.rpartition(".")[0])


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """(sound, text) of each line of a list.

    LJSpeech's has no head and no quotes: ``id|text|normalized text``. Others name their columns in the first line.
    """
    first = text.lstrip().partition("\n")[0]
    mark = next((one for one in ("|", "\t", ";", ",") if one in first), "|")
    csv.field_size_limit(10_000_000)
    lines = io.StringIO(text.replace("\0", ""), newline="")
    quoted = mark in ",;"
    reader = csv.reader(lines, delimiter=mark) if quoted else csv.reader(lines, delimiter=mark, quoting=csv.QUOTE_NONE)
    table = [[cell.strip() for cell in row] for row in reader if any(row)]
    if not table:
        return
    head = [cell.lower() for cell in table[0]]
    sound = next((head.index(one) for one in _SOUND_COLUMNS if one in head), None)
    said = [head.index(one) for one in _TEXT_COLUMNS if one in head]
    if sound is not None and said:
        table = table[1:]
    else:
        # The text as written: the voice model's tokenizer writes numbers out itself, and twice would corrupt it.
        sound, said = 0, [1, 2]
    for row in table:
        texts = (row[one] for one in said if one < len(row))
        if sound < len(row) and row[sound]:
            yield row[sound], " ".join(next((one for one in texts if one), "").split())


def _measured(place: Folder | Zip, sounds: list[str]) -> tuple[float, int]:
    """Seconds of the sounds whose headers say so, and their commonest rate; of very many, judged by some of them."""
    known = [one for one in sounds if one.lower().endswith((".wav", ".flac"))]
    some = known[:: max(1, len(known) // _MOST_HEADS)]
    rates: Counter[int] = Counter()
    seconds = 0.0
    for sound in some:
        try:
            head = place.head(sound, _HEAD_BYTES)
            info = soundfile.info(io.BytesIO(head))
        except (soundfile.LibsndfileError, UserError, OSError):
            continue
        rates[info.samplerate] += 1
        # Of a WAV that goes on beyond its head: what its size says.
        beyond = place.bytes_of(sound) - len(head) if sound.lower().endswith(".wav") else 0
        frame_bytes = max(1, len(head) // max(1, info.frames))
        seconds += info.duration + max(0, beyond) / frame_bytes / info.samplerate
    measured_bytes = sum(map(place.bytes_of, some))
    if len(some) < len(known) and measured_bytes:
        seconds *= sum(map(place.bytes_of, known)) / measured_bytes
    return seconds, rates.most_common(1)[0][0] if rates else 0
