"""A project copied to another engine: recordings, clips, texts and decisions stay, each clip is cut anew.

Clips keep their bounds, numbers, texts and whether they are approved; runs, votes, datasets and voices are of the other
engine and stay behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.audio.options import SegmentOptions
from core.audio.samples import read, write_wav
from core.audio.threshold import for_recording
from core.clips.cut import cut_clip, options_of_last_cut
from core.dataset.checks import check
from core.dataset.report import limits
from core.engines import registry
from core.errors import UserError
from core.files import TEMP_PREFIX, link_or_copy
from core.jobs.args.projects import CopyProjectArgs
from core.jobs.job import busy
from core.jobs.parallel import map_in_threads
from core.jobs.reporter import Reporter
from core.measures.registry import OF_CUT
from core.project.backups import copy_database
from core.project.contents import plain_files
from core.project.engine import text_check
from core.project.records import Clip, Source
from core.project.schema import connect
from core.project.store import Store
from core.project.workspace import Project
from core.text import as_title
from core.transfer import check_empty, records_taken

_TABLES = ("sources", "clips", "revisions", "clip_numbers", "words")
_CHANGING = frozenset(
    {"import_sources", "segment", "clean", "transcribe", "unpack_project", "copy_project", "merge_project"}
)
_AT_ONCE = 2
_MOST_NAMED = 12
_UNFIT = {
    "dataset.too_long": (
        "copy.too_long",
        "{count} clips are longer than the {limit} s that {engine} can learn from: {clips}.",
        "They are here; split them on the Clips page, or they are left out of the dataset.",
    ),
    "dataset.too_short": (
        "copy.too_short",
        "{count} clips are shorter than the {limit} s that {engine} needs: {clips}.",
        "They are here; join them with a neighbour on the Clips page, or they are left out of the dataset.",
    ),
    "dataset.unknown_characters": (
        "copy.unknown_characters",
        "{count} clips have texts with letters that {engine} cannot speak: {clips}.",
        "They are here; change their texts on the Review page, or they are left out of the dataset.",
    ),
    "dataset.too_many_tokens": (
        "copy.too_many_tokens",
        "{count} clips have texts too long for {engine}: {clips}.",
        "They are here; split them on the Clips page, or they are left out of the dataset.",
    ),
}


@dataclass
class _Outcome:
    """What came of the clips so far."""

    measures: dict[str, Mapping[str, float | str | None]] = field(default_factory=dict)
    resampled: list[Clip] = field(default_factory=list)
    lost: list[Clip] = field(default_factory=list)


def start_copy(origin: Project, engine: str) -> Project:
    """Make a project of another engine, and have a job copy this one's recordings, clips and texts into it.

    Raises:
        Busy: a job is changing its recordings or clips.
        UserError: ``engine.unknown``; ``engine.language``: it does not speak the project's language.
    """
    about = origin.info
    registry.language_code(about.language, engine)
    for job in origin.all_jobs():
        if job.alive() and job.spec().kind in _CHANGING:
            raise busy(job.holder())
    name = as_title(f"{about.name[:60]} · {registry.info(engine).label}")
    project = origin.workspace.create(name, about.language, engine)
    try:
        project.change(rights=about.rights)
        project.start_job(CopyProjectArgs(project=origin.slug), title=about.name)
    except BaseException:
        shutil.rmtree(project.path, ignore_errors=True)
        raise
    return project


def copy_into(project: Project, origin: Project, reporter: Reporter) -> dict[str, Any]:
    """Fill an empty project with another's recordings, clips and texts; until all is there its records are empty.

    Returns:
        ``sources``, ``clips``, and ``unfit``: how many approved clips the engine cannot learn from as they are.

    Raises:
        UserError: ``transfer.filled``; ``copy.nothing``: not one clip could be cut.
        Cancelled: Stop was pressed; it can be resumed.
    """
    check_empty(project, origin.info.name)
    records = project.path / f"{TEMP_PREFIX}copy.db"
    try:
        with connect(origin.database) as db:
            copy_database(db, records)
        store = Store(records)
        sources = {source.id: source for source in store.sources()}
        for number, source in enumerate(sources.values()):
            reporter.check_stop()
            reporter.progress("copy_recordings", number, len(sources), source.title)
            for path in origin.source_files(source.id):
                _link(path, project.sources / path.name)
        for path in plain_files(origin.path / "evaluation"):  # a person's own test sentences
            _link(path, project.path / path.relative_to(origin.path))
        clips = store.clips()
        outcome = _cut_anew(project, origin, sources, clips, reporter)
        if clips and len(outcome.lost) == len(clips):
            raise UserError(
                "copy.nothing",
                "Not one clip could be copied: neither its recording nor its own sound can be read.",
                "Look whether the recordings are still there, then press Resume.",
            )
        store.measure_clips(outcome.measures)
        with connect(records) as db:
            db.executemany("DELETE FROM clips WHERE id=?", [(clip.id,) for clip in outcome.lost])
        reporter.check_stop()
        check_empty(project, origin.info.name)  # once more: what a person has added meanwhile would be gone
        with records_taken(project, records, _TABLES) as counts:
            pass
    finally:
        for path in project.path.glob(f"{records.name}*"):
            path.unlink(missing_ok=True)
    _tell(outcome, sources, reporter)
    return {**counts, "unfit": _tell_unfit(project, sources, reporter)}


def _cut_anew(
    project: Project, origin: Project, sources: Mapping[str, Source], clips: Sequence[Clip], reporter: Reporter
) -> _Outcome:
    """Write the sound of every clip at the engine's rate."""
    ways: dict[str, SegmentOptions] = {}

    def cut(clip: Clip) -> Clip:
        source = sources[clip.source_id]
        if source.id not in ways:
            options = options_of_last_cut(origin, source.id)
            ways[source.id] = for_recording(options, project.sound_file(source))
        return cut_clip(project, source, clip, ways[source.id])

    outcome = _Outcome()
    project.clips.mkdir(exist_ok=True)
    for number, (clip, result) in enumerate(map_in_threads(clips, cut, _AT_ONCE, reporter.check_stop), 1):
        if isinstance(result, Clip):
            outcome.measures[clip.id] = {name: getattr(result, name) for name in OF_CUT}
        elif isinstance(result, UserError | OSError | RuntimeError):  # RuntimeError: what libsndfile raises
            (outcome.resampled if _resample(project, origin, clip) else outcome.lost).append(clip)
        else:
            raise result
        reporter.progress("cut", number, len(clips), sources[clip.source_id].title)
    return outcome


