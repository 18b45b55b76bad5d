"""The companion of a training: how much it may do is counted, and nothing that befalls it harms the run."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from core.audio.samples import write_wav
from core.evaluation import sample_scores
from core.evaluation.companion import Companion, Process
from core.evaluation.companion_process import serve
from core.evaluation.sample_scores import SampleScores
from core.evaluation.scorecard import real_voice
from core.measures import likeness, naturalness
from core.project.workspace import Project
from core.training.run import runs
from core.transcription.base import DecodeOptions, Transcript
from tests.evaluation.conftest import MakeScored, Scored, cut, whole
from tests.jobs.conftest import until
from tests.listening.made_up import make_project


@dataclass
class Channel:
    """Measures in no time, but says that a step has cost so many seconds of processor."""

    step_s: float = 2.0
    loading_s: float = 5.0
    measures: tuple[str, ...] = ("sample_cer",)
    sent: list[int] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    fault: Exception | None = None
    is_open: bool = True

    def __post_init__(self) -> None:
        self.said.append({"measures": list(self.measures), "processor_s": self.loading_s})

    def send(self, step: int) -> None:
        self.sent.append(step)
        spent_s = self.loading_s + self.step_s * len(self.sent)
        self.said.append({"step": step, "values": {"sample_cer": step / 100}, "processor_s": spent_s})

    def receive(self) -> list[dict[str, Any]]:
        if self.fault:
            raise self.fault
        said, self.said = self.said, []
        return said

    def close(self) -> None:
        self.is_open = False


@dataclass
class Watched:
    """A companion, what it talks to, and how much of the processor the run has taken, set by hand."""

    scored: Scored
    channels: list[Channel] = field(default_factory=list)
    next_channel: Channel = field(default_factory=Channel)
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        self.companion = Companion(self.scored.reporter, self._open, lambda: self.spent_s)

    def _open(self) -> Channel:
        self.channels.append(self.next_channel)
        return self.next_channel

    def measured(self) -> dict[int, float]:
        metrics = self.scored.reporter.view.metrics
        return {step: values["sample_cer"] for step, values in metrics.items() if "sample_cer" in values}


@pytest.fixture
def watched(make_run: MakeScored) -> Watched:
    return Watched(make_run({0: whole, 10: whole}))


def test_it_begins_when_a_twentieth_of_the_processor_is_enough_and_never_takes_more(watched: Watched) -> None:
    companion, share = watched.companion, 0.05
    for step in (0, 10, 20, 30):
        companion.add(step)
    watched.spent_s = 159.0
    assert not companion.poll() and watched.channels == []
    spent = []
    while watched.spent_s < 800:
        watched.spent_s += 4.0
        companion.poll()
        if watched.channels:
            channel = watched.channels[0]
            spent.append((channel.loading_s + channel.step_s * len(channel.sent)) / watched.spent_s)
    assert max(spent) <= share and watched.channels[0].sent == [0, 10, 20, 30]
    assert watched.measured() == {0: 0.0, 10: 0.1, 20: 0.2, 30: 0.3}


def test_costly_checkpoints_are_measured_less_often(watched: Watched) -> None:
    watched.next_channel = Channel(step_s=30.0)
    for step in range(0, 100, 10):
        watched.companion.add(step)
    for second in range(0, 4000, 4):
        watched.spent_s = float(second)
        watched.companion.poll()
    sent = watched.channels[0].sent
    assert 5 + 30 * len(sent) <= 0.05 * 4000 and len(sent) == 6


def test_what_is_asked_twice_or_belongs_to_an_abandoned_course_is_not_measured(watched: Watched) -> None:
    for step in (10, 10, 20, 30):
        watched.companion.add(step)
    watched.spent_s = 4000.0
    watched.companion.poll()  # 10 is being measured
    watched.companion.add(10)
    watched.companion.discard_later(keep_to=9)
    assert not watched.companion.poll() and watched.measured() == {}
    watched.companion.add(10)
    watched.companion.poll()
    assert watched.companion.poll() and watched.measured() == {10: 0.1}
    assert watched.channels[0].sent == [10, 10]


def test_at_the_end_what_is_left_is_measured_but_nothing_is_loaded_for_it(watched: Watched) -> None:
    watched.companion.add(0)
    assert not watched.companion.wait(60.0) and watched.channels == []
    watched.companion.add(0)
    watched.spent_s = 600.0
    watched.companion.poll()
    for step in (10, 20):
        watched.companion.add(step)
    assert watched.companion.wait(60.0) and list(watched.measured()) == [0, 10, 20]
    watched.companion.add(30)
    assert not watched.companion.wait(0.0) and 30 not in watched.measured()


def test_stop_does_not_wait_for_it(watched: Watched) -> None:
    watched.spent_s = 4000.0
    for step in (0, 10):
        watched.companion.add(step)
    watched.companion.poll()
    watched.scored.reporter.job.stop()
    watched.scored.reporter._last_look = 0.0
    assert not watched.companion.wait(60.0)
    watched.companion.close()
    assert not watched.channels[0].is_open and not watched.companion.poll()


@pytest.mark.parametrize("fault", [EOFError("it ended with -9"), BrokenPipeError(), ValueError("no JSON")])
def test_one_that_dies_is_told_once_and_the_run_goes_on(watched: Watched, fault: Exception) -> None:
    watched.spent_s = 4000.0
    watched.companion.add(0)
    watched.companion.poll()
    watched.channels[0].fault = fault
    assert not watched.companion.poll() and not watched.companion.poll()
    watched.companion.add(10)
    assert not watched.companion.wait(5.0)
    assert watched.scored.warnings() == ["train.samples_unmeasured"] and not watched.channels[0].is_open


def test_where_nothing_can_be_measured_that_is_told(watched: Watched) -> None:
    watched.next_channel = Channel(measures=())
    watched.spent_s = 4000.0
    watched.companion.add(0)
    watched.companion.poll()
    watched.companion.poll()
    assert watched.scored.warnings() == ["train.samples_unmeasurable"] and not watched.channels[0].is_open


class Ears:
    """Hears nothing that anybody said."""

    name, english_only, device, at_once = "ears", False, "cpu", 1

    def transcribe(self, clips: list[Any], options: DecodeOptions) -> list[Transcript]:
        return [Transcript("Something else.", 0.9, -0.1, 0.0, 1.0, "en")] * len(clips)

    def batch_size(self, window_s: float) -> int:
        return 4


def refuse(samples: Any) -> float:
    raise AssertionError("this is not to be measured beside a training")


def with_samples(scored: Scored, step: int) -> None:
    """The run's samples of a step: two real sentences, as the voice of that step says them."""
    texts = list(scored.engine.sounds)[:2]
    said = json.loads((scored.run.path / "samples" / "sentences.json").read_text())
    (scored.run.path / "samples" / "sentences.json").write_text(json.dumps({**said, "texts": texts}))
    for number, text in enumerate(texts):
        folder = scored.run.path / "samples" / f"step-{step:06d}"
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(folder / f"{number}.wav", scored.engine.spoils[step](scored.engine.sounds[text]), 16_000)


