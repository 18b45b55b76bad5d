"""The F5-TTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from pathlib import Path

from core.engines.f5.features.extract import Features, check, prepare
from core.engines.f5.infer.export import export
from core.engines.f5.infer.imported import import_voice, only_speaker
from core.engines.f5.infer.reference import ReferenceMel
from core.engines.f5.infer.self_test import self_test
from core.engines.f5.infer.voice import load_voice
from core.engines.f5.light import LIGHT
from core.engines.f5.model.checkpoint import rewrite_checkpoint
from core.engines.f5.model.tiny import make_starter
from core.engines.f5.options import F5TrainConfig
from core.engines.f5.train.session import start
from core.engines.gradient_engine import GradientEngine
from core.engines.registry import info


class F5Engine(GradientEngine[F5TrainConfig, Features, ReferenceMel]):
    """See `core.engines.base.Engine`."""

    info = info("f5")
    bases = LIGHT.bases
    check = staticmethod(check)
    prepare = staticmethod(prepare)
    start = staticmethod(start)
    load_voice = staticmethod(load_voice)
    export = staticmethod(export)
    self_test = staticmethod(self_test)
    import_voice = staticmethod(import_voice)
    speaker = staticmethod(only_speaker)
    rewrite_weights = staticmethod(rewrite_checkpoint)

    def make_base(self, base_id: str, folder: Path) -> None:
        """Make the starter."""
        make_starter(folder)


ENGINE = F5Engine()
