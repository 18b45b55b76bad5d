"""How much sooner a warm voice speaks than a cold one, when its first sound comes, and what many texts leave behind.

    python -m benchmarks.speaking [--requests 1000] [--rounds 3]
    python -m benchmarks.speaking --chapter 2000    # words, spoken as a long text: memory, and a line that fails
    python -m benchmarks.speaking --lines 20        # of a long text: proofread while the next is spoken, or before

The small base on the processor, by the speaking process as the page and programs ask it. Cold: no process is there, so
it is started, imports, loads the voice and hears the reference. Warm: the same sentence once more. All ratios are of
one run; processor times of a busy machine stretch both sides. Many texts: a word each, with another seed, so that each
is spoken anew; without rounds only these are counted, and the other figures stay as they were.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from benchmarks import RESULTS, machine
from core import REPOSITORY
from core.audio.samples import read, write_wav
from core.engines.registry import bases
from core.engines.xtts.model.tiny import make_untrained
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

RESULT, CHAPTER_RESULT = RESULTS / "speaking.json", RESULTS / "speaking_chapter.json"
LINES_RESULT = RESULTS / "speaking_lines.json"
SENTENCE = "A short sentence, such as somebody types to hear how the voice sounds by now."
REFERENCE = REPOSITORY / "presets" / "demo" / "recording.flac"
SPOKEN_S = 4.0
LINE_S = 2.0
WORD_S = 0.4
SETTLED = 0.1  # of the requests, after which memory has to stay as it is


def timed(workspace: Workspace, request: SpeechRequest) -> tuple[float, float]:
    """Seconds until the first sound of a request, and until its last."""
    began, first_s = time.perf_counter(), 0.0
    for _ in speaking.stream(workspace, request):
        first_s = first_s or time.perf_counter() - began
    return first_s, time.perf_counter() - began


def process(workspace: Workspace) -> psutil.Process:
    """The speaking process."""
    marks = ("core.synthesis.speaking_process", str(workspace.path))
    commands = ((one, one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))  # none of one that ends
    return next(one for one, command in commands if all(mark in command for mark in marks))


def end(workspace: Workspace) -> None:
    """Have the process end."""
    speaking.dismiss(workspace)
    while locks.is_locked(lock_path(workspace)):
        time.sleep(0.05)


def sentences_of(words: int) -> list[str]:
    """Sentences of so many words, no two alike: pairs of those of the demo's recording."""
    with open(REFERENCE.with_name("transcripts.tsv"), newline="", encoding="utf-8") as file:
        texts = [row["text"].rstrip(".") for row in csv.DictReader(file, delimiter="\t")]
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
    write_wav(project.clip_file("a-0001"), *read(REFERENCE, 3.487, 10.637))
    clip = Clip("a-0001", "a", 0.0, 7.15, text="In this mode", status="approved")
    project.store.replace_clips("a", [clip])
    models = bases("xtts")
    base = make_untrained(models.place(workspace.models, models.small))
    write_json(base / "starter.json", read_json(base / "starter.json") | {"max_seconds": longest_s})
    return project


