"""Scoring a run: real prompts spoken by a stand-in voice are measured, judged, and not measured twice."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.checkpoint_ref import CheckpointRef
from core.engines.callbacks import never
from core.engines.registry import languages
from core.errors import Cancelled, UserError
from core.evaluation import measure as evaluation_measure
from core.evaluation import run as evaluation_run
from core.evaluation.measure import Listener
from core.evaluation.plan import plan
from core.evaluation.real_voice import RealVoice
from core.evaluation.run import Evaluation
from core.evaluation.scorecard import recommended_step, scorecard
from core.evaluation.scores import ScoreFile, read_scores
from core.evaluation.test_set import bundled, set_own_sentences
from core.jobs.args.runs import EvaluateArgs
from core.measures import likeness, naturalness
from core.project.trash import bring_back, contents
from core.training.run import Run
from core.training.trash import discard_checkpoint
from tests.evaluation.conftest import MakeScored, Scored, cut, save_checkpoint, whole


def score(scored: Scored) -> int:
    return Evaluation(
        scored.project, scored.run, EvaluateArgs(run_id=scored.run.id, device="cpu"), scored.reporter
    ).score()


@pytest.fixture
def only_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but levels is measured: quick, for what is not about the numbers."""
    monkeypatch.setattr(likeness, "available", lambda: False)
    monkeypatch.setattr(naturalness, "available", lambda: False)
    monkeypatch.setattr(Evaluation, "_recognizer", lambda self: None)


def test_the_numbers_tell_a_voice_that_breaks_off_from_one_that_does_not(make_run: MakeScored) -> None:
    scored = make_run({0: cut, 10: whole})
    assert score(scored) == 2
    card = scorecard(scored.project, scored.run)
    base, tuned = card.rows
    assert card.real is not None and card.recogniser == "builtin:tiny.en"
    assert base.estimates["faulty"].mean == 1.0 and tuned.estimates["faulty"].mean == 0.0
    assert tuned.estimates["cer"].mean < 0.05 and card.real.estimates["cer"].mean < 0.05
    # A recording is nearly as like the others as they are to each other.
    assert card.real.estimates["likeness"].mean > 0.7 and tuned.estimates["likeness"].mean > 0.7
    assert 2.5 < tuned.estimates["naturalness"].mean < 4 and 150 < tuned.estimates["pitch_hz"].mean < 250
    assert tuned.gain is not None and tuned.gain.surely_above and base.gain is None


def test_what_is_scored_is_not_spoken_again_and_what_is_new_is(make_run: MakeScored, only_sound: None) -> None:
    scored = make_run({0: whole, 10: whole})
    score(scored)
    first = list(scored.engine.said)
    assert len(first) == 6
    score(scored)
    assert scored.engine.said == first
    scored.engine.spoils[20] = whole
    save_checkpoint(scored.run, 20, "later")
    score(scored)
    assert len(scored.engine.said) == 9
    next(iter((scored.run.path / "scores" / "step-000020").glob("*.wav"))).write_bytes(b"RIFF")  # a broken disk
    score(scored)
    assert len(scored.engine.said) == 10
    save_checkpoint(scored.run, 20, "trained anew")  # the same number, other weights
    assert [row.step for row in scorecard(scored.project, scored.run).rows] == [0, 10]
    score(scored)
    assert len(scored.engine.said) == 13
    set_own_sentences(scored.project, [next(text for text in scored.engine.sounds if text not in first), "", first[0]])
    score(scored)
    assert len(scored.engine.said) == 16  # one sentence by three voices


def test_what_the_base_has_said_for_another_run_is_not_spoken_again(make_run: MakeScored, only_sound: None) -> None:
    scored = make_run({0: whole, 10: whole})
    score(scored)
    shutil.copytree(scored.run.path, scored.project.runs / "second", ignore=shutil.ignore_patterns("scores"))
    next((scored.run.path / "scores" / "step-000000").glob("*.wav")).write_bytes(b"RIFF")  # a broken disk
    second = replace(scored, run=Run(scored.project, "second"))
    assert score(second) == 2
    assert len(scored.engine.said) == 6 + 1 + 3  # the broken one, and what the checkpoint of that run says
    shutil.rmtree(scored.run.path)
    assert [row.count for row in scorecard(second.project, second.run).rows] == [3, 3]
    assert score(second) == 2 and len(scored.engine.said) == 10  # the sounds are its own


