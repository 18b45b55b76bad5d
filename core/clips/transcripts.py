"""Transcripts: what a clip's text is and when its words are said, and those of a recording as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from core.clips import alignment
from core.errors import UserError
from core.project.records import Clip, ClipFilter, Word
from core.project.workspace import Project
from core.transcription.captions import Caption, captions, srt, vtt

Format = Literal["srt", "vtt", "txt"]


@dataclass(frozen=True)
class Transcript:
    """A clip and the words of its text, in seconds of its recording; none where nothing tells when they are said."""

    clip: Clip
    words: tuple[Word, ...]


def transcript(project: Project, clip: Clip) -> Transcript:
    """What is said in a clip."""
    words = project.store.words(clip.source_id, clip.start_s, clip.end_s)
    return Transcript(clip, tuple(alignment.timed_words(clip, words)) if words else ())


def recording_transcript(project: Project, source_id: str, format: Format, state: str = "usable") -> str:
    """What is said in a recording, as SubRip, WebVTT, or plain text with a line for each clip.

    Args:
        project: whose recording.
        source_id: which.
        format: of the file.
        state: which clips, as of `ClipFilter`; those without a text are passed over.

    Raises:
        UserError: ``source.missing``; ``transcript.none``: none of these clips has a text.
    """
    title = project.store.source(source_id).title
    clips = [clip for clip in project.store.clips(ClipFilter(state, source_id)) if clip.text]
    if not clips:
        raise UserError(
            "transcript.none",
            "None of the clips of “{title}” that were asked for has a text.",
            "Cut the recording into clips and transcribe them first, or ask for clips of another state.",
            title=title,
        )
    if format == "txt":
        return "".join(f"{clip.text}\n" for clip in clips)
    entries = list(_captions(project, clips))
    return srt(entries) if format == "srt" else vtt(entries)


def _captions(project: Project, clips: Sequence[Clip]) -> Iterator[Caption]:
    for clip in clips:
        words = transcript(project, clip).words
        if words:
            yield from captions([(word.text, word.start_s, word.end_s) for word in words], clip.language)
        else:
            yield Caption(clip.start_s, clip.end_s, clip.text)
