"""Voices to choose from: those saved under a name, checkpoints of runs, voices brought in, the bases that are ready."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from core.checkpoint_ref import CheckpointRef
from core.engines.registry import bases
from core.errors import UserError
from core.files import TooLarge, read_bounded
from core.jobs.args.speech import VoiceArgs
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project, Workspace
from core.synthesis.exports import Export, imported_voices
from core.synthesis.saved_voices import BASE as BASE
from core.synthesis.saved_voices import IMPORTED as IMPORTED
from core.synthesis.saved_voices import SavedVoice, saved_voices
from core.training.run import runs

V = TypeVar("V", bound=VoiceArgs)
log = logging.getLogger("voicewright")
DEFAULT = "default"  # what a program asks for that does not care
_MOST_BYTES = 65_536  # of a README


@dataclass(frozen=True)
class VoiceChoice:
    """One entry. ``id`` is that of a saved voice, ``<run>:<step>``, ``voice:<imported>`` or ``base:<base>``.

    ``title`` is the voice's name, the run's or the base's label; ``imported`` the id of a voice that was brought in;
    ``saved`` how a saved one speaks, ``manner`` how one that was brought in does.
    """

    id: str
    title: str
    checkpoint: CheckpointRef | None
    base_id: str
    imported: str = ""
    saved: SavedVoice | None = None
    manner: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """What it decides of a job's arguments: what speaks, and what a saved voice brings along."""
        speaker = {"checkpoint": self.checkpoint, "base": self.base_id, "imported": self.imported}
        if self.saved is None:
            return {**speaker, **self.manner}
        names = ("settings", "seed", "language", "rights", "colour", "picture")
        manner = {name: getattr(self.saved, name) for name in names}
        references = self.saved.reference_clip_ids
        return {**speaker, **manner, "reference_clip_ids": references, "voice": self.saved.name}

    def wish(self, model: type[V], **fields: Any) -> V:
        """Arguments of a job for this voice; ``fields`` that say something come before the voice's own."""
        own = {name: value for name, value in self.arguments.items() if name in model.model_fields}
        values = {name: value for name, value in fields.items() if value not in (None, "", (), {})}
        if "settings" in own and "settings" in values:
            values["settings"] = {**own["settings"], **values["settings"]}
        return model(**{**own, **values})


def voices(project: Project) -> list[VoiceChoice]:
    """Voices that were saved, the newest first; every checkpoint, the newest run and its last step first; voices that
    were brought in; the bases that are ready. A saved one whose checkpoint is gone is left out."""
    choices = speakers(project)
    by_id = {choice.id: choice for choice in choices}
    saved_choices = [
        replace(by_id[voice.speaker], id=voice.id, title=voice.name, saved=voice)
        for voice in saved_voices(project)
        if voice.speaker in by_id
    ]
    return saved_choices + choices


def speakers(project: Project) -> list[VoiceChoice]:
    """What a saved voice can be made of: `voices` without those."""
    choices = []
    for run in runs(project):
        for step in reversed(run.checkpoints.steps()):
            if step > 0:
                checkpoint = CheckpointRef(run.id, step)
                choices.append(VoiceChoice(checkpoint.name, run.title, checkpoint, run.base_id))
    engine = project.info.engine
    choices += [
        VoiceChoice(f"{IMPORTED}:{voice.id}", voice.name, None, "", voice.id, manner=voice.manner)
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
    """A voice as programs call it: ``<project>`` for the first of a project, ``<project>/<voice>`` for any."""

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
    raise unknown_voice(id)


def unknown_voice(id: str) -> UserError:
    """What is told of a name that no voice has."""
    return UserError(
        "speak.unknown_voice",
        "There is no voice “{id}”.",
        "Ask for one of those that /v1/audio/voices lists.",
        id=id[:80],
    )


def language_of(voice: NamedVoice) -> str:
    """What it speaks where nothing else is asked."""
    voice_file = voice.choice.saved
    return (voice_file.language if voice_file else "") or voice.project.info.language


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
