"""The toy's heavy part, which here is light: features, training, voices, export."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from safetensors.numpy import load_file, save_file

from core.audio.samples import Samples
from core.audio.synthetic import write_speech
from core.engines.base import Engine
from core.engines.callbacks import OnClip, ShouldStop, ignore, never
from core.engines.registry import info
from core.engines.session import ADAPTER, STATE, DatasetReport, Exclusion, Snapshot, TrainSession
from core.engines.voice import ReferenceClip, Voice
from core.errors import Cancelled, UserError
from core.files import filling, read_json, write_json
from core.jobs.reporter import Reporter
from voicewright_toy.light import LIGHT, TONE
from voicewright_toy.options import ToyTrainConfig

LETTER_S = 0.05
PACE = "TOY_STEP_S"  # names the variable that says how long an update takes, in seconds
WEIGHTS = "adapter.safetensors"


@dataclass(frozen=True)
class ToyClip:
    """A clip, and the pitch it was heard to have in Hz."""

    id: str
    text: str
    seconds: float
    pitch_hz: float


@dataclass(frozen=True)
class ToyFeatures:
    """The pitches of a dataset."""

    language: str
    train: list[ToyClip]
    val: list[ToyClip]


def pitch_of(path: Path) -> tuple[float, float]:
    """The loudest frequency of a recording in Hz, and its length in seconds."""
    samples, rate = soundfile.read(path, dtype="float32")
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum[1:]) + 1) * rate / len(samples), len(samples) / rate


class ToyVoice(Voice[float]):
    """Hums; a speaker is a pitch, and so is what was learnt."""

    def __init__(self, pitch: Callable[[], float], vibrato_hz: float) -> None:
        self.pitch, self.vibrato_hz = pitch, vibrato_hz

    def condition(self, references: Sequence[ReferenceClip]) -> float:
        """The mean pitch of the recordings."""
        assert all(reference.text.startswith("Hum") for reference in references)
        return float(np.mean([pitch_of(reference.path)[0] for reference in references]))

    def speak(
        self,
        text: str,
        language: str,
        reference: float,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> tuple[Samples, int]:
        """A tone a letter, a little higher or lower each, around what was learnt and what the speaker sounds like."""
        pieces = self.stream(text, language, reference, seed, should_stop=should_stop, on_progress=on_progress)
        return np.concatenate([samples for samples, _ in pieces]), info("toy").sample_rate

    def sentences(self, text: str, language: str, reference: float, **settings: float) -> list[str]:
        """What ends with a full stop, with which it is hummed."""
        return [f"{sentence.strip()}." for sentence in text.split(".") if sentence.strip()] or [text]

    def stream(
        self,
        text: str,
        language: str,
        reference: float,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> Iterator[tuple[Samples, int]]:
        """Letter by letter, as slowly as ``pace_s`` says: so that there is a while in which things can happen."""
        if not text.strip():
            raise UserError("speak.empty", "There is nothing to say.", "Type a sentence.")
        rate = info("toy").sample_rate
        middle = math.sqrt(self.pitch() * reference)
        chance = np.random.default_rng(seed)
        sentences = self.sentences(text, language, reference)
        for number, sentence in enumerate(sentences):
            on_progress(number, len(sentences))
            for letter in sentence:
                if should_stop():
                    raise Cancelled
                time.sleep(settings.get("pace_s", 0.0))
                at = np.arange(round(LETTER_S * rate)) / rate
                pitch = middle * 2 ** ((ord(letter) % 7 - 3 + chance.uniform(-0.5, 0.5)) / 24)
                tone = 0.3 * np.sin(2 * np.pi * pitch * at + 0.1 * np.sin(2 * np.pi * self.vibrato_hz * at))
                yield tone.astype(np.float32), rate


class ToySession(TrainSession[float]):
    """Gradient descent on one number: the logarithm of a pitch."""

    def __init__(self, config: ToyTrainConfig, features: ToyFeatures, pitch_hz: float) -> None:
        self.config, self.features = config, features
        self.step_number, self.log_pitch, self.slower = 0, math.log(pitch_hz), 1.0

    def step(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """One update from one clip."""
        if should_stop():
            raise Cancelled
        time.sleep(float(os.environ.get(PACE, 0.02)))  # so that there is a while to press Stop in
        chance = np.random.default_rng([self.config.seed, self.step_number])
        clip = self.features.train[int(chance.integers(len(self.features.train)))]
        error = self.log_pitch - math.log(clip.pitch_hz)
        rate = self.config.learning_rate * self.slower
        self.log_pitch -= rate * 2 * error
        self.step_number += 1
        return {"loss": error**2, "lr": rate}

    def evaluate(self, should_stop: ShouldStop = never) -> dict[str, float]:
        """The same error on what is kept back."""
        errors = [(self.log_pitch - math.log(clip.pitch_hz)) ** 2 for clip in self.features.val]
        return {"val_loss": float(np.mean(errors))} if errors else {}

    def halve_batch(self) -> bool:
        """It takes one clip at once."""
        return False

    def snapshot(self) -> Snapshot:
        """The number."""
        return {"log_pitch": self.log_pitch, "step": self.step_number}

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a number."""
        self.log_pitch, self.step_number = float(snapshot["log_pitch"]), int(snapshot["step"])

    def lower_rate(self, factor: float) -> None:
        """Learn more slowly."""
        self.slower *= factor

    def set_max_steps(self, steps: int) -> None:
        """The rate does not hang on the length."""

    def save(self, folder: Path) -> None:
        """The number as a tensor, and once more to go on from."""
        save_file({"log_pitch": np.array([self.log_pitch])}, folder / WEIGHTS)
        write_json(folder / ADAPTER, {"step": self.step_number, "vibrato_hz": self.config.vibrato_hz})
        write_json(folder / STATE, self.snapshot())

    def voice(self) -> ToyVoice:
        """It hums with the number as it is now."""
        return ToyVoice(lambda: math.exp(self.log_pitch), self.config.vibrato_hz)


