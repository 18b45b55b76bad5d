"""Document: a long text with its lines, who speaks it and how, and what was changed last; a value, not a file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.damage import UnixTime
from core.errors import UserError
from core.studio.line import Line, Number, Seed

MOST_CHARACTERS = 1_000_000  # of a text: some eighteen hours of speech
MOST_LINES = 40_000
MOST_TRIES = 10
What = Literal["text", "line", "take", "settings", "name"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Pauses(_Model):
    """Silences between lines in seconds, by how a line ends: amid a sentence, with one, with a paragraph, a title."""

    clause_s: float = Field(default=0.15, ge=0, le=10)
    sentence_s: float = Field(default=0.4, ge=0, le=10)
    paragraph_s: float = Field(default=0.8, ge=0, le=10)
    heading_s: float = Field(default=1.2, ge=0, le=10)


class CastVoice(_Model):
    """A voice of a document as it was when it was last asked to speak, so that what it has said is known by it.

    ``weights`` and ``shown`` name what it has learnt and the sound of its reference clips; ``saved`` is the id of the
    voice it is kept as, ``settings`` and ``seed`` are how that speaks where a text does not say otherwise.
    """

    title: str
    checkpoint: str = ""
    base: str = ""
    imported: str = ""
    references: tuple[str, ...] = ()
    weights: str = ""
    shown: str = ""
    saved: str = ""
    settings: tuple[tuple[str, Number], ...] = ()
    seed: Seed = 0


class Change(_Model):
    """One change of a document: fields before and after, and the lines that took the place of others."""

    at: UnixTime
    what: What
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    start: int = Field(0, ge=0)
    removed: tuple[Line, ...] = ()
    added: tuple[Line, ...] = ()


class Document(_Model):
    """A long text.

    Args:
        id: its folder's name.
        name: what a person calls it.
        created, at: when it was made and last changed, Unix time in seconds.
        lines: in the order they are said.
        voice: id of the voice (`core.synthesis.voices`) that says what no mark gives to another; empty is the usual.
        language: the engine's code.
        seed, settings: of speaking, where they are not to be those of the voices; ``settings`` are the engine's own.
        references: clips that show the document's voice; empty are the voice's own.
        pauses: between lines.
        proofread: whether each line is checked and a bad one said again; None is wherever that can be done.
        tries: how often a bad line is said again at most.
        cast: who has spoken, by the `part` of a line's voice.
        next_line: the id of the next line that is made.
        past, future: what can be taken back, and made again.
    """

    id: str
    name: str
    created: UnixTime
    at: UnixTime
    lines: tuple[Line, ...] = Field((), max_length=MOST_LINES)
    voice: str = ""
    language: str = ""
    seed: Seed | None = None
    settings: dict[str, Number] = {}
    references: tuple[str, ...] = ()
    pauses: Pauses = Pauses()
    proofread: bool | None = None
    tries: int = Field(3, ge=0, le=MOST_TRIES)
    cast: dict[str, CastVoice] = {}
    next_line: int = 1
    past: tuple[Change, ...] = ()
    future: tuple[Change, ...] = ()

    def line(self, id: int) -> Line:
        """A line.

        Raises:
            UserError: ``studio.no_line``.
        """
        for line in self.lines:
            if line.id == id:
                return line
        raise no_line()

    def part(self, name: str) -> str:
        """Where `cast` holds who speaks under a name of a line.

        Without a name it is the document's voice: another one is another part, and its lines are still to be said. No
        mark can give a name that begins so.
        """
        return name or (f"[{self.voice}" if self.voice else "")

    def speaker(self, name: str) -> CastVoice | None:
        """Who speaks under a name of a line; None while nobody was asked to."""
        return self.cast.get(self.part(name))


def no_line() -> UserError:
    """A line that was meant is there no more."""
    return UserError(
        "studio.no_line",
        "This line is no longer in the text.",
        "It was changed in another window; look at the text as it is now.",
    )
