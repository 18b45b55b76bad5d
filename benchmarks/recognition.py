"""Recognition of 100 real clips by both engines in batches against each library's own loop, clip by clip.

    python -m benchmarks.recognition                      # the built-in tiny.en in both engines, on two cores
    python -m benchmarks.recognition --clips 20           # fewer, to try it
    python -m benchmarks.recognition --prompts /          # Debian's asterisk-core-sounds-en(-g722) where installed
    python -m benchmarks.recognition --languages es,fr,it,en --prompts /    # the built-in models on other languages
    python -m benchmarks.recognition --languages pt --prompts FOLDER        # on sounds and a transcripts.tsv of them

Clips are the 46 prompts of the bundled recording, and pieces of the longer ones cut in their longest pauses until there
are 100; with ``--prompts``, whole prompts of the Debian packages with a transcript of their own. Pieces have no text
of their own: a prompt's pieces are put together again before words are counted. Each measurement is a process of its
own. Writes benchmarks/results/recognition.json.

``--languages`` counts word errors of the built-in models as the app uses them, on Debian's prompts of four words and
more (asterisk-core-sounds-es, -fr, -it, -en, each with its -g722), or on a folder whose transcripts.tsv has the columns
``file`` and ``text``. Accents make no difference there, since Debian's Spanish texts have hardly any, and numbers are
written out; slips in those texts count as errors. Writes benchmarks/results/recognition_languages.json, a language at a
time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import resource
import sys
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import RECORDING, in_child, load_results, machine, prompts, write_results

RATE_HZ = 16_000
G722_BYTES_PER_S = 8000
CORES = 2
RUNS = ("openai_own", "openai_own_beams", "openai", "openai_beams", "openai_words") + (
    "faster_own", "faster", "faster_beams", "faster_words",
)  # fmt: skip
BEAMS = 5
VOICES = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June", "it": "it_IT_m_Carlo"}
NUMBERS = {"pt": "pt_BR"}  # what num2words calls a language, where that is another name

Samples = np.ndarray[Any, np.dtype[np.float32]]
Piece = tuple[int, Samples]  # the prompt it belongs to, and its sound


def bundled(count: int) -> tuple[list[Piece], list[str]]:
    """Prompts of the bundled recording, the longest cut in pauses until there are enough pieces; and their texts."""
    from core.audio.samples import read

    sentences = prompts(count)
    pieces = [
        (number, read(RECORDING, start_s, end_s, RATE_HZ)[0]) for number, (_, start_s, end_s) in enumerate(sentences)
    ]
    whole: list[Piece] = []
    while len(pieces) + len(whole) < count and pieces:
        longest = max(range(len(pieces)), key=lambda index: len(pieces[index][1]))
        number, sound = pieces.pop(longest)
        place = longest_pause(sound)
        if place is None:
            whole.append((number, sound))
        else:
            pieces[longest:longest] = [(number, sound[:place]), (number, sound[place:])]
    # The sort is stable: a prompt's pieces stay in the order in which they are said.
    return sorted(pieces + whole, key=lambda piece: piece[0])[:count], [sentence.text for sentence in sentences]


def longest_pause(sound: Samples, shortest_s: float = 0.03) -> int | None:
    """The middle of the quietest stretch that leaves 0.6 s on either side; None where there is no pause."""
    frame = RATE_HZ // 100
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    loud = np.mean(frames**2, axis=1) > 10 ** (-42 / 10)
    at = np.flatnonzero(loud)
    if len(at) < 2:
        return None
    gaps = np.diff(at)
    middles = (at[:-1] + gaps / 2) * frame
    gaps[(middles < 0.6 * RATE_HZ) | (middles > len(sound) - 0.6 * RATE_HZ)] = 0
    best = int(gaps.argmax())
    return int(middles[best]) if gaps[best] * 0.01 >= shortest_s else None


def debian(root: Path, count: int, language: str = "en") -> tuple[list[Piece], list[str]]:
    """Prompts of four words and more from the Debian packages, spread over all of them."""
    from presets.demo import build

    candidates = []
    for name, text in sorted(build.texts_of(root, language).items()):
        path = root / "usr/share/asterisk/sounds" / VOICES[language] / f"{name}.g722"
        if len(text.split()) < 4 or set("[]<>/") & set(text) or not path.exists():
            continue
        if 1 < path.stat().st_size / G722_BYTES_PER_S < 20:
            candidates.append((path, build.tidy(text)))
    spread = candidates[:: max(1, len(candidates) // count)][:count]
    return [(n, np.array(build.decode(path))) for n, (path, _) in enumerate(spread)], [text for _, text in spread]


def whole_prompts(root: Path, count: int, language: str) -> tuple[list[Piece], list[str]]:
    """Whole sounds of a language with their texts: a folder's own, or Debian's."""
    from core.audio.samples import read

    if not (root / "transcripts.tsv").exists():
        return debian(root, count, language)
    with open(root / "transcripts.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:count]
    sounds = [read(root / row["file"], sample_rate=RATE_HZ)[0] for row in rows]
    return list(enumerate(sounds)), [row["text"] for row in rows]


def plain(text: str, language: str) -> str:
    """A text without accents and with its numbers in words."""
    from num2words import num2words

    text = re.sub(r"\d+", lambda number: f" {num2words(int(number[0]), lang=NUMBERS.get(language, language))} ", text)
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def recognizer(run: str, checkpoint: Path) -> Any:
    """A loaded engine, as one of `RUNS` wants it.

    Args:
        run: one of `RUNS`, or any other name for the model in ``checkpoint``.
        checkpoint: openai-whisper's file, or a folder of faster-whisper.
    """
    from core.transcription import builtin, faster_whisper_engine, openai_whisper_engine

    beams = BEAMS if "beams" in run else 1
    if run.startswith("openai"):
        return openai_whisper_engine.load(checkpoint, "tiny.en", "cpu", beams)
    folder = builtin.tiny_en_folder() if run.startswith("faster") else checkpoint
    assert folder is not None, "the built-in model is not installed"
    return faster_whisper_engine.load(folder, run, "cpu", beams)


def clip_by_clip(run: str, engine: Any, sounds: list[Samples]) -> list[str]:
    """The library's own ``transcribe``, with its defaults (``_beams``: and five beams)."""
    own = engine._model
    if run.startswith("openai"):
        beams = {"beam_size": BEAMS} if "beams" in run else {}
        return [own.transcribe(sound, language="en", fp16=False, **beams)["text"] for sound in sounds]
    return ["".join(part.text for part in own.transcribe(sound, language="en")[0]) for sound in sounds]


