"""Hearing the clips of a project with a loaded recognizer: in batches, as many at a time as memory allows."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import soundfile

from core.audio.samples import read
from core.hardware import out_of_memory
from core.records import Clip
from core.transcription.background import each
from core.transcription.base import SAMPLE_RATE_HZ, Asked, Heard, Recognizer, Samples, nothing
from core.transcription.batches import batches, window_s
from core.transcription.flags import is_silent, is_steady
from core.transcription.memory import Limit
from core.workspace import Project

_SHORTEST = SAMPLE_RATE_HZ // 10  # a tenth of a second: nothing to be heard in less
# What may be wrong with a single clip; anything else is about the model and ends the job.
FAULTS = (OSError, ValueError, RuntimeError, soundfile.SoundFileError)
Outcome = Heard | Exception


class Pool:
    """One model on several cards, each heard with by one thread at a time."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        first = recognizers[0]
        self.name, self.english_only, self.device = first.name, first.english_only, first.device
        self.at_once = len(recognizers)
        self._all = recognizers
        self._free: queue.SimpleQueue[Recognizer] = queue.SimpleQueue()
        for one in recognizers:
            self._free.put(one)

    def hear(self, clips: Sequence[Samples], asked: Asked) -> list[Heard]:
        """See `Recognizer.hear`."""
        one = self._free.get()
        try:
            return one.hear(clips, asked)
        finally:
            self._free.put(one)

    def batch_size(self, window: float) -> int:
        """See `Recognizer.batch_size`."""
        return min(one.batch_size(window) for one in self._all)


def hear_clips(
    project: Project,
    clips: Sequence[Clip],
    recognizer: Recognizer,
    asked: Asked,
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
    limit, done = Limit(on_less), 0.0

    def hear(number: int) -> list[tuple[Clip, Outcome]]:
        return _hear_batch(project, [clips[index] for index in plan[number]], recognizer, asked, limit)

    for number, found in each(range(len(plan)), hear, recognizer.at_once, check_stop):
        if isinstance(found, Exception):
            raise found
        done += work[number]
        yield found, done / sum(work)


def _hear_batch(
    project: Project, clips: Sequence[Clip], recognizer: Recognizer, asked: Asked, limit: Limit
) -> list[tuple[Clip, Outcome]]:
    found: dict[str, Outcome] = {}
    sounds: dict[str, Samples] = {}
    for clip in clips:
        try:
            samples, _ = read(project.clip_file(clip.id), sample_rate=SAMPLE_RATE_HZ)
        except FAULTS as error:
            found[clip.id] = error
            continue
        if len(samples) < _SHORTEST:
            found[clip.id] = ValueError("it is empty")
        elif is_silent(samples):
            found[clip.id] = nothing(asked.language)
        else:
            sounds[clip.id] = np.ascontiguousarray(samples)

    def hear(ids: Sequence[str]) -> list[Outcome]:
        return _hear_each_if_one_fails([sounds[clip_id] for clip_id in ids], recognizer, asked)

    ids = list(sounds)
    for clip_id, heard in zip(ids, limit.run(ids, hear), strict=True):
        steady = isinstance(heard, Heard) and bool(heard.text) and is_steady(sounds[clip_id])
        found[clip_id] = replace(heard, no_voice=True) if steady and isinstance(heard, Heard) else heard
    return [(clip, found[clip.id]) for clip in clips]


def _hear_each_if_one_fails(sounds: Sequence[Samples], recognizer: Recognizer, asked: Asked) -> list[Outcome]:
    try:
        return list(recognizer.hear(sounds, asked))
    except FAULTS as error:
        if out_of_memory(error):
            raise
        if len(sounds) == 1:
            return [error]
    return [one for sound in sounds for one in _hear_each_if_one_fails([sound], recognizer, asked)]
