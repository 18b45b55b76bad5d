"""Keys: what decides how a line sounds, so that a take is known again, and nothing is said twice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from core.engines.light import Reading
from core.engines.registry import speaking_options
from core.errors import UserError
from core.project.workspace import Project
from core.studio.cast import speakers_now
from core.studio.document import CastVoice, Document
from core.studio.line import Line
from core.studio.pronunciation import Pronunciation, pronounced, pronunciations
from core.studio.reading import language_of, model_folder, reading


class Keys:
    """What of a document's lines is said and how, as voices and pronunciations are at the moment this is made."""

    def __init__(self, project: Project, document: Document) -> None:
        self.project, self.document = project, document
        self.engine = project.info.engine
        self.entries: tuple[Pronunciation, ...] = pronunciations(project)
        self.speakers: dict[str, CastVoice] = speakers_now(project, document)
        try:
            self.language = language_of(project, document)
        except UserError:
            self.language = document.language
        self._folders: dict[tuple[str, str], Path] = {}
        self._usual = speaking_options(self.engine)().model_dump()

    def is_outdated(self) -> bool:
        """Whether the list of pronunciations is another by now, or a voice is kept otherwise under its name."""
        is_same = self.entries == pronunciations(self.project)
        return not is_same or self.speakers != speakers_now(self.project, self.document)

    def speaker(self, line: Line) -> CastVoice | None:
        """Who says a line; None where nobody was asked to, or their voice has become another one."""
        return self.speakers.get(self.document.part(line.voice))

    def text(self, line: Line) -> str:
        """A line as it is handed to the engine."""
        return pronounced(line.text, self.entries, self.language)

    def seed(self, line: Line) -> int:
        """The first seed that a line is said with: its own, else the text's, else its voice's."""
        cast = self.speaker(line)
        own = cast.seed if cast else 0
        return next(seed for seed in (line.seed, self.document.seed, own) if seed is not None)

    def settings(self, line: Line) -> dict[str, float]:
        """How a line is spoken where that is not the engine's usual way: as its voice is, but for what the text says
        otherwise, and but for what the line itself does."""
        cast = self.speaker(line)
        settings = {**dict(cast.settings if cast else ()), **self.document.settings, **line.settings}
        return {name: value for name, value in settings.items() if self._usual.get(name) != value}

    def reading(self, line: Line) -> Reading:
        """What the engine will read of a line."""
        cast = self.speaker(line) or CastVoice(title="")
        place = cast.imported, cast.base
        if place not in self._folders:
            self._folders[place] = model_folder(self.project, cast)
        return reading(self.engine, self._folders[place], self.language, self.text(line))

    def key(self, line: Line) -> str:
        """What decides a line's sound beside the attempt: 16 signs; empty where nothing is said, or nobody is cast."""
        cast = self.speaker(line)
        if cast is None or not line.has_words:
            return ""
        facts = [
            *(self.engine, cast.base, cast.imported, cast.weights, cast.shown, self.language, self.reading(line).text),
            *(sorted(self.settings(line).items()), self.seed(line)),
        ]
        return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()[:16]
