"""Feature extraction: a clip's token ids and its mel; checked first, then computed once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from core.engines.cache import ArrayCache, Stream
from core.engines.callbacks import OnClip, ignore
from core.engines.f5.bases import read_facts
from core.engines.f5.features.mel import BANDS, HOP, RATE, mel_of, read_wave
from core.engines.f5.text import reading
from core.engines.f5.text.conversion import Conversion
from core.engines.f5.text.reading import in_words, sort_letters, text_ids, text_problem
from core.engines.f5.text.vocabulary import Vocabulary, read_vocabulary
from core.engines.frozen_clips import TITLE_LETTERS, Row, exclude, rows
from core.engines.registry import language_code
from core.engines.session import DatasetReport, Exclusion
from core.errors import UserError
from core.files import inside, read_json, sha256_file, write_json
from core.jobs.reporter import Reporter
from core.spelling import speller

SECONDS = (0.3, 30.0)  # that f5-tts learns from
VERSION = 1  # raise when what is stored, or how it is computed, changes
_MELS = (Stream("mels.f16", "<f2", BANDS),)
_BATCH = 16  # clips written at once
_TEXT_PROBLEMS = {
    "no_words": ("clip.no_words", "The text “{written}” has no word in it."),
    "unknown_characters": (
        "clip.unknown_characters",
        "The text of the clip “{clip}” holds {characters}, which the voice cannot speak.",
    ),
}


@dataclass(frozen=True)
class ClipFeatures:
    """A clip ready to train on; its mel lies in the cache. ``samples`` counts at 24 kHz."""

    id: str
    text: str
    tokens: tuple[int, ...]
    samples: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / RATE

    @property
    def frames(self) -> int:
        """Frames of its mel."""
        return 1 + self.samples // HOP


@dataclass(frozen=True)
class Features:
    """All features of a dataset; small things in memory, mels mapped from disk.

    ``keys`` names each clip's sound by its content; ``new_letters`` are those that the base has no row for.
    """

    cache: ArrayCache
    language: str
    train: list[ClipFeatures]
    val: list[ClipFeatures]
    keys: dict[str, str]
    new_letters: tuple[str, ...] = ()

    def mel(self, clip: ClipFeatures) -> npt.NDArray[np.float16]:
        """The log mel, shape (frames, 100); a view of the file."""
        return self.cache.array(self.keys[clip.id], 0)


def check(dataset: Path, base: Path, on_clip: OnClip = ignore) -> DatasetReport:
    """What of a frozen dataset can be trained on, by the base's own vocabulary, and why the rest cannot."""
    parts, exclusions, _ = _inspect_all(dataset, base, on_clip)
    usable = [*parts["train"], *parts["val"]]
    return DatasetReport(tuple(clip.id for clip in usable), tuple(exclusions), sum(clip.seconds for clip in usable))


def prepare(dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "auto") -> Features:
    """Compute what is missing of the features and return all; stopped half way, the next call goes on there.

    Mels are made on the processor, by the package's function: 25 ms for ten seconds, once.

    Raises:
        UserError: ``train.too_few_clips``.
        Cancelled: Stop was pressed.
    """
    sounds = ArrayCache(cache / f"mels-24k-{VERSION}", _MELS)
    index = cache / f"{cache_key(dataset, base)}.json"
    if not index.exists():
        parts, _, new_letters = _inspect_all(dataset, base, lambda number, total, clip_id: reporter.check_stop())
        if len(parts["train"]) < 2:
            raise UserError(
                "train.too_few_clips",
                "Only {count} clips of the dataset can be trained on.",
                "At least 2 are needed to run at all, and some minutes of speech for a voice. Approve more clips.",
                count=len(parts["train"]),
            )
        parts_json = {part: [vars(clip) for clip in clips] for part, clips in parts.items()}
        write_json(index, {**parts_json, "new_letters": list(new_letters)})
    parts_json = read_json(index)
    train, val = _clips(parts_json["train"]), _clips(parts_json["val"])
    keys = _keys(dataset, [*train, *val], reporter)
    _compute([*train, *val], keys, dataset, sounds, reporter)
    return Features(sounds, language_code(_language(dataset), "f5"), train, val, keys, tuple(parts_json["new_letters"]))


