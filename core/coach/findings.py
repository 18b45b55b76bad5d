"""Findings on a run: gathered from its curves, scores, dataset, settings and machine, each judged by rules alone."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.coach.language import likely_language
from core.coach.rules import Facts, Finding, Light, judge
from core.damage import DamagedFile, read_once
from core.dataset.freeze import frozen_texts
from core.engines.options import TrainConfig
from core.errors import UserError
from core.evaluation.scorecard import scorecard
from core.files import read_json
from core.jobs.args.training import TrainArgs
from core.project.workspace import Project
from core.system import hardware
from core.training.diagnosis import remarks
from core.training.presets import preset
from core.training.room import expected_bytes
from core.training.run import Run, RunView

_ABOUT_TEXTS = 20_000  # letters are enough to tell a language by


def findings(project: Project, run: Run, view: RunView | None = None) -> tuple[Finding, ...]:
    """What there is to say of a run as it stands, the most pressing first. Cheap enough for every second.

    A part that cannot be read (a damaged report, a dataset in the trash) says nothing here: its own page names it.
    """
    view = view or run.read()
    course = () if view.job.status == "waiting" else tuple(remarks(view)) if view.job.active or view.train else ()
    return judge(_facts(project, run, view), course)


def _facts(project: Project, run: Run, view: RunView) -> Facts:
    train, val, lights = _dataset(run.dataset / "report.json")
    args = run.job.spec().args
    cards = hardware.cards()
    return Facts(
        config=view.config,
        usual_rate=_usual_rate(str(view.about.get("preset", "")), type(view.config)),
        is_active=view.job.active,
        has_ended=view.job.status in ("done", "cancelled"),
        checkpoints=sum(step > 0 for step, _ in view.checkpoints if step not in view.job.pruned),
        train=train,
        val=val,
        lights=lights,
        language=str(view.about.get("language", "")),
        likely_language=_likely_language(run.dataset),
        card=scorecard(project, run),
        memory_gb=view.memory_mb / 1024 if view.memory_mb else None,
        card_gb=cards[0].total_gb if cards else None,
        card_busy=hardware.busy_share() if view.job.status == "running" and view.train else None,
        on_processor=isinstance(args, TrainArgs) and args.device == "cpu",
        free_bytes=shutil.disk_usage(project.path).free,
        required_bytes=_required_bytes(project, view.config, run.base_id),
    )


def _dataset(path: Path) -> tuple[int, int, tuple[Light, ...]]:
    try:
        return read_once(_read_dataset, path, kind="dataset", thing=path.parent)
    except (DamagedFile, OSError):
        return 0, 0, ()


def _read_dataset(path: Path, _version: tuple[int, int, int]) -> tuple[int, int, tuple[Light, ...]]:
    facts: dict[str, Any] = read_json(path)
    lights = tuple(
        Light(str(light["key"]), str(light["level"]), {key: float(value) for key, value in light["values"].items()})
        for light in facts.get("lights", ())
    )
    return int(facts["train"]), int(facts["val"]), lights


def _likely_language(dataset: Path) -> str:
    path = dataset / "metadata.csv"
    try:
        return _language_of(dataset, path.stat().st_mtime_ns)
    except OSError:
        return ""


@functools.lru_cache(maxsize=32)
def _language_of(dataset: Path, _version: int) -> str:
    return likely_language(" ".join(frozen_texts(dataset).values())[:_ABOUT_TEXTS])


@functools.lru_cache(maxsize=32)
def _usual_rate(preset_id: str, model: type[TrainConfig]) -> float:
    try:
        return preset(preset_id).config().learning_rate
    except UserError:  # of another version, or of an engine that is gone
        return float(model.model_fields["learning_rate"].default)


def _required_bytes(project: Project, config: TrainConfig, base_id: str) -> int:
    try:
        return expected_bytes(project, config, base_id)
    except (UserError, OSError):  # the base has gone: that is told where it is chosen
        return 0


def sentences(project: Project, run: Run, limit: int) -> Sequence[str]:
    """Texts of the run: what it speaks as samples, then clips it learns from, at most so many."""
    view = run.read()
    texts = [samples[0].text for _, samples in sorted(view.samples.items())]
    learnt = list(frozen_texts(run.dataset).values())
    return (*dict.fromkeys([*texts, *learnt]),)[:limit]
