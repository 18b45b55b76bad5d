"""The XTTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from pathlib import Path

from core.engines.base import DatasetReport, Engine, Fits, OnClip, ShouldStop, never, tell_nobody
from core.engines.registry import info
from core.engines.xtts import base_files, features, session, trial, voice
from core.engines.xtts.export import export
from core.engines.xtts.model import device_for
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.starter import make_starter
from core.jobs.reporter import Reporter
from core.workspace import Workspace


class XttsEngine(Engine[XttsTrainConfig, features.Features, voice.Conditioning]):
    """See `core.engines.base.Engine`."""

    info = info("xtts")
    export = staticmethod(export)

    def base_folder(self, workspace: Workspace, base_id: str) -> Path:
        """The folder of a base; the starter is made if it is not there yet."""
        place = base_files.base_place(workspace, base_id)
        if base_id == base_files.STARTER and not (place / "model.pth").is_file():
            make_starter(place)
        return base_files.base_folder(workspace, base_id)

    def check(self, dataset: Path, base: Path, on_clip: OnClip = tell_nobody) -> DatasetReport:
        """Check a frozen dataset against the base's tokenizer and limits."""
        return features.check(dataset, base, on_clip)

    def prepare(
        self, dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "auto"
    ) -> features.Features:
        """Compute training features once."""
        return features.prepare(dataset, base, cache, reporter, device_for(device))

    def start(
        self,
        config: XttsTrainConfig,
        prepared: features.Features,
        base: Path,
        resume_from: Path | None,
        *,
        device: str = "auto",
    ) -> session.XttsSession:
        """Begin or resume training."""
        return session.start(config, prepared, base, resume_from, device_for(device))

    def fits(
        self,
        config: XttsTrainConfig,
        prepared: features.Features,
        base: Path,
        *,
        device: str = "auto",
        should_stop: ShouldStop = never,
    ) -> Fits:
        """The largest batch that fits, found by two real updates on the longest clips."""
        return trial.fits(config, prepared, base, device_for(device), should_stop)

    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> voice.XttsVoice:
        """A voice from a base folder and an adapter folder."""
        return voice.load_voice(base, checkpoint, device)


ENGINE = XttsEngine()
