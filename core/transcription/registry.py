"""Which recognition engines and models there are, where they lie, and which one to take. Light."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.project.workspace import Workspace
from core.system.hardware import cards
from core.transcription import builtin
from core.transcription.base import check_language

FASTER_WHISPER = "faster-whisper"
OPENAI_WHISPER = "openai-whisper"
_MODULES = {FASTER_WHISPER: "faster_whisper", OPENAI_WHISPER: "whisper"}
# What a folder needs to be a model: without its own tokenizer faster-whisper would go and ask a model hub.
_CT2_FILES = ("model.bin", "config.json", "tokenizer.json")

# Download size in megabytes; both engines' files differ by less than a tenth.
SIZES_MB = {
    "tiny.en": 76,
    "tiny": 76,
    "base.en": 145,
    "base": 145,
    "small.en": 484,
    "small": 484,
    "medium.en": 1528,
    "medium": 1528,
    "large-v1": 3087,
    "large-v2": 3087,
    "large-v3": 3087,
    "turbo": 1618,
    "distil-small.en": 333,
    "distil-medium.en": 789,
    "distil-large-v2": 1513,
    "distil-large-v3": 1513,
    "distil-large-v3.5": 1513,
}
QUALITIES = ("fast", "balanced", "best")


@dataclass(frozen=True)
class AsrEngine:
    """A library that runs Whisper models. ``reason`` says why it is not available."""

    name: str
    label: str
    available: bool
    reason: str = ""


@dataclass(frozen=True)
class AsrModel:
    """A model one may choose. ``languages`` is ``("en",)`` or, for all languages of Whisper, empty.

    ``engine`` is empty where either engine will do; ``label_key`` is looked up in the page's language.
    """

    id: str
    label_key: str
    engine: str
    size_mb: int
    is_downloaded: bool
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    """A choice in words: ``key`` is fast, balanced or best."""

    key: str
    model: AsrModel


@dataclass(frozen=True)
class ModelLocation:
    """A model and the engine that will run it.

    ``path`` is None where it must be downloaded first or, built in (``is_builtin``), joined from its halves.
    """

    id: str
    engine: str
    path: Path | None
    english_only: bool | None  # None: known once it is loaded
    is_builtin: bool = False


def is_distilled(name: str) -> bool:
    """Whether it is one of the distilled models: about twice as fast, English only, for faster-whisper alone."""
    return name.startswith("distil-")


def is_english_only(name: str) -> bool:
    """Whether a model of this name knows no other language."""
    return name.endswith(".en") or is_distilled(name)


def engines() -> list[AsrEngine]:
    """All engines, found without importing them."""
    entries = []
    for name, module in _MODULES.items():
        is_there = importlib.util.find_spec(module) is not None
        entries.append(AsrEngine(name, name, is_there, "" if is_there else f"The package {name} is not installed."))
    return entries


def has_card() -> bool:
    """Whether there is an NVIDIA card; says nothing of whether PyTorch can use it."""
    return bool(cards())


def default_engine(card: bool) -> str:
    """openai-whisper on a card (it shares PyTorch's CUDA libraries), faster-whisper on the processor."""
    engine_name = OPENAI_WHISPER if card else FASTER_WHISPER
    names = [engine.name for engine in engines() if engine.available]
    return engine_name if engine_name in names or not names else names[0]


def model_folder(workspace: Workspace, engine: str) -> Path:
    """Where downloaded models of an engine lie."""
    return workspace.models / "whisper" / engine


def base_folder(workspace: Workspace) -> Path:
    """Where the built-in model of all languages is joined, once it is first used."""
    return workspace.models / "whisper" / "builtin" / "base"


def downloaded_path(workspace: Workspace, name: str, engine: str) -> Path | None:
    """A downloaded model: a folder (faster-whisper) or a ``.pt`` file (openai-whisper); None if not there."""
    folder = model_folder(workspace, engine)
    if engine == OPENAI_WHISPER:
        file = folder / f"{name}.pt"
        return file if file.is_file() else None
    return folder / name if is_ct2_folder(folder / name) else None


def is_ct2_folder(folder: Path) -> bool:
    """Whether a folder holds a whole faster-whisper model."""
    return all((folder / name).is_file() for name in _CT2_FILES)


def models(workspace: Workspace, engine: str = "") -> list[AsrModel]:
    """The built-in models, if installed, and every model there is by name; from light to heavy."""
    usual = engine or default_engine(has_card())
    entries = _builtin_models() if engine in ("", FASTER_WHISPER) else []
    for name, size_mb in SIZES_MB.items():
        only = FASTER_WHISPER if is_distilled(name) else ""
        if only and engine not in ("", only):
            continue
        runs_on = only or usual
        is_local = downloaded_path(workspace, name, runs_on) is not None or _is_builtin_base(name, runs_on)
        key = "transcripts_models." + name.replace(".", "_").replace("-", "_")
        entries.append(AsrModel(name, key, engine or only, size_mb, is_local, ("en",) if is_english_only(name) else ()))
    return entries


def _builtin_models() -> list[AsrModel]:
    entries = []
    if builtin.tiny_en_folder():
        entries.append(
            AsrModel(builtin.TINY_EN, "transcripts_models.builtin_english", FASTER_WHISPER, 0, True, ("en",))
        )
    if builtin.has_base():
        entries.append(AsrModel(builtin.BASE, "transcripts_models.builtin_all", FASTER_WHISPER, 0, True, ()))
    return entries


def _is_builtin_base(name: str, engine: str) -> bool:
    """Whether a model by name is the built-in one of all languages, which then need not be downloaded."""
    return name == "base" and engine == FASTER_WHISPER and builtin.has_base()


def choose(quality: str, language: str) -> str:
    """The model of a quality in words: ``fast`` (built in), ``balanced`` or ``best``."""
    english = language.split("-")[0].lower() == "en"
    if quality == "fast" and english:
        return builtin.TINY_EN if builtin.tiny_en_folder() else "tiny.en"
    if quality == "fast":
        return builtin.BASE if builtin.has_base() else "base"
    if quality == "balanced":
        return "small.en" if english else "small"
    if quality == "best":
        return "turbo"
    raise ValueError(f"no quality {quality!r}; there are {', '.join(QUALITIES)}")


def second_choice(workspace: Workspace, model: str, language: str) -> AsrModel:
    """A model of its own mind to check what ``model`` heard: one that is on this computer already, else a small one."""
    english = language.split("-")[0].lower() == "en"
    fallbacks = ("small.en", "base.en") if english else ("small", "base")
    by_id = {m.id: m for m in models(workspace)}
    # tiny models disagree too often for their word to count, unless they are all there is; what somebody downloaded
    # comes before the built-in base.
    local = [m for m in by_id.values() if m.is_downloaded and (english or not m.languages)]
    local.sort(key=lambda m: ("tiny" in m.id, same_weights(m.id, builtin.BASE), m.size_mb))
    candidates = [m for m in (*local, *(by_id[name] for name in fallbacks)) if not same_weights(m.id, model)]
    better = [m for m in candidates if "tiny" not in m.id]
    return (better or candidates)[0]


def same_weights(first: str, second: str) -> bool:
    """Whether two choices are the same model, be it in two engines: one is no second opinion on the other."""
    return first.removeprefix("builtin:") == second.removeprefix("builtin:")


def qualities(workspace: Workspace, language: str) -> list[Quality]:
    """The three choices in words with the model behind each."""
    by_id = {model.id: model for model in models(workspace)}
    return [Quality(key, by_id[choose(key, language)]) for key in QUALITIES]


def locate(workspace: Workspace, model: str, language: str, engine: str = "", *, card: bool = False) -> ModelLocation:
    """Find a model by what was chosen: a built-in one, a name, or the path of a folder or ``.pt`` file.

    Args:
        language: code of the voice engine, or empty to let the model find it out.
        engine: one of `engines`, or empty for the one that suits the model and machine.
        card: whether the work will be done on a graphics card.

    Raises:
        UserError: ``asr.unknown_model``, ``asr.wrong_folder``, ``asr.wrong_engine``, ``asr.engine_missing``,
            ``asr.english_only``.
    """
    if engine and engine not in _MODULES:
        raise _engine_missing(engine)
    if model == builtin.TINY_EN:
        folder = builtin.tiny_en_folder()
        if folder is None:
            raise _unknown(model)
        location = ModelLocation(model, FASTER_WHISPER, folder, True, True)
    elif model == builtin.BASE:
        if not builtin.has_base():
            raise _unknown(model)
        location = ModelLocation(model, FASTER_WHISPER, None, False, True)
    elif model in SIZES_MB:
        runs_on = FASTER_WHISPER if is_distilled(model) else engine or default_engine(card)
        path = downloaded_path(workspace, model, runs_on)
        is_builtin = path is None and _is_builtin_base(model, runs_on)
        location = ModelLocation(model, runs_on, path, is_english_only(model), is_builtin)
    elif "/" in model or model.startswith("~"):
        location = _local(model)
    else:
        raise _unknown(model)
    if engine and engine != location.engine:
        raise UserError(
            "asr.wrong_engine",
            "The model “{model}” is made for {right}, not for {engine}.",
            "Let the engine be chosen automatically, or choose another model.",
            model=model,
            right=location.engine,
            engine=engine,
        )
    if location.engine not in [entry.name for entry in engines() if entry.available]:
        raise _engine_missing(location.engine)
    check_language(model, bool(location.english_only), language)
    return location


def _local(model: str) -> ModelLocation:
    path = Path(model).expanduser()
    checkpoints = sorted(path.glob("*.pt")) if path.is_dir() else []
    if path.is_file() and path.suffix == ".pt":
        return ModelLocation(model, OPENAI_WHISPER, path, None)
    if len(checkpoints) == 1 and not (path / "model.bin").exists():
        return ModelLocation(model, OPENAI_WHISPER, checkpoints[0], None)
    missing = [name for name in _CT2_FILES if not (path / name).is_file()]
    if missing:
        raise UserError(
            "asr.wrong_folder",
            "{path} is not a recognition model: {missing} is not there.",
            "Give the full path of a faster-whisper folder (model.bin, config.json, tokenizer.json) "
            "or of an openai-whisper .pt file.",
            path=str(path),
            missing=", ".join(missing),
        )
    return ModelLocation(model, FASTER_WHISPER, path, None)


def _unknown(model: str) -> UserError:
    names = [entry.id for entry in _builtin_models()] + list(SIZES_MB)
    return UserError(
        "asr.unknown_model",
        "There is no recognition model “{model}”.",
        "Choose one of {known}, or give the full path of a folder.",
        model=model,
        known=", ".join(names),
    )


def _engine_missing(engine: str) -> UserError:
    return UserError(
        "asr.engine_missing",
        "The recognition engine {engine} is not installed.",
        "Run ./launch.sh again, or choose another engine.",
        engine=engine,
    )
