"""Cast: which voice each name in a text means, and what decides how a line sounds, so that it is known again."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.engines.light import Reading
from core.engines.registry import bases, language_code, light, texts
from core.errors import UserError
from core.evaluation.scorecard import recommended, usual_voice
from core.files import sha256_file
from core.jobs.args.speech import SynthesizeArgs, VoiceArgs
from core.project.workspace import Project
from core.studio.document import CastVoice, Document
from core.studio.line import Line
from core.studio.pronunciation import Pronunciation, pronounced, pronunciations
from core.studio.sentences import Fits
from core.synthesis.exports import imported_voice
from core.synthesis.start import checkpoint_folder, complete_voice, reference_files, speech_request
from core.synthesis.voices import VoiceChoice, voice, voices
from core.synthesis.wire import SpeechRequest
from core.training.checkpoints import fingerprint

_MOST_NAMED = 12  # in an error


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
    most = limits.get(language.split("-")[0], limits.get("", 200))
    folder = _base_folder(project, "")

    def is_short(text: str) -> bool:
        if len(text) > most:
            return False
        if 2 * len(text) < most:
            return True
        reading = _reading(engine, str(folder), _stamp(folder), language, text)
        return not reading.limit or reading.tokens <= reading.limit

    return is_short


def find_voice(project: Project, document: Document, name: str) -> VoiceChoice:
    """The voice that a mark means, or of an empty name the document's own.

    A mark names a voice as the page does: a run's title (its recommended checkpoint, else its last one), a run's title
    and a step, the name of a voice that was brought in, a base's label, or an id.

    Raises:
        UserError: ``studio.unknown_voice``, ``studio.no_voice``.
    """
    if not name:
        choice = voice(project, document.voice) if document.voice else usual_voice(project)
        if choice is None:
            raise UserError(
                "studio.no_voice", "There is no voice yet that could speak.", "Train one, or bring one in below."
            )
        if document.voice and choice.id != document.voice:
            raise UserError(
                "studio.voice_gone", "The voice of this text is no longer there.", "Choose another voice for it."
            )
        return choice
    choices = voices(project)
    wish = name.casefold()
    matches = [choice for choice in choices if wish in (choice.id.casefold(), _with_step(choice).casefold())]
    matches = matches or [choice for choice in choices if choice.title.casefold() == wish]
    if not matches:
        titles = list(dict.fromkeys(choice.title for choice in choices))
        raise UserError(
            "studio.unknown_voice",
            "There is no voice “{name}”.",
            "There are: {known}. Write one of them in the mark, or choose another voice for the line.",
            name=name,
            known=", ".join(titles[:_MOST_NAMED]) or "–",
        )
    best = recommended(project)
    return next((choice for choice in matches if best and choice.checkpoint == best), matches[0])


def cast_of(project: Project, document: Document) -> tuple[dict[str, CastVoice], dict[str, UserError]]:
    """The voices of a document by the names that its lines give them, and why those that cannot speak cannot.

    Reference clips that a voice was shown before stay its own as long as they are there, so that what it has said stays
    said when other clips are approved.
    """
    cast: dict[str, CastVoice] = {}
    errors: dict[str, UserError] = {}
    for name in dict.fromkeys(line.voice for line in document.lines if line.has_words):
        try:
            cast[name] = _cast_voice(project, document, name)
        except UserError as error:
            errors[name] = error
    return cast, errors


def request_for(project: Project, document: Document, cast: CastVoice, device: str) -> SpeechRequest:
    """What the speaking process is asked for with this voice; text, seed and settings are the line's (`of_line`).

    Raises:
        UserError: ``speak.no_clip``, ``train.no_run``, ``train.no_checkpoint``, ``voice.gone``.
    """
    args = SynthesizeArgs(
        checkpoint=CheckpointRef.parse(cast.checkpoint) if cast.checkpoint else None,
        base=cast.base,
        imported=cast.imported,
        reference_clip_ids=cast.references,
        language=language_of(project, document),
        device=device,
    )
    return speech_request(project, args)


class Keys:
    """What of a document's lines is said, and what decides their sound. All of voices stands in the cast."""

    def __init__(self, project: Project, document: Document) -> None:
        self.project, self.document = project, document
        self.engine = project.info.engine
        self.entries: tuple[Pronunciation, ...] = pronunciations(project)
        try:
            self.language = language_of(project, document)
        except UserError:
            self.language = document.language
        self._folders: dict[tuple[str, str], Path] = {}

    def is_outdated(self) -> bool:
        """Whether the list of pronunciations is another by now."""
        return self.entries != pronunciations(self.project)

    def text(self, line: Line) -> str:
        """A line as it is handed to the engine."""
        return pronounced(line.text, self.entries, self.language)

    def seed(self, line: Line) -> int:
        """The first seed that a line is said with."""
        return self.document.seed if line.seed is None else line.seed

    def settings(self, line: Line) -> dict[str, float]:
        """A line's settings of speaking."""
        return {**self.document.settings, **line.settings}

    def reading(self, line: Line) -> Reading:
        """What the engine will read of a line."""
        cast = self.document.speaker(line.voice) or CastVoice(title="")
        place = (cast.imported, cast.base)
        if place not in self._folders:
            self._folders[place] = self._folder(cast)
        folder = self._folders[place]
        return _reading(self.engine, str(folder), _stamp(folder), self.language, self.text(line))

    def key(self, line: Line) -> str:
        """What decides a line's sound beside the attempt: 16 signs; empty where nothing is said, or nobody is cast."""
        cast = self.document.speaker(line.voice)
        if cast is None or not line.has_words:
            return ""
        reading = self.reading(line).text
        facts = [
            *(self.engine, cast.base, cast.imported, cast.weights, cast.shown, self.language, reading),
            *(sorted(self.settings(line).items()), self.seed(line)),
        ]
        return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()[:16]

    def _folder(self, cast: CastVoice) -> Path:
        if cast.imported:
            return self.project.workspace.voices / cast.imported
        return _base_folder(self.project, cast.base)


