"""Batched transcription of a project's clips: as many at a time as memory allows."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import soundfile

from core.audio.samples import read
from core.errors import Fault
from core.jobs.parallel import map_in_threads
from core.project.records import Clip
from core.project.workspace import Project
from core.reasons import out_of_memory
from core.transcription.base import SAMPLE_RATE_HZ, DecodeOptions, Recognizer, Samples, Transcript, no_speech
from core.transcription.batches import batches, window_s
from core.transcription.flags import is_silent, is_steady
from core.transcription.memory import Limit

_SHORTEST = SAMPLE_RATE_HZ // 10  # a tenth of a second: nothing to be heard in less
# What may be wrong with a single clip; anything else is about the model and ends the job.
FAULTS = (OSError, ValueError, RuntimeError, soundfile.SoundFileError)
Outcome = Transcript | Exception


class Pool:
    """One model on several cards, each heard with by one thread at a time."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        first = recognizers[0]
        self.name, self.english_only, self.device = first.name, first.english_only, first.device
        self.at_once = len(recognizers)
        self._recognizers = recognizers
        self._free: queue.SimpleQueue[Recognizer] = queue.SimpleQueue()
        for recognizer in recognizers:
            self._free.put(recognizer)

    def transcribe(self, clips: Sequence[Samples], options: DecodeOptions) -> list[Transcript]:
        """See `Recognizer.transcribe`."""
        recognizer = self._free.get()
        try:
            return recognizer.transcribe(clips, options)
        finally:
            self._free.put(recognizer)

    def batch_size(self, window: float) -> int:
        """See `Recognizer.batch_size`."""
        return min(recognizer.batch_size(window) for recognizer in self._recognizers)


def transcribe_clips(
    project: Project,
    clips: Sequence[Clip],
    recognizer: Recognizer,
    options: DecodeOptions,
    check_stop: Callable[[], None],
    on_less: Callable[[int], object],
) -> Iterator[tuple[list[tuple[Clip, Outcome]], float]]:
    """Yield batches as they are heard, each clip with what was heard or what went wrong, and the share that is done.

    The share (0 to 1) is by the work, not by the number of clips, so that time left can be told from it.

    Args:
        on_less: told once, with the new size, if batches had to be made smaller because memory ran out.
    """
    seconds = [clip.seconds for clip in clips]
    sizes: dict[float, int] = {}

    def size(window: float) -> int:
        return sizes.setdefault(window, recognizer.batch_size(window))

    plan = batches(seconds, size)
    work = [sum(max(window_s(seconds[index]), seconds[index]) for index in batch) for batch in plan]
    limit, work_done = Limit(on_less), 0.0

    def transcribe(number: int) -> list[tuple[Clip, Outcome]]:
        return _transcribe_batch(project, [clips[index] for index in plan[number]], recognizer, options, limit)

    for number, outcomes in map_in_threads(range(len(plan)), transcribe, recognizer.at_once, check_stop):
        if isinstance(outcomes, Exception):
            raise outcomes
        work_done += work[number]
        yield outcomes, work_done / sum(work)


def _transcribe_batch(
    project: Project, clips: Sequence[Clip], recognizer: Recognizer, options: DecodeOptions, limit: Limit
) -> list[tuple[Clip, Outcome]]:
    outcomes: dict[str, Outcome] = {}
    sounds: dict[str, Samples] = {}
    for clip in clips:
        try:
            samples, _ = read(project.clip_file(clip.id), sample_rate=SAMPLE_RATE_HZ)
        except FAULTS as error:
            outcomes[clip.id] = error
            continue
        if len(samples) < _SHORTEST:
            outcomes[clip.id] = Fault("reason.empty_sound", "its sound is empty")
        elif is_silent(samples):
            outcomes[clip.id] = no_speech(options.language)
        else:
            sounds[clip.id] = np.ascontiguousarray(samples)

    def transcribe(ids: Sequence[str]) -> list[Outcome]:
        return _transcribe_or_split([sounds[clip_id] for clip_id in ids], recognizer, options)

    ids = list(sounds)
    for clip_id, outcome in zip(ids, limit.run(ids, transcribe), strict=True):
        steady = isinstance(outcome, Transcript) and bool(outcome.text) and is_steady(sounds[clip_id])
        outcomes[clip_id] = replace(outcome, no_voice=True) if steady and isinstance(outcome, Transcript) else outcome
    return [(clip, outcomes[clip.id]) for clip in clips]


def _transcribe_or_split(sounds: Sequence[Samples], recognizer: Recognizer, options: DecodeOptions) -> list[Outcome]:
    try:
        return list(recognizer.transcribe(sounds, options))
    except FAULTS as error:
        if out_of_memory(error):
            raise
        if len(sounds) == 1:
            return [error]
    return [outcome for sound in sounds for outcome in _transcribe_or_split([sound], recognizer, options)]
