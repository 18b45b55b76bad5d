"""The F5-TTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.engines.base import Engine
from core.engines.batch_finder import largest_batch, sweep
from core.engines.callbacks import ShouldStop, never
from core.engines.f5.features.extract import Features, check, prepare
from core.engines.f5.infer.export import export
from core.engines.f5.infer.self_test import self_test
from core.engines.f5.infer.voice import Heard, load_voice
from core.engines.f5.light import LIGHT
from core.engines.f5.model.checkpoint import rewrite_checkpoint
from core.engines.f5.model.tiny import make_starter
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.train.session import start
from core.engines.gradient_session import GradientSession
from core.engines.registry import info
from core.engines.session import BatchTrial, Fits


class F5Engine(Engine[F5TrainConfig, Features, Heard]):
    """See `core.engines.base.Engine`."""

    info = info("f5")
    bases = LIGHT.bases
    check = staticmethod(check)
    prepare = staticmethod(prepare)
    start = staticmethod(start)
    load_voice = staticmethod(load_voice)
    export = staticmethod(export)
    self_test = staticmethod(self_test)
    rewrite_weights = staticmethod(rewrite_checkpoint)

    def fits(
        self,
        config: F5TrainConfig,
        features: Features,
        base: Path,
        *,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Fits:
        """The largest batch that fits."""
        return largest_batch(start(config, features, base, None, device=device), config, should_stop)

    def try_batches(
        self,
        config: F5TrainConfig,
        features: Features,
        base: Path,
        *,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Iterator[BatchTrial]:
        """Which batch is quickest."""

        def open_session(precision: str) -> GradientSession[Any, Any, Any]:
            settings = config.model_copy(update={"precision": precision})
            return start(settings, features, base, None, device=device)

        return sweep(open_session, config, should_stop)

    def make_base(self, base_id: str, folder: Path) -> None:
        """Make the starter."""
        make_starter(folder)


ENGINE = F5Engine()
