"""Which of the files somebody drops together belong together: a recording and its subtitles, or its text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from core.audio.decode import clock
from core.errors import UserError
from core.jobs.reporter import Reporter
from core.records import Source
from core.sources.subtitles import ENDINGS, Damaged, evenly, read_text, words_of
from core.workspace import Project

_LANGUAGE = re.compile(r"\.([a-z]{2,3}(?:[-_][a-z0-9]{2,8})*|auto|orig)$", re.IGNORECASE)
_BEYOND_S = 5.0  # subtitles may outlast their recording a little
_LINES_NAMED = 12

_TEXTS = (".txt", ".lab")  # what is said in a recording, without times

File = tuple[Path, str]  # where it lies, and what the person calls it


@dataclass
class Group:
    """A recording with the subtitles that bear its name; ``media`` is None if there is no such recording."""

    media: File | None
    subtitles: list[File] = field(default_factory=list)

    def files(self) -> list[Path]:
        """All files of it."""
        return [path for path, _ in ([self.media] if self.media else []) + self.subtitles]


def title_of(name: str) -> str:
    """What a recording is called after its file: the name without its ending."""
    return Path(name).stem if Path(name).suffix else name


def groups(files: list[File]) -> list[Group]:
    """Files that belong together, in the order they came; subtitles are named as their recording is.

    ``talk.mp3`` goes with ``talk.srt``, ``talk.en.vtt``, ``Talk.pt-BR.srt`` and ``talk.txt``. A text without its
    recording stays a file by itself.
    """
    sounds = {title_of(name).casefold() for _, name in files if not _says(name)}

    def says(name: str) -> bool:
        return is_subtitles(name) or (_says(name) and title_of(name).casefold() in sounds)

    found = [Group(file) for file in files if not says(file[1])]
    by_title = {title_of(group.media[1]).casefold(): group for group in found if group.media}
    for file in files:
        if not says(file[1]):
            continue
        group = next((by_title[title] for title in _titles(file[1]) if title in by_title), None)
        if group is None:
            group = Group(None)
            found.append(group)
            by_title[_titles(file[1])[-1]] = group
        group.subtitles.append(file)
    return found


def is_subtitles(name: str) -> bool:
    """Whether a file's name says that it holds subtitles."""
    return name.lower().endswith(ENDINGS)


def _says(name: str) -> bool:
    return name.lower().endswith((*ENDINGS, *_TEXTS))


def _titles(name: str) -> list[str]:
    """What the recording of these subtitles may be called: ``talk.en.srt`` → ``talk.en``, ``talk``."""
    title = title_of(name).casefold()
    return list(dict.fromkeys((title, _LANGUAGE.sub("", title))))


def source_of(project: Project, subtitles: list[File]) -> Source:
    """The recording in the project that bears the name of these subtitles.

    Raises:
        UserError: ``subtitles.no_recording``.
    """
    titles = [title for _, name in subtitles for title in _titles(name)]
    for source in reversed(project.store.sources()):
        if source.title.casefold() in titles:
            return source
    raise UserError(
        "subtitles.no_recording",
        "The subtitles “{name}” belong to no recording.",
        "Give them the name of their recording, as in talk.mp3 and talk.srt, and drop both together.",
        name=subtitles[0][1],
    )


def give_words(project: Project, source: Source, subtitles: list[File], reporter: Reporter) -> int:
    """Store what the subtitles say as the words of a recording, so that its clips get their texts from it.

    Of several the one in the project's language is taken. What is wrong with them becomes a warning.

    Returns:
        how many words.
    """
    (path, name), *others = sorted(subtitles, key=lambda file: _rank(file[1], project.info.language))
    for _, other in others:
        reporter.warning(
            "subtitles.not_used",
            "“{name}” was left out: for this recording the subtitles “{used}” count.",
            "To use these, add the recording with them alone.",
            name=other,
            used=name,
        )
    damaged: list[Damaged] = []
    if is_subtitles(name):
        words = words_of(path, Path(name).suffix, damaged.append, name=name)
    else:
        words = evenly(read_text(path), 0.0, source.seconds)
    if damaged:
        reporter.warning(
            "subtitles.damaged",
            "Some subtitles of “{name}” could not be read ({count}); lines: {lines}.",
            "The others are used.",
            name=name,
            count=len(damaged),
            lines=", ".join(str(one.line) for one in damaged[:_LINES_NAMED]) + (" …" if damaged[_LINES_NAMED:] else ""),
        )
    if words and words[-1].end_s > source.seconds + _BEYOND_S:
        reporter.warning(
            "subtitles.longer",
            "The subtitles “{name}” go on to {last}, but the recording ends at {length}.",
            "Perhaps they are of another recording; compare the texts of the clips with what you hear.",
            name=name,
            last=clock(words[-1].end_s),
            length=clock(source.seconds),
        )
    inside = [word for word in words if word.start_s < source.seconds]
    project.store.replace_words(source.id, 0, 1e9, inside)
    return len(inside)


def _rank(name: str, language: str) -> int:
    """Subtitles in the project's language first, then those that do not say theirs; a text without times last."""
    if not is_subtitles(name):
        return 3
    said = _LANGUAGE.search(title_of(name))
    if said is None:
        return 1
    return 0 if said.group(1).lower().replace("_", "-").split("-")[0] == language.split("-")[0] else 2
