"""How much sooner a warm voice speaks than a cold one, when its first sound comes, and what many texts leave behind.

    python -m benchmarks.speaking --part sentence [--rounds 3]
    python -m benchmarks.speaking --part requests [--requests 1000]
    python -m benchmarks.speaking --part chapter [--words 2000]
    python -m benchmarks.speaking --part bad-line
    python -m benchmarks.speaking --part lines [--lines 20] [--rounds 3]

The small base on the processor, by the speaking process as the page and programs ask it. ``sentence``: cold, no process
is there, so it is started, imports, loads the voice and hears the reference; warm, the same sentence once more. All
ratios are of one run; processor times of a busy machine stretch both sides. ``requests``: a word each, with another
seed, so that each is spoken anew; memory and handles. ``chapter``: a long text line by line, each proofread; memory of
both processes. ``bad-line``: a text of which nobody can say a line; what that costs the others. ``lines``: a long text
whose lines are proofread while the next is spoken, or before, by turns. Each part has a limit of ``--seconds``, 170
unless another is given, and says how much it did until then.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from benchmarks import RECORDING, load_results, machine, prompts, write_results
from core.audio.samples import read, write_wav
from core.engines.registry import bases
from core.engines.voice import ReferenceClip
from core.engines.xtts.model.starter import make_starter
from core.engines.xtts.model.tiny import make_untrained
from core.errors import Cancelled
from core.files import read_json, write_json
from core.jobs import locks
from core.jobs.args.studio import SpeakDocumentArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.project.records import Clip, Source
from core.project.workspace import Project, Workspace
from core.studio import speaking as studio_speaking
from core.studio import start
from core.studio.proofreading import open_proofreader
from core.studio.speaking import Speech
from core.synthesis import speaking
from core.synthesis.speaking_process import lock_path
from core.synthesis.wire import SpeechRequest

SENTENCE = "A short sentence, such as somebody types to hear how the voice sounds by now."
LINE_S = 2.0
RUNES = "ᚠᚢᚦ ᚠᚢ."  # no base has letters for them
SETTLED = 0.1  # of the requests, after which memory has to stay as it is


def timed(workspace: Workspace, request: SpeechRequest) -> tuple[float, float]:
    """Seconds until the first sound of a request, and until its last."""
    began, first_s = time.perf_counter(), 0.0
    for _ in speaking.stream(workspace, request):
        first_s = first_s or time.perf_counter() - began
    return first_s, time.perf_counter() - began


def process(workspace: Workspace) -> psutil.Process:
    """The speaking process."""
    marks = {"core.synthesis.speaking_process", str(workspace.path)}
    processes = psutil.process_iter(["cmdline"])
    return next(entry for entry in processes if marks <= {*(entry.info["cmdline"] or ())})  # None: it ends just now


def end(workspace: Workspace) -> None:
    """Have the process end, and wait for it; nothing if there is none."""
    speaking.dismiss(workspace)
    while locks.is_locked(lock_path(workspace)):
        time.sleep(0.05)


def sentences_of(words: int) -> list[str]:
    """Sentences of so many words, no two alike: pairs of the demo's prompts.

    Raises:
        ValueError: there are not as many.
    """
    texts = [prompt.text.rstrip(".") for prompt in prompts()]
    sentences, count = list[str](), 0
    for distance in range(1, len(texts)):
        for place, text in enumerate(texts):
            sentence = f"{text}, and {texts[(place + distance) % len(texts)]}."
            sentences.append(sentence)
            count += len(sentence.split())
            if count >= words:
                return sentences
    raise ValueError(f"there are no {words} words")


def reader(workspace: Workspace, longest_s: float) -> Project:
    """A project whose voice is the small base, which says at most so much of a line."""
    project = workspace.create("Chapter", "en")
    project.store.add_source(Source("a", "Recording", seconds=10.0))
    project.clips.mkdir(parents=True)
    write_wav(project.clip_file("a-0001"), *read(RECORDING, 3.487, 10.637))
    clip = Clip("a-0001", "a", 0.0, 7.15, text="In this mode", status="approved")
    project.store.replace_clips("a", [clip])
    models = bases("xtts")
    base = make_untrained(models.place(workspace.models, models.small))
    write_json(base / "starter.json", read_json(base / "starter.json") | {"max_seconds": longest_s})
    return project


class InTurn(Executor):
    """Does at once what it is asked for: each line is proofread before the next is spoken."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*args, **kwargs))
        return future


