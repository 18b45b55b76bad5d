"""The engine contract, as it is called: `Engine` holds its parts together.

Light: no model library. What a page may ask stands in `light`, speaking in `voice`, training in `session`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from core.engines.bases import BaseModels
from core.engines.callbacks import OnClip, ShouldStop, ignore, never
from core.engines.light import EngineInfo
from core.engines.options import TrainConfig
from core.engines.session import BatchTrial, DatasetReport, Features, Fits, TrainSession
from core.engines.voice import Reference, ReferenceClip, SpokenWay, Voice
from core.jobs.reporter import Reporter

Config = TypeVar("Config", bound=TrainConfig)
FeaturesT = TypeVar("FeaturesT", bound=Features)


class Engine(ABC, Generic[Config, FeaturesT, Reference]):
    """One kind of model; ``device`` is ``auto``, ``cuda`` or ``cpu`` throughout."""

    info: EngineInfo
    bases: BaseModels

    def base_folder(self, models: Path, base_id: str) -> Path:
        """The folder of a base that is there in full; one that is not downloaded is made if it is not there yet.

        Raises:
            UserError: as of `BaseModels.folder`.
        """
        if self.bases.is_made(base_id):
            self.make_base(base_id, self.bases.place(models, base_id))
        return self.bases.folder(models, base_id)

    @abstractmethod
    def make_base(self, base_id: str, folder: Path) -> None:
        """Make a base that is not downloaded (`Base.is_made`) in ``folder``; one that is there is left alone."""

    def rewrite_weights(self, folder: Path, name: str, should_stop: ShouldStop = never) -> None:
        """Make a base's weights of ``folder/name`` (`BaseModels.unread_weights`), without running any code of it.

        Raises:
            UserError: ``base.pickle``, ``base.checkpoint``.
            Cancelled: ``should_stop`` said so; nothing is left.
        """
        raise NotImplementedError

    @abstractmethod
    def check(self, dataset: Path, base: Path, on_clip: OnClip = ignore) -> DatasetReport:
        """Check a frozen dataset against the real tokenizer and limits."""

    @abstractmethod
    def prepare(self, dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "auto") -> FeaturesT:
        """Compute training features of what `check` lets pass, once; cached under ``cache`` by content, resumable.

        Raises:
            UserError: ``train.too_few_clips``.
            Cancelled: Stop was pressed.
        """

    @abstractmethod
    def start(
        self, config: Config, features: FeaturesT, base: Path, resume_from: Path | None, *, device: str = "auto"
    ) -> TrainSession[Reference]:
        """Begin, or go on from a checkpoint folder that holds a `STATE`.

        Raises:
            UserError: ``train.state_broken``; ``adapter.foreign`` if it was made on another base.
        """

    def fits(
        self,
        config: Config,
        features: FeaturesT,
        base: Path,
        *,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Fits | None:
        """The largest batch that fits, found by trying; None where the engine does not try.

        Raises:
            Cancelled: ``should_stop`` said so between two tries.
            UserError: ``train.nothing_fits``.
        """
        return None

    def try_batches(
        self,
        config: Config,
        features: FeaturesT,
        base: Path,
        *,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Iterable[BatchTrial]:
        """How quick batches of different sizes, precisions and use of memory are, each as soon as it was tried.

        All make the same update of as many clips as ``config`` has. Nothing where the engine has no such choice.

        Raises:
            Cancelled: ``should_stop`` said so between two tries.
        """
        return ()

    @abstractmethod
    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> Voice[Reference]:
        """A voice from a base folder (or an export) and a checkpoint folder; None speaks with the base alone."""

    def self_test(
        self,
        base: Path,
        checkpoint: Path | None,
        reference: ReferenceClip,
        text: str,
        language: str,
        seed: int,
        *,
        scratch: Path,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Iterable[SpokenWay]:
        """One sentence by every way from the recording to the export, each as soon as it is there.

        Only where `LightEngine.has_self_test` says so. ``scratch`` is a folder with room for an export.

        Raises:
            Cancelled: ``should_stop`` said so.
            UserError: as of `load_voice`, `Voice.condition` and `Voice.speak`.
        """
        return ()

    @abstractmethod
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
        """Write a folder that ``info.export_package`` speaks with, and return its manifest.

        The folder appears when it is complete and has spoken ``text``.

        Args:
            base: folder of the base model; only read.
            checkpoint: None, or that of step 0, exports the base with the new speaker.
            folder: where to; must not exist.
            name: of the speaker.
            references: recordings of the speaker.
            text: what the sample says.
            language: of the sample.
            seed: of the sample.
            device: see above.
            facts: what else the manifest should say (project, run, step, licence …).
            on_stage: told each stage (``load_base``, ``merge``, ``verify``); may raise to stop.
            should_stop: asked while it speaks and before the folder appears.

        Raises:
            Cancelled: ``should_stop`` said so; nothing is left.
            DiskFull: there is no room.
        """

    def import_voice(
        self,
        files: Mapping[str, Path],
        folder: Path,
        *,
        name: str,
        text: str,
        language: str,
        device: str = "auto",
        facts: Mapping[str, object] | None = None,
        on_stage: Callable[[str], object] = ignore,
        should_stop: ShouldStop = never,
    ) -> Mapping[str, object]:
        """Write a voice that came from anywhere into ``folder``, as `export` would, and return its manifest.

        Nothing of the files is trusted. The folder appears when it is complete and has spoken; it has one speaker.

        Args:
            files: those that `LightEngine.voice_files` has named.
            folder: where to; must not exist.
            name: of the voice, where it does not say its own.
            text: what the sample says, where the voice speaks its language.
            language: of the text.
            device, facts, on_stage, should_stop: as of `export`.

        Raises:
            Cancelled: ``should_stop`` said so; nothing is left.
            UserError: ``voice.broken``, ``voice.no_speaker``, or what `Voice.speak` raises.
            DiskFull: there is no room.
        """
        raise NotImplementedError

    def speaker(self, folder: Path) -> Reference:
        """What the one speaker of an imported voice's folder is known by."""
        raise NotImplementedError
