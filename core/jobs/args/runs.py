"""Job arguments: one pydantic model a job, shared by what starts it, ``job.json``, and the task.

Defaults stand here alone. What is on disk is read with `from_disk`, which passes over keys of other versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from core.audio.options import SegmentOptions
from core.checkpoint_ref import CheckpointName, with_checkpoint

A = TypeVar("A", bound="_Model")
_FROM_DISK = object()  # the validation context of what was read from a disk


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_unset(cls, raw: Any, about: ValidationInfo) -> Any:
        """What is said: None is as a field that nobody has touched, and of a job that was stored other names pass."""
        if not isinstance(raw, Mapping):
            return raw
        keeps_all = about.context is not _FROM_DISK or cls.model_config["extra"] == "allow"
        return {
            name: value for name, value in raw.items() if value is not None and (keeps_all or name in cls.model_fields)
        }

    def having(self: A, **updates: Any) -> A:
        """A checked copy with some fields changed."""
        return type(self)(**{**dict(self), **updates})


class JobArgs(_Model):
    """What any job is told. ``kind`` is the task's module in `core.tasks`."""

    kind: ClassVar[str] = ""


class OtherArgs(JobArgs):
    """Of a job whose kind this version does not know: as they stand in its ``job.json``."""

    model_config = ConfigDict(extra="allow")


class LinkOptions(_Model):
    """Choices for the links of one import. ``max_minutes`` 0: as long as the settings allow.

    ``start_s`` and ``end_s`` are the part that becomes the recording, None being the end. ``subtitles`` says whether
    the video's own are taken as the texts of its words.
    """

    start_s: float = 0.0
    end_s: float | None = None
    quality: str = "best"
    max_minutes: float = 0.0
    subtitles: bool = False

    @property
    def is_part(self) -> bool:
        """Whether only a part is wanted."""
        return self.start_s > 0 or self.end_s is not None

    def part_of(self, length_s: float) -> float:
        """How many seconds of a video of this length are wanted."""
        return max(0.0, min(length_s, length_s if self.end_s is None else self.end_s) - self.start_s)


class ImportArgs(JobArgs):
    """Recordings to add. Its fields beside files, folders and urls are what a person wishes of all of them.

    Args:
        files: each where it lies and what the person calls it; they are moved away from there.
        folders: of this computer, with sounds and their texts (`core.sources.collections.scan`); they are left alone.
        urls: addresses of videos.
        rights: the person's note on why they may use them.
        max_hours: longer recordings are refused.
        max_mb: larger downloads are refused.
        link: what is wanted of the addresses: a part, the quality, subtitles.
        titles: what is behind an address, where that is known.
        choices: which column of a data set's list is the text, by the list's name (`core.sources.collections.scan`).
    """

    kind = "import_sources"
    files: tuple[tuple[Path, str], ...] = ()
    folders: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()
    rights: str = ""
    max_hours: float = 24.0
    max_mb: int = 4096
    link: LinkOptions = LinkOptions()
    titles: dict[str, str] = {}
    choices: dict[str, int] = {}


class ListLinkArgs(JobArgs):
    """A playlist or channel to be read; ``link`` is kept for what will be chosen of it."""

    kind = "list_link"
    url: str
    link: LinkOptions = LinkOptions()


class ScanCollectionArgs(JobArgs):
    """A data set that waits, by its id."""

    kind = "scan_collection"
    held: str


class UnpackProjectArgs(JobArgs):
    """A project that comes in as one file: its name in the project's uploads, and what the person calls it."""

    kind = "unpack_project"
    file: str
    name: str


class CopyProjectArgs(JobArgs):
    """A project to be copied into this one, which is of another engine: its folder's name."""

    kind = "copy_project"
    project: str


class DenoiseArgs(JobArgs):
    """A recording to be cleaned of its steady noise."""

    kind = "clean"
    source_id: str
    strength: Literal["gentle", "strong"] = "gentle"