def proofread_lines(workspace: Workspace, count: int, rounds: int, limit_s: float) -> dict[str, object]:
    """A text of so many lines, each proofread while the next is spoken, and by turns with each proofread before it."""
    where = machine("torch", "coqui-tts")
    project, small, until = reader(workspace, LINE_S), bases("xtts").small, time.monotonic() + limit_s
    sentences = sentences_of(20 * count)[:count]
    seconds: dict[str, list[float]] = {"meanwhile": [], "before": []}
    processor_s: dict[str, list[float]] = {"meanwhile": [], "before": []}
    for turn in range(-1, 2 * rounds):
        name = ("meanwhile", "before")[turn % 2]
        if turn >= 2 and turn % 2 == 0 and time.monotonic() > until:
            break
        executor = InTurn if name == "before" else ThreadPoolExecutor
        wish: dict[str, Any] = {"voice": f"base:{small}", "seed": 1000 * (turn + 1), "proofread": True, "tries": 0}
        text = start.create(project, " ".join(sentences[: 2 if turn < 0 else count]), **wish)
        args = SpeakDocumentArgs(document=text.id, device="cpu")
        speech = Speech(project, args, Reporter(Job.create(project.jobs, args)))
        speech._proofreader = open_proofreader(project, "en", speech.reporter)
        speaker = process(workspace) if turn >= 0 else None
        began, used = time.perf_counter(), time.process_time() + (sum(speaker.cpu_times()[:2]) if speaker else 0)
        with mock.patch.object(studio_speaking, "ThreadPoolExecutor", executor):
            speech.speak()
        if speaker:  # what is spoken in the first turn of all loads the voice
            seconds[name].append(time.perf_counter() - began)
            processor_s[name].append(time.process_time() + sum(speaker.cpu_times()[:2]) - used)
    result: dict[str, object] = {"machine": where, "lines": count, "line_s": LINE_S}
    for name in seconds:
        result |= {f"{name}_seconds": seconds[name], f"{name}_processor_s": processor_s[name]}
    ratios = [after / before for after, before in zip(seconds["meanwhile"], seconds["before"], strict=True)]
    return {**result, "share_of_the_time": statistics.median(ratios)}


