"""Synthesis and export of a voice: starts the jobs, lists their takes. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from core.checkpoint_ref import CheckpointName, CheckpointRef, with_checkpoint
from core.damage import DamagedFile, Finite, UnixTime, read_all, read_record
from core.dataset.freeze import frozen_texts
from core.engines.registry import bases, info, language_code
from core.engines.voice import ReferenceClip
from core.errors import UserError
from core.files import free_name, inside, slug
from core.jobs.args.speech import ExportArgs, SynthesizeArgs, VoiceArgs
from core.jobs.job import Job, busy
from core.measures.proofreading import Proof
from core.project.engine import usual_base
from core.project.records import Clip, ClipFilter
from core.project.trash import discard
from core.project.workspace import Project
from core.synthesis import speaking
from core.synthesis.exports import imported_voice
from core.synthesis.settings import check_settings
from core.synthesis.wire import SpeechRequest
from core.text import as_title, clean_text, has_ssml, without_tags
from core.training.run import Run

MOST_CHARACTERS = 20_000  # of a text; an engine may take fewer
V = TypeVar("V", bound=VoiceArgs)


@dataclass(frozen=True)
class Take:
    """Something that was spoken. ``voice`` is the run's title, or the base's label; times are Unix seconds.

    ``faults`` are of its starts and ends, ``heard`` and ``cer`` what a recogniser understood
    (`core.measures.proofreading`); None where nobody listened.
    """

    id: str
    path: Path
    text: str
    language: str
    voice: str
    checkpoint: CheckpointName | None
    seed: int
    reference_clip_ids: tuple[str, ...]
    seconds: Finite
    took_s: Finite
    at: UnixTime
    faults: tuple[str, ...] = ()
    heard: str | None = None
    cer: Finite | None = None

    @property
    def proof(self) -> Proof:
        """What is doubtful about it."""
        return Proof(self.faults, heard=self.heard, cer=self.cer)


def best_references(project: Project, count: int = 0) -> list[str]:
    """Ids of the clips that show the voice best: approved, of the length that suits the engine, alike and surely
    understood (`reference_quality`), in that order; as many as suit the engine if ``count`` is 0."""
    engine = info(project.info.engine)
    shortest, best, longest = engine.reference_seconds
    usable = project.store.clips(ClipFilter("usable"))
    similarities = [clip.speaker_similarity for clip in usable if clip.speaker_similarity is not None]
    usual = sum(similarities) / len(similarities) if similarities else 1.0

    def rank(clip: Clip) -> tuple[bool, bool, float, float, str]:
        unfit = not shortest <= clip.seconds <= longest
        # In whole tenths, so that among equally good ones the length decides.
        quality = round(reference_quality(clip, usual), 1)
        return clip.status != "approved", unfit, -quality, abs(clip.seconds - best), clip.id

    return [clip.id for clip in sorted(usable, key=rank)[: count or engine.reference_clips]]


def reference_quality(clip: Clip, usual: float = 1.0) -> float:
    """How well a clip shows the voice, 0 to 1: its likeness to the voice times how surely and alike it was understood.

    ``usual`` stands for a likeness that was not measured.
    """
    likeness = usual if clip.speaker_similarity is None else clip.speaker_similarity
    clarity = (clip.confidence or 0.0) * (1.0 - min(1.0, clip.mismatch or 0.0))
    return max(0.0, min(1.0, likeness)) * clarity


def start_speak(project: Project, args: SynthesizeArgs) -> Job:
    """Say a text in a job, which may wait in the queue; it writes ``takes/<id>.wav`` (24 kHz) and ``takes/<id>.json``.

    Raises:
        UserError: see `complete`.
    """
    args = complete(project, args)
    job = project.start_job(args, title=args.text[:60], gpu=True, wait=True)
    speaking.wake(project.workspace)
    return job


def complete(project: Project, args: SynthesizeArgs) -> SynthesizeArgs:
    """The same with a clean text, without tags of SSML, and what was left empty.

    Raises:
        UserError: ``speak.empty``, ``speak.too_long``; see `check_settings` and `complete_voice`.
    """
    check_settings(project.info.engine, args.settings)
    text = clean_text(without_tags(args.text) if has_ssml(args.text) else args.text)
    if not text:
        raise UserError("speak.empty", "There is nothing to say.", "Type a sentence.")
    if len(text) > MOST_CHARACTERS:
        raise UserError(
            "speak.too_long",
            "The text has {count} characters; at most {limit} are said at once.",
            "Split it into several texts, or open it as a long text on the Speak page.",
            count=len(text),
            limit=MOST_CHARACTERS,
        )
    return complete_voice(project, args.having(text=text))


def speech_request(project: Project, args: SynthesizeArgs) -> SpeechRequest:
    """What the speaking process is asked for; the arguments have to be `complete`.

    Raises:
        UserError: ``speak.no_clip``, ``train.no_run``, ``train.no_checkpoint``, ``voice.gone``.
    """
    references = reference_files(project, args.checkpoint, args.reference_clip_ids)
    return SpeechRequest(
        engine=project.info.engine,
        base=args.base,
        voice=imported_voice(project.workspace, args.imported).folder if args.imported else None,
        checkpoint=checkpoint_folder(project, args.checkpoint),
        references=tuple(references),
        text=args.text,
        language=args.language,
        seed=args.seed,
        settings=args.settings,
        device=args.device,
    )


def start_export(project: Project, args: ExportArgs) -> Job:
    """Write a checkpoint as ``exports/<name>``, a folder that the engine's own package loads, in a job that may wait.

    Raises:
        Busy: another export of this project is at work or waits. UserError: ``export.imported``; see `complete_voice`.
    """
    if (job := project.latest(args.kind)) and job.alive():
        raise busy(job.holder())  # its folder is named when it is done
    if args.imported:
        raise UserError(
            "export.imported",
            "This voice was brought in, so it is a folder already.",
            "Download it from its card on the Speak page.",
        )
    title = as_title(args.name) or project.info.name
    args = complete_voice(project, args)
    text = clean_text(args.text) or sample_text(project, args.checkpoint, args.language)
    args = args.having(name=title, folder=free_name(project.exports, slug(title, "voice")), text=text)
    return project.start_job(args, title=title, gpu=True, wait=True)


def takes(project: Project, damage: list[DamagedFile] | None = None) -> list[Take]:
    """Everything that was spoken, newest first; damaged notes are passed over, and added to ``damage``."""
    paths = [path for path in project.takes.glob("[!.]*.json") if path.with_suffix(".wav").exists()]
    return sorted(read_all(paths, _read_take, damage), key=lambda take: take.at, reverse=True)


def remove_take(project: Project, take_id: str) -> None:
    """Move a take to the project's trash; nothing if it is there already."""
    take = next((take for take in takes(project) if take.id == take_id), None)
    if take:
        discard(project, "take", take.text[:60], [take.path, take.path.with_suffix(".json")])


