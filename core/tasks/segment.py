"""Job ``segment``: cut recordings into clips at their pauses, between words where these are known."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from core.audio.levels import frames_file, is_current, measure
from core.audio.options import SegmentOptions
from core.audio.silence import levels
from core.audio.threshold import Advice, advise, with_threshold
from core.audio.vad import known_speech, measure_speech
from core.clips.cut import cut_clip, options_of_last_cut, plan_clips, unreadable, usual_options
from core.clips.plan import REASONS, LeftOut, plan
from core.clips.trash_folder import Trash
from core.errors import Cancelled, UserError
from core.jobs.args.clips import SegmentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures import embeddings
from core.measures.flags import sound_flags
from core.measures.registry import OF_CUT, VOIDED_BY_CUT
from core.project.records import Clip, ClipFilter, Source
from core.project.workspace import Project


@dataclass
class _Outcome:
    """What came of it so far."""

    clips: int = 0
    kept_s: float = 0.0
    sources: int = 0
    trashed: int = 0
    forced: int = 0
    left_out_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(REASONS, 0.0))

    def add(self, clips: Sequence[Clip], left_out: Sequence[LeftOut], trash_count: int) -> None:
        """Count a recording."""
        self.sources += 1
        self.trashed += trash_count
        self.clips += len(clips)
        self.forced += sum(bool(clip.forced) for clip in clips)
        self.kept_s += sum(clip.seconds for clip in clips)
        for span in left_out:
            self.left_out_s[span.reason] += span.seconds

    def result(self) -> dict[str, Any]:
        """As the job's result."""
        counts = {name: getattr(self, name) for name in ("clips", "kept_s", "sources", "trashed", "forced")}
        return {**counts, "lost_s": sum(self.left_out_s.values()), "left_out_s": dict(self.left_out_s)}


@dataclass(frozen=True)
class _CutPlan:
    """A recording and what it becomes."""

    source: Source
    clips: list[Clip]
    left_out: list[LeftOut]
    options: SegmentOptions  # with the threshold of this recording
    advice: Advice


def run(job: Job, project: Project, args: SegmentArgs, reporter: Reporter) -> dict[str, Any]:
    """Cut recordings; each recording's clips are replaced in one go.

    A recording that would give no clip, or cannot be read, is named and keeps what it has.

    Returns:
        ``clips``, ``forced`` (of those, cut without a pause), ``kept_s``, ``lost_s``, ``left_out_s`` by reason,
        ``sources``, and ``trashed``: how many clips a person had worked on went to the project's trash.

    Raises:
        UserError: ``segment.no_clips``, ``segment.unreadable``; nothing was changed.
        Cancelled: Stop was pressed; holds the result so far.
    """
    ids = args.source_ids
    sources = [source for source in project.store.sources() if ids is None or source.id in ids]
    outcome = _Outcome()
    try:
        _cut_all(project, _plans(project, sources, args.options or usual_options(project), reporter), reporter, outcome)
    except Cancelled:
        raise Cancelled(outcome.result()) from None
    return outcome.result()


def _plans(project: Project, sources: list[Source], options: SegmentOptions, reporter: Reporter) -> list[_CutPlan]:
    """What each recording becomes; one that cannot be read is named."""
    plans: list[_CutPlan] = []
    unreadable: list[UserError] = []
    for number, source in enumerate(sources):
        reporter.check_stop()
        reporter.progress("plan", number, len(sources), source.title)
        try:
            plans.append(_plan(project, source, options, reporter))
        except UserError as error:
            unreadable.append(error)
            reporter.set_aside(error)
    if unreadable and not plans:
        raise unreadable[0]
    return plans


