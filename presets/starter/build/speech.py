"""Speak the grammar's sentences with Kokoro's voices, and keep how long each phoneme lasts: ``speech SHARD``.

Goes on where it stopped. Shard ``k`` of ``SHARDS`` speaks utterances ``k``, ``k + SHARDS``, …; two may run at once;
shard ``SHARDS`` is Kokoro's other voices, and ``flite`` all of Flite's. An utterance is one to three sentences of one
voice, so that pauses between sentences occur too. 16 kHz, one loudness.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, BinaryIO, TextIO

import numpy as np
import soxr

from presets.starter.build.flite import Flite
from presets.starter.build.kokoro import RATE_HZ as KOKORO_HZ
from presets.starter.build.kokoro import Kokoro, phonemes
from presets.starter.build.plan import (
    FLITE,
    FRAME_S,
    SHARDS,
    Utterance,
    bare,
    flite_utterances,
    more_utterances,
    utterances,
)
from presets.starter.build.work import RATE_HZ, SPEECH, background

ACTIVE_RMS = 0.07
MARGIN_S = 0.05
ALONE = SPEECH / "alone.json"


def speak(kokoro: Kokoro, utterance: Utterance) -> tuple[np.ndarray, dict[str, object]]:
    """Samples (float32, 16 kHz) and what is said in them.

    ``ipa`` and ``frames``: the phonemes, and how many 1/40 s the silence before, each phoneme and the silence after
    last. ``sentences``: text and borders in samples.
    """
    ipas = phonemes(list(utterance.texts))
    samples, lasting = kokoro.speak(" ".join(ipas), utterance.voice, utterance.speed)
    borders = np.concatenate([[0], np.cumsum(lasting)]) * RATE_HZ * FRAME_S
    sound, active = _leveled(soxr.resample(samples, KOKORO_HZ, RATE_HZ).astype(np.float32))
    parts, start, margin = [], 0, int(MARGIN_S * RATE_HZ)
    for text, ipa in zip(utterance.texts, ipas, strict=True):
        first, last = (int(borders[1 + start + place]) for place in (0, len(ipa)))
        inside = np.flatnonzero(active[first:last])
        begin = max(first, first + int(inside[0]) - margin)
        parts.append({"text": text, "begin": begin, "end": min(len(sound), first + int(inside[-1]) + 1 + 2 * margin)})
        start += len(ipa) + 1
    return sound, {"ipa": " ".join(ipas), "frames": lasting.tolist(), "sentences": parts}


def speak_flite(flite: Flite, utterance: Utterance) -> tuple[np.ndarray, dict[str, object]] | None:
    """The same of Flite, which knows each word's time itself; None where it reads other words than are written.

    ``phonemes``: one sign each 1/40 s. ``words`` of a sentence: begin and end in seconds.
    """
    samples, signs, words = flite.speak(" ".join(utterance.texts))
    if len(words) != sum(len(text.split()) for text in utterance.texts):
        return None
    sound, _ = _leveled(samples.astype(np.float32) / 32767)
    parts, start = [], 0
    for text in utterance.texts:
        count = len(text.split())
        spans = [(begin, end) for _, begin, end in words[start : start + count]]
        start += count
        first, last = max(0.0, spans[0][0] - MARGIN_S), min(len(sound) / RATE_HZ, spans[-1][1] + 2 * MARGIN_S)
        parts.append({"text": text, "begin": int(first * RATE_HZ), "end": int(last * RATE_HZ), "words": spans})
    ends = np.array([end for _, end in signs])
    places = np.searchsorted(ends, (np.arange(int(len(sound) / RATE_HZ / FRAME_S)) + 0.5) * FRAME_S)
    frames = "".join(signs[min(place, len(signs) - 1)][0][0] for place in places)
    return sound, {"phonemes": frames, "sentences": parts}


def _leveled(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples as loud as all others where something is said, and where that is."""
    loud = np.sqrt(np.convolve(sound**2, np.ones(160) / 160, "same"))
    active = loud > 0.1 * np.percentile(loud, 95)
    return sound * min(ACTIVE_RMS / np.sqrt(np.mean(sound[active] ** 2)), 0.95 / np.abs(sound).max()), active


def _write(
    utterance: Utterance, sound: np.ndarray, facts: dict[str, Any], at: int, raw: BinaryIO, listed: TextIO
) -> None:
    """Append an utterance's samples, which begin at ``at``, and its line in the list."""
    raw.write((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    raw.flush()
    row = {"number": utterance.number, "voice": utterance.voice, "at": at, "samples": len(sound), **facts}
    listed.write(json.dumps(row, ensure_ascii=False) + "\n")
    listed.flush()


def speak_all_of_flite() -> None:
    """Speak what Flite's voices are to speak: minutes."""
    background("speech flite")
    SPEECH.mkdir(parents=True, exist_ok=True)
    voices = {voice: Flite(voice) for voice in FLITE}
    size = skipped = 0
    with (SPEECH / "flite.i16").open("wb") as raw, (SPEECH / "flite.jsonl").open("w", encoding="utf-8") as listed:
        for utterance in flite_utterances():
            speech = speak_flite(voices[utterance.voice], utterance)
            if speech is None:
                skipped += 1
                continue
            _write(utterance, *speech, size, raw, listed)
            size += len(speech[0])
    print(f"{size / RATE_HZ / 60:.1f} min, {skipped} utterances skipped, {time.process_time():.0f} CPU s", flush=True)


def write_alone() -> None:
    """Write how each word is spoken by itself, for `plan.word_times`."""
    vocabulary = sorted(
        {
            bare(word)
            for utterance in (*utterances(), *more_utterances())
            for text in utterance.texts
            for word in text.split()
        }
    )
    alone = dict(zip(vocabulary, phonemes([f"{word}." for word in vocabulary]), strict=True))
    ALONE.write_text(json.dumps(alone, ensure_ascii=False), encoding="utf-8")


def main(shard: int) -> None:
    """Speak until it is stopped or everything is spoken."""
    background(f"speech {shard}")
    SPEECH.mkdir(parents=True, exist_ok=True)
    plan = more_utterances()
    if shard < SHARDS:
        plan = [utterance for utterance in utterances() if utterance.number % SHARDS == shard]
    listed, raw = SPEECH / f"{shard}.jsonl", SPEECH / f"{shard}.i16"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    size = 0 if not lines else json.loads(lines[-1])["at"] + json.loads(lines[-1])["samples"]
    write_alone()
    kokoro = Kokoro()
    seconds = size / RATE_HZ
    spent, since = 0.0, seconds
    with raw.open("r+b" if raw.exists() else "wb") as sound_file, listed.open("a", encoding="utf-8") as list_file:
        sound_file.truncate(size * 2)
        sound_file.seek(size * 2)
        for utterance in plan[len(lines) :]:
            began = time.process_time()
            sound, facts = speak(kokoro, utterance)
            _write(utterance, sound, facts, size, sound_file, list_file)
            size += len(sound)
            seconds += len(sound) / RATE_HZ
            spent += time.process_time() - began
            if utterance.number % 20 < 2:
                rate = spent / (seconds - since)
                print(f"{utterance.number}: {seconds / 60:.1f} min, {rate:.2f} CPU s a second", flush=True)


if __name__ == "__main__":
    speak_all_of_flite() if sys.argv[1] == "flite" else main(int(sys.argv[1]))
