"""The grid: sentences by voices (real recording, base, checkpoints), each cell a sound with its picture."""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.audio.loudness import loudness_lufs, match_loudness
from core.audio.samples import read
from core.audio.spectrogram import BANDS, HOP_S, mel_levels, outline
from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.files import inside
from core.listening.candidates import REAL, Candidate, Sentence, candidates, real_recordings, sentences_of, short_name
from core.listening.sounds import facts, onset_s
from core.project.workspace import Project
from core.training.run import Run

_LUFS = -23.0


@dataclass(frozen=True)
class Grid:
    """What a run's sentences sound like. ``references`` are the clips of its dataset that showed the voice.

    ``sentences`` are the run's own, then what its checkpoints have spoken beside to be compared. ``voices`` are
    columns: the real recording where there is one, the run's base and checkpoints, then those of other runs that have
    spoken a sentence with the same references. A voice need not have spoken each sentence.
    """

    run_id: str
    sentences: tuple[Sentence, ...]
    voices: tuple[Candidate, ...]
    references: tuple[str, ...]


def grid(project: Project, run_id: str, pool: Sequence[Candidate] | None = None) -> Grid | None:
    """The grid of a run; None if it has spoken nothing that is still there. ``pool`` are all `candidates`."""
    pool = candidates(project) if pool is None else pool
    own = [candidate for candidate in pool if candidate.checkpoint.run_id == run_id]
    if not own:
        return None
    run = Run(project, run_id)
    spoken_with = short_name(own[0].condition)
    all_sentences = {sentence for candidate in own for sentence in candidate.samples}
    sentences = sorted(all_sentences, key=lambda entry: (entry.spoken_with != spoken_with, entry.spoken_with, entry))
    real = real_recordings(project, [run])
    peers = [peer for peer in pool if peer not in own and peer.checkpoint.step and peer.samples.keys() & all_sentences]
    frozen = sentences_of(run)
    return Grid(
        run_id, tuple(sentences), (*([real] if real.samples else []), *own, *peers), frozen.references if frozen else ()
    )


def cell_file(project: Project, run_id: str, step: int, spoken_with: str, number: int) -> Path:
    """The sound of a cell.

    Raises:
        UserError: ``listening.no_sound``.
    """
    ref = CheckpointRef(run_id, step)
    pool = [real_recordings(project)] if ref == REAL else candidates(project)
    for candidate in pool:
        if candidate.checkpoint == ref:
            for sentence, path in candidate.samples.items():
                if (sentence.number, sentence.spoken_with) == (number, spoken_with) and path.is_file():
                    return path
    raise UserError("listening.no_sound", "This sound is no longer there.", "Reload the page.")


def reference_file(project: Project, run_id: str, number: int) -> Path:
    """One of the clips that showed a run's voices how to sound.

    Raises:
        UserError: ``listening.no_sound``, ``train.no_run``.
    """
    run = Run(project, run_id)
    frozen = sentences_of(run)
    if frozen and 0 <= number < len(frozen.references):
        path = inside(run.dataset / "wavs", f"{frozen.references[number]}.wav")
        if path.is_file():
            return path
    raise UserError("listening.no_sound", "This sound is no longer there.", "Reload the page.")


def picture(path: Path) -> dict[str, Any] | None:
    """What is drawn of a sound, and what is needed to play it beside another; None if it cannot be read.

    ``seconds``, ``silent``, ``onset`` (when its speech begins, in seconds), ``lufs``, ``hop`` (seconds a column),
    ``wave`` (lowest and highest of each column in hundredths), ``bands``, and ``mel``: a byte for each band and
    column, row by row from the lowest band, as base64. Both are drawn at one loudness, so that pictures compare.
    """
    sound = facts(path)
    if sound is None:
        return None
    about = path.stat()
    return _picture(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=128)
def _picture(path: Path, _changed_ns: int, _size: int) -> dict[str, Any] | None:
    try:
        samples, rate = read(path)
    except (OSError, RuntimeError):
        return None
    loudness = loudness_lufs(samples, rate)
    even = match_loudness(samples, rate, _LUFS)
    sound = facts(path)
    return {
        "seconds": round(len(samples) / rate, 3),
        "silent": sound is None or sound.is_silent,
        "onset": round(onset_s(samples, rate), 3),
        "lufs": round(loudness, 2) if np.isfinite(loudness) else None,
        "hop": HOP_S,
        "wave": (outline(even, rate) * 100).round().astype(int).ravel().tolist(),
        "bands": BANDS,
        "mel": base64.b64encode(mel_levels(even, rate).tobytes()).decode(),
    }