def checkpoint_folder(project: Project, checkpoint: CheckpointRef | None) -> Path | None:
    """Where a checkpoint's weights lie; None for the base.

    Raises:
        UserError: ``train.no_run``, ``train.no_checkpoint``.
    """
    return Run(project, checkpoint.run_id).checkpoint(checkpoint.step) if checkpoint else None


def reference_files(project: Project, checkpoint: CheckpointRef | None, clip_ids: Sequence[str]) -> list[ReferenceClip]:
    """Reference clips as they lie in the run's frozen dataset if they are there, else among the clips.

    Raises:
        UserError: ``speak.no_clip``.
    """
    texts = {clip.id: clip.text for clip in project.store.clips(ClipFilter())}
    dataset = Run(project, checkpoint.run_id).dataset if checkpoint else None
    frozen = frozen_texts(dataset) if dataset else {}
    references = []
    for clip_id in clip_ids:
        path = inside(dataset / "wavs", f"{clip_id}.wav") if dataset else Path()
        text = frozen.get(clip_id, "")
        if not path.is_file():
            path, text = project.clip_file(clip_id), texts.get(clip_id, "")
        if not path.is_file():
            raise UserError(
                "speak.no_clip", "A chosen reference clip is no longer there.", "Choose another one.", id=clip_id
            )
        references.append(ReferenceClip(path, text, project.info.language))
    return references


def run_references(run: Run) -> list[str]:
    """Clips that a run's samples were spoken with, so that a checkpoint sounds here as it did there; none if gone."""
    clip_ids = run_sentences(run).references
    return clip_ids if all((run.dataset / "wavs" / f"{clip_id}.wav").is_file() for clip_id in clip_ids) else []


def complete_voice(project: Project, args: V) -> V:
    """Arguments with what was left empty, checked before a job starts.

    Raises:
        UserError: ``speak.no_reference``, ``speak.no_clip``, ``train.no_run``, ``train.no_checkpoint``, ``voice.gone``.
    """
    language = language_code(args.language or project.info.language, project.info.engine)
    if args.imported:
        reference_files(project, None, args.reference_clip_ids)
        voice = args.voice or imported_voice(project.workspace, args.imported).name
        return args.having(voice=voice, language=language)
    run = Run(project, args.checkpoint.run_id) if args.checkpoint else None
    if run and args.checkpoint:
        run.checkpoint(args.checkpoint.step)
        base, voice = run.base_id, run.title
    else:
        base = args.base or usual_base(project)
        voice = bases(project.info.engine).label(base)
    references = args.reference_clip_ids or (run_references(run) if run else []) or best_references(project)
    if not references:
        raise UserError(
            "speak.no_reference",
            "There is no reference recording to take the voice from.",
            "Approve a few clips, or choose some as reference.",
        )
    reference_files(project, args.checkpoint, references)
    return args.having(base=base, voice=args.voice or voice, reference_clip_ids=references, language=language)


@dataclass(frozen=True)
class RunSentences:
    """What a run's checkpoints speak, as its first process wrote it down; empty before that."""

    texts: list[str] = field(default_factory=list)
    language: str = ""
    references: list[str] = field(default_factory=list)
    seed: int = 0


def run_sentences(run: Run) -> RunSentences:
    """Those of a run."""
    path = run.path / "samples" / "sentences.json"
    return read_record(path, RunSentences, "run", run.path) if path.is_file() else RunSentences()


def sample_text(project: Project, checkpoint: CheckpointRef | None, language: str) -> str:
    if checkpoint:
        said = run_sentences(Run(project, checkpoint.run_id))
        if said.texts and said.language == language:
            return said.texts[0]
    from core.training.sentences import held_out

    # A language without bundled sentences: what the speaker has said is at least in it.
    own = [clip.text for clip in project.store.clips(ClipFilter(state="approved", sort="length")) if clip.text]
    sentences = held_out(language, own, 1, project.info.engine)
    return sentences[0] if sentences else "1, 2, 3."


def _read_take(path: Path) -> Take:
    return read_record(path, Take, "take", path, complete=_with_path)


def _with_path(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    return {**with_checkpoint(raw), "id": path.stem, "path": path.with_suffix(".wav")}
