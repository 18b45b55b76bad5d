"""The XTTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from pathlib import Path

from core.engines.gradient_engine import GradientEngine
from core.engines.registry import info
from core.engines.xtts.features.extract import Features, check, prepare
from core.engines.xtts.infer.export import export
from core.engines.xtts.infer.imported import import_voice, only_speaker
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import load_voice
from core.engines.xtts.light import LIGHT
from core.engines.xtts.model.starter import make_starter
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import start


class XttsEngine(GradientEngine[XttsTrainConfig, Features, Conditioning]):
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

    def make_base(self, base_id: str, folder: Path) -> None:
        """Make the starter."""
        make_starter(folder)


ENGINE = XttsEngine()
