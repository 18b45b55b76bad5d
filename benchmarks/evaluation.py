"""Whether scores can be trusted, on real prompts: ``python -m benchmarks.evaluation``.

- ``orders``: prompts beside copies made worse in one way; each measure has to tell which is worse.
- ``ends``: ends that are cut or prolonged, found by `core.measures.spoken` with what the built-in recogniser hears, and
  alarms where nothing is wrong.
- ``seconds``: 5 checkpoints of 10 sentences measured, beside the speaking itself.

Writes benchmarks/results/evaluation.json.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import RECORDING, Stopwatch, load_results, machine, prompts, write_results
from core import REPOSITORY
from core.audio.samples import Samples, read, resample
from core.evaluation.measure import Listener, unit, voices_of
from core.evaluation.scores import Score
from core.measures.endings import frame_levels
from core.transcription import builtin
from core.transcription.base import Recognizer

RATE = 16_000
WORDS = REPOSITORY / "tests" / "data" / "words"
HELD_OUT = 8  # prompts that show the real voice
ORDERED = 12  # prompts after them that are put in order with worse copies
Spoil = Callable[[Samples, int], Samples]


def sounds(count: int) -> list[tuple[Samples, str]]:
    """The first bundled prompts and what is said in them."""
    return [(read(RECORDING, start_s, end_s, RATE)[0], text) for text, start_s, end_s in prompts(count)]


def words() -> list[Samples]:
    """Single words, each with its natural end."""
    with open(WORDS / "words.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    spans = [(float(row["start_s"]) - 0.02, float(row["end_s"]) + 0.02) for row in rows]
    return [read(WORDS / "words.flac", *span, RATE)[0] for span in spans]


def chance_of(number: int) -> np.random.Generator:
    """The same for each prompt, whatever else is made of it."""
    return np.random.default_rng(number)


def end_of_sound(samples: Samples) -> int:
    """Where the last word ends, known from how the prompts were cut: their room is silent."""
    levels = frame_levels(samples, RATE)
    return int(np.flatnonzero(levels > levels.max() - 35)[-1] + 1) * RATE // 100


def quiet(seconds: float, chance: np.random.Generator) -> Samples:
    """A silent room."""
    return np.asarray(chance.normal(0, 10 ** (-75 / 20), round(seconds * RATE)), np.float32)


def noisy(samples: Samples, number: int, snr_db: float = 8.0) -> Samples:
    """White noise."""
    level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-snr_db / 20)
    return samples + chance_of(number).normal(0, level, len(samples)).astype(np.float32)


def deeper(samples: Samples, number: int) -> Samples:
    """A stand-in for another speaker: a quarter deeper in pitch and formants."""
    return resample(samples, 3, 4)


def narrow(samples: Samples, number: int) -> Samples:
    """As by 8 kHz."""
    return resample(resample(samples, RATE, 8_000), 8_000, RATE)


def swapped(samples: Samples, number: int) -> Samples:
    """Its two halves in the wrong order."""
    middle = len(samples) // 2
    return np.concatenate([samples[middle:], samples[:middle]])


def cut(ms: int) -> Spoil:
    """Broken off so long before the end of the last word."""
    return lambda samples, number: samples[: end_of_sound(samples) - ms * RATE // 1000]


def broken_off(samples: Samples, number: int) -> Samples:
    """Broken off 80 to 250 ms before its end, with silence after it, as a model that ends too soon."""
    chance = chance_of(number)
    piece = samples[: end_of_sound(samples) - round(chance.uniform(0.08, 0.25) * RATE)].copy()
    piece[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
    return np.concatenate([piece, quiet(0.2, chance)])


def word_more(samples: Samples, number: int) -> Samples:
    """A word of the same voice after 0.05 to 0.4 s, whole to its end."""
    chance = chance_of(number)
    spoken = words()
    tail = spoken[number * 7 % len(spoken)]
    return np.concatenate(
        [samples[: end_of_sound(samples) + 800], quiet(chance.uniform(0.05, 0.4), chance), tail, quiet(0.1, chance)]
    )


def said_again(samples: Samples, number: int) -> Samples:
    """The last 0.4 s once more."""
    end = end_of_sound(samples)
    return np.concatenate([samples[: end + 800], samples[end - round(0.4 * RATE) :]])


def babble(samples: Samples, number: int) -> Samples:
    """0.3 to 0.9 s of its own speech backwards, fading out."""
    chance = chance_of(number)
    length = round(chance.uniform(0.3, 0.9) * RATE)
    first = round(chance.uniform(0.1, 0.5) * (len(samples) - length))
    tail = samples[first : first + length][::-1].copy()
    tail[-1_600:] *= np.linspace(1, 0, 1_600, dtype=np.float32)
    return np.concatenate([samples[: end_of_sound(samples) + 800], quiet(chance.uniform(0.05, 0.4), chance), tail])


def silence(samples: Samples, number: int) -> Samples:
    """1.2 to 3 s of silence."""
    chance = chance_of(number)
    return np.concatenate([samples, quiet(chance.uniform(1.2, 3.0), chance)])


def padded(samples: Samples, number: int) -> Samples:
    """A little silence on both sides."""
    chance = chance_of(number)
    return np.concatenate([quiet(0.3, chance), samples, quiet(0.5, chance)])


SPOILT_ENDS: dict[str, Spoil] = {
    **{"cut_80_ms": cut(80), "cut_150_ms": cut(150), "cut_300_ms": cut(300), "broken_off": broken_off},
    **{"word_more": word_more, "said_again": said_again, "babble": babble, "silence": silence},
}
WHOLE_ENDS: dict[str, Spoil] = {
    "as_recorded": lambda samples, number: samples,
    "padded": padded,
    "noise_at_30_db": lambda samples, number: noisy(samples, number, 30.0),
    "quiet_and_narrow": lambda samples, number: narrow(samples * np.float32(0.3), number),
}
WORSE: dict[str, tuple[Spoil, str]] = {
    "noise": (noisy, "naturalness"),
    "8_khz": (narrow, "bandwidth_hz"),
    "another_speaker": (deeper, "likeness"),
    "another_speaker_pitch": (deeper, "pitch_hz"),
    "words_swapped": (swapped, "cer"),
    "cut_end": (cut(300), "faults"),
    "added_tail": (word_more, "faults"),
}


def listener(recognizer: Recognizer, real: list[Samples]) -> Listener:
    """As scoring a run makes it."""
    centre = unit(np.mean(voices_of(real), axis=0))
    return Listener(recognizer, "en", lambda text: text, centre)


def measure(ears: Listener, cases: list[tuple[Samples, str]]) -> list[Score]:
    """All that is measured of each."""
    scores = [Score(str(number), "prompt", text) for number, (_, text) in enumerate(cases)]
    return ears.measure(scores, [np.ascontiguousarray(samples) for samples, _ in cases], lambda: False)


def goodness(score: Score, measure: str, real: Score) -> float:
    """Higher is better."""
    if measure == "faults":
        return -float(bool(score.faults))
    value = getattr(score, measure)
    if value is None:
        return float("-inf")
    if measure == "pitch_hz":
        return -abs(12 * float(np.log2(value / (real.pitch_hz or value))))
    return -value if measure == "cer" else float(value)


def orders(ears: Listener, spoken: list[tuple[Samples, str]]) -> dict[str, Any]:
    """How often a measure puts the prompt above its worse copy."""
    plain = measure(ears, spoken)
    result: dict[str, Any] = {}
    for name, (spoil, by) in WORSE.items():
        worse = measure(ears, [(spoil(samples, number), text) for number, (samples, text) in enumerate(spoken)])
        pairs = [
            (goodness(before, by, before), goodness(after, by, before))
            for before, after in zip(plain, worse, strict=True)
        ]
        means = [float(np.mean([value for value in side if np.isfinite(value)])) for side in zip(*pairs, strict=True)]
        result[name] = {
            "measure": by,
            "pairs": len(pairs),
            "right": float(np.mean([before > after for before, after in pairs])),
            "means": means,
        }
        right = f"right {result[name]['right']:.0%} of {len(pairs)}"
        print(f"{name:22} {by:12} {right}, {means[0]:.3f} → {means[1]:.3f}", flush=True)
    return result


def ends(ears: Listener, spoken: list[tuple[Samples, str]]) -> dict[str, Any]:
    """Shares of spoilt ends that are found, and of whole ones that are taken for spoilt."""
    ears = Listener(ears.recognizer, "en", lambda text: text)
    result: dict[str, Any] = {}
    total: Counter[str] = Counter()
    for kind, spoils in (("found", SPOILT_ENDS), ("alarms", WHOLE_ENDS)):
        for name, spoil in spoils.items():
            scores = measure(ears, [(spoil(samples, number), text) for number, (samples, text) in enumerate(spoken)])
            faulty = sum(bool(score.faults) for score in scores)
            total[kind] += faulty
            total[f"of_{kind}"] += len(scores)
            result[name] = faulty / len(scores)
            print(f"{name:22} {kind} {faulty} of {len(scores)}", flush=True)
    result |= {"cases": total["of_found"], "found": total["found"] / total["of_found"]}
    result |= {"whole": total["of_alarms"], "alarms": total["alarms"] / total["of_alarms"]}
    print(f"found {result['found']:.1%} of {result['cases']}, false alarms {result['alarms']:.1%} of {result['whole']}")
    return result


def seconds(ears: Listener, spoken: list[tuple[Samples, str]]) -> dict[str, float]:
    """How long 5 checkpoints of 10 sentences take, and how much of the processor, all cores together."""
    measure(ears, spoken[:1])  # models are loaded
    fifty = [(noisy(spoken[number % 10][0], number, 40.0), spoken[number % 10][1]) for number in range(50)]
    stopwatch = Stopwatch()
    measure(ears, fifty)
    result = dict(zip(("seconds", "processor_seconds"), stopwatch.read(), strict=True))
    print(f"5 checkpoints of 10 sentences: {result['seconds']:.0f} s, {result['processor_seconds']:.0f} s of processor")
    return result


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--prompts",
        type=int,
        default=46,
        help=f"how many of the bundled prompts, ten or more; orders take {ORDERED} after the first {HELD_OUT}",
    )
    parser.add_argument("--part", choices=("seconds", "ends", "orders"), help="measure this alone; the rest stays")
    options = parser.parse_args()
    from core.transcription.faster_whisper_engine import load

    folder = builtin.tiny_en_folder()
    assert folder is not None, "the built-in English model is one of the requirements"
    result = load_results("evaluation") if options.part else {}
    result["machine"] = machine("numpy", "torch", "onnxruntime", "faster-whisper", "Resemblyzer", "speechmos")
    spoken = sounds(options.prompts)
    ears = listener(load(folder, builtin.TINY_EN, "cpu", 1), [samples for samples, _ in spoken[:HELD_OUT]])
    if options.part in (None, "seconds"):
        result |= seconds(ears, spoken)
    if options.part in (None, "ends"):
        result["ends"] = ends(ears, spoken)
    if options.part in (None, "orders"):
        result["orders"] = orders(ears, spoken[HELD_OUT : HELD_OUT + ORDERED])
    write_results("evaluation", result)


if __name__ == "__main__":
    main()
