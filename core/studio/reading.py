"""Reading: in which language a text is, what its engine reads of a line, and how much it says in one go."""

from __future__ import annotations

import functools
from pathlib import Path

from core.engines.light import Reading
from core.engines.registry import bases, language_code, light, texts
from core.errors import UserError
from core.project.workspace import Project
from core.studio.document import CastVoice, Document
from core.studio.sentences import Fits


def language_of(project: Project, document: Document | None = None) -> str:
    """The engine's code of a document's language: the project's, where it names none.

    Raises:
        UserError: ``engine.language``.
    """
    return language_code((document and document.language) or project.info.language, project.info.engine)


def fits(project: Project, language: str) -> Fits:
    """Whether the project's engine says a text of this language in one go."""
    engine = project.info.engine
    limits = light(engine).line_characters
    limit = limits.get(language.split("-")[0], limits.get("", 200))
    folder = _base_folder(project, "")

    def is_short(text: str) -> bool:
        if len(text) > limit:
            return False
        if 2 * len(text) < limit:
            return True
        about = reading(engine, folder, language, text)
        return not about.limit or about.tokens <= about.limit

    return is_short


def reading(engine: str, folder: Path, language: str, text: str) -> Reading:
    """What an engine reads of a text with the model in this folder."""
    return _reading(engine, str(folder), _stamp(folder), language, text)


def model_folder(project: Project, cast: CastVoice) -> Path:
    """Where the model of a voice lies, which decides how it reads."""
    return project.workspace.voices / cast.imported if cast.imported else _base_folder(project, cast.base)


def _base_folder(project: Project, base: str) -> Path:
    models = bases(project.info.engine)
    try:
        return models.place(project.workspace.models, base or models.default)
    except UserError:  # one that is known no longer
        return models.place(project.workspace.models, models.small)


def _stamp(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=100_000)
def _reading(engine: str, folder: str, _version: int, language: str, text: str) -> Reading:
    return texts(engine).read(Path(folder), text, language)