def test_the_real_voice_is_measured_once_for_all_runs_of_a_dataset(make_run: MakeScored, only_sound: None) -> None:
    scored = make_run({})
    first, second, third = (scored.project.runs / name for name in (scored.run.id, "second", "third"))
    recordings, listener = plan(scored.project, scored.run), Listener(None, "en", str)
    counts: list[int] = []
    RealVoice(recordings).score(first, listener, never, counts.append)
    measured = read_scores(first, None)
    ScoreFile.open(first, None).put(replace(score, own_likeness=0.5) for score in measured)  # as one model hears it
    RealVoice(recordings).score(second, listener, never, counts.append)
    assert counts == [3] and read_scores(second, None) == measured
    fewer = replace(recordings, real=recordings.real[:2])  # each is compared with fewer others
    RealVoice(fewer).score(third, listener, never, counts.append)
    assert counts == [3, 2]


def test_a_stopped_job_goes_on_where_it_was(
    make_run: MakeScored, only_sound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_run, "_AT_ONCE", 1)
    scored = make_run({0: whole, 10: whole})
    stops_after = [4, -1]
    monkeypatch.setattr(scored.reporter, "stop_requested", lambda: len(scored.engine.said) == stops_after[0])
    with pytest.raises(Cancelled):
        score(scored)
    assert len(scored.engine.said) == 4
    stops_after.pop(0)
    score(scored)
    assert len(scored.engine.said) == 6


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_checkpoint_that_goes_meanwhile_is_told_leaves_nothing_behind_and_the_others_are_scored(
    make_run: MakeScored, only_sound: None, monkeypatch: pytest.MonkeyPatch, is_loaded: bool
) -> None:
    scored = make_run({0: whole, 10: whole, 20: whole})
    load = scored.engine.load_voice

    def load_voice(base: Path, checkpoint: Path | None, **options: str) -> object:
        if checkpoint and checkpoint.name.endswith("10"):
            shutil.rmtree(checkpoint)
            if not is_loaded:
                raise FileNotFoundError(checkpoint)
        return load(base, checkpoint, **options)

    monkeypatch.setattr(scored.engine, "load_voice", load_voice)
    assert score(scored) == 2
    assert "evaluate.checkpoint_gone" in scored.warnings()
    assert [row.step for row in scorecard(scored.project, scored.run).rows] == [0, 20]
    assert not any("000010" in path.name for path in (scored.run.path / "scores").iterdir())


def test_what_is_missing_is_told_and_the_rest_is_measured(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "available", lambda: False)
    monkeypatch.setattr(naturalness, "available", lambda: False)

    def refuse(*_: object) -> None:
        raise UserError("asr.unknown_model", "There is no recognition model “{model}”.", model="none")

    monkeypatch.setattr(evaluation_run, "open_model", refuse)
    scored = make_run({0: whole, 10: whole}, held_out=())
    set_own_sentences(scored.project, list(scored.engine.sounds)[:1])
    score(scored)
    told = {"measure.no_likeness", "measure.no_naturalness", "evaluate.no_held_out", "evaluate.no_recognizer"}
    assert told <= set(scored.warnings())
    row = scorecard(scored.project, scored.run).rows[1]
    assert {"faulty", "pitch_hz", "letters_per_s"} <= row.estimates.keys()
    assert row.estimates.keys().isdisjoint({"cer", "likeness", "naturalness"})


def test_a_measure_that_fails_is_named_once_and_the_rest_is_scored(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naturalness, "available", lambda: False)
    monkeypatch.setattr(Evaluation, "_recognizer", lambda self: None)
    scored = make_run({0: whole, 10: whole})
    with monkeypatch.context() as broken:
        broken.setattr(evaluation_measure, "pitch", lambda *_: [][0])
        assert score(scored) == 2
    assert scored.warnings().count("evaluate.measure_failed") == 1
    card = scorecard(scored.project, scored.run)
    assert card.real is not None and "likeness" in card.real.estimates and "pitch_hz" not in card.real.estimates
    assert [{"likeness", "faulty"} <= row.estimates.keys() for row in card.rows] == [True, True]
    said = len(scored.engine.said)
    score(scored)  # what failed is tried once more, without speaking anew
    assert len(scored.engine.said) == said
    assert all("pitch_hz" in row.estimates for row in scorecard(scored.project, scored.run).rows)