def in_batches(run: str, engine: Any, sounds: list[Samples], language: str) -> list[str]:
    """Ours, as the job does it."""
    from core.jobs.parallel import map_in_threads
    from core.transcription.base import DecodeOptions
    from core.transcription.batches import batches

    options = DecodeOptions(language, words="words" in run)
    plan = batches([len(sound) / RATE_HZ for sound in sounds], engine.batch_size)
    texts = [""] * len(sounds)

    def work(number: int) -> list[Any]:
        return list(engine.transcribe([sounds[index] for index in plan[number]], options))

    for number, transcripts in map_in_threads(range(len(plan)), work, engine.at_once, lambda: None):
        if isinstance(transcripts, Exception):
            raise transcripts
        for index, transcript in zip(plan[number], transcripts, strict=True):
            texts[index] = transcript.text
    return texts


def child(run: str, checkpoint: Path, root: str, count: int, language: str) -> None:
    """The measured process: loading is not counted, and a first clip has been heard before."""
    from core.transcription.wer import edits, normalize

    if language:
        pieces, texts = whole_prompts(Path(root), count, language)
    else:
        pieces, texts = debian(Path(root), count) if root else bundled(count)
    sounds = [sound for _, sound in pieces]
    engine = recognizer(run, checkpoint)

    def transcribe(clips: list[Samples]) -> list[str]:
        return clip_by_clip(run, engine, clips) if "own" in run else in_batches(run, engine, clips, language or "en")

    transcribe(sounds[:1])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    began, cpu = time.perf_counter(), usage.ru_utime + usage.ru_stime
    transcripts = transcribe(sounds)
    seconds = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    joined = [""] * len(texts)
    for (number, _), transcript in zip(pieces, transcripts, strict=True):
        joined[number] += f" {transcript}"
    if language:
        texts, joined = ([plain(text, language) for text in side] for side in (texts, joined))
    spelling = language or "en"
    errors = [edits(text, transcript, spelling) for text, transcript in zip(texts, joined, strict=True)]
    words = sum(len(normalize(text, spelling).split()) for text in texts)
    for text, transcript, wrong in zip(texts, joined, errors, strict=True):
        if wrong and language:
            print(f"{wrong} errors: {text}\n    heard: {transcript.strip()}", file=sys.stderr)
    facts = {
        "seconds": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime - cpu,
        "peak_mb": usage.ru_maxrss / 1024,
        "word_errors": sum(errors),
        "wer_percent": 100 * sum(errors) / words,
        "clips": len(sounds),
        "clips_without_error": errors.count(0),
        "words": words,
        "sound_s": sum(len(sound) for sound in sounds) / RATE_HZ,
    }
    print(json.dumps(facts))


