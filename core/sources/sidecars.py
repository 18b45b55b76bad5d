"""Sidecar files: which of those dropped together are a recording's subtitles, or its text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from core.audio.decode import clock
from core.errors import UserError
from core.folding import fold
from core.jobs.reporter import Reporter
from core.project.records import Source
from core.project.workspace import Project
from core.sources.decoding_notes import lead_of
from core.sources.subtitles.captions import DamagedCaption
from core.sources.subtitles.formats import UNREAD, kind_of
from core.sources.subtitles.language_codes import language_code
from core.sources.subtitles.word_clock import on_clock
from core.sources.subtitles.words import ENDINGS, evenly, read_text, words_of

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)
_REMARKS = ("forced", "foreign", "sdh", "cc", "default", "full", "auto", "orig", "original", "captions", "subs", "sub")
_ONLY_PARTS = ("forced", "foreign")  # what is said in other languages than the film's
_MEDIA = re.compile(r"\.(mp[234]|m4[abv]|mk[av]|wav|flac|og[agv]|opus|webm|mov|avi|aac|wm[av]|m?ts)$", re.IGNORECASE)
_LONGEST_TITLE = 120
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
    sounds = {_key(title_of(name)) for _, name in files if not _says(name)}

    def says(name: str) -> bool:
        return is_subtitles(name) or (_says(name) and _key(title_of(name)) in sounds)

    groups_in_order = [Group(file) for file in files if not says(file[1])]
    by_title: dict[str, Group] = {}
    for group in groups_in_order:
        if group.media:
            for title in (group.media[1], title_of(group.media[1])):  # talk.mp4.srt goes with talk.mp4
                by_title[_key(title)] = group
    for file in files:
        if not says(file[1]):
            continue
        titles = _titles(file[1])
        group_of_title = next((by_title[title] for title in titles if title in by_title), None)
        if group_of_title is None:
            group_of_title = by_title[titles[-1]] = Group(None)
            groups_in_order.append(group_of_title)
        group_of_title.subtitles.append(file)
    return groups_in_order


def is_subtitles(name: str) -> bool:
    """Whether a file's name says that it holds subtitles."""
    return name.lower().endswith(ENDINGS)


def _says(name: str) -> bool:
    return name.lower().endswith((*ENDINGS, *_TEXTS))


def _key(title: str) -> str:
    """A name as it is compared: systems write it composed or not, and recordings are named by what fits on a line."""
    return fold(" ".join(title.split())[:_LONGEST_TITLE])


def _titles(name: str) -> list[str]:
    """What the recording of these subtitles may be called: ``talk.en.srt`` → ``talk.en``, ``talk``."""
    title, titles = title_of(name), [title_of(name)]
    while _is_remark(title.rpartition(".")[2]) and "." in title:
        title = title.rpartition(".")[0]
        titles.append(title)
    titles.append(_MEDIA.sub("", title))
    return list(dict.fromkeys(_key(title_form) for title_form in titles))


def _remarks(name: str) -> list[str]:
    """What stands between a recording's name and the ending of its subtitles: ``talk.en.forced.srt`` → en, forced."""
    parts = title_of(name).split(".")[1:]
    remarks: list[str] = []
    for part in reversed(parts):
        if not _is_remark(part):
            break
        remarks.insert(0, part.lower())
    return remarks


def _is_remark(part: str) -> bool:
    return part.lower() in _REMARKS or bool(_LANGUAGE.fullmatch(part)) or (len(part) > 3 and bool(language_code(part)))


def source_of(project: Project, subtitles: list[File]) -> Source:
    """The recording in the project that bears the name of these subtitles.

    Raises:
        UserError: ``subtitles.no_recording``.
    """
    titles = [title for _, name in subtitles for title in _titles(name)]
    for source in reversed(project.store.sources()):
        if _key(source.title) in titles:
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
    path, name = _preferred(subtitles, project.info.language, reporter)
    text = read_text(path, project.info.language, name)
    if is_subtitles(name) or kind_of(text):  # a .txt may hold subtitles as well
        gaps: list[DamagedCaption] = []
        words = words_of(text, Path(name).suffix, gaps.append, name=name)
        words = on_clock(words, source, project.source_file(source.id), name, reporter)
        _warn_of_damage(name, gaps, reporter)
    else:
        words = evenly(text, lead_of(source), source.seconds)
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


def _preferred(subtitles: list[File], language: str, reporter: Reporter) -> File:
    """Of several subtitles those in the project's language; the others are named in warnings."""
    (path, name), *unused_files = sorted(subtitles, key=lambda file: rank(file[1], language))
    for _, other_name in unused_files:
        reporter.warning(
            "subtitles.not_used",
            "“{name}” was left out: for this recording the subtitles “{used}” count.",
            "To use these, add the recording with them alone.",
            name=other_name,
            used=name,
        )
    if rank(name, language) == 4:
        reporter.warning(
            "subtitles.other_language",
            "“{name}” says by its name that it is in another language than the project ({language}).",
            "If that is so, take the recording away and add it without them; recognition writes the texts.",
            name=name,
            language=language,
        )
    return path, name


def _warn_of_damage(name: str, gaps: list[DamagedCaption], reporter: Reporter) -> None:
    if gaps:
        reporter.warning(
            "subtitles.damaged",
            "Some subtitles of “{name}” could not be read ({count}); lines: {lines}.",
            "The others are used.",
            name=name,
            count=len(gaps),
            lines=", ".join(str(gap.line) for gap in gaps[:_LINES_NAMED]) + (" …" if gaps[_LINES_NAMED:] else ""),
        )


def rank(name: str, language: str) -> int:
    """Subtitles in the project's language first, then those that do not say theirs, then a text without times.

    Those of other languages, and of what is said in others alone, come last.
    """
    if not is_subtitles(name):
        return 2
    if any(remark in _ONLY_PARTS for remark in _remarks(name)):
        return 3
    if name.lower().endswith(UNREAD):
        return 5
    code = _language_of(name)
    return 1 if not code else 0 if code == language_code(language) else 4


def _language_of(name: str) -> str:
    """The language the name of subtitles says they are in; "" where it says none."""
    codes = [code for remark in _remarks(name) if remark not in _REMARKS and (code := language_code(remark))]
    return codes[0] if codes else ""
