"""Samples: every checkpoint synthesizes the same held-out sentences with its own live weights."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.audio.samples import Samples
from core.audio.synthetic import write_speech
from core.checkpoint_ref import step_folder
from core.engines.callbacks import ShouldStop
from core.engines.light import EngineInfo
from core.engines.voice import Voice
from core.errors import Cancelled, UserError
from core.files import read_json, write_json
from core.jobs import events
from core.jobs.reporter import Reporter
from core.reasons import reason_of
from core.system import cuda_errors
from core.training.pace import usual

FILE = "sentences.json"
SPOKEN_ON = "device.json"  # beside a checkpoint's samples: what computed them


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
            return cls.read(run)
        sentences = make()
        write_json(path, sentences.__dict__)
        return sentences

    @classmethod
    def read(cls, run: Path) -> Sentences:
        """Those of a run that has begun.

        Raises:
            OSError, ValueError, LookupError, TypeError: there are none, or they cannot be read.
        """
        raw = read_json(run / "samples" / FILE)
        return cls(tuple(raw["texts"]), raw["language"], tuple(raw["references"]), int(raw["seed"]))

    def seed_of(self, number: int) -> int:
        """The seed of a sentence, the same for every checkpoint, so that only the weights differ."""
        return self.seed + number


def computing_device(setting: str) -> str:
    """What computes for a setting, as `core.engines.device.device_name` says; an engine may do without torch."""
    try:
        from core.engines.device import device_name
    except ImportError:
        return "cpu"
    return device_name(setting)


@dataclass
class SampleSpeaker:
    """Speaks the sentences of a run into ``samples/step-000020/<number>.wav``.

    ``conditioning`` was computed once before training: the adapter does not touch what it is made with, and on a card
    ``torch.stft`` late in a long process is known to fail.
    """

    run: Path
    sentences: Sentences
    conditioning: object
    voice: Callable[[], Voice[object]]
    reporter: Reporter
    cost_s: float = 0.0
    """Seconds that one checkpoint's sentences usually take, as seen so far."""
    device: str = ""
    """What computes (`computing_device`)."""
    _costs: deque[float] = field(default_factory=deque, init=False)
    _took_s: float = field(default=0.0, init=False)
    _said_s: float = field(default=0.0, init=False)

    def speak_missing(self, step: int, left_s: float, most_s: float | None = None) -> None:
        """Speak and announce what ``step`` has not spoken yet; one that fails is warned about, the rest goes on.

        Only a graphics card that is lost ends it: its error is passed on.

        Tells ``sample_real_time_factor``, the seconds it took for each second of sound, and with its progress that
        ``left_s`` are left of the whole run. Breaks off, in the middle of a sentence too, when Stop is pressed, or
        else after ``most_s`` seconds if given.
        """
        samples = self.reporter.view.samples
        missing = [n for n in range(len(self.sentences.texts)) if (step, n) not in samples]
        if not missing:
            return
        began, voice = time.monotonic(), self.voice()

        def should_stop() -> bool:
            return self.reporter.stop_requested() if most_s is None else time.monotonic() - began > most_s

        # All at once costs little more than one alone; after Stop only if it surely ends in time.
        is_batch = voice.speaks_together and len(missing) > 1 and (most_s is None or 0 < self.cost_s < most_s)
        self._took_s = self._said_s = 0.0
        try:
            if not (is_batch and self._speak_many(voice, step, missing, should_stop, left_s)):
                for count, number in enumerate(missing):
                    self._progress(count, len(missing), number, left_s)
                    self._speak(voice, step, number, should_stop)
        except Cancelled:
            return
        finally:
            if self._said_s:
                self.reporter.metrics(step, sample_real_time_factor=self._took_s / self._said_s)
        self.cost_s = usual(self._costs, (time.monotonic() - began) / len(missing) * len(self.sentences.texts))

    def _speak_many(
        self, voice: Voice[object], step: int, numbers: Sequence[int], should_stop: ShouldStop, left_s: float
    ) -> bool:
        """Speak sentences in one go; False if that failed: each is then tried alone, to tell which cannot be said."""
        began = time.monotonic()
        self._progress(0, len(numbers), numbers[0], left_s)
        texts, seeds = [self._text(n) for n in numbers], [self.sentences.seed_of(n) for n in numbers]
        try:
            sounds = voice.speak_many(texts, self.sentences.language, self.conditioning, seeds, should_stop=should_stop)
        except (UserError, RuntimeError, ValueError, IndexError) as error:
            if cuda_errors.translate(error) is not None:
                raise  # without a card nothing goes on
            return False
        took_s, length = time.monotonic() - began, sum(len(samples) for samples, _ in sounds)
        for number, (samples, rate) in zip(numbers, sounds, strict=True):
            self._announce(step, number, samples, rate, took_s * len(samples) / max(1, length))
        return True

    def _speak(self, voice: Voice[object], step: int, number: int, should_stop: ShouldStop) -> None:
        if should_stop():
            raise Cancelled
        began, text, seed = time.monotonic(), self._text(number), self.sentences.seed_of(number)
        # No other options: the Speak page and the export must say the very same with this seed.
        try:
            samples, rate = voice.speak(text, self.sentences.language, self.conditioning, seed, should_stop=should_stop)
        except (UserError, RuntimeError, ValueError, IndexError) as error:
            if cuda_errors.translate(error) is not None:
                raise
            self.reporter.warning(
                "train.sample_failed",
                "Checkpoint {step} could not speak sentence {number} ({what}).",
                "The training goes on; the checkpoint itself is fine.",
                step=step,
                number=number + 1,
                what=reason_of(error),
            )
        else:
            self._announce(step, number, samples, rate, time.monotonic() - began)

    def _announce(self, step: int, number: int, samples: Samples, rate: int, took_s: float) -> None:
        self._took_s += took_s
        self._said_s += len(samples) / rate
        target = self.run / "samples" / step_folder(step) / f"{number}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_speech(target, samples, rate)
        if self.device:
            write_json(target.with_name(SPOKEN_ON), {"device": self.device})
        self.reporter.emit(
            events.Sample(
                step=step,
                sentence=number,
                text=self._text(number),
                path=str(target.relative_to(self.run)),
                seconds=round(len(samples) / rate, 3),
                took_s=round(took_s, 3),
            )
        )

    def _text(self, number: int) -> str:
        return self.sentences.texts[number]

    def _progress(self, count: int, total: int, number: int, left_s: float) -> None:
        self.reporter.progress("samples", count, total, self._text(number), eta_s=left_s)


def references(clips: Sequence[tuple[str, float]], engine: EngineInfo) -> tuple[str, ...]:
    """Ids of as many clips, given as ``(id, seconds)``, as suit an engine, of nearly the best length for it."""
    by_distance = sorted(clips, key=lambda clip: (abs(clip[1] - engine.reference_seconds[1]), clip[0]))
    return tuple(clip_id for clip_id, _ in by_distance[: engine.reference_clips])
