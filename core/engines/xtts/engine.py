"""The XTTS engine as the registry hands it out: thin, each call is one function of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.engines.base import DatasetReport, EngineInfo, OnClip
from core.engines.registry import info
from core.engines.xtts import export as exporting
from core.engines.xtts import features, session, trial, voice
from core.engines.xtts.model import device_for
from core.jobs.reporter import Reporter
from core.training.config import TrainConfig
from core.training.fits import Fits


class XttsEngine:
    """See `core.engines.base.Engine`; ``device`` is ``auto``, ``cuda`` or ``cpu`` throughout."""

    info: EngineInfo = info("xtts")

    def check(self, dataset: Path, base: Path, on_clip: OnClip = lambda seen, total, clip_id: None) -> DatasetReport:
        """Check a frozen dataset against the base's tokenizer and limits."""
        return features.check(dataset, base, on_clip)

    def prepare(
        self, dataset: Path, base: Path, cache: Path, reporter: Reporter, *, device: str = "auto"
    ) -> features.Features:
        """Compute training features once."""
        return features.prepare(dataset, base, cache, reporter, device_for(device))

    def start(
        self,
        config: TrainConfig,
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
        config: TrainConfig,
        prepared: features.Features,
        base: Path,
        device: str = "auto",
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Fits:
        """The largest batch that fits, found by two real updates on the longest clips; `Cancelled` between tries."""
        return trial.fits(config, prepared, base, device_for(device), should_stop)

    def load_voice(self, base: Path, checkpoint: Path | None, *, device: str = "auto") -> voice.XttsVoice:
        """A voice from a base folder and an adapter folder."""
        return voice.load_voice(base, checkpoint, device)

    def export(self, base: Path, checkpoint: Path | None, folder: Path, **options: Any) -> dict[str, Any]:
        """Write a folder that plain coqui-tts loads; returns its manifest."""
        return exporting.export(base, checkpoint, folder, **options)


ENGINE = XttsEngine()
