"""Blind pairs: nothing tells which is which before the vote, and nothing changes on a reload."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.loudness import loudness_lufs
from core.checkpoint_ref import CheckpointRef
from core.engines.xtts.options import XttsTrainConfig
from core.errors import UserError
from core.files import sha256_file, write_json
from core.jobs import events
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.listening import making, notes
from core.listening.candidates import REAL, candidates, sentences
from core.listening.listeners import listeners
from core.listening.notes import audio_file
from core.listening.pairs import Playtime, following_pair, next_pair, reveal, undo, vote
from core.listening.ranking import table
from core.listening.sounds import LEAD_S, aligned
from core.project.workspace import Project
from core.training.config import config_text

RATE = 24_000
TEXTS = ["The first sentence.", "Is this the second?"]


def _run(project: Project, name: str, steps: tuple[int, ...], *, dataset: str = "d1", gains: float = 0.02) -> str:
    """A finished run whose checkpoints have spoken; each sample has its own pitch and a loudness that grows."""
    job = Job.create(project.runs, TrainArgs(dataset=dataset, base="starter"), title=name.title(), name=name)
    (job.path / "config.yaml").write_text(
        config_text(XttsTrainConfig(), dataset=dataset, base="starter", language="en")
    )
    for order, step in enumerate(steps):
        for number, text in enumerate(TEXTS):
            path = job.path / "samples" / str(step) / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            time_s = np.arange(2 * RATE) / RATE
            tone = np.sin(2 * np.pi * (300 + step * 7 + number * 100) * time_s) * gains * (1 + 3 * order)
            soundfile.write(path, tone.astype(np.float32), RATE, subtype="PCM_16")
            said = events.Sample(step=step, sentence=number, text=text, path=str(path.relative_to(job.path)))
            events.append(job.events_path, said)
    return job.id


def _pitch(path: Path) -> int:
    samples, rate = soundfile.read(path)
    return int(round(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples)))


def test_a_pair_is_one_sentence_and_tells_nothing_of_the_checkpoints(project: Project) -> None:
    run = _run(project, "deep-voice", (0, 10, 20))
    pair = next_pair(project)
    known = json.dumps(asdict(pair))
    assert run not in known and "Deep" not in known and "step" not in known and ":" not in pair.left + pair.right
    originals = {sha256_file(path) for candidate in candidates(project) for path in candidate.samples.values()}
    pitches = []
    for sound in (pair.left, pair.right):
        path = audio_file(project, sound)
        assert sha256_file(path) not in originals  # not even by its bytes
        pitches.append(_pitch(path))
    offset = 300 + 100 * TEXTS.index(pair.text)
    steps = {round((pitch - offset) / 7) for pitch in pitches}
    assert len(steps) == 2 and steps < {0, 10, 20}
    with pytest.raises(UserError) as blind:
        reveal(project, pair.id)
    assert blind.value.code == "listening.not_voted"


def test_both_sides_are_equally_loud(project: Project) -> None:
    _run(project, "run", (0, 10), gains=0.2)
    pair = next_pair(project)
    left, right = (soundfile.read(audio_file(project, sound), dtype="float32")[0] for sound in (pair.left, pair.right))
    assert abs(loudness_lufs(left, RATE) - loudness_lufs(right, RATE)) < 0.1
    assert max(np.abs(left).max(), np.abs(right).max()) < 1.0


def test_a_reload_shows_the_same_pair_with_the_same_sides(project: Project) -> None:
    _run(project, "run", (0, 10, 20, 30))
    first = next_pair(project)
    assert all(next_pair(project) == first for _ in range(5))
    vote(project, first.id, "left")
    assert next_pair(project).id != first.id


def test_sides_are_drawn_and_the_reveal_tells_the_truth(project: Project) -> None:
    run = _run(project, "run", (0, 10))
    names = {300: CheckpointRef(run, 0), 370: CheckpointRef(run, 10)}
    on_the_left = Counter()
    for _ in range(24):
        pair = next_pair(project, left=names[300], right=names[370], text=TEXTS[0])
        heard = names[_pitch(audio_file(project, pair.left))]
        told = vote(project, pair.id, "left")
        assert told.left == heard and told.right != heard and told.winner == "left"
        assert told.left_title == told.right_title == "Run"
        on_the_left[heard] += 1
    assert len(on_the_left) == 2  # 24 draws all alike happen once in eight million runs


def test_undo_takes_the_vote_back_and_opens_the_same_pair(project: Project) -> None:
    _run(project, "run", (0, 10, 20))
    pair = next_pair(project)
    vote(project, pair.id, "right")
    assert undo(project) == pair == next_pair(project)
    assert project.store.votes() == []
    assert vote(project, pair.id, "same").winner == "same"
    undo(project)
    assert undo(project) is None


def test_a_double_click_counts_once_and_the_first_vote_stays(project: Project) -> None:
    _run(project, "run", (0, 10))
    pair = next_pair(project)
    threads = [threading.Thread(target=vote, args=(project, pair.id, "left")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(project.store.votes()) == 1
    assert vote(project, pair.id, "right").winner == "left"


def test_left_to_itself_it_brings_every_pair_and_every_sentence_once_before_any_twice(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "due_check", lambda *_: "")
    _run(project, "run", (0, 10, 20))
    for _ in range(6):
        pair = next_pair(project, listener="ana")
        vote(project, pair.id, "same", "ana")
        assert (project.store.votes()[-1].sentence, project.store.votes()[-1].listener) == (pair.text, "ana")
    heard = Counter(frozenset((vote.left, vote.right)) for vote in project.store.votes())
    assert len(heard) == 3 and set(heard.values()) == {2}
    assert len({(frozenset((vote.left, vote.right)), vote.sentence) for vote in project.store.votes()}) == 6
    ranking = table(project)
    assert (ranking.votes, ranking.compared_pairs, ranking.pairs) == (6, 3, 3)


def test_the_pair_made_ahead_comes_next_and_a_vote_taken_back_comes_before_it(project: Project) -> None:
    _run(project, "run", (0, 10, 20))
    first = next_pair(project, listener="ana")
    second = following_pair(project, listener="ana")
    assert second and second.id != first.id and following_pair(project, listener="ana") == second
    assert next_pair(project, listener="ben").id not in (first.id, second.id)
    vote(project, first.id, "left", "ana")
    assert next_pair(project, listener="ana") == second
    assert undo(project, "ben") is None
    assert undo(project, "ana") == first == next_pair(project, listener="ana")
    assert following_pair(project, listener="ana") == second


def test_a_vote_counts_only_after_enough_of_both_was_heard(project: Project) -> None:
    _run(project, "run", (0, 10))
    pair = next_pair(project)
    assert all(1.1 < seconds < 1.4 for seconds in pair.enough_s)  # of two seconds each, and a lead
    for playtime in (Playtime(0.0, 2.0), Playtime(2.0, 0.9), Playtime(-5.0, 2.0)):
        with pytest.raises(UserError) as refused:
            vote(project, pair.id, "left", playtime=playtime)
        assert refused.value.code == "listening.not_heard"
    assert project.store.votes() == []
    assert vote(project, pair.id, "left", playtime=Playtime(2.0, 1.3)).winner == "left"


def test_the_same_sound_twice_is_a_check_that_does_not_count_in_the_ranking(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "due_check", lambda *_: "same")
    _run(project, "run", (0, 10))
    pair = next_pair(project, listener="ana")
    assert pair.left != pair.right
    assert audio_file(project, pair.left).read_bytes() == audio_file(project, pair.right).read_bytes()
    told = vote(project, pair.id, "same", "ana")
    assert told.check == "same" and told.left == told.right
    assert table(project).votes == 0
    ana = listeners(project.store.votes())[0]
    assert (ana.name, ana.votes, ana.same, ana.same_passed) == ("ana", 0, 1, 1)


def test_the_real_recording_of_a_held_out_sentence_is_heard_as_a_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(making, "due_check", lambda kinds, _, has_real: seen.append(has_real) or "real")
    _run(project, "run", (0, 10))
    real = project.datasets / "d1" / "wavs" / "a-1.wav"
    real.parent.mkdir(parents=True)
    soundfile.write(real, np.sin(2 * np.pi * 900 * np.arange(RATE) / RATE).astype(np.float32) * 0.1, RATE)
    (project.datasets / "d1" / "metadata_val.csv").write_text(f"a-1|{TEXTS[1]}|{TEXTS[1]}\na-2|Other.|Other.\n")
    pair = next_pair(project, listener="ana")
    assert seen == [True] and pair.text == TEXTS[1]
    is_real = [_pitch(audio_file(project, sound)) == 900 for sound in (pair.left, pair.right)]
    assert sorted(is_real) == [False, True]
    told = vote(project, pair.id, "left" if is_real[0] else "right", "ana")
    assert told.check == "real" and (told.left if is_real[0] else told.right) == REAL
    assert listeners(project.store.votes())[0].real_passed == 1


def test_what_is_silent_or_broken_is_left_out_and_named(project: Project) -> None:
    run = _run(project, "run", (0, 10, 20))
    folder = project.runs / run / "samples"
    (folder / "10" / "0.wav").write_bytes(b"no sound")
    soundfile.write(folder / "10" / "1.wav", np.zeros(RATE, np.float32), RATE)
    (folder / "20" / "1.wav").unlink()
    for _ in range(3):
        pair = next_pair(project, fresh=True)
        assert pair.text == TEXTS[0]
    soundfile.write(folder / "20" / "0.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(UserError) as silent:
        next_pair(project, fresh=True)
    assert silent.value.code == "listening.silent"


def test_speech_of_both_sides_begins_at_the_same_moment() -> None:
    tone = np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE).astype(np.float32) * 0.2
    for silence_s in (0.0, 0.02, 0.7):
        noise = np.random.default_rng(0).normal(0, 2e-5, round(silence_s * RATE)).astype(np.float32)
        sound = aligned(np.concatenate((noise, tone, np.zeros(RATE, np.float32))), RATE)
        assert abs(int(np.argmax(np.abs(sound) > 0.01)) / RATE - LEAD_S) <= 0.011
        assert abs(len(sound) / RATE - LEAD_S - 2.0) <= 0.011  # the end stays as it was
    assert len(aligned(np.zeros(RATE, np.float32), RATE)) == RATE


def test_runs_of_two_datasets_with_the_same_references_are_compared(project: Project) -> None:
    for name, references in (("d1", ["a-1", "a-2"]), ("d2", ["b-7", "a-2"]), ("d3", ["a-2", "a-1"])):
        run = _run(project, name, (0, 10), dataset=name)
        write_json(
            project.runs / run / "samples" / "sentences.json",
            {"texts": TEXTS, "language": "en", "references": references, "seed": 0},
        )
        hashes = {"a-1": "11", "a-2": "22", "b-7": "11"}
        used = [{"id": id_, "sha256": hashes[id_]} for id_ in references]
        write_json(project.datasets / name / "report.json", {"used": used})
    assert next_pair(project, left=CheckpointRef("d1", 10), right=CheckpointRef("d2", 10)).text in TEXTS
    with pytest.raises(UserError) as refused:
        next_pair(project, left=CheckpointRef("d1", 10), right=CheckpointRef("d3", 10))
    assert refused.value.code == "listening.not_comparable"


def test_only_samples_of_the_same_reference_and_seed_are_compared(project: Project) -> None:
    first = _run(project, "first", (0, 10), dataset="d1")
    second = _run(project, "second", (0, 10), dataset="d2")
    third = _run(project, "third", (0, 10), dataset="d1")
    with pytest.raises(UserError) as refused:
        next_pair(project, left=CheckpointRef(first, 10), right=CheckpointRef(second, 10))
    assert refused.value.code == "listening.not_comparable"
    assert next_pair(project, left=CheckpointRef(first, 10), right=CheckpointRef(third, 10)).text in TEXTS
    for same in ((CheckpointRef(first, 0), CheckpointRef(third, 0)), (CheckpointRef(first, 10),) * 2):
        with pytest.raises(UserError) as refused:
            next_pair(project, left=same[0], right=same[1])
        assert refused.value.code == "listening.not_comparable"
    assert [sentence.text for sentence in sentences(project)] == TEXTS


def test_what_is_missing_is_said(project: Project) -> None:
    with pytest.raises(UserError) as nothing:
        next_pair(project)
    assert nothing.value.code == "listening.too_few"
    run = _run(project, "run", (0, 10))
    with pytest.raises(UserError) as unknown:
        next_pair(project, left=CheckpointRef(run, 10), right=CheckpointRef("gone", 5))
    assert unknown.value.code == "listening.missing"
    with pytest.raises(UserError) as sentence:
        next_pair(project, text="Nobody said it.")
    assert sentence.value.code == "listening.no_sentence"
    for bad in ("../../project", "0" * 16, ""):
        with pytest.raises(UserError) as pair:
            vote(project, bad, "left")
        assert pair.value.code == "listening.no_pair"
        with pytest.raises(UserError) as sound:
            audio_file(project, bad)
        assert sound.value.code == "listening.no_sound"


def test_skipping_makes_another_pair_and_leaves_nothing_of_the_one_before(project: Project) -> None:
    _run(project, "run", (0, 10, 20))
    seen = [next_pair(project, fresh=True) for _ in range(6)]
    assert len({pair.id for pair in seen}) == 6
    assert len(list((project.path / "listening").glob("*.wav"))) == 2
    with pytest.raises(UserError):
        audio_file(project, seen[0].left)
    assert audio_file(project, seen[-1].left).exists()


def test_copies_of_sounds_that_were_voted_on_are_cleared_when_there_are_many(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "_KEPT_SOUNDS", 4)
    _run(project, "run", (0, 10, 20))
    voted = [next_pair(project) for _ in range(1)]
    for _ in range(3):
        vote(project, voted[-1].id, "same")
        voted.append(next_pair(project))
    assert len(list((project.path / "listening").glob("*.wav"))) == 4
    assert reveal(project, voted[0].id).winner == "same"  # its names are still known


def test_one_named_checkpoint_is_judged_against_the_others(project: Project) -> None:
    run = _run(project, "run", (0, 10, 20))
    rivals = set()
    for _ in range(4):
        told = vote(project, next_pair(project, left=CheckpointRef(run, 20)).id, "same")
        assert CheckpointRef(run, 20) in (told.left, told.right)
        rivals |= {told.left, told.right} - {CheckpointRef(run, 20)}
    assert rivals == {CheckpointRef(run, 0), CheckpointRef(run, 10)}


def test_a_pair_that_an_earlier_version_noted_is_judged_and_told_by_its_run(project: Project) -> None:
    sides = ({"run": "first", "step": step, "label": f"First · {step}", "sound": f"{step:016x}"} for step in (0, 20))
    note = {
        "id": "a" * 16,
        "at": 1.0,
        "text": "Hello.",
        "sentence": 0,
        **dict(zip(("left", "right"), sides, strict=True)),
    }
    write_json(project.path / "listening" / "pairs" / f"{note['id']}.json", note)
    told = vote(project, note["id"], "right")
    assert (told.left, told.left_title) == (CheckpointRef("first", 0), "First")
    assert (told.right, told.right_title) == (CheckpointRef("first", 20), "First")
