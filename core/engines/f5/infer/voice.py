"""Speech synthesis with an F5-TTS model, be it loaded for that or in the middle of its training.

One function speaks, whoever asks: samples while training, Speak, the export. It is the package's own recipe, but for
what goes wrong there: the reference is never shortened without its text, nothing is kept on the model from one sentence
to the next, and every part has its own random stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.device import device_for
from core.engines.f5.features.mel import HOP, RATE
from core.engines.f5.infer.crossfade import faded
from core.engines.f5.infer.reference import ReferenceMel, read_reference
from core.engines.f5.infer.sampling import Part, sample_mels
from core.engines.f5.infer.split import split_text
from core.engines.f5.model.load import F5, load_base
from core.engines.f5.model.lora import load_adapter
from core.engines.f5.text.reading import in_words, readable, text_ids
from core.engines.speaking import evaluating, no_reference, not_finite, speakable, too_little_memory
from core.engines.voice import ReferenceClip, Voice
from core.reasons import out_of_memory

MOST_TOGETHER_S = 22.0  # reference and part: what the published bases hold out well
_HURRIED_BYTES, _HURRIED_SPEED = 10, 0.3  # so short a text is given three times the time
_BATCH_FRAMES = 12_000  # computed at once on a card
_PART_SEEDS = 1_000_003  # between the random streams of a text's parts


class F5Voice(Voice[ReferenceMel]):
    """A model that speaks. Keeps no copy of any weight: training may go on between two sentences."""

    speaks_together = True

    def __init__(self, model: F5) -> None:
        self.model = model
        self.sample_rate = RATE

    def condition(self, references: Sequence[ReferenceClip]) -> ReferenceMel:
        """Listen to the first of the recordings; see `read_reference`.

        Raises:
            UserError: ``speak.no_reference``; as of `read_reference`.
        """
        if not references:
            raise no_reference()
        return read_reference(references[0], self.model.vocabulary, self.model.facts.conversion)

    def speak(
        self,
        text: str,
        language: str,
        reference: ReferenceMel,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> tuple[Samples, int]:
        """Say ``text``; Stop is looked for at every step.

        Args:
            text, language, reference, seed, should_stop, on_progress: as of `core.engines.voice.Voice.speak`.
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
        reference: ReferenceMel,
        seed: int,
        *,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> Iterator[tuple[Samples, int]]:
        """Say ``text`` part by part as they are done: the very samples of `speak`, which are these together.

        The end of a part is held back until the next is faded into it. Args and errors: as of `speak`.
        """
        parts = self.parts(text, language, reference, seed, settings.get("speed", 1.0))

        def waves() -> Iterator[Samples]:
            for number, part in enumerate(parts):
                on_progress(number, len(parts))
                yield self._say([part], reference, should_stop, settings)[0]

        for samples in faded(waves()):
            yield np.clip(samples, -1.0, 1.0), RATE
        on_progress(len(parts), len(parts))

    def sentences(self, text: str, language: str, reference: ReferenceMel, **settings: float) -> list[str]:
        """See `pieces`."""
        return self.pieces(text, language, reference, settings.get("speed", 1.0))

    def speak_many(
        self,
        texts: Sequence[str],
        language: str,
        reference: ReferenceMel,
        seeds: Sequence[int],
        *,
        should_stop: ShouldStop = never,
        **settings: float,
    ) -> list[tuple[Samples, int]]:
        """Say several texts, each as `speak` says it with its seed but for rounding; several at once on a card."""
        speed = settings.get("speed", 1.0)
        rows = [self.parts(text, language, reference, seed, speed) for text, seed in zip(texts, seeds, strict=True)]
        parts = [part for row in rows for part in row]
        waves: list[Samples] = []
        for group in self._groups(parts):
            waves += self._say(group, reference, should_stop, settings)
        sounds, at = [], 0
        for row in rows:
            sounds.append((np.clip(np.concatenate([*faded(waves[at : at + len(row)])]), -1.0, 1.0), RATE))
            at += len(row)
        return sounds

    def parts(self, text: str, language: str, reference: ReferenceMel, seed: int, speed: float = 1.0) -> list[Part]:
        """The parts in which a text will be said; see `pieces`.

        Raises:
            UserError: as `speak` does for texts.
        """
        vocabulary, conversion = self.model.vocabulary, self.model.facts.conversion
        reference_bytes = len(reference.text.encode())
        parts = []
        for number, piece in enumerate(self.pieces(text, language, reference, speed)):
            size = len(piece.encode())
            pace = _HURRIED_SPEED if size < _HURRIED_BYTES else speed
            ids = torch.tensor(text_ids(reference.text + piece, vocabulary, conversion))
            frames = reference.frames + int(reference.frames / reference_bytes * size / pace)
            # Room for every token, and for something to be said after the reference.
            frames = max(frames, max(len(ids), reference.frames + 1) + 1)
            parts.append(Part(ids, frames, (seed + number * _PART_SEEDS) % 2**63))
        return parts

    def pieces(self, text: str, language: str, reference: ReferenceMel, speed: float = 1.0) -> list[str]:
        """The parts of a text in words, as the model reads them; without a language what stands there is read."""
        text = readable(in_words(speakable(text), language), self.model.vocabulary, self.model.facts.conversion)
        # Never more than the package takes at once: it would cut an export's sample text, and say it otherwise.
        reference_bytes, seconds = len(reference.text.rstrip().encode()), reference.seconds + HOP / RATE
        most_bytes = int(reference_bytes / seconds * (MOST_TOGETHER_S - seconds) * speed)
        return split_text(text, max(1, most_bytes))

    def spoken_mel(self, text: str, reference: ReferenceMel, seed: int, should_stop: ShouldStop = never) -> Tensor:
        """The log mel (frames, 100) of the first part of a text in words (`pieces`), before any vocoder."""
        with evaluating(self.model, self.model.device), torch.no_grad():
            return sample_mels(self.model, self.parts(text, "", reference, seed)[:1], reference, should_stop)[0]

    def _groups(self, parts: Sequence[Part]) -> list[list[Part]]:
        """Parts that are computed together; on a processor nothing is gained by it."""
        if self.model.device.type == "cpu":
            return [[part] for part in parts]
        groups: list[list[Part]] = []
        for part in parts:
            longest = max([part.frames, *(member.frames for member in groups[-1])]) if groups else 0
            if not groups or longest * (len(groups[-1]) + 1) > _BATCH_FRAMES:
                groups.append([])
            groups[-1].append(part)
        return groups

    def _say(
        self, parts: Sequence[Part], reference: ReferenceMel, should_stop: ShouldStop, settings: dict[str, float]
    ) -> list[Samples]:
        try:
            with evaluating(self.model, self.model.device), torch.no_grad():
                mels = sample_mels(self.model, parts, reference, should_stop, settings)
                waves = [self.model.vocoder(mel.T[None])[0] * reference.gain for mel in mels]
                samples = [np.asarray(wave.float().cpu().numpy(), dtype=np.float32) for wave in waves]
        except RuntimeError as error:
            if out_of_memory(error):
                raise too_little_memory() from error
            raise
        if not all(np.isfinite(wave).all() for wave in samples):
            raise not_finite()
        return samples


def load_voice(base: Path, checkpoint: Path | None, *, device: str = "auto") -> F5Voice:
    """A voice from a base folder (or an export) and a checkpoint folder; None speaks with the base alone.

    Raises:
        UserError: as of `load_base` and `load_adapter`.
    """
    model = load_base(base, "cpu")
    if checkpoint is not None:
        load_adapter(model, checkpoint)
    return F5Voice(model.to(device_for(device)))
