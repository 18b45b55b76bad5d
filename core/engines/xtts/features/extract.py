"""Feature extraction: a clip's text tokens, audio codes and conditioning mel; checked first, then computed once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from torch import Tensor

from core.engines.callbacks import OnClip, ignore
from core.engines.device import device_for
from core.engines.frozen_clips import TITLE_LETTERS, Row, exclude, rows
from core.engines.session import DatasetReport, Exclusion
from core.engines.xtts.features.cache import FeatureCache, SoundFeatures
from core.engines.xtts.features.encoder import RATE, Encoder, Encoding, read_audio
from core.engines.xtts.model.load import load_dvae, load_mel_stats
from core.engines.xtts.model.tokenizer import Tokenizer, code_of, text_problem
from core.engines.xtts.model.tokenizer import tokens as text_tokens
from core.engines.xtts.text import reading
from core.errors import UserError
from core.files import inside, read_json, sha256_file, write_json
from core.jobs.reporter import Reporter
from core.reasons import out_of_memory
from core.spelling import speller
from core.system import cuda_errors

MAX_SAMPLES = 255_995  # 11.6 s: coqui's `max_wav_length`, what the position embeddings were trained for
MIN_SAMPLES = round(0.499 * RATE)  # half a second; cutting rounds to whole samples
BATCH_S = {"cpu": 30.0, "cuda": 300.0}
_READERS = 2  # threads that read the next clips; a card computes faster than one thread reads
_TEXT_PROBLEMS = {
    "no_words": ("clip.no_words", "The text “{written}” has no word in it."),
    "unknown_characters": (
        "clip.unknown_characters",
        "The text of the clip “{clip}” holds {characters}, which the voice cannot speak.",
    ),
    "too_many_tokens": ("clip.too_many_tokens", "The text of the clip “{clip}” has {tokens} tokens; at most 200 fit."),
}
VERSION = 2  # raise when what is stored, or how it is computed, changes


@dataclass(frozen=True)
class ClipFeatures:
    """A clip ready to train on; its codes and mel lie in the cache. ``samples`` counts at 22,050 Hz."""

    id: str
    text: str
    tokens: tuple[int, ...]
    samples: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / RATE


@dataclass(frozen=True)
class Features:
    """All features of a dataset; small things in memory, codes and mels mapped from disk.

    ``keys`` names each clip's sound by its content, as ``cache`` knows it.
    """

    cache: FeatureCache
    language: str
    train: list[ClipFeatures]
    val: list[ClipFeatures]
    keys: dict[str, str]

    def mel(self, clip: ClipFeatures) -> npt.NDArray[np.float16]:
        """The log mel as the conditioning encoder wants it, shape (80, frames)."""
        return self.cache.mel(self.keys[clip.id])

    def codes(self, clip: ClipFeatures) -> npt.NDArray[np.int16]:
        """Audio codes, shape (ceil(samples / 1024),)."""
        return self.cache.codes(self.keys[clip.id])


def language_of(dataset: Path, tokenizer: Tokenizer) -> str:
    """The language of a frozen dataset as the tokenizer's base calls it."""
    return code_of(tokenizer, str(read_json(dataset / "dataset.json")["language"]))


def check(dataset: Path, base: Path, on_clip: OnClip = ignore) -> DatasetReport:
    """What of a frozen dataset can be trained on, judged by the base's own tokenizer, and why the rest cannot."""
    parts, exclusions = _inspect_all(dataset, base, on_clip)
    usable = [*parts["train"], *parts["val"]]
    return DatasetReport(tuple(clip.id for clip in usable), tuple(exclusions), sum(clip.seconds for clip in usable))


def load_tokenizer(base: Path) -> Tokenizer:
    """The base's own tokenizer."""
    return Tokenizer(vocab_file=str(base / "vocab.json"))


def prepare(dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "cpu") -> Features:
    """Compute what is missing of the features and return all; stopped half way, the next call goes on there.

    Clips that `check` drops are left out. A sound that another dataset has too is computed once.

    Raises:
        UserError: ``train.too_few_clips``.
        Cancelled: Stop was pressed.
    """
    language = language_of(dataset, load_tokenizer(base))
    sounds = FeatureCache(cache / f"sounds-{encoder_key(base)}")
    index = cache / f"{cache_key(dataset, base)}.json"
    if not index.exists():
        parts, _ = _inspect_all(dataset, base, lambda number, total, clip_id: reporter.check_stop())
        if len(parts["train"]) < 2:
            raise UserError(
                "train.too_few_clips",
                "Only {count} clips of the dataset can be trained on.",
                "At least 2 are needed to run at all, and some minutes of speech for a voice. Approve more clips.",
                count=len(parts["train"]),
            )
        write_json(index, {part: [clip.__dict__ for clip in clips] for part, clips in parts.items()})
    clip_lists = read_json(index)
    train, val = _clips(clip_lists["train"]), _clips(clip_lists["val"])
    keys = _keys(dataset, [*train, *val], reporter)
    _compute([*train, *val], keys, dataset, base, sounds, reporter, device_for(device))
    return Features(sounds, language, train, val, keys)


