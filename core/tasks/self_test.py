"""Job ``self_test``: one sentence by every way, measured, so that a broken one is found before anyone wonders."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.audio.samples import Samples, resample, write_wav
from core.audio.synthetic import write_speech
from core.engines.base import SpokenWay
from core.engines.registry import get_engine
from core.errors import UserError
from core.files import write_json
from core.jobs.args import SelfTestArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures import likeness
from core.measures.mel_distance import mel_distance
from core.project.workspace import Project
from core.synthesis.self_test import TABLE, verdict
from core.synthesis.start import checkpoint_folder, reference_files
from core.transcription import registry as recognition
from core.transcription.base import DecodeOptions, Recognizer
from core.transcription.load import Choice, open_model
from core.transcription.wer import cer

_RECOGNITION_HZ = 16_000


def run(job: Job, project: Project, args: SelfTestArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``self_test.json`` into the job's folder with a row a way, and what was said as ``<way>.wav``.

    Returns:
        ``verdict``: the key of the sentence that says what the table means.
    """
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, args.base)
    reference = reference_files(project, args.checkpoint, args.reference_clip_ids)[0]
    checkpoint = checkpoint_folder(project, args.checkpoint)
    recognizer = _recognizer(project, args, reporter)
    rows: list[dict[str, Any]] = []
    recording: Samples | None = None
    ways = engine.self_test(
        base,
        checkpoint,
        reference,
        args.text,
        args.language,
        args.seed,
        scratch=job.path,
        device=args.device,
        should_stop=reporter.stop_requested,
    )
    for way in ways:
        reporter.check_stop()
        reporter.progress("self_test", len(rows), 5)
        if way.key == "recording":
            recording = way.samples
        rows.append(_measure(job, way, recording, recognizer, args.language))
        write_json(job.path / TABLE, {"rows": rows})
    return {"verdict": verdict(rows), "voice": args.voice}


def _measure(
    job: Job, way: SpokenWay, recording: Samples | None, recognizer: Recognizer | None, language: str
) -> dict[str, Any]:
    """A row: likeness to the recording, character errors against the text, mel distance where the same is said."""
    row: dict[str, Any] = {"way": way.key, "equals": way.equals, "is_equal": way.is_equal, "problem": way.problem}
    if way.samples is None or recording is None:
        return row
    write = write_wav if way.key == "recording" else write_speech
    write(job.path / f"{way.key}.wav", way.samples, way.rate)
    heard = resample(way.samples, way.rate, _RECOGNITION_HZ)
    if likeness.available() and way.key != "recording":
        known = resample(recording, way.rate, likeness.RATE_HZ)
        row["likeness"] = round(float(np.dot(likeness.embed(heard), likeness.embed(known))), 3)
    if recognizer is not None and way.text:
        text = recognizer.transcribe([heard], DecodeOptions(language=language))[0].text
        row["errors"] = round(cer(way.text, text, language), 3)
    if way.key == "vocoder":
        row["mel_distance"] = round(mel_distance(way.samples, recording, way.rate), 2)
    return row


def _recognizer(project: Project, args: SelfTestArgs, reporter: Reporter) -> Recognizer | None:
    """The built-in one; None where there is none: the other columns still tell."""
    try:
        model = recognition.choose("fast", args.language)
        return open_model(project.workspace, Choice(model, args.language, "", args.device, 1), reporter)
    except UserError as error:
        reporter.warning(
            "self_test.unheard",
            "No recogniser could be opened ({what}), so errors are not counted.",
            "Look at the Transcripts page.",
            what=error.text,
        )
        return None