def test_samples_are_measured_as_a_scorecard_measures_them_and_what_fails_is_empty(
    make_run: MakeScored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "available", lambda: False)
    monkeypatch.setattr(naturalness, "available", lambda: False)
    monkeypatch.setattr(sample_scores, "local_recognizer", lambda *_: Ears())
    scored = make_run({0: cut, 10: whole})
    with_samples(scored, 10)
    scores = SampleScores(scored.project, scored.run)
    assert scores.measures == ["sample_cer"]
    monkeypatch.setattr(naturalness, "available", lambda: True)
    monkeypatch.setattr(naturalness, "score", refuse)  # nobody would be told
    assert 0.5 < scores.measure(10)["sample_cer"] <= 1.0
    answers = io.StringIO()

    def requests() -> Any:
        yield "10\n"
        yield "20\n"  # has no samples
        monkeypatch.setattr(scores, "listener", None)
        yield "10\n"

    serve(scores, requests(), answers)
    told = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert told[0]["measures"] == ["sample_cer"] and told[1]["values"]["sample_cer"] > 0.5
    assert [line["values"] for line in told[2:]] == [{}, {}] and told[2]["step"] == 20
    assert told[0]["processor_s"] <= told[-1]["processor_s"]


def test_the_process_measures_what_a_run_has_said_and_ends_with_it(project: Project) -> None:
    made = make_project(project.workspace, sentences=3, steps=(0, 300))
    process = Process(runs(made)[0].path, niceness=0)
    process.send(300)
    told: list[dict[str, Any]] = []
    until(lambda: _gather(process, told) == 2, 600)
    assert told[0]["measures"] == ["sample_cer", "sample_likeness"]
    assert 0 <= told[1]["values"]["sample_cer"] < 0.7 and 0.4 < told[1]["values"]["sample_likeness"] <= 1
    assert "likeness" in real_voice(runs(made)[0])
    pid = process._process.pid
    process.close()
    assert not psutil.pid_exists(pid)


def _gather(process: Process, told: list[dict[str, Any]]) -> int:
    told += process.receive()
    return len(told)
