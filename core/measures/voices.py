"""Speaker clustering: a project's voices told apart by embeddings, compared with the main one, and kept to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import UserError
from core.measures.embeddings import embeddings_file, load
from core.measures.flags import SHORT_S, least_likeness, sound_flags
from core.measures.likeness import Embedding
from core.project.records import ClipFilter
from core.project.workspace import Project

OTHER_VOICE = "other_voice"  # the reason of clips rejected for it
# Clips of one voice agree with each other by a cosine of 0.75 and more even across rooms, those of two by about 0.6.
_SAME_VOICE = 0.70
_SAMPLE = 1_500  # clips the voices are found by; the others are given to the nearest
_LEAST_CLIPS, _LEAST_S = 3, 10.0  # fewer are odd clips, no voice
_TRIM = 0.1  # of a voice's clips, the farthest, are left out of its centre
_EXAMPLES = 3

_Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Speaker:
    """One voice: its clips (those not rejected), their length, and the clips most like it, to be listened to."""

    number: int
    clips: tuple[str, ...]
    seconds: float
    examples: tuple[str, ...]


def speakers(project: Project) -> list[Speaker]:
    """The voices heard in the clips that are not rejected, the longest first; empty if nothing was measured.

    Voices are found by agglomerative clustering (average linkage) of embeddings. A few odd clips are no voice.
    """
    clustering = _clustering(project)
    if clustering is None:
        return []
    seconds = project.figures.clip_seconds()
    for clip in project.store.clips(ClipFilter("silent")):  # what holds no speech is nobody's voice
        seconds.pop(clip.id, None)
    members: dict[int, list[str]] = {}
    for clip_id, number in clustering.nearest:
        if number >= 0 and clip_id in seconds:
            members.setdefault(number, []).append(clip_id)
    result = []
    for number, clip_ids in members.items():
        examples = [id_ for id_ in clip_ids if seconds[id_] >= SHORT_S] or clip_ids
        total = sum(seconds[id_] for id_ in clip_ids)
        result.append(Speaker(number, tuple(clip_ids), total, tuple(examples[:_EXAMPLES])))
    result.sort(key=lambda voice: -voice.seconds)
    return [voice for place, voice in enumerate(result) if place == 0 or voice.seconds >= _LEAST_S]


def has_several_voices(project: Project) -> bool:
    """Whether more than one voice was found, rejected clips included: cheap where there is only one."""
    clustering = _clustering(project)
    return clustering is not None and len(clustering.centres) > 1


def voices_stamp(project: Project) -> str:
    """Changes whenever the clips are measured anew, by which voices get other numbers; "" if none was."""
    path = embeddings_file(project)
    return f"{path.stat().st_mtime_ns}-{path.stat().st_size}" if path.exists() else ""


def keep_voice(project: Project, voice: int, *, stamp: str | None = None) -> int:
    """Reject the clips of all other voices, as one change that is undone as one; returns how many.

    What likeness is measured against is then the voice that is kept. ``stamp`` is the `voices_stamp` as the
    person was shown them.

    Raises:
        UserError: ``measure.voice_gone``: the clips were measured anew meanwhile.
    """
    all_voices = speakers(project)
    if (stamp is not None and stamp != voices_stamp(project)) or voice not in [v.number for v in all_voices]:
        raise UserError("measure.voice_gone", "This voice is no longer there.", "Reload the page.")
    rejects = [clip_id for v in all_voices if v.number != voice for clip_id in v.clips]
    count = project.store.edit_clips(rejects, status="rejected", reason=OTHER_VOICE)
    update_similarity(project)
    return count


def update_similarity(project: Project) -> None:
    """Compare all clips with the project's voice (the one with most seconds not rejected); renew their flags.

    Each is noted with the voice it is nearest to.
    """
    clustering = _clustering(project)
    likeness: dict[str, float] = {}
    nearest: dict[str, int] = {}
    if clustering is not None:
        nearest = dict(clustering.nearest)
        main = next(iter(speakers(project)), None)
        centre = clustering.centres[main.number if main else 0]
        likeness = dict(zip(clustering.ids, (clustering.vectors @ centre).tolist(), strict=True))
    clips = project.store.clips()
    least = least_likeness([likeness[clip.id] for clip in clips if clip.id in likeness and clip.status != "rejected"])
    rows: dict[str, Mapping[str, float | str | None]] = {}
    for clip in clips:
        similarity, voice = likeness.get(clip.id, clip.speaker_similarity), nearest.get(clip.id)
        flags = sound_flags(replace(clip, speaker_similarity=similarity), least)
        if (similarity, voice, flags) != (clip.speaker_similarity, clip.voice, clip.sound_flags):
            rows[clip.id] = {"speaker_similarity": similarity, "voice": voice, "sound_flags": flags}
    project.store.measure_clips(rows)


@dataclass(frozen=True)
class VoiceCount:
    """How many clips of a list are of a voice; ``number`` is its `Clip.voice`."""

    number: int
    count: int


def voice_counts(project: Project, clip_filter: ClipFilter) -> list[VoiceCount]:
    """All voices with their clips among those a filter leaves, that with most speech in the project first.

    At last come clips that are like none of them (`NO_VOICE`). Empty where voices were not told apart.
    """
    stamp = voices_stamp(project)
    if not stamp:
        return []
    if _noted.get(project.path) != stamp and not project.figures.voice_seconds():
        update_similarity(project)  # measured by a version that did not note which voice a clip has
    _noted[project.path] = stamp
    seconds, counts = project.figures.voice_seconds(), project.figures.voice_counts(clip_filter)
    order = sorted(seconds, key=lambda number: -seconds[number])
    order += sorted(counts.keys() - seconds.keys(), reverse=True)  # all of their clips are rejected, or like none
    return [VoiceCount(number, counts.get(number, 0)) for number in order]


_noted: dict[Path, str] = {}  # by project: the `voices_stamp` whose voices are noted with the clips


@dataclass(frozen=True)
class _Clustering:
    """``nearest`` is each clip's id and voice (-1: none), those nearest to their voice's centre first."""

    ids: list[str]
    vectors: Embedding
    centres: Embedding
    nearest: list[tuple[str, int]]


def _clustering(project: Project) -> _Clustering | None:
    path = embeddings_file(project)
    if not path.exists():
        return None
    stat = path.stat()
    return _find(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _find(path: Path, _changed_ns: int, _size: int) -> _Clustering | None:
    ids, vectors = load(path)
    if not ids:
        return None
    labels, centres = cluster(vectors)
    nearest = np.where(labels < 0, 0, labels)
    nearness = np.einsum("ij,ij->i", vectors, centres[nearest])
    owner = labels.tolist()
    return _Clustering(ids, vectors, centres, [(ids[at], owner[at]) for at in np.argsort(-nearness).tolist()])


def cluster(vectors: Embedding) -> tuple[_Labels, Embedding]:
    """Tell voices apart.

    Args:
        vectors: embeddings of length 1, shape ``(clips, size)``, at least one.

    Returns:
        The voice of each clip (-1: like none), shape ``(clips,)``, and the voices' centres, shape ``(voices, size)``.
    """
    sample = vectors[:: -(-len(vectors) // _SAMPLE)]
    first = _linkage(sample)
    groups = [sample[first == label] for label in np.unique(first)]
    groups.sort(key=len, reverse=True)
    large = [group for group in groups if len(group) >= _LEAST_CLIPS] or groups[:1]
    centres = np.stack([centre(group) for group in large])
    near = vectors @ centres.T
    labels = np.asarray(near.argmax(axis=1), dtype=np.intp)
    labels[near.max(axis=1) < _SAME_VOICE] = -1
    return labels, centres


def centre(vectors: Embedding) -> Embedding:
    """The direction of a voice: the mean without the tenth of clips farthest from it, of length 1."""
    mean = _unit(vectors.mean(axis=0))
    keep = np.argsort(-(vectors @ mean))[: max(1, round(len(vectors) * (1 - _TRIM)))]
    return _unit(vectors[keep].mean(axis=0))


def _linkage(vectors: Embedding) -> _Labels:
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.intp)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(vectors, "average", metric="cosine")
    return np.asarray(fcluster(tree, 1 - _SAME_VOICE, "distance"), dtype=np.intp)


def _unit(vector: Embedding) -> Embedding:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)
