"""Speaking process: keeps a voice loaded and says what it is asked for, one text after the other, over a socket.

``python -m core.synthesis.speaking_process WORKSPACE``. Started at the first need by `core.synthesis.speaking`, it ends
by itself: when nothing was asked for a while, when a job takes the card that it is a guest on, when it is told to, when
its workspace is gone, and when it hangs. Whoever it owes something then asks the next one.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import queue
import socket
import struct
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import Cancelled, UserError, described_bug
from core.jobs.reporter import record_of
from core.project.workspace import Workspace
from core.reasons import failure_of
from core.settings import Settings
from core.synthesis import wire
from core.synthesis.warm_voice import LeaveCard, WarmVoice
from core.system.process import make_new_files_private, refuse_unsafe_loading

MOST_WAITING = 64
_LOOK_S = 0.25
_SLOWEST_S = 120.0  # a reader that takes nothing for so long is gone
_FLUSH_S = 30.0
_HEARTBEAT_S = 1.0
_LOADING = 4  # times as long as speaking may take between two signs of life


class _Watchdog:
    """Ends the process, with its stack in the log, where it shows no sign of life; also within a library's own code."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self._began = 0.0
        self._times = 0

    def beat(self, times: int = 1) -> None:
        """A sign of life; the next one has to come within ``times`` the patience."""
        now = time.monotonic()
        if times != self._times or now - self._began > min(_HEARTBEAT_S, 0.2 * self.patience_s):
            self._began, self._times = now, times
            faulthandler.dump_traceback_later(times * self.patience_s, exit=True)

    def rest(self) -> None:
        """Nothing is to be done."""
        self._times = 0
        faulthandler.cancel_dump_traceback_later()


class _Turn:
    """One request: what is to be said, and what was said of it and is not sent yet."""

    def __init__(self, request: wire.SpeechRequest) -> None:
        self.request = request
        self.messages: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
        self.is_cancelled = threading.Event()
        self.is_sent = threading.Event()

    def tell(self, event: str, content: bytes = b"", **facts: Any) -> None:
        """Have something sent; never waits for the reader."""
        self.messages.put(({"event": event, **facts}, content))


