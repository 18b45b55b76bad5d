"""Runs with other references: they are told as not comparable, and are once one has spoken the other's sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.checkpoint_ref import CheckpointRef
from core.errors import Cancelled, UserError
from core.evaluation import common_test_set
from core.evaluation.scores import Score, ScoreFile, sound_key
from core.evaluation.test_set import Line, set_own_sentences
from core.files import write_json
from core.jobs.args.runs import CompareArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.listening.candidates import candidates, sentences
from core.listening.comparison import script_of_samples, start_compare, strangers, unspoken
from core.listening.grid import grid
from core.listening.pairs import next_pair
from core.project.workspace import Project
from core.tasks import compare
from core.training.checkpoints import HASHES, fingerprint
from core.training.run import Run
from core.training.samples import FILE
from tests.listening.made_up import add_run, make_project, speech, write_sound
from ui.i18n import LANGUAGES, Translator
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
    script = script_of_samples(two, Run(two, "other-seed"))
    assert unspoken(script, candidates(two), Run(two, "calm-voice")) == {}


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


def speak_test_set(project: Project) -> tuple[dict[str, Any], Reporter]:
    """The job as the page starts it, run in this process."""
    args = CompareArgs(run="calm-voice", speaker="other-seed", test_set=True)
    job = Job.create(project.jobs, args)
    reporter = Reporter(job)
    return compare.run(job, project, args, reporter), reporter


@pytest.fixture
def one_sentence(monkeypatch: pytest.MonkeyPatch) -> str:
    """The bundled test set, cut short."""
    text = "The kettle is on."
    monkeypatch.setattr(common_test_set, "bundled", lambda language: [Line("short", text)])
    return text


def test_both_runs_speak_the_test_set_after_one_reference_and_compare_by_it(two: Project, one_sentence: str) -> None:
    set_own_sentences(two, ["A sentence of my own.", one_sentence])
    for language in LANGUAGES:
        offer = two_runs_view(Translator(language), two, candidates(two))
        label = Translator(language)("listen.compare_test_set", count="3", sounds="9")  # and a held-out line
        assert 'data-do="compare-test-set" data-id="other-seed/calm-voice"' in offer and label in offer
    result, reporter = speak_test_set(two)
    assert result == {"sentences": 9, "checkpoints": 3} and {seed for _, seed in _Voice.said} == {0}
    assert (reporter.view.done, reporter.view.total) == (9, 9)
    assert strangers(candidates(two)) == [] and "data-do" not in two_runs_view(Translator("en"), two, candidates(two))
    refs = CheckpointRef("calm-voice", 20), CheckpointRef("other-seed", 10)
    assert next_pair(two, *refs, "A sentence of my own.").text == "A sentence of my own."
    table = grid(two, "calm-voice")
    assert table and [line.text for line in table.sentences][2:4] == [one_sentence, "A sentence of my own."]
    assert refs[1] in [voice.checkpoint for voice in table.voices]
    # A sentence that is added is offered and spoken alone; what was spoken stays what it is.
    set_own_sentences(two, ["One more.", "A sentence of my own."])
    offer = two_runs_view(Translator("en"), two, candidates(two))
    assert Translator("en")("listen.compare_test_set", count="4", sounds="3") in offer
    _Voice.said = []
    assert speak_test_set(two)[0] == {"sentences": 3, "checkpoints": 3}
    assert {text for text, _ in _Voice.said} == {"One more."}
    assert next_pair(two, *refs, "One more.").text == "One more."


def test_where_the_list_of_texts_is_lost_no_sound_is_given_another_text(two: Project, one_sentence: str) -> None:
    set_own_sentences(two, ["A sentence of my own."])
    speak_test_set(two)
    [folder] = two.spoken.iterdir()
    (folder / FILE).write_text("{")
    before = {path.name for path in folder.glob("*/*/*.wav")}
    set_own_sentences(two, ["Another one."])  # numbered anew, it would stand for the first one's sounds
    speak_test_set(two)
    assert {path.name for path in folder.glob("*/*/*.wav")} > before
    by_text = {sentence.text for candidate in candidates(two) for sentence in candidate.samples}
    assert {"Another one.", one_sentence} <= by_text and not {"", "A sentence of my own."} & by_text
    numbers = [
        sentence.number
        for candidate in candidates(two)
        for sentence in candidate.samples
        if sentence.spoken_with == folder.name
    ]
    assert min(numbers) == len(before)


def test_what_was_spoken_to_be_scored_is_not_spoken_again(two: Project, one_sentence: str) -> None:
    run = Run(two, "calm-voice")
    voice, line = fingerprint(run.base_id, run.checkpoints.folder(10)), Line("short", one_sentence)
    key = sound_key(voice, "en", [run.dataset.name, "ref-1"], line)
    scores = ScoreFile.open(run.path, 10, voice)
    sound = scores.folder / f"{key}.wav"
    write_sound(sound, speech(1)[1][0], 16_000)
    scores.put([Score(key, "short", one_sentence, sound=str(sound.relative_to(run.path)))])
    assert speak_test_set(two)[0] == {"sentences": 6, "checkpoints": 3}
    assert [text for text, _ in _Voice.said].count(one_sentence) == 2
    ten = next(candidate for candidate in candidates(two) if candidate.checkpoint == CheckpointRef(run.id, 10))
    copies = [path for sentence, path in ten.samples.items() if sentence.text == one_sentence]
    assert [path.read_bytes() for path in copies] == [sound.read_bytes()]


def test_after_a_stop_the_rest_is_offered(two: Project, one_sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(Cancelled):
        patch.setattr(Reporter, "stop_requested", lambda _: len(_Voice.said) == 5)
        speak_test_set(two)
    assert strangers(candidates(two)) == []  # some of it can be compared already
    offer = two_runs_view(Translator("en"), two, candidates(two))
    assert "not each checkpoint has spoken all of it" in offer and "sounds still to be spoken: 1" in offer


def test_a_checkpoint_that_is_cleared_while_it_speaks_is_told_and_leaves_nothing_behind(
    two: Project, one_sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Run(two, "calm-voice").checkpoints
    original = _Voice.speak

    def speak(self: _Voice, *args: Any, **options: Any) -> tuple[np.ndarray, int]:
        if not _Voice.said:
            checkpoints.remove(10)
            checkpoints.remove(20)
        return original(self, *args, **options)

    monkeypatch.setattr(_Voice, "speak", speak)
    result, reporter = speak_test_set(two)
    assert [warning.values["step"] for warning in reporter.view.warnings] == [20]  # 10 was loaded by then
    assert result["checkpoints"] == 2
    assert {path.parent.parent.name for path in two.spoken.glob("*/*/*/*.wav")} == {"other-seed"}


def test_a_sentence_that_cannot_be_read_is_told_once_a_checkpoint_and_the_others_are_spoken(
    two: Project, one_sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_own_sentences(two, ["ß"])
    original = _Voice.speak

    def speak(self: _Voice, text: str, *args: Any, **options: Any) -> tuple[np.ndarray, int]:
        if text == "ß":
            raise UserError("speak.cannot_read", "The model has no sound for {characters}.", characters="ß")
        return original(self, text, *args, **options)

    monkeypatch.setattr(_Voice, "speak", speak)
    result, reporter = speak_test_set(two)
    assert result["sentences"] == 6
    assert [warning.code for warning in reporter.view.warnings] == ["listening.checkpoint_failed"] * 3
    set_own_sentences(two, [])
    monkeypatch.setattr(common_test_set, "bundled", lambda language: [Line("own", "ß")])
    with pytest.raises(UserError) as nothing:  # not one sentence could be spoken
        speak_test_set(two)
    assert nothing.value.code == "speak.cannot_read"


def test_without_a_test_set_it_is_not_offered_and_is_refused(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_test_set, "bundled", lambda language: [])
    monkeypatch.setattr(common_test_set, "held_out", lambda dataset: [])
    offer = two_runs_view(Translator("en"), two, candidates(two))
    assert "compare-test-set" not in offer and 'data-do="compare"' in offer
    with pytest.raises(UserError) as refused:
        common_test_set.start_common_test_set(two, "calm-voice", "other-seed")
    assert refused.value.code == "listening.no_test_set"


def test_a_run_whose_sentences_are_not_known_is_refused(two: Project) -> None:
    (two.runs / "other-seed" / "samples" / "sentences.json").unlink()
    with pytest.raises(UserError) as refused:
        start_compare(two, "other-seed", "calm-voice")
    assert refused.value.code == "listening.no_sentences"
