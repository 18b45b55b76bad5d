"""Model loading: found, downloaded if need be, opened on the card or the processor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.jobs.parallel import map_in_threads
from core.jobs.reporter import Reporter
from core.project.workspace import Workspace
from core.reasons import reason_of
from core.transcription import builtin, download, registry
from core.transcription.base import Recognizer, check_language
from core.transcription.batch import Pool


@dataclass(frozen=True)
class Choice:
    """What was asked for. ``device`` is ``auto``, ``cuda`` or ``cpu``; ``engine`` may be empty."""

    model: str
    language: str
    engine: str
    device: str
    beam_size: int


def open_model(workspace: Workspace, choice: Choice, reporter: Reporter) -> Recognizer:
    """Find the model, join or download it if need be, and load it.

    Raises:
        UserError: see `registry.locate`, `builtin.join_base`, `download` and the engines' ``load``; ``asr.no_network``.
        Cancelled: Stop was pressed.
    """
    device = device_of(choice.device)
    model = registry.locate(workspace, choice.model, choice.language, choice.engine, card=device == "cuda")
    path = model.path or _fetch(workspace, model, reporter)
    reporter.progress("asr_load", 0, 1)
    # In a thread of its own: Stop need not wait until a large model has come from the disk.
    work = map_in_threads([path], lambda path: _open(model, path, device, choice, reporter), 1, reporter.check_stop)
    _, recognizer = next(work)
    if isinstance(recognizer, Exception):
        raise recognizer
    check_language(model.id, recognizer.english_only, choice.language)
    return recognizer


def device_of(device: str) -> str:
    """``cuda`` or ``cpu``; asks PyTorch only if it may be a card."""
    if device == "cpu" or not registry.has_card():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _open(model: registry.ModelLocation, path: Path, device: str, choice: Choice, reporter: Reporter) -> Recognizer:
    if model.engine == registry.OPENAI_WHISPER:
        return _open_openai(model, path, device, choice.beam_size)
    from core.transcription import faster_whisper_engine

    # CTranslate2 wants other CUDA libraries than PyTorch brings: it uses the card only where asked to by name.
    if choice.device == "cuda":
        try:
            return faster_whisper_engine.load(path, model.id, "cuda", choice.beam_size)
        except RuntimeError as error:
            reporter.warning(
                "asr.no_card",
                "faster-whisper cannot use the graphics card ({what}); it goes on with the processor.",
                "For the graphics card choose openai-whisper.",
                what=reason_of(error),
            )
    return faster_whisper_engine.load(path, model.id, "cpu", choice.beam_size)


def _open_openai(model: registry.ModelLocation, path: Path, device: str, beam_size: int) -> Recognizer:
    from core.transcription import openai_whisper_engine

    if device != "cuda":
        return openai_whisper_engine.load(path, model.id, device, beam_size)
    import torch

    cards = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    recognizers = [openai_whisper_engine.load(path, model.id, card, beam_size) for card in cards]
    return recognizers[0] if len(recognizers) == 1 else Pool(recognizers)


def _fetch(workspace: Workspace, model: registry.ModelLocation, reporter: Reporter) -> Path:
    if model.is_builtin:
        reporter.progress("asr_load", 0, 1)
        return builtin.join_base(registry.base_folder(workspace), reporter.check_stop)
    try:
        return _download(workspace, model, reporter)
    except UserError as error:
        if error.code != "download.no_network":
            raise
        raise UserError(
            "asr.no_network",
            "The recognition model {label} could not be downloaded: {host} cannot be reached ({what}).",
            "Choose “Fast”: it is built in and needs no network. Or look at the internet connection and try again; "
            "what has come so far is kept.",
            **error.values,
        ) from error


def _download(workspace: Workspace, model: registry.ModelLocation, reporter: Reporter) -> Path:
    folder = registry.model_folder(workspace, model.engine)

    def on_progress(so_far: int, total: int) -> None:
        reporter.progress("asr_download", so_far, total, item=model.id)

    if model.engine == registry.OPENAI_WHISPER:
        return download.fetch_openai_whisper(model.id, folder, on_progress, reporter.stop_requested)
    return download.fetch_faster_whisper(model.id, folder / model.id, on_progress, reporter.stop_requested)
