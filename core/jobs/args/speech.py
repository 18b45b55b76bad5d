"""Arguments of jobs on voices: speaking, exporting, testing, bringing one in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, model_validator

from core.checkpoint_ref import CheckpointName, with_checkpoint
from core.jobs.args.base import FROM_DISK, JobArgs


class VoiceArgs(JobArgs):
    """A voice and what it says. What is left empty is filled in by who starts the job.

    Args:
        checkpoint: what speaks; None is the base itself.
        base: id or folder of the base model: the run's, or that of `core.project.engine.usual_base`.
        imported: id of a voice that was brought in, which then speaks instead.
        voice: what a person calls it: the run's title, or the base's label.
        reference_clip_ids: clips that show the voice; the run's own references, or the best clips, by default.
        text: what is said.
        language: of the text; the project's by default.
        seed: of the random choices; the same seed says the same again.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    checkpoint: CheckpointName | None = None
    base: str = ""
    imported: str = ""
    voice: str = ""
    reference_clip_ids: tuple[str, ...] = ()
    text: str = ""
    language: str = ""
    seed: int = 0
    device: str = "auto"

    @model_validator(mode="before")
    @classmethod
    def _of_run_and_step(cls, raw: Any, about: ValidationInfo) -> Any:
        return with_checkpoint(raw) if about.context is FROM_DISK and isinstance(raw, dict) else raw


class SynthesizeArgs(VoiceArgs):
    """A text to be spoken. ``settings`` are the engine's, such as temperature and speed; its own by default."""

    kind = "synthesize"
    settings: dict[str, float] = {}


class ExportArgs(VoiceArgs):
    """A voice to be written as ``exports/<folder>`` with a sample that says ``text``; ``name`` is the project's by
    default. ``settings``, ``rights``, ``colour`` and ``picture`` of a saved voice are written down with it."""

    kind = "export"
    settings: dict[str, float] = {}
    rights: str = ""
    colour: str = ""
    picture: str = ""
    name: str = ""
    folder: str = ""


class ImportVoiceArgs(JobArgs):
    """A voice to be brought in.

    Args:
        path: a zip or a folder with its files; one among the project's uploads is ours and deleted afterwards.
        source: what the person calls that file or folder; empty for files that were dropped one by one.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "import_voice"
    path: Path
    source: str = ""
    device: str = "auto"


class VoicePictureArgs(JobArgs):
    """An image that becomes the picture of a saved voice: its name among the project's uploads, what the person calls
    it, and the voice's id."""

    kind = "voice_picture"
    file: str = Field(pattern=r"^[^/]+$")
    name: str = ""
    voice: str


class SelfTestArgs(VoiceArgs):
    """A voice that is to be tested: ``text`` is said by every way from the recording to the export."""

    kind = "self_test"
