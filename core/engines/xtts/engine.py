"""The XTTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from pathlib import Path

from core.engines.base import Engine
from core.engines.registry import info
from core.engines.xtts import base_files
from core.engines.xtts.export import export
from core.engines.xtts.features import Features, check, prepare
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.session import start
from core.engines.xtts.starter import make_starter
from core.engines.xtts.trial import fits
from core.engines.xtts.voice import Conditioning, load_voice
from core.workspace import Workspace


class XttsEngine(Engine[XttsTrainConfig, Features, Conditioning]):
    """See `core.engines.base.Engine`."""

    info = info("xtts")
    check = staticmethod(check)
    prepare = staticmethod(prepare)
    start = staticmethod(start)
    fits = staticmethod(fits)
    load_voice = staticmethod(load_voice)
    export = staticmethod(export)

    def base_folder(self, workspace: Workspace, base_id: str) -> Path:
        """The folder of a base; the starter is made if it is not there yet."""
        place = base_files.base_place(workspace, base_id)
        if base_id == base_files.STARTER and not (place / "model.pth").is_file():
            make_starter(place)
        return base_files.base_folder(workspace, base_id)


ENGINE = XttsEngine()
