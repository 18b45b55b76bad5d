"""Job ``transcribe``: speech recognition of clips; every batch is stored as soon as it is transcribed."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import Cancelled, UserError
from core.jobs.args.clips import TranscribeArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import LOW_CONFIDENCE, MISMATCH, Clip, ClipFilter, clip_title
from core.project.workspace import Project
from core.reasons import reason_of
from core.transcription.base import DecodeOptions, Transcript
from core.transcription.batch import FAULTS, transcribe_clips
from core.transcription.load import Choice, open_model
from core.transcription.store import flag_all, store_second, store_transcript, without_second_opinion


@dataclass
class Tally:
    """What came of it. ``kept`` were heard again but keep the text a person gave or approved."""

    heard: int = 0
    kept: int = 0
    silent: int = 0
    failed: int = 0
    low: int = 0
    left: int = 0
    second: int = 0  # clips a second model heard as well
    differ: int = 0  # of these, those it heard otherwise
    confidences: list[float] = field(default_factory=list)
    flags: dict[str, int] = field(default_factory=dict)

    def result(self, model: str, device: str) -> dict[str, Any]:
        """Facts for the closing sentence; ``confidence`` is the mean of the clips, 0 to 1."""
        mean = sum(self.confidences) / len(self.confidences) if self.confidences else 0.0
        names = ("heard", "kept", "silent", "failed", "low", "left", "second", "differ", "flags")
        facts = {name: getattr(self, name) for name in names}
        return {**facts, "confidence": round(mean, 3), "model": model, "device": device}


def run(job: Job, project: Project, args: TranscribeArgs, reporter: Reporter) -> dict[str, Any]:
    """Hear the clips that were not heard yet, or all of them ``again``; then have them checked as asked.

    Raises:
        UserError: a model cannot be used, or not a single clip could be heard.
        Cancelled: Stop was pressed; holds the result so far.
    """
    clips = project.store.clips(ClipFilter("usable" if args.again else "unheard"))
    tally, device = Tally(left=len(clips)), ""
    try:
        if clips:
            device = _first(project, clips, args, reporter, tally)
        if args.second:
            _second(project, args, reporter, tally)
        tally.flags = flag_all(project)
        if args.measure:
            _measure(project, reporter)
    except Cancelled:
        raise Cancelled(tally.result(args.model, device)) from None
    return tally.result(args.model, device)


def _first(project: Project, clips: list[Clip], args: TranscribeArgs, reporter: Reporter, tally: Tally) -> str:
    """Hear clips with the chosen model; returns the device it ran on."""
    language = args.language or project.info.language
    choice = Choice(args.model, language, args.engine, args.device, args.beam_size)
    recognizer = open_model(project.workspace, choice, reporter)
    options = DecodeOptions(language, args.prompt, args.words)

    def keep(clip: Clip, transcript: Transcript) -> None:
        _keep(project, clip, transcript, tally)

    def count(clip: Clip) -> None:
        tally.left -= 1

    tally.failed = _transcribe_all(project, clips, recognizer, options, "asr_hear", reporter, keep, count)
    if tally.failed == len(clips):
        raise UserError(
            "transcribe.all_failed",
            "None of the {count} clips could be transcribed.",
            "The warnings say why. Cutting the recordings into clips again may help.",
            count=len(clips),
        )
    return recognizer.device


def _second(project: Project, args: TranscribeArgs, reporter: Reporter, tally: Tally) -> None:
    """Have a second model hear what has none, and compare. Where it cannot be had, what was just heard stays."""
    clips = without_second_opinion(project)
    if not clips:
        return
    language = args.language or project.info.language
    choice = Choice(args.second, language, args.second_engine, args.device, args.beam_size)
    try:
        recognizer = open_model(project.workspace, choice, reporter)
    except UserError as error:
        if error.code != "asr.no_network" or not tally.heard:
            raise
        reporter.warning(
            "asr.no_second",
            "The clips were not checked: the model {label} could not be downloaded, because {host} cannot be reached "
            "({what}).",
            "The transcripts are complete without it. To check them, look at the internet connection and start again.",
            **error.values,
        )
        return
    options = DecodeOptions(language, args.prompt)

    def keep(clip: Clip, transcript: Transcript) -> None:
        tally.second += 1
        tally.differ += store_second(project, clip, transcript) > MISMATCH

    _transcribe_all(project, clips, recognizer, options, "asr_second", reporter, keep, lambda _: None)


def _transcribe_all(
    project: Project,
    clips: list[Clip],
    recognizer: Any,
    options: DecodeOptions,
    stage: str,
    reporter: Reporter,
    keep: Callable[[Clip, Transcript], None],
    count: Callable[[Clip], None],
) -> int:
    """Hear clips batch by batch and ``keep`` each; returns how many could not be heard."""
    count_done = failures = 0
    recordings = {source.id: source.title for source in project.store.sources()}
    began = time.monotonic()
    reporter.progress(stage, 0, len(clips))

    def fewer(size: int) -> None:
        reporter.warning(
            "transcribe.fewer_at_once",
            "Memory ran out; clips are now heard {count} at a time.",
            "Nothing is lost, it only takes longer. A smaller model would need less.",
            count=size,
        )

    for batch, share in transcribe_clips(project, clips, recognizer, options, reporter.check_stop, fewer):
        for clip, result in batch:
            if isinstance(result, Transcript):
                keep(clip, result)
            else:
                failures += 1
                _set_aside(clip_title(clip, recordings.get(clip.source_id, "")), result, reporter)
            count(clip)
        count_done += len(batch)
        left_s = (time.monotonic() - began) * (1 - share) / share
        last = batch[-1][0]
        item = clip_title(last, recordings.get(last.source_id, ""))
        reporter.progress(stage, count_done, len(clips), item=item, eta_s=left_s)
    return failures


def _keep(project: Project, clip: Clip, transcript: Transcript, tally: Tally) -> None:
    updated_clip = store_transcript(project, clip, transcript)
    if updated_clip is None:
        return  # cut away while the job was running
    tally.heard += 1
    tally.kept += updated_clip.text != transcript.text
    tally.silent += not transcript.text
    tally.low += bool(transcript.text) and transcript.confidence < LOW_CONFIDENCE
    tally.confidences.append(transcript.confidence)


def _set_aside(title: str, error: Exception, reporter: Reporter) -> None:
    """Name the clip that could not be heard.

    Raises:
        Exception: one that is no fault of the clip (a `UserError` is about the model): it ends the job.
    """
    if not isinstance(error, FAULTS):
        raise error
    reporter.warning(
        "transcribe.clip_failed",
        "The clip “{clip}” could not be transcribed ({what}) and was left out.",
        "Listen to it; cut its recording into clips again, or reject it.",
        clip=title,
        what=reason_of(error),
    )


def _measure(project: Project, reporter: Reporter) -> None:
    """Measure the sound of clips that have not been measured yet."""
    if importlib.util.find_spec("core.measures") is None:
        return
    from core.measures.run import measure_clips

    measure_clips(project, project.store.clips(ClipFilter("usable")), reporter)
