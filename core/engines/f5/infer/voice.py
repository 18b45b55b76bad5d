"""Speech synthesis with an F5-TTS model, be it loaded for that or in the middle of its training.

One function speaks, whoever asks: samples while training, Speak, the export. It is the package's own recipe, but for
what goes wrong there: the reference is never shortened without its text, nothing is kept on the model from one sentence
to the next, and every part has its own random stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.device import device_for
from core.engines.f5.features.mel import BANDS, HOP, RATE, mel_of, read_wave
from core.engines.f5.model.forward import embed_texts, padding_mask, velocity
from core.engines.f5.model.load import F5, load_base
from core.engines.f5.model.lora import load_adapter
from core.engines.f5.model.package import get_epss_timesteps
from core.engines.f5.text.reading import readable, text_ids
from core.engines.speaking import (
    evaluating,
    no_reference,
    not_finite,
    short_reference,
    speakable,
    too_little_memory,
    unreadable_reference,
)
from core.engines.voice import ReferenceClip, Voice
from core.errors import Cancelled, UserError
from core.system.hardware import out_of_memory
from core.text import clean_text

GUIDANCE, SWAY = 2.0, -1.0
CROSS_FADE_S = 0.15
MOST_TOGETHER_S = 22.0  # reference and part: what the published bases hold out well
MOST_REFERENCE_S, LEAST_REFERENCE_S = 12.0, 0.5
SLOWEST, QUICKEST = 1.5, 50.0  # letters a second of a reference; nobody speaks so, with its pauses or without
_TARGET_RMS = 0.1  # quieter references are lifted to it, and what is spoken lowered again
_HURRIED_BYTES, _HURRIED_SPEED = 10, 0.3  # so short a text is given three times the time
_BATCH_FRAMES = 12_000  # computed at once on a card
_MOST_STEPS = 256  # more of them, or less than one, are not taken at their word
_USUAL: Mapping[str, float] = {}
_PART_SEEDS = 1_000_003  # between the random streams of a text's parts


@dataclass(frozen=True)
class Heard:
    """What the model is shown of a speaker, on the CPU: a clip's mel (1 + frames, 100), and exactly what is said in it.

    ``text`` ends with the space that parts it from what will be said; ``gain`` is what the spoken is multiplied by.
    """

    mel: Tensor
    text: str
    gain: float

    @property
    def frames(self) -> int:
        """After so many frames begins what is spoken."""
        return len(self.mel) - 1

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames * HOP / RATE


@dataclass(frozen=True)
class Part:
    """As much of a text as is said at once: ids of reference and text, frames of both together, its random stream."""

    ids: Tensor
    frames: int
    seed: int


class F5Voice(Voice[Heard]):
    """A model that speaks. Keeps no copy of any weight: training may go on between two sentences."""

    speaks_together = True

    def __init__(self, model: F5) -> None:
        self.model = model
        self.sample_rate = RATE

    def condition(self, references: Sequence[ReferenceClip]) -> Heard:
        """Listen to the first of the recordings; what is said in it has to be known, word by word.

        Raises:
            UserError: ``speak.no_reference``, ``speak.reference_unreadable``, ``speak.reference_short``,
                ``speak.reference_long``, ``speak.reference_text``, ``speak.reference_pace``,
                ``speak.unknown_characters``.
        """
        if not references:
            raise no_reference()
        reference = references[0]
        text = clean_text(reference.text)
        if not any(character.isalnum() for character in text):
            raise UserError(
                "speak.reference_text",
                "It is not known what is said in the reference recording {name}.",
                "Choose a clip whose text is right word by word: the voice goes on from it.",
                name=reference.path.name,
            )
        try:
            wave = read_wave(reference.path)
        except (OSError, soundfile.LibsndfileError) as error:
            raise unreadable_reference(reference.path.name) from error
        seconds = len(wave) / RATE
        if seconds < LEAST_REFERENCE_S:
            raise short_reference(reference.path.name)
        if seconds > MOST_REFERENCE_S:
            raise UserError(
                "speak.reference_long",
                "The reference recording {name} is {seconds} s long; at most {limit} s can be used.",
                "Choose a shorter clip. It is not cut off by itself: its text would no longer be what is said in it.",
                name=reference.path.name,
                seconds=round(seconds, 1),
                limit=round(MOST_REFERENCE_S),
            )
        pace = len(text) / seconds
        if not SLOWEST <= pace <= QUICKEST:
            raise UserError(
                "speak.reference_pace",
                "{letters} letters cannot be all that is said in the {seconds} s of the reference recording {name}.",
                "Choose a clip whose text is right word by word: it says how long everything else will take.",
                letters=len(text),
                seconds=round(seconds, 1),
                name=reference.path.name,
            )
        rms = float(wave.square().mean().sqrt())
        is_quiet = 0 < rms < _TARGET_RMS
        mel = mel_of(wave * (_TARGET_RMS / rms) if is_quiet else wave)
        text = self._with_space(readable(text, self.model.vocabulary, self.model.facts.conversion))
        text_ids(text, self.model.vocabulary, self.model.facts.conversion)  # in the click, not at the first sentence
        return Heard(mel, text, rms / _TARGET_RMS if is_quiet else 1.0)

    def speak(
        self,
        text: str,
        language: str,
        reference: Heard,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> tuple[Samples, int]:
        """Say ``text``; Stop is looked for at every step.

        Args:
            text, language, reference, seed, should_stop, on_progress: as of `core.engines.voice.Voice.speak`; the
                language is that of the text, nothing is made of it.
            settings: ``steps``, ``guidance``, ``sway``, ``speed``; the base's by default.

        Raises:
            UserError: ``speak.empty``, ``speak.too_long``, ``speak.unknown_characters``, ``speak.not_finite``,
                ``speak.out_of_memory``.
        """
        pieces = self.stream(
            text, language, reference, seed, should_stop=should_stop, on_progress=on_progress, **settings
        )
        return np.concatenate([samples for samples, _ in pieces]), RATE

    def stream(
        self,
        text: str,
        language: str,
        reference: Heard,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> Iterator[tuple[Samples, int]]:
        """Say ``text`` part by part as they are done: the very samples of `speak`, which are these together.

        The end of a part is held back until the next is faded into it. Args and errors: as of `speak`.
        """
        parts = self.parts(text, reference, seed, settings.get("speed", 1.0))

        def waves() -> Iterator[Samples]:
            for number, part in enumerate(parts):
                on_progress(number, len(parts))
                yield self._say([part], reference, should_stop, settings)[0]

        for samples in faded(waves()):
            yield np.clip(samples, -1.0, 1.0), RATE
        on_progress(len(parts), len(parts))

    def sentences(self, text: str, language: str, reference: Heard, **settings: float) -> list[str]:
        """See `pieces`."""
        return self.pieces(text, reference, settings.get("speed", 1.0))

    def speak_many(
        self,
        texts: Sequence[str],
        language: str,
        reference: Heard,
        seeds: Sequence[int],
        *,
        should_stop: ShouldStop = never,
        **settings: float,
    ) -> list[tuple[Samples, int]]:
        """Say several texts, each as `speak` says it with its seed but for rounding; several at once on a card."""
        speed = settings.get("speed", 1.0)
        rows = [self.parts(text, reference, seed, speed) for text, seed in zip(texts, seeds, strict=True)]
        parts = [part for row in rows for part in row]
        waves: list[Samples] = []
        for group in self._groups(parts):
            waves += self._say(group, reference, should_stop, settings)
        sounds, at = [], 0
        for row in rows:
            sounds.append((np.clip(np.concatenate([*faded(waves[at : at + len(row)])]), -1.0, 1.0), RATE))
            at += len(row)
        return sounds

    def parts(self, text: str, reference: Heard, seed: int, speed: float = 1.0) -> list[Part]:
        """The parts in which a text will be said.

        Raises:
            UserError: as `speak` does for texts.
        """
        vocabulary, conversion = self.model.vocabulary, self.model.facts.conversion
        reference_bytes = len(reference.text.encode())
        parts = []
        for number, piece in enumerate(self.pieces(text, reference, speed)):
            size = len(piece.encode())
            pace = _HURRIED_SPEED if size < _HURRIED_BYTES else speed
            ids = torch.tensor(text_ids(reference.text + piece, vocabulary, conversion))
            frames = reference.frames + int(reference.frames / reference_bytes * size / pace)
            # Room for every token, and for something to be said after the reference.
            frames = max(frames, max(len(ids), reference.frames + 1) + 1)
            parts.append(Part(ids, frames, (seed + number * _PART_SEEDS) % 2**63))
        return parts

    def pieces(self, text: str, reference: Heard, speed: float = 1.0) -> list[str]:
        """The parts of a text in words, as the model reads them."""
        text = readable(speakable(text), self.model.vocabulary, self.model.facts.conversion)
        # Never more than the package takes at once: it would cut an export's sample text, and say it otherwise.
        reference_bytes, seconds = len(reference.text.rstrip().encode()), reference.seconds + HOP / RATE
        most_bytes = int(reference_bytes / seconds * (MOST_TOGETHER_S - seconds) * speed)
        return split_text(text, max(1, most_bytes))

    def mels(
        self,
        parts: Sequence[Part],
        reference: Heard,
        should_stop: ShouldStop = never,
        settings: Mapping[str, float] = _USUAL,
    ) -> list[Tensor]:
        """Log mels (frames, 100) of what is spoken, from noise by Euler's method.

        Source: ``f5_tts/model/cfm.py: CFM.sample`` (f5-tts 1.1.22); each begins with the last frame of the reference.
        """
        transformer, device = self.model.transformer, self.model.device
        frames = [part.frames for part in parts]
        mask = padding_mask(frames, device)
        known = pad_sequence([_padded(reference.mel, count) for count in frames], batch_first=True).to(device)
        noise = [
            torch.randn(part.frames, BANDS, device=device, generator=torch.Generator(device).manual_seed(part.seed))
            for part in parts
        ]
        states = pad_sequence(noise, batch_first=True)
        texts = [part.ids.to(device) for part in parts]
        text, guidance = embed_texts(transformer, texts, frames), float(settings.get("guidance", GUIDANCE))
        heard = known
        if guidance:
            # Told everything, and told nothing: what makes the difference is what the text asks for.
            text = torch.cat([text, embed_texts(transformer, texts, frames, [True] * len(parts))])
            heard, mask = torch.cat([known, torch.zeros_like(known)]), None if mask is None else torch.cat([mask, mask])
        steps = min(max(int(settings.get("steps", self.model.facts.steps)), 1), _MOST_STEPS)
        times = _times(steps, float(settings.get("sway", SWAY)), device)
        for now, later in zip(times[:-1], times[1:], strict=True):
            if should_stop():
                raise Cancelled
            noisy = torch.cat([states, states]) if guidance else states
            moved = velocity(transformer, noisy, heard, text, now.expand(len(noisy)), mask)
            if guidance:
                told, untold = moved.chunk(2)
                moved = told + (told - untold) * guidance
            states = states + (later - now) * moved
        states[:, : len(reference.mel)] = known[:, : len(reference.mel)]
        return [row[reference.frames : count] for row, count in zip(states, frames, strict=True)]

    def spoken_mel(self, text: str, reference: Heard, seed: int, should_stop: ShouldStop = never) -> Tensor:
        """The log mel (frames, 100) of a text's first part, before any vocoder."""
        with evaluating(self.model, self.model.device), torch.no_grad():
            return self.mels(self.parts(text, reference, seed)[:1], reference, should_stop)[0]

    def _groups(self, parts: Sequence[Part]) -> list[list[Part]]:
        """Parts that are computed together; on a processor nothing is gained by it."""
        if self.model.device.type == "cpu":
            return [[part] for part in parts]
        groups: list[list[Part]] = []
        for part in parts:
            longest = max([part.frames, *(other.frames for other in groups[-1])]) if groups else 0
            if not groups or longest * (len(groups[-1]) + 1) > _BATCH_FRAMES:
                groups.append([])
            groups[-1].append(part)
        return groups

    def _say(
        self, parts: Sequence[Part], reference: Heard, should_stop: ShouldStop, settings: dict[str, float]
    ) -> list[Samples]:
        try:
            with evaluating(self.model, self.model.device), torch.no_grad():
                mels = self.mels(parts, reference, should_stop, settings)
                waves = [self.model.vocoder(mel.T[None])[0] * reference.gain for mel in mels]
                samples = [np.asarray(wave.float().cpu().numpy(), dtype=np.float32) for wave in waves]
        except RuntimeError as error:
            if out_of_memory(error):
                raise too_little_memory() from error
            raise
        if not all(np.isfinite(wave).all() for wave in samples):
            raise not_finite()
        return samples

    @staticmethod
    def _with_space(text: str) -> str:
        """A reference's text as the package has it: a sentence, and a space before what follows."""
        if text[-1] not in ".!?…。！？,;:":
            text += "."
        return f"{text} " if text[-1].isascii() else text


