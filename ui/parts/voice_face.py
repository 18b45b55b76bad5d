"""Face of a voice: its picture, or its colour with the first letter of its name."""

from __future__ import annotations

from core.errors import UserError
from core.project.conflicts import digest
from core.project.workspace import Project
from core.synthesis.exports import Export, imported_voice
from core.synthesis.saved_voices import SavedVoice
from core.synthesis.voice_picture import jpeg_of
from core.synthesis.voices import VoiceChoice
from ui import html
from ui.http.audio_routes import voice_url
from ui.http.voice_routes import picture_url


def saved_face(project: Project, voice: SavedVoice) -> str:
    """The face of a saved voice."""
    return _face(voice.name, voice.colour, voice.picture, picture_url(project.slug, voice.id))


def imported_face(voice: Export) -> str:
    """The face of a voice that was brought in."""
    return _face(voice.name, voice.colour, voice.picture, voice_url(voice.id, "picture"))


def choice_face(project: Project, choice: VoiceChoice | None) -> str:
    """The face of a voice to choose from; a checkpoint and a base have none."""
    if choice and choice.saved:
        return saved_face(project, choice.saved)
    try:
        return imported_face(imported_voice(project.workspace, choice.imported)) if choice and choice.imported else ""
    except UserError:  # deleted at this moment
        return ""


def _face(name: str, colour: str, picture: str, url: str) -> str:
    """Beside the name, which says all of it."""
    if jpeg_of(picture):
        # The mark of its content: a browser keeps it until it is another one.
        address = html.e(f"{url}?v={digest(picture)}")
        return f'<img class="vw-dot" src="{address}" alt="" width="40" height="40" loading="lazy">'
    letter = next((sign.upper() for sign in name if sign.isalnum()), "·")
    return f'<i class="vw-dot" style="--vw-dot:{html.e(colour)}" aria-hidden="true">{html.e(letter)}</i>'
