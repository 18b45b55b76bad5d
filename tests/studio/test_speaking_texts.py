"""A long text is spoken line by line: nothing twice, nothing lost, a bad line costs one line."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save_file

from core.audio.samples import Samples
from core.checkpoint_ref import step_folder
from core.engines import registry
from core.errors import Cancelled, DiskFull, UserError
from core.files import write_json
from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.measures.proofreading import Proof
from core.project.workspace import Project
from core.studio import changes, documents, pronunciation, start, tidying
from core.studio import speaking as studio_speaking
from core.studio.cast import cast_of
from core.studio.document import Document, Pauses
from core.studio.keys import Keys
from core.studio.proofreading import Proofreader
from core.studio.speaking import Speech
from core.studio.state import overview, states
from core.studio.takes import ask_again, asked_again, read_takes, take_file
from core.synthesis import speaking
from core.synthesis.saved_voices import change_voice, discard_voice, save_voice
from core.training.config import config_text
from tests.jobs.conftest import until
from tests.studio.conftest import Speak
from tests.synthesis.conftest import process_id

TEXT = "Hum a line. Hum another.\n\nAnd la."
Warm = list[str]


@pytest.fixture
def checkpoint(humming: Project) -> Iterator[Path]:
    """A run called “First” with a checkpoint after ten steps, gone after the test."""
    config = config_text(registry.train_config("toy")(), dataset="none", base="tuning-fork", language="en")
    args, files = TrainArgs(dataset="none", base="tuning-fork"), {"config.yaml": config}
    job = Job.create(humming.runs, args, title="First", name="first", files=files)
    folder = job.path / "checkpoints" / step_folder(10)
    folder.mkdir(parents=True)
    save_file({"log_pitch": np.array([5.5])}, folder / "adapter.safetensors")
    write_json(folder / "adapter.json", {"step": 10, "vibrato_hz": 3})
    yield folder
    shutil.rmtree(job.path, ignore_errors=True)


def fresh(project: Project, document: Document) -> Document:
    return documents.document(project, document.id)


def chosen(project: Project, document: Document) -> list[str]:
    """The take that stands for each line, "" where there is none."""
    document = fresh(project, document)
    takes, keys = read_takes(documents.folder(project, document.id)), Keys(project, document)
    picks = [takes.chosen(line, keys.key(line)) for line in document.lines]
    return [take.id if take else "" for take in picks]


def test_what_is_said_is_what_the_voice_says_and_is_never_said_again(
    humming: Project, warm: Warm, speak: Speak
) -> None:
    text = start.create(humming, TEXT)
    speech = speak(text)
    assert warm == ["Hum a line.", "Hum another.", "And la."] and (speech.spoken, speech.failed) == (3, 0)
    samples, rate = soundfile.read(take_file(documents.folder(humming, text.id), chosen(humming, text)[0]))
    assert rate == 16_000 and len(samples) / rate == pytest.approx(0.06 * 11, abs=0.3) and np.abs(samples).max() > 0.1
    speak(text)
    assert len(warm) == 3


def test_only_what_has_changed_is_said_and_what_is_taken_back_is_known_again(
    humming: Project, warm: Warm, speak: Speak
) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    before = chosen(humming, text)

    def said_after(change: Callable[[], object]) -> list[str]:
        warm.clear()
        change()
        speak(text)
        return list(warm)

    second = text.lines[1].id
    assert said_after(lambda: changes.set_line_text(humming, text.id, second, "Hum low.")) == ["Hum low."]
    assert said_after(lambda: documents.undo(humming, text.id)) == []
    assert said_after(lambda: changes.set_text(humming, text.id, "New. " + TEXT)) == ["New."]
    # The engine hums in lower case: what it reads is the same.
    assert said_after(lambda: changes.set_line_text(humming, text.id, text.lines[2].id, "AND La.")) == []
    assert said_after(lambda: changes.set_settings(humming, text.id, pauses=Pauses(clause_s=1.0))) == []
    assert said_after(lambda: changes.rename(humming, text.id, "B")) == []
    entry = lambda: pronunciation.set_pronunciation(humming, "another", "the other")  # noqa: E731
    assert said_after(entry) == ["Hum the other."]
    pronunciation.remove_pronunciation(humming, "another||")
    warm.clear()
    line = fresh(humming, text).lines[2].id
    assert said_after(lambda: changes.set_line(humming, text.id, line, settings={"speed": 1.5})) == ["Hum another."]
    assert said_after(lambda: changes.set_settings(humming, text.id, seed=5)) == [
        "New.",
        *["Hum a line.", "Hum another.", "AND La."],
    ]
    changes.set_settings(humming, text.id, seed=0)
    changes.set_line(humming, text.id, line, settings={})
    assert {*before} <= {*chosen(humming, text)}


def test_another_voice_says_it_anew_and_the_first_is_known_again(
    humming: Project, warm: Warm, speak: Speak, tmp_path: Path
) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    before = chosen(humming, text)
    clip = humming.clip_file("s1-0000")
    shutil.copy(clip, tmp_path / "kept.wav")
    samples, rate = soundfile.read(clip, dtype="float32")
    soundfile.write(clip, samples[: rate // 2], rate)  # cut anew: the reference is another sound
    warm.clear()
    speak(text)
    assert len(warm) == 3 and not {*before} & {*chosen(humming, text)}
    shutil.copy(tmp_path / "kept.wav", clip)
    warm.clear()
    speak(text)
    assert not warm and chosen(humming, text) == before


def test_a_later_checkpoint_does_not_take_the_place_of_the_one_that_spoke(
    humming: Project, warm: Warm, speak: Speak, checkpoint: Path
) -> None:
    text = start.create(humming, "Hum. [voice First] La la.")
    speak(text)
    before = chosen(humming, text)
    later = shutil.copytree(checkpoint, checkpoint.with_name(step_folder(20)))
    save_file({"log_pitch": np.array([5.8])}, later / "adapter.safetensors")
    speak(text)
    assert len(warm) == 2 and chosen(humming, text) == before
    assert fresh(humming, text).cast["First"].checkpoint == "first:10"
    changes.set_line(humming, text.id, text.lines[1].id, voice="First 20")
    speak(text)
    assert len(warm) == 3 and fresh(humming, text).cast["First 20"].checkpoint == "first:20"


def test_a_change_of_the_voice_leaves_all_to_be_said_and_taken_back_it_is_known_again(
    humming: Project, warm: Warm, speak: Speak, checkpoint: Path
) -> None:
    text = start.create(humming, TEXT, voice="base:tuning-fork")

    def to_speak() -> int:
        return overview(states(humming, fresh(humming, text))).to_speak

    speak(text)
    before = chosen(humming, text)
    changes.set_settings(humming, text.id, voice="first:10")
    assert to_speak() == 3
    speak(text)
    assert len(warm) == 6 and to_speak() == 0 and not {*before} & {*chosen(humming, text)}
    documents.undo(humming, text.id)
    assert to_speak() == 0 and chosen(humming, text) == before


def test_a_voice_that_is_changed_while_the_job_looks_up_who_speaks_says_it(
    humming: Project, warm: Warm, speak: Speak, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, TEXT, voice="base:tuning-fork")
    cast_of = studio_speaking.cast_of

    def slow(project: Project, document: Document) -> object:
        cast = cast_of(project, document)
        changes.set_settings(humming, text.id, voice="first:10")
        return cast

    monkeypatch.setattr(studio_speaking, "cast_of", slow)
    speak(text)
    assert len(warm) == 3 and all(chosen(humming, text))


def test_a_line_is_spoken_in_the_manner_of_its_voice_unless_the_text_or_the_line_says_otherwise(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = save_voice(humming, "Ana", "base:tuning-fork", settings={"speed": 1.5}, seed=7)
    manners: list[tuple[dict[str, float], int]] = []
    say = speaking.say

    def note(workspace, request, **wish):  # type: ignore[no-untyped-def]
        manners.append((request.settings, request.seed))
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", note)

    def said() -> list[tuple[dict[str, float], int]]:
        manners.clear()
        speak(text)
        return list(manners)

    text = start.create(humming, "Hum. [voice Ana] Hum la.", voice="base:tuning-fork")
    assert said() == [({}, 0), ({"speed": 1.5}, 7)]
    changes.set_settings(humming, text.id, settings={"speed": 1.0}, seed=3)
    assert said() == [({}, 3), ({}, 3)], "the usual speed, which the text asks for"
    changes.set_line(humming, text.id, text.lines[1].id, settings={"speed": 0.5}, seed=4)
    assert said() == [({"speed": 0.5}, 4)]
    for _ in range(2):
        documents.undo(humming, text.id)

    def to_speak() -> int:
        return overview(states(humming, fresh(humming, text))).to_speak

    assert to_speak() == 0
    change_voice(humming, ana.id, settings={"speed": 2.0})
    assert to_speak() == 1 and said() == [({"speed": 2.0}, 7)]
    change_voice(humming, ana.id, settings={"speed": 1.5})
    assert to_speak() == 0 and said() == []
    change_voice(humming, ana.id, speaker="a-run:20")
    assert to_speak() == 1, "another checkpoint is kept under the name"
    change_voice(humming, ana.id, speaker="base:tuning-fork")
    assert to_speak() == 0
    discard_voice(humming, ana.id)
    assert fresh(humming, text).cast["Ana"].settings == (("speed", 1.5),), "a voice that is gone stays as it spoke"


def test_a_voice_that_was_brought_in_speaks_in_its_own_manner(humming: Project) -> None:
    folder = humming.workspace.voices / "bea"
    folder.mkdir(parents=True)
    speaking_ = {"settings": {"speed": 0.5}, "seed": 9}
    write_json(folder / "manifest.json", {"name": "Bea", "engine": "toy", "exported_at": 1, "speaking": speaking_})
    text = start.create(humming, "Hum.", voice="voice:bea")
    keys = Keys(humming, documents.recast(humming, text, cast_of(humming, text)[0]))
    assert (keys.settings(text.lines[0]), keys.seed(text.lines[0])) == ({"speed": 0.5}, 9)
    shutil.rmtree(folder)


def test_a_line_is_said_again_with_another_seed_and_a_person_chooses(
    humming: Project, warm: Warm, speak: Speak
) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    line = text.lines[0]
    speak(text, lines=(line.id,), again=True)
    assert warm[3:] == ["Hum a line."]
    first, second = read_takes(documents.folder(humming, text.id)).of(Keys(humming, fresh(humming, text)).key(line))
    assert (first.seed, second.seed) == (0, 1) and chosen(humming, text)[0] == second.id
    changes.set_line(humming, text.id, line.id, "take", take=first.id)
    assert chosen(humming, text)[0] == first.id
    with pytest.raises(UserError) as caught:
        changes.set_line(humming, text.id, line.id, "take", take="nothing-0")
    assert caught.value.code == "studio.no_take"
    documents.undo(humming, text.id)
    assert chosen(humming, text)[0] == second.id


def test_takes_that_no_line_stands_for_can_be_deleted(humming: Project, warm: Warm, speak: Speak) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    speak(text, lines=(text.lines[0].id,), again=True)
    changes.set_line_text(humming, text.id, text.lines[1].id, "Hum low.")
    before = chosen(humming, text)
    assert len(tidying.unused_takes(humming, text.id)) == 2 and tidying.remove_unused_takes(humming, text.id) > 0
    assert not tidying.unused_takes(humming, text.id) and chosen(humming, text) == before
    documents.undo(humming, text.id)
    assert chosen(humming, text)[1] == ""
    warm.clear()
    speak(text)
    assert warm == ["Hum another."] and all(chosen(humming, text))


def test_a_lost_sound_is_said_anew(humming: Project, warm: Warm, speak: Speak) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    take_file(documents.folder(humming, text.id), chosen(humming, text)[1]).unlink()
    speak(text)
    assert warm[3:] == ["Hum another."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hum. 🎵 La.", ["Hum.", "La."]),
        ("<speak>Hum <break time='1s'/> la.</speak>", ["Hum", "la."]),
        ("שלום עולם. Hum.", ["שלום עולם.", "Hum."]),
        ("Hum a\x00b\u202e.", ["Hum a b."]),
    ],
)
def test_strange_texts_are_said_as_far_as_they_have_words(
    humming: Project, warm: Warm, speak: Speak, text: str, said: list[str]
) -> None:
    assert speak(start.create(humming, text)).failed == 0
    assert warm == said


def test_a_bad_line_costs_one_line(humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch) -> None:
    say = speaking.say

    def refuse(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if "another" in request.text:
            raise UserError("speak.unknown_characters", "No sound for: {characters}", "", characters="x")
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", refuse)
    text = start.create(humming, TEXT)
    speech = speak(text)
    assert (speech.spoken, speech.failed) == (2, 1)
    [warning] = speech.reporter.job.read().warnings
    assert warning.code == "studio.line_failed" and warning.values["number"] == 2
    keys = Keys(humming, fresh(humming, text))
    failure = read_takes(documents.folder(humming, text.id)).failures[keys.key(text.lines[1])]
    assert (failure.code, failure.values) == ("speak.unknown_characters", {"characters": "x"})
    monkeypatch.setattr(speaking, "say", say)
    speak(text)  # tried again, and then it is no failure any more
    assert not read_takes(documents.folder(humming, text.id)).failures and all(chosen(humming, text))


def test_an_unknown_voice_in_a_mark_is_named_and_the_rest_is_said(humming: Project, warm: Warm, speak: Speak) -> None:
    text = start.create(humming, "Hum. [voice Nobody] La la. [voice Tuning fork] Hum low. [voice] Hum high.")
    speech = speak(text)
    assert warm == ["Hum.", "Hum low.", "Hum high."] and speech.failed == 1
    [warning] = speech.reporter.job.read().warnings
    assert "Nobody" in warning.text and "Tuning fork" in warning.hint
    alone = start.create(humming, "[voice Nobody] La la.")
    with pytest.raises(UserError) as caught:
        speak(alone)
    assert caught.value.code == "studio.unknown_voice"
    with pytest.raises(UserError) as caught:
        start.start_speaking(humming, alone.id)
    assert caught.value.code == "studio.unknown_voice"


def test_a_checkpoint_removed_while_it_speaks_ends_it_with_words_and_the_other_voice_goes_on(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch, checkpoint: Path
) -> None:
    say = speaking.say

    def vanish(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if request.checkpoint and len(warm) >= 1:
            shutil.rmtree(checkpoint.parents[1], ignore_errors=True)
            raise UserError("speak.checkpoint_gone", "{name} was deleted.", "Choose another.", name="x")
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", vanish)
    text = start.create(humming, "Hum. La la. Hum low. La. [voice Tuning fork] Hum high.", voice="first:10")
    with pytest.raises(UserError) as caught:
        speak(text)
    assert caught.value.code == "speak.checkpoint_gone"
    assert warm == ["Hum.", "Hum high."] and [bool(take) for take in chosen(humming, text)] == [1, 0, 0, 0, 1]


def test_a_process_that_dies_at_one_line_costs_that_line_and_dying_at_all_ends_it(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    say, deadly = speaking.say, ["another"]

    def die(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if any(word in request.text for word in deadly):
            raise UserError("speak.process_died", "It ended.", "Try again.")
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", die)
    text = start.create(humming, TEXT + " La. La la. Hum hum.")
    assert speak(text).failed == 1
    deadly[:] = ["."]
    with pytest.raises(UserError) as caught:
        speak(start.create(humming, "Hum la. La hum. Hum.", "Deadly"))
    assert caught.value.code == "speak.process_died"


def test_stopped_it_keeps_what_was_said_and_goes_on_there(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, TEXT)
    say = speaking.say

    def stop(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if len(warm) == 1:
            raise Cancelled
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", stop)
    with pytest.raises(Cancelled):
        speak(text)
    monkeypatch.setattr(speaking, "say", say)
    speak(text)
    assert warm == ["Hum a line.", "Hum another.", "And la."] and all(chosen(humming, text))


def test_what_is_said_once_more_goes_on_where_it_was_stopped(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    args = SpeakDocumentArgs(document=text.id, device="cpu", again=True)
    job, say = Job.create(humming.jobs, args), speaking.say

    def stop(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if len(warm) == 4:
            raise Cancelled
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", stop)
    with pytest.raises(Cancelled):
        Speech(humming, args, Reporter(job)).speak()
    monkeypatch.setattr(speaking, "say", say)
    Speech(humming, args, Reporter(job)).speak()
    assert warm[3:] == ["Hum a line.", "Hum another.", "And la."]


def test_a_line_that_is_changed_meanwhile_is_said_as_it_is_then(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, TEXT)
    say = speaking.say

    def change(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if not warm:
            changes.set_line_text(humming, text.id, text.lines[1].id, "Hum low. Hum high.")
            changes.set_line_text(humming, text.id, text.lines[2].id, "")
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", change)
    speak(text)
    assert warm == ["Hum a line.", "Hum low.", "Hum high."]


def test_a_line_that_is_asked_for_again_meanwhile_is_said_next(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, TEXT)
    say = speaking.say

    def ask(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if len(warm) == 1:
            for line in (text.lines[0].id, 999):
                ask_again(documents.folder(humming, text.id), line)
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", ask)
    speak(text)
    assert warm == ["Hum a line.", "Hum another.", "Hum a line.", "And la."]
    assert chosen(humming, text)[0].endswith("-1") and asked_again(documents.folder(humming, text.id)) == []


def test_lines_asked_for_meanwhile_are_said_once_and_as_they_are_by_then(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, TEXT)
    say, folder = speaking.say, documents.folder(humming, text.id)

    def ask(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if not warm:
            for line in (text.lines[2], text.lines[1]):  # out of their turn
                ask_again(folder, line.id)
        elif len(warm) == 1:
            changes.set_line_text(humming, text.id, text.lines[1].id, "Hum low.")
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", ask)
    speak(text)
    assert warm == ["Hum a line.", "And la.", "Hum low."]


def test_a_log_of_takes_is_read_on_from_where_it_was_read_to(humming: Project, warm: Warm, speak: Speak) -> None:
    text = start.create(humming, TEXT)
    speak(text)
    folder = documents.folder(humming, text.id)
    takes = read_takes(folder)
    assert read_takes(folder) is takes
    log = folder / "takes.jsonl"
    whole = log.read_bytes()
    with open(log, "ab") as file:
        file.write(b'{"failure": {"key": "k", "code": "c.d"}}\n{"failure": {"key"')
    assert read_takes(folder).failures.keys() == {"k"} and read_takes(folder).by_key == takes.by_key
    with open(log, "ab") as file:
        file.write(b': "l", "code": "c.d"}}\n')
    assert read_takes(folder).failures.keys() == {"k", "l"} and not takes.failures
    log.write_bytes(whole[: whole.index(b"\n") + 1])  # another file in its place
    assert len(read_takes(folder).by_key) == 1


def test_a_full_disk_ends_it_and_what_was_said_before_stays(
    humming: Project, warm: Warm, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = studio_speaking.write_speech

    def full(path: Path, samples: Samples, rate: int) -> None:
        if len(warm) == 2:
            raise DiskFull("disk.full", "The disk is full.")
        write(path, samples, rate)

    monkeypatch.setattr(studio_speaking, "write_speech", full)
    text = start.create(humming, TEXT)
    with pytest.raises(DiskFull):
        speak(text)
    monkeypatch.setattr(studio_speaking, "write_speech", write)
    speak(text)
    assert warm == ["Hum a line.", "Hum another.", "Hum another.", "And la."]


def test_a_torn_note_of_a_take_swallows_no_other(humming: Project, warm: Warm, speak: Speak) -> None:
    text = start.create(humming, TEXT)
    folder = documents.folder(humming, text.id)
    (folder / "takes.jsonl").write_bytes(b'{"take": {"key": "00')
    speak(text)
    assert all(chosen(humming, text)) and len(warm) == 3


# ---- proofreading ----------------------------------------------------------------------------------------------------


class Reader(Proofreader):
    """Finds a line bad while its seed is among those it is told, and worse the higher that is."""

    name = "ears"

    def check(self, samples, rate, text, read, should_stop):  # type: ignore[no-untyped-def]
        return self.verdict(text, samples)


@dataclass
class Proofread:
    """Who listens, instead of a recogniser: what was checked, and what happens before each check."""

    checked: list[str] = field(default_factory=list)
    before: Callable[[str], object] = lambda text: None

    def verdict(self, text: str, _: Samples) -> Proof:
        self.before(text)
        self.checked.append(text)
        count = self.checked.count(text)
        if "worst" in text:
            return Proof(("silence",) if count == 2 else ("silence", "endless"), 1.0, "x", 1.0, 1.0)
        return Proof(("last_cut",) if "bad" in text and count < 3 else (), 1.0, text, 0.0, 0.0)


@pytest.fixture
def proofread(monkeypatch: pytest.MonkeyPatch) -> Proofread:
    """Takes of texts with “bad” in them are doubtful until their third one."""
    listener = Proofread()
    reader = Reader(object(), "en")  # type: ignore[arg-type]
    object.__setattr__(reader, "verdict", listener.verdict)
    monkeypatch.setattr(studio_speaking, "open_proofreader", lambda project, language, reporter: reader)
    return listener


def test_a_bad_line_is_said_again_with_another_seed_until_it_is_good(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread
) -> None:
    text = start.create(humming, "Hum well. Hum bad. Hum the worst.")
    speech = speak(text)
    bad, worst = "Hum bad.", "Hum the worst."  # each is listened to while the other is spoken
    assert warm == ["Hum well.", bad, worst, bad, worst, bad, worst, worst] and speech.doubtful == 1
    takes, keys = read_takes(documents.folder(humming, text.id)), Keys(humming, fresh(humming, text))
    picks = [takes.chosen(line, keys.key(line)) for line in text.lines]
    assert [pick.seed for pick in picks if pick] == [0, 2, 1], "the best of those there are"
    assert [pick.proof.is_doubtful for pick in picks if pick] == [False, False, True]
    assert picks[2] and (picks[2].faults, picks[2].heard, picks[2].checked) == (("silence",), "x", "ears")


def test_nobody_listens_where_that_was_switched_off_and_no_more_often_than_asked(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread
) -> None:
    off = start.create(humming, "Hum bad.", proofread=False)
    assert speak(off).doubtful == 0 and not proofread.checked
    once = start.create(humming, "Hum the worst.", tries=1)
    assert speak(once).doubtful == 1 and len(proofread.checked) == 2


def test_where_nobody_can_listen_it_ends_instead_of_speaking_all_in_vain(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread
) -> None:
    def fail(text: str) -> None:
        raise UserError("transcribe.broken", "The recogniser is broken.", "Get it again.")

    proofread.before = fail
    with pytest.raises(UserError) as caught:
        speak(start.create(humming, "Hum one. Hum two. Hum three. Hum four. Hum five. Hum six. Hum seven."))
    assert caught.value.code == "transcribe.broken" and len(warm) == 4, "the fourth was spoken during the third check"


def test_a_line_is_listened_to_while_the_next_is_spoken_and_no_more_than_one_waits_for_that(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread, monkeypatch: pytest.MonkeyPatch
) -> None:
    say, begun, unheard = speaking.say, {"Hum one.": threading.Event(), "Hum two.": threading.Event()}, list[int]()

    def note(workspace, request, **wish):  # type: ignore[no-untyped-def]
        unheard.append(len(warm) - len(proofread.checked))
        for place, event in enumerate(begun.values(), 1):
            if len(warm) >= place:
                event.set()
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", note)
    # Each check of the first two goes on until the line after it is being spoken.
    proofread.before = lambda text: text not in begun or begun[text].wait(30) or pytest.fail("nothing is spoken")
    speak(start.create(humming, "Hum one. Hum two. Hum three. Hum four."))
    assert len(proofread.checked) == 4 and max(unheard) == 1


def test_stopped_it_keeps_the_line_that_is_being_listened_to(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = speaking.say

    def stop(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if len(warm) == 1:
            raise Cancelled
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", stop)
    text = start.create(humming, "Hum bad. Hum well.")
    with pytest.raises(Cancelled):
        speak(text)
    monkeypatch.setattr(speaking, "say", say)
    [kept, missing] = states(humming, fresh(humming, text))
    assert kept.chosen and kept.chosen.checked == "ears" and kept.state == "doubtful" and missing.state == "unspoken"
    speak(text)
    assert warm == ["Hum bad.", "Hum well."]


def test_a_bad_line_is_said_again_before_another_voice_is_loaded(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread, checkpoint: Path
) -> None:
    speak(start.create(humming, "Hum bad. [voice First] La bad. La la.", voice="base:tuning-fork"))
    assert warm == [*["Hum bad."] * 3, "La bad.", "La la.", *["La bad."] * 2]


def test_a_bad_line_that_is_changed_meanwhile_is_said_as_it_is_then_and_asked_for_again_it_gets_another_seed(
    humming: Project, warm: Warm, speak: Speak, proofread: Proofread, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = start.create(humming, "Hum bad. Hum two. Hum three.")
    say = speaking.say

    def change(workspace, request, **wish):  # type: ignore[no-untyped-def]
        if len(warm) == 1:
            changes.set_line_text(humming, text.id, text.lines[0].id, "Hum well.")
        if request.text == "Hum three.":  # while the second is listened to
            ask_again(documents.folder(humming, text.id), text.lines[1].id)
        return say(workspace, request, **wish)

    monkeypatch.setattr(speaking, "say", change)
    speech = speak(text)
    assert sorted(warm) == sorted(["Hum bad.", "Hum two.", "Hum well.", "Hum three.", "Hum two."])
    assert chosen(humming, text)[1].endswith("-1") and (speech.spoken, speech.failed) == (5, 0)


# ---- as a job, by the process that speaks ----------------------------------------------------------------------------


def test_the_job_speaks_by_the_process_which_may_be_killed_meanwhile(humming: Project) -> None:
    text = start.create(humming, "Hum a line. " * 3 + "And la.", settings={"pace_s": 0.1}, proofread=False)
    job = start.start_speaking(humming, text.id, device="cpu")
    with pytest.raises(UserError) as caught:
        start.start_speaking(humming, text.id)
    assert caught.value.code == "job.busy"
    with pytest.raises(UserError) as caught:
        start.remove(humming, text.id)
    assert caught.value.code == "job.busy"
    until(lambda: job.read().stage == "speak_lines" and process_id(humming))
    os.kill(process_id(humming), signal.SIGKILL)
    view = job.wait(60)
    assert view.status == "done", view.text
    assert view.result["spoken"] == 2 and view.result["failed"] == 0  # the same line is said once
    assert all(chosen(humming, text)) and isinstance(job.spec().args, SpeakDocumentArgs)
