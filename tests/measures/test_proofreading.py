"""Proofreading: a spoken text is doubtful where its words, its start or its end are not what they should be."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from core.audio.samples import Samples, read, resample
from core.errors import Cancelled
from core.measures.proofreading import RATE_HZ, check, transcribe
from core.project.records import Word
from core.transcription.base import DecodeOptions, Transcript
from tests.conftest import Prompts

TEXT = "You are about to enter an echo test."


@dataclass
class Ears:
    """A recogniser that hears the same in everything, a word every 0.3 s, the last ending at ``end_s``."""

    text: str
    end_s: float = 1.0
    passes: list[int] = field(default_factory=list)
    name: str = "ears"
    english_only: bool = False
    device: str = "cpu"
    at_once: int = 1

    def transcribe(self, clips: list[Samples], options: DecodeOptions) -> list[Transcript]:
        assert options.words
        self.passes.append(len(clips))
        words = self.text.split()
        ends = [self.end_s - 0.3 * (len(words) - 1 - n) for n in range(len(words))]
        times = tuple(Word(max(0.0, end - 0.3), end, word) for end, word in zip(ends, words, strict=True))
        return [Transcript(self.text, 0.9, -0.1, 0.0, 1.0, "en", times)] * len(clips)

    def batch_size(self, window_s: float) -> int:
        return 2


@pytest.fixture(scope="module")
def spoken(prompts: Prompts) -> Samples:
    """A real prompt at 24 kHz, as an engine speaks."""
    start_s, end_s, _ = next(row for row in prompts.spoken if row[2] == TEXT)
    return resample(read(prompts.recording, start_s, end_s, RATE_HZ)[0], RATE_HZ, 24_000)


def test_a_prompt_is_nothing_to_doubt_and_one_that_breaks_off_is_by_its_sound_alone(spoken: Samples) -> None:
    whole = check(spoken, 24_000, TEXT, "en")
    assert not whole.is_doubtful and whole.heard is None and whole.cer is None and whole.speech_s > 1
    cut = check(spoken[: -round(0.35 * 24_000)], 24_000, TEXT, "en")
    assert cut.faults == ("last_cut",) and cut.is_doubtful and cut.badness > whole.badness


def test_what_is_heard_tells_words_that_were_swallowed_and_others_than_were_meant(spoken: Samples) -> None:
    sound, seconds = resample(spoken, 24_000, RATE_HZ), len(spoken) / 24_000

    def heard(text: str) -> Transcript:
        return transcribe(Ears(text, seconds - 0.1), [sound], "en")[0]

    right = check(spoken, 24_000, TEXT, "en", heard(TEXT))
    assert not right.is_doubtful and right.cer == 0 and right.heard == TEXT
    swallowed = check(spoken, 24_000, TEXT, "en", heard("are about to enter an echo test."))
    assert swallowed.faults == ("first_missing",) and not swallowed.is_misheard
    other = check(spoken, 24_000, TEXT, "en", heard("Fewer aboard and thus an eco texts."))
    assert other.is_misheard and other.is_doubtful
    assert right.badness < swallowed.badness


def test_numbers_are_compared_as_the_engine_reads_them(spoken: Samples) -> None:
    transcript = Transcript("Platz drei", 0.9, -0.1, 0.0, 1.0, "de")
    assert check(spoken, 24_000, "Platz 3", "de", transcript).is_misheard
    written_out = check(spoken, 24_000, "Platz 3", "de", transcript, lambda text: text.replace("3", "drei"))
    assert written_out.cer == 0


def test_silence_is_nothing_said_and_is_not_given_to_the_recogniser() -> None:
    ears, silence = Ears("Thanks for watching."), np.zeros(RATE_HZ, np.float32)
    transcript = transcribe(ears, [silence, silence[:10]], "en")[0]
    assert ears.passes == [] and transcript.text == ""
    proof = check(silence, RATE_HZ, TEXT, "en", transcript)
    assert proof.faults == ("nothing",) and proof.cer == 1.0
    assert check(silence[:0], RATE_HZ, TEXT, "en").faults == ("nothing",)


def test_several_are_heard_in_one_pass_and_stop_is_asked_before_each(spoken: Samples) -> None:
    ears, sound = Ears(TEXT), resample(spoken, 24_000, RATE_HZ)
    assert len(transcribe(ears, [sound] * 4, "en")) == 4 and ears.passes == [2, 2]
    with pytest.raises(Cancelled):
        transcribe(ears, [sound] * 4, "en", lambda: len(ears.passes) == 3)
    assert ears.passes == [2, 2, 2]
