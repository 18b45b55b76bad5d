"""Sound lookup: which sound a list means by a name: by path, by file name, without its ending, or by number."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

SOUNDS = (
    *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".webm", ".mp4", ".mka"),
    *(".wave", ".oga", ".m4b", ".mp2", ".amr", ".3gp", ".mov", ".mkv", ".avi", ".caf", ".au", ".weba", ".mpeg", ".mpg"),
)  # the one that counts where a sound lies there in several wrappings comes first
_SOUND_FOLDERS = ("wavs", "wav", "clips", "audio", "audios", "sounds")
_NUMBER = re.compile(r"0*(\d{1,18})(?:\.0+)?")  # a spreadsheet makes 1, or 1.0, of 0001
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200e\u200f\u2060"))
_ENDING = re.compile(r"\.[a-z0-9]{0,6}$")  # of a file, be it of a kind that holds no sound
_FIRST_MICROPHONE = "_mic1"
_MOST_LETTERS = 1_000
_Index = dict[str, list[str]]


def comparable(name: str) -> str:
    """A path as it is compared: one way to write accents (NFC), no capitals, ``/`` between folders."""
    return unicodedata.normalize("NFC", _plain(name).casefold())


def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFC", name).translate(_INVISIBLE).strip(" \t\r\n\"'").replace("\\", "/")
    return plain.removeprefix("file://").removeprefix("./")


def stem_of(path: str) -> str:
    """A path without the ending of a sound; other endings belong to the name (``talk.2``)."""
    return path[: path.rindex(".")] if path.lower().endswith(SOUNDS) else path


class SoundIndex:
    """The sounds of a folder or zip by every way a list may name them. What could mean two of them means none."""

    def __init__(self, sounds: Sequence[str], aliases: Callable[[str], Iterable[str]] = lambda sound: ()) -> None:
        """Index ``sounds``; ``aliases`` gives further names of one, such as its name in another code page."""
        self._paths: _Index = defaultdict(list)
        self._stems: _Index = defaultdict(list)
        self._names: _Index = defaultdict(list)
        self._name_stems: _Index = defaultdict(list)
        self._numbers: _Index = defaultdict(list)
        self._plain_of = {sound: _plain(sound) for sound in sounds}
        for sound in sounds:
            for path in dict.fromkeys(map(comparable, (sound, *aliases(sound)))):
                self._add(sound, path)

    def _add(self, sound: str, path: str) -> None:
        name = path.rpartition("/")[2]
        stem = stem_of(name)
        for index, key in (
            (self._paths, path),
            (self._stems, stem_of(path)),
            (self._names, name),
            (self._name_stems, stem),
        ):
            index[key].append(sound)
        if stem.endswith(_FIRST_MICROPHONE):  # VCTK has one text for both
            self._name_stems[stem.removesuffix(_FIRST_MICROPHONE)].append(sound)
        if number := _NUMBER.fullmatch(stem):
            self._numbers[number[1]].append(sound)

    def call(self, sound: str, name: str) -> None:
        """Let ``name`` mean ``sound``, too, where it means nothing yet."""
        if self.find(name) is None:
            self._add(sound, comparable(name))

    def find(self, name: str, folder: str = "") -> str | None:
        """The sound that a list in ``folder`` means by ``name``; None if it is none of them, or could be several."""
        if not name or len(name) > _MOST_LETTERS:
            return None
        sound = self._find(_plain(name), comparable(folder))
        return self._find(_plain(unquote(name)), comparable(folder)) if sound is None and "%" in name else sound

    def _find(self, plain: str, folder: str) -> str | None:
        path = comparable(plain)
        if not path:
            return None
        base = f"{folder}/" if folder not in ("", ".") else ""
        places = [f"{base}{path}", *(f"{base}{subfolder}/{path}" for subfolder in _SOUND_FOLDERS), path]
        for index in (self._paths, self._stems):
            for place in places:
                if place in index:
                    return self._only(index[place], plain)
        stem = stem_of(path)  # the list may name another ending than the file bears
        if stem != path:
            for place in places:
                if (without := place[: len(stem) - len(path)]) in self._stems:
                    return self._only(self._stems[without], plain)
        last = path.rpartition("/")[2]
        for index, key in (
            (self._names, last),
            (self._name_stems, last),
            (self._name_stems, stem_of(last)),
            (self._name_stems, _ENDING.sub("", last)),
        ):
            if key and key in index:
                return self._nearest(index[key], plain)
        number = _NUMBER.fullmatch(stem_of(last))
        return self._nearest(self._numbers[number[1]], plain) if number and number[1] in self._numbers else None

    def _nearest(self, sounds: list[str], plain: str) -> str | None:
        """Of several of that name the one whose folders agree with most of the last ones that were named."""
        if len(set(sounds)) == 1:
            return sounds[0]
        folders = comparable(plain).split("/")[-2::-1]

        def agreement(sound: str) -> int:
            pairs = zip(comparable(sound).split("/")[-2::-1], folders, strict=False)
            return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

        best = max(map(agreement, sounds))
        return self._only([sound for sound in sounds if agreement(sound) == best], plain)

    def _only(self, sounds: list[str], plain: str) -> str | None:
        """The one sound these are: one in several wrappings counts once, capitals decide where nothing else does."""
        distinct = list(dict.fromkeys(sounds))
        if len(distinct) == 1:
            return distinct[0]
        if len({comparable(stem_of(sound)) for sound in distinct}) == 1:
            if len({stem_of(self._plain_of[sound]) for sound in distinct}) == 1:
                return min(distinct, key=_wrapping)
            last = stem_of(plain.rpartition("/")[2])
            distinct = [sound for sound in distinct if stem_of(PurePosixPath(self._plain_of[sound]).name) == last]
        return distinct[0] if len(distinct) == 1 else None


def _wrapping(sound: str) -> int:
    return next((at for at, ending in enumerate(SOUNDS) if sound.lower().endswith(ending)), len(SOUNDS))