class SegmentArgs(JobArgs):
    """Recordings to be cut into clips; None is all, and the options that its engine wants."""

    kind = "segment"
    source_ids: tuple[str, ...] | None = None
    options: SegmentOptions | None = None

    @field_validator("options", mode="wrap")
    @classmethod
    def _within_limits(
        cls, value: Any, check: ValidatorFunctionWrapHandler, about: ValidationInfo
    ) -> SegmentOptions | None:
        """Those of another version that are beyond today's limits give way to the usual ones."""
        try:
            options: SegmentOptions | None = check(value)
        except ValidationError:
            if about.context is not _FROM_DISK or not isinstance(value, dict):
                raise
            options = None
        return options


class TranscribeArgs(JobArgs):
    """Clips to be transcribed.

    Args:
        model: ``builtin:base``, a name such as ``small``, or a path (see `core.transcription.registry.models`).
        language: code of the voice engine; empty takes the project's, ``auto`` lets the model find it out.
        engine: one of `core.transcription.registry.engines`; empty chooses by model and machine.
        again: hear all clips again, not only those not heard yet. Texts corrected or approved by hand stay.
        device: ``auto``, ``cuda`` or ``cpu``.
        prompt: names and words that are to be spelled right.
        beam_size: how many readings are followed at a time; 1 is fastest.
        second: a second model that hears the clips as well, so that what the two hear differently is found; empty
            for none.
        second_engine: as ``engine``, of the second model.
        words: also find out when each word is said.
        measure: also measure how the clips sound, where that was not done yet.
    """

    kind = "transcribe"
    model: str
    language: str = ""
    engine: str = ""
    again: bool = False
    device: str = "auto"
    prompt: str = ""
    beam_size: int = 5
    second: str = ""
    second_engine: str = ""
    words: bool = True
    measure: bool = True


class MeasureArgs(JobArgs):
    """All clips that lack a measure."""

    kind = "measure"


class FindDoublesArgs(JobArgs):
    """All approved clips."""

    kind = "find_doubles"


class FindCutWordsArgs(JobArgs):
    """All approved clips."""

    kind = "find_cut_words"


class EvaluateArgs(JobArgs):
    """A run whose checkpoints are to be scored.

    Args:
        run_id: of the training run.
        model: the recognition model that listens; empty takes the usual one of the language.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "evaluate"
    run_id: str
    model: str = ""
    device: str = "auto"


class DownloadBaseArgs(JobArgs):
    """A base model to be fetched; ``hub`` is the server it comes from."""

    kind = "download_base"
    base_id: str
    hub: str


class FetchBaseArgs(JobArgs):
    """A base model that somebody has put on the hub, to be fetched as a local folder.

    Args:
        address: ``owner/name``, or the address of its page.
        paths: where in the repository each file lies, by the name it has in a base's folder.
        hub: the server it comes from.
    """

    kind = "fetch_base"
    address: str
    paths: dict[str, str]
    hub: str


class TrainArgs(JobArgs):
    """A run to be trained; its settings stand in ``config.yaml`` beside.

    Args:
        dataset: id of a frozen dataset.
        base: id or folder of a base model.
        preset: where the settings came from.
        device: ``auto``, ``cuda`` or ``cpu``.
        project: the project's folder when the run was begun; trackers go on knowing the run by it.
    """

    kind = "train"
    dataset: str = Field(pattern=r"^[^/]*$")
    base: str
    preset: str = ""
    device: str = "auto"
    project: str = ""


class MeasurePaceArgs(JobArgs):
    """A few updates to be timed, as a run with this preset and these changes would make them."""

    kind = "measure_pace"
    dataset: str = Field(pattern=r"^[^/]*$")
    base: str
    preset: str
    changes: dict[str, Any] = {}
    device: str = "auto"


class TryBatchesArgs(MeasurePaceArgs):
    """Batches to be tried, as a run with this preset and these changes would have them."""

    kind = "try_batches"


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
        return with_checkpoint(raw) if about.context is _FROM_DISK and isinstance(raw, dict) else raw


class SynthesizeArgs(VoiceArgs):
    """A text to be spoken. ``settings`` are the engine's, such as temperature and speed; its own by default."""

    kind = "synthesize"
    settings: dict[str, float] = {}


class ImportTextArgs(JobArgs):
    """A file of text that becomes a long text: its name among the project's uploads, what the person calls it, and the
    voice and language it gets."""

    kind = "import_text"
    file: str = Field(pattern=r"^[^/]+$")
    name: str
    voice: str = ""
    language: str = ""