def _cut_all(project: Project, plans: list[_CutPlan], reporter: Reporter, outcome: _Outcome) -> None:
    """Cut what was planned, counting it up in ``outcome``."""
    total = sum(len(cut_plan.clips) for cut_plan in plans)
    if not total:
        raise _no_clips([cut_plan.advice for cut_plan in plans])
    for cut_plan in plans:
        warn_of_threshold(cut_plan.source, cut_plan.advice, reporter)
        if not cut_plan.clips:
            reporter.warning(
                "segment.nothing_found",
                "No clip could be cut from “{title}”; clips it had stay as they are.",
                "Lower the shortest clip length.",
                title=cut_plan.source.title,
            )
            continue
        try:
            _write(project, cut_plan, cut_plan.options, reporter, outcome, total)
        except UserError as error:
            reporter.set_aside(error)
            if len(plans) == 1:
                raise
            continue


def warn_of_threshold(source: Source, advice: Advice, reporter: Reporter) -> None:
    """Say which way to turn a threshold that does not fit a recording."""
    values = {"title": source.title, "threshold": f"{advice.threshold_dbfs:g}", "proposed": f"{advice.proposed_dbfs:g}"}
    if advice.way == "lower":
        reporter.warning(
            "segment.threshold_too_high",
            "Most of “{title}” is quieter than the pause threshold of {threshold} dBFS and counts as a pause.",
            "Set it lower: {proposed} dBFS fits, or leave it empty to have it chosen for each recording.",
            **values,
        )
    elif advice.way == "higher":
        reporter.warning(
            "segment.threshold_too_low",
            "Hardly anything in “{title}” is quieter than the pause threshold of {threshold} dBFS: no pause is found.",
            "Set it higher: {proposed} dBFS fits, or leave it empty to have it chosen for each recording.",
            **values,
        )


def _no_clips(advices: Sequence[Advice]) -> UserError:
    """The error that says why there is nothing, with the way to turn the threshold if that is why."""
    ways = {advice.way for advice in advices}
    if ways in ({"lower"}, {"higher"}):
        threshold = f"{advices[0].threshold_dbfs:g}"
        thresholds = ", ".join(sorted({f"{advice.proposed_dbfs:g}" for advice in advices}))
        if ways == {"lower"}:
            return UserError(
                "segment.no_clips_lower",
                "No clip could be cut: the pause threshold of {threshold} dBFS is too high, speech counts as a pause.",
                "Set it lower: {proposed} dBFS fits, or leave it empty.",
                threshold=threshold,
                proposed=thresholds,
            )
        return UserError(
            "segment.no_clips_higher",
            "No clip could be cut: the pause threshold of {threshold} dBFS is too low, no pause is found.",
            "Set it higher: {proposed} dBFS fits, or leave it empty.",
            threshold=threshold,
            proposed=thresholds,
        )
    return UserError("segment.no_clips", "No clip could be cut.", "Lower the shortest clip length.")


def _plan(project: Project, source: Source, options: SegmentOptions, reporter: Reporter) -> _CutPlan:
    """The clips of a recording and what is left out of them; what is not known of it yet is measured first."""
    recording = project.sound_file(source)
    stop = reporter.stop_requested
    try:
        if not frames_file(recording).exists() or _is_measured_anew(project, source, options):
            tell = _teller(reporter, "measure", source)
            measure(recording, on_progress=tell, should_stop=stop)
        curve = levels(recording)
        speech = known_speech(recording)
        if options.only_speech and speech is None:
            tell = _teller(reporter, "speech", source)
            speech = measure_speech(recording, on_progress=tell, should_stop=stop)
    except (OSError, RuntimeError):  # RuntimeError: what libsndfile raises
        raise unreadable(source) from None
    words = project.store.words(source.id)
    outline = plan(curve, options, speech, words)
    existing = project.store.clips(ClipFilter(source_id=source.id))
    clips = plan_clips(source.id, outline.spans, existing, project.store.last_number(source.id), words)
    return _CutPlan(source, clips, outline.left_out, with_threshold(options, curve), advise(curve, options))


def _is_measured_anew(project: Project, source: Source, options: SegmentOptions) -> bool:
    """Whether levels of an older version are renewed: not where cutting as before must give the same clips."""
    same = options == options_of_last_cut(project, source.id) and project.store.count(ClipFilter(source_id=source.id))
    return not same and not is_current(project.sound_file(source))


