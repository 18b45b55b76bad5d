"""Speech synthesis with an XTTS model, be it loaded for that or in the middle of its training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torchaudio
from torch import Tensor
from transformers import LogitsProcessorList
from TTS.tts.models.xtts import Xtts

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop, ignore, never
from core.engines.device import device_for
from core.engines.speaking import evaluating, no_reference, not_finite, speakable, too_little_memory
from core.engines.voice import ReferenceClip, Voice
from core.engines.xtts.infer.generate import Decoder, InvalidScores, Sampling, are_valid
from core.engines.xtts.infer.reference import INPUT_HZ, MIN_REFERENCE_S, Conditioning, read_reference, speaker_embedding
from core.engines.xtts.infer.stream import SoundStream
from core.engines.xtts.model.load import inference_gpt, load_base
from core.engines.xtts.model.lora import load_adapter
from core.engines.xtts.model.tokenizer import code_of, normalize, pieces, unknown_characters
from core.engines.xtts.model.tokenizer import tokens as text_tokens
from core.errors import Cancelled, UserError
from core.reasons import out_of_memory
from core.text import describe_characters

PAUSE_S = 0.15  # between the parts of a text that was too long to be said at once


class XttsVoice(Voice[Conditioning]):
    """A model that speaks. Unless it ``is_fixed`` it keeps no copy of any weight: training may go on in between."""

    speaks_together = True

    def __init__(self, xtts: Xtts, is_fixed: bool = False) -> None:
        self.xtts, self.is_fixed = xtts, is_fixed
        self.sample_rate: int = xtts.args.output_sample_rate
        self._kept_decoder: Decoder | None = None

    def condition(self, references: Sequence[ReferenceClip]) -> Conditioning:
        """Listen to a speaker once, with the base's own settings (how long, in which chunks, normalised or not)."""
        if not references:
            raise no_reference()
        config = self.xtts.config
        recordings = [read_reference(reference.path, config.max_ref_len) for reference in references]
        if config.sound_norm_refs:
            recordings = [audio / audio.abs().max().clamp(min=1e-6) * 0.75 for audio in recordings]
        with evaluating(self.xtts, self.xtts.device):
            embeddings = torch.stack([speaker_embedding(self.xtts, audio) for audio in recordings]).mean(dim=0)
            latents = self.xtts.get_gpt_cond_latents(
                torch.cat(recordings, dim=-1),
                INPUT_HZ,
                length=config.gpt_cond_len,
                chunk_length=config.gpt_cond_chunk_len,
            )
        # Cloned: tensors made in inference mode may not be used where gradients flow.
        return Conditioning(latents.cpu().clone(), embeddings.cpu().clone())

    def speak(
        self,
        text: str,
        language: str,
        reference: Conditioning,
        seed: int = 0,
        *,
        max_seconds: float | None = None,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> tuple[Samples, int]:
        """Say ``text``: exactly what coqui's ``Xtts.inference`` says after ``torch.manual_seed(seed)``.

        Only a text over the model's limits is cut into parts, each said under the same seed's stream; Stop is looked
        for at every audio code.

        Args:
            text, language, reference, seed, should_stop, on_progress: as of `core.engines.voice.Voice.speak`.
            max_seconds: the longest a part may get; None lets the model (or a starter's own bound) decide.
            settings: temperature, length_penalty, repetition_penalty, top_k, top_p, speed; the base's by default.

        Raises:
            UserError: ``speak.empty``, ``speak.too_long``, ``speak.unknown_characters``, ``speak.language_package``,
                ``speak.not_finite``, ``speak.out_of_memory``, ``engine.language``.
        """
        parts, language = self.parts(text, language)
        options = {**self.settings(max_seconds), **settings, "logits_processor": _unless(should_stop)}
        segments: list[Samples] = []
        with evaluating(self.xtts, self.xtts.device, seed), inference_gpt(self.xtts):
            for number, part in enumerate(parts):
                on_progress(number, len(parts))
                if segments:
                    segments.append(np.zeros(round(PAUSE_S * self.sample_rate), dtype=np.float32))
                segments.append(self._say(part, language, reference, options))
            on_progress(len(parts), len(parts))
        return np.clip(np.concatenate(segments), -1.0, 1.0), self.sample_rate

    def stream(
        self,
        text: str,
        language: str,
        reference: Conditioning,
        seed: int = 0,
        *,
        max_seconds: float | None = None,
        should_stop: ShouldStop = never,
        on_progress: Callable[[int, int], object] = ignore,
        **settings: float,
    ) -> Iterator[tuple[Samples, int]]:
        """Say ``text`` as it comes: the codes of `speak` with this seed, and its samples but for rounding.

        Args and errors: as of `speak`; pieces that were yielded before an error are right.
        """
        parts, language = self.parts(text, language)
        options = {**self.settings(max_seconds), **settings}
        if options.get("num_beams", 1) != 1:
            yield self.speak(
                text, language, reference, seed, should_stop=should_stop, on_progress=on_progress, **options
            )
            return
        generator = torch.Generator(self.xtts.device).manual_seed(seed)
        for number, part in enumerate(parts):
            on_progress(number, len(parts))
            if number:
                yield np.zeros(round(PAUSE_S * self.sample_rate), dtype=np.float32), self.sample_rate
            sounds = self._stream_part(part, language, reference, generator, options, should_stop)
            while True:
                # Entered anew for each piece: whoever takes them may compute as they like in between.
                with evaluating(self.xtts, self.xtts.device), torch.inference_mode():
                    samples = next(sounds, None)
                if samples is None:
                    break
                if not np.isfinite(samples).all():
                    raise not_finite()
                yield np.clip(samples, -1.0, 1.0), self.sample_rate
        on_progress(len(parts), len(parts))

    def _stream_part(
        self,
        text: str,
        language: str,
        speaker: Conditioning,
        generator: torch.Generator,
        options: dict[str, Any],
        should_stop: ShouldStop,
    ) -> Iterator[Samples]:
        device = self.xtts.device
        tokens = text_tokens(self.xtts.tokenizer, text, language)
        sound = SoundStream(self.xtts.hifigan_decoder, speaker.speaker_embedding.to(device), _length_scale(options))
        latent = speaker.gpt_cond_latent.to(device)
        try:
            for step in self._decoder().steps(latent, [tokens], [generator], self._sampling(options), should_stop):
                for _, code_latent in step:
                    if (samples := sound.push(code_latent)) is not None:
                        yield samples
            yield sound.finish()
        except RuntimeError as error:
            raise _speaking_error(error) from error

    def _decoder(self) -> Decoder:
        """The GPT as it acts now, for one text at a time; kept where nothing will change it."""
        decoder = self._kept_decoder or Decoder(self.xtts.gpt, for_one=True)
        if self.is_fixed:
            self._kept_decoder = decoder
        return decoder

    def speak_many(
        self,
        texts: Sequence[str],
        language: str,
        reference: Conditioning,
        seeds: Sequence[int],
        *,
        max_seconds: float | None = None,
        should_stop: ShouldStop = never,
        **settings: float,
    ) -> list[tuple[Samples, int]]:
        """Say several texts at once: each as `speak` says it with its seed but for rounding, in a fraction of the time.

        Args and errors: as of `speak`; ``seeds`` has one for each text, and a text that cannot be said fails them all
        (`parts` tells beforehand which).
        """
        plans = [self.parts(text, language) for text in texts]
        options = {**self.settings(max_seconds), **settings}
        if options.get("num_beams", 1) != 1:
            return [
                self.speak(text, language, reference, seed, should_stop=should_stop, **options)
                for text, seed in zip(texts, seeds, strict=True)
            ]
        with evaluating(self.xtts, self.xtts.device), torch.inference_mode():
            sounds = self._say_many([parts for parts, _ in plans], plans, reference, seeds, options, should_stop)
        return [(np.clip(samples, -1.0, 1.0), self.sample_rate) for samples in sounds]

    def _say_many(
        self,
        parts: Sequence[Sequence[str]],
        plans: Sequence[tuple[list[str], str]],
        speaker: Conditioning,
        seeds: Sequence[int],
        options: dict[str, Any],
        should_stop: Callable[[], bool],
    ) -> list[Samples]:
        device = self.xtts.device
        decoder, sampling = Decoder(self.xtts.gpt), self._sampling(options)
        generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        latent = speaker.gpt_cond_latent.to(device)
        pause = np.zeros(round(PAUSE_S * self.sample_rate), dtype=np.float32)
        segments: list[list[Samples]] = [[] for _ in parts]
        for turn in range(max((len(texts) for texts in parts), default=0)):
            # The second part of a long text goes on with the random stream that its first part left, as in `speak`.
            rows = [row for row, texts in enumerate(parts) if turn < len(texts)]
            tokens = [text_tokens(self.xtts.tokenizer, parts[row][turn], plans[row][1]) for row in rows]
            try:
                row_latents = decoder.latents(latent, tokens, [generators[row] for row in rows], sampling, should_stop)
            except RuntimeError as error:
                raise _speaking_error(error) from error
            for row, latents in zip(rows, row_latents, strict=True):
                if should_stop():
                    raise Cancelled
                segments[row] += [*([pause] if turn else []), self._sound(latents[None], speaker, options)]
        return [np.concatenate(row_segments) for row_segments in segments]

    def _sampling(self, options: dict[str, Any]) -> Sampling:
        names = ("temperature", "repetition_penalty", "top_k", "top_p", "do_sample")
        max_codes = options.get("max_new_tokens", self.xtts.gpt.max_gen_mel_tokens)
        return Sampling(max_codes=int(max_codes), **{name: options[name] for name in names if name in options})

    def _sound(self, latents: Tensor, speaker: Conditioning, options: dict[str, Any]) -> Samples:
        if (scale := _length_scale(options)) != 1.0:
            frames = torch.nn.functional.interpolate(latents.transpose(1, 2), scale_factor=scale, mode="linear")
            latents = frames.transpose(1, 2)
        embedding = speaker.speaker_embedding.to(latents.device)
        samples: Samples = np.atleast_1d(self.xtts.hifigan_decoder(latents, g=embedding).cpu().squeeze().numpy())
        if not np.isfinite(samples).all():
            raise not_finite()
        return samples

    def parts(self, text: str, language: str) -> tuple[list[str], str]:
        """The parts in which a text will be said, in words (as `reading.normalize` says), and the code of its language.

        Plain coqui-tts says such a part the same way.

        Raises:
            UserError: as `speak` does for texts and languages.
        """
        code, text = code_of(self.xtts.tokenizer, language), speakable(text)
        if unknown := unknown_characters(self.xtts.tokenizer, text, code):
            raise UserError(
                "speak.unknown_characters",
                "The model has no sound for: {characters}",
                "Leave these characters out, or write them as words.",
                characters=describe_characters(unknown),
            )
        words = normalize(self.xtts.tokenizer, text, code)
        # Where only capitals differ the person's own text is said: coqui lowers it the same way.
        return pieces(self.xtts.tokenizer, text if text.lower() == words else words, code), code

    def sentences(self, text: str, language: str, reference: Conditioning, **settings: float) -> list[str]:
        """See `parts`."""
        return self.parts(text, language)[0]

    def settings(self, max_seconds: float | None = None) -> dict[str, Any]:
        """What `speak` hands to ``Xtts.inference`` when nothing else is said; the same makes coqui say the same."""
        config = self.xtts.config
        settings: dict[str, Any] = {
            name: config[name] for name in ("temperature", "length_penalty", "repetition_penalty", "top_k", "top_p")
        }
        bound_s = max_seconds if max_seconds is not None else self.xtts.untrained_max_s
        if bound_s is not None:
            max_codes = math.ceil(bound_s * self.xtts.args.input_sample_rate / self.xtts.args.gpt_code_stride_len)
            settings["max_new_tokens"] = max(1, min(max_codes, self.xtts.gpt.max_gen_mel_tokens))
        return settings

    def _say(self, text: str, language: str, speaker: Conditioning, options: dict[str, Any]) -> Samples:
        try:
            output = self.xtts.inference(text, language, speaker.gpt_cond_latent, speaker.speaker_embedding, **options)[
                "wav"
            ]
        except RuntimeError as error:
            raise _speaking_error(error) from error
        samples: Samples = np.atleast_1d(np.asarray(output, dtype=np.float32))
        if not np.isfinite(samples).all():
            raise not_finite()
        return samples

    def speaker_embedding(self, samples: Samples, rate: int) -> npt.NDArray[np.float32] | None:
        """What the base's own speaker encoder hears, shape ``(512,)``; None of a sound too short for it."""
        audio = torchaudio.functional.resample(torch.from_numpy(samples.copy())[None], rate, INPUT_HZ)
        if audio.shape[1] < INPUT_HZ * MIN_REFERENCE_S:
            return None
        with evaluating(self.xtts, self.xtts.device):
            embedding = speaker_embedding(self.xtts, audio).flatten().cpu().numpy()
        return np.asarray(embedding / max(float(np.linalg.norm(embedding)), 1e-9), np.float32)


def load_voice(base: Path, checkpoint: Path | None = None, device: str = "auto") -> XttsVoice:
    """A voice from a base folder (or an export) and an adapter folder; None speaks with the base alone.

    Raises:
        UserError: ``base.missing_file``, ``base.broken``, ``adapter.broken``, ``adapter.foreign``.
    """
    xtts = load_base(base, "cpu")
    if checkpoint is not None:
        load_adapter(xtts, checkpoint)
    return XttsVoice(xtts.to(device_for(device)), is_fixed=True)


def _length_scale(options: Mapping[str, Any]) -> float:
    """How much longer than said everything is to last; bounded as coqui bounds it."""
    return 1.0 / max(float(options.get("speed", 1.0)), 0.05)


def _unless(should_stop: Callable[[], bool]) -> LogitsProcessorList:
    """A look before every audio code that changes nothing of what is said."""

    def look(codes: Tensor, scores: Tensor) -> Tensor:
        if should_stop():
            raise Cancelled
        if not are_valid(scores):
            raise InvalidScores
        return scores

    return LogitsProcessorList([look])


def _speaking_error(error: RuntimeError) -> Exception:
    """What to tell about an error while speaking; what is not known stays what it is."""
    if out_of_memory(error):
        return too_little_memory()
    return not_finite() if isinstance(error, InvalidScores) else error
