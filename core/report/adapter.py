"""Adapter alone: what a checkpoint has learnt, with all that it takes to speak with it where its base is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from core.checkpoint_ref import CheckpointRef
from core.engines.registry import bases
from core.engines.session import ADAPTER
from core.errors import UserError
from core.jobs.args.speech import VoiceArgs
from core.project.workspace import Project
from core.report.model_card import FILE, model_card
from core.sources.adapter_import import VOICE, base_file
from core.synthesis.saved_voices import SavedVoice
from core.synthesis.start import checkpoint_folder, complete_voice, reference_files
from core.training.run import Run


def check_base(project: Project, checkpoint: CheckpointRef) -> None:
    """Refuse where the base that an adapter was made on is no longer whole on this computer.

    Raises:
        UserError: ``voice.base_gone``, ``voice.base_folder_gone``; ``train.no_run``.
    """
    models, base = bases(project.info.engine), Run(project, checkpoint.run_id).base_id
    try:
        models.folder(project.workspace.models, base)
    except UserError as error:
        if base in models.catalog:
            raise UserError(
                "voice.base_gone",
                "This voice needs the base model {label}, which is no longer whole on this computer.",
                "Get {label} again on the Train page. What was learnt is still here, and speaks with it then.",
                label=models.label(base),
            ) from error
        raise UserError(
            "voice.base_folder_gone",
            "This voice needs the base model in the folder {folder}, which is no longer whole there.",
            "Put that folder back where it was. What was learnt is still here, and speaks with it then.",
            folder=base,
        ) from error


def adapter_files(project: Project, voice: SavedVoice) -> list[tuple[str, Path | bytes]]:
    """The files of a saved voice's adapter by their names: weights and sizes without what a training goes on from, its
    references, how it speaks, and which base it needs, known by the hash of that base's weights.

    Raises:
        UserError: ``train.no_run``, ``train.no_checkpoint``, ``speak.no_clip``; as of `check_base`.
    """
    assert voice.checkpoint is not None  # else there is no adapter to offer
    check_base(project, voice.checkpoint)
    args = VoiceArgs(checkpoint=voice.checkpoint, reference_clip_ids=voice.reference_clip_ids, language=voice.language)
    folder = checkpoint_folder(project, args.checkpoint)
    assert folder is not None
    args = complete_voice(project, args)
    models = bases(project.info.engine)
    references = reference_files(project, args.checkpoint, args.reference_clip_ids)
    sounds = [(f"reference-{number:02}.wav", clip) for number, clip in enumerate(references, 1)]
    base = {
        "engine": project.info.engine,
        "base": args.base if args.base in models.catalog else "",
        "label": models.label(args.base),
        "sha256": models.weights_sha256(models.folder(project.workspace.models, args.base)),
        "language": args.language,
        "references": [{"file": name, "text": clip.text} for name, clip in sounds],
    }
    name = f"{voice.id}-adapter"
    weights = [path for path in (folder / ADAPTER, *sorted(folder.glob("*.safetensors"))) if path.is_file()]
    return [
        (f"{name}/{FILE}", model_card(project, voice.name, args, voice.rights).encode()),
        (f"{name}/{VOICE}", json.dumps(asdict(voice), indent=2, ensure_ascii=False).encode()),
        (f"{name}/{base_file(project.info.engine)}", json.dumps(base, indent=2, ensure_ascii=False).encode()),
        *((f"{name}/{path.name}", path) for path in weights),
        *((f"{name}/{sound}", clip.path) for sound, clip in sounds),
    ]
