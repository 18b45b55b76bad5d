"""Self test of a voice: its start, the table it left, and what that table means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.checkpoint_ref import step_folder
from core.engines.registry import bases, light
from core.files import read_json
from core.jobs.args.speech import ExportArgs, SelfTestArgs, VoiceArgs
from core.jobs.job import Job
from core.project.workspace import Project
from core.synthesis.start import complete_voice, run_sentences, sample_text
from core.text import clean_text
from core.training.run import Run

TABLE = "self_test.json"
_MOST_BYTES = 1 << 20
_MOST_ERRORS = 0.5  # a share of characters from which on nobody would understand it
_MORE_ERRORS = 0.3  # than the way before
_MUST_AGREE = ("live", "export")  # or a voice is not exported
_LEAST_LIKENESS = 0.6  # of a voice to its own recording; other people's are mostly below


@dataclass(frozen=True)
class WayRow:
    """A way the sentence was spoken, and what was measured of it; None where it could not be."""

    way: str
    likeness: float | None = None
    errors: float | None = None
    mel_distance: float | None = None
    equals: str = ""
    is_equal: bool = True
    problem: str = ""
    error: dict[str, Any] = field(default_factory=dict)  # the problem as `core.jobs.reporter.record_of` keeps it


def has_self_test(engine: str) -> bool:
    """Whether an engine can be tested this way."""
    return light(engine).has_self_test


def start_self_test(project: Project, args: SelfTestArgs) -> Job:
    """Let a voice say a sentence by every way, in a job that may wait.

    Raises:
        Busy: another one is at work or waits. UserError: as of `core.synthesis.start.start_speak`.
    """
    args = complete(project, args)
    return project.start_job(args, title=args.voice, gpu=True, wait=True)


def complete(project: Project, args: SelfTestArgs) -> SelfTestArgs:
    """Arguments with what was left empty: the first sentence of the run with its seed, which its samples say too.

    Raises:
        UserError: as of `core.synthesis.start.complete_voice`.
    """
    args = complete_voice(project, args)
    if args.text:
        return args.having(text=clean_text(args.text))
    text = sample_text(project, args.checkpoint, args.language)
    seed = run_sentences(Run(project, args.checkpoint.run_id)).seed if args.checkpoint else args.seed
    return args.having(text=text, seed=seed)


def live_sample(project: Project, args: SelfTestArgs) -> Path | None:
    """What the run's live weights said of the very same when the checkpoint was saved; None where they did not."""
    if args.checkpoint is None:
        return None
    run = Run(project, args.checkpoint.run_id)
    sentences = run_sentences(run)
    path = run.path / "samples" / step_folder(args.checkpoint.step) / "0.wav"
    is_same = sentences.texts[:1] == [args.text] and sentences.language == args.language and sentences.seed == args.seed
    is_same = is_same and tuple(sentences.references) == args.reference_clip_ids
    return path if is_same and path.is_file() else None


def is_tested(project: Project, voice: VoiceArgs) -> bool:
    """Whether a self test of this voice has found that its ways agree, or there can be none of it.

    Weights that never learnt to speak have nothing to be tested by.
    """
    engine = project.info.engine
    if voice.imported or not has_self_test(engine):
        return True
    if not bases(engine).has_learnt(project.workspace.models, voice.base):
        return True
    ways = ((job, args) for kind in (SelfTestArgs, ExportArgs) for job, args in project.jobs_of(kind))
    return any(
        (args.checkpoint, args.base) == (voice.checkpoint, voice.base)
        and bool(job.read().result.get("verdict"))
        and ways_agree([vars(row) for row in read_table(job)])
        for job, args in ways
    )


def is_base_tested(project: Project, base_id: str) -> bool:
    """Whether any voice of a base has been tested in this project, or there is nothing to be tested."""
    engine = project.info.engine
    if not has_self_test(engine) or not bases(engine).has_learnt(project.workspace.models, base_id):
        return True
    return any(args.base == base_id for _, args in project.jobs_of(SelfTestArgs))


def read_table(job: Job) -> list[WayRow]:
    """The rows so far; none where there is no table yet, or it cannot be read."""
    try:
        rows = read_json(job.path / TABLE, _MOST_BYTES)["rows"]
        return [WayRow(**{name: row[name] for name in WayRow.__dataclass_fields__ if name in row}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def newest_table(project: Project) -> tuple[Job, list[WayRow]] | None:
    """The newest job that tested a voice, by itself or before an export, and its rows; None where there is none."""
    for job in project.all_jobs():
        kind = job.spec().kind
        if kind == SelfTestArgs.kind or (kind == ExportArgs.kind and (job.path / TABLE).is_file()):
            return job, read_table(job)
    return None


def ways_agree(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether live weights, checkpoint and export say the same, whatever else is wrong and named first."""
    return not any(
        row.get("problem") or not row.get("is_equal", True) for row in rows if str(row["way"]) in _MUST_AGREE
    )


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """The key of the sentence that says what is wrong, the first thing on the way from recording to export; or good."""
    table = {str(row["way"]): row for row in rows}

    def errors(way: str) -> float:
        return float(table.get(way, {}).get("errors") or 0.0)

    if errors("recording") > _MOST_ERRORS:
        return "recording"
    if errors("vocoder") > errors("recording") + _MORE_ERRORS:
        return "vocoder"
    if table.get("vocabulary", {}).get("problem"):
        return "vocabulary"
    if errors("base") > _MOST_ERRORS:
        return "base"
    if errors("checkpoint") > max(errors("base") + _MORE_ERRORS, _MOST_ERRORS):
        return "checkpoint"
    if not table.get("live", {}).get("is_equal", True):
        return "live_differs"
    if table.get("export", {}).get("problem"):
        return "export_failed"
    if not table.get("export", {}).get("is_equal", True):
        return "export_differs"
    likeness = table.get("checkpoint", {}).get("likeness")
    return "unlike" if likeness is not None and likeness < _LEAST_LIKENESS else "good"
