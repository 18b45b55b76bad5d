"""Voices to choose from: checkpoints of runs, newest first, voices that were brought in, the bases that are ready."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.checkpoint_ref import CheckpointRef
from core.engines.registry import bases
from core.errors import UserError
from core.files import TooLarge, read_bounded
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project, Workspace
from core.synthesis.exports import Export, imported_voices
from core.training.run import runs

log = logging.getLogger("voicewright")
BASE = "base"
IMPORTED = "voice"
DEFAULT = "default"  # what a program asks for that does not care
_MOST_BYTES = 65_536  # of a README


@dataclass(frozen=True)
class VoiceChoice:
    """One entry. ``id`` is ``<run>:<step>``, ``voice:<imported>`` or ``base:<base>``.

    ``title`` is the run's name, the voice's or the base's label; ``imported`` the id of a voice that was brought in.
    """

    id: str
    title: str
    checkpoint: CheckpointRef | None
    base_id: str
    imported: str = ""


def voices(project: Project) -> list[VoiceChoice]:
    """Every checkpoint that was saved, the newest run and its last step first, then voices that were brought in, then
    the bases that are ready."""
    choices = []
    for run in runs(project):
        for step in reversed(run.checkpoints.steps()):
            if step > 0:
                checkpoint = CheckpointRef(run.id, step)
                choices.append(VoiceChoice(checkpoint.name, run.title, checkpoint, run.base_id))
    engine = project.info.engine
    choices += [
        VoiceChoice(f"{IMPORTED}:{voice.id}", voice.name, None, "", voice.id)
        for voice in imported_voices(project.workspace)
        if voice.manifest.get("engine") == engine
    ]
    models = bases(engine)
    for base_id, base in models.catalog.items():
        if models.state(project.workspace.models, base_id).status == "ready":
            choices.append(VoiceChoice(f"{BASE}:{base_id}", base.label, None, base_id))
    return choices


def voice(project: Project, voice_id: str) -> VoiceChoice | None:
    """The voice of that id; the first if there is none, None if there are none at all."""
    choices = voices(project)
    return next((choice for choice in choices if choice.id == voice_id), choices[0] if choices else None)


@dataclass(frozen=True)
class NamedVoice:
    """A voice as programs call it: ``<project>`` for the newest of a project, ``<project>/<run>:<step>`` for any."""

    id: str
    project: Project
    choice: VoiceChoice


def named_voices(workspace: Workspace) -> list[NamedVoice]:
    """Every voice of every project that can speak, the newest project first."""
    names = []
    for project in workspace.projects():
        try:
            has_clips = project.store.count(ClipFilter("usable"))
            choices = [choice for choice in voices(project) if choice.imported or has_clips]
        except UserError as error:  # damaged, or of an engine that is gone; the others speak all the same
            log.warning("The voices of “%s” are left out: %s", project.slug, error)
            continue
        if choices:
            names.append(NamedVoice(project.slug, project, choices[0]))
            names += [NamedVoice(f"{project.slug}/{choice.id}", project, choice) for choice in choices]
    return names


def named_voice(workspace: Workspace, id: str) -> NamedVoice:
    """The voice that a program means; ``default`` is the first there is.

    Raises:
        UserError: ``speak.unknown_voice``; as of `Workspace.project`.
    """
    slug, _, choice_id = id.partition("/")
    if id == DEFAULT:
        names = named_voices(workspace)
        if names:
            return names[0]
    elif slug in {project.slug for project in workspace.projects()}:
        project = workspace.project(slug)
        for choice in voices(project):
            if not choice_id or choice.id == choice_id:
                return NamedVoice(id, project, choice)
    raise UserError(
        "speak.unknown_voice",
        "There is no voice “{id}”.",
        "Ask for one of those that /v1/audio/voices lists.",
        id=id[:80],
    )


def reference_clips(project: Project, ids: list[str]) -> list[Clip]:
    """The clips of these ids that are still there, in this order."""
    clips_by_id = {clip.id: clip for clip in project.store.clips(ClipFilter())}
    return [clips_by_id[clip_id] for clip_id in ids if clip_id in clips_by_id]


def how_to_load(export: Export) -> str:
    """What stands in the export's README: how to load it and say the sample."""
    readme = export.folder / "README.txt"
    try:
        return read_bounded(readme, _MOST_BYTES).decode(errors="replace")
    except (OSError, TooLarge):
        return ""