def split_text(text: str, most_bytes: int) -> list[str]:
    """A text in parts of at most so many bytes, at the ends of sentences and clauses, else between words.

    The package never cuts between words, and lets a long clause become as long as it may.
    """
    pieces = [""]
    # Every part keeps the space after it, so that parts are put together again as they were.
    for clause in re.split(r"(?<=[;:,.!?]\s)|(?<=[；：，。！？])", text):
        for words in _fitting(clause, most_bytes):
            if _size(pieces[-1] + words) <= most_bytes:
                pieces[-1] += words
            else:
                pieces.append(words)
    # Of signs alone the model makes noises.
    return [piece.strip() for piece in pieces if any(character.isalnum() for character in piece)]


def _fitting(clause: str, most_bytes: int) -> list[str]:
    if _size(clause) <= most_bytes or len(clause.rstrip()) < 2:
        return [clause]
    words = re.findall(r"\S+\s*", clause)
    if len(words) == 1:
        words = list(clause)
    middle = len(words) // 2
    return _fitting("".join(words[:middle]), most_bytes) + _fitting("".join(words[middle:]), most_bytes)


def _size(text: str) -> int:
    return len(text.rstrip().encode())


def faded(waves: Iterable[Samples]) -> Iterator[Samples]:
    """Parts one after another, each faded into the next, as far as nothing more is faded into them.

    Where no next one can be had for an error, what was held back comes before the error does.
    """
    parts, end = iter(waves), np.zeros(0, dtype=np.float32)
    while True:
        try:
            wave = next(parts)
        except StopIteration:
            break
        except Exception:
            if len(end):
                yield end
            raise
        count = min(len(end), len(wave))
        fade = np.linspace(0, 1, count, dtype=np.float32)
        overlap = end[len(end) - count :] * (1 - fade) + wave[:count] * fade
        joined = np.concatenate([end[: len(end) - count], overlap, wave[count:]])
        sure = max(0, len(joined) - int(CROSS_FADE_S * RATE))
        if sure:
            yield joined[:sure]
        end = joined[sure:]
    yield end


def load_voice(base: Path, checkpoint: Path | None, *, device: str = "auto") -> F5Voice:
    """A voice from a base folder (or an export) and a checkpoint folder; None speaks with the base alone.

    Raises:
        UserError: as of `load_base` and `load_adapter`.
    """
    model = load_base(base, "cpu")
    if checkpoint is not None:
        load_adapter(model, checkpoint)
    return F5Voice(model.to(device_for(device)))


def _padded(mel: Tensor, frames: int) -> Tensor:
    return torch.nn.functional.pad(mel, (0, 0, 0, frames - len(mel)))


def _times(steps: int, sway: float, device: torch.device) -> Tensor:
    """The times at which it moves, more of them near the noise, as the package has them."""
    times: Tensor = get_epss_timesteps(steps, device=device, dtype=torch.float32)
    return times + sway * (torch.cos(torch.pi / 2 * times) - 1 + times)
