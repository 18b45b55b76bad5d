"""Engine that learns by gradients: what is measured with a session of its own, the same in each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.engines.base import Config, Engine, FeaturesT
from core.engines.batch_finder import largest_batch, sweep
from core.engines.callbacks import ShouldStop, never
from core.engines.gradient_session import GradientSession
from core.engines.session import BatchTrial, Fits
from core.engines.voice import Reference


class GradientEngine(Engine[Config, FeaturesT, Reference]):
    """An engine whose sessions are `GradientSession`s."""

    @abstractmethod
    def start(
        self, config: Config, features: FeaturesT, base: Path, resume_from: Path | None, *, device: str = "auto"
    ) -> GradientSession[Reference, Any, Any]:
        """See `Engine.start`."""

    def fits(
        self, config: Config, features: FeaturesT, base: Path, *, device: str = "auto", should_stop: ShouldStop = never
    ) -> Fits:
        """The largest batch that fits."""
        return largest_batch(self.start(config, features, base, None, device=device), config, should_stop)

    def try_batches(
        self, config: Config, features: FeaturesT, base: Path, *, device: str = "auto", should_stop: ShouldStop = never
    ) -> Iterator[BatchTrial]:
        """Which batch is quickest."""

        def open_session(precision: str) -> GradientSession[Reference, Any, Any]:
            settings = config.model_copy(update={"precision": precision})
            return self.start(settings, features, base, None, device=device)

        return sweep(open_session, config, should_stop)
