"""Warm voice: the one voice that is kept loaded, on the card as its guest or on the processor."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop
from core.engines.registry import get_engine
from core.engines.session import ADAPTER
from core.engines.voice import Voice
from core.errors import UserError
from core.jobs import guest
from core.project.workspace import Workspace
from core.synthesis.wire import SpeechRequest
from core.system.hardware import cards

OnStage = Callable[[str, int, int], object]
_MOST_SPEAKERS = 16  # whose references are remembered; some kilobytes each


class LeaveCard(Exception):
    """A job has taken the card; what is not said yet is ``rest``."""

    def __init__(self, rest: str) -> None:
        self.rest = rest
        super().__init__(rest)


class WarmVoice:
    """Keeps the voice that spoke last, and what it knows of the last speakers. Another one takes its place."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._key: tuple[object, ...] = ()
        self._voice: Voice[object] | None = None
        self._speakers: OrderedDict[object, object] = OrderedDict()
        self._guest: int | None = None

    def device(self, request: SpeechRequest) -> str:
        """Where this is said: on the card as a guest, or on the processor while a job has it, or where there is none.

        The only place that becomes a guest.
        """
        if request.device == "cpu" or not cards():
            return "cpu" if request.device == "auto" else request.device
        if self._guest is None:
            self._guest = guest.enter(self.workspace.gpu_lock, self.workspace.queue)
        return "cpu" if self._guest is None else request.device

    def is_unwelcome(self) -> bool:
        """Whether it is on the card, and a job has taken that."""
        return self._guest is not None and guest.is_wanted(self.workspace.gpu_lock)

    def say(
        self, request: SpeechRequest, device: str, should_stop: ShouldStop, on_stage: OnStage
    ) -> Iterator[tuple[Samples, int]]:
        """The samples of a request as they come, and their rate.

        Raises:
            LeaveCard: between two parts of the text, as of `is_unwelcome`.
            Cancelled: ``should_stop`` said so. UserError: as of the engine.
        """
        voice = self._loaded(request, device, on_stage)
        speaker = self._speaker(voice, request, on_stage)
        parts = voice.sentences(request.text, request.language, speaker, **request.settings)

        def on_progress(number: int, total: int) -> None:
            on_stage("speak", number, total)
            if 0 < number < len(parts) and total == len(parts) and self.is_unwelcome():
                raise LeaveCard(" ".join(parts[number:]))

        yield from voice.stream(
            request.text,
            request.language,
            speaker,
            request.seed,
            should_stop=should_stop,
            on_progress=on_progress,
            **request.settings,
        )

    def _loaded(self, request: SpeechRequest, device: str, on_stage: OnStage) -> Voice[object]:
        stamp = _stamp(request.voice / "manifest.json") if request.voice else None
        checkpoint = (request.checkpoint, _stamp(request.checkpoint))
        key = (request.engine, request.base, request.voice, stamp, checkpoint, device)
        if self._voice is None or key != self._key:
            on_stage("load_voice", 0, 1)
            # Let go first: there is never room for two.
            self._voice, self._key = None, ()
            self._speakers.clear()
            gc.collect()
            engine = get_engine(request.engine)
            base = request.voice or engine.base_folder(self.workspace.models, request.base)
            with _named_if_gone(request.checkpoint):
                self._voice = engine.load_voice(base, request.checkpoint, device=device)
            self._key = key
        return self._voice

    def _speaker(self, voice: Voice[object], request: SpeechRequest, on_stage: OnStage) -> Any:
        key = tuple((reference, _stamp(reference.path)) for reference in request.references)
        if key not in self._speakers:
            on_stage("hear_reference", 0, 1)
            if request.voice and not request.references:
                self._speakers[key] = get_engine(request.engine).speaker(request.voice)
            else:
                self._speakers[key] = voice.condition(request.references)
        self._speakers.move_to_end(key)
        while len(self._speakers) > _MOST_SPEAKERS:
            self._speakers.popitem(last=False)
        return self._speakers[key]


def _stamp(path: Path | None) -> tuple[int, ...] | None:
    """What tells a checkpoint or a recording from an earlier one in its place."""
    if path is None:
        return None
    try:
        about = os.stat(path / ADAPTER if path.is_dir() else path)
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


@contextlib.contextmanager
def _named_if_gone(checkpoint: Path | None) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if checkpoint is None or checkpoint.exists():
            raise
        raise UserError(
            "speak.checkpoint_gone",
            "The checkpoint {name} was deleted before it could speak.",
            "Choose another voice.",
            name=checkpoint.name,
        ) from error
