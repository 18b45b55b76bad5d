"""Data set scan: LJSpeech folders and the like, sounds with a text file each; what would come in."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import soundfile

from core.errors import UserError
from core.sources.collections.archive import MOST_MEMBERS, Folder, Zip
from core.sources.collections.sound_index import SOUNDS, SoundIndex, comparable, stem_of
from core.sources.collections.text_files import TEXTS, read_texts
from core.sources.lists.texts import MAYBE_LISTS, NOT_USED, ListReport, Tally, is_list_name, is_unread_list, read_list
from core.sources.subtitles.words import ENDINGS

# Lists that hold what was found to be wrong, as Common Voice has them, and kinds of tables that are not read.
_WRONG = ("invalidated", "rejected", "reported")
_UNREADABLE = (".xlsx", ".xls", ".ods", ".numbers", ".parquet", ".arrow", ".feather")
_NO_LISTS = ("readme", "license", "licence", "copying", "notice", "changelog", "credits", "requirements")
_MOST_LOOKED_AT = 200  # of files that may be lists, but are not called so
_HEAD_BYTES = 65_536
_MOST_HEADS = 1_000
_SCP_BYTES = 16_000_000

Choices = Mapping[str, int]  # by the name of a list: which column a person said is the text, or `NOT_USED`


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
    theirs (0: none says). ``without_text`` are sounds that have no text, ``without_sound`` what texts without a sound
    name. ``lists`` says of each list what becomes of it.
    """

    name: str
    kind: str
    items: list[Item]
    without_text: list[str]
    without_sound: Tally
    seconds: float
    rate: int
    files: list[str] = field(default_factory=list)  # of kind ``sounds``: recordings and their subtitles
    lists: list[ListReport] = field(default_factory=list)

    @property
    def idle_lists(self) -> list[ListReport]:
        """Lists that bring no text though nobody said that they should not."""
        return [report for report in self.lists if report.state not in ("used", "set_aside")]


def open_place(path: Path, name: str = "", language: str = "en") -> Folder | Zip:
    """A folder or a zip file, looked through for what does not belong there.

    Raises:
        UserError: ``archive.*``, ``collection.missing``.
    """
    if path.is_dir():
        return Folder(path, language=language)
    if not path.exists():
        raise UserError("collection.missing", "There is nothing at {path}.", "Check the path.", path=name or path.name)
    return Zip(path, name=name, language=language)


def look(path: Path, name: str = "", *, language: str = "en", choices: Choices | None = None) -> Reading:
    """What a folder or zip would bring in; reads lists and headers, writes nothing.

    Args:
        path: of it.
        name: what the person calls it.
        language: of the project: says which older encodings lists and names may be in.
        choices: what a person said of its lists.

    Raises:
        UserError: ``archive.*``, ``collection.missing``, ``collection.nothing``.
    """
    place = open_place(path, name, language)
    try:
        return read(place, name or path.name, language=language, choices=choices)
    finally:
        place.close()


def read(place: Folder | Zip, name: str, *, language: str = "en", choices: Choices | None = None) -> Reading:
    """`look` at what is open already."""
    names = place.names()
    sounds = [file for file in names if file.lower().endswith(SOUNDS)]
    if not sounds:
        raise UserError(
            "collection.nothing",
            "There are no recordings in “{name}”.",
            "It should hold sound files with their texts: a metadata.csv, or a text file beside each sound.",
            name=name,
        )
    index = SoundIndex(sounds, place.aliases)
    _call_as_kaldi(place, names, index)
    kind, texts, without_sound, lists = _texts(place, names, sounds, index, language, choices or {})
    if kind == "sounds":
        subtitles = [file for file in names if file.lower().endswith(ENDINGS)]
        duration_and_rate = _duration_and_rate(place, sounds)
        return Reading(name, kind, [], [], without_sound, *duration_and_rate, files=[*sounds, *subtitles], lists=lists)
    items = [Item(sound, texts[sound]) for sound in sounds if texts.get(sound)]
    without_text = [sound for sound in sounds if not texts.get(sound)]
    duration_and_rate = _duration_and_rate(place, [item.sound for item in items])
    return Reading(name, kind, items, without_text, without_sound, *duration_and_rate, lists=lists)


def refuse_unagreed(reading: Reading) -> None:
    """Raise what keeps a list from being used, where no other text comes in and nobody agreed to go without.

    Raises:
        UserError: ``collection.ask_column``, ``collection.no_match``, ``collection.unreadable_list``, ``list.*``.
    """
    if reading.items or not reading.idle_lists:
        return
    report = reading.idle_lists[0]
    if report.error:
        raise report.error
    if report.state == "ask":
        raise UserError(
            "collection.ask_column",
            "In “{list}” of “{name}” no column is sure to be the text.",
            "Add it on the page Recordings and choose the column there.",
            list=report.name,
            name=reading.name,
        )
    if report.state == "unmatched":
        raise UserError(
            "collection.no_match",
            "None of the {count} lines of “{list}” names a sound that is in “{name}”; the first: {members}.",
            "Give the sounds the names in the list, or write their names into it.",
            count=report.rows,
            list=report.name,
            name=reading.name,
            members=", ".join(report.unmatched.names[:3]),
        )
    raise UserError(
        "collection.unreadable_list",
        "“{list}” in “{name}” may hold the texts, but is of a kind that is not read.",
        "Save it as CSV (UTF-8), or add the sounds without it.",
        list=report.name,
        name=reading.name,
    )