class InTurn(Executor):
    """Does at once what it is asked for: each line is proofread before the next one is spoken."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **kwargs))
        return done


def proofread_lines(workspace: Workspace, count: int, rounds: int) -> dict[str, object]:
    """A text of so many lines, each proofread while the next is spoken, and by turns with each proofread before it."""
    project, small = reader(workspace, LINE_S), bases("xtts").small
    sentences = sentences_of(20 * count)[:count]
    seconds: dict[str, list[float]] = {"meanwhile": [], "before": []}
    processor_s: dict[str, list[float]] = {"meanwhile": [], "before": []}
    for turn in range(-1, 2 * rounds):
        name = ("meanwhile", "before")[turn % 2]
        vars(studio_speaking)["ThreadPoolExecutor"] = InTurn if name == "before" else ThreadPoolExecutor
        wish: dict[str, Any] = {"voice": f"base:{small}", "seed": 1000 * (turn + 1), "proofread": True, "tries": 0}
        text = start.create(project, " ".join(sentences[: 2 if turn < 0 else count]), **wish)
        args = SpeakDocumentArgs(document=text.id, device="cpu")
        speech = Speech(project, args, Reporter(Job.create(project.jobs, args)))
        speech._proofreader = open_proofreader(project, "en", speech.reporter)
        speaker = process(workspace) if turn >= 0 else None
        began, used = time.perf_counter(), time.process_time() + (sum(speaker.cpu_times()[:2]) if speaker else 0)
        speech.speak()
        if speaker:  # what is spoken in the first turn of all loads the voice
            seconds[name].append(time.perf_counter() - began)
            processor_s[name].append(time.process_time() + sum(speaker.cpu_times()[:2]) - used)
    result: dict[str, object] = {"machine": machine("torch", "coqui-tts"), "lines": count, "line_s": LINE_S}
    for name in seconds:
        result |= {f"{name}_seconds": seconds[name], f"{name}_processor_s": processor_s[name]}
    ratios = [after / before for after, before in zip(seconds["meanwhile"], seconds["before"], strict=True)]
    return {**result, "share_of_the_time": statistics.median(ratios)}


def chapter(workspace: Workspace, words: int) -> dict[str, object]:
    """A long text spoken line by line, each proofread: memory of both processes after each line, and what failed."""
    project, models = reader(workspace, 1.0), bases("xtts")
    sentences = sentences_of(words)
    sentences.insert(len(sentences) // 2, "ᚠᚢᚦ ᚠᚢ.")
    text = start.create(project, " ".join(sentences), voice=f"base:{models.small}", proofread=True, tries=0)
    args = SpeakDocumentArgs(document=text.id, device="cpu")
    memory: list[tuple[float, float]] = []

    class Watch(Reporter):
        def progress(self, stage: str, done: float, total: float, item: str = "", eta_s: float | None = None) -> None:
            if stage == "speak_lines" and done > 1:
                memory.append((psutil.Process().memory_info().rss / 1e6, process(workspace).memory_info().rss / 1e6))

    began = time.perf_counter()
    speech = Speech(project, args, Watch(Job.create(project.jobs, args)))
    speech.speak()
    settled = memory[round(SETTLED * len(memory)) :]
    return {
        "machine": machine("torch", "coqui-tts"),
        "words": sum(len(line.text.split()) for line in text.lines),
        "lines": len(text.lines),
        "spoken": speech.spoken,
        "failed": speech.failed,
        "seconds": time.perf_counter() - began,
        "job_mb": statistics.median(job for job, _ in settled),
        "job_spread_mb": max(job for job, _ in settled) - min(job for job, _ in settled),
        "process_mb": statistics.median(speaker for _, speaker in settled),
        "process_spread_mb": max(speaker for _, speaker in settled) - min(speaker for _, speaker in settled),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chapter", type=int, default=0, help="words of a text that is spoken instead")
    parser.add_argument("--lines", type=int, default=0, help="of a text that is proofread in both ways instead")
    options = parser.parse_args()
    os.environ["VOICEWRIGHT_SPEAKING_IDLE_MINUTES"] = "10"
    if options.lines:
        with tempfile.TemporaryDirectory() as folder:
            result = proofread_lines(Workspace(Path(folder)), options.lines, options.rounds)
            end(Workspace(Path(folder)))
        print(json.dumps(result, indent=2))
        LINES_RESULT.write_text(json.dumps(result, indent=2) + "\n")
        return
    if options.chapter:
        with tempfile.TemporaryDirectory() as folder:
            result = chapter(Workspace(Path(folder)), options.chapter)
            end(Workspace(Path(folder)))
        print(json.dumps(result, indent=2))
        CHAPTER_RESULT.write_text(json.dumps(result, indent=2) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        request = asked(workspace, "small", SENTENCE, SPOKEN_S)
        cold, warm = [], []
        for _ in range(options.rounds):
            cold.append(timed(workspace, request))
            warm += [timed(workspace, request) for _ in range(3)]
            if len(cold) < options.rounds:
                end(workspace)
        word = asked(workspace, "short", "Yes.", WORD_S)
        memory, handles, processor_s, processes = [], [], 0.0, set[int]()
        for seed in range(options.requests):
            timed(workspace, word.model_copy(update={"seed": seed}))
            speaker = process(workspace)
            processes.add(speaker.pid)
            processor_s = sum(speaker.cpu_times()[:2])
            memory.append(speaker.memory_info().rss / 1e6)
            handles.append(speaker.num_fds())
        end(workspace)
    settled = memory[round(SETTLED * len(memory)) :]
    tenth = max(1, len(settled) // 10)
    result = read_json(RESULT) if RESULT.exists() else {}
    if options.rounds:
        result |= spoken(cold, warm)
    result |= {
        "requests": options.requests,
        "requests_machine": machine("torch", "coqui-tts"),
        "requests_processor_s": round(processor_s, 1),
        "processes": len(processes),
        "memory_mb": statistics.median(settled),
        "memory_spread_mb": max(settled) - min(settled),
        "memory_growth_mb": statistics.median(settled[-tenth:]) - statistics.median(settled[:tenth]),
        "handles": [min(handles), max(handles)],
    }
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


def asked(workspace: Workspace, name: str, text: str, seconds: float) -> SpeechRequest:
    """A text for a small base of that name. Untrained, it never ends by itself: so it ends after so many seconds."""
    base = make_untrained(workspace.models / name)
    write_json(base / "starter.json", read_json(base / "starter.json") | {"max_seconds": seconds})
    return SpeechRequest(
        engine="xtts", base=str(base), references=((REFERENCE, ""),), text=text, language="en", device="cpu"
    )


def spoken(cold: list[tuple[float, float]], warm: list[tuple[float, float]]) -> dict[str, object]:
    """The figures of one sentence."""
    whole_s = statistics.median(last for _, last in warm)
    return {
        "machine": machine("torch", "coqui-tts"),
        "cold_first_sound_s": statistics.median(first for first, _ in cold),
        "cold_s": statistics.median(last for _, last in cold),
        "warm_s": whole_s,
        "warm_times_sooner": statistics.median(last for _, last in cold) / whole_s,
        "first_sound_s": statistics.median(first for first, _ in warm),
        "first_sound_share": statistics.median(first / last for first, last in warm),
    }


if __name__ == "__main__":
    main()
