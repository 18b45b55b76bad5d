"""Transcription of a single file for a program: in a process of its own, so that its memory is given back at its end.

``python -m core.transcription.single_file`` reads the wish as JSON from its input and answers with JSON.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core import REPOSITORY
from core.audio.decode import decode_to_flac
from core.audio.samples import read
from core.engines.callbacks import ShouldStop, never
from core.errors import Busy, Cancelled, UserError, described_bug
from core.jobs.job import Job, worker_environment
from core.jobs.reporter import Reporter, record_of
from core.project.workspace import Workspace
from core.reasons import failure_of
from core.system.process import make_new_files_private, refuse_unsafe_loading
from core.transcription.base import SAMPLE_RATE_HZ, DecodeOptions, whisper_code
from core.transcription.load import Choice, open_model
from core.transcription.words import without_silence

log = logging.getLogger("voicewright")
MOST_HOURS = 2.0  # of a file: its samples are in memory as a whole
_MOST_WAITING = 4
_LOOK_S = 0.25
_turn = threading.Lock()
_places = threading.BoundedSemaphore(_MOST_WAITING)


@dataclass(frozen=True)
class Wish:
    """What is to be transcribed: a file and what the person calls it, by which model, in which language ("": any)."""

    workspace: str
    path: str
    name: str
    model: str
    language: str = ""
    prompt: str = ""
    words: bool = False


@dataclass(frozen=True)
class FileTranscript:
    """What was understood; ``words`` are (text, start, end in seconds), none unless they were asked for."""

    text: str
    language: str
    seconds: float
    words: tuple[tuple[str, float, float], ...] = ()


def transcribe_file(wish: Wish, should_stop: ShouldStop = never) -> FileTranscript:
    """Transcribe a file, after those that were asked for before.

    Raises:
        Busy: ``asr.too_many``. Cancelled: ``should_stop`` said so.
        UserError: ``asr.process_died``, ``asr.unknown_language``; those of decoding and of the recognisers.
    """
    if not _places.acquire(blocking=False):
        raise Busy("asr.too_many", "Too many files wait to be transcribed already.", "Try again in a moment.")
    try:
        while not _turn.acquire(timeout=_LOOK_S):
            if should_stop():
                raise Cancelled
        try:
            answer = _ask(wish, should_stop)
        finally:
            _turn.release()
    finally:
        _places.release()
    if trace := answer.get("trace"):
        log.error("a file could not be transcribed:\n%s", trace)
    if error := answer.get("error"):
        code = str(error["code"])
        user_error = UserError(code, "", "", **error["values"])
        user_error.text, user_error.hint = str(error["text"]), str(error["hint"])
        user_error.args = (f"{user_error.text} {user_error.hint}".strip(),)
        raise user_error
    return FileTranscript(**{**answer, "words": tuple(tuple(word) for word in answer["words"])})


def _ask(wish: Wish, should_stop: ShouldStop) -> dict[str, Any]:
    # Of this process, which outlives the other: what is said stays nowhere, also where that is killed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return _ask_within(folder, wish, should_stop)


def _ask_within(folder: str, wish: Wish, should_stop: ShouldStop) -> dict[str, Any]:
    environment = {**worker_environment(), "TMPDIR": folder}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=REPOSITORY, env=environment, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    content: bytes | None = json.dumps(asdict(wish)).encode()
    try:
        while True:
            try:
                output, _ = process.communicate(content, timeout=_LOOK_S)
                break
            except subprocess.TimeoutExpired:
                content = None  # it has been taken
                if should_stop():
                    raise Cancelled from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    try:
        answer = json.loads(output.decode().splitlines()[-1])
    except (ValueError, IndexError):
        raise UserError(
            "asr.process_died",
            "“{name}” could not be transcribed: the process that does it ended before it was done.",
            "Try again. If it happens again, there may be too little memory: send a shorter file.",
            name=wish.name,
        ) from None
    return answer if isinstance(answer, dict) else {}


def _check_language(language: str) -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    code = whisper_code(language)
    if code is not None and code not in _LANGUAGE_CODES:
        raise UserError(
            "asr.unknown_language",
            "No recogniser knows the language “{language}”.",
            "Give its code, such as en or pt, or leave it out.",
            language=language,
        )


def _transcribe(wish: Wish) -> FileTranscript:
    _check_language(wish.language)
    with tempfile.TemporaryDirectory() as folder:
        reporter = Reporter(Job(Path(folder)))
        sound = Path(folder) / "sound.flac"
        decode_to_flac(Path(wish.path), sound, max_hours=MOST_HOURS, name=wish.name)
        samples, _ = read(sound, sample_rate=SAMPLE_RATE_HZ)
        choice = Choice(wish.model, wish.language, "", "cpu", beam_size=1)
        recognizer = open_model(Workspace(Path(wish.workspace)), choice, reporter)
        options = DecodeOptions(language=wish.language, prompt=wish.prompt, words=wish.words)
        [transcript] = recognizer.transcribe([samples], options)
    timed = without_silence(transcript.words, samples, SAMPLE_RATE_HZ)
    words = tuple((word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in timed)
    return FileTranscript(transcript.text, transcript.language, round(len(samples) / SAMPLE_RATE_HZ, 3), words)


def main() -> None:
    """Answer one wish."""
    make_new_files_private()
    refuse_unsafe_loading()
    answer = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    try:
        reply = asdict(_transcribe(Wish(**json.load(sys.stdin))))
    except UserError as error:
        reply = {"error": record_of(error)}
    except Exception as error:
        text = f"The file could not be transcribed ({described_bug(error)})."
        bug = {"code": "asr.process_bug", "text": text, "hint": "Try another file.", "values": {}}
        failure = failure_of(error)
        reply = {"error": record_of(failure) if failure else bug, "trace": traceback.format_exc()}
    print(json.dumps(reply), file=answer, flush=True)


if __name__ == "__main__":
    main()
