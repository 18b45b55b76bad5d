"""Layouts that other programs read datasets in: LJSpeech, a table with headings, Piper, Hugging Face's audiofolder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.dataset.freeze import DatasetInfo
from core.files import read_text

LAYOUTS = ("ljspeech", "headed", "piper", "audiofolder")
_MOST_BYTES = 64 << 20  # of a list
_PARTS = ("train", "val")


def layout_files(info: DatasetInfo, layout: str, speaker: str) -> Iterator[tuple[str, Path | bytes]]:
    """The files of a frozen dataset in a layout: their names within it, and each one's path or content.

    ``ljspeech`` has ``metadata.csv`` of ``id|text|text`` without headings, plain (a quote is no mark there) and the
    two parts as further lists, and ``wavs/``. ``headed`` has ``metadata_train.csv`` and ``metadata_eval.csv`` with the
    headings ``audio_file|text|speaker_name``. ``piper`` has ``metadata.csv`` of ``file|text`` and ``wav/``.
    ``audiofolder`` has the folders ``train`` and ``validation``, each with its sounds and a ``metadata.csv`` of
    ``file_name,transcription``.

    Args:
        info: the dataset.
        layout: one of `LAYOUTS`.
        speaker: what the speaker is called, where a layout names one.

    Raises:
        ValueError: no such layout.
        OSError: the dataset is gone, or cannot be read.
    """
    parts = {part: _rows(info.path / f"metadata_{part}.csv") for part in _PARTS}
    if layout == "ljspeech":
        for name in ("metadata.csv", *(f"metadata_{part}.csv" for part in _PARTS)):
            yield name, info.path / name
        yield from _sounds(info, parts.values(), "wavs")
    elif layout == "headed":
        for part, name in zip(_PARTS, ("train", "eval"), strict=True):
            entries = [(f"wavs/{clip_id}.wav", text, speaker) for clip_id, text in parts[part]]
            yield f"metadata_{name}.csv", _table([("audio_file", "text", "speaker_name"), *entries], "|")
        yield from _sounds(info, parts.values(), "wavs")
    elif layout == "piper":
        rows = [(f"{clip_id}.wav", text) for part in _PARTS for clip_id, text in parts[part]]
        yield "metadata.csv", _table(sorted(rows), "|")
        yield from _sounds(info, parts.values(), "wav")
    elif layout == "audiofolder":
        for part, folder in zip(_PARTS, ("train", "validation"), strict=True):
            rows = [(f"{clip_id}.wav", text) for clip_id, text in parts[part]]
            yield f"{folder}/metadata.csv", _table([("file_name", "transcription"), *rows], ",")
            yield from _sounds(info, [parts[part]], folder)
    else:
        raise ValueError(f"no layout: {layout}; there are {', '.join(LAYOUTS)}")


def _rows(path: Path) -> list[tuple[str, str]]:
    lines = (line.split("|") for line in read_text(path, _MOST_BYTES).splitlines())
    return [(fields[0], fields[1]) for fields in lines if len(fields) > 1]


def _sounds(
    info: DatasetInfo, parts: Iterable[list[tuple[str, str]]], folder: str
) -> Iterator[tuple[str, Path | bytes]]:
    for rows in parts:
        for clip_id, _ in rows:
            yield f"{folder}/{clip_id}.wav", info.path / "wavs" / f"{clip_id}.wav"


def _table(rows: Iterable[tuple[str, ...]], mark: str) -> bytes:
    """A CSV file: a text that begins with a quote is quoted, or its readers would look for where that ends."""
    file = io.StringIO()
    csv.writer(file, delimiter=mark, lineterminator="\n").writerows(rows)
    return file.getvalue().encode("utf-8")
