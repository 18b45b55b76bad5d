"""Job ``train``: check the dataset, compute features once, then loop until done or stopped."""

from __future__ import annotations

import contextlib
import functools
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import frozen_texts
from core.engines.base import Engine
from core.engines.manifest import verify
from core.engines.options import TrainConfig
from core.engines.registry import get_engine, info
from core.engines.session import Features, TrainSession
from core.engines.voice import ReferenceClip
from core.errors import UserError
from core.evaluation.companion import Companion
from core.evaluation.scorecard import recommended_step
from core.evaluation.start import start_evaluate
from core.files import write_json
from core.jobs import events
from core.jobs.args.speech import SelfTestArgs, VoiceArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job, JobView
from core.jobs.reporter import Reporter
from core.notifications.start import on_full_disk
from core.project.workspace import Project
from core.reasons import out_of_memory, reason_of
from core.settings import Settings
from core.synthesis.exports import exports
from core.synthesis.saved_voices import saved_voices
from core.synthesis.self_test import is_base_tested, start_self_test
from core.system import cuda_errors
from core.training import multi_process
from core.training.checkpoints import Checkpoints
from core.training.config import read_config
from core.training.diagnosis import best_checkpoint
from core.training.early_stopping import best_sounding
from core.training.loop import Loop
from core.training.requests import pinned_steps
from core.training.run import CONFIG, FITS, Run, RunView, as_trained
from core.training.sample_measures import SampleMeasures, Unmeasured
from core.training.samples import SampleSpeaker, Sentences, computing_device, references
from core.training.sentences import held_out
from core.training.trackers import trackers_of
from core.training.trash import spoken_to_compare

CHECK = "check.json"


def run(job: Job, project: Project, args: TrainArgs, reporter: Reporter) -> dict[str, Any]:
    """Train the run in ``job``'s folder, from its newest complete state if there is one.

    Returns:
        ``step``, ``steps``, ``checkpoints`` and the last losses.

    Raises:
        Cancelled: Stop was pressed; with the same facts if there was anything to keep.
        UserError: the base or the dataset cannot be used, or the card's memory is too small.
    """
    config, _ = read_config(job.path / CONFIG)
    dataset = project.datasets / args.dataset
    engine_name = project.info.engine
    checkpoints = Checkpoints(job.path)
    checkpoints.mend()
    state = resume_from(checkpoints, reporter)

    with multi_process.process_group() as group:
        reporter.progress("load_engine", 0, 1)
        engine = get_engine(engine_name)
        base = engine.base_folder(project.workspace.models, args.base)
        verify(base, reporter.check_stop)
        device = args.device
        _check(job, engine, dataset, base, reporter)
        with _card_errors_told():
            features = engine.prepare(dataset, base, project.features, reporter, device=device)
            if not features.val:
                reporter.warning(
                    "train.no_validation",
                    "No clip is kept back for checking, so the error on unseen sentences cannot be measured.",
                    "A dataset of ten clips or more keeps some back.",
                )
            reporter.check_stop()
            _try(job.path, engine, config, features, base, device, reporter)
            reporter.check_stop()
            config = as_trained(config, job.path)
            reporter.progress("load_base", 0, 1)
            with contextlib.closing(trackers_of(job.path, config, Settings(**{}).wandb_project, reporter)) as trackers:
                reporter.on_event = trackers.log
                loading = multi_process.Loading(engine_name, dataset, base, project.features, config, state, device)
                group.begin(loading)
                session = group.lead(engine.start(config, features, base, state, device=device))
                reporter.start(step=session.step_number)
                checkpoints.discard_later(keep_to=session.step_number)
                speaker = _speaker(
                    job.path, engine_name, config, features, dataset, session, reporter, computing_device(device)
                )
                clear = functools.partial(_clear, project, job, reporter)
                tell = functools.partial(on_full_disk, job)
                with contextlib.closing(_measures(config, reporter)) as measures:
                    facts = Loop(session, config, checkpoints, speaker, reporter, clear, tell, measures).run()
                _score_afterwards(project, args, reporter)
                _test_afterwards(project, args, session.step_number, reporter)
                return facts