def test_a_recogniser_that_fails_costs_its_own_numbers(
    make_run: MakeScored, only_sound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        name = "broken"

        def batch_size(self, seconds: object) -> int:
            return 8

        def transcribe(self, *_: object) -> None:
            raise RuntimeError("out of order")

    monkeypatch.setattr(Evaluation, "_recognizer", lambda self: Broken())
    scored = make_run({0: whole, 10: whole})
    assert score(scored) == 2 and scored.warnings()[-1] == "evaluate.measure_failed"
    told = scored.reporter.view.warnings[-1]
    assert "hearing" in told.text and "out of order" in told.text
    card = scorecard(scored.project, scored.run)
    assert card.recogniser == "" and all("pitch_hz" in row.estimates for row in card.rows)


def test_silence_is_a_failure_and_so_is_a_sentence_that_cannot_be_said(
    make_run: MakeScored, only_sound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = make_run({0: whole, 10: np.zeros_like})
    monkeypatch.delitem(scored.engine.sounds, "You are about to enter an echo test.")
    score(scored)
    base, tuned = scorecard(scored.project, scored.run).rows
    assert "cer" not in tuned.estimates | base.estimates  # nobody listened
    assert tuned.estimates["failed"].mean == 1.0 and base.estimates["failed"].mean == pytest.approx(1 / 3)
    failures = [entry.failure for entry in read_scores(scored.run.path, 0, "starter") if entry.failure]
    assert len(failures) == 1 and "KeyError" in failures[0]
    assert recommended_step(scored.project, scored.run) is None


def test_a_base_that_cannot_read_one_sentence_says_the_others(make_run: MakeScored, only_sound: None) -> None:
    scored = make_run({0: whole, 10: whole})
    scored.engine.stumbles = {0: ("You are about to enter an echo test.",)}
    assert score(scored) == 2
    base, tuned = scorecard(scored.project, scored.run).rows
    assert base.estimates["failed"].mean == pytest.approx(1 / 3) and tuned.estimates["failed"].mean == 0


def test_where_the_base_cannot_read_the_reference_that_is_told_and_the_checkpoints_are_scored(
    make_run: MakeScored, only_sound: None
) -> None:
    scored = make_run({0: whole, 10: whole, 20: whole})
    reference = next(iter(scored.engine.sounds))
    scored.engine.stumbles = {0: (reference,)}
    assert score(scored) == 2
    told = next(warning for warning in scored.reporter.view.warnings if warning.code == "evaluate.base_failed")
    assert "no sound for ß" in told.text
    card = scorecard(scored.project, scored.run)
    assert [row.step for row in card.rows] == [10, 20] and card.verdict.kind == "few"
    assert all(row.gain is None and "pitch_hz" in row.estimates for row in card.rows)


def test_a_checkpoint_that_cannot_speak_is_named_and_where_none_can_the_job_fails_with_the_reason(
    make_run: MakeScored, only_sound: None
) -> None:
    scored = make_run({0: whole, 10: whole})
    reference = (next(iter(scored.engine.sounds)),)
    scored.engine.stumbles = {10: reference}
    assert score(scored) == 1 and scored.warnings()[-1] == "evaluate.checkpoint_failed"
    shutil.rmtree(scored.run.path / "scores")
    scored.engine.stumbles |= {0: reference}
    with pytest.raises(UserError) as failure:
        score(scored)
    assert failure.value.code == "speak.cannot_read"


def test_without_the_dataset_and_any_clip_there_is_no_voice_to_speak_with(
    make_run: MakeScored, only_sound: None
) -> None:
    scored = make_run({0: whole, 10: whole})
    shutil.rmtree(scored.run.dataset)
    with pytest.raises(UserError) as failure:
        score(scored)
    assert failure.value.code == "evaluate.no_reference"


def test_sounds_go_with_the_weights_that_spoke_them(make_run: MakeScored, only_sound: None) -> None:
    scored = make_run({0: whole, 10: whole, 20: whole})
    score(scored)
    sounds = scored.run.path / "scores" / "step-000010"
    before = {path.name for path in sounds.glob("*.wav")}
    save_checkpoint(scored.run, 10, "trained anew")
    score(scored)
    after = {path.name for path in sounds.glob("*.wav")}
    assert len(after) == len(before) == 3 and not before & after
    scored.run.checkpoints.remove(10)
    assert not sounds.exists() and not sounds.with_name("step-000010.json").exists()
    discard_checkpoint(scored.project, CheckpointRef(scored.run.id, 20), "20")
    assert {path.name for path in (scored.run.path / "scores").glob("step*")} == {"step-000000", "step-000000.json"}
    bring_back(scored.project, contents(scored.project)[0])
    said = len(scored.engine.said)
    score(scored)
    assert len(scored.engine.said) == said


def test_every_language_has_a_test_set_of_the_same_kinds() -> None:
    kinds = {line.kind for line in bundled("en")}
    assert len(bundled("pt-BR")) == len(bundled("en")) > len(kinds)
    for language in languages():
        assert {line.kind for line in bundled(language)} == kinds, language
    assert bundled("tlh") == []
