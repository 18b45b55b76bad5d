"""Voices: embeddings as the package makes them, the same voice and a stand-in for another told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.audio.samples import read
from core.clips import review
from core.measures import embeddings
from core.measures.likeness import RATE_HZ, Embedding, embed
from core.measures.voices import VoiceCount, centre, cluster, speakers, voice_counts
from core.project.records import NO_VOICE, Clip, Source
from core.project.workspace import Project
from tests.conftest import Prompts

PACKAGE = Path(__file__).resolve().parents[1] / "data" / "likeness" / "package.npy"


def voice(angle: float, count: int, spread: float, seed: int) -> Embedding:
    """Directions around one that lies ``angle`` radians from the first axis, in 256 dimensions."""
    chance = np.random.default_rng(seed)
    middle = np.zeros(256)
    middle[:2] = np.cos(angle), np.sin(angle)
    points = middle + chance.standard_normal((count, 256)) * spread / 16
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_two_voices_are_told_apart_and_an_odd_clip_is_given_to_none() -> None:
    odd = voice(-1.4, 1, 0.0, 3)
    labels, centres = cluster(np.concatenate([voice(0.0, 40, 0.4, 1), voice(1.2, 15, 0.4, 2), odd]))
    assert len(centres) == 2
    assert labels.tolist() == [0] * 40 + [1] * 15 + [-1]


def test_one_voice_is_one_however_many_its_clips() -> None:
    labels, centres = cluster(voice(0.3, 4_000, 0.4, 1))
    assert len(centres) == 1 and set(labels.tolist()) == {0}


@pytest.mark.parametrize("count", [1, 2])
def test_a_clip_or_two_are_a_voice_too(count: int) -> None:
    labels, centres = cluster(voice(0.0, count, 0.1, 1))
    assert centres.shape == (1, 256) and labels.tolist() == [0] * count


def test_strangers_among_the_clips_do_not_move_the_centre() -> None:
    own = voice(0.0, 30, 0.3, 1)
    assert centre(np.concatenate([own, voice(1.3, 3, 0.3, 2)])) @ centre(own) > 0.999


def test_clips_without_speech_are_nobodys_voice(project: Project) -> None:
    project.store.add_source(Source("s", "Talk"))
    clips = [Clip(f"s-{n:02d}", "s", n * 5.0, n * 5.0 + 4, "said", confidence=0.9) for n in range(18)]
    project.store.replace_clips("s", clips)
    for clip, row in zip(clips, np.concatenate([voice(0.0, 12, 0.3, 1), voice(1.3, 6, 0.3, 2)]), strict=True):
        embeddings.append(project, clip.id, row)
    assert [len(speaker.clips) for speaker in speakers(project)] == [12, 6]
    project.store.flag_texts({clip.id: "silence" for clip in clips[12:]})
    assert [len(speaker.clips) for speaker in speakers(project)] == [12]


@pytest.mark.slow
def test_an_embedding_is_the_one_the_package_makes(prompts: Prompts) -> None:
    """Those of resemblyzer 0.1.4 lie in a file: with its own spectrogram comes librosa, which compiles for twenty
    seconds where it was never used. They are ``embed_utterance(normalize_volume(samples, -30, increase_only=True))``.
    """
    for (start_s, end_s, _), theirs in zip(prompts.spoken[:3], np.load(PACKAGE), strict=True):
        assert float(embed(read(prompts.recording, start_s, end_s)[0] * np.float32(0.05)) @ theirs) > 0.9999


@pytest.mark.slow
def test_one_speaker_is_like_herself_and_unlike_the_stand_in(prompts: Prompts, other_voice: object) -> None:
    def voices_of(path: object) -> Embedding:
        pieces = (read(path, start, end, RATE_HZ)[0] for start, end, _ in prompts.spoken[:8])  # type: ignore[arg-type]
        return np.stack([embed(piece) for piece in pieces])

    own, other = voices_of(prompts.recording), voices_of(other_voice)
    assert np.linalg.norm(own, axis=1) == pytest.approx(1, abs=1e-5)
    assert (own @ centre(own)).min() > 0.85
    assert (other @ centre(own)).max() < 0.80
    labels, _ = cluster(np.concatenate([own, other]))
    assert labels.tolist() == [labels[0]] * 8 + [labels[8]] * 8 and labels[0] != labels[8]


def test_silence_and_the_shortest_sound_have_an_embedding_without_nan() -> None:
    for count in (0, 10, RATE_HZ):
        assert np.isfinite(embed(np.zeros(count, np.float32))).all()


def test_clips_are_listed_by_whose_voice_they_are_with_counts(project: Project) -> None:
    project.store.add_source(Source("s", "Talk"))
    clips = [Clip(f"s-{n:02d}", "s", n * 5.0, n * 5.0 + 4, "said", confidence=0.9) for n in range(20)]
    project.store.replace_clips("s", clips)
    # The second voice has fewer clips, and one is like neither; the last was not measured.
    vectors = [voice(1.2, 6, 0.3, 2), voice(0.0, 12, 0.3, 1), voice(-1.4, 1, 0.0, 3)]
    for clip, row in zip(clips, np.concatenate(vectors), strict=False):
        embeddings.append(project, clip.id, row)
    everything = review.list_filter("all")
    # Nothing was noted yet, as after an update from a version that did not: it is now.
    main, other, none = voice_counts(project, everything)
    assert (main.count, other.count, none) == (12, 6, VoiceCount(NO_VOICE, 1))
    assert [clip.id for clip in project.store.clips(review.list_filter("all", voice=str(other.number)))] == [
        clip.id for clip in clips[:6]
    ]
    strangers = review.list_filter("all", voice=f"!{main.number}")
    assert project.store.count(strangers) == 7
    assert review.spot(project, "all", voice=str(NO_VOICE), sort="likeness").clip.id == "s-18"
    assert review.list_filter("all", voice="nonsense") == everything
    # A decision goes on within the voice.
    assert review.decide(project, "s-05", "rejected", "said", "all", voice=str(other.number)) == "s-05"
    assert review.decide(project, "s-04", "approved", "said", "new", voice=str(other.number)) == "s-00"
    assert [voice.count for voice in voice_counts(project, review.list_filter("new"))] == [12, 4, 1]
