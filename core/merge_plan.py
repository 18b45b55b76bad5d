"""Plan of a merge: what one project would bring into another, and what differs on both sides. Changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from core.errors import UserError
from core.files import read_bounded, subfolders
from core.jobs.job import busy
from core.project.records import Clip, Source, Vote, clip_title
from core.project.schema import connect
from core.project.workspace import Project
from core.studio.documents import FILE as DOCUMENT
from core.studio.documents import documents
from core.synthesis.saved_voices import saved_voices
from core.training.run import runs

Reason = Literal["other_recording", "same_recording", "removed", "bounds", "text", "vote", "run", "voice", "document"]
TEXT_FIELDS = ("text", "status", "reason", "language")
_OVERLAP_S = 0.05
# Folders of folders, each of which comes as one, and by which files two of one name are told apart.
_RUN_FILES = ("job.json", "events.jsonl")
_WHOLE = {"datasets": (), "exports": ("manifest.json",), "runs": _RUN_FILES, "documents": (DOCUMENT,)}
_REASONS: dict[str, Reason] = {"exports": "voice", "runs": "run", "documents": "document"}
_PRONUNCIATIONS = "documents/pronunciation.json"


@dataclass(frozen=True)
class Conflict:
    """Something that stays as it is in the target: its name to a person, and why."""

    reason: Reason
    name: str


@dataclass(frozen=True)
class MergePlan:
    """What a merge would do. ``updates`` are clips whose text or decision was changed in the other project alone."""

    sources: tuple[Source, ...] = ()
    clips: tuple[Clip, ...] = ()
    updates: tuple[Clip, ...] = ()
    votes: tuple[Vote, ...] = ()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would come in."""
        return not (self.sources or self.clips or self.updates or self.votes or self.folders or self.files)


def candidates(project: Project) -> list[Project]:
    """The projects that another one can be merged into: of its engine and language, the newest first."""
    about = project.info
    return [
        peer
        for peer in project.workspace.projects()
        if peer.slug != project.slug and (peer.info.engine, peer.info.language) == (about.engine, about.language)
    ]


def plan_merge(origin: Project, target: Project, *, at_rest: bool = False) -> MergePlan:
    """Look at what ``origin`` would bring into ``target``; changes nothing.

    Args:
        origin: the one that is merged.
        target: the one that it is merged into.
        at_rest: whether it is known that no job runs in them but the one that asks.

    Raises:
        UserError: ``merge.other_voice``: their engine or language differ, or it is one project.
        Busy: a job runs in one of them.
    """
    if target.slug not in {peer.slug for peer in candidates(origin)}:
        raise UserError(
            "merge.other_voice",
            "“{origin}” cannot be merged into “{target}”: both have to be for the same engine and language.",
            "Choose another project.",
            origin=origin.info.name,
            target=target.info.name,
        )
    for project in (origin, target):
        if not at_rest and (running := project.running()):
            raise busy(running.holder())
    conflicts: list[Conflict] = []
    sources, skipped = _sources(origin, target, conflicts)
    clips, updates = _clips(origin, target, {source.id for source in sources}, skipped, conflicts)
    folders, files = _folders(origin, target, conflicts), _files(origin, target, conflicts)
    votes = _votes(origin, target, {name.removeprefix("runs/") for name in folders}, conflicts)
    tops = Counter(name.split("/")[0] for name in folders)
    counts = {"recordings": len(sources), "clips": len(clips), "texts": len(updates), "votes": len(votes)}
    counts |= {"runs": tops["runs"], "voices": tops["exports"], "documents": tops["documents"]}
    counts["saved_voices"] = sum(name.startswith("voices/") for name in files)
    return MergePlan(
        tuple(sources),
        tuple(clips),
        tuple(updates),
        tuple(votes),
        tuple(folders),
        tuple(files),
        tuple(conflicts),
        counts,
    )


def _sources(origin: Project, target: Project, conflicts: list[Conflict]) -> tuple[list[Source], set[str]]:
    """Recordings that are new, and ids of those whose clips cannot come."""
    by_id = {source.id: source for source in target.store.sources()}
    hashes = {source.sha256 for source in by_id.values() if source.sha256}
    new, skip = [], set()
    for source in origin.store.sources():
        if (match := by_id.get(source.id)) is None and source.sha256 not in hashes:
            new.append(source)
        elif match is None or match.sha256 != source.sha256:
            conflicts.append(Conflict("other_recording" if match else "same_recording", source.title))
            skip.add(source.id)
    return new, skip


