"""Every checkpoint speaks the same held-out sentences with its own live weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.audio.samples import write_wav
from core.engines.base import Voice
from core.errors import Cancelled, UserError
from core.files import read_json, write_json
from core.jobs import events
from core.jobs.reporter import Reporter

FILE = "sentences.json"


@dataclass(frozen=True)
class Sentences:
    """What a run's checkpoints speak, fixed when it begins; ``references`` are clip ids of the dataset."""

    texts: tuple[str, ...]
    language: str
    references: tuple[str, ...]
    seed: int

    @classmethod
    def frozen(cls, run: Path, make: Callable[[], Sentences]) -> Sentences:
        """Those of the run, made and written down the first time."""
        path = run / "samples" / FILE
        if path.exists():
            raw = read_json(path)
            return cls(tuple(raw["texts"]), raw["language"], tuple(raw["references"]), int(raw["seed"]))
        made = make()
        write_json(path, made.__dict__)
        return made

    def seed_of(self, number: int) -> int:
        """The seed of a sentence, the same for every checkpoint, so that only the weights differ."""
        return self.seed + number


@dataclass
class SampleSpeaker:
    """Speaks the sentences of a run into ``samples/step-000020/<number>.wav``.

    ``conditioning`` was computed once before training: the adapter does not touch what it is made with, and on a card
    ``torch.stft`` late in a long process is known to fail.
    """

    run: Path
    sentences: Sentences
    conditioning: Any
    voice: Callable[[], Voice]
    reporter: Reporter
    cost_s: float = field(default=0.0)

    def speak_missing(self, step: int, left_s: float, most_s: float | None = None) -> None:
        """Speak and announce what ``step`` has not spoken yet; one that fails is warned about, the rest goes on.

        Breaks off, in the middle of a sentence too, when Stop is pressed, or else after ``most_s`` seconds if given.
        """
        folder = self.run / "samples" / f"step-{step:06d}"
        announced = self.reporter.job.read().samples
        missing = [n for n in range(len(self.sentences.texts)) if (step, n) not in announced]
        if not missing:
            return
        began, voice = time.monotonic(), self.voice()

        def should_stop() -> bool:
            return self.reporter.stop_requested() if most_s is None else time.monotonic() - began > most_s

        for done, number in enumerate(missing):
            self.reporter.progress("samples", done, len(missing), self.sentences.texts[number], eta_s=left_s)
            try:
                self._speak(voice, step, number, folder / f"{number}.wav", should_stop)
            except Cancelled:
                return
            except (UserError, RuntimeError, ValueError, IndexError) as error:
                self.reporter.warning(
                    "train.sample_failed",
                    "Checkpoint {step} could not speak sentence {number} ({what}).",
                    "The training goes on; the checkpoint itself is fine.",
                    step=step,
                    number=number + 1,
                    what=f"{type(error).__name__}: {error}".splitlines()[0][:200],
                )
        self.cost_s = (time.monotonic() - began) / len(missing) * len(self.sentences.texts)

    def _speak(self, voice: Voice, step: int, number: int, target: Path, should_stop: Callable[[], bool]) -> None:
        if should_stop():
            raise Cancelled
        began, text, seed = time.monotonic(), self.sentences.texts[number], self.sentences.seed_of(number)
        # No other options: the Speak page and the export must say the very same with this seed.
        samples, rate = voice.speak(text, self.sentences.language, self.conditioning, seed, should_stop=should_stop)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_wav(target, samples, rate)
        self.reporter.emit(
            events.Sample(
                step=step,
                sentence=number,
                text=text,
                path=str(target.relative_to(self.run)),
                seconds=round(len(samples) / rate, 3),
                took_s=round(time.monotonic() - began, 3),
            )
        )


def references(clips: Sequence[tuple[str, float]], most: int = 3, wanted_s: float = 8.0) -> tuple[str, ...]:
    """Ids of up to ``most`` clips, given as ``(id, seconds)``, whose length is nearest to what conditioning likes."""
    ordered = sorted(clips, key=lambda clip: (abs(clip[1] - wanted_s), clip[0]))
    return tuple(clip_id for clip_id, _ in ordered[:most])