def cache_key(dataset: Path, base: Path) -> str:
    """Names what of these clips this base's vocabulary lets pass, by content."""
    facts, vocabulary = read_facts(base), read_vocabulary(base)
    parts: list[Any] = [VERSION, reading.VERSION, speller.VERSION, dataset.name, _language(dataset)]
    parts += [facts.conversion, vocabulary.sha256]
    parts += [sha256_file(dataset / f"metadata_{part}.csv") for part in ("train", "val")]
    return "f5-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _language(dataset: Path) -> str:
    return str(read_json(dataset / "dataset.json")["language"])


def _inspect_all(
    dataset: Path, base: Path, on_clip: OnClip
) -> tuple[dict[str, list[ClipFeatures]], list[Exclusion], tuple[str, ...]]:
    """The clips of each part that can be trained on, why the others cannot, and letters that are new to the base."""
    vocabulary, conversion = read_vocabulary(base), read_facts(base).conversion
    part_rows = [(part, row) for part in ("train", "val") for row in rows(dataset, part)]
    language = _language(dataset)
    texts = [in_words(row.text, language) for _, row in part_rows]
    new_letters = sort_letters(texts, vocabulary, conversion).new
    parts: dict[str, list[ClipFeatures]] = {"train": [], "val": []}
    exclusions: list[Exclusion] = []
    for number, ((part, row), words) in enumerate(zip(part_rows, texts, strict=True)):
        on_clip(number, len(part_rows), row.id)
        clip = _inspect(row, words, vocabulary, conversion, new_letters)
        if isinstance(clip, Exclusion):
            exclusions.append(clip)
        else:
            parts[part].append(clip)
    return parts, exclusions, new_letters


def _inspect(
    row: Row, words: str, vocabulary: Vocabulary, conversion: Conversion, new_letters: Sequence[str]
) -> ClipFeatures | Exclusion:
    try:
        info = soundfile.info(row.path)
    except (soundfile.LibsndfileError, OSError):
        return exclude(row, "clip.unreadable", "The audio of the clip “{clip}” cannot be read.")
    samples = -(-info.frames * RATE // info.samplerate)  # as torchaudio's resampler counts
    seconds = round(samples / RATE, 2)
    if not SECONDS[0] - 0.001 <= seconds <= SECONDS[1]:
        text = "The clip “{clip}” is {seconds} s long; {least} to {most} s can be learnt from."
        return exclude(row, "clip.length", text, seconds=seconds, least=SECONDS[0], most=SECONDS[1])
    if not words:
        return exclude(row, "clip.no_text", "The clip “{clip}” has no text.")
    if problem := text_problem(words, vocabulary, conversion):
        code, text = _TEXT_PROBLEMS[problem.kind]
        return exclude(row, code, text, **{"written": row.text, **problem.values})
    tokens = text_ids(words, vocabulary.extended(new_letters), conversion)
    clip = ClipFeatures(row.id, row.text, tokens, samples)
    if len(tokens) > clip.frames:
        text = "The clip “{clip}” has more letters ({tokens}) than its {seconds} s of sound can hold."
        return exclude(row, "clip.too_dense", text, tokens=len(tokens), seconds=seconds)
    return clip


def _keys(dataset: Path, clips: list[ClipFeatures], reporter: Reporter) -> dict[str, str]:
    keys = {}
    for clip in clips:
        reporter.check_stop()
        keys[clip.id] = sha256_file(inside(dataset / "wavs", f"{clip.id}.wav"))
    return keys


def _compute(
    clips: list[ClipFeatures], keys: dict[str, str], dataset: Path, cache: ArrayCache, reporter: Reporter
) -> None:
    if all(key in cache.places for key in keys.values()):
        return
    with cache.writing():
        missing = list({keys[clip.id]: clip for clip in clips if keys[clip.id] not in cache.places}.values())
        began, done_count = time.monotonic(), len(clips) - len(missing)
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            mels = []
            for clip in batch:
                reporter.check_stop()
                mel = mel_of(read_wave(inside(dataset / "wavs", f"{clip.id}.wav")))
                assert len(mel) == clip.frames, f"{clip.id}: {len(mel)} frames, not {clip.frames}"
                mels.append((keys[clip.id], (mel.numpy(),)))
            cache.append_arrays(mels)
            eta_s = (time.monotonic() - began) / (start + len(batch)) * (len(missing) - start - len(batch))
            reporter.progress(
                "features", done_count + start + len(batch), len(clips), batch[-1].text[:TITLE_LETTERS], eta_s=eta_s
            )


def _clips(entries: list[dict[str, Any]]) -> list[ClipFeatures]:
    return [ClipFeatures(entry["id"], entry["text"], tuple(entry["tokens"]), entry["samples"]) for entry in entries]