def _teller(reporter: Reporter, stage: str, source: Source) -> Callable[[float, float], None]:
    return lambda position, total: reporter.progress(stage, position, total, source.title)


def _write(
    project: Project, cut_plan: _CutPlan, options: SegmentOptions, reporter: Reporter, outcome: _Outcome, total: int
) -> None:
    """Write the new clips of a recording, put all in the place of the old ones, take the files of those away.

    It is counted in ``outcome`` and told as soon as it is so, whatever comes after.
    """
    source = cut_plan.source
    old = {clip.id for clip in project.store.clips(ClipFilter(source_id=source.id))}
    fresh = [clip for clip in cut_plan.clips if clip.id not in old]
    stay = [clip for clip in cut_plan.clips if clip.id in old]
    trash = Trash(project, source)
    first_number = outcome.clips
    write = partial(cut_clip, project, source, options=options)
    try:
        cut = {clip.id: clip for clip in _cut(fresh, write, reporter, (first_number, total), source.title)}
        removed_ids = project.store.replace_clips(
            source.id, [cut.get(clip.id, clip) for clip in cut_plan.clips], trash.keep
        )
    except BaseException:
        for clip in fresh:
            project.clip_file(clip.id).unlink(missing_ok=True)
        trash.undo()
        raise
    trash.move()
    for clip_id in removed_ids:
        project.clip_file(clip_id).unlink(missing_ok=True)
    outcome.add(cut_plan.clips, cut_plan.left_out, len(trash.ids))
    if trash.ids:
        reporter.warning(
            "segment.trashed",
            "{count} clips of “{title}” that you had corrected, approved or rejected are cut differently now.",
            "The old ones, with their texts and changes, are kept in {folder}.",
            count=len(trash.ids),
            title=source.title,
            folder=str(trash.folder),
        )
    # The others kept their rows; their sound is made as these options want it, each with what is said of it.
    changed_ids: set[str] = set()
    try:
        rewrite = partial(_write_again, project, source, options, changed_ids)
        for _ in _cut(stay, rewrite, reporter, (first_number + len(fresh), total), source.title):
            pass
    finally:
        if changed_ids:
            embeddings.tidy(project, {clip.id for clip in project.store.clips()} - changed_ids)


def _write_again(project: Project, source: Source, options: SegmentOptions, changed_ids: set[str], clip: Clip) -> Clip:
    """Write a clip that stays and what was measured of it; if its recording sounds otherwise now, say so.

    A cleaned copy in the place of the original: what was measured of the other sound is not true of this one.
    """
    cut = cut_clip(project, source, clip, options)
    measures: dict[str, float | str | None] = {name: getattr(cut, name) for name in OF_CUT}
    if _sounds_otherwise(clip, cut):
        changed_ids.add(clip.id)
        measures |= dict.fromkeys(VOIDED_BY_CUT)
        measures["sound_flags"] = sound_flags(replace(cut, **dict.fromkeys(VOIDED_BY_CUT)))  # type: ignore[arg-type]
    project.store.measure_clip(clip.id, **measures)
    return cut


def _sounds_otherwise(before: Clip, now: Clip) -> bool:
    """Whether the same piece has another peak or is clipped otherwise; other options alone change neither."""
    return any(getattr(before, name) not in (None, getattr(now, name)) for name in ("peak_dbfs", "clipped_fraction"))


def _cut(
    clips: Sequence[Clip],
    write: Callable[[Clip], Clip],
    reporter: Reporter,
    progress: tuple[int, int],
    title: str,
) -> Iterator[Clip]:
    """Write clips side by side (reading, resampling and writing let go of the interpreter), in order."""
    start, total = progress
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        futures = [pool.submit(write, clip) for clip in clips]
        try:
            for number, future in enumerate(futures, start + 1):
                reporter.check_stop()
                yield future.result()
                reporter.progress("cut", number, total, title)
        finally:
            for future in futures:
                future.cancel()