def measure(run: str, checkpoint: Path, root: str, count: int, language: str = "") -> dict[str, Any]:
    """Run one of `RUNS`, or a built-in model on a language, in a child on two cores."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    return in_child(
        "benchmarks.recognition",
        *("--child", run, checkpoint, "--prompts", root, "--clips", count, "--languages", language),
        environment={"OMP_NUM_THREADS": str(len(cores)), "OMP_WAIT_POLICY": "PASSIVE"},
        prepare=lambda: os.sched_setaffinity(0, cores),
    )


def measure_languages(languages: list[str], root: str, count: int) -> None:
    """Word errors of the built-in model of all languages, and in English of the small one as well."""
    from core.transcription import builtin

    result = load_results("recognition_languages")
    with tempfile.TemporaryDirectory() as folder:
        base = builtin.join_base(Path(folder), lambda: None)
        for language in languages:
            row = result[language] = {"machine": machine("faster-whisper", "ctranslate2")}
            folders = {"base": base, "tiny.en": builtin.tiny_en_folder()} if language == "en" else {"base": base}
            for name, model in folders.items():
                assert model is not None, "the built-in model is not installed"
                figures = row[name] = measure(f"{name}_beams", model, root, count, language)
                print(
                    f"{language} {name:8} {figures['wer_percent']:5.2f} % word errors in {figures['words']} words, "
                    f"{figures['clips_without_error']} of {figures['clips']} clips without any, "
                    f"{figures['sound_s'] / figures['seconds']:.1f} times real time, {figures['peak_mb']:.0f} MB",
                    flush=True,
                )
            write_results("recognition_languages", result)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--child", nargs=2, metavar=("RUN", "CHECKPOINT"), help=argparse.SUPPRESS)
    parser.add_argument("--prompts", default="", help="root under which Debian's Asterisk prompts are installed")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--languages", default="", help="codes with commas between: word errors of the built-in models")
    arguments = parser.parse_args()
    if arguments.child:
        run, checkpoint = arguments.child
        return child(run, Path(checkpoint), arguments.prompts, arguments.clips, arguments.languages)
    if arguments.languages:
        return measure_languages(arguments.languages.split(","), arguments.prompts, arguments.clips)
    from core.transcription import builtin
    from tests.transcription.checkpoint import read_ct2, write_openai

    result: dict[str, Any] = {
        "machine": machine("openai-whisper", "faster-whisper", "ctranslate2", "torch"),
        "clips_from": "Debian's asterisk-core-sounds-en" if arguments.prompts else "the bundled recording",
        "cores_used": CORES,
    }
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "tiny.en.pt"
        model = builtin.tiny_en_folder()
        assert model is not None, "the built-in model is not installed"
        write_openai(read_ct2(model / "model.bin"), checkpoint)
        for run in RUNS:
            figures = result[run] = measure(run, checkpoint, arguments.prompts, arguments.clips)
            print(
                f"{run:17} {figures['seconds']:7.2f} s, {figures['cpu_s']:7.2f} s of processor, "
                f"{figures['peak_mb']:5.0f} MB, {figures['wer_percent']:.2f} % word errors",
                flush=True,
            )
    pairs = {
        "openai_ratio": ("openai_own", "openai"),
        "openai_ratio_of_beams": ("openai_own_beams", "openai_beams"),
        "openai_ratio_with_words": ("openai_own", "openai_words"),
        "faster_ratio": ("faster_own", "faster_beams"),
        "faster_against_openai_own": ("openai_own", "faster_beams"),
    }
    for name, (own, ours) in pairs.items():
        result[name] = result[own]["seconds"] / result[ours]["seconds"]
        result[name + "_cpu"] = result[own]["cpu_s"] / result[ours]["cpu_s"]
        more = result[ours]["wer_percent"] - result[own]["wer_percent"]
        print(f"{name}: {result[name]:.1f} (processor {result[name + '_cpu']:.1f}), {more:+.2f} points of word errors")
    for engine in ("openai", "faster"):
        cost = result[f"{engine}_words_cost"] = result[f"{engine}_words"]["cpu_s"] / result[engine]["cpu_s"] - 1
        print(f"word times cost {engine}-whisper {cost:.0%} more processor time")
    write_results("recognition", result)


if __name__ == "__main__":
    main()
