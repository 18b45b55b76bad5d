"""Model card of a voice: what it is, what it was made of, how it measures and what it may be used for, as Markdown.

The form is that of https://huggingface.co/docs/hub/model-cards: facts in front as YAML, then sections.
"""

from __future__ import annotations

import contextlib
import time

import yaml

import core
from core.checkpoint_ref import CheckpointRef
from core.dataset.freeze import dataset
from core.engines.registry import bases, info
from core.errors import UserError
from core.evaluation.scorecard import Row, scorecard
from core.jobs.args.speech import VoiceArgs
from core.project.workspace import Project
from core.training.run import Run

FILE = "MODEL_CARD.md"
_MEASURES = {
    "cer": ("letters misheard by a recogniser", 100, "%"),
    "likeness": ("likeness to the speaker (cosine, at most 1)", 1, ""),
    "naturalness": ("naturalness (DNSMOS, 1 to 5)", 1, ""),
    "faulty": ("sentences with an unclean start or end", 100, "%"),
}


def model_card(project: Project, name: str, voice: VoiceArgs, rights: str = "") -> str:
    """The card of a voice.

    Args:
        project: whose it is.
        name: what it is called.
        voice: what speaks, and with which references.
        rights: the note on why the voice may be used; the project's if empty.
    """
    engine = info(project.info.engine)
    language = voice.language or project.info.language
    front = {
        "language": language,
        "tags": ["text-to-speech", "synthetic-voice", engine.name],
        "library_name": engine.export_package,
        "base_model": _base(project, voice),
    }
    sections = [
        f"# {name}",
        f"A synthetic voice made with Voicewright {core.__version__}. It speaks {language} by {engine.label}.",
        "## Licence",
        license_of(project, voice),
        "## Whose voice it is",
        rights or project.info.rights or "Nobody has noted why this voice may be used. Ask whoever made it.",
        "Speak with a person's voice only if that person agreed, and say that it is synthetic: files that Voicewright "
        "writes carry that note in their metadata.",
        "## How it was made",
        _training(project, voice.checkpoint),
        "## How it measures",
        _scores(project, voice.checkpoint),
        f"Written {time.strftime('%Y-%m-%d')}.",
    ]
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n\n".join(sections) + "\n"


def license_of(project: Project, voice: VoiceArgs) -> str:
    """Weights that were made here are nobody's; everything else is taken to descend from the published model."""
    engine, models = project.info.engine, bases(project.info.engine)
    base = _base_id(project, voice)
    return models.catalog[base].license if base and models.is_made(base) else info(engine).license_note


def scores_of(project: Project, checkpoint: CheckpointRef | None) -> Row | None:
    """How a checkpoint measures; None where it was not scored, or is gone."""
    if checkpoint is None:
        return None
    try:
        rows = scorecard(project, Run(project, checkpoint.run_id)).rows
    except UserError:
        return None
    return next((row for row in rows if row.step == checkpoint.step), None)


def _base_id(project: Project, voice: VoiceArgs) -> str:
    if voice.imported:
        return ""
    if voice.checkpoint is None:
        return voice.base
    try:
        return Run(project, voice.checkpoint.run_id).base_id
    except UserError:
        return voice.base


def _base(project: Project, voice: VoiceArgs) -> str:
    base = _base_id(project, voice)
    return bases(project.info.engine).label(base) if base else "a voice that was brought in"


def _training(project: Project, checkpoint: CheckpointRef | None) -> str:
    if checkpoint is None:
        return "Nothing was trained for it: the voice is that of its reference recordings."
    try:
        run = Run(project, checkpoint.run_id)
        view = run.read()
    except UserError:
        return f"Trained for {checkpoint.step} updates; the run is no longer there."
    lines = [f"- {checkpoint.step} updates of {view.total} in the run “{run.title}”"]
    with contextlib.suppress(UserError):
        frozen = dataset(project, run.dataset.name)
        lines.append(f"- {frozen.clips} recordings of {frozen.seconds / 60:.0f} minutes in all")
    settings = {key: value for key, value in view.config.model_dump(mode="json").items() if key in _SETTINGS}
    lines += [f"- {key}: {value}" for key, value in settings.items()]
    return "\n".join(lines)


_SETTINGS = ("train_what", "lora_rank", "learning_rate", "batch_size", "seed")


def _scores(project: Project, checkpoint: CheckpointRef | None) -> str:
    row = scores_of(project, checkpoint)
    if row is None or not row.estimates:
        return "It has not been scored."
    lines = []
    for name, (words, factor, unit) in _MEASURES.items():
        if estimate := row.estimates.get(name):
            mean, low, high = (factor * value for value in (estimate.mean, estimate.low, estimate.high))
            lines.append(f"| {words} | {mean:.2f}{unit} | {low:.2f} to {high:.2f} |")
    return f"{row.count} sentences of a test set.\n\n| | mean | 95 % |\n|---|---|---|\n" + "\n".join(lines)
