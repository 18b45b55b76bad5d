"""Writes down what is said in each clip; every clip is stored as soon as it is heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import soundfile

from core.audio.samples import read
from core.errors import Cancelled, UserError
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.records import LOW_CONFIDENCE, Clip
from core.transcription import download, registry
from core.transcription.background import each
from core.transcription.base import SAMPLE_RATE_HZ, Heard, Recognizer, check_language
from core.workspace import Project, Workspace

_SHORTEST = SAMPLE_RATE_HZ // 10  # a tenth of a second: nothing to be heard in less


@dataclass
class Tally:
    """What came of it. ``kept`` were heard again but keep the text a person gave or approved."""

    heard: int = 0
    kept: int = 0
    silent: int = 0
    failed: int = 0
    low: int = 0
    left: int = 0
    confidences: list[float] = field(default_factory=list)

    def result(self, model: str, device: str) -> dict[str, Any]:
        """Facts for the closing sentence; ``confidence`` is the mean of the clips, 0 to 1."""
        mean = sum(self.confidences) / len(self.confidences) if self.confidences else 0.0
        facts = {name: getattr(self, name) for name in ("heard", "kept", "silent", "failed", "low", "left")}
        return {**facts, "confidence": round(mean, 3), "model": model, "device": device}


def run(job: Job, arguments: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Hear the clips that were not heard yet, or all of them ``again``.

    Args:
        arguments: ``model``, and what else `start_transcribe` takes.

    Raises:
        UserError: the model cannot be used, or not a single clip could be heard.
        Cancelled: Stop was pressed; holds the result so far.
    """
    project = Workspace(Path(arguments["workspace"])).project(arguments["project"])
    again = bool(arguments.get("again"))
    clips = [clip for clip in project.store.clips() if clip.status != "rejected" and (again or clip.confidence is None)]
    tally = Tally(left=len(clips))
    model = str(arguments["model"])
    if not clips:
        return tally.result(model, "")
    device = ""
    try:
        recognizer = load(project, arguments, reporter)
        device = recognizer.device
        reporter.progress("asr_hear", 0, len(clips))
        work = partial(_hear, project, recognizer, arguments)
        for clip, heard in each(clips, work, recognizer.at_once, reporter.check_stop):
            _keep(project, clip, heard, reporter, tally)
            tally.left -= 1
            reporter.progress("asr_hear", len(clips) - tally.left, len(clips), item=clip.id)
    except Cancelled:
        raise Cancelled(tally.result(model, device)) from None
    if tally.failed == len(clips):
        raise UserError(
            "transcribe.all_failed",
            "None of the {count} clips could be transcribed.",
            "The warnings say why. Cutting the recordings into clips again may help.",
            count=len(clips),
        )
    return tally.result(model, device)


def load(project: Project, arguments: dict[str, Any], reporter: Reporter) -> Recognizer:
    """Find the model, download it if need be, and load it."""
    language, beam_size = _language(project, arguments), int(arguments.get("beam_size", 5))
    device = _device(str(arguments.get("device", "auto")))
    found = registry.locate(
        project.workspace,
        str(arguments["model"]),
        language,
        str(arguments.get("engine", "")),
        card=device == "cuda",
    )
    path = found.path or _download(project.workspace, found, reporter)
    reporter.progress("asr_load", 0, 1)
    # In a thread of its own: Stop need not wait until a large model has come from the disk.
    opening = each(
        [path], lambda path: _open(found, path, device, arguments, beam_size, reporter), 1, reporter.check_stop
    )
    _, recognizer = next(opening)
    if isinstance(recognizer, Exception):
        raise recognizer
    check_language(found.id, recognizer.english_only, language)
    return recognizer


def _open(
    found: registry.Located, path: Path, device: str, arguments: dict[str, Any], beam_size: int, reporter: Reporter
) -> Recognizer:
    if found.engine == registry.OPENAI_WHISPER:
        from core.transcription import openai_whisper_engine

        return openai_whisper_engine.load(path, found.id, device, beam_size)
    from core.transcription import faster_whisper_engine

    # CTranslate2 wants other CUDA libraries than PyTorch brings: it uses the card only where asked to by name.
    if arguments.get("device") == "cuda":
        try:
            return faster_whisper_engine.load(path, found.id, "cuda", beam_size)
        except RuntimeError as error:
            reporter.warning(
                "asr.no_card",
                "faster-whisper cannot use the graphics card ({what}); it goes on with the processor.",
                "For the graphics card choose openai-whisper.",
                what=str(error)[:200],
            )
    return faster_whisper_engine.load(path, found.id, "cpu", beam_size)


def _hear(project: Project, recognizer: Recognizer, arguments: dict[str, Any], clip: Clip) -> Heard:
    samples, _ = read(project.clip_file(clip.id), sample_rate=SAMPLE_RATE_HZ)
    if len(samples) < _SHORTEST:
        raise ValueError("it is empty")
    return recognizer.transcribe(samples, _language(project, arguments), str(arguments.get("prompt", "")))


def _keep(project: Project, clip: Clip, heard: Heard | Exception, reporter: Reporter, tally: Tally) -> None:
    """Store what was heard in a clip, or name the clip that could not be heard.

    Raises:
        Exception: one that is no fault of the clip (a `UserError` is about the model): it ends the job.
    """
    if isinstance(heard, (OSError, ValueError, RuntimeError, soundfile.SoundFileError)):
        tally.failed += 1
        reporter.warning(
            "transcribe.clip_failed",
            "The clip {clip} could not be transcribed ({what}) and was left out.",
            "Listen to it; cut its recording into clips again, or reject it.",
            clip=clip.id,
            what=str(heard)[:200],
        )
        return
    if isinstance(heard, Exception):
        raise heard
    stored = project.store.hear_clip(clip.id, heard.text, heard.confidence, heard.language)
    if stored is None:
        return  # cut away while the job was running
    tally.heard += 1
    tally.kept += stored.text != heard.text
    tally.silent += not heard.text
    tally.low += bool(heard.text) and heard.confidence < LOW_CONFIDENCE
    tally.confidences.append(heard.confidence)


def _download(workspace: Workspace, found: registry.Located, reporter: Reporter) -> Path:
    folder = registry.model_folder(workspace, found.engine)

    def on_progress(done: int, total: int) -> None:
        reporter.progress("asr_download", done, total, item=found.id)

    if found.engine == registry.OPENAI_WHISPER:
        return download.fetch_openai_whisper(found.id, folder, on_progress, reporter.stop_requested)
    return download.fetch_faster_whisper(found.id, folder / found.id, on_progress, reporter.stop_requested)


def _language(project: Project, arguments: dict[str, Any]) -> str:
    return str(arguments.get("language") or project.info.language)


def _device(wanted: str) -> str:
    """``cuda`` or ``cpu``; asks PyTorch only if it may be a card."""
    if wanted == "cpu" or not registry.has_card():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