def cache_key(dataset: Path, base: Path) -> str:
    """Names what of these clips this base's tokenizer lets pass, by content."""
    language = language_of(dataset, load_tokenizer(base))
    parts: list[Any] = [VERSION, reading.VERSION, speller.VERSION, dataset.name, language]
    parts.append(sha256_file(base / "vocab.json"))
    parts += [sha256_file(dataset / f"metadata_{part}.csv") for part in ("train", "val")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def encoder_key(base: Path) -> str:
    """Names the encoder that makes codes and mels, by content."""
    parts = [VERSION, *(sha256_file(base / name) for name in ("dvae.pth", "mel_stats.pth"))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _inspect_all(dataset: Path, base: Path, on_clip: OnClip) -> tuple[dict[str, list[ClipFeatures]], list[Exclusion]]:
    """The clips of each part that can be trained on, and why the others cannot."""
    tokenizer = load_tokenizer(base)
    language = language_of(dataset, tokenizer)
    parts: dict[str, list[ClipFeatures]] = {"train": [], "val": []}
    exclusions: list[Exclusion] = []
    part_rows = [(part, row) for part in parts for row in rows(dataset, part)]
    for number, (part, row) in enumerate(part_rows):
        on_clip(number, len(part_rows), row.id)
        problem, tokens, samples = _inspect(row, tokenizer, language)
        if problem is None:
            parts[part].append(ClipFeatures(row.id, row.text, tuple(tokens), samples))
        else:
            exclusions.append(problem)
    return parts, exclusions


def _inspect(row: Row, tokenizer: Tokenizer, language: str) -> tuple[Exclusion | None, list[int], int]:
    """Why a clip cannot be trained on (or None), its tokens, and its length in samples at 22,050 Hz."""
    try:
        info = soundfile.info(row.path)
    except (soundfile.LibsndfileError, OSError):
        return exclude(row, "clip.unreadable", "The audio of the clip “{clip}” cannot be read."), [], 0
    samples = round(info.frames * RATE / info.samplerate)
    facts = {"seconds": round(samples / RATE, 2)}
    if samples > MAX_SAMPLES:
        text = "The clip “{clip}” is {seconds} s long; at most 11.6 s can be learnt from."
        return exclude(row, "clip.too_long", text, **facts), [], samples
    if samples < MIN_SAMPLES:
        text = "The clip “{clip}” is only {seconds} s long; at least 0.5 s is needed."
        return exclude(row, "clip.too_short", text, **facts), [], samples
    if not row.text.strip():
        return exclude(row, "clip.no_text", "The clip “{clip}” has no text."), [], samples
    if problem := text_problem(tokenizer, row.text, language):
        code, text = _TEXT_PROBLEMS[problem.kind]
        return exclude(row, code, text, **problem.values), [], samples
    return None, text_tokens(tokenizer, row.text, language), samples


def _keys(dataset: Path, clips: list[ClipFeatures], reporter: Reporter) -> dict[str, str]:
    keys = {}
    for clip in clips:
        reporter.check_stop()
        keys[clip.id] = sha256_file(inside(dataset / "wavs", f"{clip.id}.wav"))
    return keys


def _compute(
    clips: list[ClipFeatures],
    keys: dict[str, str],
    dataset: Path,
    base: Path,
    cache: FeatureCache,
    reporter: Reporter,
    device: str,
) -> None:
    if all(key in cache.places for key in keys.values()):
        return
    encoder = Encoder(load_dvae(base, device), load_mel_stats(base), device)
    with cache.writing():
        missing = {keys[clip.id]: clip for clip in clips if keys[clip.id] not in cache.places}
        done_count, remaining = len(clips) - len(missing), sum(clip.samples for clip in missing.values())
        began, total = time.monotonic(), remaining
        batches = _batches(sorted(missing.values(), key=lambda clip: clip.samples), device)
        for batch, waves in _read_ahead(batches, dataset / "wavs"):
            reporter.check_stop()
            encodings = zip(batch, _encode(encoder, waves), strict=True)
            cache.append([SoundFeatures(keys[clip.id], *encoding) for clip, encoding in encodings])
            done_count, remaining = done_count + len(batch), remaining - sum(clip.samples for clip in batch)
            eta_s = (time.monotonic() - began) * remaining / max(1, total - remaining)
            reporter.progress("features", done_count, len(clips), batch[-1].text[:TITLE_LETTERS], eta_s=eta_s)


def _read_ahead(
    batches: Iterable[list[ClipFeatures]], folder: Path
) -> Iterator[tuple[list[ClipFeatures], list[Tensor]]]:
    """Batches with their sound; while one is computed the next one is read."""
    with ThreadPoolExecutor(_READERS) as readers:
        coming: tuple[list[ClipFeatures], list[Future[Tensor]]] | None = None
        for batch in chain(batches, [None]):
            now = coming
            if batch is not None:
                coming = batch, [readers.submit(read_audio, inside(folder, f"{clip.id}.wav")) for clip in batch]
            if now is not None:
                yield now[0], [future.result() for future in now[1]]


def _encode(encoder: Encoder, waves: list[Tensor]) -> list[Encoding]:
    """Codes and mels; in halves where memory runs out."""
    try:
        return encoder.encode(waves)
    except (RuntimeError, MemoryError) as error:
        if len(waves) == 1 or not out_of_memory(error):
            raise
    cuda_errors.free_memory()  # out of the handler, whose error holds what fills the memory
    half = len(waves) // 2
    return _encode(encoder, waves[:half]) + _encode(encoder, waves[half:])


def _batches(ascending: list[ClipFeatures], device: str) -> Iterator[list[ClipFeatures]]:
    """Clips of like length, about as many seconds at a time as are computed best together."""
    limit = BATCH_S["cuda" if device.startswith("cuda") else "cpu"] * RATE
    batch: list[ClipFeatures] = []
    for clip in ascending:
        if batch and (len(batch) + 1) * clip.samples > limit:
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def _clips(entries: list[dict[str, Any]]) -> list[ClipFeatures]:
    return [ClipFeatures(entry["id"], entry["text"], tuple(entry["tokens"]), entry["samples"]) for entry in entries]
