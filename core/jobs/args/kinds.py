"""Which model a stored job is read with, by the name of its task."""

from __future__ import annotations

from core.jobs.args.base import FROM_DISK, JobArgs, OtherArgs
from core.jobs.args.bases import DownloadBaseArgs, FetchBaseArgs, RewriteBaseArgs, TryBaseArgs
from core.jobs.args.clips import FindCutWordsArgs, FindDoublesArgs, MeasureArgs, SegmentArgs, TranscribeArgs
from core.jobs.args.projects import CopyProjectArgs, MergeProjectArgs, UnpackProjectArgs
from core.jobs.args.runs import CompareArgs, EvaluateArgs, ExplainArgs, ReportArgs
from core.jobs.args.sources import DenoiseArgs, ImportArgs, ListLinkArgs, ScanCollectionArgs
from core.jobs.args.speech import ExportArgs, ImportVoiceArgs, SelfTestArgs, SynthesizeArgs, VoicePictureArgs
from core.jobs.args.studio import ImportTextArgs, SpeakDocumentArgs, WriteDocumentArgs
from core.jobs.args.training import DemoArgs, FineTuneArgs, MeasurePaceArgs, TrainArgs, TryBatchesArgs

_KINDS: dict[str, type[JobArgs]] = {
    model.kind: model
    for model in (
        *(ImportArgs, ListLinkArgs, ScanCollectionArgs, DenoiseArgs),
        *(UnpackProjectArgs, CopyProjectArgs, MergeProjectArgs),
        *(SegmentArgs, TranscribeArgs, MeasureArgs, FindDoublesArgs, FindCutWordsArgs),
        *(DownloadBaseArgs, FetchBaseArgs, RewriteBaseArgs, TryBaseArgs),
        *(TrainArgs, MeasurePaceArgs, TryBatchesArgs, FineTuneArgs, DemoArgs),
        *(SynthesizeArgs, ExportArgs, ImportVoiceArgs, SelfTestArgs, VoicePictureArgs),
        *(ImportTextArgs, SpeakDocumentArgs, WriteDocumentArgs),
        *(EvaluateArgs, CompareArgs, ReportArgs, ExplainArgs),
    )
}


def from_disk(kind: str, raw: object) -> JobArgs:
    """Arguments that were written by any version.

    Raises:
        ValidationError: a value is missing, or of another kind than it should be.
    """
    return _KINDS.get(kind, OtherArgs).model_validate(raw, context=FROM_DISK)
