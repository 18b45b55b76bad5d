"""Test set: what every checkpoint of a run speaks to be scored, and the held-out recordings it is compared with."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.dataset.freeze import frozen_texts
from core.files import read_json, write_json
from core.project.workspace import Project
from core.text import clean_text

FOLDER = Path(__file__).resolve().parents[2] / "presets" / "evaluation"
# Whether a voice ends well is a matter of luck: what is known to go wrong is said several times.
_SEEDS = {"one_word": 3, "two_words": 3, "quote": 3}
_MOST_HELD_OUT, _MOST_OWN = 8, 40
_HELD_OUT_LETTERS = (15, 140)  # of the lines that are preferred: enough to judge, short enough to be one breath
_OWN_FILE = "sentences.json"
_MOST_CHARACTERS = 400


@dataclass(frozen=True)
class Line:
    """Something to be spoken: ``kind`` as in ``presets/evaluation``, or own, sample (of the run) or held_out."""

    kind: str
    text: str
    seed: int = 0


@dataclass(frozen=True)
class HeldOut:
    """A recording of the dataset that nothing was learnt from, and what is said in it."""

    clip_id: str
    text: str
    path: Path


def bundled(language: str) -> list[Line]:
    """The lines of a language (``pt-BR`` has those of ``pt``), each as often as it has seeds; empty without a set."""
    short = language.split("-")[0].lower()
    path = next((path for path in sorted(FOLDER.glob("*.yaml")) if path.stem.split("-")[0] == short), None)
    if path is None:
        return []
    return [
        Line(kind, text, seed)
        for kind, texts in _read(path).items()
        for text in texts
        for seed in range(_SEEDS.get(kind, 1))
    ]


def own_sentences(project: Project) -> list[str]:
    """The sentences that a person added to the test set."""
    try:
        texts = read_json(_own_file(project))["texts"]
        return [str(text) for text in texts][:_MOST_OWN]
    except (OSError, ValueError, LookupError, TypeError):
        return []  # none yet, or unreadable: then they are typed again


def set_own_sentences(project: Project, texts: Iterable[str]) -> list[str]:
    """Keep a person's own sentences, each once, at most 40 of at most 400 characters; returns what is kept."""
    sentences = (clean_text(text)[:_MOST_CHARACTERS].strip() for text in texts)
    lines = list(dict.fromkeys(text for text in sentences if text))[:_MOST_OWN]
    write_json(_own_file(project), {"texts": lines})
    return lines


def held_out(dataset: Path) -> list[HeldOut]:
    """Up to eight clips that the dataset keeps back, spread over it, those of ordinary length first."""
    clips = _clips(dataset, "metadata_val.csv")
    shortest, longest = _HELD_OUT_LETTERS
    ordinary = [clip for clip in clips if shortest <= len(clip.text) <= longest]
    selection = _spread(ordinary, _MOST_HELD_OUT)
    rest = [clip for clip in clips if clip not in selection]
    return selection + _spread(rest, _MOST_HELD_OUT - len(selection))


def of_training(dataset: Path, without: Sequence[str]) -> list[HeldOut]:
    """Clips that show the real voice where none is kept back: some that were learnt from, but no reference."""
    return _spread([clip for clip in _clips(dataset, "metadata_train.csv") if clip.clip_id not in without], 8)


def unique(lines: Iterable[Line]) -> list[Line]:
    """Each text with each seed once; the first kind counts."""
    by_sound: dict[tuple[str, int], Line] = {}
    for line in lines:
        by_sound.setdefault((line.text, line.seed), line)
    return list(by_sound.values())


def _own_file(project: Project) -> Path:
    return project.path / "evaluation" / _OWN_FILE


@functools.cache
def _read(path: Path) -> dict[str, list[str]]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _clips(dataset: Path, part: str) -> list[HeldOut]:
    clips = []
    for clip_id, text in frozen_texts(dataset, part).items():
        path = dataset / "wavs" / f"{clip_id}.wav"
        if path.is_file():
            clips.append(HeldOut(clip_id, text, path))
    return clips


def _spread(clips: Sequence[HeldOut], count: int) -> list[HeldOut]:
    """At most so many, evenly apart."""
    if len(clips) <= count:
        return list(clips)
    return [clips[number * len(clips) // count] for number in range(count)]