def _resample(project: Project, origin: Project, clip: Clip) -> bool:
    """Make do with a clip's own sound where its recording is gone; False where that cannot be read either."""
    rate = registry.info(project.info.engine).clip_rate
    try:
        samples, _ = read(origin.clip_file(clip.id), sample_rate=rate)
    except (OSError, RuntimeError):
        return False
    write_wav(project.clip_file(clip.id), samples, rate)
    return True


def _link(path: Path, target: Path) -> None:
    """The same file under another name: recordings and what is measured of them are only ever replaced as a whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    link_or_copy(path, target)


def _tell(outcome: _Outcome, sources: Mapping[str, Source], reporter: Reporter) -> None:
    if outcome.resampled:
        reporter.warning(
            "copy.resampled",
            "The recordings of {count} clips are not here, so their own sound was taken: {clips}.",
            "They may sound duller than clips that are cut from the recording. Add the recordings again for the best.",
            count=len(outcome.resampled),
            clips=_names(outcome.resampled, sources),
        )
    if outcome.lost:
        reporter.warning(
            "copy.lost",
            "{count} clips could not be copied, neither their recordings nor their own sound can be read: {clips}.",
            "They stay in the other project.",
            count=len(outcome.lost),
            clips=_names(outcome.lost, sources),
        )


def _tell_unfit(project: Project, sources: Mapping[str, Source], reporter: Reporter) -> int:
    """Name the approved clips that the engine cannot learn from as they are; returns how many."""
    bounds, text_problem = limits(project), text_check(project)
    unfit: dict[str, list[Clip]] = {}
    for clip in project.store.clips():
        exclusion = check(clip, project.clip_file(clip.id), bounds, text_problem) if clip.status == "approved" else None
        if exclusion and exclusion.code in _UNFIT:
            unfit.setdefault(exclusion.code, []).append(clip)
    for code, clips in unfit.items():
        own_code, text, hint = _UNFIT[code]
        reporter.warning(
            own_code,
            text,
            hint,
            count=len(clips),
            clips=_names(clips, sources),
            engine=registry.info(project.info.engine).label,
            limit=bounds.min_s if code == "dataset.too_short" else bounds.max_s,
        )
    return sum(map(len, unfit.values()))


def _names(clips: Sequence[Clip], sources: Mapping[str, Source]) -> str:
    """Clips as a person finds them: their recording, and where in it they begin."""
    places = [
        f"“{sources[clip.source_id].title}” {int(clip.start_s) // 60}:{int(clip.start_s) % 60:02d}"
        for clip in clips[:_MOST_NAMED]
    ]
    return ", ".join([*places, *(["…"] if len(clips) > _MOST_NAMED else [])])