def _cast_voice(project: Project, document: Document, name: str) -> CastVoice:
    earlier = document.speaker(name) or (None if name else document.cast.get(""))
    choice = _pinned(project, document, name, earlier) or find_voice(project, document, name)
    checkpoint = choice.checkpoint.name if choice.checkpoint else ""
    is_same = earlier and (earlier.checkpoint, earlier.imported) == (checkpoint, choice.imported)
    wish = document.references if not name and document.references else ()
    if not wish and earlier and is_same and _are_there(project, choice.checkpoint, earlier.references):
        wish = earlier.references
    language = language_of(project, document)
    args = complete_voice(project, choice.wish(VoiceArgs, reference_clip_ids=wish, language=language))
    files = reference_files(project, args.checkpoint, args.reference_clip_ids)
    shown = [(_sha256(file.path), file.text) for file in files]
    if choice.imported:
        weights = _sha256(imported_voice(project.workspace, choice.imported).folder / "manifest.json")
    else:
        weights = fingerprint(args.base, checkpoint_folder(project, choice.checkpoint))
    return CastVoice(
        title=choice.title,
        checkpoint=checkpoint,
        base=args.base,
        imported=choice.imported,
        references=args.reference_clip_ids,
        weights=weights,
        shown=hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16] if shown else "",
    )


def _pinned(project: Project, document: Document, name: str, earlier: CastVoice | None) -> VoiceChoice | None:
    """The voice that spoke before where the name alone would by now mean a later checkpoint; None if it is gone."""
    if earlier is None or (not name and document.voice):
        return None
    for choice in voices(project):
        checkpoint = choice.checkpoint.name if choice.checkpoint else ""
        is_same = (checkpoint, choice.imported) == (earlier.checkpoint, earlier.imported)
        if is_same and (checkpoint or choice.imported or choice.base_id == earlier.base):
            names = (choice.id.casefold(), choice.title.casefold(), _with_step(choice).casefold())
            return choice if not name or name.casefold() in names else None
    return None


def _are_there(project: Project, checkpoint: CheckpointRef | None, clip_ids: Sequence[str]) -> bool:
    try:
        return bool(reference_files(project, checkpoint, clip_ids))
    except UserError:
        return False


def _with_step(choice: VoiceChoice) -> str:
    if choice.checkpoint is None or choice.saved:
        return choice.title
    return f"{choice.title} {choice.checkpoint.step}"


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


def _sha256(path: Path) -> str:
    about = path.stat()
    return _hashed(path, about.st_ino, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=256)
def _hashed(path: Path, *_version: int) -> str:
    return sha256_file(path)