class Watch(Reporter):
    """Notes memory and time at each line that is done, and stops after so many seconds."""

    def __init__(self, job: Job, workspace: Workspace, limit_s: float) -> None:
        super().__init__(job)
        self.workspace, self.until = workspace, time.monotonic() + limit_s
        self.memory: list[tuple[float, float]] = []
        self.at: list[float] = []

    def progress(self, stage: str, done: float, total: float, item: str = "", eta_s: float | None = None) -> None:
        """Told before each line."""
        if stage == "speak_lines":
            self.at.append(time.perf_counter())
        if stage == "speak_lines" and done > 1:
            job, speaker = psutil.Process(), process(self.workspace)
            self.memory.append((job.memory_info().rss / 1e6, speaker.memory_info().rss / 1e6))

    def stop_requested(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.until


def long_text(workspace: Workspace, sentences: list[str], limit_s: float) -> tuple[Speech, Watch, dict[str, object]]:
    """A text spoken line by line, each proofread: what was spoken and failed, and in how many seconds."""
    where = machine("torch", "coqui-tts")
    project, models = reader(workspace, 1.0), bases("xtts")
    text = start.create(project, " ".join(sentences), voice=f"base:{models.small}", proofread=True, tries=0)
    args = SpeakDocumentArgs(document=text.id, device="cpu")
    watch = Watch(Job.create(project.jobs, args), workspace, limit_s)
    speech, began = Speech(project, args, watch), time.perf_counter()
    with contextlib.suppress(Cancelled):
        speech.speak()
    facts = {
        "machine": where,
        "words": sum(len(line.text.split()) for line in text.lines),
        "lines": len(text.lines),
        "spoken": speech.spoken,
        "failed": speech.failed,
        "seconds": time.perf_counter() - began,
    }
    if not watch.memory:
        raise SystemExit("hardly a line was spoken in time: more --seconds")
    return speech, watch, facts


def chapter(workspace: Workspace, words: int, limit_s: float) -> dict[str, object]:
    """Memory of the job and of the process that speaks after each line of a long text."""
    _, watch, facts = long_text(workspace, sentences_of(words), limit_s)
    settled = watch.memory[round(SETTLED * len(watch.memory)) :]
    return facts | {
        "job_mb": statistics.median(job for job, _ in settled),
        "job_spread_mb": max(job for job, _ in settled) - min(job for job, _ in settled),
        "process_mb": statistics.median(speaker for _, speaker in settled),
        "process_spread_mb": max(speaker for _, speaker in settled) - min(speaker for _, speaker in settled),
    }


def bad_line(workspace: Workspace, limit_s: float) -> dict[str, object]:
    """What a line that nobody can say costs amid others: ``shortest_s``, beside the usual ``line_s``."""
    sentences = sentences_of(150)
    place = len(sentences) // 2
    speech, watch, facts = long_text(workspace, [*sentences[:place], RUNES, *sentences[place:]], limit_s)
    if not speech.failed:
        raise SystemExit("the line that nobody can say was not reached in time: more --seconds")
    took_s = [after - before for before, after in itertools.pairwise(watch.at)]
    warning = next(iter(speech.reporter.job.read().warnings), None)
    return facts | {
        "warning": f"{warning.text} {warning.hint}" if warning else "",
        "line_s": statistics.median(took_s),
        "shortest_s": min(took_s),
    }


def sentence(workspace: Workspace, rounds: int, limit_s: float) -> dict[str, object]:
    """The same sentence cold and warm."""
    until, where = time.monotonic() + limit_s, machine("torch", "coqui-tts")
    request = speech_request(workspace, SENTENCE)
    cold, warm = list[tuple[float, float]](), list[tuple[float, float]]()
    while len(cold) < rounds and (not cold or time.monotonic() < until):
        cold.append(timed(workspace, request))
        warm += [timed(workspace, request) for _ in range(3)]
        end(workspace)
    whole_s = statistics.median(last for _, last in warm)
    return {
        "machine": where,
        "cold_first_sound_s": statistics.median(first for first, _ in cold),
        "cold_s": statistics.median(last for _, last in cold),
        "warm_s": whole_s,
        "warm_times_sooner": statistics.median(last for _, last in cold) / whole_s,
        "first_sound_s": statistics.median(first for first, _ in warm),
        "first_sound_share": statistics.median(first / last for first, last in warm),
        "rounds": len(cold),
    }


def many(workspace: Workspace, requests: int, limit_s: float) -> dict[str, object]:
    """Memory and handles of the process over many texts."""
    until, where = time.monotonic() + limit_s, machine("torch", "coqui-tts")
    word = speech_request(workspace, "Yes.")
    memory, handles, processor_s, processes = [], [], 0.0, set[int]()
    for seed in range(requests):
        timed(workspace, word.model_copy(update={"seed": seed}))
        speaker = process(workspace)
        processes.add(speaker.pid)
        processor_s = sum(speaker.cpu_times()[:2])
        memory.append(speaker.memory_info().rss / 1e6)
        handles.append(speaker.num_fds())
        if time.monotonic() > until:
            break
    settled = memory[round(SETTLED * len(memory)) :]
    tenth = max(1, len(settled) // 10)
    return {
        "requests": len(memory),
        "requests_machine": where,
        "requests_processor_s": round(processor_s, 1),
        "processes": len(processes),
        "memory_mb": statistics.median(settled),
        "memory_spread_mb": max(settled) - min(settled),
        "memory_growth_mb": statistics.median(settled[-tenth:]) - statistics.median(settled[:tenth]),
        "handles": [min(handles), max(handles)],
    }


def main() -> None:
    """Measure a part, print and write it; what others found stays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("sentence", "requests", "chapter", "bad-line", "lines"), required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=170.0)
    options = parser.parse_args()
    os.environ["VOICEWRIGHT_SPEAKING_IDLE_MINUTES"] = "10"
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        parts = {
            "sentence": lambda: sentence(workspace, options.rounds, options.seconds),
            "requests": lambda: many(workspace, options.requests, options.seconds),
            "chapter": lambda: chapter(workspace, options.words, options.seconds),
            "bad-line": lambda: bad_line(workspace, options.seconds),
            "lines": lambda: proofread_lines(workspace, options.lines, options.rounds, options.seconds),
        }
        try:
            result = parts[options.part]()
        finally:
            end(workspace)
    print(json.dumps(result, indent=2, ensure_ascii=False))
    if options.part in ("sentence", "requests"):  # they share a file, in which each has its own figures
        write_results("speaking", load_results("speaking") | result)
    else:
        write_results(f"speaking_{options.part.replace('-', '_')}", result)


def speech_request(workspace: Workspace, text: str) -> SpeechRequest:
    """A text for the starter, with the whole recording as reference."""
    base = make_starter(workspace.models / "starter")
    return SpeechRequest(
        engine="xtts", base=str(base), references=(ReferenceClip(RECORDING),), text=text, language="en", device="cpu"
    )


if __name__ == "__main__":
    main()
