"""What is understood of the unfinished starter: ``judge codec``, ``judge decoder`` or ``judge gpt``.

Word and character error by the app's built-in recogniser (Whisper tiny.en, greedy), likeness by Resemblyzer, DNSMOS,
and how many end in quiet. With a folder as second word the sounds are written there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import torch
from faster_whisper import WhisperModel
from rapidfuzz.distance import Levenshtein

from core.audio.samples import write_wav
from core.engines.xtts.text.spelling import spell
from core.measures.endings import cut_words, frame_levels
from core.measures.naturalness import score
from core.transcription.builtin import tiny_en_folder
from presets.starter.build.corpus import MEL_RATE_HZ, Clip, load, log_mel
from presets.starter.build.decoder import Generator, resized
from presets.starter.build.decoder import trained as trained_decoder
from presets.starter.build.dvae import Codec
from presets.starter.build.dvae import trained as trained_codec
from presets.starter.build.gpt import MAIN, References, rows_of_corpus, speak
from presets.starter.build.gpt import trained as trained_gpt
from presets.starter.build.latents import latents_of
from presets.starter.build.plan import FLITE, UNHEARD, VOICES, held_out, is_validation
from presets.starter.build.speakers import embed, vectors
from presets.starter.build.work import RATE_HZ, background

MOST = 10  # clips each


class Judge:
    """Listens, and adds up."""

    def __init__(self, sounds: Path | None = None) -> None:
        self.sounds = sounds  # where to keep the first ones of each report
        self.whisper = WhisperModel(str(tiny_en_folder()), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(self, sound: np.ndarray) -> str:
        """What is said in 16 kHz samples."""
        segments, _ = self.whisper.transcribe(
            sound.astype(np.float32), language="en", beam_size=1, without_timestamps=True, temperature=0.0,
            condition_on_previous_text=False,
        )  # fmt: skip
        return " ".join(segment.text for segment in segments).strip()

    def report(self, name: str, sounds: list[tuple[str, np.ndarray, np.ndarray | None]]) -> dict[str, float]:
        """Print and return the figures of (text, sound at 16 kHz, real sound of the same speaker).

        DNSMOS is of the first eight, likeness of those that last half a second: NaN where there is no real sound.
        """
        pairs = [(_words(text), _words(self.hear(sound))) for text, sound, _ in sounds]
        letters = [("".join(words), "".join(transcript)) for words, transcript in pairs]
        alike = [
            float(embed(sound) @ embed(real)) for _, sound, real in sounds if real is not None and len(sound) > 8000
        ]
        figures = {
            "clips": len(sounds),
            "wer": sum(Levenshtein.distance(*pair) for pair in pairs) / sum(len(words) for words, _ in pairs),
            "cer": sum(Levenshtein.distance(*pair) for pair in letters) / sum(len(text) for text, _ in letters),
            "likeness": float(np.mean(alike)) if alike else float("nan"),
            "dnsmos": float(np.mean([score(np.clip(sound, -1, 1)) for _, sound, _ in sounds[:8]])),
            "clean_ends": float(np.mean([not cut_words(frame_levels(x, RATE_HZ), 0, len(x) / RATE_HZ).end
                                         for _, x, _ in sounds])),
        }  # fmt: skip
        print(name, *(f"{key} {value:.3f}" for key, value in figures.items()), sep=", ", flush=True)
        for (text, _, _), (_, transcript) in list(zip(sounds, pairs, strict=True))[:6]:
            print(f"  {text} | {' '.join(transcript)}", flush=True)
        if self.sounds:
            self.sounds.mkdir(parents=True, exist_ok=True)
            for number, (_, sound, _) in enumerate(sounds[:6]):
                write_wav(self.sounds / f"{re.sub(r'[^a-z]+', '-', name.lower())}-{number}.wav", sound, RATE_HZ)
        return figures


def _folder() -> Path | None:
    return Path(sys.argv[2]) if len(sys.argv) > 2 else None


def _words(text: str) -> list[str]:
    """In lower case, numbers in words: the recogniser writes them in digits."""
    return re.sub(r"[^a-z' ]", " ", spell(text, "en").replace("-", " ")).split()


def codec_and_decoder(is_coded: bool) -> None:
    """Real clips through mels (or codes and their mels) and the decoder: voices of the training and others."""
    codec, decoder, judge = trained_codec(), trained_decoder(), Judge(_folder())
    clips = load(whole=True)
    speakers = vectors(clips, (1.0,))
    groups = {
        "training voices, clips kept from it": [
            clip for clip in clips if clip.voice in VOICES and is_validation(clip.number)
        ],
        "Flite, clips kept from it": [clip for clip in clips if clip.voice in FLITE[:2] and is_validation(clip.number)],
        "other voices": [clip for clip in clips if clip.voice in UNHEARD],
    }
    for name, group in groups.items():
        if group := group[:MOST]:
            sounds = [(clip, clip.wave(RATE_HZ).numpy()) for clip in group]
            judge.report(f"{name}, real", [(clip.text, sound, sound) for clip, sound in sounds])
            made = [_resynthesis(clip, codec if is_coded else None, decoder, speakers) for clip in group]
            judge.report(
                f"{name}, {'codes' if is_coded else 'mels'}",
                [(clip.text, sound, real) for (clip, real), sound in zip(sounds, made, strict=True)],
            )


@torch.no_grad()
def _resynthesis(
    clip: Clip, codec: Codec | None, decoder: Generator, speakers: dict[tuple[str, float], torch.Tensor]
) -> np.ndarray:
    mel = log_mel(clip.wave(MEL_RATE_HZ))[None]
    if codec is not None:
        mel = codec.dvae.decoder(codec.dvae.codebook.embed_code(codec.codes(mel[0]))[None].transpose(1, 2))
    return decoder(resized(mel), speakers[clip.voice, 1.0][None, :, None])[0, 0].numpy()


@torch.no_grad()
def gpt() -> None:
    """The mel head's mel of the latents through the decoder: of real codes (kept clips), and of held-out sentences."""
    trainee, decoder, judge = trained_gpt(), trained_decoder(), Judge(_folder())
    speakers, references = vectors([clip for clip in load(whole=True) if clip.voice in FLITE], (1.0,)), References()

    def sound(latents: torch.Tensor, voice: str) -> np.ndarray:
        return decoder(resized(trainee.mel_of(latents)), speakers[voice, 1.0][None, :, None])[0, 0].numpy()

    rows = [row for row in rows_of_corpus() if is_validation(row.number) and row.speaker in MAIN][:MOST]
    judge.report(
        "real codes",
        [
            (row.said, sound(latents_of(trainee, row, references.mels[row.speaker][0][None]), row.speaker[0]), None)
            for row in rows
        ],
    )
    for voice, factor in MAIN:
        heard = references.mels[voice, factor][0][None].float()
        sounds = []
        for number, text in enumerate(held_out()[:MOST]):
            torch.manual_seed(number)
            codes, latents = speak(trainee, text, heard)
            silence = np.zeros(RATE_HZ, np.float32)
            sounds.append((text, sound(latents, voice) if len(codes) else silence, None))
        judge.report(f"free speech, {voice}", sounds)


if __name__ == "__main__":
    background("judge")
    torch.set_num_threads(1)
    if sys.argv[1] == "gpt":
        gpt()
    else:
        codec_and_decoder(sys.argv[1] == "codec")