class ToyEngine(Engine[ToyTrainConfig, ToyFeatures, float]):
    """See `core.engines.base.Engine`."""

    info = info("toy")
    bases = LIGHT.bases

    def make_base(self, base_id: str, folder: Path) -> None:
        """A tuning fork of 440 Hz."""
        if not (folder / TONE).exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / TONE, {"pitch_hz": 440.0})

    def check(self, dataset: Path, base: Path, on_clip: OnClip = ignore) -> DatasetReport:
        """Clips whose texts it can hum."""
        rows = _rows(dataset, "metadata.csv")
        used, dropped, seconds = [], [], 0.0
        judge = LIGHT.texts.check(base, "en")
        for number, (clip_id, text) in enumerate(rows):
            on_clip(number, len(rows), clip_id)
            if problem := judge(text):
                dropped.append(Exclusion(clip_id, f"dataset.{problem.kind}", f"{clip_id}: {problem.values}"))
            else:
                used.append(clip_id)
                seconds += soundfile.info(dataset / "wavs" / f"{clip_id}.wav").duration
        return DatasetReport(tuple(used), tuple(dropped), seconds)

    def prepare(
        self, dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "auto"
    ) -> ToyFeatures:
        """Measure each pitch, once."""
        used = set(self.check(dataset, base).used)
        key = hashlib.sha256((dataset.name + "".join(sorted(used))).encode()).hexdigest()[:16]
        path = cache / f"toy-{key}.json"
        if not path.exists():
            parts: dict[str, list[dict[str, object]]] = {}
            for part in ("train", "val"):
                rows = [row for row in _rows(dataset, f"metadata_{part}.csv") if row[0] in used]
                parts[part] = []
                for number, (clip_id, text) in enumerate(rows):
                    reporter.check_stop()
                    reporter.progress("features", number, len(rows), clip_id)
                    pitch_hz, seconds = pitch_of(dataset / "wavs" / f"{clip_id}.wav")
                    parts[part].append(asdict(ToyClip(clip_id, text, seconds, pitch_hz)))
            cache.mkdir(parents=True, exist_ok=True)
            write_json(path, parts)
        made = read_json(path)
        clips = {part: [ToyClip(**clip) for clip in made[part]] for part in ("train", "val")}
        return ToyFeatures(str(read_json(dataset / "dataset.json")["language"]), clips["train"], clips["val"])

    def start(
        self,
        config: ToyTrainConfig,
        prepared: ToyFeatures,
        base: Path,
        resume_from: Path | None,
        *,
        device: str = "auto",
    ) -> ToySession:
        """From the tuning fork, or from where it was."""
        session = ToySession(config, prepared, _pitch_of_base(base))
        if resume_from is not None:
            session.restore(read_json(resume_from / STATE))
        return session

    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> ToyVoice:
        """The tuning fork, or what a checkpoint has learnt."""
        if checkpoint is None or not (checkpoint / WEIGHTS).exists():
            return ToyVoice(lambda: _pitch_of_base(base), 0.0)
        pitch = math.exp(float(load_file(checkpoint / WEIGHTS)["log_pitch"][0]))
        return ToyVoice(lambda: pitch, float(read_json(checkpoint / ADAPTER)["vibrato_hz"]))

    def export(
        self,
        base: Path,
        checkpoint: Path | None,
        folder: Path,
        *,
        name: str,
        references: Sequence[ReferenceClip],
        text: str,
        language: str,
        seed: int = 0,
        device: str = "auto",
        facts: Mapping[str, object] | None = None,
        on_stage: Callable[[str], object] = ignore,
        should_stop: ShouldStop = never,
    ) -> Mapping[str, object]:
        """A number, a sample, and what they are."""
        with filling(folder) as draft:
            on_stage("load_base")
            voice = self.load_voice(base, checkpoint)
            speaker = voice.condition(references)
            on_stage("merge")
            write_json(draft / TONE, {"pitch_hz": voice.pitch(), "speaker_hz": speaker})
            on_stage("verify")
            samples, rate = voice.speak(text, language, speaker, seed, should_stop=should_stop)
            write_speech(draft / "sample.wav", samples, rate)
            (draft / "README.txt").write_text(f"{name}: hum at {voice.pitch():.0f} Hz.\n")
            manifest = {**(facts or {}), "name": name, "engine": "toy", "exported_at": time.time(), "sample_rate": rate}
            write_json(draft / "manifest.json", manifest)
            return manifest


def _rows(dataset: Path, name: str) -> list[tuple[str, str]]:
    lines = (dataset / name).read_text(encoding="utf-8").splitlines()
    return [(line.split("|")[0], line.split("|")[1]) for line in lines]


def _pitch_of_base(base: Path) -> float:
    return float(json.loads((base / TONE).read_text())["pitch_hz"])


ENGINE = ToyEngine()