def _clips(
    origin: Project, target: Project, new_sources: set[str], skipped: set[str], conflicts: list[Conflict]
) -> tuple[list[Clip], list[Clip]]:
    by_id = {clip.id: clip for clip in target.store.clips()}
    titles = {source.id: source.title for source in origin.store.sources()}
    theirs_changed, ours_changed = _changes(origin), _changes(target)
    last = _last_numbers(target)
    new, updates = [], []
    for clip in origin.store.clips():
        if clip.source_id in skipped:
            continue
        match, name = by_id.get(clip.id), clip_title(clip, titles.get(clip.source_id, ""))
        if match is None:
            number = clip.id.rpartition("-")[2]
            was_here = number.isdecimal() and int(number) <= last.get(clip.source_id, 0)
            if clip.source_id in new_sources or not (was_here or _overlaps(clip, by_id.values())):
                new.append(clip)
            else:
                conflicts.append(Conflict("removed" if was_here else "bounds", name))
        elif (match.start_s, match.end_s) != (clip.start_s, clip.end_s):
            conflicts.append(Conflict("bounds", name))
        elif any(getattr(match, name) != getattr(clip, name) for name in TEXT_FIELDS):
            own_changes, new_changes = ours_changed.get(clip.id, []), theirs_changed.get(clip.id, [])
            if new_changes[: len(own_changes)] == own_changes and len(new_changes) > len(own_changes):
                updates.append(clip)
            elif own_changes[: len(new_changes)] != new_changes:
                conflicts.append(Conflict("text", name))
            elif not own_changes and not new_changes:  # heard by different models, and nobody has looked at it
                continue
    return new, updates


def _changes(project: Project) -> dict[str, list[tuple[str, str, str]]]:
    """What was changed of each clip by hand, oldest first."""
    changes: dict[str, list[tuple[str, str, str]]] = {}
    with connect(project.database) as db:
        for clip_id, *change in db.execute("SELECT clip_id, field, old, new FROM revisions ORDER BY number"):
            changes.setdefault(clip_id, []).append((change[0], change[1], change[2]))
    return changes


def _last_numbers(project: Project) -> dict[str, int]:
    with connect(project.database) as db:
        return dict(db.execute("SELECT source_id, last FROM clip_numbers").fetchall())


def _overlaps(clip: Clip, neighbours: Iterable[Clip]) -> bool:
    return any(
        neighbour.source_id == clip.source_id
        and min(neighbour.end_s, clip.end_s) - max(neighbour.start_s, clip.start_s) > _OVERLAP_S
        for neighbour in neighbours
    )


def _folders(origin: Project, target: Project, conflicts: list[Conflict]) -> list[str]:
    """Datasets, runs, exports and documents that are new; those of the same name that are another one are named."""
    titles = {f"runs/{run.id}": run.title for run in runs(origin)}
    titles |= {f"documents/{document.id}": document.name for document in documents(origin)}
    new = []
    for top, told_by in _WHOLE.items():
        for folder in subfolders(origin.path / top):
            name, place = f"{top}/{folder.name}", target.path / top / folder.name
            if folder.is_symlink() or not any(folder.iterdir()):
                continue
            if not os.path.lexists(place):
                new.append(name)
            elif not _same(folder, place, told_by):
                conflicts.append(Conflict(_REASONS[top], titles.get(name, folder.name)))
    return new


def _files(origin: Project, target: Project, conflicts: list[Conflict]) -> list[str]:
    """Saved voices, and the list of pronunciations, where there is none of the name."""
    titles = {f"voices/{voice.id}.json": voice.name for voice in saved_voices(origin)}
    new = []
    for name in [*sorted(titles), _PRONUNCIATIONS]:
        if not (origin.path / name).is_file():
            continue
        if not os.path.lexists(target.path / name):
            new.append(name)
        elif not _same(origin.path, target.path, (name,)):
            reason: Reason = "voice" if name in titles else "document"
            conflicts.append(Conflict(reason, titles.get(name, PurePosixPath(name).name)))
    return new


def _same(left_folder: Path, right_folder: Path, names: Sequence[str]) -> bool:
    try:
        return all(read_bounded(left_folder / name) == read_bounded(right_folder / name) for name in names)
    except (OSError, ValueError):
        return False


def _votes(origin: Project, target: Project, new_runs: set[str], conflicts: list[Conflict]) -> list[Vote]:
    """Votes on runs that are the same on both sides."""
    by_pair = {vote.pair: vote for vote in target.store.votes()}
    other_runs = {
        folder.name
        for folder in subfolders(origin.runs)
        if folder.name not in new_runs and not _same(folder, target.runs / folder.name, _RUN_FILES)
    }
    new = []
    for vote in origin.store.votes():
        match = by_pair.get(vote.pair)
        if match is None and not {vote.left.run_id, vote.right.run_id} & other_runs:
            new.append(vote)
        elif match and match.choice != vote.choice:
            conflicts.append(Conflict("vote", vote.sentence or vote.pair))
    return new
