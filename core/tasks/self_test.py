"""Job ``self_test``: one sentence by every way, measured, so that a broken one is found before anyone wonders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.audio.samples import Samples, read, resample, write_wav
from core.audio.synthetic import write_speech
from core.dataset.freeze import frozen_texts
from core.engines.registry import get_engine, light, texts
from core.engines.voice import SpokenWay
from core.errors import UserError
from core.files import read_json, write_json
from core.jobs.args.speech import SelfTestArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter, record_of
from core.measures import likeness
from core.measures.mel_distance import mel_distance
from core.project.workspace import Project
from core.synthesis.self_test import TABLE, live_sample, verdict
from core.synthesis.start import checkpoint_folder, reference_files
from core.training.run import Run
from core.training.samples import SPOKEN_ON, computing_device
from core.transcription import registry as recognition
from core.transcription.base import DecodeOptions, Recognizer
from core.transcription.load import Choice, open_model
from core.transcription.wer import cer

_RECOGNITION_HZ = 16_000
_WAYS = 7
_SAME_MEL = 0.5  # a second reading by the same voice is some 5 apart


def run(job: Job, project: Project, args: SelfTestArgs, reporter: Reporter) -> dict[str, Any]:
    """Write ``self_test.json`` into the job's folder with a row a way, and what was said as ``<way>.wav``.

    Returns:
        ``verdict``: the key of the sentence that says what the table means.
    """
    rows = test_voice(job, project, args, reporter)
    return {"verdict": verdict(rows), "voice": args.voice}


def test_voice(job: Job, project: Project, args: SelfTestArgs, reporter: Reporter) -> list[dict[str, Any]]:
    """Say the sentence by every way and measure each; the rows lie in the job's folder as far as they are there."""
    reporter.progress("load_engine", 0, 1)
    engine = get_engine(project.info.engine)
    base = engine.base_folder(project.workspace.models, args.base)
    reference = reference_files(project, args.checkpoint, args.reference_clip_ids)[0]
    checkpoint = checkpoint_folder(project, args.checkpoint)
    recognizer = open_recognizer(project, args.language, args.device, reporter)
    as_read = reader(project, base, args.language)
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
        reporter.progress("self_test", len(rows), _WAYS)
        if way.key == "recording":
            recording = way.samples
        if way.key == "checkpoint" and (live := _live(project, args, way)):
            rows.append(_measure(job, live, recording, recognizer, args.language, as_read))
        rows.append(_measure(job, way, recording, recognizer, args.language, as_read))
        if way.key == "vocoder" and (letters := _letters(project, args, base)) is not None:
            rows.append({"way": "vocabulary", "problem": letters})
        write_json(job.path / TABLE, {"rows": rows})
    return rows


def _live(project: Project, args: SelfTestArgs, way: SpokenWay) -> SpokenWay | None:
    """What the live weights said of the same when the checkpoint was saved, and whether it is what that says now.

    Kernels of another batch round otherwise; by ear and by mel that is nothing. Another device draws other noise from
    the same seed: what it said tells nothing.
    """
    path = live_sample(project, args)
    if path is None or way.samples is None or way.text != args.text or not _is_of_this_device(path, args.device):
        return None
    samples, rate = read(path)
    is_same = len(samples) == len(way.samples) and mel_distance(samples, way.samples, rate) < _SAME_MEL
    return SpokenWay("live", args.text, samples, rate, equals="checkpoint", is_equal=is_same)


def _is_of_this_device(sample: Path, device: str) -> bool:
    try:
        return bool(read_json(sample.with_name(SPOKEN_ON))["device"] == computing_device(device))
    except (OSError, ValueError, LookupError, TypeError):  # spoken by a version that noted none
        return False


def _letters(project: Project, args: SelfTestArgs, base: Path) -> str | None:
    """Letters of the sentence and the dataset that the base has no token for; None where that is no question."""
    missing_letters = light(project.info.engine).missing_letters
    if missing_letters is None:
        return None
    dataset = Run(project, args.checkpoint.run_id).dataset if args.checkpoint else None
    lines = [args.text, *(frozen_texts(dataset).values() if dataset and dataset.is_dir() else ())]
    missing = missing_letters(base, lines, args.language)
    return " ".join(letter.character for letter in missing if not letter.read_as and not letter.is_learnt)


def _measure(
    job: Job,
    way: SpokenWay,
    recording: Samples | None,
    recognizer: Recognizer | None,
    language: str,
    as_read: Callable[[str], str] = str,
) -> dict[str, Any]:
    """A row: likeness to the recording, character errors against the text, mel distance where the same is said."""
    row: dict[str, Any] = {"way": way.key, "equals": way.equals, "is_equal": way.is_equal, "problem": ""}
    if way.problem is not None:
        row |= {"problem": str(way.problem), "error": record_of(way.problem)}
    if way.samples is None or recording is None:
        return row
    write = write_wav if way.key == "recording" else write_speech
    write(job.path / f"{way.key}.wav", way.samples, way.rate)
    speaker = (recording, way.rate) if way.key != "recording" else None
    row |= judged(way.samples, way.rate, way.text, language, recognizer, speaker, as_read)
    if way.key == "vocoder":
        row["mel_distance"] = round(mel_distance(way.samples, recording, way.rate), 2)
    return row


def judged(
    samples: Samples,
    rate: int,
    text: str,
    language: str,
    recognizer: Recognizer | None,
    speaker: tuple[Samples, int] | None,
    as_read: Callable[[str], str] = str,
) -> dict[str, float]:
    """``likeness`` to a speaker's recording (samples and rate) and ``errors``, a share of characters, as far as there
    is something to measure them by; ``as_read`` tells how the engine reads a text."""
    facts: dict[str, float] = {}
    sound = resample(samples, rate, _RECOGNITION_HZ)
    if speaker is not None and likeness.available():
        reference = resample(*speaker, likeness.RATE_HZ)
        facts["likeness"] = round(float(np.dot(likeness.embed(sound), likeness.embed(reference))), 3)
    if recognizer is not None and text:
        transcript = recognizer.transcribe([sound], DecodeOptions(language=language))[0].text
        facts["errors"] = round(cer(as_read(text), as_read(transcript), language), 3)
    return facts


def reader(project: Project, base: Path, language: str) -> Callable[[str], str]:
    """How a base reads texts, so that numbers are written out alike in what is meant and heard."""
    return lambda text: texts(project.info.engine).read(base, text, language).text


def open_recognizer(project: Project, language: str, device: str, reporter: Reporter) -> Recognizer | None:
    """The built-in one; None where there is none: the other columns still tell."""
    try:
        model = recognition.choose("fast", language)
        return open_model(project.workspace, Choice(model, language, "", device, 1), reporter)
    except UserError as error:
        reporter.warning(
            "self_test.unheard",
            "No recogniser could be opened ({what}), so errors are not counted.",
            "Look at the Transcripts page.",
            what=error,
        )
        return None