def _texts(
    place: Folder | Zip, names: list[str], sounds: list[str], index: SoundIndex, language: str, choices: Choices
) -> tuple[str, dict[str, str], Tally, list[ListReport]]:
    """The kind, the text of each sound, what texts without a sound name, and what is to be told of each list."""
    texts: dict[str, str] = {}
    orphans = Tally()
    sound_names = {comparable(stem_of(sound)) for sound in sounds}
    # What bears the name of a sound is that sound's text, though it may be called as lists are.
    files = [file for file in names if _may_be_list(file) and comparable(_stem(file)) not in sound_names]
    beside = [file for file in names if file.lower().endswith(TEXTS) and _may_be_list(file)]
    beside = [file for file in beside if not file.lower().endswith(".json") or comparable(_stem(file)) in sound_names]
    reports: list[ListReport] = []
    for file in _in_order(files, index):
        report = _report(place, file, index, texts, language, choices)
        if report and not (report.state == "unmatched" and index.find(_stem(file)) and file in beside):
            reports.append(report)
    list_names = {report.name for report in reports}
    if any(report.state == "used" or report.matched for report in reports):
        for report in reports:
            if report.matched:
                orphans.extend(report.unmatched)
        return "list", texts, orphans, reports
    pairs = read_texts(place, [file for file in beside if file not in list_names], index, language, choices)
    texts, orphans = pairs.texts, pairs.without_sound
    reports += [pairs.report] if pairs.report else []
    return ("pairs" if texts else "sounds"), texts, orphans, reports


def _call_as_kaldi(place: Folder | Zip, names: list[str], index: SoundIndex) -> None:
    """Let the names that a ``wav.scp`` gives to sounds mean them."""
    for scp in (name for name in names if PurePosixPath(name).name == "wav.scp"):
        for line in place.head(scp, _SCP_BYTES).decode("utf-8", errors="replace").splitlines()[:MOST_MEMBERS]:
            alias, _, path = line.partition(" ")
            if sound := index.find(path.strip(), str(PurePosixPath(scp).parent)):
                index.call(sound, alias)


def _stem(name: str) -> str:
    return name.removesuffix(PurePosixPath(name).suffix)


def _may_be_list(name: str) -> bool:
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if path.name.lower().startswith(_NO_LISTS):
        return False
    return suffix in _UNREADABLE or suffix in MAYBE_LISTS or is_list_name(name) or is_unread_list(name)


def _in_order(files: list[str], index: SoundIndex) -> list[str]:
    """Those called as lists are, then some of the others that no sound is called after."""
    lists = [file for file in files if is_list_name(file) or file.lower().endswith(_UNREADABLE) or is_unread_list(file)]
    list_names = set(lists)
    tables = [file for file in files if file not in list_names and not index.find(_stem(file))]
    return lists + tables[:_MOST_LOOKED_AT]


def _report(
    place: Folder | Zip, file: str, index: SoundIndex, texts: dict[str, str], language: str, choices: Choices
) -> ListReport | None:
    path = PurePosixPath(file)
    if choices.get(file) == NOT_USED or path.stem.lower().startswith(_WRONG):
        return ListReport(file, "set_aside")
    if path.suffix.lower() in _UNREADABLE or is_unread_list(file):
        return ListReport(file, "unreadable")
    try:
        return read_list(place, file, index, texts, language, choices.get(file))
    except UserError as error:
        # What is not called a list, and is none that can be read, is something else.
        return ListReport(file, "refused", error=error) if is_list_name(file) else None


def _duration_and_rate(place: Folder | Zip, sounds: Sequence[str]) -> tuple[float, int]:
    """Seconds of the sounds whose headers say so, and their commonest rate; of very many, judged by some of them."""
    measurable = [sound for sound in sounds if sound.lower().endswith((".wav", ".flac"))]
    sampled_sounds = measurable[:: max(1, len(measurable) // _MOST_HEADS)]
    rates: Counter[int] = Counter()
    seconds = 0.0
    for sound in sampled_sounds:
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
    measured_bytes = sum(map(place.bytes_of, sampled_sounds))
    if len(sampled_sounds) < len(measurable) and measured_bytes:
        seconds *= sum(map(place.bytes_of, measurable)) / measured_bytes
    return seconds, rates.most_common(1)[0][0] if rates else 0
