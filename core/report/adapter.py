"""Adapter alone: what a checkpoint has learnt, with all that it takes to speak with it where its base is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from core.engines.registry import bases
from core.engines.session import ADAPTER
from core.jobs.args.speech import VoiceArgs
from core.project.workspace import Project
from core.report.model_card import FILE, model_card
from core.sources.adapter_import import VOICE, base_file
from core.synthesis.saved_voices import SavedVoice
from core.synthesis.start import checkpoint_folder, complete_voice, reference_files


def adapter_files(project: Project, voice: SavedVoice) -> list[tuple[str, Path | bytes]]:
    """The files of a saved voice's adapter by their names: weights and sizes without what a training goes on from, its
    references, how it speaks, and which base it needs, known by the hash of that base's weights.

    Raises:
        UserError: ``train.no_run``, ``train.no_checkpoint``, ``speak.no_clip``, ``base.*``; it is of a base alone.
    """
    args = VoiceArgs(checkpoint=voice.checkpoint, reference_clip_ids=voice.reference_clip_ids, language=voice.language)
    folder = checkpoint_folder(project, args.checkpoint)
    assert folder is not None  # else there is no adapter to offer
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
