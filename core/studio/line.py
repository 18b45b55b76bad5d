"""Line: a part of a long text that is said in one go, with who says it and the pause asked for after it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_PAUSE_S = 60.0
MOST_LINE_CHARACTERS = 5_000  # of one line, which an engine then may cut itself
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class Line(BaseModel):
    """One line of a document.

    Args:
        id: within the document, never given twice; 0 for a line that is in none yet.
        text: what is to be said, on one line; without a letter or digit nothing is, and only the pause counts.
        pause_s: the silence after it, where a mark asks for one; None leaves it to the punctuation.
        voice: who says it, as a mark names them; empty is the document's voice.
        heading: 1 to 6 where it is the title of a chapter, 0 elsewhere.
        ends_paragraph: whether a paragraph (or the title) ends with it.
        settings: of speaking, where they differ from the document's.
        seed: where it differs from the document's.
        take: id of the take that a person chose; empty leaves it to the check.
        approved: id of a doubtful take that a person has heard and found right.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int = 0
    text: str = Field(max_length=MOST_LINE_CHARACTERS)
    pause_s: Annotated[float, Field(ge=0, le=LONGEST_PAUSE_S)] | None = None
    voice: str = Field("", max_length=80)
    heading: int = Field(0, ge=0, le=6)
    ends_paragraph: bool = False
    settings: dict[str, Number] = {}
    seed: Seed | None = None
    take: str = ""
    approved: str = ""

    def having(self, **updates: object) -> Line:
        """A checked copy with some fields changed."""
        return Line(**{**dict(self), **updates})

    @property
    def has_words(self) -> bool:
        """Whether there is anything to say."""
        return any(map(str.isalnum, self.text))
