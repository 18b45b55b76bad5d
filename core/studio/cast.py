"""Cast: which voice each name in a text means, with what it has learnt, its references and its manner of speaking."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.evaluation.scorecard import recommended, usual_voice
from core.files import sha256_file
from core.jobs.args.speech import SynthesizeArgs, VoiceArgs
from core.project.workspace import Project
from core.studio.document import CastVoice, Document
from core.studio.reading import language_of
from core.synthesis.exports import imported_voice
from core.synthesis.saved_voices import BASE, IMPORTED, saved_voice
from core.synthesis.start import checkpoint_folder, complete_voice, reference_files, speech_request
from core.synthesis.voices import VoiceChoice, voice, voices
from core.synthesis.wire import SpeechRequest
from core.training.checkpoints import fingerprint

_MOST_NAMED = 12  # in an error


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


def speakers_now(project: Project, document: Document) -> dict[str, CastVoice]:
    """Who speaks in a document, by the `part` of a line's voice, in the manner that their voices have by now.

    A saved voice that has got another checkpoint or other references meanwhile is left out: what it said is no longer
    how it sounds. One that is gone stays as it was.
    """
    now = {part: _as_kept(project, document, part, cast) for part, cast in document.cast.items()}
    return {part: cast for part, cast in now.items() if cast}


def _as_kept(project: Project, document: Document, part: str, cast: CastVoice) -> CastVoice | None:
    try:
        voice = saved_voice(project, cast.saved) if cast.saved else None
    except UserError:
        voice = None
    if voice is None:
        return cast
    speaker = cast.checkpoint or (f"{IMPORTED}:{cast.imported}" if cast.imported else f"{BASE}:{cast.base}")
    references = () if document.references and part == document.part("") else voice.reference_clip_ids
    if voice.speaker != speaker or (references and references != cast.references):
        return None
    return cast.model_copy(update={"settings": _pairs(voice.settings), "seed": voice.seed})


def _pairs(settings: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(settings.items()))


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


def _cast_voice(project: Project, document: Document, name: str) -> CastVoice:
    earlier = document.speaker(name) or (None if name else document.cast.get(""))
    choice = _pinned(project, document, name, earlier) or find_voice(project, document, name)
    checkpoint = choice.checkpoint.name if choice.checkpoint else ""
    voice = choice.saved
    is_same = earlier and _speaks(choice, earlier)
    wish = document.references if not name and document.references else ()
    has_own = bool(voice and voice.reference_clip_ids)
    if not wish and earlier and is_same and not has_own and _are_there(project, choice.checkpoint, earlier.references):
        wish = earlier.references
    language = language_of(project, document)
    args = complete_voice(project, choice.wish(VoiceArgs, reference_clip_ids=wish, language=language))
    files = reference_files(project, args.checkpoint, args.reference_clip_ids)
    references = [(_sha256(file.path), file.text) for file in files]
    if choice.imported:
        weights = _sha256(imported_voice(project.workspace, choice.imported).folder / "manifest.json")
    else:
        weights = fingerprint(args.base, checkpoint_folder(project, choice.checkpoint))
    manner = choice.arguments
    return CastVoice(
        title=choice.title,
        saved=voice.id if voice else "",
        checkpoint=checkpoint,
        base=args.base,
        imported=choice.imported,
        references=args.reference_clip_ids,
        weights=weights,
        shown=hashlib.sha256(json.dumps(references).encode()).hexdigest()[:16] if references else "",
        settings=_pairs(manner.get("settings", {})),
        seed=manner.get("seed", 0),
    )


def _pinned(project: Project, document: Document, name: str, earlier: CastVoice | None) -> VoiceChoice | None:
    """The voice that spoke before where the name alone would by now mean a later checkpoint; None if it is gone."""
    if earlier is None or (not name and document.voice):
        return None
    for choice in voices(project):
        if _speaks(choice, earlier):
            names = (choice.id.casefold(), choice.title.casefold(), _with_step(choice).casefold())
            return choice if not name or name.casefold() in names else None
    return None


def _speaks(choice: VoiceChoice, cast: CastVoice) -> bool:
    """Whether a voice is the one that was cast."""
    checkpoint = choice.checkpoint.name if choice.checkpoint else ""
    voice_id = choice.saved.id if choice.saved else ""
    is_same = (checkpoint, choice.imported, voice_id) == (cast.checkpoint, cast.imported, cast.saved)
    return is_same and bool(checkpoint or choice.imported or choice.base_id == cast.base)


def _are_there(project: Project, checkpoint: CheckpointRef | None, clip_ids: Sequence[str]) -> bool:
    try:
        return bool(reference_files(project, checkpoint, clip_ids))
    except UserError:
        return False


def _with_step(choice: VoiceChoice) -> str:
    if choice.checkpoint is None or choice.saved:
        return choice.title
    return f"{choice.title} {choice.checkpoint.step}"


def _sha256(path: Path) -> str:
    about = path.stat()
    return _hashed(path, about.st_ino, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=256)
def _hashed(path: Path, *_version: int) -> str:
    return sha256_file(path)
