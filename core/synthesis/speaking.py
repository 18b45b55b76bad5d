"""Speaking: asks the speaking process for a text's sound, starts it where there is none, and asks again if it dies."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from core import REPOSITORY
from core.audio.samples import Samples
from core.engines.callbacks import ShouldStop, ignore, never
from core.errors import Busy, Cancelled, UserError
from core.files import disk_full, is_full
from core.jobs import fork_server, locks
from core.jobs.job import worker_environment
from core.project.workspace import Workspace
from core.settings import Settings
from core.synthesis import wire
from core.synthesis.speaking_process import lock_path, log_path, socket_path
from core.synthesis.wire import SpeechRequest

_MODULE = "core.synthesis.speaking_process"
_TRIES = 3  # of one text; a voice that kills its process will do so again
_HANG = 2  # tries that a text counts which has hung its process: it was waited for long enough
_MOST_DEATHS = 20  # of processes that others' texts have killed
_LOOK_S = 0.2
_START_S = 60.0
_STARTS = 3
_DEATH_S = 5.0  # within which a process that has just been started may still have no lock


class _Died(Exception):
    """The speaking process ended before it had said everything."""


class _Tries:
    """How often a text may still be taken again."""

    def __init__(self) -> None:
        self.count = self.deaths = 0
        self._began = False
        self._heard_at = 0.0

    def ask(self) -> None:
        """It is asked for once more."""
        self._began = False

    def hear(self) -> None:
        """Something was told of it, so it is its turn."""
        self._began, self._heard_at = True, time.monotonic()

    def die(self) -> None:
        """The process is gone; a text that still waited has had no part in that.

        Raises:
            UserError: ``speak.process_died``, ``speak.process_hung``.
        """
        self.deaths += 1
        silence_s, patience_s = time.monotonic() - self._heard_at, Settings(**{}).speaking_patience_s
        hung = self._began and silence_s > 0.8 * patience_s
        if self._began:
            self.count += _HANG if hung else 1
        if self.count >= _TRIES or self.deaths >= _MOST_DEATHS:
            raise _hung(silence_s) if hung else _died()


def stream(
    workspace: Workspace,
    request: SpeechRequest,
    *,
    should_stop: ShouldStop = never,
    on_stage: Callable[[str, int, int], object] = ignore,
) -> Iterator[tuple[Samples, int]]:
    """The sound of a request, float32 mono in [-1, 1] in pieces as they come, and its rate in Hz.

    If the process dies on the way the text is taken again by a new one, and what was yielded already is left out: the
    same seed says the same. Where a job takes the card between two sentences, the rest is said by the processor.

    Args:
        workspace: whose process speaks.
        request: what is to be said.
        should_stop: asked several times a second.
        on_stage: told what is under way: ``load_voice``, ``hear_reference``, ``speak``, how many of how many.

    Raises:
        Cancelled: ``should_stop`` said so.
        Busy: ``speak.too_many``: too many wait already.
        UserError: ``speak.process_died``, ``speak.process_hung``, ``speak.process_start``, ``speak.process_bug``, and
            those of the engine.
    """
    tries, count, former_device = _Tries(), 0, ""
    while True:
        passed_over = 0
        tries.ask()
        try:
            with contextlib.closing(_ask(workspace, request, should_stop)) as messages:
                for header, content in messages:
                    event = header["event"]
                    tries.hear()
                    if event == "begin":
                        if count and header["device"] != former_device:
                            raise _died()
                        former_device = str(header["device"])
                    elif event == "stage":
                        on_stage(str(header["stage"]), int(header["done"]), int(header["total"]))
                    elif event == "samples":
                        samples = np.frombuffer(content, dtype="<f4")
                        fresh = samples[max(0, count - passed_over) :]
                        passed_over += len(samples)
                        if len(fresh):
                            count += len(fresh)
                            yield fresh.astype(np.float32, copy=False), int(header["rate"])
                    elif event == "rest":
                        request = request.model_copy(update={"text": str(header["text"])})
                        tries, count, former_device = _Tries(), 0, ""
                        break
                    elif event == "again":  # it ends before its turn
                        break
                    else:
                        _end(event, header)
                        return
        except _Died:
            tries.die()


def say(
    workspace: Workspace,
    request: SpeechRequest,
    *,
    should_stop: ShouldStop = never,
    on_stage: Callable[[str, int, int], object] = ignore,
    on_samples: Callable[[Samples, int], object] = ignore,
) -> tuple[Samples, int]:
    """All of a request's sound and its rate; arguments and errors as of `stream`, whose pieces ``on_samples`` hears."""
    pieces, rate = list[Samples](), 0
    for samples, rate in stream(workspace, request, should_stop=should_stop, on_stage=on_stage):
        on_samples(samples, rate)
        pieces.append(samples)
    return np.concatenate(pieces), rate