class SpeakDocumentArgs(JobArgs):
    """Lines of a long text to be spoken.

    Args:
        document: its id.
        lines: ids of the lines; without any all of them.
        again: say them once more with another seed, also where there is a take already.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "speak_document"
    document: str
    lines: tuple[int, ...] = ()
    again: bool = False
    device: str = "auto"


class WriteDocumentArgs(JobArgs):
    """A spoken text to be written as files.

    Args:
        document: its id.
        formats: of `core.studio.files.FORMATS`.
        incomplete: write it also where lines have no sound, which are left out and named.
    """

    kind = "write_document"
    document: str
    formats: tuple[str, ...]
    incomplete: bool = False


class ExportArgs(VoiceArgs):
    """A voice to be written as ``exports/<folder>`` with a sample that says ``text``; ``name`` is the project's by
    default. ``settings``, ``rights`` and ``colour`` of a saved voice are written down with it."""

    kind = "export"
    settings: dict[str, float] = {}
    rights: str = ""
    colour: str = ""
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


class SelfTestArgs(VoiceArgs):
    """A voice that is to be tested: ``text`` is said by every way from the recording to the export."""

    kind = "self_test"


class TryBaseArgs(JobArgs):
    """A local folder about which nobody has said yet how it was built: a sentence is spoken with every set of answers.

    Args:
        folder: of the base.
        text: what is said.
        language: of the text.
        reference_clip_ids: clips that show the voice.
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    kind = "try_base"
    folder: Path
    text: str
    language: str
    reference_clip_ids: tuple[str, ...]
    device: str = "auto"


class CompareArgs(JobArgs):
    """Checkpoints of the run ``speaker`` that speak the sentences of ``run``, with its references."""

    kind = "compare"
    run: str
    speaker: str
    device: str = "auto"


class ReportArgs(JobArgs):
    """A report on a run; what it says stands beside, in ``document.json`` (`core.report.document`)."""

    kind = "report"
    run: str


class ExplainArgs(JobArgs):
    """What a language model is asked about a run; the facts stand beside, in ``facts.json`` (`core.coach.explanation`).

    ``language`` is the answer's; without a ``question`` it explains the findings.
    """

    kind = "explain"
    run: str
    language: str = "en"
    question: str = ""


class FineTuneArgs(JobArgs):
    """Recordings that become a training, with nothing asked on the way.

    Args:
        recordings: what is brought in first.
        model: the recogniser that writes down what is said; empty for the usual one of the language.
        run: the run's folder, ``name`` its title.
        preset, settings, base, device: of the training, as for `core.training.start.start_training`.
    """

    kind = "finetune"
    recordings: ImportArgs
    model: str = ""
    run: str = ""
    name: str = ""
    preset: str = ""
    settings: dict[str, Any] = {}
    base: str = ""
    device: str = "auto"


class DemoArgs(JobArgs):
    """The demo; ``device`` is what it trains on."""

    kind = "demo"
    device: str = "auto"


_KINDS: dict[str, type[JobArgs]] = {
    model.kind: model
    for model in (
        *(ImportArgs, ListLinkArgs, ScanCollectionArgs, UnpackProjectArgs, CopyProjectArgs, DenoiseArgs),
        *(SegmentArgs, TranscribeArgs, MeasureArgs, FindDoublesArgs, FindCutWordsArgs),
        *(
            DownloadBaseArgs,
            FetchBaseArgs,
            MeasurePaceArgs,
            TryBatchesArgs,
            TrainArgs,
            EvaluateArgs,
            SynthesizeArgs,
            SpeakDocumentArgs,
        ),
        *(ImportTextArgs, WriteDocumentArgs, ExportArgs),
        *(ImportVoiceArgs, SelfTestArgs, TryBaseArgs, CompareArgs, ReportArgs, ExplainArgs, FineTuneArgs, DemoArgs),
    )
}


def from_disk(kind: str, raw: object) -> JobArgs:
    """Arguments that were written by any version.

    Raises:
        ValidationError: a value is missing, or of another kind than it should be.
    """
    return _KINDS.get(kind, OtherArgs).model_validate(raw, context=_FROM_DISK)
