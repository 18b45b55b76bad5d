"""Runs with other references: they are told as not comparable, and are once one has spoken the other's sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.checkpoint_ref import CheckpointRef
from core.errors import UserError
from core.files import write_json
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.listening.candidates import candidates, sentences
from core.listening.comparison import start_compare, strangers, unspoken
from core.listening.grid import grid
from core.listening.pairs import next_pair
from core.project.workspace import Project
from core.tasks import compare
from core.training.checkpoints import HASHES
from core.training.run import Run
from tests.listening.made_up import add_run, make_project, speech
from ui.i18n import Translator
from ui.tabs.listen.two_runs import two_runs_view


class _Voice:
    """Says each text as a tone; notes with what it was asked to."""

    said: list[tuple[str, int]] = []

    def condition(self, references: Sequence[Any]) -> list[Path]:
        return [clip.path for clip in references]

    def speak(self, text: str, language: str, conditioning: Any, seed: int, **_: Any) -> tuple[np.ndarray, int]:
        assert language == "en" and [path.name for path in conditioning] == ["ref-1.wav"]
        self.said.append((text, seed))
        return np.sin(np.arange(24_000) / 20).astype(np.float32) * 0.1, 24_000


@pytest.fixture
def two(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two runs of one project with other seeds; the engine speaks in tones."""
    made = make_project(project.workspace, "Two", steps=(0, 10, 20), sentences=2)
    texts, sounds, rate = speech(2)
    add_run(made, "Other seed", (0, 10), texts, sounds, rate, seed=7)
    voice = _Voice()
    engine = SimpleNamespace(base_folder=lambda *_: Path(), load_voice=lambda *_, **__: voice)
    monkeypatch.setattr(compare, "get_engine", lambda _: engine)
    _Voice.said = []
    return made


def test_one_run_speaks_the_sentences_of_the_other_and_they_are_comparable(two: Project) -> None:
    assert strangers(candidates(two)) == [("other-seed", "calm-voice")]
    offer = two_runs_view(Translator("pt-BR"), two, candidates(two))
    assert 'data-id="other-seed/calm-voice"' in offer
    ten, other = CheckpointRef("calm-voice", 10), CheckpointRef("other-seed", 10)
    with pytest.raises(UserError):
        next_pair(two, left=ten, right=other)
    args = CompareArgs(run="other-seed", speaker="calm-voice")
    job = Job.create(two.jobs, args)
    assert compare.run(job, two, args, Reporter(job)) == {"sentences": 4, "checkpoints": 2}
    assert [seed for _, seed in _Voice.said] == [7, 8, 7, 8]  # as the other run's own samples
    assert next_pair(two, left=ten, right=other).text in [text for text, _ in _Voice.said]
    assert strangers(candidates(two)) == [] and len(sentences(two)) == 2
    table = grid(two, "other-seed")
    assert table and ten in [voice.checkpoint for voice in table.voices]
    # Done again, nothing is left to say.
    assert unspoken(two, Run(two, "other-seed"), candidates(two), "calm-voice") == {}


def test_what_a_step_spoke_before_it_was_trained_anew_is_not_compared_and_is_spoken_again(two: Project) -> None:
    args = CompareArgs(run="other-seed", speaker="calm-voice")

    def compare_again() -> dict[str, Any]:
        job = Job.create(two.jobs, args)
        return compare.run(job, two, args, Reporter(job))

    run = Run(two, "calm-voice")
    for step in (10, 20):
        write_json(run.checkpoints.folder(step) / HASHES, {"adapter.safetensors": f"weights of {step}"})
    compare_again()
    ten, other = CheckpointRef("calm-voice", 10), CheckpointRef("other-seed", 10)
    write_json(run.checkpoints.folder(10) / HASHES, {"adapter.safetensors": "trained anew"})
    with pytest.raises(UserError) as refused:
        next_pair(two, left=ten, right=other)
    assert refused.value.code == "listening.not_comparable"
    assert next_pair(two, left=CheckpointRef("calm-voice", 20), right=other)
    assert compare_again() == {"sentences": 2, "checkpoints": 1}
    assert next_pair(two, left=ten, right=other)


def test_a_run_whose_sentences_are_not_known_is_refused(two: Project) -> None:
    (two.runs / "other-seed" / "samples" / "sentences.json").unlink()
    with pytest.raises(UserError) as refused:
        start_compare(two, "other-seed", "calm-voice")
    assert refused.value.code == "listening.no_sentences"