def wake(workspace: Workspace) -> None:
    """Start the speaking process, if there is none; returns at once. Where it cannot be, who asks it is told."""
    if not locks.is_locked(lock_path(workspace)):
        with contextlib.suppress(OSError):
            _start(workspace)


def dismiss(workspace: Workspace) -> None:
    """Have the process end once it has said what it was asked for; nothing if there is none."""
    with contextlib.suppress(OSError), _connected(workspace) as connection:
        wire.send(connection, {"op": "leave"})


def _ask(
    workspace: Workspace, request: SpeechRequest, should_stop: ShouldStop
) -> Generator[tuple[dict[str, Any], bytes], None, None]:
    """The process's messages about one request.

    Raises:
        _Died: it ended on the way. Cancelled: see `stream`.
    """
    with _connection(workspace, should_stop) as connection:
        try:
            wire.send(connection, {"request": request.model_dump(mode="json")})
            while True:
                while not wire.can_receive(connection, _LOOK_S):
                    if should_stop():
                        raise Cancelled
                yield wire.receive(connection)
        except OSError as error:
            raise _Died from error


def _connection(workspace: Workspace, should_stop: ShouldStop) -> socket.socket:
    """A connection to the process, which is started if there is none.

    Raises:
        UserError: ``speak.process_start``, ``disk.full``. Cancelled: see `stream`.
    """
    until, starts, started_at = time.monotonic() + _START_S, 0, 0.0
    while time.monotonic() < until:
        if should_stop():
            raise Cancelled
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return _connected(workspace)
        # Held without a socket: it has only begun, or is about to end.
        now = time.monotonic()
        if not locks.is_locked(lock_path(workspace)) and now - started_at > _DEATH_S * starts:
            if starts == _STARTS:
                break
            starts, started_at = starts + 1, now
            try:
                _start(workspace)
            except OSError as error:
                raise (disk_full() if is_full(error) else error) from error
        time.sleep(0.02)
    raise UserError(
        "speak.process_start",
        "The process that speaks could not be started.",
        "Try again; why it failed stands in {log}.",
        log="speaking.log",
    )


def _connected(workspace: Workspace) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with wire.address(socket_path(workspace)) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _start(workspace: Workspace) -> None:
    """Start the process; of several that are started at once all but one end by themselves."""
    log = log_path(workspace)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.parent.chmod(0o700)
    with contextlib.suppress(OSError):
        if log.stat().st_size:  # why the last one ended
            log.replace(log.with_suffix(".previous.log"))
    environment, arguments = worker_environment(), [str(workspace.path)]
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        if fork_server.fork(arguments, environment, handle, _MODULE):
            return
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finally:
        os.close(handle)
    threading.Thread(target=process.wait, daemon=True).start()  # reaped, so that no zombie stays


def _end(event: str, header: dict[str, Any]) -> None:
    """What the last message means.

    Raises:
        What `stream` does.
    """
    if event == "cancelled":
        raise Cancelled
    if event == "full":
        raise Busy(
            "speak.too_many",
            "Too many texts wait to be spoken already.",
            "Try again in a moment.",
        )
    if event == "bug":
        raise UserError(
            "speak.process_bug",
            "Something went wrong while speaking ({what}).",
            "Try again; the full story is in {log}.",
            what=header.get("what", ""),
            log="speaking.log",
        )
    if event == "error":
        code = str(header["code"])
        error = UserError(code, "", "", **header["values"])
        error.text, error.hint = str(header["text"]), str(header["hint"])
        error.args = (f"{error.text} {error.hint}".strip(),)
        raise error


def _hung(silence_s: float) -> UserError:
    return UserError(
        "speak.process_hung",
        "The process that speaks hung twice over this text: nothing came of it for {seconds} seconds.",
        "Try again, or say another text. On a slow computer allow more with VOICEWRIGHT_SPEAKING_PATIENCE_S.",
        seconds=round(silence_s),
    )


def _died() -> UserError:
    return UserError(
        "speak.process_died",
        "The process that speaks ended before it was done, several times over.",
        "Try again. If it happens again, there may be too little memory: close other programs, or say a shorter text.",
    )