@contextlib.contextmanager
def _card_errors_told() -> Iterator[None]:
    """Errors of a card become those that a person is told."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        card_error = cuda_errors.too_small() if out_of_memory(error) else cuda_errors.translate(error)
        if card_error is None:
            raise
        raise card_error from error


def _measures(config: TrainConfig, reporter: Reporter) -> SampleMeasures:
    """What measures the samples while the run trains: where that is wished, or the run is to end by them."""
    ends_by_samples = config.early_stop and config.early_stop_by == "samples"
    if config.sample_sentences:
        return Companion(reporter) if config.measure_samples or ends_by_samples else Unmeasured()
    if ends_by_samples:
        reporter.warning(
            "train.no_samples_to_end_by",
            "The run is to end by how its samples sound, but it speaks none: it goes on to its last update.",
            "Start a new one that speaks test sentences, or that ends by the error on unseen sentences.",
        )
    return Unmeasured()


def _score_afterwards(project: Project, args: TrainArgs, reporter: Reporter) -> None:
    """Have the checkpoints scored where the settings say so: the job waits until this one has left the card."""
    if not Settings(**{}).score_runs:
        return
    try:
        start_evaluate(project, reporter.job.id, device=args.device)
    except UserError as error:
        reporter.set_aside(error)


def _test_afterwards(project: Project, args: TrainArgs, step: int, reporter: Reporter) -> None:
    """After the first training on a base its voice is tested by every way: the job waits until this one has ended."""
    if is_base_tested(project, args.base):
        return
    try:
        start_self_test(
            project, SelfTestArgs(checkpoint=CheckpointRef(reporter.job.id, step), base=args.base, device=args.device)
        )
    except UserError as error:
        reporter.set_aside(error)


def resume_from(checkpoints: Checkpoints, reporter: Reporter) -> Path | None:
    """The newest sound checkpoint; what is damaged is named, and trained anew."""

    def on_damage(step: int, file: str) -> None:
        reporter.warning(
            "train.damaged_checkpoint",
            "The checkpoint at step {step} is damaged: its file {file} is not what was saved.",
            "The run goes on from the one before it and repeats what came after. Look after the disk.",
            step=step,
            file=file,
        )

    return checkpoints.sound_state(on_damage)


def _try(
    run: Path,
    engine: Engine[TrainConfig, Features, object],
    config: TrainConfig,
    features: Features,
    base: Path,
    device: str,
    reporter: Reporter,
) -> None:
    """Try what fits, if that is wished: once, before the run begins, so that a resumed one goes on with the same."""
    if not config.auto_batch or (run / FITS).exists():
        return
    reporter.progress("fits", 0, 1)
    fits = engine.fits(config, features, base, device=device, should_stop=reporter.stop_requested)
    cuda_errors.free_memory()
    if fits is None:
        return
    write_json(run / FITS, asdict(fits))
    reporter.warning(
        "train.fitted",
        "Tried on the longest clips: {clips} at once, {times} times an update, fit into the memory (about {gb} GB).",
        "The run should take about {minutes} minutes beside speaking.",
        clips=fits.micro_batch,
        times=fits.accumulation,
        gb=round(fits.memory_mb / 1024, 1),
        minutes=max(1, round(60 * fits.hours(config.max_steps))),
    )


def _clear(project: Project, job: Job, reporter: Reporter) -> list[int]:
    """Clear away checkpoints that are too many. What is needed cannot be known with a broken database: then none."""
    try:
        return prune(Run(project, job.id), reporter.view)
    except (OSError, ValueError, LookupError, sqlite3.Error) as error:
        reporter.warning(
            "train.not_pruned",
            "Older checkpoints could not be cleared away ({what}).",
            "The training goes on; it needs more room on the disk.",
            what=reason_of(error),
        )
        return []


def surplus(steps: Sequence[int], limit: int, required_steps: Collection[int]) -> list[int]:
    """Steps to remove so that ``most`` are left, those that lie closest between their neighbours first.

    What is left so stays spread over the whole run, and the ears have something to compare. The base (0), the first
    and the last never go, nor what is ``needed``; 0 keeps all.
    """
    rest = sorted(step for step in steps if step > 0)
    removed_steps: list[int] = []
    while limit and len(rest) > limit:
        gaps = [(rest[n + 1] - rest[n - 1], rest[n]) for n in range(1, len(rest) - 1) if rest[n] not in required_steps]
        if not gaps:
            break
        removed_steps.append(min(gaps)[1])
        rest.remove(removed_steps[-1])
    return removed_steps


def _required_steps(run: Run, view: RunView) -> set[int]:
    """Steps that must stay: to resume from, best, recommended, voted on, saved voices', exported, asked to keep, wanted
    by a job."""
    project = run.project
    refs = {checkpoint for vote in project.store.votes() for checkpoint in (vote.left, vote.right)}
    refs |= {export.checkpoint for export in exports(project) if export.checkpoint}
    refs |= {voice.checkpoint for voice in saved_voices(project) if voice.checkpoint}
    for job in project.all_jobs():
        if job.id != run.id and job.alive():
            args = job.spec().args
            if isinstance(args, VoiceArgs) and args.checkpoint:
                refs.add(args.checkpoint)
    steps = {ref.step for ref in refs if ref.run_id == run.id} | pinned_steps(run.path)
    steps |= set(run.checkpoints.resumable())
    recommended = recommended_step(project, run)
    steps |= set() if recommended is None else {recommended}
    best = {best_checkpoint(view), best_sounding(view.job.metrics)} - {None, 0}
    return steps | {step for step in best if step is not None}


def prune(run: Run, job: JobView | None = None) -> list[int]:
    """Remove what is too many; returns the steps. What they said stays on the disk and on the Train page.

    ``job`` is what is known of the run already; else its log is read.
    """
    view = run.read(job)
    surplus_steps = surplus(run.checkpoints.steps(), view.config.keep_checkpoints, _required_steps(run, view))
    for step in surplus_steps:
        run.checkpoints.remove(step)
        for folder in spoken_to_compare(run.project, CheckpointRef(run.id, step)):
            shutil.rmtree(folder, ignore_errors=True)
    return surplus_steps


def _check(
    job: Job, engine: Engine[TrainConfig, Features, object], dataset: Path, base: Path, reporter: Reporter
) -> None:
    """Name every clip that cannot be learnt from, before anything slow begins, and write the report down."""
    path = job.path / CHECK
    if path.exists():
        return  # done when the run began; neither the dataset nor the base has changed since

    texts = frozen_texts(dataset)

    def on_clip(index: int, total: int, clip_id: str) -> None:
        reporter.check_stop()
        reporter.progress("check_dataset", index, total, texts.get(clip_id, ""))

    report = engine.check(dataset, base, on_clip)
    for problem in report.dropped:
        hint = "It is left out of the training."
        reporter.emit(events.Warning(code=problem.code, text=problem.text, hint=hint, values=problem.values))
    write_json(path, asdict(report))


def _speaker(
    run_folder: Path,
    engine: str,
    config: TrainConfig,
    features: Features,
    dataset: Path,
    session: TrainSession[object],
    reporter: Reporter,
    device: str,
) -> SampleSpeaker:
    """Fix the sentences and references when a run begins, and listen to the references once."""

    def choose() -> Sentences:
        reference_ids = references([(clip.id, clip.seconds) for clip in features.train], info(engine))
        texts = held_out(features.language, [clip.text for clip in features.val], config.sample_sentences, engine)
        return Sentences(tuple(texts), features.language, reference_ids, config.seed)

    reporter.progress("conditioning", 0, 1)
    sentences = Sentences.frozen(run_folder, choose)
    texts = {clip.id: clip.text for clip in features.train}
    clips = [
        ReferenceClip(dataset / "wavs" / f"{id_}.wav", texts.get(id_, ""), features.language)
        for id_ in sentences.references
    ]
    conditioning = session.voice().condition(clips)
    return SampleSpeaker(run_folder, sentences, conditioning, session.voice, reporter, device=device)
