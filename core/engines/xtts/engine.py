"""The XTTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.engines.base import Engine
from core.engines.batch_finder import largest_batch, sweep
from core.engines.callbacks import ShouldStop, never
from core.engines.gradient_session import GradientSession
from core.engines.registry import info
from core.engines.session import BatchTrial, Fits
from core.engines.xtts.features.extract import Features, check, prepare
from core.engines.xtts.infer.export import export
from core.engines.xtts.infer.imported import import_voice, only_speaker
from core.engines.xtts.infer.voice import Conditioning, load_voice
from core.engines.xtts.light import LIGHT
from core.engines.xtts.model.starter import make_starter
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import start


class XttsEngine(Engine[XttsTrainConfig, Features, Conditioning]):
    """See `core.engines.base.Engine`."""

    info = info("xtts")
    bases = LIGHT.bases
    check = staticmethod(check)
    prepare = staticmethod(prepare)
    start = staticmethod(start)
    load_voice = staticmethod(load_voice)
    export = staticmethod(export)
    import_voice = staticmethod(import_voice)
    speaker = staticmethod(only_speaker)

    def fits(
        self,
        config: XttsTrainConfig,
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
        config: XttsTrainConfig,
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


ENGINE = XttsEngine()