class SpeakingProcess:
    """Takes requests by threads of their own, and says them one after the other in the thread that calls `run`."""

    def __init__(self, workspace: Workspace, idle_s: float, patience_s: float = 3600.0) -> None:
        self.workspace, self.idle_s = workspace, idle_s
        self._watchdog = _Watchdog(patience_s)
        self.voice = WarmVoice(workspace)
        self._turns: queue.Queue[_Turn] = queue.Queue(MOST_WAITING)
        self._leaves = threading.Event()
        self._ends = threading.Event()  # no turn that comes from now on is taken
        self._is_broken = False  # after an error on a card, of which a process may never recover
        self._said: list[_Turn] = []

    def run(self, listener: socket.socket, socket_path: Path) -> None:
        """Serve until there is a reason to end."""
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()
        try:
            self._serve_turns(socket_path)
        finally:
            self._ends.set()
            socket_path.unlink(missing_ok=True)
            listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
            with contextlib.suppress(queue.Empty):
                while turn := self._turns.get_nowait():
                    turn.tell("again")
                    self._said.append(turn)
            for turn in self._said:  # what is said is not to be lost on its way
                turn.is_sent.wait(_FLUSH_S)

    def _serve_turns(self, socket_path: Path) -> None:
        last_spoke = time.monotonic()
        while socket_path.exists() and not self.voice.is_unwelcome() and not self._is_broken:
            try:
                turn = self._turns.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._leaves.is_set() or time.monotonic() - last_spoke > self.idle_s:
                    return
                continue
            try:
                self._say(turn)
            finally:
                self._watchdog.rest()
            self._said = [*(turn_ for turn_ in self._said if not turn_.is_sent.is_set()), turn]
            last_spoke = time.monotonic()

    def _say(self, turn: _Turn) -> None:
        """Say one text; whatever goes wrong with it is told to who asked."""
        if turn.is_cancelled.is_set():
            return
        device = "cpu"
        self._watchdog.beat(_LOADING)
        try:
            device = self.voice.device(turn.request)
            turn.tell("begin", device=device)

            def on_stage(stage: str, done: int, total: int) -> None:
                self._watchdog.beat(1 if stage == "speak" else _LOADING)
                turn.tell("stage", stage=stage, done=done, total=total)

            def should_stop() -> bool:  # asked at each code of the sound
                self._watchdog.beat()
                return turn.is_cancelled.is_set()

            for samples, rate in self.voice.say(turn.request, device, should_stop, on_stage):
                self._watchdog.beat()
                turn.tell("samples", samples.astype("<f4").tobytes(), rate=rate)
            turn.tell("done")
        except Cancelled:
            turn.tell("cancelled")
        except LeaveCard as leaving:
            turn.tell("rest", text=leaving.rest)
        except UserError as error:
            turn.tell("error", **record_of(error))
        except Exception as error:
            traceback.print_exc()
            self._is_broken = device != "cpu"
            if failure := failure_of(error):
                turn.tell("error", **record_of(failure))
            else:
                turn.tell("bug", what=described_bug(error))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if _is_own_account(connection):
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()
            else:
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        """Take one request, and send what is said."""
        connection.settimeout(_SLOWEST_S)
        with connection, contextlib.suppress(OSError):
            header, _ = wire.receive(connection)
            if header.get("op") == "leave":
                self._leaves.set()
                return
            try:
                turn = _Turn(wire.SpeechRequest.model_validate(header.get("request")))
                self._turns.put_nowait(turn)
                if self._ends.is_set():  # perhaps after the last look at those who wait
                    turn.tell("again")
            except ValidationError as error:
                wire.send(connection, {"event": "bug", "what": f"not a request: {error.error_count()} errors"})
                return
            except queue.Full:
                wire.send(connection, {"event": "full"})
                return
            try:
                self._send(connection, turn)
            finally:
                turn.is_cancelled.set()
                turn.is_sent.set()

    def _send(self, connection: socket.socket, turn: _Turn) -> None:
        while True:
            try:
                header, content = turn.messages.get(timeout=_LOOK_S)
            except queue.Empty:
                # Nobody asks twice over one connection: what can be read is its end.
                if wire.can_receive(connection, 0):
                    return
                continue
            wire.send(connection, header, content)
            if header["event"] not in ("begin", "stage", "samples"):
                return


def _is_own_account(connection: socket.socket) -> bool:
    """Whether the other side runs as this account: the folder's rights say so already, where they are kept."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(uid == os.getuid())


def socket_path(workspace: Workspace) -> Path:
    """Where the process of a workspace listens; its folder is this account's alone."""
    return workspace.path / "private" / "speaking.sock"


def lock_path(workspace: Workspace) -> Path:
    """Held by the one process of a workspace, as long as it is there."""
    return workspace.path / "private" / "speaking.lock"


def log_path(workspace: Workspace) -> Path:
    """What the process printed, the last one alone."""
    return workspace.path / "private" / "speaking.log"


def _lock(path: Path) -> int | None:
    # Not `core.jobs.locks`: that writes who holds it, for which a full disk has no room.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(20):  # another may be about to end, and whoever looks whether it is held holds it for a moment
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        time.sleep(0.05)
    os.close(handle)
    return None


def main() -> None:
    """Serve a workspace, unless another process does already."""
    faulthandler.enable()
    make_new_files_private()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in `core.jobs.worker`, before anything imports torch
    refuse_unsafe_loading()
    workspace = Workspace(Path(sys.argv[1]))
    path = socket_path(workspace)
    if _lock(lock_path(workspace)) is None:
        os._exit(0)
    path.unlink(missing_ok=True)  # of one that was killed
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with wire.address(path) as address:
            listener.bind(address)
        listener.listen(128)
        try:
            settings = Settings(**{})
            SpeakingProcess(workspace, 60 * settings.speaking_idle_minutes, settings.speaking_patience_s).run(
                listener, path
            )
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # At once: taking torch down in order would keep its memory, and the card's, for seconds.
            os._exit(0)


if __name__ == "__main__":
    main()
